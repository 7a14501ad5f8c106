r"""The ELBO of a point under a Gaussian q(z), and the highest that one reaches of the same family, diagonal or full.

    ELBO(q) = E_q log p(x|z) - KL(q(z) || p(z))
            = E_q log p(x|z) + E_q log p(z) + H(q)

Means under q are sums over nodes of the standard normal, z = mu + C node, so there is no sampling noise.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from swissroll.evaluation.prior_on_grid import log_prior
from swissroll.model import terms
from swissroll.model.posterior import Posterior, cholesky_factor
from swissroll.model.vae import VAE

MAX_DECODED = 2**13
"""Latents decoded at a time."""
CLIMB_STEPS = 120
"""Steps of Adam towards the best Gaussian."""

Nodes = tuple[Tensor, Tensor]
"""Nodes, shape (Q, L), and weights, shape (Q,), for means under N(0, I)."""


@torch.no_grad()
def elbo(model: VAE, x: Tensor, posterior: Posterior, sigma: float) -> Tensor:
    """The ELBO of q for each point, in nats, shape (N,), float64.

    Args:
        model: Holds the decoder and the prior.
        x: Points, shape (N, D).
        posterior: q, one Gaussian per point.
        sigma: Decoder standard deviation, in data units.
    """
    nodes = _uniform_nodes(model.latent_dim)
    return torch.cat([_elbo_at(model, x[part], posterior.at(part), sigma, nodes) for part in _parts(x, nodes)])


def best_elbo(model: VAE, x: Tensor, starts: list[Tensor], posterior: Posterior, sigma: float) -> Tensor:
    """The highest ELBO that a Gaussian of its own gives each point, in nats, shape (N,), float64.

    The Gaussians have a full covariance where the posterior has one, and are diagonal where it is.

    Args:
        model: Holds the decoder and the prior.
        x: Points, shape (N, D).
        starts: Means to climb from, each of shape (N, L).
        posterior: q, whose covariance they climb from.
        sigma: Decoder standard deviation, in data units.
    """
    nodes = _hermite_nodes(model.latent_dim)
    found = []
    for mu in starts:
        start = posterior._replace(mu=mu)
        for part in _parts(x, nodes):
            fitted = _climb(model, x[part], start.at(part), sigma, nodes)
            found.append(elbo(model, x[part], fitted, sigma))
    return torch.cat(found).reshape(len(starts), len(x)).amax(dim=0)


def _parts(x: Tensor, nodes: Nodes) -> tuple[Tensor, ...]:
    """Indices of points, in parts whose latents can be decoded at a time."""
    size = max(1, MAX_DECODED // len(nodes[0]))
    return torch.split(torch.arange(len(x)), size)


def _uniform_nodes(latent_dim: int) -> Nodes:
    """Nodes and weights of a uniform grid, which does not mind the kinks of a ReLU decoder."""
    axis = 0.6 * torch.arange(-10, 11, dtype=torch.float64)
    nodes = torch.cartesian_prod(*[axis] * latent_dim).reshape(-1, latent_dim)

    # Proportional to exp(-|node|^2 / 2), and of sum 1.
    weights = torch.softmax(-0.5 * nodes.square().sum(dim=-1), dim=0)
    return nodes, weights


def _hermite_nodes(latent_dim: int) -> Nodes:
    """Few nodes and weights, by Gauss and Hermite: good enough to climb by."""
    axis, axis_weights = (torch.tensor(values) for values in np.polynomial.hermite_e.hermegauss(6))
    nodes = torch.cartesian_prod(*[axis] * latent_dim).reshape(-1, latent_dim)

    # The weight of a node is the product of its coordinates' weights.
    weights = torch.cartesian_prod(*[axis_weights] * latent_dim).reshape(-1, latent_dim).prod(dim=-1)
    return nodes, weights / weights.sum()


def _elbo_at(model: VAE, x: Tensor, posterior: Posterior, sigma: float, nodes: Nodes) -> Tensor:
    """The ELBO with its means under q taken at standard-normal nodes; differentiable in the posterior."""
    positions, weights = nodes
    z = posterior.place(positions[:, None]).transpose(0, 1)
    flat = z.flatten(0, 1)

    # E_q log p(x|z).
    decoded = model.decode(model.like_weights(flat)).to("cpu", torch.float64)
    by_point = decoded.reshape(*z.shape[:2], -1)
    likelihood = -terms.distortion_per_point(by_point, x[:, None], sigma) @ weights

    kl = posterior.closed_form_kl(model.prior)
    if kl is not None:
        return likelihood - kl

    # KL(q || p) = -H(q) - E_q log p(z).
    log_density = log_prior(model, flat).reshape(z.shape[:2])
    return likelihood + posterior.entropy() + log_density @ weights


@torch.enable_grad()
def _climb(model: VAE, x: Tensor, start: Posterior, sigma: float, nodes: Nodes) -> Posterior:
    """The Gaussian of highest ELBO of each point, of the family of the start, by Adam in units of the start."""
    moves = torch.zeros(len(x), _count_moves(start), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([moves], lr=0.2, betas=(0.8, 0.95))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, CLIMB_STEPS)

    for _ in range(CLIMB_STEPS):
        value = _elbo_at(model, x, _move(start, moves), sigma, nodes)
        (moves.grad,) = torch.autograd.grad(-value.sum(), moves)
        optimizer.step()
        schedule.step()

    return _move(start, moves.detach())


def _count_moves(start: Posterior) -> int:
    """Numbers that say how a Gaussian differs from the start: in its mean, its scales, and below the diagonal."""
    latent_dim = start.mu.shape[1]
    if start.factor is None:
        return 2 * latent_dim
    return 2 * latent_dim + latent_dim * (latent_dim - 1) // 2


def _move(start: Posterior, moves: Tensor) -> Posterior:
    """The start, shape (N, L), moved by numbers of shape (N, :func:`_count_moves`)."""
    latent_dim = start.mu.shape[1]
    mean, log_scale, lower = moves.tensor_split((latent_dim, 2 * latent_dim), dim=1)
    if start.factor is None:
        return Posterior(start.mu + torch.exp(0.5 * start.logvar) * mean, start.logvar + 2 * log_scale)

    # z = mu + C (m + E eps): the start's own C, on a Gaussian that begins as the standard normal one.
    change = cholesky_factor(2 * log_scale, lower)
    return Posterior.of_factor(start.place(mean), start.factor @ change)
