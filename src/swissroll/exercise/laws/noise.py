"""Whether noise is standard normal, and what it is where it is not."""

from __future__ import annotations

import numpy as np
from scipy.stats import kstest, kurtosis, skew

from swissroll.exercise.laws.measured_sampler import BASE_MU, Array
from swissroll.exercise.laws.words import number

MAX_DEVIATIONS = 7.0
"""Standard errors that a moment of a right sampler's noise may lie off: one in 10^11 does."""
MAX_KS = 3.4
"""The same for the Kolmogorov-Smirnov distance times the root of the sample's size: one in 10^9 does."""


def describe_noise(sample: Array, is_centred: bool) -> tuple[list[str], str]:
    """Signs of noise that is not normal, and a line with its moments."""
    values = sample.ravel()
    size = values.size
    deviation = float(values.std())
    if deviation < 1e-9:
        return ["no-noise"], "The draws do not vary."
    standard = (values - values.mean()) / deviation
    shift = float(values.mean() - BASE_MU) / deviation
    lopsided = float(skew(standard))
    tails = float(kurtosis(standard))
    distance = float(kstest(standard, "norm").statistic)
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
