"""A link is a run: what is written into a fragment is read back, and what anybody writes into one is harmless."""

import base64
import math
import random
import struct
from typing import Any, get_args

import numpy as np
import pytest

from swissroll.config import Activation, Config
from swissroll.data.catalogue import DISTRIBUTIONS
from tests.web.conftest import Node

READ = 'const { decodeLink } = await load("link.js"); answer(input.map((fragment) => decodeLink(fragment)));'
# Seconds of the processor, whatever else it is busy with.
READ_AND_COUNT = """
const { decodeLink } = await load("link.js");
const before = process.cpuUsage();
const found = input.map((fragment) => decodeLink(fragment));
const { user, system } = process.cpuUsage(before);
answer({ found, seconds: (user + system) / 1e6 });
"""
WRITE = """
const { encodeLink, decodeLink } = await load("link.js");
const { initialState } = await load("store.js");
answer(input.map(({ points, step, ...patch }) => {
  const own = points && { ...points, values: Float32Array.from(points.values) };
  if (own?.held_out) own.held_out = Float32Array.from(own.held_out);
  const state = { ...initialState(), ...patch, points: own };
  state.view = { ...initialState().view, ...patch.view };
  return decodeLink(encodeLink(state, step));
}));
"""
MAX_POINTS = 5000
PAGE_BOUNDS = {"latent_dim": 4, "hidden_dim": 256, "depth": 4, "components": 50, "batch_size": 1024, "steps": 100_000}
ENTRY_NAMES = (
    *("dataset", "noise", "latent_dim", "hidden_dim", "depth", "activation", "components", "refit_prior", "beta"),
    *("beta_start", "reduction", "steps", "lr", "lr_schedule", "warmup", "seed", "mistake", "step", "turns", "own"),
    *("held", "units"),
    *("show", "hide", "plane", "tool", "panel", "lecture", "theme", "v", "__proto__", "constructor", "toString", ""),
)
ENTRY_VALUES = (
    *("", "1", "-1", "0", "1e999", "NaN", "Infinity", "0x10", "1e-400", "none", "null", "true", "[]", "{}", "1" * 4000),
    *("moons", "<img src=x onerror=alert(1)>", "%", "%E0%A4%A", "%00", "\u202e\u0000", "a" * 50_000, "__proto__"),
    *("2.AAAA", "2.AAAAAAA", "3.////", "2.AACAfwAAgH8", "4.AAAA", "1:beta:0.1", "5:lr:-1_2:x", "1:beta:0.1_" * 900),
    *("2.AACAPwAAgD8", "0:1:a,0:1:b", "0:-1:a,0:1:b", "0:1:\u202ea,0:1:%", "1e400:1:a,0:0:b", ":,:", "0:1:a," * 900),
    *("data,mesh,__proto__", "0,1", "3,9,9", "1e9", "99999999999999999999", "9007199254740993", "0.1.1", "--1", "1e5"),
)


def random_run(random_numbers: random.Random) -> dict[str, Any]:
    """A state of the page: settings, own points or none, turned knobs, a step."""
    draw = random_numbers
    settings = {
        "dataset": draw.choice(list(DISTRIBUTIONS)),
        "noise": draw.choice([0, 0.125, draw.uniform(0, 10)]),
        "latent_dim": draw.randint(1, 4),
        "hidden_dim": draw.randint(1, 256),
        "depth": draw.randint(0, 4),
        "activation": draw.choice(get_args(Activation)),
        "initialization": draw.choice(["default", "he"]),
        "components": draw.randint(1, 50),
        "refit_prior": draw.random() < 0.5,
        "decoder_variance": draw.choice(["fixed", "learned"]),
        "beta": 10 ** draw.uniform(-12, 6),
        "beta_start": draw.choice([None, 10 ** draw.uniform(-12, 5)]),
        "reduction": draw.choice(["mean", "sum"]),
        "steps": draw.randint(50_000, 100_000),
        "batch_size": draw.randint(1, 1024),
        "lr": 10 ** draw.uniform(-300, 5),
        "lr_schedule": draw.choice(["constant", "cosine"]),
        "warmup": draw.randint(0, 100_000),
        "seed": draw.randint(0, 2**53 - 1),
        "mistake": draw.choice([None, "no_noise"]),
    }
    steps = sorted(draw.sample(range(1, 50_000), 20))
    turns = [{"step": step, "name": draw.choice(["beta", "lr"]), "value": draw.uniform(1e-9, 9)} for step in steps]
    dims = draw.choice([2, 3])
    values = [struct.unpack("<f", struct.pack("<f", draw.gauss(0, 100)))[0] for _ in range(dims * 40)]
    units = {
        "columns": ["größe, cm", "a:b&c=d%20", "x" * 60][:dims],
        "mean": [draw.uniform(-1e9, 1e9) for _ in range(dims)],
        "scale": [10 ** draw.uniform(-9, 9) for _ in range(dims)],
    }
    drawn = {"dims": dims, "values": values, "name": "drawn"}
    points = draw.choice([None, drawn, drawn | {"units": units, "held_out": values[: 3 * dims]}])
    view = {"lecture": True, "scene": 2, "panel": "latent", "tool": "twin", "toggles": {"mesh": False, "density": True}}
    return {"started": settings, "turns": turns, "points": points, "step": 50_000, "view": view}


def test_what_a_link_says_is_read_back_to_the_last_bit(node: Node) -> None:
    random_numbers = random.Random(1)  # noqa: S311
    runs = [random_run(random_numbers) for _ in range(100)]

    for run, read in zip(runs, node(WRITE, runs), strict=True):
        assert read["problems"] == []
        assert read["settings"] == run["started"]
        assert read["turns"] == run["turns"]
        assert read["step"] == run["step"]
        assert read["view"] == run["view"]
        wanted, found = run["points"] or {}, read["points"] or {}
        for part in ("values", "held_out"):
            assert found.get(part) == wanted.get(part)
        if "units" in wanted:
            log_volume = sum(map(math.log, wanted["units"]["scale"]))
            assert found["units"].pop("log_volume") == pytest.approx(log_volume)
            assert found["units"] == wanted["units"]


def test_turns_after_the_step_of_a_link_are_left_out(node: Node) -> None:
    run = random_run(random.Random(2))  # noqa: S311
    at = run["turns"][9]["step"]

    (read,) = node(WRITE, [run | {"step": at}])

    assert read["turns"] == run["turns"][:10]


def hostile_fragments() -> list[str]:
    """A thousand fragments that no page wrote: wrong values, wrong names, broken encodings, and well-formed ones."""
    draw = random.Random(3)  # noqa: S311
    fragments = ["#", "", "#&&&&", "#=", "#" + "&" * 90_000, "#own=2." + "A" * 1_000_000, "#%"]
    while len(fragments) < 1000:
        count = draw.choice([1, 2, 5, 30])
        parts = [f"{draw.choice(ENTRY_NAMES)}={draw.choice(ENTRY_VALUES)}" for _ in range(count)]
        text = "#" + draw.choice(["&", "&&", ";"]).join(parts)
        if draw.random() < 0.3:
            at = draw.randrange(len(text))
            text = text[:at] + chr(draw.randrange(1, 0xD7FF)) + text[at + draw.randrange(4) :]
        fragments.append(text)
    return fragments


def test_a_thousand_hostile_fragments_give_settings_that_the_package_takes(node: Node) -> None:
    fragments = hostile_fragments()
    answered = node(READ_AND_COUNT, fragments)
    assert answered["seconds"] < 20, "a hostile fragment must not hang the page"
    found = answered["found"]

    for fragment, read in zip(fragments, found, strict=True):
        settings = dict(read["settings"])
        assert settings.pop("mistake") is None, fragment[:200]
        # Python's own checks are the judge of what was let through.
        Config.from_dict(settings)
        for name, bound in PAGE_BOUNDS.items():
            assert settings[name] <= bound, fragment[:200]

        assert read["step"] is None or 0 <= read["step"] <= settings["steps"]
        assert len(read["turns"]) <= 500
        for turn in read["turns"]:
            assert turn["name"] in {"beta", "lr"}
            assert 0 <= turn["value"] <= 1e6
        if read["points"]:
            assert len(read["points"]["values"]) <= 3 * MAX_POINTS
            assert all(math.isfinite(value) for value in read["points"]["values"])
            for numbers in (read["points"].get("units") or {}).values():
                assert all(
                    len(v) <= 60 if isinstance(v, str) else math.isfinite(v) for v in np.atleast_1d(numbers).tolist()
                )
        assert set(read["view"]) <= {"toggles", "plane", "isPlanePicked", "tool", "panel", "lecture", "scene", "theme"}
        assert len(read["problems"]) <= 5
        for sentence in read["problems"]:
            assert len(sentence) < 300
            assert sentence.endswith((".", "?"))


def points_text(values: list[float], dims: int = 2) -> str:
    packed = base64.urlsafe_b64encode(struct.pack(f"<{len(values)}f", *values)).decode().rstrip("=")
    return f"#own={dims}.{packed}"


@pytest.mark.parametrize(
    ("fragment", "sentence"),
    [
        ("#beta=-1", "beta must be a number, at least 0 and at most 1000000; got -1."),
        ("#beta=abc", "beta must be a number, at least 0 and at most 1000000; got abc."),
        ("#hidden_dim=1000", "hidden_dim must be a whole number, at least 1 and at most 256; got 1000."),
        ("#dataset=mnist", "dataset must be one of swiss_roll, moons, circles, rings, "),
        ("#colour=red", 'The link asks for "colour", which this page does not know.'),
        ("#seed=1&seed=2", "The link says seed twice; the first was taken."),
        ("#steps=100&step=101", "step must be a whole number from 0 to 100; got 101."),
        ("#step=9&turns=10:beta:1", 'The link\'s turned knob "10:beta:1" is not one, or not in order'),
        ("#own=2.AAAA", "The link's own points cannot be read."),
        (
            "#own=2.AACAPwAAgD8&units=0:0:a,0:1:b",
            "The link's units of its points cannot be read; they are shown without.",
        ),
        ("#own=2.AACAPwAAgD8&units=0:1:a", "The link's units of its points cannot be read; they are shown without."),
        (points_text([1.0, math.nan]), "The link's own points must be finite and within 1000000 of 0."),
        (points_text([0.5] * 2 * (MAX_POINTS + 1)), "The link has 5001 points, and at most 5000 are allowed."),
        ("#" + "a" * 200_000, "The link has 200000 characters, and at most 100000 are read."),
        ("#v=2", "The link is of another version of the page."),
        ("#plane=0,2", "plane must be two of the 2 latent dimensions, counted from 0."),
    ],
)
def test_what_is_wrong_with_a_link_is_said(node: Node, fragment: str, sentence: str) -> None:
    (read,) = node(READ, [fragment])

    assert read["problems"][0].startswith(sentence)
