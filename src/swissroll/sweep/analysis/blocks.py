"""Which runs of a sweep may be compared: settings over seeds, and complete blocks.

The words are those of the design of experiments. An axis of a sweep is a factor and its values are the levels; a
setting is one combination of levels; the runs of a setting differ in the seed alone. To compare the levels of an axis,
runs are put into blocks: a block is one seed in one setting of the other axes, and it is complete if each level has a
finished run in it. Only complete blocks are compared, so that no level is judged in easier circumstances than another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from swissroll import checks
from swissroll.sweep.analysis.results import METRICS, Row, Table

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The runs that differ in nothing but the seed.

    Attributes:
        values: Its level on each of the table's axes, in their order.
        rows: Its runs, in the sweep's order.
    """

    values: tuple[Any, ...]
    rows: tuple[Row, ...]

    @property
    def levels(self) -> dict[str, Any]:
        """Its level on each axis."""
        return self.rows[0].setting

    @property
    def finished(self) -> list[Row]:
        """The runs that have numbers."""
        return [row for row in self.rows if row.status == "finished"]

    def measured(self, metric: str) -> Array:
        """A metric's values over the finished runs, shape (seeds,)."""
        measured = [row for row in self.rows if is_measured(row, metric)]
        return np.array([row.values[metric] for row in measured])


@dataclass(frozen=True, kw_only=True)
class CompleteBlocks:
    """A metric of several levels in complete blocks: every level in the same other settings and with the same seeds.

    Attributes:
        levels: What is compared: the levels of an axis, or whole settings.
        left_out: Levels that are not compared, because too few of their runs finished.
        other_settings: Settings of the other axes that every level was tried in.
        seeds: Seeds of each.
        values: The metric, shape (levels, other settings, seeds).
    """

    levels: tuple[Any, ...]
    left_out: tuple[Any, ...]
    other_settings: tuple[tuple[Any, ...], ...]
    seeds: tuple[int, ...]
    values: Array


class _Place(NamedTuple):
    """Where a run stands: its level of the compared axis, and its block."""

    level: Any
    other_setting: tuple[Any, ...]
    seed: int


def is_measured(row: Row, metric: str) -> bool:
    """Whether a run has a finite number for a metric."""
    if row.status != "finished" or metric not in row.values:
        return False
    return math.isfinite(row.values[metric])


def measured_metrics(table: Table) -> set[str]:
    """The metrics for which some run has a finite number."""
    found: set[str] = set()
    for row in table.rows:
        found.update(name for name in row.values if is_measured(row, name))
    return found


def is_measured_in_all(table: Table, metric: str) -> bool:
    """Whether every finished run has a finite number for a metric, and there is one."""
    finished = [row for row in table.rows if row.status == "finished"]
    return bool(finished) and all(is_measured(row, metric) for row in finished)


def partly_measured(table: Table) -> tuple[list[str], list[Row]]:
    """The metrics that only some finished runs of a setting have, and the runs that lack one of them.

    Runs that differ in the seed alone have the same metrics, unless an earlier version measured some of them.
    """
    metrics: set[str] = set()
    rows = []
    for setting in settings(table):
        of_setting: set[str] = set()
        for row in setting.finished:
            of_setting |= row.values.keys()
        for row in setting.finished:
            lacking = of_setting - row.values.keys()
            if lacking:
                metrics |= lacking
                rows.append(row)
    return [name for name in METRICS if name in metrics], rows


def other_levels(levels: dict[str, Any], axis: str | None) -> tuple[Any, ...]:
    """A setting's levels on all axes but one."""
    return tuple(level for name, level in levels.items() if name != axis)


def settings(table: Table) -> list[Setting]:
    """The table's runs, grouped by everything but the seed, in the sweep's order."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in table.rows:
        groups.setdefault(tuple(row.setting.values()), []).append(row)
    return [Setting(values=values, rows=tuple(rows)) for values, rows in groups.items()]


def complete_blocks(table: Table, metric: str, axis: str | None, only: Sequence[Any] = ()) -> CompleteBlocks:
    """Collect what a fair comparison can rest on: every level in the same other settings and with the same seeds.

    Runs that diverged or are missing leave gaps. The level, other setting or seed with the largest share of gaps is
    left out, until no gap is left.

    Args:
        table: The sweep.
        metric: A name in METRICS.
        axis: The axis whose levels are compared; None to compare whole settings.
        only: Compare these levels alone.

    Raises:
        ValueError: The table has no such axis.
    """
    if axis is not None and axis not in table.axes:
        allowed = ", ".join(table.axes) or "none"
        raise ValueError(f"{checks.short(axis)} is not an axis of this sweep. Its axes: {allowed}.")

    measured: dict[_Place, float] = {}
    levels: dict[Any, None] = dict.fromkeys(only)
    for row in table.rows:
        place = _place(row, axis)
        if only and place.level not in levels:
            continue
        levels[place.level] = None
        if is_measured(row, metric):
            measured[place] = row.values[metric]

    if not measured:
        nothing = np.zeros((0, 0, 0))
        return CompleteBlocks(levels=(), left_out=tuple(levels), other_settings=(), seeds=(), values=nothing)
    return _without_gaps(list(levels), measured)


def sigmas(table: Table) -> dict[Any, tuple[float, ...]]:
    """The decoder sigmas of the runs where they are known, by latent dimension, each in rising order."""
    found: dict[Any, set[float]] = {}
    for row in table.rows:
        if math.isfinite(row.sigma):
            found.setdefault(row.config.latent_dim, set()).add(_rounded_sigma(row))
    return {latent_dim: tuple(sorted(values)) for latent_dim, values in found.items()}


def changes_sigma(table: Table, axis: str | None) -> bool:
    """Whether the levels of an axis (None: any two settings) differ in the decoder's sigma, all else equal."""
    found: dict[tuple[Any, ...], set[float]] = {}
    for row in table.rows:
        other_setting = _place(row, axis).other_setting
        found.setdefault(other_setting, set()).add(_rounded_sigma(row))
    return any(len(values) > 1 for values in found.values())


def confounds(table: Table) -> bool:
    """Whether the latent dimension is an axis that changes the decoder's sigma with it."""
    if "latent_dim" not in table.axes or table.hold == "sigma":
        return False
    fixed = not any(row.config.finds_variance for row in table.rows)
    return fixed and changes_sigma(table, "latent_dim")


def _rounded_sigma(row: Row) -> float:
    # The last bits differ by the order of operations.
    return float(f"{row.sigma:.9g}")


def _place(row: Row, axis: str | None) -> _Place:
    if axis is None:
        return _Place(level=tuple(row.setting.values()), other_setting=(), seed=row.config.seed)

    others = other_levels(row.setting, axis)
    return _Place(level=row.setting[axis], other_setting=others, seed=row.config.seed)


def _without_gaps(levels: list[Any], measured: dict[_Place, float]) -> CompleteBlocks:
    """The part of the measured values that has no gap."""
    other_settings = list(dict.fromkeys(place.other_setting for place in measured))
    seeds = sorted({place.seed for place in measured})

    # One array with nan in its gaps.
    shape = (len(levels), len(other_settings), len(seeds))
    values = np.full(shape, math.nan)
    level_index = _index(levels)
    other_index = _index(other_settings)
    seed_index = _index(seeds)
    for place, value in measured.items():
        i = level_index[place.level]
        j = other_index[place.other_setting]
        k = seed_index[place.seed]
        values[i, j, k] = value

    kept = _complete_part(~np.isnan(values))
    kept_levels = _choose(levels, kept[0])
    left_out = [level for level in levels if level not in kept_levels]
    return CompleteBlocks(
        levels=kept_levels,
        left_out=tuple(left_out),
        other_settings=_choose(other_settings, kept[1]),
        seeds=_choose(seeds, kept[2]),
        values=values[np.ix_(*kept)],
    )


def _index(values: list[Any]) -> dict[Any, int]:
    """The place of each value in a list."""
    return {value: i for i, value in enumerate(values)}


def _choose(values: list[Any], indices: NDArray[np.int64]) -> tuple[Any, ...]:
    return tuple(values[i] for i in indices)


def _complete_part(present: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Indices along each of three axes of a part in which all is present: the slice with most gaps goes first."""
    kept = [np.arange(size) for size in present.shape]
    part = present

    while not part.all():
        # Share of gaps in each slice, along each axis.
        gaps: list[Array] = [
            1 - part.mean(axis=(1, 2)),
            1 - part.mean(axis=(0, 2)),
            1 - part.mean(axis=(0, 1)),
        ]
        largest = [_largest_gap(shares, part) for shares in gaps]
        axis = int(np.argmax(largest))
        emptiest = int(gaps[axis].argmax())

        kept[axis] = np.delete(kept[axis], emptiest)
        part = present[np.ix_(*kept)]

    return kept


def _largest_gap(shares: Array, part: NDArray[np.bool_]) -> float:
    """The largest share of gaps along an axis; 0 for an axis with one slice, which would take everything with it."""
    if len(shares) > 1:
        return float(shares.max())
    return float(part.size == 1)
