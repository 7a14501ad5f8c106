"""Draws from a trained model, some thousand at a time, for a table that may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from swissroll.cli.labels import label_cells

if TYPE_CHECKING:
    from swissroll.runs.run import Run

ROWS_AT_A_TIME = 2**14
"""Rows that a network computes at a time."""


def shorten(model: Any, rows: Any) -> Any:
    """Rows that a model computed, shape (n, D), without digits that its single precision does not have."""
    standardization = getattr(model, "standardization", None)
    return rows if standardization is None else standardization.shorten(rows)


def draw_parts(model: Any, count: int, seed: int, *, noise: bool) -> Iterator[Any]:
    """Draws from a model, some thousand at a time, all from one source."""
    from swissroll.reproducibility import rng
    from swissroll.reproducibility.modes import ordinary_modes

    generator = rng.generator(seed, "measure: prior")
    for start in range(0, count, ROWS_AT_A_TIME):
        with ordinary_modes():
            part = model.sample(min(ROWS_AT_A_TIME, count - start), noise=noise, generator=generator).numpy()
        yield shorten(model, part)


def draw_labelled_parts(run: Run, count: int, seed: int, *, noise: bool) -> Iterator[Any]:
    """Draws from a conditional model under labels in their shares, with these in a last column."""
    import numpy as np

    from swissroll.reproducibility import rng
    from swissroll.reproducibility.modes import ordinary_modes

    generator = rng.generator(seed, "measure: prior")
    for start in range(0, count, ROWS_AT_A_TIME):
        n = min(ROWS_AT_A_TIME, count - start)
        with ordinary_modes():
            labels = run.network.given_draws(n, generator=generator).given_labels
            rows = run.model.given(labels).sample(n, noise=noise, generator=generator).numpy()
        yield np.column_stack([shorten(run.model, rows), label_cells(run, labels)])
