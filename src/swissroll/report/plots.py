"""Pictures. Each function takes arrays and an ``Axes`` and draws; none opens a window."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection, PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import FixedFormatter, FixedLocator
from numpy.typing import NDArray

from swissroll.report.colours import COORDINATE, DATA, POSTERIOR, REFERENCE
from swissroll.report.principal_axes import principal_axes
from swissroll.report.style import house_style
from swissroll.report.ticks import few_ticks

Array = NDArray[np.floating[Any]]

MAX_DRAWN_STD = 20.0
"""Standard deviation, in units of the prior's, above which a posterior is drawn no wider."""
MIN_DRAWN_LOGVAR = -20.0
"""Log-variance below which an ellipse is drawn no smaller."""
HISTOGRAM_BINS = 40
LEGEND_ROOM = 0.09
"""Share of a histogram's height that each entry of its legend takes."""


class ShownFigure(Figure):
    """A figure that a notebook shows where it is made, and not once more as the result of that cell.

    It is drawn in the house style, too: ticks are made, and colours of the ground chosen, only then.
    """

    def draw(self, renderer: Any) -> None:
        """Draw it, whatever the settings of matplotlib are by then."""
        with house_style():
            super().draw(renderer)

    def savefig(self, *arguments: Any, **options: Any) -> None:
        """Save it, with the arguments of matplotlib's own method."""
        with house_style():
            super().savefig(*arguments, **options)

    def show_here(self) -> None:
        """Show the figure, where this runs in a notebook."""
        ipython = _ipython()
        if ipython is not None:
            self._shown_in = ipython.execution_count
            self._display()

    def _ipython_display_(self) -> None:
        ipython = _ipython()
        if ipython is None or ipython.execution_count != getattr(self, "_shown_in", None):
            self._display()

    def _display(self) -> None:
        from IPython.display import display

        picture = BytesIO()
        self.savefig(picture, format="png", bbox_inches="tight")
        display({"image/png": picture.getvalue(), "text/plain": repr(self)}, raw=True)  # type: ignore[no-untyped-call]


def _ipython() -> Any:
    """The running notebook's shell, if there is one that shows pictures."""
    module = sys.modules.get("IPython")
    if module is None:
        return None

    shell = module.get_ipython()
    return shell if hasattr(shell, "kernel") else None


def plane(x: Array) -> Array:
    """The first and the last column, which show a helix from its side; a single column is laid along a line."""
    if x.shape[1] == 1:
        zeros = np.zeros(len(x))
        return np.column_stack([x[:, 0], zeros])

    return x[:, [0, -1]]


def points(ax: Axes, x: Array, *, colour: str, label: str | None = None, size: float = 6) -> PathCollection:
    """Scatter points of shape (N, D): the first and the last coordinate, or the only one along a line; returns them."""
    shown = plane(x)
    return ax.scatter(
        shown[:, 0],
        shown[:, 1],
        s=size,
        c=colour,
        linewidths=0,
        label=label,
        rasterized=True,
    )


def coloured(ax: Axes, x: Array, t: Array | None, *, colour: str = DATA, size: float = 6) -> PathCollection:
    """Scatter points of shape (N, D), coloured by t, shape (N,); returns what a colour bar needs.

    Points without a t have one colour.
    """
    if t is None:
        return points(ax, x, colour=colour, size=size)

    shown = plane(x)
    return ax.scatter(
        shown[:, 0],
        shown[:, 1],
        s=size,
        c=t,
        cmap=COORDINATE,
        linewidths=0,
        rasterized=True,
    )


def pairs(ax: Axes, x: Array, recon_x: Array) -> None:
    """Join every point, shape (N, D), to its reconstruction, shape (N, D), by a line."""
    # Shape (N, 2, 2): a line for each point, from the point to its reconstruction, in the plane.
    lines = np.stack([plane(x), plane(recon_x)], axis=1)

    collection = LineCollection(
        list(lines),
        colors=REFERENCE,
        linewidths=0.4,
        rasterized=True,
        # Below the points.
        zorder=0,
    )
    ax.add_collection(collection)


def ellipses(
    ax: Axes,
    mu: Array,
    logvar: Array,
    t: Array | None = None,
    *,
    colour: str = POSTERIOR,
    correlation: Array | None = None,
) -> None:
    """Draw 1-sigma ellipses of Gaussians.

    Args:
        ax: Where to draw.
        mu: Means, shape (N, L).
        logvar: Log-variances, shape (N, L).
        t: What colours them, shape (N,); by default all have one colour.
        colour: That one colour.
        correlation: Of the two drawn coordinates in each, shape (N,); by default there is none.
    """
    # An ellipse far wider than the axes would take Agg forever, and shows nothing.
    max_logvar = 2 * np.log(MAX_DRAWN_STD)
    drawn_logvar = np.clip(plane(logvar), MIN_DRAWN_LOGVAR, max_logvar)
    stds = np.exp(0.5 * drawn_logvar)
    if correlation is None:
        correlation = np.zeros(len(mu))
    half_axes, angles = principal_axes(stds, correlation)
    colours: Any = colour
    if t is not None:
        # From the smallest t to the largest.
        colours = COORDINATE(Normalize()(t))

    collection = EllipseCollection(
        2 * half_axes[:, 0],
        2 * half_axes[:, 1],
        angles,
        units="xy",
        offsets=plane(mu),
        offset_transform=ax.transData,
        edgecolors=colours,
        facecolors="none",
        linewidths=0.7,
        rasterized=True,
    )
    ax.add_collection(collection)


def ring(
    ax: Axes,
    mean: Sequence[float] | Array,
    std: Sequence[float] | Array,
    radius: float,
    *,
    correlation: float = 0.0,
    colour: str,
    line: str,
    width: float = 1.0,
) -> None:
    """Draw a Gaussian in the plane as an ellipse at so many standard deviations."""
    half_axes, angles = principal_axes(np.asarray([std]), np.asarray([correlation]))
    ellipse = Ellipse(
        (mean[0], mean[1]),
        2 * radius * half_axes[0, 0],
        2 * radius * half_axes[0, 1],
        angle=angles[0],
        fill=False,
        edgecolor=colour,
        linewidth=width,
        linestyle=line,
    )
    ax.add_patch(ellipse)


def prior_rings(
    ax: Axes,
    *,
    mean: Sequence[float] = (0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0),
) -> None:
    """Draw rings at 1, 2 and 3 standard deviations of a Gaussian in the plane; by default, of N(0, I)."""
    for radius in (1, 2, 3):
        ring(ax, mean, std, radius, colour=REFERENCE, line="--", width=0.8)


class Series(NamedTuple):
    """Numbers that are drawn as one line.

    Attributes:
        values: The numbers, shape (N,).
        colour: Of the line.
        line: Its style, as matplotlib names it.
    """

    values: Array
    colour: str
    line: str = "-"


def curves(ax: Axes, step: Array, lines: dict[str, Series], *, ylabel: str) -> None:
    """Draw one or more series against the step, shape (N,); entries that are not finite are left out."""
    for label, (values, colour, line) in lines.items():
        finite = np.isfinite(values)
        # One point makes no line, so it gets a marker.
        marker = "o" if finite.sum() == 1 else None

        ax.plot(
            step[finite],
            values[finite],
            marker=marker,
            label=label,
            color=colour,
            linestyle=line,
            linewidth=1.1,
            markersize=3,
        )

    few_ticks(ax)
    ax.set(xlabel="step", ylabel=ylabel)


def histograms(ax: Axes, lines: dict[str, Series], *, xlabel: str, from_zero: bool = True) -> None:
    """Draw the distributions of one or more series as outlines over common bins, which begin at 0 or hold it."""
    finite: dict[str, Array] = {}
    for label, series in lines.items():
        finite[label] = series.values[np.isfinite(series.values)]

    # With a 0, since no bins can be found for no numbers.
    pooled = np.concatenate(list(finite.values()))
    if from_zero or not len(pooled):
        pooled = np.append(pooled, 0.0)
    bins = np.histogram_bin_edges(pooled, bins=HISTOGRAM_BINS).tolist()

    for label, (_, colour, line) in lines.items():
        ax.hist(
            finite[label],
            bins=bins,
            histtype="step",
            density=True,
            label=label,
            color=colour,
            linestyle=line,
            linewidth=1.2,
        )

    _, highest = ax.get_ylim()
    room_for_legend = 1 + LEGEND_ROOM * len(finite)
    ax.set(xlabel=xlabel, ylabel="density", ylim=(0, highest * room_for_legend))
    few_ticks(ax)
    ax.legend(fontsize=7, loc="upper right")


def along(ax: Axes, t: Array, mu: Array, sigma: Array, *, colour: str | Array) -> Any:
    """Draw one latent coordinate with 1-sigma bars against a coordinate of the points.

    Args:
        ax: Where to draw.
        t: The points' coordinate, shape (N,).
        mu: Means, shape (N,).
        sigma: Standard deviations, shape (N,).
        colour: Of all points; or what colours them, shape (N,).

    Returns:
        What a colour bar needs.
    """
    drawn_sigma = np.minimum(sigma, MAX_DRAWN_STD)
    low = mu - drawn_sigma
    high = mu + drawn_sigma
    # Below the points.
    ax.vlines(t, low, high, colors=REFERENCE, linewidth=0.5, zorder=0)

    if isinstance(colour, str):
        return ax.scatter(t, mu, c=colour, s=5, linewidths=0)
    return ax.scatter(t, mu, c=colour, cmap=COORDINATE, s=5, linewidths=0)


def square(ax: Axes, extent: float, *, title: str = "", xlabel: str = "", ylabel: str = "") -> None:
    """Fix an axes to [-extent, extent] both ways with equal units and ticks."""
    limits = (-extent, extent)
    ax.set(xlim=limits, ylim=limits, title=title, xlabel=xlabel, ylabel=ylabel)
    ax.set_aspect("equal")

    # Three ticks with labels, and short ones between and beyond them, to the ends of the axis.
    tick, intervals = _largest_round_number(0.95 * extent)
    spacing = tick / intervals
    reach = math.floor(extent / spacing)
    short = [spacing * place for place in range(-reach, reach + 1) if abs(place) not in (0, intervals)]

    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator([-tick, 0, tick]))
        axis.set_major_formatter(FixedFormatter([f"\N{MINUS SIGN}{tick:g}", "0", f"{tick:g}"]))
        axis.set_minor_locator(FixedLocator(short))


def _largest_round_number(most: float) -> tuple[float, int]:
    """The largest of 1, 2, 3 and 5 times a power of ten up to a positive number, and in how many parts to divide it."""
    power = 10.0 ** math.floor(math.log10(most))
    multiple = max(factor for factor in (1, 2, 3, 5) if factor * power <= most)
    return multiple * power, max(2, multiple)
