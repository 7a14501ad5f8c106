"""Where the axes of a figure lie, in inches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LABELS = 0.72
"""Room for the labels of a vertical axis."""
TWO_LINES = 0.95
"""The same, where its title takes two lines."""
GAP = 0.2
"""Room between two axes where the second has no labels."""
COLOUR_BAR = 0.95
"""Room for a colour bar with its labels."""


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
