"""The prior in the latent plane where it has no ellipses, such as a flow: lines of equal density around most of it."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes

from swissroll.evaluation.prior_on_grid import log_prior
from swissroll.report.colours import REFERENCE
from swissroll.report.scene import Scene

SHARES = (0.865, 0.393)
"""Shares of the prior inside the lines: those that 2 and 1 standard deviations hold of a Gaussian in the plane."""
SIDE = 120
"""Grid points along each side of the plane."""


def draw_contours(ax: Axes, scene: Scene) -> None:
    """Draw the lines of equal density that hold these shares of the prior."""
    axis = torch.linspace(-scene.latent_extent, scene.latent_extent, SIDE, dtype=torch.float64)
    with torch.no_grad():
        log_density = log_prior(scene.model, torch.cartesian_prod(axis, axis)).nan_to_num(-np.inf)
    density = log_density.exp().numpy()

    # The density at which the denser grid points hold a share of all.
    descending = np.sort(density)[::-1]
    held = np.cumsum(descending) / max(descending.sum(), np.finfo(float).tiny)
    places = np.minimum(np.searchsorted(held, SHARES), len(held) - 1)
    levels = descending[places]
    if levels[0] < levels[1]:
        lines = density.reshape(SIDE, SIDE).T
        ax.contour(axis, axis, lines, levels=levels, colors=REFERENCE, linestyles="--", linewidths=0.8)
