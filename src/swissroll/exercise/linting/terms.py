"""The forms that terms of other people's losses have, beside those of the exercise.

A term is recognized where a factor and a constant are all that is left over:

    squared error     (r - x)^2                              a Gaussian decoder
    absolute error    |r - x|                                a Laplace decoder
    cross-entropy     -x log r - (1 - x) log(1 - r)          a Bernoulli decoder, r a probability
    ... of logits     log(1 + e^r) - x r                     a Bernoulli decoder, r a logit

A KL term K may be clipped, max(K, c) or min(K, c), or held to a capacity, |K - c|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from swissroll.exercise.laws.cases import Array
from swissroll.exercise.laws.error import ErrorLaws
from swissroll.exercise.laws.kl import KlLaws
from swissroll.exercise.laws.readings import BY_NAME

SQUARED = "squared error"
ABSOLUTE = "absolute error"
CROSS_ENTROPY = "cross-entropy"
LOGITS = "cross-entropy of logits"
TOLERANCE = 2e-3
MIN_INTERIOR = 12
"""Places beyond a clip that tell the KL term's form; a reading has two unknown numbers."""


@dataclass(frozen=True)
class Family:
    """A reconstruction term's form.

    Attributes:
        name: One of the four names at the head of this file.
        factor: What each coordinate's term is multiplied by, before its reduction.
    """

    name: str
    factor: float

    @property
    def is_bernoulli(self) -> bool:
        """Whether its unit is a nat, so that nothing but a factor is open."""
        return self.name in (CROSS_ENTROPY, LOGITS)


def family_of(error: ErrorLaws, *, is_whole: bool) -> Family | None:
    """The form of a reconstruction term, None where it has another one.

    Args:
        error: The term.
        is_whole: Whether the term itself was measured, and not what it is beyond that of a perfect reconstruction.
    """
    if error.is_absent:
        return None
    if error.factor is not None:
        return Family(SQUARED, error.factor)

    recon = error.measured.squares[:, 0]
    x = error.measured.squares[:, 1]
    values = error.measured.squares[:, 2]
    candidates = {ABSOLUTE: np.abs(recon - x)}
    with np.errstate(all="ignore"):
        candidates[CROSS_ENTROPY] = _entropy(recon, x) - (0 if is_whole else _entropy(x, x))
        candidates[LOGITS] = _logits(recon, x) - (0 if is_whole else _logits(x, x))

    for name, column in candidates.items():
        if not np.isfinite(column).all():
            continue
        design = np.column_stack([column, np.ones(len(column))])
        slope, _ = solution = np.linalg.lstsq(design, values, rcond=None)[0]
        remainder = np.abs(design @ solution - values).max()
        if slope > 0 and remainder <= TOLERANCE * np.ptp(values):
            return Family(name, float(slope / error.powers.factor))
    return None


def _entropy(recon: Array, x: Array) -> Array:
    return np.asarray(-x * np.log(recon) - (1 - x) * np.log(1 - recon))


def _logits(recon: Array, x: Array) -> Array:
    return np.asarray(np.logaddexp(0, recon) - x * recon)


def clip_of(kl: KlLaws) -> str:
    """How a KL term is clipped, as a sentence; "" where it is not, or has no form that is known."""
    table = kl.measured.kl
    values = table[:, 2]
    for name in kl.readings:
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
