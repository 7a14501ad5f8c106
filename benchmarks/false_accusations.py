"""How often a right solution to the exercise is accused, and whether the tests behind the verdicts have their levels.

    python -m benchmarks.false_accusations --seconds 600 --seed 1

First the statistics that judge draws are computed of right draws. Their p-values, by the distributions that the limits
are taken from, should be uniform: the Kolmogorov-Smirnov test says how probable they are if so. Then the right
solutions of the tests are checked, each time with other seeds: their samplers often, and all of a solution seldom.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from scipy import stats

from swissroll.exercise.asking import Found, find
from swissroll.exercise.checking import check_subject
from swissroll.exercise.evidence import Evidence
from swissroll.exercise.examination import Examination
from swissroll.exercise.laws.moments import Array, distance_from_normal, excess_kurtosis, skewness
from swissroll.exercise.laws.noise import MAX_DEVIATIONS, MAX_KS
from swissroll.exercise.laws.sampler import SamplerLaws
from swissroll.exercise.subject import LocalSubject

WHOLE_EVERY = 10
"""Of so many checks one is of the whole solution, and the others of its sampler alone."""
SIZES = (40_000, 1200)
"""Draws that are judged at once: as a rule, and of a slow sampler."""
REPEATS = {40_000: 500, 1200: 5000}


def right_solutions() -> dict[str, Found]:
    """The tests' own right solutions."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.exercise.right_solutions import RIGHT_SOLUTIONS

    found = {}
    for name, source in RIGHT_SOLUTIONS.items():
        namespace: dict[str, Any] = {}
        exec(compile(source, "solution.py", "exec"), namespace)  # noqa: S102  The solutions are the tests' own.
        found[name] = find(namespace)
    return found


def check_sampler(found: Found, seed: int) -> list[Evidence]:
    """The evidence of the laws of a sampler alone, as a whole check has it."""
    readings = ["log-variance", "standard deviation", "variance", "log standard deviation", "log-precision"]
    readings += ["precision", "standard deviation before softplus", "variance before softplus"]
    subject = LocalSubject(found)
    whole = Examination(subject, seed=seed)
    latents = whole.latents_of_method(whole.described["reparameterize"])
    return list(SamplerLaws(subject, whole.seed, readings, latents).judge())


def count_accusations(seconds: float, seed: int) -> Iterator[str]:
    """Check right solutions for some processor time; one line for each accusation, and a last one with the counts."""
    solutions = list(right_solutions().items())
    samplers = [pair for pair in solutions if pair[1].reparameterize is not None]
    counts: Counter[str] = Counter()
    began = process_time()
    number = 0
    while process_time() - began < seconds:
        number += 1
        if number % WHOLE_EVERY == 0:
            kind = "whole solutions"
            name, found = solutions[number // WHOLE_EVERY % len(solutions)]
            evidence = list(check_subject(LocalSubject(found), seed=seed + number).evidence)
        else:
            kind = "samplers"
            name, found = samplers[number % len(samplers)]
            evidence = check_sampler(found, seed + number)
        counts[kind] += 1
        counts["laws"] += len(evidence)
        accused = [one for one in evidence if one.passed is False]
        counts["accusations"] += bool(accused)
        if accused:
            yield f"accused: {name}, seed {seed + number}: {'; '.join(one.line for one in accused)}"
    most = stats.beta.ppf(0.95, counts["accusations"] + 1, number - counts["accusations"])
    yield (
        f"{counts['whole solutions']} whole solutions and {counts['samplers']} samplers checked, in {len(solutions)} "
        f"styles, {counts['laws']} laws: {counts['accusations']} accused. "
        f"The rate is below {most:.1e}, with 95 % confidence."
    )


def statistics(draws: Array) -> dict[str, float]:
    """The statistics of draws that should be standard normal, in standard errors or times the root of their number."""
    root = math.sqrt(draws.size)
    centred = draws - draws.mean()
    pairs = centred[1:] * centred[:-1]
    return {
        "mean": float(draws.mean()) * root,
        "spread": (float(draws.std()) - 1) * root * math.sqrt(2),
        "skewness": skewness(draws) * root / math.sqrt(6),
        "kurtosis": excess_kurtosis(draws) * root / math.sqrt(24),
        "neighbours": float(pairs.mean() / (centred**2).mean()) * math.sqrt(pairs.size),
        "distance": distance_from_normal(draws) * root,
        # What the law looks at: the mean and the spread have laws of their own, so they are taken out first.
        "distance, fitted": distance_from_normal(centred / draws.std()) * root,
    }


def p_values(name: str, values: Array, size: int) -> Array:
    """Two-sided p-values of a statistic by the distribution that its limit is taken from."""
    if name.startswith("distance"):
        return np.asarray(stats.kstwo.sf(values / math.sqrt(size), size))
    return np.asarray(2 * stats.norm.sf(np.abs(values)))


def judge_levels(seed: int) -> Iterator[str]:
    """One line for each statistic: whether its p-values are uniform, and how far its values are from the limit."""
    generator = torch.Generator().manual_seed(seed)
    for size in SIZES:
        rows = [statistics(torch.randn(size, generator=generator).double().numpy()) for _ in range(REPEATS[size])]
        for name in rows[0]:
            values = np.array([row[name] for row in rows])
            p = p_values(name, values, size)
            limit = MAX_KS if name.startswith("distance") else MAX_DEVIATIONS
            yield (
                f"{size} draws, {len(values)} times, {name}: largest {np.abs(values).max():.2f} of at most {limit:g}; "
                f"p below 0.01 in {float((p < 0.01).mean()):.2%}; KS test of p: {stats.kstest(p, 'uniform').pvalue:.3f}"
            )


def main() -> None:
    """Read the command line, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.false_accusations", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="processor time for the checks")
    parser.add_argument("--seed", type=int, default=1, help="of the first check")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for line in judge_levels(given.seed):
        print(line, flush=True)
    for line in count_accusations(given.seconds, given.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
