"""How many latents a table needs, by the log density of rows held out; ties are called ties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swissroll.evaluation.evidence import EXACT_DIMS

MOST_LATENTS = 4
TIE = 2.0
"""Standard errors of the paired difference up to which two numbers of latents are tied."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A number of latents that was tried.

    Attributes:
        latent_dim: L.
        log_density: Mean log density of the held-out rows, in nats per row in data units.
        error: Its standard error over these rows.
        below_best: By how much it is below the best one, row by row, averaged; 0 for the best.
        below_best_error: Standard error of that.
        is_exact: Whether the log density is exact; else it is a lower bound.
        is_tied: Whether it is the best, or not to be told from it: within two standard errors.
        is_chosen: Whether it is taken: the fewest latents of those tied.
    """

    latent_dim: int
    log_density: float
    error: float
    below_best: float
    below_best_error: float
    is_exact: bool
    is_tied: bool
    is_chosen: bool


def compare(log_densities: Sequence[NDArray[np.float64]]) -> tuple[Candidate, ...]:
    """Compare 1, 2, ... latents by the log densities that they give to the same held-out rows, each of shape (N,)."""
    best = max(log_densities, key=lambda values: float(values.mean()))
    rows = [mean_and_error(best - values) for values in log_densities]
    tied = [below <= TIE * error for below, error in rows]
    chosen = tied.index(True)

    found = []
    for index, values in enumerate(log_densities):
        mean_below, error_below = rows[index]
        found.append(
            Candidate(
                latent_dim=index + 1,
                log_density=float(values.mean()),
                error=mean_and_error(values)[1],
                below_best=mean_below,
                below_best_error=error_below,
                is_exact=index + 1 <= EXACT_DIMS,
                is_tied=tied[index],
                is_chosen=index == chosen,
            )
        )
    return tuple(found)


def mean_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """A mean and its standard error, which of a single value is infinite."""
    error = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("inf")
    return float(values.mean()), error
