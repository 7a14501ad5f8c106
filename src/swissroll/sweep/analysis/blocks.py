"""A sweep's runs in the groups that its conclusions are drawn from: settings, and blocks without gaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swissroll.sweep.analysis.results import Row, Table

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The runs that differ in nothing but the seed.

    Attributes:
        values: Its value on each of the table's axes, in their order.
        rows: Its runs, in the sweep's order.
    """

    values: tuple[Any, ...]
    rows: tuple[Row, ...]

    @property
    def place(self) -> dict[str, Any]:
        """Its value on each axis."""
        return self.rows[0].setting

    @property
    def finished(self) -> list[Row]:
        """The runs that have numbers."""
        return [row for row in self.rows if row.status == "finished"]

    def measured(self, metric: str) -> Array:
        """A metric's values over the finished runs, shape (seeds,)."""
        return np.array([row.values[metric] for row in self.finished if is_measured(row, metric)])


@dataclass(frozen=True, kw_only=True)
class Block:
    """A metric of several choices in the same other settings and seeds, with no gap.

    Attributes:
        choices: What is compared: an axis's values, or whole settings.
        left_out: Choices that are not in it, for want of finished runs.
        cells: Other settings that each choice was tried in.
        seeds: Seeds of each.
        measured: The metric, shape (choices, cells, seeds).
    """

    choices: tuple[Any, ...]
    left_out: tuple[Any, ...]
    cells: tuple[tuple[Any, ...], ...]
    seeds: tuple[int, ...]
    measured: Array


def is_measured(row: Row, metric: str) -> bool:
    """Whether a run has a finite number for a metric."""
    return row.status == "finished" and math.isfinite(row.values.get(metric, math.nan))


def settings(table: Table) -> list[Setting]:
    """The table's runs, grouped by everything but the seed, in the sweep's order."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in table.rows:
        groups.setdefault(tuple(row.setting.values()), []).append(row)
    return [Setting(values=values, rows=tuple(rows)) for values, rows in groups.items()]


def block(table: Table, metric: str, axis: str | None, only: Sequence[Any] = ()) -> Block:
    """Collect what a fair comparison can rest on: every choice in the same other settings and the same seeds.

    Runs that diverged or are missing leave gaps. The choice, other setting or seed with the largest share of gaps is
    left out, until no gap is left.

    Args:
        table: The sweep.
        metric: A name in METRICS.
        axis: The axis whose values are compared; None to compare whole settings.
        only: Compare these choices alone.

    Raises:
        ValueError: The table has no such axis.
    """
    if axis is not None and axis not in table.axes:
        raise ValueError(f"{axis!r} is no axis of this sweep. Its axes: {', '.join(table.axes) or 'none'}.")
    measured: dict[tuple[Any, Any, int], float] = {}
    planned: dict[Any, None] = dict.fromkeys(only)
    for row in table.rows:
        choice, cell = _place(row, axis)
        if only and choice not in planned:
            continue
        planned[choice] = None
        if is_measured(row, metric):
            measured[choice, cell, row.config.seed] = row.values[metric]
    return _without_gaps(list(planned), measured)


def sigmas(table: Table) -> dict[Any, tuple[float, ...]]:
    """The decoder sigmas of the runs, by latent dimension, each in rising order; those that are known."""
    found: dict[Any, set[float]] = {}
    for row in table.rows:
        if math.isfinite(row.sigma):
            found.setdefault(row.config.latent_dim, set()).add(_sigma(row))
    return {latent: tuple(sorted(values)) for latent, values in found.items()}


def changes_sigma(table: Table, axis: str | None) -> bool:
    """Whether an axis (or, for None, some axis) has values of another decoder sigma, all else equal."""
    cells: dict[Any, set[float]] = {}
    for row in table.rows:
        cells.setdefault(_place(row, axis)[1], set()).add(_sigma(row))
    return any(len(values) > 1 for values in cells.values())


def confounds(table: Table) -> bool:
    """Whether the latent dimension is an axis that moves the decoder's sigma with it."""
    fixed = all(row.config.decoder_variance == "fixed" for row in table.rows)
    return fixed and "latent_dim" in table.axes and table.hold != "sigma" and changes_sigma(table, "latent_dim")


def _sigma(row: Row) -> float:
    return float(f"{row.sigma:.9g}")  # The last bits differ by the order of operations.


def _place(row: Row, axis: str | None) -> tuple[Any, tuple[Any, ...]]:
    """A run's choice, and the cell of all its other settings."""
    if axis is None:
        return tuple(row.setting.values()), ()
    return row.setting[axis], tuple(v for name, v in row.setting.items() if name != axis)


def _without_gaps(planned: list[Any], measured: dict[tuple[Any, Any, int], float]) -> Block:
    names: list[list[Any]] = [planned, *(list(dict.fromkeys(key[i] for key in measured)) for i in (1, 2))]
    names[2].sort()
    numbers = np.full([len(n) for n in names], math.nan)
    places = [{name: i for i, name in enumerate(n)} for n in names]
    for key, value in measured.items():
        numbers[tuple(place[k] for place, k in zip(places, key, strict=True))] = value
    kept = _complete(~np.isnan(numbers))
    choices, cells, seeds = (tuple(n[i] for i in k) for n, k in zip(names, kept, strict=True))
    left_out = tuple(c for c in planned if c not in choices)
    return Block(choices=choices, left_out=left_out, cells=cells, seeds=seeds, measured=numbers[np.ix_(*kept)])


def _complete(there: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Indices along each of three axes of a part in which all is there: the emptiest slice goes first."""
    kept = [np.arange(n) for n in there.shape]
    while not (part := there[np.ix_(*kept)]).all():
        gaps: list[Array] = [1 - part.mean(axis=other) for other in ((1, 2), (0, 2), (0, 1))]
        # The last slice of an axis would take everything with it.
        axis = int(np.argmax([g.max() if len(g) > 1 else part.size == 1 for g in gaps]))
        kept[axis] = np.delete(kept[axis], int(gaps[axis].argmax()))
    return kept
