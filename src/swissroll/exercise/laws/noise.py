"""Whether noise is standard normal, and what it is where it is not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from swissroll.exercise.laws.measured_sampler import BASE_MU, Array
from swissroll.exercise.laws.moments import distance_from_normal, excess_kurtosis, skewness
from swissroll.exercise.laws.words import number

MAX_DEVIATIONS = 7.0
"""Standard errors that a moment of a right sampler's noise may lie off.

Of 40,000 draws less than one sampler in 10^9 does. The kurtosis has a long tail: of 1,200 draws, which is what can be
asked of a slow sampler, it does so five times in a million. So what is not normal is seen twice before it accuses.
"""
MAX_KS = 3.4
"""The same for the Kolmogorov-Smirnov distance times the root of the sample's size: one in 10^9 does."""

SAME = 1e-5
"""Range of averages of noise below which they are one and the same, which those of chance never are."""
MIN_DIFFERENT = 0.8
"""Share of the numbers of a draw that differ from one another; of a right sampler's all do."""
MIN_COMPARED = 512
"""Numbers whose mean and spread are compared."""


def describe_noise(sample: Array, is_centred: bool) -> tuple[list[str], str]:
    """Signs of noise that is not normal, and a line with its moments."""
    values = sample.ravel()
    size = values.size
    deviation = float(values.std())
    if deviation < 1e-9:
        return ["no-noise"], "The draws do not vary."
    standard = (values - values.mean()) / deviation
    shift = float(values.mean() - BASE_MU) / deviation
    lopsided = skewness(standard)
    tails = excess_kurtosis(standard)
    distance = distance_from_normal(standard)
    line = f"Of {size} draws: skewness {lopsided:.2f} (normal: 0), excess kurtosis {tails:.2f} (normal: 0)."

    # A sample of many small calls holds correlated numbers at most in pairs of one row.
    root = np.sqrt(size if sample.ndim < 2 or sample.shape[0] > 1000 else sample.shape[0])
    signs = []
    if (
        abs(lopsided) * root / np.sqrt(6) > MAX_DEVIATIONS
        or abs(tails) * root / np.sqrt(24) > MAX_DEVIATIONS
        or distance * root > MAX_KS
    ):
        signs.append("noise-shape")
    if is_centred and abs(shift) * root > MAX_DEVIATIONS:
        signs.append("noise-shifted")
        line = f"The mean of {size} draws lies {number(shift)} standard deviations from mu. " + line
    if "noise-shape" in signs:
        signs = [_shape_sign(standard, lopsided, tails, shift, is_centred), *signs]
    return signs, line


def _shape_sign(standard: Array, lopsided: float, tails: float, shift: float, is_centred: bool) -> str:
    """Which well-known distribution noise has that is not normal."""
    width = float(np.ptp(standard))
    if abs(tails + 1.2) < 0.08 and abs(lopsided) < 0.08 and width < 3.6:
        return "noise-uniform" if is_centred and abs(shift) > 1 else "noise-uniform-centred"
    if abs(lopsided) < 0.1 and -1.1 < tails < -0.02 and width < 7:
        return "noise-truncated"
    if abs(lopsided - 0.995) < 0.1:
        return "noise-folded"
    return "noise-other"


def is_correlated(z: Array) -> bool:
    """Whether numbers that lie beside each other in a draw, shape (B, L), go together."""
    centred = z - z.mean()
    variance = float((centred**2).mean())
    for left, right in ((centred[1:], centred[:-1]), (centred[:, 1:], centred[:, :-1])):
        if left.size < 30:
            continue
        correlation = float((left * right).mean() / variance)
        if abs(correlation) * np.sqrt(left.size) > MAX_DEVIATIONS:
            return True
    return False


def is_normalised(noise: Array) -> bool:
    """Whether noise, shape (B, L), has exactly the same average, or square, in each column or in each row."""
    size = float((noise**2).mean())
    averages = [noise.mean(axis=axis) / size**0.5 for axis in (0, 1)]
    squares = [(noise**2).mean(axis=axis) / size for axis in (0, 1)]
    # Two averages may be close by chance; four or more are not.
    return any(len(one) >= 4 and float(np.ptp(one)) < SAME for one in (*averages, *squares))


def without_copies(sample: Array) -> Array:
    """The different numbers of a sample most of which are copies, as those of noise that is kept are."""
    different = np.unique(sample)
    return different if len(different) < 0.5 * sample.size else sample


def share_of_different(draws: Array) -> float:
    """How many of the numbers of a draw differ from one another, in parts of all."""
    return len(np.unique(np.round(draws, 5))) / draws.size


def is_discrete(draws: Array, others: Array) -> bool:
    """Whether noise takes a few values only: numbers that repeat within a draw, and are those of another draw, too."""
    common = np.isin(np.round(others, 5), np.round(draws, 5))
    return share_of_different(draws) < MIN_DIFFERENT and float(common.mean()) > 0.5


class Fault(NamedTuple):
    """What is wrong with a solution's numbers.

    Attributes:
        sign: A word of the catalogue's.
        line: One sentence with the numbers.
        more: Other signs of it.
    """

    sign: str
    line: str
    more: tuple[str, ...] = ()


def fault_in_evaluation(trained: Array, evaluated: Array, again: Array, *, is_usual: bool) -> Fault | None:
    """What is wrong with two draws in evaluation mode, beside one in training; all at :data:`BASE_MU`.

    Args:
        trained: The draw in training mode, shape (B, L).
        evaluated: A draw in evaluation mode.
        again: Another one.
        is_usual: Whether a draw's numbers are independent, so that there are as many as there seem to be.
    """
    if np.allclose(evaluated, BASE_MU, atol=1e-6):
        return Fault("eval-mean", "After model.eval(), it returns mu and draws nothing.")
    if np.array_equal(evaluated, again):
        return Fault("noise-frozen-in-eval", "After model.eval(), two calls in a row gave the same numbers.")
    if trained.size < MIN_COMPARED or not is_usual:
        return None
    deviation = max(float(trained.std()), 1e-12)
    spread = float(evaluated.std()) / deviation
    if not 0.5 < spread < 2:
        return Fault(
            "eval-scale", f"After model.eval(), the draws spread {number(spread)} times as far as in training."
        )
    mean = float(evaluated.mean())
    if abs(mean - float(trained.mean())) / deviation * np.sqrt(trained.size / 2) > MAX_DEVIATIONS:
        return Fault("eval-centre", f"At mu {BASE_MU} the draws after model.eval() have the mean {number(mean)}.")
    return None
