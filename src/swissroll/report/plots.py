"""Pictures. Each function takes arrays and an ``Axes`` and draws; none opens a window."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection, PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# Okabe and Ito's palette, which colour-blind readers tell apart.
BLUE, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
ALONG = "viridis"
"""Colours of the coordinate t along the data's curve."""

INK = "#010203"
"""Stands for the reader's text colour; the report replaces it in vector pictures."""
STYLE: Any = {
    "font.size": 9,
    # A named font is found in one look-up; a family's fonts are looked up one by one for every word.
    "font.family": "DejaVu Sans",
    "axes.titlesize": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "axes.facecolor": "none",
    "figure.dpi": 130,
    "svg.fonttype": "none",
    "svg.hashsalt": "swissroll",
}

LABELS, GAP, BAR = 0.72, 0.2, 0.95
"""Inches for an axis with its labels, between axes without, and for a colour bar."""
WIDEST = 20.0
"""Standard deviation, in units of the prior's, above which a posterior is drawn no wider."""


class ShownFigure(Figure):
    """A figure that a notebook shows where it is made, and not once more as the result of that cell."""

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
    shell = module.get_ipython() if module else None
    return shell if shell is not None and hasattr(shell, "kernel") else None


def row(
    width: float,
    gaps: Sequence[float],
    *,
    height: float = 0.0,
    right: float = 0.18,
    below: float = 0.5,
    above: float = 0.32,
) -> tuple[Figure, list[Axes]]:
    """Equal axes in a row, each with a gap for labels on its left; square ones unless a height is given. In inches.

    Finding such places by measuring the labels would take as long as drawing.
    """
    across = (width - sum(gaps) - right) / len(gaps)
    height = height or across + below + above
    figure = Figure(figsize=(width, height))
    lefts = np.cumsum(gaps) + across * np.arange(len(gaps))
    places = [(left / width, below / height, across / width, 1 - (below + above) / height) for left in lefts]
    return figure, [figure.add_axes(place) for place in places]


def as_on_the_left(ax: Axes) -> None:
    """Leave out labels that the axes on the left has."""
    ax.set_ylabel("")
    ax.tick_params(labelleft=False)


def colour_bar(figure: Figure, ax: Axes, shown: Any) -> None:
    """Put a colour bar of t to the right of an axes."""
    figure.colorbar(shown, cax=ax.inset_axes((1.04, 0, 0.045, 1)), label="t")


def spread(values: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the values, evenly spread, with the first and the last."""
    chosen = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    return [values[i] for i in chosen]


def plane(x: Array) -> Array:
    """The first and the last column, which show a helix from its side; a single column is laid along a line."""
    return x[:, [0, -1]] if x.shape[1] > 1 else np.column_stack([x[:, 0], np.zeros(len(x))])


def points(ax: Axes, x: Array, *, colour: str, label: str | None = None, size: float = 6) -> PathCollection:
    """Scatter points of shape (N, D): the first and the last coordinate, or the only one along a line; returns them."""
    shown = plane(x)
    return ax.scatter(
        shown[:, 0], shown[:, 1], s=size, c=colour, alpha=0.65, linewidths=0, label=label, rasterized=True
    )


def coloured(ax: Axes, x: Array, t: Array, *, size: float = 6) -> Any:
    """Scatter points of shape (N, D), coloured by t, shape (N,); returns what a colour bar needs."""
    shown = plane(x)
    return ax.scatter(shown[:, 0], shown[:, 1], s=size, c=t, cmap=ALONG, linewidths=0, rasterized=True)


def pairs(ax: Axes, x: Array, recon_x: Array) -> None:
    """Join every point, shape (N, D), to its reconstruction, shape (N, D), by a line."""
    lines = np.stack([plane(x), plane(recon_x)], axis=1)
    ax.add_collection(
        LineCollection(list(lines), colors="#808080", alpha=0.4, linewidths=0.6, rasterized=True, zorder=0)
    )


def ellipses(ax: Axes, mu: Array, logvar: Array, t: Array | None = None, *, colour: str = "") -> None:
    """Draw 1-sigma ellipses of Gaussians, mu and logvar of shape (N, L), coloured by t, shape (N,), or all alike."""
    # An ellipse far wider than the axes would take Agg forever, and shows nothing.
    width = 2 * np.exp(0.5 * np.clip(plane(logvar), -20, 2 * np.log(WIDEST)))
    colours = colour if t is None else colormaps[ALONG](Normalize()(t))
    ax.add_collection(
        EllipseCollection(
            width[:, 0],
            width[:, 1],
            np.zeros(len(mu)),
            units="xy",
            offsets=plane(mu),
            offset_transform=ax.transData,
            edgecolors=colours,
            facecolors="none",
            linewidths=0.7,
            rasterized=True,
        )
    )


def prior_rings(ax: Axes, radii: tuple[float, ...] = (1, 2, 3)) -> None:
    """Draw circles at 1, 2 and 3 standard deviations of N(0, I)."""
    for radius in radii:
        ax.add_patch(Circle((0, 0), radius, fill=False, edgecolor="#808080", linewidth=0.8, linestyle="--"))


def curves(ax: Axes, step: Array, lines: dict[str, Array], *, ylabel: str) -> None:
    """Draw one or more series against the step; entries that are not finite are left out."""
    for (label, values), colour in zip(lines.items(), (BLUE, RED, GREEN, ORANGE), strict=False):
        keep = np.isfinite(values)
        marker = "o" if keep.sum() == 1 else None  # One point makes no line.
        ax.plot(step[keep], values[keep], marker=marker, label=label, color=colour, linewidth=1.1, markersize=3)
    few_ticks(ax)
    ax.set(xlabel="step", ylabel=ylabel)


def log_scale(ax: Axes) -> None:
    """Put the y-axis of drawn series on a logarithmic scale with ticks in plain decimals: 0.02, not 2 x 10^-2.

    A range too narrow for two such ticks stays linear.
    """
    ax.set_yscale("log")
    ticks = _decades(*ax.get_ylim())
    if len(ticks) < 2:
        ax.set_yscale("linear")
        few_ticks(ax)
        return
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    ax.yaxis.set_minor_locator(NullLocator())


def _decades(low: float, high: float) -> list[float]:
    """Round numbers between two positive ones, evenly spread by their logarithm: at most ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    every = max(1, (last - first) // 5)
    ticks = [float(f"{k}e{power}") for power in range(first - first % every, last + 1, every) for k in steps]
    return [tick for tick in ticks if low <= tick <= high]


def histograms(ax: Axes, values: dict[str, Array], *, xlabel: str) -> None:
    """Draw the distributions of one or more series, each of shape (N,), as outlines over common bins."""
    finite = {label: v[np.isfinite(v)] for label, v in values.items()}
    bins = np.histogram_bin_edges(np.concatenate([*finite.values(), [0.0]]), bins=40).tolist()
    styles = zip(finite.items(), (RED, BLUE, PURPLE, GREEN), ("-", "--", "-.", ":"), strict=False)
    for (label, v), colour, line in styles:
        ax.hist(v, bins=bins, histtype="step", density=True, label=label, color=colour, linestyle=line, linewidth=1.2)
    room_for_legend = 1 + 0.09 * len(finite)
    ax.set(xlabel=xlabel, ylabel="density", ylim=(0, ax.get_ylim()[1] * room_for_legend))
    few_ticks(ax)
    ax.legend(fontsize=7, loc="upper right")


def along(ax: Axes, t: Array, mu: Array, sigma: Array) -> Any:
    """Draw one latent coordinate, mean and 1-sigma bar of shape (N,), against t; returns what a colour bar needs."""
    sigma = np.minimum(sigma, WIDEST)
    ax.vlines(t, mu - sigma, mu + sigma, colors="#808080", linewidth=0.5, alpha=0.6)
    return ax.scatter(t, mu, c=t, cmap=ALONG, s=5, linewidths=0)


def reach(sigma: Array) -> float:
    """Half the side of the window on a posterior with standard deviations of shape (L,)."""
    return max(4.5 * float(sigma.max()), 1e-3)


def posterior_window(ax: Axes, axes: Sequence[Array], density: Array, mu: Array, sigma: Array) -> None:
    """Draw a true posterior around the encoder's Gaussian.

    Args:
        ax: Where to draw.
        axes: Even grid of each latent coordinate, L of shape (G,).
        density: True posterior on it, shape (G,), or as a share of its highest value, shape (G, G).
        mu: Encoder's mean, shape (L,).
        sigma: Encoder's standard deviations, shape (L,).
    """
    few_ticks(ax, 2)
    ax.set(xlim=(mu[0] - reach(sigma), mu[0] + reach(sigma)), xlabel="z₁")
    if len(mu) == 1:
        gaussian = np.exp(-0.5 * ((axes[0] - mu) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
        ax.plot(axes[0], density, color=BLUE, label="true posterior")
        ax.plot(axes[0], gaussian, color=RED, linestyle="--", label="encoder")
        return
    edges = [_edges(axis) for axis in axes]
    shown: Any = {"extent": (*edges[0], *edges[1]), "vmin": 0, "vmax": 1}
    ax.imshow(density.T, origin="lower", cmap="Blues", interpolation="bilinear", **shown)
    for size, line in ((1, "-"), (2, "--")):
        width, height = 2 * size * sigma
        ax.add_patch(Ellipse((mu[0], mu[1]), width, height, fill=False, edgecolor=RED, linestyle=line))
    ax.set(ylim=(mu[1] - reach(sigma), mu[1] + reach(sigma)), ylabel="z₂")


def _edges(axis: Array) -> tuple[float, float]:
    half = float(axis[1] - axis[0]) / 2
    return float(axis[0]) - half, float(axis[-1]) + half


def few_ticks(ax: Axes, most: int = 5) -> None:
    """At most so many intervals an axis, between round numbers: labels take most of a picture's time."""
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(most, steps=(1, 2, 5, 10)))


def square(ax: Axes, extent: float, *, title: str = "", xlabel: str = "", ylabel: str = "") -> None:
    """Fix an axes to [-extent, extent] both ways with equal units and ticks."""
    ax.set(xlim=(-extent, extent), ylim=(-extent, extent), title=title, xlabel=xlabel, ylabel=ylabel)
    ax.set_aspect("equal")
    tick, parts = _round_below(0.95 * extent)
    marks = [tick * k / parts for k in range(-parts, parts + 1)]
    labels = [""] * len(marks)
    labels[0], labels[parts], labels[-1] = f"\N{MINUS SIGN}{tick:g}", "0", f"{tick:g}"
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator(marks))
        axis.set_major_formatter(FixedFormatter(labels))


def _round_below(value: float) -> tuple[float, int]:
    """The largest of 1, 2, 3 and 5 times a power of ten that is not above a positive value, and round parts of it."""
    power = 10.0 ** math.floor(math.log10(value))
    most = max(k for k in (1, 2, 3, 5) if k * power <= value)
    return most * power, max(2, most)
