"""Seconds to the notebook's own final quality: the `best` preset on the fast engine against the notebook's loop.

For each seed the notebook's loop runs its 1,000 steps. Then the `best` preset is run, at its own width and at a narrow
one, at growing lengths, each a run of
its own with its schedule fitted to that length, until it is at least as good in all of: held-out loss, median and 90th
percentile of the distance of prior samples to the roll, and sliced W2 to real points. A run of that length is then
timed twice, each in a new process: with compiled programs from an earlier process in the cache, and with an empty
cache. Time runs from a config to the trained model: building, tracing, compiling and training; not the import of
libraries, which is left out of the notebook's time, too, with its first step.

    python -m benchmarks --parts quality
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import engine_settings
from benchmarks.side_by_side import ROOT, Bench

if TYPE_CHECKING:
    from swissroll.config import Config
    from swissroll.model.vae import VAE

LENGTHS = (100, 150, 200, 250, 300, 400, 500, 600, 800, 1000)
WIDTHS = (256, 64)
"""Hidden widths of `best`: its own, which is the notebook's, and a narrow one."""
SEEDS = range(5)
POINTS = 2000
Row = dict[str, Any]


def worth(model: VAE, config: Config) -> dict[str, float]:
    """How good a model is; smaller is better."""
    import torch

    from swissroll.data import CURVES
    from swissroll.evaluation.distances import sliced_wasserstein
    from swissroll.evaluation.geometry import fit
    from swissroll.reproducibility import rng
    from swissroll.training.build import held_out_points, loss_of
    from swissroll.training.loop import evaluate_loss

    curve = CURVES[config.dataset]
    held_out = held_out_points(config)[0]
    loss = evaluate_loss(model, held_out, loss=loss_of(config), seed=config.seed).loss
    x = model.sample(POINTS, generator=rng.generator(config.seed, "evaluation noise"))
    found = fit(curve, x)
    real = curve.position(curve.midpoints(POINTS))
    sliced = sliced_wasserstein(x, real, generator=torch.Generator().manual_seed(0))
    return {"loss": loss, "median": found.off_median, "p90": found.off_p90, "sliced_w2": sliced}


def notebook(seed: int, steps: int = 1000) -> Row:
    """The notebook's loop, with as many threads as PyTorch takes by itself."""
    import torch

    from benchmarks.network import PlainVAE, train_plain
    from swissroll.config import Config
    from swissroll.training.build import build_model

    train_plain(PlainVAE(8), 2)
    torch.manual_seed(seed)
    start = perf_counter()
    plain = PlainVAE(256)
    train_plain(plain, steps)
    seconds = perf_counter() - start
    config = Config(seed=seed)
    model = build_model(config)
    model.load_state_dict(plain.state_dict())
    return {"steps": steps, "seconds": seconds, **worth(model, config)}


def best(seed: int, width: int, steps: int) -> Row:
    """The `best` preset on the fast engine, or on the only one there is."""
    from swissroll.config import PRESETS, Config
    from swissroll.training.build import build, decide

    settings = {"seed": seed, "hidden_dim": width, "steps": steps, "eval_every": steps} | _engine()
    config = decide(replace(Config(**PRESETS["best"]), **settings)).config
    _start_engine(config)
    start = perf_counter()
    training = build(config)
    for _ in training:
        pass
    seconds = perf_counter() - start
    return {"steps": steps, "seconds": seconds, **worth(training.engine.model, config)}


def _engine() -> dict[str, Any]:
    return engine_settings("xla" if find_spec("jax") else "torch")


def _start_engine(config: Config) -> None:
    """Import what training imports, and start JAX, without compiling anything of ours."""
    from swissroll.training.build import build

    if config.engine == "xla":
        from swissroll.training.engines.jax_start import import_jax

        import_jax(config.threads)
    else:
        list(build(replace(config, steps=1, hidden_dim=8)))


def search(seed: int, width: int, aim: Row) -> Row:
    """The shortest of :data:`LENGTHS` whose run is at least as good in everything, else the longest."""
    row: Row = {}
    for steps in LENGTHS:
        row = best(seed, width, steps)
        if all(row[name] <= aim[name] for name in ("loss", "median", "p90", "sliced_w2")):
            return row | {"reached": True}
    return row | {"reached": False}


def asked(*arguments: str, cache: str | None = None) -> Row:
    """What this module prints in a process of its own."""
    settings = {"JAX_COMPILATION_CACHE_DIR": cache} if cache else {}
    command = [sys.executable, "-m", "benchmarks.quality", *arguments]
    found = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=True)
    row: Row = json.loads(found.stdout.splitlines()[-1])
    return row


def measure(bench: Bench) -> None:
    """A row a width and seed: the notebook's run, and ours with the programs cached and not."""
    for width in WIDTHS:
        for seed in SEEDS[:1] if bench.quick else SEEDS:
            case = f"quality {seed} at {width}"
            if bench.wants(case):
                _compare(bench, case, seed, width)


def _compare(bench: Bench, case: str, seed: int, width: int) -> None:
    plain = asked("notebook", str(seed))
    found = asked("search", str(seed), str(width), json.dumps(plain))
    with tempfile.TemporaryDirectory() as folder:
        cold = asked("best", str(seed), str(width), str(found["steps"]), cache=folder)
        cached = asked("best", str(seed), str(width), str(found["steps"]), cache=folder)
    bench.results.write(
        {"case": case, "kind": "quality", "seed": seed, "width": width, "notebook": plain, "reached": found["reached"],
         "cold": cold, "cached": cached}
    )  # fmt: skip
    bench.results.finish(case)
    bench.say(f"{case}: notebook {plain['seconds']:.2f} s, {found['steps']} steps of best {cached['seconds']:.2f} s")


def main() -> None:
    """One measurement, as a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["notebook", "best", "search"])
    parser.add_argument("seed", type=int)
    parser.add_argument("width", type=int, nargs="?")
    parser.add_argument("rest", nargs="?")
    given = parser.parse_args()
    if given.what == "notebook":
        row = notebook(given.seed)
    elif given.what == "best":
        row = best(given.seed, given.width, int(given.rest))
    else:
        row = search(given.seed, given.width, json.loads(given.rest))
    print(json.dumps(row))


if __name__ == "__main__":
    main()
