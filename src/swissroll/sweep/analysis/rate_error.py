"""The figure of rate against squared error, and the settings on its Pareto frontier."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from swissroll.report.colours import LEVELS
from swissroll.report.style import INK
from swissroll.sweep.analysis.blocks import Array, Setting, is_measured, other_levels, settings
from swissroll.sweep.analysis.comparisons import incomparable_metrics
from swissroll.sweep.analysis.results import Table
from swissroll.sweep.analysis.styles import (
    MARKERS,
    MAX_VECTOR_DOTS,
    draw_decades,
    free_axes,
    legend_entries,
    legend_heading,
    level_index,
)

MAX_TRACED_SETTINGS = 150
"""Most settings that lines follow an axis through."""


class PlaneAxes(NamedTuple):
    """The axes of the sweep that tell settings apart in the figure, by colour, by shape, and by lines along them."""

    colour: str | None
    marker: str | None
    line: str | None


class PlanePoint(NamedTuple):
    """A setting in the figure.

    Attributes:
        setting: The setting.
        runs: Rate in nats per point and squared error of each of its finished runs, shape (runs, 2).
        mean: Their means, shape (2,).
    """

    setting: Setting
    runs: Array
    mean: Array


class _Style(NamedTuple):
    colour: str
    marker: str


def plane_axes(table: Table) -> PlaneAxes:
    """Which axis is shown by colour, by shape, and by lines.

    Beta trades rate for error, so lines follow it where it is an axis.
    """
    if "beta" not in table.axes:
        colour, marker = free_axes(table)
        return PlaneAxes(colour, marker, None)
    if len(table.axes) == 1:
        return PlaneAxes("beta", None, "beta")

    colour, marker = free_axes(table, taken=("beta",))
    return PlaneAxes(colour, marker or "beta", "beta")


def plane_points(table: Table) -> list[PlanePoint]:
    """Each setting that has finished runs, with their rate and error."""
    points = []
    for setting in settings(table):
        runs = _rates_and_errors(setting)
        if len(runs):
            points.append(PlanePoint(setting, runs, runs.mean(axis=0)))
    return points


def _rates_and_errors(setting: Setting) -> Array:
    """Rate and squared error of each of a setting's runs that has both, shape (runs, 2)."""
    found = []
    for row in setting.finished:
        if is_measured(row, "rate") and is_measured(row, "mse"):
            found.append((row.values["rate"], row.values["mse"]))
    return np.array(found)


def frontier_settings(table: Table) -> list[Setting]:
    """The settings on the frontier, by rising rate: no other setting has both a lower mean rate and a lower error.

    None where an axis changes what one of them means.
    """
    if not _has_frontier(table):
        return []
    points = plane_points(table)
    on_frontier = pareto_frontier(_means(points))
    chosen = [point for point, is_on in zip(points, on_frontier, strict=True) if is_on]
    chosen.sort(key=lambda point: float(point.mean[0]))
    return [point.setting for point in chosen]


def draw_rate_and_error(table: Table) -> Figure:
    """Rate against squared error: every run, each setting's mean, and the frontier of the means."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    ax = figure.subplots()
    axes = plane_axes(table)
    points = plane_points(table)

    for style, group in _by_style(table, axes, points).items():
        _draw_cloud(ax, group, style)
    if axes.line is not None and len(points) <= MAX_TRACED_SETTINGS:
        _draw_lines(ax, table, axes, points)
    if _has_frontier(table):
        _draw_frontier(ax, points)

    ax.set(xlabel=table.measure("rate").heading, ylabel=table.measure("mse").heading)
    draw_decades([ax])
    handles = [
        *legend_heading(axes.colour),
        *legend_entries(table, axes.colour, markers=("o",)),
        *legend_heading(axes.marker),
        *legend_entries(table, axes.marker, colours=(INK,), markers=MARKERS),
    ]
    if _has_frontier(table):
        handles.append(Line2D([], [], color=INK, linewidth=1.4, linestyle="--", label="frontier"))
    figure.legend(handles=handles, loc="outside right upper", fontsize=8)
    return figure


def _has_frontier(table: Table) -> bool:
    return not incomparable_metrics(table.axes) & {"rate", "mse"}


def _style(table: Table, axes: PlaneAxes, setting: Setting) -> _Style:
    colour = level_index(table, axes.colour, setting) % len(LEVELS)
    marker = level_index(table, axes.marker, setting) % len(MARKERS)
    return _Style(LEVELS[colour], MARKERS[marker])


def _by_style(table: Table, axes: PlaneAxes, points: list[PlanePoint]) -> dict[_Style, list[PlanePoint]]:
    groups: dict[_Style, list[PlanePoint]] = {}
    for point in points:
        groups.setdefault(_style(table, axes, point.setting), []).append(point)
    return groups


def _draw_cloud(ax: Axes, points: list[PlanePoint], style: _Style) -> None:
    """The runs and means of the settings of one colour and shape."""
    runs = np.concatenate([point.runs for point in points])
    means = _means(points)
    many = len(points) > MAX_VECTOR_DOTS

    ax.scatter(
        runs[:, 0],
        runs[:, 1],
        s=9,
        color=style.colour,
        linewidths=0,
        rasterized=many,
    )
    ax.scatter(
        means[:, 0],
        means[:, 1],
        s=12 if many else 38,
        color=style.colour,
        marker=style.marker,
        edgecolors=INK,
        linewidths=0.6,
        zorder=3,
    )


def _draw_lines(ax: Axes, table: Table, axes: PlaneAxes, points: list[PlanePoint]) -> None:
    """One line per combination of the other axes, through the means along the axis that lines follow."""
    lines: dict[Any, list[PlanePoint]] = {}
    for point in points:
        colour = _style(table, axes, point.setting).colour
        others = other_levels(point.setting.levels, axes.line)
        lines.setdefault((colour, others), []).append(point)

    for (colour, _), group in lines.items():
        means = _means(group)
        ax.plot(means[:, 0], means[:, 1], color=colour, linewidth=0.8)


def _draw_frontier(ax: Axes, points: list[PlanePoint]) -> None:
    means = _means(points)
    frontier = means[pareto_frontier(means)]
    by_rate = frontier[np.argsort(frontier[:, 0])]
    ax.plot(
        by_rate[:, 0],
        by_rate[:, 1],
        color=INK,
        linewidth=1.4,
        linestyle="--",
        zorder=2,
    )


def _means(points: list[PlanePoint]) -> Array:
    """Mean rate and error of each point's setting, shape (points, 2)."""
    return np.array([point.mean for point in points]).reshape(-1, 2)


def pareto_frontier(points: Array) -> NDArray[np.bool_]:
    """Which points are on the Pareto frontier, where low is better in both coordinates.

    Args:
        points: Shape (N, 2).

    Returns:
        Shape (N,): true unless another point is as low in both coordinates and lower in one.
    """
    by_x_then_y = np.lexsort((points[:, 1], points[:, 0]))
    on_frontier = np.zeros(len(points), dtype=bool)
    lowest = math.inf
    last = (math.nan, math.nan)

    for index in by_x_then_y:
        x, y = points[index]
        # A point that equals the last one of the frontier is on it, too.
        if y < lowest or (x, y) == last:
            on_frontier[index] = True
            lowest = y
            last = (x, y)

    return on_frontier
