r"""The ELBO of a point under any diagonal Gaussian q(z), and the highest that such a Gaussian reaches.

    ELBO(q) = E_q log p(x|z) - KL(q(z) || p(z))
            = E_q log p(x|z) + E_q log p(z) + H(q)

Means under q are sums over nodes of the standard normal, z = mu + s * node, so there is no sampling noise.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from swissroll.evaluation import quadrature
from swissroll.model import loss
from swissroll.model.vae import VAE

MAX_DECODED = 2**13
"""Latents decoded at a time."""
CLIMB_STEPS = 120
"""Steps of Adam towards the best Gaussian."""

Nodes = tuple[Tensor, Tensor]
"""Nodes, shape (Q, L), and weights, shape (Q,), for means under N(0, I)."""


@torch.no_grad()
def elbo(model: VAE, x: Tensor, mu: Tensor, logvar: Tensor, sigma: float) -> Tensor:
    """The ELBO of q = N(mu, diag exp(logvar)) for each point, in nats, shape (N,), float64.

    Args:
        model: Holds the decoder and the prior.
        x: Points, shape (N, D).
        mu: Means of q, shape (N, L).
        logvar: Log-variances of q, shape (N, L).
        sigma: Decoder standard deviation, in data units.
    """
    nodes = _uniform_nodes(model.latent_dim)
    return torch.cat([_elbo_at(model, x[part], mu[part], logvar[part], sigma, nodes) for part in _parts(x, nodes)])


def best_elbo(model: VAE, x: Tensor, starts: list[Tensor], logvar: Tensor, sigma: float) -> Tensor:
    """The highest ELBO that a diagonal Gaussian of its own gives each point, in nats, shape (N,), float64.

    Args:
        model: Holds the decoder and the prior.
        x: Points, shape (N, D).
        starts: Means to climb from, each of shape (N, L).
        logvar: Log-variances to climb from, shape (N, L).
        sigma: Decoder standard deviation, in data units.
    """
    nodes = _hermite_nodes(model.latent_dim)
    found = []
    for start in starts:
        fits = [_climb(model, x[part], start[part], logvar[part], sigma, nodes) for part in _parts(x, nodes)]
        mu = torch.cat([mean for mean, _ in fits])
        spread = torch.cat([log_variance for _, log_variance in fits])
        found.append(elbo(model, x, mu, spread, sigma))
    return torch.stack(found).amax(dim=0)


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


def _elbo_at(model: VAE, x: Tensor, mu: Tensor, logvar: Tensor, sigma: float, nodes: Nodes) -> Tensor:
    """The ELBO with its means under q taken at standard-normal nodes; differentiable in mu and logvar."""
    positions, weights = nodes
    std = torch.exp(0.5 * logvar)
    z = mu[:, None] + std[:, None] * positions
    flat = z.flatten(0, 1)

    # E_q log p(x|z).
    decoded = model.decode(model.like_weights(flat)).to("cpu", torch.float64)
    by_point = decoded.reshape(*z.shape[:2], -1)
    likelihood = -loss.distortion_per_point(by_point, x[:, None], sigma) @ weights

    kl = model.prior.closed_form_kl(mu, logvar)
    if kl is not None:
        return likelihood - kl

    # KL(q || p) = -H(q) - E_q log p(z), with H(q) = sum of log(2 pi e s^2) / 2.
    entropy = 0.5 * (logvar + math.log(2 * math.pi * math.e)).sum(dim=-1)
    log_prior = quadrature.log_prior(model, flat).reshape(z.shape[:2])
    return likelihood + entropy + log_prior @ weights


@torch.enable_grad()
def _climb(model: VAE, x: Tensor, mu: Tensor, logvar: Tensor, sigma: float, nodes: Nodes) -> tuple[Tensor, Tensor]:
    """Means and log-variances that maximise the ELBO of each point, by Adam in units of the start."""
    std = torch.exp(0.5 * logvar)
    moves = torch.zeros(2, *mu.shape, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([moves], lr=0.2, betas=(0.8, 0.95))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, CLIMB_STEPS)

    for _ in range(CLIMB_STEPS):
        value = _elbo_at(model, x, mu + std * moves[0], logvar + 2 * moves[1], sigma, nodes)
        (moves.grad,) = torch.autograd.grad(-value.sum(), moves)
        optimizer.step()
        schedule.step()

    final = moves.detach()
    return mu + std * final[0], logvar + 2 * final[1]
