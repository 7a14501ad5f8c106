"""The forms that terms of other people's losses have, beside those of the exercise.

A term is recognized where a factor and a constant are all that is left over:

    squared error     (r - x)^2                              a Gaussian decoder
    absolute error    |r - x|                                a Laplace decoder
    cross-entropy     -x log r - (1 - x) log(1 - r)          a Bernoulli decoder, r a probability
    ... of logits     log(1 + e^r) - x r                     a Bernoulli decoder, r a logit
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from swissroll.exercise.laws.cases import Array
from swissroll.exercise.laws.error import ErrorLaws

SQUARED = "squared error"
ABSOLUTE = "absolute error"
CROSS_ENTROPY = "cross-entropy"
LOGITS = "cross-entropy of logits"
TOLERANCE = 2e-3


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
