"""Log densities of single rows under a fitted model, in model coordinates.

With one or two latents they are sums over fixed nodes, exact but for an error that is told. With more, they are
importance-weighted lower bounds (Burda, Grosse and Salakhutdinov 2016, equation 8) from the same draws for every row.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from swissroll.density import rowwise
from swissroll.density.nodes import make_nodes
from swissroll.evaluation.evidence import EXACT_DIMS
from swissroll.evaluation.quadrature import log_joint
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng

DRAWS = 200
"""Draws per row of the bound."""


class Scorer(Protocol):
    """Gives log densities."""

    def log_density(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log density in nats and its error, each of shape (N,), of rows of shape (N, D), each for itself."""


class BoundByDraws:
    """The importance-weighted bound.

    Args:
        model: A VAE in float64, on the CPU.
        sigma: Decoder standard deviation, in model coordinates.
        seed: Decides the draws, which are the same for every row.
    """

    def __init__(self, model: VAE, sigma: float, seed: int) -> None:
        self.model = model
        self.sigma = sigma
        generator = rng.generator(seed, "measure: importance")
        self.draws = torch.randn(DRAWS, model.latent_dim, generator=generator, dtype=torch.float64)

    @torch.no_grad()
    def log_density(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bounds in nats and their standard errors, each of shape (N,)."""
        mu = torch.from_numpy(rowwise.encode_means(self.model, rows))
        logvar = torch.from_numpy(rowwise.encode_logvars(self.model, rows))
        x = torch.from_numpy(rows)

        log_p = np.empty(len(rows))
        error = np.empty(len(rows))
        for index in range(len(rows)):
            # log w = log p(x, z) - log q(z|x) at z = mu + s eps
            z = mu[index] + torch.exp(0.5 * logvar[index]) * self.draws
            log_q = -0.5 * (self.draws.square() + math.log(2 * math.pi) + logvar[index]).sum(dim=1)
            log_weights = log_joint(self.model, x[index : index + 1].clone(), z, self.sigma)[0] - log_q
            bound = log_weights.logsumexp(0) - math.log(DRAWS)
            log_p[index] = float(bound)
            error[index] = float((log_weights - bound).exp().std()) / DRAWS**0.5
        return log_p, error


def make_scorer(model: VAE, sigma: float, seed: int) -> Scorer:
    """What scores rows under a model in float64: by nodes with one or two latents, else by draws."""
    if model.latent_dim <= EXACT_DIMS:
        return make_nodes(model, sigma)
    return BoundByDraws(model, sigma, seed)
