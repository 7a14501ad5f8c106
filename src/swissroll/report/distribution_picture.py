"""The picture of a distribution: points, and beside them its density where that is known exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from swissroll.data import Distribution, HasDensity, Sample
from swissroll.report import plots
from swissroll.report.colours import COORDINATE, DATA
from swissroll.report.layout import COLOUR_BAR, GAP, LABELS, add_colour_bar, hide_labels_of_y, row
from swissroll.report.plots import Array
from swissroll.report.style import house_style
from swissroll.reproducibility import rng
from swissroll.reproducibility.modes import ordinary_modes

DENSITY_SIDE = 301
"""Points along each side of a drawn density."""
ELEVATION = 18
AZIMUTH = -70
"""Where points in space are seen from, in degrees."""
ABOVE = 0.32
"""Room for a title, in inches."""
DENSITY = LinearSegmentedColormap.from_list("density", ["#FFFFFF", DATA])
"""From no density to the highest one."""


@ordinary_modes()
def draw_distribution(distribution: Distribution, n: int, *, seed: int) -> Figure:
    """Draw points of a distribution, in two or three dimensions, and its density where it is known.

    Args:
        distribution: What to draw.
        n: Number of points.
        seed: Decides the points.
    """
    drawn = distribution.sample(n, generator=rng.generator(seed, "data"))
    extent = 1.15 * float(drawn.points.abs().max())
    density = _log_density_on_grid(distribution, extent)
    label = getattr(distribution, "coordinate_name", "t")

    with house_style():
        if distribution.data_dim == 3:
            return _draw_in_space(drawn, label)
        if density is None:
            return _draw_in_plane(drawn, extent, label)

        figure, (left, right) = row(8.0, [LABELS, GAP], right=GAP, above=ABOVE)
        scatter_in_plane(left, drawn, extent)
        _draw_density(right, density, extent)
        return figure


def _draw_in_plane(drawn: Sample, extent: float, label: str) -> Figure:
    has_bar = drawn.coordinate is not None
    figure, (ax,) = row(4.8, [LABELS], right=COLOUR_BAR if has_bar else GAP, above=ABOVE)
    colours = scatter_in_plane(ax, drawn, extent)
    if has_bar:
        add_colour_bar(figure, ax, colours, label=label)
    return figure


def _draw_in_space(drawn: Sample, label: str) -> Figure:
    figure = Figure(figsize=(5.6, 4.4))
    ax = figure.add_axes((0.08, 0.02, 0.72, 0.96), projection="3d")
    colours = scatter_in_space(ax, drawn)
    if drawn.coordinate is not None:
        # Beside the axes: those of three dimensions reach farther than their labels.
        figure.colorbar(colours, cax=figure.add_axes((0.9, 0.2, 0.02, 0.6)), label=label)
    return figure


def scatter_in_plane(ax: Axes, drawn: Sample, extent: float, *, size: float = 4) -> Any:
    """Scatter points of the plane, coloured by their coordinate; returns what a colour bar needs."""
    t = None if drawn.coordinate is None else drawn.coordinate.numpy()
    colours = plots.coloured(ax, drawn.points.numpy(), t, size=size)
    plots.square(ax, extent, title=f"{len(drawn.points):,} points", xlabel="x₁", ylabel="x₂")
    return colours


def scatter_in_space(ax: Any, drawn: Sample, *, size: float = 4) -> Any:
    """Scatter points of three coordinates, seen from above one side; returns what a colour bar needs.

    Args:
        ax: Axes of three dimensions.
        drawn: The points.
        size: Of the points, in square points.
    """
    x, y, z = drawn.points.T.numpy()
    colours: Any = DATA if drawn.coordinate is None else drawn.coordinate.numpy()
    points = ax.scatter(x, y, z, c=colours, cmap=COORDINATE, s=size, linewidths=0)
    ax.view_init(elev=ELEVATION, azim=AZIMUTH)
    ax.set_aspect("equal")
    for axis, label in zip((ax.xaxis, ax.yaxis, ax.zaxis), ("x₁", "x₂", "x₃"), strict=True):
        axis.set_major_locator(MaxNLocator(3))
        axis.set_label_text(label)
    return points


def _log_density_on_grid(distribution: Distribution, extent: float) -> Array | None:
    """Log density on a square grid of the plane, shape (side, side), the second coordinate varying slowest.

    None where it is not known.
    """
    if not isinstance(distribution, HasDensity) or distribution.data_dim != 2:
        return None
    axis = torch.linspace(-extent, extent, DENSITY_SIDE, dtype=torch.float64)
    second, first = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack([first.flatten(), second.flatten()], dim=1)
    try:
        values = distribution.log_density(grid)
    except ValueError:
        # Noise takes the closed form of some away.
        return None
    return values.view(DENSITY_SIDE, DENSITY_SIDE).numpy()


def _draw_density(ax: Axes, log_density: Array, extent: float) -> None:
    """Draw a density as an image: darker is denser."""
    image = np.exp(log_density)
    ax.imshow(image, extent=(-extent, extent, -extent, extent), origin="lower", cmap=DENSITY, interpolation="nearest")
    plots.square(ax, extent, title="density", xlabel="x₁")
    hide_labels_of_y(ax)
