"""How a model uses its latent space: the rate, the active units, and the aggregate posterior against the prior."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from swissroll import checks
from swissroll.data import Curve
from swissroll.evaluation.latent_continuity import Continuity, continuity
from swissroll.evaluation.latent_plane import rates
from swissroll.evaluation.reference_sample import Distances
from swissroll.evaluation.references import prior_reference
from swissroll.evaluation.uncertainty import standard_error
from swissroll.model.posterior import Posterior
from swissroll.model.vae import VAE

ACTIVE = 0.01
"""Least variance of a posterior mean over the data for its latent unit to be active."""
EVEN_POINTS = 500
"""Even t along the curve at which the continuity of the posterior mean is measured."""


@dataclass(frozen=True, kw_only=True)
class Latent:
    """How the latent space is used.

    Attributes:
        rate: KL of q(z|x) from the model's prior, averaged over points, in nats per point.
        rate_se: Its standard error over the points.
        rates: KL of each latent dimension from N(0, 1), in nats per point, length L; for the standard normal prior and
            a posterior with a diagonal covariance they add up to the rate.
        rates_se: Their standard errors over the points.
        activity: Variance of each posterior mean over the data, length L.
        active: Active units: dimensions whose activity is above 0.01 (Burda et al. 2016, section 5.1.1).
        continuity: How the posterior mean follows the noiseless curve; None where the data have none.
        aggregate: Draws from the aggregate posterior q(z) = E_x q(z|x) against draws from the prior; the noise
            floors are prior draws against prior draws.
    """

    rate: float
    rate_se: float
    rates: tuple[float, ...]
    rates_se: tuple[float, ...]
    activity: tuple[float, ...]
    active: int
    continuity: Continuity | None
    aggregate: Distances


def activity(mu: Tensor) -> Tensor:
    """Variance over the data of each latent dimension's posterior mean, shape (L,), for means of shape (N, L).

    Source: Burda, Grosse and Salakhutdinov (2016), "Importance Weighted Autoencoders", section 5.1.1.
    """
    return mu.var(dim=0)


def measure_latent(
    model: VAE,
    curve: Curve | None,
    posterior: Posterior,
    z: Tensor,
    point_rates: Tensor,
    seed: int,
    *,
    aggregate: Tensor | None = None,
) -> Latent:
    """Measure the latent space.

    Args:
        model: The VAE.
        curve: The curve that the points come from, where one is known.
        posterior: Of N points.
        z: One draw of each, shape (N, L).
        point_rates: The rate of each draw, shape (N,).
        seed: Decides every draw.
        aggregate: Draws from the aggregate posterior, shape (M, L); those of the N points by default.
    """
    drawn = z if aggregate is None else aggregate
    posterior = posterior.double()
    variances = activity(posterior.mu)
    by_dimension = rates(posterior.mu, posterior.logvar)
    return Latent(
        rate=posterior.kl(model.prior, z.double()).item(),
        rate_se=standard_error(point_rates),
        rates=tuple(by_dimension.mean(dim=0).tolist()),
        rates_se=tuple(map(standard_error, by_dimension.T)),
        activity=tuple(variances.tolist()),
        active=int((variances > ACTIVE).sum()),
        continuity=None if curve is None else _measure_continuity(model, curve, z.dtype),
        aggregate=prior_reference(model, len(drawn), seed).compare(drawn),
    )


def _measure_continuity(model: VAE, curve: Curve, dtype: torch.dtype) -> Continuity:
    t = curve.midpoints(EVEN_POINTS)
    if model.label_count:
        model = model.given(curve.piece(t))
    mu = encode_finite(model, curve.position(t).to(dtype)).mu
    return continuity(mu, t, curve=curve)


def encode_finite(model: VAE, x: Tensor) -> Posterior:
    """q(z|x), its means and variances checked to be finite."""
    posterior = model.posterior(x)
    checks.points("posterior means", posterior.mu)
    checks.points("posterior variances", posterior.logvar.exp())
    return posterior
