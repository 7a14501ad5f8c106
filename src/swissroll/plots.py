"""Pictures. Each function takes arrays and an ``Axes``, draws, and returns nothing; none opens a window."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import Normalize
from matplotlib.patches import Circle, Ellipse
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# Okabe and Ito's palette, which colour-blind readers tell apart.
BLUE, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
ALONG = "viridis"
"""Colours of the coordinate t along the data's curve."""

WIDEST = 20.0
"""Standard deviation, in units of the prior's, above which a posterior is drawn no wider."""


def points(ax: Axes, x: Array, *, colour: str, label: str | None = None, size: float = 6) -> None:
    """Scatter points of shape (N, D): the first two coordinates, or the only one along a line."""
    plane = _plane(x)
    ax.scatter(plane[:, 0], plane[:, 1], s=size, c=colour, alpha=0.65, linewidths=0, label=label, rasterized=True)


def coloured(ax: Axes, x: Array, t: Array, *, size: float = 6) -> Any:
    """Scatter points of shape (N, D), coloured by t, shape (N,); returns what a colour bar needs."""
    plane = _plane(x)
    return ax.scatter(plane[:, 0], plane[:, 1], s=size, c=t, cmap=ALONG, linewidths=0, rasterized=True)


def pairs(ax: Axes, x: Array, recon_x: Array) -> None:
    """Join every point, shape (N, D), to its reconstruction, shape (N, D), by a line."""
    lines = np.stack([_plane(x), _plane(recon_x)], axis=1)
    ax.add_collection(
        LineCollection(list(lines), colors="#808080", alpha=0.4, linewidths=0.6, rasterized=True, zorder=0)
    )


def ellipses(ax: Axes, mu: Array, logvar: Array, t: Array | None = None, *, colour: str = "") -> None:
    """Draw 1-sigma ellipses of Gaussians, mu and logvar of shape (N, L), coloured by t, shape (N,), or all alike."""
    # An ellipse far wider than the axes would take Agg forever, and shows nothing.
    width = 2 * np.exp(0.5 * np.clip(_plane(logvar), -20, 2 * np.log(WIDEST)))
    if logvar.shape[1] == 1:
        width[:, 1] = 0
    colours = colour if t is None else colormaps[ALONG](Normalize()(t))
    ax.add_collection(
        EllipseCollection(
            width[:, 0],
            width[:, 1],
            np.zeros(len(mu)),
            units="xy",
            offsets=_plane(mu),
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
        ax.plot(step[keep], values[keep], label=label, color=colour, linewidth=1.1)
    ax.set(xlabel="step", ylabel=ylabel)
    ax.legend()


def histograms(ax: Axes, values: dict[str, Array], *, xlabel: str) -> None:
    """Draw the distributions of one or more series, each of shape (N,), as outlines over common bins."""
    finite = {label: v[np.isfinite(v)] for label, v in values.items()}
    bins = np.histogram_bin_edges(np.concatenate([*finite.values(), [0.0]]), bins=40).tolist()
    styles = zip(finite.items(), (RED, BLUE, PURPLE, GREEN), ("-", "--", "-.", ":"), strict=False)
    for (label, v), colour, line in styles:
        ax.hist(v, bins=bins, histtype="step", density=True, label=label, color=colour, linestyle=line, linewidth=1.2)
    room_for_legend = 1 + 0.09 * len(finite)
    ax.set(xlabel=xlabel, ylabel="density", ylim=(0, ax.get_ylim()[1] * room_for_legend))
    ax.legend(fontsize=7, loc="upper right")


def along(ax: Axes, t: Array, mu: Array, sigma: Array) -> Any:
    """Draw one latent coordinate, mean and 1-sigma bar of shape (N,), against t; returns what a colour bar needs."""
    sigma = np.minimum(sigma, WIDEST)
    ax.vlines(t, mu - sigma, mu + sigma, colors="#808080", linewidth=0.5, alpha=0.6)
    return ax.scatter(t, mu, c=t, cmap=ALONG, s=5, linewidths=0)


def posterior_window(ax: Axes, axis: Array, density: Array, mu: Array, sigma: Array) -> None:
    """Draw a true posterior around the encoder's Gaussian.

    Args:
        ax: Where to draw.
        axis: Grid of each latent coordinate, shape (G,).
        density: True posterior on it, shape (G,) or (G, G).
        mu: Encoder's mean, shape (L,).
        sigma: Encoder's standard deviations, shape (L,).
    """
    reach = max(4.5 * float(sigma.max()), 1e-3)
    if len(mu) == 1:
        gaussian = np.exp(-0.5 * ((axis - mu) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
        ax.plot(axis, density, color=BLUE, label="true posterior")
        ax.plot(axis, gaussian, color=RED, linestyle="--", label="encoder")
        ax.set(xlim=(mu[0] - reach, mu[0] + reach), xlabel="z₁")
        return
    half = (axis[1] - axis[0]) / 2
    edges = (axis[0] - half, axis[-1] + half) * 2
    ax.imshow(density.T, origin="lower", extent=edges, cmap="Blues", aspect="equal", interpolation="bilinear")
    for size, line in ((1, "-"), (2, "--")):
        width, height = 2 * size * sigma
        ax.add_patch(Ellipse((mu[0], mu[1]), width, height, fill=False, edgecolor=RED, linestyle=line))
    ax.set(xlim=(mu[0] - reach, mu[0] + reach), ylim=(mu[1] - reach, mu[1] + reach), xlabel="z₁", ylabel="z₂")


def square(ax: Axes, extent: float, *, title: str = "", xlabel: str = "", ylabel: str = "") -> None:
    """Fix an axes to [-extent, extent] both ways with equal units."""
    ax.set(xlim=(-extent, extent), ylim=(-extent, extent), title=title, xlabel=xlabel, ylabel=ylabel)
    ax.set_aspect("equal")


def _plane(x: Array) -> Array:
    """The first two columns; a single column is laid along a line."""
    return x[:, :2] if x.shape[1] > 1 else np.column_stack([x[:, 0], np.zeros(len(x))])
