"""Log p(x) of many rows under one model, in data units, each with its error; shown row by row as it is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Generator, nn

from swissroll.evaluation.evidence import is_exact, measure_evidence
from swissroll.reproducibility.modes import ordinary_modes

ROWS_AT_A_TIME = 512
"""Rows that are scored between two calls of ``progress``."""


class Scores(NamedTuple):
    """Log densities of N rows.

    Attributes:
        log_density: log p(x) in nats, in data units, shape (N,), float64; a lower bound where ``is_bound``.
        error: Its estimated error, shape (N,): of the quadrature, or the standard error of the bound's draws.
        is_bound: Whether they are importance-weighted bounds.
    """

    log_density: NDArray[np.float64]
    error: NDArray[np.float64]
    is_bound: bool


@ordinary_modes()
def score_rows(
    model: nn.Module,
    rows: NDArray[Any],
    *,
    samples: int = 1000,
    generator: Generator | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Scores:
    """Log p(x) of rows, shape (N, D), in data units.

    Args:
        model: As :func:`swissroll.evaluation.evidence.measure_evidence` takes it.
        rows: The rows.
        samples: K, draws per row of the bound, where the density is not exact.
        generator: Source of these draws; PyTorch's global one by default.
        progress: Is told how many more rows are done.

    Raises:
        ValueError: As :func:`swissroll.evaluation.evidence.measure_evidence`.
    """
    log_density = np.empty(len(rows))
    error = np.empty(len(rows))
    for start in range(0, len(rows), ROWS_AT_A_TIME):
        part = slice(start, start + ROWS_AT_A_TIME)
        found = measure_evidence(model, rows[part], samples=samples, generator=generator)
        log_density[part] = found.log_p.numpy()
        error[part] = found.error.numpy()
        progress(len(found.log_p))
    return Scores(log_density, error, is_bound=not is_exact(model))
