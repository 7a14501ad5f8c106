"""The figure of an axis against each metric: every run, and means with intervals over seeds."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from itertools import chain, product
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from swissroll.report.plots import Array, spread
from swissroll.sweep.analysis.blocks import is_measured, measured_metrics
from swissroll.sweep.analysis.formatting import format_value
from swissroll.sweep.analysis.results import METRICS, Row, Table
from swissroll.sweep.analysis.statistics import Interval, headline_metrics, t_interval
from swissroll.sweep.analysis.styles import (
    COLOURS,
    MARKERS,
    MAX_VECTOR_DOTS,
    PositionScale,
    free_axes,
    legend_entries,
)

MAX_PANEL_COLUMNS = 4
"""Most levels of a third axis that have a column of panels."""
WRAPPED_COLUMNS = 3
"""Panels side by side where there is no third axis."""

SeedValues = dict[int, float]
"""A metric by seed."""


@dataclass(frozen=True)
class _Layout:
    """How an axis is drawn: what tells its runs apart beside their position.

    Attributes:
        axis: The axis of the positions.
        scale: Where its levels stand.
        colour_axis: The axis of the colours.
        column_axis: The axis whose levels have a column of panels each.
        columns: Those levels; one None without such an axis.
    """

    axis: str
    scale: PositionScale
    colour_axis: str | None
    column_axis: str | None
    columns: list[Any]


class _Window(NamedTuple):
    """Bounds of the values that a panel shows."""

    low: float
    high: float


class _Style(NamedTuple):
    colour: str
    marker: str


def axis_metrics(table: Table) -> list[str]:
    """The metrics that each axis is drawn against."""
    measured = measured_metrics(table)
    return [*headline_metrics(table), *(name for name in ("rate", "active") if name in measured)]


def draw_axis(table: Table, axis: str) -> Figure:
    """An axis against each metric: every run as a dot, means and 95 % intervals over seeds.

    A second axis is told apart by colour; a third has a column of panels for each of its levels.
    """
    metrics = axis_metrics(table)
    layout = _layout(table, axis)
    across = len(layout.columns) if layout.column_axis else min(WRAPPED_COLUMNS, len(metrics))
    down = math.ceil(len(metrics) * len(layout.columns) / across)
    figure = Figure(figsize=(9, 1.75 * down + 0.5), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharey="row" if layout.column_axis else False)

    panels = list(product(metrics, layout.columns))
    axes = list(grid.ravel())
    for ax, (metric, column) in zip(axes, panels, strict=False):
        _draw_panel(ax, table, metric, layout, column)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)

    if layout.column_axis is None:
        _label_wrapped(axes, metrics, layout)
    else:
        _label_grid(grid, metrics, layout)
    if layout.colour_axis is not None:
        handles = legend_entries(table, layout.colour_axis, markers=MARKERS)
        figure.legend(handles=handles, loc="outside upper center", ncols=8, title=layout.colour_axis, fontsize=8)
    return figure


def _layout(table: Table, axis: str) -> _Layout:
    colour_axis, column_axis = free_axes(table, taken=(axis,))
    columns = [None] if column_axis is None else spread(table.axes[column_axis], MAX_PANEL_COLUMNS)

    # Levels without a finished run get no room.
    present = {row.setting[axis] for row in table.rows if row.status == "finished"}
    levels = tuple(level for level in table.axes[axis] if level in present)
    return _Layout(axis, PositionScale(levels), colour_axis, column_axis, columns)


def _label_wrapped(axes: list[Axes], metrics: list[str], layout: _Layout) -> None:
    """Name the axis and the metric at every panel."""
    for ax, metric in zip(axes, metrics, strict=False):
        ax.set_ylabel(_wrapped_label(metric), fontsize=8)
        layout.scale.draw_ticks(ax, layout.axis)


def _label_grid(grid: Any, metrics: list[str], layout: _Layout) -> None:
    """Name the metrics at the left, the third axis's levels above, and the axis below."""
    for ax, metric in zip(grid[:, 0], metrics, strict=True):
        ax.set_ylabel(_wrapped_label(metric), fontsize=8)
    for ax, level in zip(grid[0], layout.columns, strict=True):
        ax.set_title(f"{layout.column_axis} {format_value(level)}")
    for ax in grid[:-1].ravel():
        layout.scale.draw_ticks(ax, "")
        ax.tick_params(labelbottom=False)
    for ax in grid[-1]:
        layout.scale.draw_ticks(ax, layout.axis)


def _draw_panel(ax: Axes, table: Table, metric: str, layout: _Layout, column: Any) -> None:
    """One metric against the axis: every run, and means with intervals, one colour per level of the second axis."""
    rows = [row for row in table.rows if is_measured(row, metric)]
    if layout.column_axis is not None:
        rows = [row for row in rows if row.setting[layout.column_axis] == column]
    values = _values_by_seed(rows, metric, layout)
    window = _set_window(ax, metric, _flatten(values))

    colour_levels = (None,) if layout.colour_axis is None else table.axes[layout.colour_axis]
    for index, colour_level in enumerate(colour_levels):
        found = values.get(colour_level, {})
        in_order = {level: found[level] for level in layout.scale.levels if level in found}
        if in_order:
            # The colours stand side by side in 0.6 of the room between two levels.
            offset = layout.scale.step * 0.6 * ((index + 0.5) / len(colour_levels) - 0.5)
            # Within a colour, dots stand to the left of their mean.
            aside = layout.scale.step * 0.15 / len(colour_levels)
            style = _Style(COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)])
            _draw_dots(ax, _dots(in_order, layout.scale, offset - aside), window, style)
            means = {
                layout.scale.positions[level] + offset + aside: t_interval(list(seeds.values()))
                for level, seeds in in_order.items()
            }
            _draw_means(ax, means, window, style, joined=layout.scale.numeric)


def _values_by_seed(rows: list[Row], metric: str, layout: _Layout) -> dict[Any, dict[Any, SeedValues]]:
    """A metric by level of the colours' axis, level and seed; the mean over whatever axes are left."""
    groups: dict[tuple[Any, Any, int], list[float]] = {}
    for row in rows:
        colour_level = None if layout.colour_axis is None else row.setting[layout.colour_axis]
        key = (colour_level, row.setting[layout.axis], row.config.seed)
        groups.setdefault(key, []).append(row.values[metric])

    found: dict[Any, dict[Any, SeedValues]] = {}
    for (colour_level, level, seed), values in groups.items():
        found.setdefault(colour_level, {}).setdefault(level, {})[seed] = float(np.mean(values))
    return found


def _flatten(values: dict[Any, dict[Any, SeedValues]]) -> Array:
    by_level = chain.from_iterable(levels.values() for levels in values.values())
    return np.array(list(chain.from_iterable(seeds.values() for seeds in by_level)))


def _set_window(ax: Axes, metric: str, values: Array) -> _Window:
    """Choose what is shown: a few far values must not squeeze the others. Decades have a logarithmic scale."""
    everything = _Window(-math.inf, math.inf)
    if not len(values):
        return everything
    if metric != "rate" and values.min() > 0 and values.max() > 30 * values.min():
        ax.set_yscale("log")
        return everything

    # Three times the distance between the first and the last decile, to each side of them.
    first, last = np.quantile(values, [0.1, 0.9])
    reach = 3 * (last - first) or math.inf
    return _Window(float(first - reach), float(last + reach))


def _dots(values: dict[Any, SeedValues], scale: PositionScale, offset: float) -> Array:
    """Position and value of every run, shape (runs, 2)."""
    dots: list[tuple[float, float]] = []
    for level, seeds in values.items():
        position = scale.positions[level] + offset
        dots += [(position, value) for value in seeds.values()]
    return np.array(dots)


def _draw_dots(ax: Axes, dots: Array, window: _Window, style: _Style) -> None:
    """Every run; those beyond the window are triangles at its edge."""
    x = dots[:, 0]
    y = dots[:, 1]
    above = y > window.high
    below = y < window.low
    inside = ~(above | below)
    many = len(dots) > MAX_VECTOR_DOTS
    ax.scatter(x[inside], y[inside], s=9, color=style.colour, alpha=0.6, linewidths=0, rasterized=many)

    for beyond, edge, marker in ((above, window.high, "^"), (below, window.low, "v")):
        if beyond.any():
            at_edge = np.full(beyond.sum(), edge)
            ax.scatter(x[beyond], at_edge, s=14, color=style.colour, marker=marker, linewidths=0)


def _draw_means(ax: Axes, means: dict[float, Interval], window: _Window, style: _Style, *, joined: bool) -> None:
    """Means by position, with their intervals as far as the window reaches."""
    shown = {x: found for x, found in means.items() if window.low <= found.mean <= window.high}
    if not shown:
        return

    # A mean of one seed has no interval.
    lengths = np.zeros((2, len(shown)))
    for i, found in enumerate(shown.values()):
        if found.n > 1:
            lengths[0, i] = found.mean - max(found.low, window.low)
            lengths[1, i] = min(found.high, window.high) - found.mean

    ax.errorbar(
        list(shown),
        np.array([found.mean for found in shown.values()]),
        lengths,
        color=style.colour,
        marker=style.marker,
        markersize=4,
        linestyle="-" if joined else "",
        linewidth=1,
        capsize=2,
        elinewidth=0.8,
    )


def _wrapped_label(metric: str) -> str:
    """A metric's name in short lines, and its unit."""
    found = METRICS[metric]
    name = textwrap.fill(found.label, 24)
    return f"{name}\n({found.unit})" if found.unit else name
