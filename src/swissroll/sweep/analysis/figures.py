"""The figures of a sweep's numbers: rate against error, each axis against each metric, learning curves."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from swissroll.report.plots import BLUE, GREEN, INK, ORANGE, PURPLE, RED, Array, spread
from swissroll.runs.run import load
from swissroll.sweep.analysis.blocks import Setting, is_measured, settings
from swissroll.sweep.analysis.conclusions import shown
from swissroll.sweep.analysis.results import METRICS, Table
from swissroll.sweep.analysis.statistics import frontier, headline, interval

Line = Literal["-", "--", "-.", ":", ""]
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, "#56B4E9", "#808080")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
COLUMNS = 4
"""Most panels side by side that an axis's values get."""
CURVES = 24
"""Most settings whose learning curves are drawn."""
LINES: tuple[Line, ...] = ("-", "--", "-.", ":")
SEEDS = 5
"""Most seeds of a setting that its learning curve is read from."""
CURVE_POINTS = 60
VECTOR_DOTS = 1500
"""Above so many runs, dots are an image inside the figure."""
TERMS = {"mse": "squared error", "rate": "rate (nats a point)", "loss": "loss"}


@dataclass(frozen=True)
class Scale:
    """Where an axis's values stand in a figure: evenly by their logarithm, by themselves, or one after the other."""

    values: tuple[Any, ...]

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers."""
        return all(isinstance(v, int | float) for v in self.values)

    @cached_property
    def at(self) -> dict[Any, float]:
        """Position of each value."""
        if not self.ordered:
            return {v: float(i) for i, v in enumerate(self.values)}
        logarithm = min(self.values) > 0 and max(self.values) >= 8 * min(self.values)
        return {v: math.log10(v) if logarithm else float(v) for v in self.values}

    @cached_property
    def step(self) -> float:
        """Least distance between two values."""
        at = sorted(self.at.values())
        return min((b - a for a, b in pairwise(at)), default=1.0)

    def label(self, ax: Axes, name: str) -> None:
        """Mark the values on the horizontal axis, at most eight of them."""
        marked = spread(self.values, 8)
        texts = [shown(v) for v in marked]
        crowded = sum(map(len, texts)) > 28
        ax.set_xticks([self.at[v] for v in marked], texts, rotation=30 if crowded else 0, fontsize=8)
        low, high = min(self.at.values()), max(self.at.values())
        ax.set(xlabel=name, xlim=(low - 0.5 * self.step, high + 0.5 * self.step))


def roles(table: Table, taken: Iterable[str] = ()) -> tuple[str | None, str | None]:
    """The axis that colours tell apart, and the next one, among those not taken."""
    free = [a for a in table.axes if a not in taken]
    free.sort(key=lambda a: len(table.axes[a]) > len(COLOURS))
    return (free[0] if free else None), (free[1] if len(free) > 1 else None)


def plane_axes(table: Table) -> tuple[str | None, str | None, str | None]:
    """What tells settings apart in the plane of rate and error: the axis of colours, of shapes, and of lines.

    Beta trades one for the other, so lines follow it where it is an axis.
    """
    traced = "beta" if "beta" in table.axes else None
    colour, marker = roles(table, taken=(traced,) if traced and len(table.axes) > 1 else ())
    return colour, marker or (traced if traced != colour else None), traced


def rate_and_error(table: Table) -> Figure:
    """Rate against squared error: every run, each setting's mean, and the frontier of the means."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    ax = figure.subplots()
    colour_axis, marker_axis, traced = plane_axes(table)
    points, lines = plane_points(table), dict[Any, list[Array]]()
    styled: dict[tuple[str, str], list[tuple[Array, Array]]] = {}
    for setting, runs, mean in points:
        colour = COLOURS[_index(table, colour_axis, setting) % len(COLOURS)]
        marker = MARKERS[_index(table, marker_axis, setting) % len(MARKERS)]
        styled.setdefault((colour, marker), []).append((runs, mean))
        place = tuple(v for a, v in setting.place.items() if a != traced)
        lines.setdefault((colour, place), []).append(mean)
    for (colour, marker), found in styled.items():
        _cloud(ax, [runs for runs, _ in found], [mean for _, mean in found], colour, marker)
    for (colour, _), means in lines.items() if traced and len(points) <= VECTOR_DOTS // 10 else ():
        ax.plot(*np.array(means).T, color=colour, linewidth=0.8, alpha=0.6)
    _draw_frontier(ax, points)
    ax.set(xlabel="rate (nats a point)", ylabel="squared error (squared data units)")
    _logarithmic([ax])
    handles = [
        *_legend(table, colour_axis, COLOURS, ("o",)),
        *_legend(table, marker_axis, (INK,), MARKERS),
        Line2D([], [], color=INK, linewidth=1.4, linestyle="--", label="frontier"),
    ]
    figure.legend(handles=handles, loc="outside right upper", fontsize=8)
    return figure


def _cloud(ax: Axes, runs: list[Array], means: list[Array], colour: str, marker: str) -> None:
    """The runs and means of the settings of one colour and shape."""
    x, mean, many = np.concatenate(runs), np.array(means), len(means) > VECTOR_DOTS // 10
    ax.scatter(x[:, 0], x[:, 1], s=9, color=colour, alpha=0.5, linewidths=0, rasterized=many)
    size = 12 if many else 38
    ax.scatter(mean[:, 0], mean[:, 1], s=size, color=colour, marker=marker, edgecolors=INK, linewidths=0.6, zorder=3)


def plane_points(table: Table) -> list[tuple[Setting, Array, Array]]:
    """Each setting with its runs' rate and error, shape (runs, 2), and their mean, shape (2,)."""
    found = []
    for setting in settings(table):
        rows = [r for r in setting.finished if is_measured(r, "rate") and is_measured(r, "mse")]
        if rows:
            runs = np.array([[r.values["rate"], r.values["mse"]] for r in rows])
            found.append((setting, runs, runs.mean(axis=0)))
    return found


def on_frontier(table: Table) -> list[Setting]:
    """The settings whose mean rate and error no other setting's both reach, by rising rate."""
    points = plane_points(table)
    means = np.array([mean for _, _, mean in points]).reshape(-1, 2)
    chosen = [points[i] for i in np.flatnonzero(frontier(means))]
    return [setting for setting, _, mean in sorted(chosen, key=lambda p: float(p[2][0]))]


def axis_metrics(table: Table) -> list[str]:
    """The metrics that each axis is drawn against."""
    there = {name for row in table.rows for name in row.values if is_measured(row, name)}
    return [*headline(table), *(name for name in ("rate", "active") if name in there)]


def against_axis(table: Table, axis: str) -> Figure:
    """An axis against each metric: every run as a dot, means and 95 % intervals over seeds.

    A second axis is told apart by colour; a third has a column of panels for each of its values.
    """
    metrics = axis_metrics(table)
    colour_axis, column_axis = roles(table, taken=(axis,))
    columns = spread(table.axes[column_axis], COLUMNS) if column_axis else [None]
    across = len(columns) if column_axis else min(3, len(metrics))
    down = math.ceil(len(metrics) * len(columns) / across)
    figure = Figure(figsize=(9, 1.75 * down + 0.5), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, sharey="row" if column_axis else False).ravel()
    scale = Scale(_with_runs(table, axis))
    lines = table.axes[colour_axis] if colour_axis else (None,)
    for index, (metric, column) in enumerate((m, c) for m in metrics for c in columns):
        ax, kept = axes[index], {column_axis: column} if column_axis else {}
        _panel(ax, metric, scale, lines, _by_seed(table, metric, (axis, colour_axis), kept))
        if column_axis is None or index % across == 0:
            ax.set_ylabel(_short(metric), fontsize=8)
        if column_axis and index < across:
            ax.set_title(f"{column_axis} {shown(column)}")
        if column_axis is None or index >= len(axes) - across:
            scale.label(ax, axis)
        else:
            scale.label(ax, "")
            ax.tick_params(labelbottom=False)
    for ax in axes[len(metrics) * len(columns) :]:
        ax.set_visible(False)
    if colour_axis:
        handles = _legend(table, colour_axis, COLOURS, MARKERS)[1:]
        figure.legend(handles=handles, loc="outside upper center", ncols=8, title=colour_axis, fontsize=8)
    return figure


def learning_curves(table: Table) -> Figure:
    """Held-out error, rate and loss against the step: median over seeds, with the band of all seeds."""
    colour_axis, _ = roles(table)
    rows = _curve_rows(table, colour_axis)
    figure = Figure(figsize=(9, 2.1 * len(rows) + 0.5), layout="constrained")
    axes = figure.subplots(len(rows), len(TERMS), squeeze=False, sharex="col", sharey="col")
    for across, (name, group) in zip(axes, rows.items(), strict=True):
        for setting in group:
            style = _index(table, colour_axis, setting)
            for ax, (steps, values) in zip(across, _histories(table, setting), strict=True):
                _curve(ax, steps, values, COLOURS[style % len(COLOURS)], LINES[style % len(LINES)])
        across[0].set_ylabel(name, fontsize=8)
    for column, term in zip(axes.T, TERMS, strict=True):
        column[0].set_title(TERMS[term])
        column[-1].set_xlabel("step")
        if term != "rate":
            _logarithmic(column)
    if colour_axis:
        handles = _legend(table, colour_axis, COLOURS, ("",), lines=True)[1:]
        figure.legend(handles=handles, loc="outside upper center", ncols=8, title=colour_axis, fontsize=8)
    return figure


def _logarithmic(axes: Iterable[Axes]) -> None:
    """Draw decades as such where axes that share their scale span one."""
    ends = np.array([ax.dataLim.intervaly for ax in axes if ax.has_data()])
    for ax in axes if len(ends) and 0 < 10 * ends.min() < ends.max() else ():
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())


def curve_settings(table: Table) -> list[Setting]:
    """The settings whose learning curves are drawn."""
    return [setting for group in _curve_rows(table, roles(table)[0]).values() for setting in group]


def _curve_rows(table: Table, colour_axis: str | None) -> dict[str, list[Setting]]:
    """Settings by what they have in common besides the colour's axis; at most :data:`CURVES` of them."""
    groups: dict[str, list[Setting]] = {}
    values = spread(table.axes[colour_axis], len(COLOURS)) if colour_axis else []
    for setting in filter(lambda s: s.finished, settings(table)):
        place = dict(setting.place)
        if colour_axis and place.pop(colour_axis) not in values:
            continue
        groups.setdefault("\n".join(f"{a} {shown(v)}" for a, v in place.items()), []).append(setting)
    most = max(1, CURVES // max(map(len, groups.values()), default=1))
    return {name: groups[name] for name in spread(list(groups), min(most, 6))}


def _histories(table: Table, setting: Setting) -> list[tuple[list[int], Array]]:
    """For each term, the steps at which every seed was measured, and the values, shape (seeds, steps)."""
    histories = [load(table.folder / "runs" / row.name).history for row in setting.finished[:SEEDS]]
    found = []
    for term in TERMS:
        series = [dict(zip(h.step.tolist(), h[f"held_out_{term}"].tolist(), strict=True)) for h in histories]
        series = [{step: v for step, v in one.items() if math.isfinite(v)} for one in series]
        common = sorted(set.intersection(*map(set, series))) if series else []
        steps = spread(common, CURVE_POINTS)
        found.append((steps, np.array([[one[step] for step in steps] for one in series])))
    return found


def _curve(ax: Axes, steps: list[int], values: Array, colour: str, line: Line) -> None:
    if steps:
        ax.plot(steps, np.median(values, axis=0), color=colour, linestyle=line, linewidth=1.1)
        ax.fill_between(steps, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.2, linewidth=0)


def _panel(
    ax: Axes, metric: str, scale: Scale, lines: Sequence[Any], found: dict[Any, dict[Any, dict[int, float]]]
) -> None:
    """One metric against one axis: every run, and means with intervals, a colour for each of the lines."""
    everything = np.array([v for cells in found.values() for c in cells.values() for v in c.values()])
    window = _window(ax, everything, logarithmic=_spans_decades(metric, everything))
    for index, value in enumerate(lines):
        cells = {v: found[value][v] for v in scale.values if v in found.get(value, {})}
        if not cells:
            continue
        offset = scale.step * 0.6 * ((index + 0.5) / len(lines) - 0.5)
        aside = scale.step * 0.15 / len(lines)
        x = np.array([scale.at[v] + offset - aside for v, c in cells.items() for _ in c])
        y = np.array([v for c in cells.values() for v in c.values()])
        colour = COLOURS[index % len(COLOURS)]
        _dots(ax, x, y, window, colour)
        means = {scale.at[v] + offset + aside: interval(list(c.values())) for v, c in cells.items()}
        _means(ax, means, window, colour, MARKERS[index % len(MARKERS)], joined=scale.ordered)


def _spans_decades(metric: str, values: Array) -> bool:
    return metric != "rate" and len(values) > 0 and values.min() > 0 and values.max() > 30 * values.min()


def _with_runs(table: Table, axis: str) -> tuple[Any, ...]:
    """The axis's values that some finished run has."""
    there = {row.setting[axis] for row in table.rows if row.status == "finished"}
    return tuple(v for v in table.axes[axis] if v in there)


def _by_seed(
    table: Table, metric: str, axes: tuple[str, str | None], kept: dict[str, Any]
) -> dict[Any, dict[Any, dict[int, float]]]:
    """A metric by colour, value and seed; the mean over whatever axes are left."""
    found: dict[Any, dict[Any, dict[int, list[float]]]] = {}
    for row in table.rows:
        if not is_measured(row, metric) or any(row.setting[a] != v for a, v in kept.items()):
            continue
        value, colour = (row.setting[a] if a else None for a in axes)
        found.setdefault(colour, {}).setdefault(value, {}).setdefault(row.config.seed, []).append(row.values[metric])
    return {
        colour: {value: {s: float(np.mean(v)) for s, v in seeds.items()} for value, seeds in cells.items()}
        for colour, cells in found.items()
    }


def _window(ax: Axes, values: Array, *, logarithmic: bool) -> tuple[float, float]:
    """Bounds of what is drawn: a few far values must not squeeze the others. Decades are drawn as such."""
    if not len(values):
        return -math.inf, math.inf
    if logarithmic:
        ax.set_yscale("log")
        return -math.inf, math.inf
    first, last = np.quantile(values, [0.1, 0.9])
    reach = 3 * (last - first) or math.inf
    return float(first - reach), float(last + reach)


def _dots(ax: Axes, x: Array, y: Array, window: tuple[float, float], colour: str) -> None:
    """Every run; those beyond the window as triangles at its edge."""
    inside = (y >= window[0]) & (y <= window[1])
    many = len(y) > VECTOR_DOTS // 10
    ax.scatter(x[inside], y[inside], s=9, color=colour, alpha=0.6, linewidths=0, rasterized=many)
    for beyond, edge, marker in ((y > window[1], window[1], "^"), (y < window[0], window[0], "v")):
        if beyond.any():
            ax.scatter(x[beyond], np.full(beyond.sum(), edge), s=14, color=colour, marker=marker, linewidths=0)


def _means(
    ax: Axes, means: dict[float, Any], window: tuple[float, float], colour: str, marker: str, *, joined: bool
) -> None:
    drawn = {x: m for x, m in means.items() if window[0] <= m.mean <= window[1]}
    if not drawn:
        return
    y = np.array([m.mean for m in drawn.values()])
    ends = np.zeros((2, len(drawn)))
    for i, m in enumerate(drawn.values()):
        if m.n > 1:
            ends[:, i] = m.mean - max(m.low, window[0]), min(m.high, window[1]) - m.mean
    line = "-" if joined else ""
    ax.errorbar(
        list(drawn),
        y,
        ends,
        color=colour,
        marker=marker,
        markersize=4,
        linestyle=line,
        linewidth=1,
        capsize=2,
        elinewidth=0.8,
    )


def _draw_frontier(ax: Axes, points: list[tuple[Setting, Array, Array]]) -> None:
    means = np.array([mean for _, _, mean in points]).reshape(-1, 2)
    front = means[frontier(means)]
    front = front[np.argsort(front[:, 0])]
    ax.plot(front[:, 0], front[:, 1], color=INK, linewidth=1.4, linestyle="--", zorder=2)


def _index(table: Table, axis: str | None, setting: Setting) -> int:
    return 0 if axis is None else table.axes[axis].index(setting.place[axis])


def _legend(
    table: Table, axis: str | None, colours: Sequence[str], markers: Sequence[str], *, lines: bool = False
) -> list[Line2D]:
    """A heading and an entry for each value of an axis."""
    if axis is None:
        return []
    entries = [Line2D([], [], linestyle="", label=axis)]
    for i, value in enumerate(table.axes[axis]):
        line: Line = LINES[i % len(LINES)] if lines else ""
        colour, marker = colours[i % len(colours)], markers[i % len(markers)]
        entries.append(Line2D([], [], color=colour, marker=marker, linestyle=line, markersize=5, label=shown(value)))
    return entries


def _short(metric: str) -> str:
    name, unit, _ = METRICS[metric]
    return textwrap.fill(name, 24) + (f"\n({unit})" if unit else "")
