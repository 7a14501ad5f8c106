r"""What a trained model gives to a point: log p(x), how far the ELBO is below it, and why.

    log p(x) = log of the integral over z of  p(z) N(x; decode(z), sigma^2 I)             evidence, in nats
    gap      = log p(x) - ELBO = KL(q(z|x) || p(z|x))                                     at least 0
             = (best ELBO of any diagonal Gaussian - ELBO)  + (log p(x) - that best ELBO)
               what amortisation loses                        what the Gaussian family loses

With one or two latent dimensions the integral is a sum over a grid (:mod:`swissroll.evaluation.quadrature`), with
an error of its own. With more, only a bound is in reach: the importance-weighted one, and it is named so.

Sources: Burda, Grosse and Salakhutdinov (2016), "Importance weighted autoencoders", equation 8, for the bound;
Cremer, Li and Duvenaud (2018), "Inference suboptimality in variational autoencoders", section 3, for the split;
Tipping and Bishop (1999), "Probabilistic principal component analysis", for the linear case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from swissroll import checks
from swissroll.evaluation import quadrature
from swissroll.model import loss as objective
from swissroll.model.prior import StandardNormal
from swissroll.model.vae import VAE

EXACT_DIMS = 2
"""Latent dimensions up to which the evidence is exact."""
TOLERANCE = 1e-3
"""Default of the estimated error, in nats, at which a point's grid is fine enough."""
SIGMAS = (1e-100, 1e100)
"""Least and largest decoder standard deviation whose square and its inverse are numbers."""
DECODED = 2**13
"""Latents decoded at a time outside the quadrature."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Evidence of N points under a model, in nats a point; every tensor is float64 of shape (N,).

    Attributes:
        log_p: log p(x), or where ``bound`` is true the importance-weighted lower bound on it.
        error: Estimated error of ``log_p``: of the quadrature, or the standard error of the bound's K draws.
        elbo: E_q log p(x|z) - KL(q(z|x) || p(z)) at the encoder's q.
        gap: ``log_p - elbo``; under a bound, at most the true gap.
        amortisation: Part of the gap that the best diagonal Gaussian found would close, so a lower bound
            (a finer search gained 0.001 nats on trained models); None where not asked for.
        family: The rest of the gap, ``log_p`` less that Gaussian's ELBO; None where not asked for.
        sigma: Decoder standard deviation that it was computed at, in data units.
        bound: Whether ``log_p`` is only a bound.
        spacing: Spacing of the finest latent grid used for a point; None for a bound.
        samples: K, draws a point; None where exact.
    """

    log_p: Tensor
    error: Tensor
    elbo: Tensor
    gap: Tensor
    amortisation: Tensor | None
    family: Tensor | None
    sigma: float
    bound: bool
    spacing: Tensor | None
    samples: int | None

    @property
    def exact(self) -> bool:
        """Whether ``log_p`` is exact up to ``error``."""
        return not self.bound


def log_evidence(
    model: VAE,
    x: Tensor | NDArray[Any] | Sequence[Sequence[float]],
    *,
    sigma: float | None = None,
    tolerance: float = TOLERANCE,
    samples: int = 1000,
    generator: Generator | None = None,
) -> Tensor:
    """Log p(x) in nats, shape (N,), float64; above two latent dimensions the importance-weighted bound.

    Arguments and errors as for :func:`measure_evidence`, which also says how far to trust it.
    """
    points, sigma = _checked(model, x, sigma)
    _checked_sampling(tolerance, samples)
    if model.latent_dim <= EXACT_DIMS:
        return _finite(quadrature.integrate(model, points, sigma, tolerance=tolerance).log_p, sigma)
    return _finite(_importance_weighted(model, points, sigma, samples, generator)[0], sigma)


def measure_evidence(
    model: VAE,
    x: Tensor | NDArray[Any] | Sequence[Sequence[float]],
    *,
    sigma: float | None = None,
    gap_split: bool = False,
    tolerance: float = TOLERANCE,
    samples: int = 1000,
    generator: Generator | None = None,
) -> Evidence:
    """Evidence, ELBO and the gap between them, for each point.

    Args:
        model: The VAE.
        x: Points, shape (N, D), in data units: a tensor, an array or lists.
        sigma: Decoder standard deviation, in data units, above 0; by default ``model.decoder_sigma``.
        gap_split: Also find the best diagonal Gaussian of every point, which costs some 0.1 s a point at width 256.
        tolerance: Estimated error, in nats, at which a point's grid is fine enough; the true error was found at
            most half of it. Points for which memory does not allow that say so in ``error``.
        samples: K, draws a point of the bound; used above two latent dimensions only.
        generator: Source of the bound's draws; PyTorch's global one by default.

    Raises:
        ValueError: sigma is missing or not in [1e-100, 1e100], x is not finite of shape (N, D), tolerance is not in
            [1e-5, 1000], samples is not in [2, 10^7], ``gap_split`` is asked of more than two latent dimensions, or
            the result is not finite.
    """
    points, sigma = _checked(model, x, sigma)
    _checked_sampling(tolerance, samples)
    if model.latent_dim > EXACT_DIMS:
        if gap_split:
            raise ValueError(f"gap_split needs at most {EXACT_DIMS} latent dimensions; got {model.latent_dim}.")
        log_p, error, elbo = _importance_weighted(model, points, sigma, samples, generator)
        return _evidence(log_p, error, elbo, sigma=sigma, bound=True, samples=samples)
    result = quadrature.integrate(model, points, sigma, tolerance=tolerance)
    mu, logvar = _encoded(model, points)
    elbo = _elbo(model, points, mu, logvar, sigma)
    best = _best_elbo(model, points, [mu, result.mode], logvar, sigma) if gap_split else None
    return _evidence(
        result.log_p,
        result.error,
        elbo,
        best=None if best is None else torch.maximum(best, elbo),
        sigma=sigma,
        spacing=result.spacing,
    )


def posterior_on_grid(
    model: VAE, x: Tensor, *, sigma: float | None = None, size: int = 200, extent: float = 4.0
) -> tuple[Tensor, Tensor]:
    """The true posterior p(z|x) on a uniform grid, for pictures.

    Args:
        model: The VAE, with one or two latent dimensions.
        x: Points, shape (N, D).
        sigma: Decoder standard deviation; by default ``model.decoder_sigma``.
        size: Grid points an axis, at least 2.
        extent: The grid covers [-extent, extent] on every axis.

    Returns:
        The axis, shape (size,), and densities, shape (N, size) or (N, size, size) with the first latent coordinate
        on axis 1. They are normalised by the evidence, not by the picture: where the grid cuts the posterior or is
        coarser than it, they do not sum to one.

    Raises:
        ValueError: As :func:`measure_evidence`; more than two latent dimensions; or over 10^8 densities are asked for.
    """
    x, sigma = _checked(model, x, sigma)
    checks.whole("size", size, 2, 10**4)
    checks.real("extent", extent, 0, 1e6, open_low=True)
    if model.latent_dim > EXACT_DIMS:
        raise ValueError(f"A posterior on a grid needs at most {EXACT_DIMS} latent dimensions; got {model.latent_dim}.")
    if len(x) * size**model.latent_dim > 10**8:
        raise ValueError(f"{len(x)} points on {size}^{model.latent_dim} grid points are over 10^8; pass fewer.")
    axis = torch.linspace(-extent, extent, size, dtype=torch.float64)
    z = torch.cartesian_prod(*[axis] * model.latent_dim).reshape(-1, model.latent_dim)
    density = log_evidence(model, x, sigma=sigma).neg()[:, None].repeat(1, len(z))
    for part in torch.split(torch.arange(len(z)), DECODED):
        density[:, part] += quadrature.log_joint(model, x, z[part], sigma)
    return axis, density.exp_().reshape(len(x), *[size] * model.latent_dim)


def ppca_evidence(covariance: Tensor, latent_dim: int, sigma: float) -> float:
    """Best mean log evidence of a linear-Gaussian model with a fixed sigma, in nats a point.

    The optimum keeps those of the ``latent_dim`` leading axes whose variance is above sigma^2 and models every other
    one as noise.

    Args:
        covariance: Of the data about its mean, shape (D, D), in squared data units.
        latent_dim: L, at least 1.
        sigma: Decoder standard deviation, in data units, above 0.

    Source: Tipping and Bishop (1999), equations 4 and 15, with sigma given instead of fitted.
    """
    checks.whole("latent_dim", latent_dim, 1, 10**6)
    checks.real("sigma", sigma, *SIGMAS)
    variances = torch.linalg.eigvalsh(covariance.double()).flip(0)
    modelled = torch.full_like(variances, sigma**2)
    modelled[:latent_dim] = variances[:latent_dim].clamp_min(sigma**2)
    return float(-0.5 * ((2 * math.pi * modelled).log() + variances / modelled).sum())


def _checked(model: VAE, x: Any, sigma: float | None) -> tuple[Tensor, float]:
    """The points as float64 on the CPU, and the sigma to use."""
    checks.instance("model", model, VAE, "a VAE, such as load(folder).model")
    sigma = model.decoder_sigma if sigma is None else sigma
    if sigma is None:
        raise ValueError("The evidence needs the decoder's standard deviation; pass sigma or set model.decoder_sigma.")
    checks.real("sigma", sigma, *SIGMAS)
    return checks.points("x", x, dim=model.data_dim), float(sigma)


def _checked_sampling(tolerance: float, samples: int) -> None:
    checks.real("tolerance", tolerance, 1e-5, 1e3)
    checks.whole("samples", samples, 2, 10**7)


def _finite(log_p: Tensor, sigma: float) -> Tensor:
    """The log density, once it is known to be a number for every point."""
    if not bool(torch.isfinite(log_p).all()):
        bad = int((~torch.isfinite(log_p)).sum())
        raise ValueError(
            f"log p(x) at sigma={sigma:g} is not a finite number for {bad} of {len(log_p)} points. "
            "Make sigma larger, leave out far points, or see whether the model's outputs are finite."
        )
    return log_p


def _evidence(
    log_p: Tensor,
    error: Tensor,
    elbo: Tensor,
    *,
    sigma: float,
    best: Tensor | None = None,
    bound: bool = False,
    spacing: Tensor | None = None,
    samples: int | None = None,
) -> Evidence:
    return Evidence(
        log_p=_finite(log_p, sigma),
        error=error,
        elbo=elbo,
        gap=log_p - elbo,
        amortisation=None if best is None else best - elbo,
        family=None if best is None else log_p - best,
        sigma=sigma,
        bound=bound,
        spacing=spacing,
        samples=samples,
    )


@torch.no_grad()
def _encoded(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Means and log-variances of q(z|x), each (N, L), in float64; a variance may be too small to be a number."""
    mu, logvar = model.encode(x.to(model.fc_mu.weight))
    return mu.to("cpu", torch.float64), logvar.to("cpu", torch.float64)


def _uniform_nodes(latent_dim: int) -> tuple[Tensor, Tensor]:
    """Nodes (Q, L) and weights (Q,) for means under N(0, I); a uniform grid bears the kinks of a ReLU decoder."""
    axis = 0.6 * torch.arange(-10, 11, dtype=torch.float64)
    nodes = torch.cartesian_prod(*[axis] * latent_dim).reshape(-1, latent_dim)
    return nodes, torch.softmax(-0.5 * nodes.square().sum(dim=-1), dim=0)


def _hermite_nodes(latent_dim: int) -> tuple[Tensor, Tensor]:
    """Few nodes (Q, L) and weights (Q,), good enough to climb by."""
    axis, weights = (torch.tensor(a) for a in np.polynomial.hermite_e.hermegauss(6))
    nodes = torch.cartesian_prod(*[axis] * latent_dim).reshape(-1, latent_dim)
    products = torch.cartesian_prod(*[weights] * latent_dim).reshape(-1, latent_dim).prod(dim=-1)
    return nodes, products / products.sum()


@torch.no_grad()
def _elbo(model: VAE, x: Tensor, mu: Tensor, logvar: Tensor, sigma: float) -> Tensor:
    """The ELBO of q = N(mu, diag exp(logvar)), shape (N,), its means under q by quadrature."""
    nodes = _uniform_nodes(model.latent_dim)
    parts = torch.split(torch.arange(len(x)), max(1, DECODED // len(nodes[0])))
    return torch.cat([_elbo_at(model, x[part], mu[part], logvar[part], sigma, nodes) for part in parts])


def _elbo_at(model: VAE, x: Tensor, mu: Tensor, logvar: Tensor, sigma: float, nodes: tuple[Tensor, Tensor]) -> Tensor:
    """The ELBO with its means under q taken at standard-normal nodes; differentiable in mu and logvar."""
    z = mu[:, None] + torch.exp(0.5 * logvar)[:, None] * nodes[0]
    flat = z.flatten(0, 1)
    decoded = model.decode(flat.to(model.fc_mu.weight)).to("cpu", torch.float64).reshape(*z.shape[:2], -1)
    likelihood = -objective.distortion(decoded, x[:, None], sigma) @ nodes[1]
    if isinstance(model.prior, StandardNormal):
        return likelihood - objective.rate(mu, logvar)
    entropy = 0.5 * (logvar + math.log(2 * math.pi * math.e)).sum(dim=-1)
    return likelihood + entropy + quadrature.log_prior(model, flat).reshape(z.shape[:2]) @ nodes[1]


def _best_elbo(model: VAE, x: Tensor, starts: list[Tensor], logvar: Tensor, sigma: float) -> Tensor:
    """The highest ELBO that a diagonal Gaussian of its own gives each point, climbing from several means."""
    nodes = _hermite_nodes(model.latent_dim)
    parts = torch.split(torch.arange(len(x)), max(1, DECODED // len(nodes[0])))
    found = []
    for start in starts:
        fits = [_climb(model, x[part], start[part], logvar[part], sigma, nodes) for part in parts]
        mu, spread = (torch.cat(t) for t in zip(*fits, strict=True))
        found.append(_elbo(model, x, mu, spread, sigma))
    return torch.stack(found).amax(dim=0)


def _climb(
    model: VAE, x: Tensor, mu: Tensor, logvar: Tensor, sigma: float, nodes: tuple[Tensor, Tensor], steps: int = 120
) -> tuple[Tensor, Tensor]:
    """Means and log-variances that maximise the ELBO of each point, by Adam in units of the start."""
    std = torch.exp(0.5 * logvar)
    moves = torch.zeros(2, *mu.shape, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([moves], lr=0.2, betas=(0.8, 0.95))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        value = _elbo_at(model, x, mu + std * moves[0], logvar + 2 * moves[1], sigma, nodes)
        (moves.grad,) = torch.autograd.grad(-value.sum(), moves)
        optimizer.step()
        schedule.step()
    final = moves.detach()
    return mu + std * final[0], logvar + 2 * final[1]


@torch.no_grad()
def _importance_weighted(
    model: VAE, x: Tensor, sigma: float, samples: int, generator: Generator | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The bound of K draws of q(z|x), its standard error, and the ELBO as the mean of the same draws."""
    bound, error, elbo = [], [], []
    mu, logvar = _encoded(model, x)
    for i in range(len(x)):
        # A point at a time, and its draws in parts, so that memory does not grow with N or K.
        parts = [
            _log_weights(model, x[i], mu[i], logvar[i], sigma, min(DECODED, samples - k), generator)
            for k in range(0, samples, DECODED)
        ]
        weights = torch.cat(parts)
        bound.append(weights.logsumexp(0) - math.log(samples))
        error.append((weights - bound[-1]).exp().std() / math.sqrt(samples))
        elbo.append(weights.mean())
    return torch.stack(bound), torch.stack(error), torch.stack(elbo)


def _log_weights(
    model: VAE, x: Tensor, mu: Tensor, logvar: Tensor, sigma: float, k: int, generator: Generator | None
) -> Tensor:
    """Log p(x, z) - log q(z|x), shape (K,), for K draws of one point's q."""
    eps = torch.randn(k, len(mu), generator=generator, dtype=torch.float64)
    log_q = -0.5 * (eps.square() + math.log(2 * math.pi) + logvar).sum(dim=-1)
    return quadrature.log_joint(model, x[None], mu + torch.exp(0.5 * logvar) * eps, sigma)[0] - log_q
