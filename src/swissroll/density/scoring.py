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
from torch import Tensor

from swissroll.density import rowwise
from swissroll.density.nodes import make_nodes
from swissroll.evaluation.evidence import EXACT_DIMS
from swissroll.evaluation.prior_on_grid import log_prior
from swissroll.evaluation.quadrature import log_constant
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng

DRAWS = 200
"""Draws per row of the bound; a multiple of eight, for :func:`swissroll.density.rowwise.decode_draws`."""
BLOCK = 16
"""Rows computed at a time: what of them is held fits in a processor's cache."""


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
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            log_weights = self._log_weights(*(_fill_up(each[part]) for each in (x, mu, logvar)))
            bound = log_weights.logsumexp(dim=1) - math.log(DRAWS)
            relative = (log_weights - bound[:, None]).exp()

            count = len(x[part])
            log_p[part] = bound[:count].numpy()
            error[part] = relative.std(dim=1)[:count].numpy() / DRAWS**0.5
        return log_p, error

    def _log_weights(self, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        """Log w = log p(x, z) - log q(z|x), shape (B, K), at z = mu + s eps, for the K draws eps of every row."""
        z = mu[:, None] + torch.exp(0.5 * logvar)[:, None] * self.draws
        log_q = -0.5 * (self.draws.square() + math.log(2 * math.pi) + logvar[:, None]).sum(dim=2)

        # log p(x, z) = log p(z) - |x - decode(z)|^2 / (2 sigma^2) - D/2 log(2 pi sigma^2)
        squares = (x[:, None] - rowwise.decode_draws(self.model, z)).square().sum(dim=2)
        log_noise = squares / (-2 * self.sigma**2) - log_constant(x.shape[1], self.sigma)
        return log_prior(self.model, z.flatten(0, 1)).reshape(log_q.shape) + log_noise - log_q


def _fill_up(rows: Tensor) -> Tensor:
    """Rows, shape (n, D), as a block with zeros behind them."""
    block = torch.zeros(BLOCK, rows.shape[1], dtype=torch.float64)
    block[: len(rows)] = rows
    return block


def make_scorer(model: VAE, sigma: float, seed: int) -> Scorer:
    """What scores rows under a model in float64: by nodes with one or two latents, else by draws."""
    if model.latent_dim <= EXACT_DIMS:
        return make_nodes(model, sigma)
    return BoundByDraws(model, sigma, seed)
