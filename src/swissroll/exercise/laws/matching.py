"""Whether a measured sampler has the centre and the spread of mu + s(head) * noise."""

from __future__ import annotations

import numpy as np

from swissroll.exercise.laws.measured_sampler import BASE_HEAD, BASE_MU, Array, MeasuredSampler
from swissroll.exercise.laws.readings import READINGS, Reading

TOLERANCE = 2e-3
"""Largest relative difference of a measured function from a formula; rounding leaves 1e-5, an epsilon of 1e-5 1e-4."""
STATISTICAL_TOLERANCE = 0.06
"""The same where only statistics tell: ten standard errors."""


def centre_error(measured: MeasuredSampler) -> float:
    """How far the centre of the draws is from mu, at most, in parts of the spread there."""
    heads = measured.offset - BASE_MU * (1 - measured.ratio)
    means = measured.mean_offset - (measured.means - measured.mean_ratio * BASE_MU)
    errors = [0.0]
    errors.extend(float(value) for value in np.abs(heads) / (1 + np.abs(measured.ratio)))
    errors.extend(float(value) for value in np.abs(means) / (1 + np.abs(measured.mean_ratio)))
    return max(errors)


def clipping(heads: Array, deviations: Array, reading: Reading) -> bool:
    """Whether a spread is the right one, but for a bound from above or below that it does not pass.

    Args:
        heads: Heads, shape (n,).
        deviations: The measured standard deviation at each of them.
        reading: How the head is to be read.
    """
    with np.errstate(all="ignore"):
        wanted = np.asarray(reading.deviation(heads), dtype=float)
    usable = np.isfinite(wanted) & (wanted > 0)
    if usable.sum() < 4:
        return False
    came = deviations[usable]
    low = float(came.min())
    high = float(came.max())
    bounded = np.clip(wanted[usable], low, high)
    right = np.abs(came / wanted[usable] - 1) < STATISTICAL_TOLERANCE
    # Bounded by 1 from below is what a ReLU on logvar does, which has a name of its own.
    if low > wanted[usable].min() and abs(low - 1) < STATISTICAL_TOLERANCE:
        return False
    return bool(np.all(np.abs(came - bounded) < STATISTICAL_TOLERANCE * bounded) and 3 <= right.sum() < right.size)


def matching_readings(measured: MeasuredSampler) -> list[str]:
    """Readings of the head whose standard deviation is the measured one, up to a factor that is the same everywhere."""
    tolerance = TOLERANCE if measured.repeatable else STATISTICAL_TOLERANCE
    if not measured.is_linear or np.any(np.abs(measured.mean_ratio - 1) > tolerance):
        return []
    found = []
    for reading in READINGS:
        usable = measured.heads > 0 if reading.is_positive else np.full(measured.heads.shape, True)
        enough = 4 if reading.is_positive else len(measured.heads) + len(measured.failed_heads)
        if usable.sum() < enough:
            continue
        wanted = reading.deviation(measured.heads[usable]) / reading.deviation(np.float64(BASE_HEAD))
        if np.all(np.abs(measured.ratio[usable] - wanted) <= tolerance * (wanted + 0.03)):
            found.append(reading.name)
    return found
