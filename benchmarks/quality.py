"""Gradient steps and seconds to the notebook's own final quality: the `best` preset against the notebook's recipe.

For each seed the notebook's recipe runs its 1,000 steps. The `best` preset then runs at growing lengths, each a run of
its own with its schedule fitted to that length, until it is at least as good in all of: held-out loss, median and 90th
percentile of the distance of prior samples to the roll, and sliced W2 to real points. Both run on this engine's loop,
one after the other in one process.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import torch

from swissroll.config import PRESETS, Config
from swissroll.data import CURVES
from swissroll.distances import sliced_wasserstein
from swissroll.geometry import fit
from swissroll.streams import stream
from swissroll.training import build

LENGTHS = (100, 150, 200, 250, 300, 400, 600, 1000)
SEEDS = range(5)
POINTS = 2000


def train(config: Config) -> tuple[float, dict[str, float]]:
    """Seconds of the steps, and how good the result is; smaller is better."""
    training = build(replace(config, eval_every=config.steps))
    start = time.perf_counter()
    record = [*training][-1]
    seconds = time.perf_counter() - start
    x = training.engine.model.sample(POINTS, generator=stream(config.seed, "evaluation noise"))
    curve = CURVES[config.dataset]
    found = fit(curve, x)
    real = curve.position(curve.midpoints(POINTS))
    sliced = sliced_wasserstein(x, real, generator=torch.Generator().manual_seed(0))
    loss = record.held_out.loss if record.held_out else float("nan")
    return seconds, {"loss": loss, "median": found.off_median, "p90": found.off_p90, "sliced_w2": sliced}


def main() -> None:
    """Print a row a seed, and the medians of the ratios."""
    torch.set_num_threads(1)
    train(Config(steps=50))
    print("| seed | notebook: loss, median, p90, sliced W2 | s | best: steps | loss, median, p90, sliced W2 | s |")
    print("|---|---|---|---|---|---|")
    steps_ratios, seconds_ratios = [], []
    for seed in SEEDS:
        plain_seconds, plain = train(Config(seed=seed))
        for steps in LENGTHS:
            seconds, ours = train(Config(**(PRESETS["best"] | {"seed": seed, "steps": steps})))
            if all(ours[name] <= plain[name] for name in plain):
                break
        both = (", ".join(f"{v:.4f}" for v in quality.values()) for quality in (plain, ours))
        first, second = both
        print(f"| {seed} | {first} | {plain_seconds:.2f} | {steps} | {second} | {seconds:.2f} |", flush=True)
        steps_ratios.append(1000 / steps)
        seconds_ratios.append(plain_seconds / seconds)
    print(
        f"\nmedian over seeds: {statistics.median(steps_ratios):.1f} times fewer steps, "
        f"{statistics.median(seconds_ratios):.1f} times fewer seconds"
    )


if __name__ == "__main__":
    main()
