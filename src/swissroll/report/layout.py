"""Where the axes of a figure lie, in inches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from swissroll.report.colours import COORDINATE

LABELS = 0.72
"""Room for the labels of a vertical axis."""
TWO_LINES = 0.95
"""The same, where its title takes two lines."""
GAP = 0.2
"""Room between two axes where the second has no labels."""
COLOUR_BAR = 0.95
"""Room for a colour bar with its labels."""
MAX_ACROSS = 4
"""Most axes in a row of a grid as wide as a page."""
PANEL_BELOW = 0.48
"""Room below each axes of a grid."""
TITLE = 0.32
"""Room for the title above each axes of a grid."""
CATEGORIES = 1.45
"""Room for a legend of categories."""
MAX_CATEGORIES = 12
"""Most categories in a legend."""
MAX_CATEGORY = 16
"""Longest name of a category in a legend."""


def row(
    width: float,
    gaps: Sequence[float],
    *,
    height: float = 0.0,
    right: float = 0.18,
    below: float = 0.5,
    above: float = 0.32,
) -> tuple[Figure, list[Axes]]:
    """A figure with equal axes in a row. They are square unless a height is given.

    Places that are found by measuring the labels would take as long as drawing, so they are given. All are in inches.

    Args:
        width: Of the figure.
        gaps: Room to the left of each of the axes.
        height: Of the figure; 0 for square axes.
        right: Room to the right of the last axes.
        below: Room below all axes.
        above: Room above all axes.
    """
    axes_width = (width - sum(gaps) - right) / len(gaps)
    height = height or axes_width + below + above
    figure = Figure(figsize=(width, height))

    # The k-th axes has k + 1 gaps and k axes to its left.
    lefts = np.cumsum(gaps) + axes_width * np.arange(len(gaps))
    axes_height = 1 - (below + above) / height
    axes = [figure.add_axes((left / width, below / height, axes_width / width, axes_height)) for left in lefts]

    return figure, axes


def panels(width: float, count: int, *, across: int, height: float = 1.35) -> tuple[Figure, list[Axes]]:
    """A figure with so many equal axes in rows of at most ``across``, without labels at their left.

    Args:
        width: Of the figure, in inches.
        count: Number of axes.
        across: Most axes in a row.
        height: Of each axes, in inches.
    """
    rows = -(-count // across)
    each = height + PANEL_BELOW + GAP / 2
    axes_width = (width - (across + 1) * GAP) / across
    figure = Figure(figsize=(width, rows * each))
    axes = []
    for place in range(count):
        line, column = divmod(place, across)
        left = GAP + column * (axes_width + GAP)
        bottom = (rows - 1 - line) * each + PANEL_BELOW
        bounds = (left / width, bottom / (rows * each), axes_width / width, height / (rows * each))
        axes.append(figure.add_axes(bounds))
    return figure, axes


def square_grid(width: float, *, across: int, down: int, above: float) -> tuple[Figure, list[list[Axes]]]:
    """A figure with square axes in rows, each with room for its own title and labels, and the axes of each row.

    Args:
        width: Of the figure, in inches.
        across: Axes in a row.
        down: Rows.
        above: Room above the first row, in inches.
    """
    side = width / across - LABELS - GAP
    each = side + PANEL_BELOW + TITLE
    height = above + down * each
    figure = Figure(figsize=(width, height))
    rows = []
    for line in range(down):
        bottom = (down - 1 - line) * each + PANEL_BELOW
        lefts = [column * width / across + LABELS for column in range(across)]
        bounds = [(left / width, bottom / height, side / width, side / height) for left in lefts]
        rows.append([figure.add_axes(each_bounds) for each_bounds in bounds])
    return figure, rows


def hide_labels_of_y(ax: Axes) -> None:
    """Leave out labels that the axes on the left has."""
    ax.set_ylabel("")
    ax.tick_params(labelleft=False)


def add_colour_bar(figure: Figure, ax: Axes, colours: Any, *, label: str = "t") -> None:
    """Put a colour bar to the right of an axes.

    Args:
        figure: The figure.
        ax: One of its axes.
        colours: What was drawn there in colours, as :func:`swissroll.report.plots.coloured` returns it.
        label: What the colours stand for.
    """
    bar = ax.inset_axes((1.04, 0, 0.045, 1))
    figure.colorbar(colours, cax=bar, label=label)


def add_category_legend(ax: Axes, categories: Sequence[str], *, title: str) -> None:
    """Put a legend of categories to the right of an axes, in the colours that their numbers have there."""
    last = max(1, len(categories) - 1)
    handles = []
    for number, name in enumerate(categories[:MAX_CATEGORIES]):
        short = name if len(name) <= MAX_CATEGORY else name[: MAX_CATEGORY - 1] + "…"
        mark: Any = {"marker": "o", "linestyle": "", "markersize": 4}
        handles.append(Line2D([], [], color=COORDINATE(number / last), label=short, **mark))
    if len(categories) > MAX_CATEGORIES:
        handles.append(Line2D([], [], linestyle="", label=f"and {len(categories) - MAX_CATEGORIES} more"))
    ax.legend(handles=handles, title=title, loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, title_fontsize=8)
