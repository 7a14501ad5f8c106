"""Whether a KL term K is clipped, max(K, c) or min(K, c), or held to a capacity, |K - c|."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from swissroll.exercise.laws.cases import Array
from swissroll.exercise.laws.readings import BY_NAME

TOLERANCE = 2e-3
MIN_INTERIOR = 12
"""Places beyond a clip that tell the KL term's form; a reading has two unknown numbers."""


def clip_of(table: Array, readings: Sequence[str]) -> str:
    """How a KL term is clipped, as a sentence; "" where it is not, or has no form that is known.

    Args:
        table: The measured K, columns mu, head, K.
        readings: Names of the readings of the head that it may have.
    """
    values = table[:, 2]
    for name in readings:
        reading = BY_NAME[name]
        for level, word in ((values.min(), "at least"), (values.max(), "at most")):
            interior = ~np.isclose(values, level, rtol=1e-4, atol=1e-6)
            outside = int((~interior).sum())
            # One smallest value is that of every term.
            if outside < 3 or interior.sum() < MIN_INTERIOR:
                continue
            if _fits(reading.divergence(table[:, 0], table[:, 1])[interior], values[interior]):
                return (
                    f"The KL term is clipped: for two equal points with two latent dimensions it is {word} {level:.3g}."
                )
        if _has_capacity(reading.divergence(table[:, 0], table[:, 1]), values):
            return "The KL term is held to a capacity: it is the distance of the KL from a number."
    return ""


def _fits(divergence: Array, values: Array) -> bool:
    if not np.isfinite(divergence).all():
        return False
    design = np.column_stack([divergence, np.ones(len(divergence))])
    solution = np.linalg.lstsq(design, values, rcond=None)[0]
    remainder = np.abs(design @ solution - values).max()
    return bool(solution[0] > 0 and remainder <= TOLERANCE * np.ptp(values))


def _has_capacity(divergence: Array, values: Array) -> bool:
    """Whether K^2 = (s d - c)^2 with c above 0: a square of a linear function of the divergence d."""
    usable = np.isfinite(divergence)
    distance = divergence[usable]
    squares = values[usable] ** 2
    if usable.sum() < MIN_INTERIOR or values.min() < 0:
        return False
    design = np.column_stack([distance**2, distance, np.ones(len(distance))])
    second, first, constant = solution = np.linalg.lstsq(design, squares, rcond=None)[0]
    remainder = np.abs(design @ solution - squares).max()
    is_square = abs(first**2 - 4 * second * constant) <= 0.01 * abs(first**2)
    return bool(remainder <= TOLERANCE * np.ptp(squares) and second > 0 and first < 0 and is_square)
