"""Moments of a sample, and its distance from a normal distribution. SciPy's take a second to import."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]


def skewness(values: Array) -> float:
    """Third central moment in parts of the deviation's third power: 0 for a normal distribution."""
    return _standard_moment(values, 3)


def excess_kurtosis(values: Array) -> float:
    """Fourth central moment in parts of the deviation's fourth power, less 3: 0 for a normal distribution."""
    return _standard_moment(values, 4) - 3


def _standard_moment(values: Array, order: int) -> float:
    centred = values - values.mean()
    return float((centred**order).mean() / (centred**2).mean() ** (order / 2))


def distance_from_normal(values: Array) -> float:
    """Kolmogorov and Smirnov's distance from N(0, 1): the largest difference of the distribution functions."""
    ordered = np.sort(values)
    normal = torch.special.ndtr(torch.from_numpy(ordered)).numpy()
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max((steps[1:] - normal).max(), (normal - steps[:-1]).max()))
