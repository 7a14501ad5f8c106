"""The figure of an axis against each metric: every run, and means with intervals over seeds."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from swissroll.evaluation.measures import Measure
from swissroll.report.colours import LEVELS
from swissroll.report.plots import Array
from swissroll.runs.selection import spread
from swissroll.sweep.analysis.blocks import is_measured, measured_metrics
from swissroll.sweep.analysis.comparisons import headline_metrics
from swissroll.sweep.analysis.formatting import format_value
from swissroll.sweep.analysis.paired_test import Interval, t_interval
from swissroll.sweep.analysis.results import Row, Table
from swissroll.sweep.analysis.styles import (
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


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How an axis is drawn: what tells its runs apart beside their position.

    Attributes:
        axis: The axis of the positions.
        scale: Where its levels stand.
        colour_axis: The axis of the colours.
        colour_levels: Its levels; one None without such an axis.
        column_axis: The axis whose levels have a column of panels each.
        columns: Those levels; one None without such an axis.
    """

    axis: str
    scale: PositionScale
    colour_axis: str | None
    colour_levels: tuple[Any, ...]
    column_axis: str | None
    columns: tuple[Any, ...]


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
    metrics = headline_metrics(table)
    for name in ("rate", "active"):
        if name in measured:
            metrics.append(name)
    return metrics


def draw_axis(table: Table, axis: str) -> Figure:
    """An axis against each metric: every run as a dot, means and 95 % intervals over seeds.

    A second axis is told apart by colour; a third has a column of panels for each of its levels.
    """
    metrics = axis_metrics(table)
    layout = _layout(table, axis)
    panels = list(product(metrics, layout.columns))

    figure, grid = _make_grid(layout, metrics)
    axes = list(grid.ravel())
    for ax, (metric, column) in zip(axes, panels, strict=False):
        _draw_panel(ax, table, metric, layout, column)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)

    measures = [table.measure(metric) for metric in metrics]
    if layout.column_axis is None:
        _label_wrapped(axes, measures, layout)
    else:
        _label_grid(grid, measures, layout)

    if layout.colour_axis is not None:
        handles = legend_entries(table, layout.colour_axis, markers=MARKERS)
        figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=8,
            title=layout.colour_axis,
            fontsize=8,
        )
    return figure


def _layout(table: Table, axis: str) -> _Layout:
    colour_axis, column_axis = free_axes(table, taken=(axis,))
    colour_levels: tuple[Any, ...] = (None,)
    columns: tuple[Any, ...] = (None,)
    if colour_axis is not None:
        colour_levels = table.axes[colour_axis]
    if column_axis is not None:
        columns = tuple(spread(table.axes[column_axis], MAX_PANEL_COLUMNS))

    # Levels without a finished run get no room.
    present = {row.setting[axis] for row in table.rows if row.status == "finished"}
    levels = tuple(level for level in table.axes[axis] if level in present)

    return _Layout(
        axis=axis,
        scale=PositionScale(levels),
        colour_axis=colour_axis,
        colour_levels=colour_levels,
        column_axis=column_axis,
        columns=columns,
    )


def _make_grid(layout: _Layout, metrics: list[str]) -> tuple[Figure, Any]:
    """A figure and its panels, an array of shape (down, across)."""
    across = len(layout.columns)
    share_y: Literal["row"] | bool = "row"
    if layout.column_axis is None:
        across = min(WRAPPED_COLUMNS, len(metrics))
        share_y = False

    panels = len(metrics) * len(layout.columns)
    down = math.ceil(panels / across)
    figure = Figure(figsize=(9, 1.75 * down + 0.5), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharey=share_y)
    return figure, grid


def _label_wrapped(axes: list[Axes], measures: list[Measure], layout: _Layout) -> None:
    """Name the axis and the metric at every panel."""
    for ax, measure in zip(axes, measures, strict=False):
        ax.set_ylabel(_wrapped_label(measure), fontsize=8)
        layout.scale.draw_ticks(ax, layout.axis)


def _label_grid(grid: Any, measures: list[Measure], layout: _Layout) -> None:
    """Name the metrics at the left, the third axis's levels above, and the axis below."""
    for ax, measure in zip(grid[:, 0], measures, strict=True):
        ax.set_ylabel(_wrapped_label(measure), fontsize=8)
    for ax, level in zip(grid[0], layout.columns, strict=True):
        ax.set_title(f"{layout.column_axis} {format_value(level)}")
    for ax in grid[:-1].ravel():
        layout.scale.draw_ticks(ax, "")
        ax.tick_params(labelbottom=False)
    for ax in grid[-1]:
        layout.scale.draw_ticks(ax, layout.axis)


def _draw_panel(ax: Axes, table: Table, metric: str, layout: _Layout, column: Any) -> None:
    """One metric against the axis: every run, and means with intervals, one colour per level of the second axis."""
    rows = _panel_rows(table, metric, layout, column)
    values = _values_by_seed(rows, metric, layout)
    window = _set_window(ax, metric, _flatten(values))

    colours = len(layout.colour_levels)
    for index, colour_level in enumerate(layout.colour_levels):
        if colour_level not in values:
            continue

        # The colours stand side by side in 0.6 of the room between two levels.
        share = (index + 0.5) / colours
        offset = layout.scale.step * 0.6 * (share - 0.5)
        # Within a colour, the dots stand to the left of their mean.
        aside = layout.scale.step * 0.15 / colours

        by_level = values[colour_level]
        colour = LEVELS[index % len(LEVELS)]
        marker = MARKERS[index % len(MARKERS)]
        _draw_dots(ax, _dots(by_level, layout.scale, offset - aside), window, colour)
        means = _means(by_level, layout.scale, offset + aside)
        _draw_means(ax, means, window, _Style(colour, marker), joined=layout.scale.numeric)


def _panel_rows(table: Table, metric: str, layout: _Layout, column: Any) -> list[Row]:
    """The runs of a panel."""
    rows = [row for row in table.rows if is_measured(row, metric)]
    if layout.column_axis is None:
        return rows
    return [row for row in rows if row.setting[layout.column_axis] == column]


def _values_by_seed(rows: list[Row], metric: str, layout: _Layout) -> dict[Any, dict[Any, SeedValues]]:
    """A metric by level of the colours' axis, level of the axis in its order, and seed.

    It is the mean over whatever axes are left.
    """
    groups: dict[tuple[Any, Any, int], list[float]] = {}
    for row in rows:
        colour_level = None
        if layout.colour_axis is not None:
            colour_level = row.setting[layout.colour_axis]
        key = (colour_level, row.setting[layout.axis], row.config.seed)
        groups.setdefault(key, []).append(row.values[metric])

    found: dict[Any, dict[Any, SeedValues]] = {}
    order = {level: i for i, level in enumerate(layout.scale.levels)}
    for (colour_level, level, seed), values in sorted(groups.items(), key=lambda item: order[item[0][1]]):
        by_level = found.setdefault(colour_level, {})
        by_level.setdefault(level, {})[seed] = float(np.mean(values))
    return found


def _flatten(values: dict[Any, dict[Any, SeedValues]]) -> Array:
    """All values of a panel, shape (runs,)."""
    flat: list[float] = []
    for by_level in values.values():
        for by_seed in by_level.values():
            flat += by_seed.values()
    return np.array(flat)


def _set_window(ax: Axes, metric: str, values: Array) -> _Window:
    """Choose what is shown: a few far values must not squeeze the others. Decades have a logarithmic scale."""
    everything = _Window(-math.inf, math.inf)
    if not len(values):
        return everything

    lowest = values.min()
    if metric != "rate" and lowest > 0 and values.max() > 30 * lowest:
        ax.set_yscale("log")
        return everything

    # From the first and the last decile, three times their distance outwards.
    first, last = np.quantile(values, [0.1, 0.9])
    reach = 3 * (last - first) or math.inf
    return _Window(float(first - reach), float(last + reach))


def _dots(by_level: dict[Any, SeedValues], scale: PositionScale, offset: float) -> Array:
    """Position and value of every run, shape (runs, 2)."""
    dots: list[tuple[float, float]] = []
    for level, by_seed in by_level.items():
        position = scale.positions[level] + offset
        for value in by_seed.values():
            dots.append((position, value))
    return np.array(dots)


def _means(by_level: dict[Any, SeedValues], scale: PositionScale, offset: float) -> dict[float, Interval]:
    """Mean and interval of each level, by position."""
    means: dict[float, Interval] = {}
    for level, by_seed in by_level.items():
        position = scale.positions[level] + offset
        means[position] = t_interval(list(by_seed.values()))
    return means


def _draw_dots(ax: Axes, dots: Array, window: _Window, colour: str) -> None:
    """Every run; those beyond the window are triangles at its edge."""
    values = dots[:, 1]
    above = dots[values > window.high]
    below = dots[values < window.low]
    inside = dots[(values >= window.low) & (values <= window.high)]
    many = len(dots) > MAX_VECTOR_DOTS

    ax.scatter(
        inside[:, 0],
        inside[:, 1],
        s=9,
        color=colour,
        linewidths=0,
        rasterized=many,
    )
    _draw_beyond(ax, above, window.high, colour, "^")
    _draw_beyond(ax, below, window.low, colour, "v")


def _draw_beyond(ax: Axes, dots: Array, edge: float, colour: str, marker: str) -> None:
    """Triangles at an edge of the window for the runs beyond it."""
    if len(dots):
        at_edge = np.full(len(dots), edge)
        ax.scatter(dots[:, 0], at_edge, s=14, color=colour, marker=marker, linewidths=0)


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


def _wrapped_label(measure: Measure) -> str:
    """A metric's name in short lines, and its unit."""
    name = textwrap.fill(measure.label, 24)
    return f"{name}\n({measure.unit})" if measure.unit else name
