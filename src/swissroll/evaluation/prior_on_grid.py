"""What a grid over the latent space needs of a prior: its log density, a box that holds it, and bounds over cells.

A mixture of Gaussians has bounds by its parts. Of another prior that is smooth, such as a flow, a cell is bounded by
what its siblings say, as the decoder is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from swissroll.model.prior import Components
from swissroll.model.vae import VAE

MAX_CHANGE = 2.0
"""Nats by which the log density of a prior that is no mixture of Gaussians may change from a cell to its sibling."""
BOX_DRAWS = 4096
"""Draws of such a prior that its box is laid about."""


def log_prior(model: VAE, z: Tensor) -> Tensor:
    """Log p(z), shape (M,), in float64 whatever the model's precision, differentiable in z of shape (M, L)."""
    components = model.prior.components()
    if components is None:
        return model.prior.log_prob(model.like_weights(z)).to("cpu", torch.float64)
    return _component_densities(components, z).logsumexp(dim=-1)


def bound_cells(
    components: Components | None, cells: Tensor, width: Tensor, log_density: Tensor, kinds: int
) -> tuple[Tensor, Tensor]:
    """An upper bound of log p(z) over each cell, shape (M,), and whether it changes by little there, shape (M,).

    Args:
        components: The prior as a mixture of Gaussians; None where it is none.
        cells: Midpoints, shape (M, L), corner by corner.
        width: Of the cells, shape (L,).
        log_density: Log p(z) at the midpoints, shape (M,).
        kinds: Number of corners: cells that share a parent are siblings.
    """
    if components is not None:
        return _bound_mixture(components, cells, width)
    siblings = log_density.reshape(kinds, -1)
    highest = siblings.amax(dim=0)
    change = highest - siblings.amin(dim=0)

    # A cell is as wide as siblings are apart: within it the density may change by as much again.
    ceiling = highest + change
    return ceiling.repeat(kinds), (change < MAX_CHANGE).repeat(kinds)


def box_of(model: VAE, components: Components | None) -> tuple[Tensor, Tensor]:
    """Corners, each (L,), of a box that holds nearly all of a model's prior.

    Of Gaussians it holds six standard deviations, of another prior many draws, and half their range about them.
    """
    if components is not None:
        _, means, stds = components
        return (means - 6 * stds).amin(dim=0), (means + 6 * stds).amax(dim=0)

    generator = torch.Generator(model.device).manual_seed(0)
    drawn = model.draw_prior(BOX_DRAWS, generator=generator).to("cpu", torch.float64)
    low = drawn.amin(dim=0)
    high = drawn.amax(dim=0)
    margin = (high - low) / 2
    return low - margin, high + margin


def _component_densities(components: Components, z: Tensor, reach: Tensor | None = None) -> Tensor:
    """Log of weight times density of each component, shape (M, K), differentiable in z of shape (M, L).

    With a reach, shape (L,), the highest such density of any point that is at most ``reach`` from z in each coordinate.
    """
    log_weights, means, stds = components

    # Coordinate by coordinate: arrays of shape (M, K, L) do not fit in a processor's cache, and take ten times as long.
    squares = torch.zeros(len(z), len(means), dtype=z.dtype)
    for dim in range(z.shape[1]):
        distance = z[:, dim, None] - means[:, dim]
        if reach is not None:
            distance = (distance.abs() - reach[dim]).clamp_min(0)
        scaled = distance / stds[:, dim]
        squares = squares.addcmul(scaled, scaled)

    # log N(z; m, s^2) = -sum of [(z - m)^2 / s^2 + log(2 pi) + 2 log s] / 2 over the coordinates.
    log_constant = (stds.log() + 0.5 * math.log(2 * math.pi)).sum(dim=1)
    return torch.add(log_weights - log_constant, squares, alpha=-0.5)


def _bound_mixture(components: Components, cells: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
    """As :func:`bound_cells`, of a mixture: whether cells are fine beside the components near them."""
    densities = _component_densities(components, cells, width / 2)
    ceiling = densities.logsumexp(dim=1)

    # A component matters to a cell where it has more than e^-12 of the density there.
    matters = densities > ceiling[:, None] - 12
    too_wide = (width > 1.5 * components.stds).any(dim=1)

    return ceiling, ~(matters & too_wide).any(dim=1)
