"""What the figures of a sweep share: which axis is shown by colour, shape or position, and the legend that says so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from swissroll.report.colours import LEVELS
from swissroll.runs.selection import spread
from swissroll.sweep.analysis.blocks import Setting
from swissroll.sweep.analysis.formatting import format_value
from swissroll.sweep.analysis.results import Table

LineStyle = Literal["-", "--", "-.", ":", ""]
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINE_STYLES: tuple[LineStyle, ...] = ("-", "--", "-.", ":")
MAX_TICKS = 8
"""Most levels of an axis that are marked under a figure."""
MAX_VECTOR_DOTS = 150
"""More dots of one style than this are an image inside the figure, so that the page stays small."""


class FreeAxes(NamedTuple):
    """Two axes of a sweep that a figure may still use; None where there is no such axis."""

    first: str | None
    second: str | None


def free_axes(table: Table, taken: Iterable[str] = ()) -> FreeAxes:
    """The axis that colours should tell apart, and the next one, among those that are not taken."""
    free = [axis for axis in table.axes if axis not in taken]
    # Axes with more levels than there are colours come last.
    free.sort(key=lambda axis: len(table.axes[axis]) > len(LEVELS))
    padded: list[str | None] = [*free, None, None]
    return FreeAxes(padded[0], padded[1])


def level_index(table: Table, axis: str | None, setting: Setting) -> int:
    """The place of a setting's level among those of an axis; 0 without an axis."""
    if axis is None:
        return 0
    return table.axes[axis].index(setting.levels[axis])


@dataclass(frozen=True)
class PositionScale:
    """Where the levels of an axis stand in a figure.

    Numbers stand at their value, or at its logarithm if they are positive and span a factor of 8; other levels stand
    one after the other.
    """

    levels: tuple[Any, ...]

    @property
    def numeric(self) -> bool:
        """Whether the levels are numbers."""
        return all(isinstance(level, int | float) for level in self.levels)

    @cached_property
    def positions(self) -> dict[Any, float]:
        """The position of each level."""
        if not self.numeric:
            return {level: float(i) for i, level in enumerate(self.levels)}

        lowest = min(self.levels)
        if lowest > 0 and max(self.levels) >= 8 * lowest:
            return {level: math.log10(level) for level in self.levels}
        return {level: float(level) for level in self.levels}

    @cached_property
    def step(self) -> float:
        """Least distance between two levels."""
        ordered = sorted(self.positions.values())
        return min((after - before for before, after in pairwise(ordered)), default=1.0)

    def draw_ticks(self, ax: Axes, name: str) -> None:
        """Mark the levels on the horizontal axis."""
        marked = spread(self.levels, MAX_TICKS)
        positions = [self.positions[level] for level in marked]
        texts = [format_value(level) for level in marked]
        crowded = sum(map(len, texts)) > 28

        ax.set_xticks(positions, texts, rotation=30 if crowded else 0, fontsize=8)

        low = min(self.positions.values()) - 0.5 * self.step
        high = max(self.positions.values()) + 0.5 * self.step
        ax.set(xlabel=name, xlim=(low, high))


def legend_entries(
    table: Table,
    axis: str | None,
    *,
    colours: Sequence[str] = LEVELS,
    markers: Sequence[str] = ("",),
    line_styles: Sequence[LineStyle] = ("",),
) -> list[Line2D]:
    """One legend entry per level of an axis, with the style that its index gives it; none without an axis."""
    if axis is None:
        return []

    entries = []
    for i, level in enumerate(table.axes[axis]):
        entry = Line2D(
            [],
            [],
            color=colours[i % len(colours)],
            marker=markers[i % len(markers)],
            linestyle=line_styles[i % len(line_styles)],
            markersize=5,
            label=format_value(level),
        )
        entries.append(entry)
    return entries


def legend_heading(axis: str | None) -> list[Line2D]:
    """A legend entry without a mark that names an axis; none without an axis."""
    return [] if axis is None else [Line2D([], [], linestyle="", label=axis)]


def draw_decades(axes: Iterable[Axes]) -> None:
    """Make the vertical scale of axes logarithmic if together they show positive values that span a factor of 10."""
    drawn = list(axes)
    ends = np.array([ax.dataLim.intervaly for ax in drawn if ax.has_data()])
    if not len(ends):
        return

    if 0 < 10 * ends.min() < ends.max():
        for ax in drawn:
            ax.set_yscale("log")
            ax.yaxis.set_minor_formatter(NullFormatter())
