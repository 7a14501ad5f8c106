"""The figure of true posteriors, each under the Gaussian that the encoder has in its place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor

from swissroll.data.column_names import shorten
from swissroll.evaluation.evidence import posterior_on_grid
from swissroll.evaluation.quadrature import log_joint
from swissroll.model.vae import VAE, latent_grid
from swissroll.report import plots, ticks
from swissroll.report.colours import POSTERIOR, TRUE_POSTERIOR
from swissroll.report.layout import LABELS, row
from swissroll.report.plots import Array
from swissroll.report.scene import Scene
from swissroll.training.build import translation_of

WINDOWS = 4
"""Points whose true posterior is drawn."""
WINDOW_GRID = 64
"""Grid points along each side of a window, and of the whole plane in which a posterior's highest value is sought."""
LINE_GRID = 320
"""Grid points of a true posterior over a single latent."""
DENSITY = LinearSegmentedColormap.from_list("density", [f"{TRUE_POSTERIOR}00", TRUE_POSTERIOR])
"""From the figure's ground, whichever it is, to the colour of the true posterior."""
MIN_REACH = 1e-3
"""Least half of the side of a window."""


def true_posterior(scene: Scene) -> Figure:
    """The true posterior of four points under the encoder's Gaussian."""
    label, along = scene.line_up

    # Of nine points at even ranks, the second, fourth, sixth and eighth.
    order = np.argsort(along)
    last = len(order) - 1
    ranks = np.linspace(0, last, 2 * WINDOWS + 1).round().astype(int)
    chosen = order[ranks[1::2]]

    x = scene.held_out.points[chosen].double()
    mu, logvar = scene.posterior
    means = mu[chosen]
    sigmas = np.exp(0.5 * logvar[chosen])
    correlations = np.zeros(WINDOWS) if scene.correlation is None else scene.correlation[chosen]
    models = [scene.model] * WINDOWS
    if scene.given.given_labels is not None:
        models = [scene.model.given(label) for label in scene.given.given_labels[torch.from_numpy(chosen)].tolist()]
    windows = _windows(scene, models, x, means, sigmas)

    figure, axes = row(9, [LABELS] * WINDOWS)
    for k, (ax, window) in enumerate(zip(axes, windows, strict=True)):
        _draw_window(ax, window, means[k], sigmas[k], correlations[k])
        value = along[chosen[k]]
        ax.set_title(f"{label} = {value:.1f}" if scene.table is None else f"{shorten(label)} = {value:.4g}")

    return figure


class Window(NamedTuple):
    """A part of the latent space around a posterior's mean.

    Attributes:
        axes: Even grid of each latent coordinate, L of shape (G,).
        density: True posterior on it, shape (G,), or as a share of its highest value, shape (G, G).
    """

    axes: list[Array]
    density: Array


def _windows(scene: Scene, models: list[VAE], x: Tensor, means: Array, sigmas: Array) -> Iterator[Window]:
    """A window for each point of shape (K, D), from the means and standard deviations of q(z|x), shape (K, L).

    The models are those of each point, under its label where they are conditional.
    """
    if scene.config.latent_dim == 1:
        for k, model in enumerate(models):
            axis, densities = posterior_on_grid(model, x[[k]], size=LINE_GRID, extent=scene.latent_extent)
            yield Window([axis.numpy()], densities.numpy()[0])
        return

    # As a share of its highest value, in the window or out of it, a density needs no integral.
    sigma = translation_of(scene.config, scene.model).sigma
    whole_plane = latent_grid(WINDOW_GRID, scene.latent_extent, 2).double()

    for k, mean in enumerate(torch.from_numpy(means).double()):
        reach = _reach(sigmas[k])
        offsets = torch.linspace(-1, 1, WINDOW_GRID, dtype=torch.float64) * reach
        axes = [offsets + centre for centre in mean]
        grid = torch.cartesian_prod(*axes)

        # p(z|x) / max p(z|x) = exp(log p(x, z) - max log p(x, z)).
        joint = partial(log_joint, models[k], x[[k]], sigma=sigma)
        log_density = joint(grid)[0]
        highest = torch.maximum(log_density.max(), joint(whole_plane)[0].max())
        share = torch.exp(log_density - highest).nan_to_num(0.0)

        density = share.reshape(WINDOW_GRID, WINDOW_GRID)
        yield Window([axis.numpy() for axis in axes], density.numpy())


def _reach(sigma: Array) -> float:
    """Half the side of the window on a posterior with standard deviations of shape (L,)."""
    return max(4.5 * float(sigma.max()), MIN_REACH)


def _draw_window(ax: Axes, window: Window, mu: Array, sigma: Array, correlation: float) -> None:
    """Draw a true posterior around the encoder's Gaussian.

    Args:
        ax: Where to draw.
        window: A window around the encoder's mean.
        mu: Encoder's mean, shape (L,).
        sigma: Encoder's standard deviations, shape (L,).
        correlation: Encoder's correlation of two latents.
    """
    reach = _reach(sigma)
    low = mu - reach
    high = mu + reach

    ticks.few_ticks(ax, 2)
    ax.set(xlim=(low[0], high[0]), xlabel="z₁")
    if len(mu) == 1:
        _draw_curve(ax, window, mu, sigma)
    else:
        _draw_image(ax, window, mu, sigma, correlation)
        ax.set(ylim=(low[1], high[1]), ylabel="z₂")


def _draw_curve(ax: Axes, window: Window, mu: Array, sigma: Array) -> None:
    (axis,) = window.axes

    # The density of N(mu, sigma^2) is exp(-((z - mu) / sigma)^2 / 2) / (sigma sqrt(2 pi)).
    scaled = (axis - mu) / sigma
    normaliser = sigma * np.sqrt(2 * np.pi)
    gaussian = np.exp(-0.5 * scaled**2) / normaliser

    ax.plot(axis, window.density, color=TRUE_POSTERIOR, label="true posterior")
    ax.plot(axis, gaussian, color=POSTERIOR, linestyle="--", label="encoder")


def _draw_image(ax: Axes, window: Window, mu: Array, sigma: Array, correlation: float) -> None:
    across, up = map(_outer_edges, window.axes)
    ax.imshow(
        window.density.T,
        extent=(*across, *up),
        vmin=0,
        vmax=1,
        origin="lower",
        cmap=DENSITY,
        interpolation="bilinear",
    )

    # The encoder's Gaussian at 1 and 2 sigma.
    for radius, line in ((1, "-"), (2, "--")):
        plots.ring(ax, mu, sigma, radius, correlation=correlation, colour=POSTERIOR, line=line)


def _outer_edges(axis: Array) -> tuple[float, float]:
    """Where the first and the last cell about an axis's grid points end."""
    first = float(axis[0])
    last = float(axis[-1])
    half_cell = float(axis[1] - axis[0]) / 2
    return first - half_cell, last + half_cell
