"""Colours, by the definitions of contrast (WCAG 2.2) and of colour vision (Machado et al. 2009; OKLab)."""

from __future__ import annotations

import colorsys
import re
from importlib.resources import files

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from swissroll.report import colours

Array = NDArray[np.floating]
ROLES = {name: value for name, value in vars(colours).items() if isinstance(value, str) and value.startswith("#")}

# Linear RGB as people without one kind of cone see it: Machado, Oliveira and Fernandes (2009), severity 1.
VISION = {
    "usual": np.eye(3),
    "no long cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no medium cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no short cones": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def grounds() -> dict[str, str]:
    """The papers of the pages, light and dark, as their style sheet has them."""
    style = (files("swissroll") / "web" / "base.html").read_text(encoding="utf-8")
    light, dark, printed = re.findall(r"--paper: (#\w+)", style)
    assert printed == light
    return {"light": light, "dark": dark}


def linear(colour: object) -> Array:
    """A colour's share of the light of red, green and blue lamps (sRGB)."""
    encoded: Array = np.array(to_rgb(colour))  # type: ignore[arg-type]
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def contrast(one: object, other: object) -> float:
    """WCAG's ratio, from 1 to 21."""
    luminances = [float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other)]
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def oklab(light: Array) -> Array:
    """Ottosson's OKLab, in which distances are about as large as they look."""
    cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    opponents = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.array(opponents) @ np.cbrt(np.maximum(np.array(cones) @ light, 0))


def distance(one: object, other: object, vision: Array) -> float:
    """How far apart two colours look."""
    return float(np.linalg.norm(oklab(vision @ linear(one)) - oklab(vision @ linear(other))))


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast("black", "white") == pytest.approx(21)


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_every_mark_stands_out_from_its_ground(ground: str) -> None:
    marks: dict[str, object] = {**ROLES, **{f"level {k}": colour for k, colour in enumerate(colours.LEVELS)}}
    places = np.linspace(0, 1, 256)
    marks |= {f"coordinate {place:.2f}": colours.COORDINATE(place) for place in places}

    found = {name: contrast(mark, grounds()[ground]) for name, mark in marks.items()}
    assert len(ROLES) == 10
    assert {name: value for name, value in found.items() if value < 3} == {}


@pytest.mark.parametrize("vision", VISION)
def test_things_drawn_over_one_another_are_told_apart(vision: str) -> None:
    # A just noticeable difference is about 0.02.
    for one, other in colours.DRAWN_TOGETHER:
        assert distance(one, other, VISION[vision]) > 0.09, (one, other)


@pytest.mark.parametrize("vision", ["usual", "no long cones", "no medium cones"])
def test_the_coordinate_runs_one_way_for_every_reader(vision: str) -> None:
    places = np.linspace(0, 1, 5)
    seen = np.array([oklab(VISION[vision] @ linear(colours.COORDINATE(place))) for place in places])
    towards_yellow = np.diff(seen[:, 2])
    assert (towards_yellow > 0.005).all()


def test_a_thing_has_a_colour_of_its_own_and_the_word_for_it() -> None:
    assert len(set(colours.WORDS.values())) == len(colours.WORDS) == len(set(ROLES.values()))
    hues = {"orange": (15, 45), "green": (90, 170), "blue": (190, 250), "violet": (250, 290), "pink": (290, 350)}
    for colour, word in colours.WORDS.items():
        hue, saturation, _ = colorsys.rgb_to_hsv(*to_rgb(colour))
        if word == "grey":
            assert saturation == 0
        else:
            low, high = hues[word]
            assert low <= 360 * hue <= high, word
