"""The figure of learning curves: held-out error, rate and loss of each setting against the step."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from swissroll.evaluation.measures import axis_label
from swissroll.report.colours import LEVELS
from swissroll.report.plots import Array
from swissroll.runs.run import load
from swissroll.runs.selection import spread
from swissroll.sweep.analysis.blocks import Setting, settings
from swissroll.sweep.analysis.formatting import format_setting
from swissroll.sweep.analysis.results import Table
from swissroll.sweep.analysis.styles import (
    LINE_STYLES,
    LineStyle,
    draw_decades,
    free_axes,
    legend_entries,
    level_index,
)

MAX_DRAWN_CURVES = 24
"""Most settings whose learning curves are drawn."""
MAX_ROWS = 6
MAX_SEEDS = 5
"""Most seeds of a setting that its learning curve is read from."""
MAX_STEPS = 60
"""Most steps that a curve is drawn through."""
TERMS = ("mse", "rate", "loss")
"""The held-out columns of history.csv that are drawn."""


class _Curve(NamedTuple):
    """One term of a setting.

    Attributes:
        steps: The steps at which every seed was measured.
        values: The term, shape (seeds, steps).
    """

    steps: list[int]
    values: Array


def draw_learning_curves(table: Table) -> Figure:
    """Held-out error, rate and loss against the step: median over seeds, with the band of all seeds."""
    colour_axis = free_axes(table).first
    rows = _curve_rows(table, colour_axis)
    figure = Figure(figsize=(9, 2.1 * len(rows) + 0.5), layout="constrained")
    axes = figure.subplots(len(rows), len(TERMS), squeeze=False, sharex="col", sharey="col")

    for across, (name, group) in zip(axes, rows.items(), strict=True):
        across[0].set_ylabel(name, fontsize=8)
        for setting in group:
            index = level_index(table, colour_axis, setting)
            colour = LEVELS[index % len(LEVELS)]
            line_style = LINE_STYLES[index % len(LINE_STYLES)]
            for ax, curve in zip(across, _curves(table, setting), strict=True):
                _draw_curve(ax, curve, colour, line_style)

    for column, term in zip(axes.T, TERMS, strict=True):
        column[0].set_title(axis_label(table.measure(term), 36))
        column[-1].set_xlabel("step")
        if term != "rate":
            draw_decades(column)

    if colour_axis is not None:
        handles = legend_entries(table, colour_axis, line_styles=LINE_STYLES)
        figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=8,
            title=colour_axis,
            fontsize=8,
        )
    return figure


def drawn_settings(table: Table) -> list[Setting]:
    """The settings whose learning curves are drawn."""
    rows = _curve_rows(table, free_axes(table).first)
    return list(chain.from_iterable(rows.values()))


def _curve_rows(table: Table, colour_axis: str | None) -> dict[str, list[Setting]]:
    """Settings in one row of panels per setting of the axes other than the colours'."""
    colour_levels: list[Any] = []
    if colour_axis is not None:
        colour_levels = spread(table.axes[colour_axis], len(LEVELS))

    groups: dict[str, list[Setting]] = {}
    for setting in settings(table):
        others: dict[str, Any] = dict(setting.levels)
        has_colour = colour_axis is None or others.pop(colour_axis) in colour_levels
        if setting.finished and has_colour:
            groups.setdefault(format_setting(others, "\n"), []).append(setting)

    largest = max(map(len, groups.values()), default=1)
    most = max(1, MAX_DRAWN_CURVES // largest)
    chosen = spread(list(groups), min(most, MAX_ROWS))
    return {name: groups[name] for name in chosen}


def _curves(table: Table, setting: Setting) -> list[_Curve]:
    """The curve of each term."""
    rows = setting.finished[:MAX_SEEDS]
    histories = [load(table.folder / "runs" / row.name).history for row in rows]

    curves = []
    for term in TERMS:
        series = [_finite_values(history, f"held_out_{term}") for history in histories]
        curves.append(_common_steps(series))
    return curves


def _finite_values(history: Any, column: str) -> dict[int, float]:
    """The finite values of a column of history.csv, by step."""
    found = {}
    for step, value in zip(history.step.tolist(), history[column].tolist(), strict=True):
        if math.isfinite(value):
            found[step] = value
    return found


def _common_steps(series: list[dict[int, float]]) -> _Curve:
    """The values of several seeds at the steps that all of them have."""
    if not series:
        return _Curve([], np.zeros((0, 0)))

    common = sorted(set.intersection(*map(set, series)))
    steps = spread(common, MAX_STEPS)
    values = [[values[step] for step in steps] for values in series]
    return _Curve(steps, np.array(values))


def _draw_curve(ax: Axes, curve: _Curve, colour: str, line_style: LineStyle) -> None:
    if not curve.steps:
        return

    median = np.median(curve.values, axis=0)
    lowest = curve.values.min(axis=0)
    highest = curve.values.max(axis=0)

    ax.plot(curve.steps, median, color=colour, linestyle=line_style, linewidth=1.1)
    ax.fill_between(curve.steps, lowest, highest, facecolor=to_rgba(colour, 0.2), edgecolor=colour, linewidth=0.4)
