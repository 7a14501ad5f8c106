r"""The importance-weighted lower bound on log p(x), for latent spaces of any dimension.

    log p(x) >= log of the mean over k of w_k,   w_k = p(x, z_k) / q(z_k|x),   z_1 .. z_K drawn from q(z|x)

Source: Burda, Grosse and Salakhutdinov (2016), "Importance weighted autoencoders", equation 8.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from swissroll.evaluation import quadrature
from swissroll.model.posterior import Posterior
from swissroll.model.vae import VAE

MAX_DRAWS = 2**13
"""Draws decoded at a time."""


class ImportanceBound(NamedTuple):
    """The bound on each of N points, in nats; every tensor is float64 of shape (N,).

    Attributes:
        log_p: The bound on log p(x).
        error: Its standard error, from the spread of the K weights.
        gain: By how much it is above the same bound with a tenth of the draws: with more draws it still rises.
        elbo: The ELBO, as the mean of log w over the same draws.
    """

    log_p: Tensor
    error: Tensor
    gain: Tensor
    elbo: Tensor


@torch.no_grad()
def importance_bound(
    model: VAE, x: Tensor, posterior: Posterior, sigma: float, samples: int, generator: Generator | None
) -> ImportanceBound:
    """Bound log p(x) by draws from q(z|x).

    Args:
        model: Holds the decoder and the prior.
        x: Points, shape (N, D).
        posterior: q(z|x) of the points, float64.
        sigma: Decoder standard deviation, in data units.
        samples: K, draws per point.
        generator: Source of the draws; PyTorch's global one by default.
    """
    bounds = []
    errors = []
    gains = []
    elbos = []
    for index in range(len(x)):
        # Point by point, and its draws in parts, so that memory does not grow with N or K.
        only = slice(index, index + 1)
        parts = []
        for start in range(0, samples, MAX_DRAWS):
            draws = min(MAX_DRAWS, samples - start)
            parts.append(_log_weights(model, x[only], posterior.at(only), sigma, draws, generator))
        log_weights = torch.cat(parts)

        # log of the mean of w; the relative error of that mean is the error of its log.
        bound = log_weights.logsumexp(0) - math.log(samples)
        relative = (log_weights - bound).exp()
        bounds.append(bound)
        errors.append(relative.std() / math.sqrt(samples))
        gains.append(bound - _bound_of_tenths(log_weights))
        elbos.append(log_weights.mean())
    return ImportanceBound(torch.stack(bounds), torch.stack(errors), torch.stack(gains), torch.stack(elbos))


def _bound_of_tenths(log_weights: Tensor) -> Tensor:
    """The mean of the bounds that each tenth of the draws gives, a scalar, for log weights of shape (K,)."""
    few = max(1, len(log_weights) // 10)
    tenths = log_weights[: len(log_weights) // few * few].reshape(-1, few)
    return (tenths.logsumexp(dim=1) - math.log(few)).mean()


def _log_weights(
    model: VAE, x: Tensor, posterior: Posterior, sigma: float, draws: int, generator: Generator | None
) -> Tensor:
    """Log w = log p(x, z) - log q(z|x), shape (K,), for K draws of the q of one point, of shape (1, D)."""
    eps = torch.randn(draws, model.latent_dim, generator=generator, dtype=torch.float64)
    z = posterior.place(eps)

    # log q(z|x) at z = mu + C eps is -(|eps|^2 + L log(2 pi)) / 2 - log det C.
    log_q = -0.5 * (eps.square() + math.log(2 * math.pi)).sum(dim=-1) - posterior.log_determinant()
    log_joint = quadrature.log_joint(model, x, z, sigma)[0]
    return log_joint - log_q
