r"""Log densities as probabilities: how often a new row has a density as low as this.

    P(x) = Q(x)^a,   Q(x) = P(log p(X) <= log p(x)) for X drawn from the model

Q is estimated by the model's own samples. For rows that come from the model it is uniform, whatever the density looks
like and however many columns there are. But a model is nearer to the rows that it was fitted to than to others, so of
new rows more lie in its tail. The power a corrects this: with Q of rows that the model was not fitted to,

    a = (n + k) / (sum -log Q + k)

is the most likely power for P to be uniform on them (each -log P is then exponential of mean 1), with k rows more of
a = 1. Regions are widened by all of it, and narrowed (a above 1) only by what a standard error of it, a / sqrt(n + k),
leaves: that a region holds too little is the worse mistake. One number bends the whole curve, so few rows find it,
and the far tail keeps the resolution of the samples. It does not make P exactly uniform for every table: its regions
are checked, each row with the power that the others give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = (0.90, 0.95, 0.99)
"""Probabilities of the regions that are checked."""
PRIOR_ROWS = 5
"""Rows of a model that needs no correction, k, beside those that say how much it needs."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How many rows lie in the region that should hold a share of them.

    Attributes:
        level: The share that should.
        inside: The share that does.
        error: Standard error of such a share if the model were right: of a binomial draw.
        rows: Rows looked at.
    """

    level: float
    inside: float
    error: float
    rows: int

    @property
    def is_right(self) -> bool:
        """Whether the difference is within two standard errors, or that of a single row."""
        return abs(self.inside - self.level) <= max(2 * self.error, 1 / self.rows)


@dataclass(frozen=True)
class Calibration:
    """What turns log densities into probabilities.

    Attributes:
        own_log_densities: Of the model's own samples, sorted, shape (n,), in nats in data units.
        exponent: The power a.
    """

    own_log_densities: NDArray[np.float64]
    exponent: float

    def probabilities(self, log_densities: NDArray[np.float64]) -> NDArray[np.float64]:
        """P, shape (N,), above 0 and at most 1, of log densities of shape (N,)."""
        shares = tail_shares(log_densities, self.own_log_densities)
        # One number after the other: the library's way through an array may touch the last bit.
        return np.array([share**self.exponent for share in shares.tolist()])


def tail_shares(log_densities: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Q, shape (N,), at least 1 / (n + 1), of log densities, shape (N,).

    Args:
        log_densities: Those of rows.
        own: Those of the model's own samples, sorted, shape (n,).
    """
    as_low = np.searchsorted(own, log_densities, side="right")
    shares: NDArray[np.float64] = (as_low + 1) / (len(own) + 1)
    return np.minimum(shares, 1.0)


def find_exponent(shares: NDArray[np.float64]) -> float:
    """The power a of the Q, shape (N,), of rows that the model was not fitted to."""
    return float(_exponents(len(shares), -np.log(shares).sum()))


def _exponents(rows: int, logs: Any) -> Any:
    """The powers of so many rows each, from their sums of -log Q, of any shape."""
    count = rows + PRIOR_ROWS
    likeliest = count / (logs + PRIOR_ROWS)
    return np.where(likeliest > 1, np.maximum(1.0, likeliest * (1 - 1 / math.sqrt(count))), likeliest)


def check_coverage(shares: NDArray[np.float64]) -> tuple[Coverage, ...]:
    """Coverage of each of :data:`LEVELS` by rows that the model was not fitted to, from their Q, shape (N,).

    Each row is judged with the power that the others give.
    """
    count = len(shares)
    logs = -np.log(shares)
    exponents = _exponents(count - 1, logs.sum() - logs)
    probabilities = np.exp(-logs * exponents)
    found = []
    for level in LEVELS:
        inside = float((probabilities > 1 - level).mean())
        error = math.sqrt(level * (1 - level) / count)
        found.append(Coverage(level=level, inside=inside, error=error, rows=count))
    return tuple(found)
