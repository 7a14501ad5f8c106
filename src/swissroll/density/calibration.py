r"""Log densities as probabilities: how often the model itself gives a row a density as low as this.

    P(x) = P(log p(X) <= log p(x)),   X drawn from the model

estimated by the model's own samples. For rows that come from the model P is uniform, whatever the density looks like
and however many columns there are; so 0.003 means one row in three hundred. Whether rows do come from the model is
checked on those that were held out: the region of all rows with P > 0.05 should hold 95 % of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = (0.90, 0.95, 0.99)
"""Probabilities of the regions that are checked."""


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


def tail_probabilities(log_densities: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """P, shape (N,), at least 1 / (n + 1), of log densities, shape (N,).

    Args:
        log_densities: Those of rows.
        own: Those of the model's own samples, sorted, shape (n,).
    """
    as_low = np.searchsorted(own, log_densities, side="right")
    probabilities: NDArray[np.float64] = (as_low + 1) / (len(own) + 1)
    return np.minimum(probabilities, 1.0)


def check_coverage(probabilities: NDArray[np.float64]) -> tuple[Coverage, ...]:
    """Coverage of each of :data:`LEVELS` by rows that were held out, from their P, shape (N,)."""
    count = len(probabilities)
    found = []
    for level in LEVELS:
        inside = float((probabilities > 1 - level).mean())
        error = math.sqrt(level * (1 - level) / count)
        found.append(Coverage(level=level, inside=inside, error=error, rows=count))
    return tuple(found)
