"""The plane that points are drawn in: coordinates of a dataset, or columns of a table in their own units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from swissroll.data import Points
from swissroll.data.column_names import shorten
from swissroll.report import plots, ticks
from swissroll.report.plots import Array, plane

MAX_NAMED_COLUMNS = 3
"""Most columns of a table that are drawn by themselves; of more, their principal components are."""
MARGIN = 0.06
"""Room around the points of a table, as a share of their range."""
MAX_COMPONENT_ROWS = 5000
"""Rows that principal components are found from."""

Range = tuple[float, float]


@dataclass(frozen=True)
class DataPlane:
    """A plane of the data.

    Attributes:
        project: Takes points of shape (N, D), as the model has them, to what is drawn, (N, 2), or (N, 1) along a line.
        xlabel, ylabel: Labels of the axes.
        caption: Which of the coordinates are drawn, in a sentence; empty where all are.
        extent: Half the side of a square about the origin with equal units.
        limits: Instead of the square: the range of each axis, which has units of its own.
    """

    project: Callable[[Array], Array]
    xlabel: str
    ylabel: str
    caption: str = ""
    extent: float = 1.0
    limits: tuple[Range, Range] | None = None

    def fix(self, ax: Axes, *, title: str = "") -> None:
        """Fix an axes to the plane."""
        if self.limits is None:
            plots.square(ax, self.extent, title=title, xlabel=self.xlabel, ylabel=self.ylabel)
            return
        across, up = self.limits
        ax.set(xlim=across, ylim=up, title=title, xlabel=self.xlabel, ylabel=self.ylabel)
        ticks.few_ticks(ax, 3)


def square_plane(points: Array, xlabel: str, ylabel: str) -> DataPlane:
    """The first and the last coordinate, in a square that holds all points, shape (N, D)."""
    farthest = float(np.abs(plane(points)).max())
    return DataPlane(project=lambda x: x, xlabel=xlabel, ylabel=ylabel, extent=1.15 * farthest)


def table_plane(table: Points, points: Array) -> DataPlane:
    """The plane of a table: its first two columns in data units, or the first two principal components.

    Args:
        table: The table.
        points: What is drawn of it, shape (N, D), in model coordinates.
    """
    if table.data_dim > MAX_NAMED_COLUMNS:
        return _component_plane(table, points)

    restore = table.standardization.restore

    def project(x: Array) -> Array:
        drawn: Array = restore(x)[:, :2]
        return drawn

    names = [shorten(name) for name in table.columns]
    caption = ""
    if table.data_dim == MAX_NAMED_COLUMNS:
        caption = f"Pictures show the first two of the table's three columns, {names[0]} and {names[1]}."
    return DataPlane(
        project=project,
        xlabel=names[0],
        ylabel=names[1] if len(names) > 1 else "",
        caption=caption,
        limits=_limits(project(points)),
    )


def _component_plane(table: Points, points: Array) -> DataPlane:
    """The first two principal components of the standardised training rows, in standard deviations of the columns."""
    rows = table.train[:MAX_COMPONENT_ROWS].double().numpy()
    centre = rows.mean(axis=0)
    _, spreads, directions = np.linalg.svd(rows - centre, full_matrices=False)
    shares = spreads**2 / (spreads**2).sum()

    # A direction and its opposite are the same: the largest loading is positive.
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    across = (signs[:, None] * directions)[:2].T

    def project(x: Array) -> Array:
        drawn: Array = (x - centre) @ across
        return drawn

    first, second = (f"principal component {k + 1} ({100 * shares[k]:.0f} %)" for k in range(2))
    return DataPlane(
        project=project,
        xlabel=first,
        ylabel=second,
        caption=(
            f"Pictures show the first two principal components of the table's {table.data_dim} standardised columns, "
            f"with {100 * shares[:2].sum():.0f} % of their variance."
        ),
        limits=_limits(project(points)),
    )


def _limits(drawn: Array) -> tuple[Range, Range]:
    ranges = []
    for values in drawn.T:
        low = float(values.min())
        high = float(values.max())
        room = MARGIN * (high - low) or 1.0
        ranges.append((low - room, high + room))
    return ranges[0], ranges[1] if len(ranges) > 1 else (-1.0, 1.0)
