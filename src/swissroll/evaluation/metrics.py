"""What a trained model is worth, in numbers: one call, one frozen record.

A VAE makes points in three ways, kept apart here: a decoded grid (the notebook's picture, which is no sample of the
model), prior draws through the decoder, and the same with the decoder's noise, which alone is the model's p(x).
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from swissroll import checks, rng
from swissroll.data import Curve
from swissroll.evaluation import evidence as exact
from swissroll.evaluation.continuity import Continuity, continuity
from swissroll.evaluation.distances import Distances
from swissroll.evaluation.geometry import Fit, fit
from swissroll.evaluation.lower_bound import nll_lower_bound
from swissroll.evaluation.references import data_reference, prior_reference
from swissroll.model.loss import distortion
from swissroll.model.prior import StandardNormal
from swissroll.model.vae import VAE

ACTIVE = 0.01
"""Least variance of a posterior mean over the data for its latent unit to be active."""
EVIDENCE_POINTS = 500
EVEN_POINTS = 500
"""Even t along the curve at which the continuity of the posterior mean is measured."""
PARTS = (
    "noise floors of the distances",
    "the latent space",
    "the decoded grid",
    "decoded prior samples",
    "prior samples with noise",
    "the evidence",
    "its lower bound",
)
"""What :func:`measure` does, in this order; without decoder noise or evidence some are left out."""


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """How well points come back.

    Attributes:
        mse: Squared error of the decoded posterior mean, averaged over points and coordinates, in squared data units.
        sampled_mse: The same with one draw from the posterior each.
        variance: Variance of the data, averaged over coordinates: what a decoder that ignores z can reach.
        distortion: -E log p(x|z), in nats a point; None without decoder noise.
        elbo: -(distortion + rate), in nats a point; None without decoder noise.
    """

    mse: float
    sampled_mse: float
    variance: float
    distortion: float | None
    elbo: float | None


@dataclass(frozen=True, kw_only=True)
class Latent:
    """How the latent space is used.

    Attributes:
        rate: KL of q(z|x) from the model's prior, averaged over points, in nats a point.
        rates: KL of each latent dimension from N(0, 1), in nats a point, length L; for the standard normal prior they
            add up to the rate.
        activity: Variance of each posterior mean over the data, length L.
        active: Active units: dimensions whose activity is above 0.01 (Burda et al. 2016, section 5.1.1).
        continuity: How the posterior mean follows the noiseless curve.
        aggregate: Draws from the aggregate posterior q(z) = E_x q(z|x) against draws from the prior; the noise
            floors are prior draws against prior draws.
    """

    rate: float
    rates: tuple[float, ...]
    activity: tuple[float, ...]
    active: int
    continuity: Continuity
    aggregate: Distances


@dataclass(frozen=True, kw_only=True)
class Generated:
    """Points made in one way, against the curve and against real points.

    Attributes:
        fit: How they cover the curve.
        distances: Their distances to real points, with noise floors.
    """

    fit: Fit
    distances: Distances


@dataclass(frozen=True, kw_only=True)
class EvidenceSummary:
    """The model's evidence on real points, in nats a point.

    Attributes:
        n: Points that it is the mean over.
        log_evidence: Mean log p(x), or of the importance-weighted lower bound on it.
        error: Numerical error of that mean: of the quadrature, or of the bound's draws.
        standard_error: Standard error of that mean as an estimate for the whole distribution; 0 for data without
            noise, whose points are spread evenly along the curve.
        bound: Whether ``log_evidence`` is only a bound (above two latent dimensions).
        gap: Mean of log p(x) - ELBO: what inference loses.
        lower_bound: Lowest mean negative log p(x) that any model with this decoder sigma can reach; None where sigma is
            so small beside the curve that it would take minutes.
        lower_bound_error: Most by which the lowest value may lie above ``lower_bound``; None where that is.
        above_lower_bound: Negative log evidence less its lower bound.
    """

    n: int
    log_evidence: float
    error: float
    standard_error: float
    bound: bool
    gap: float
    lower_bound: float | None
    lower_bound_error: float | None
    above_lower_bound: float | None


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Everything that :func:`measure` measures.

    Attributes:
        data_dim: D.
        n: Points in each sample.
        seed: What all randomness was derived from.
        noise: Standard deviation of the data's noise, in data units.
        sigma: Standard deviation of the decoder's noise, in data units.
        reconstruction: How well points come back.
        latent: How the latent space is used.
        real: How a real sample of n points covers the curve: the noise floor of the three fits below.
        grid: The decoded grid on [-2, 2]^2, of about n points.
        prior: Prior draws through the decoder.
        noisy_prior: The same with the decoder's noise: draws from the model's p(x); None without decoder noise.
        evidence: None where it was not asked for.
    """

    data_dim: int
    n: int
    seed: int
    noise: float
    sigma: float
    reconstruction: Reconstruction
    latent: Latent
    real: Fit
    grid: Generated
    prior: Generated
    noisy_prior: Generated | None
    evidence: EvidenceSummary | None = None

    def to_dict(self) -> dict[str, Any]:
        """All numbers as plain nested dicts, lists, floats and ints, ready for JSON; None for what is not finite."""
        values: dict[str, Any] = _plain(dataclasses.asdict(self))
        return values


@torch.no_grad()
def measure(
    model: VAE,
    curve: Curve,
    *,
    noise: float = 0.0,
    sigma: float,
    n: int = 1000,
    seed: int = 0,
    evidence: bool = False,
    progress: Callable[[str], object] = lambda _: None,
) -> Metrics:
    """Measure a model on fresh points of its data's curve.

    On the CPU, with every draw derived from the seed: the same arguments give the same numbers, and the global
    generator is left alone.

    Args:
        model: A trained VAE; it is not changed.
        curve: Where its data come from.
        noise: Standard deviation of the data's noise, in data units.
        sigma: Decoder standard deviation, in data units; 0 is a decoder without noise.
        n: Points in each sample, 100 to 20,000. W2 is taken from at most 500 of them.
        seed: Decides every draw.
        evidence: Also find the evidence of the first 500 points, and its lower bound: seconds, not a second.
            Needs a decoder with noise.
        progress: Called with the name of each of the :data:`PARTS` as it is done.

    Raises:
        ValueError: An argument is out of range, the curve has another D than the model, or the model's outputs are
            not finite.
    """
    checks.instance("model", model, VAE, "a VAE, such as load(folder).model")
    checks.instance("curve", curve, Curve, "a curve, such as swissroll.data.CURVES['swiss_roll']")
    checks.real("noise", noise, 0, 1e3)
    checks.real("sigma", sigma, 0, 1e6)
    checks.whole("n", n, 100, 20_000)
    checks.whole("seed", seed, 0, 2**63 - 1)
    if model.data_dim != curve.data_dim:
        raise ValueError(f"The model takes {model.data_dim} coordinates, but {curve.name} has {curve.data_dim}.")
    model = copy.deepcopy(model).cpu()
    real = data_reference(curve, noise, n, seed, model.fc_mu.weight.dtype)
    x = real.points
    progress(PARTS[0])
    latents = model.prior.sample(n, like=model.fc_mu.weight, generator=rng.generator(seed, "measure: prior"))
    drawn = model.decode(latents)
    eps = torch.randn(drawn.shape, generator=rng.generator(seed, "measure: decoder noise"), dtype=drawn.dtype)
    noisy = drawn + sigma * eps

    def generated(points: Tensor, name: str) -> Generated:
        points = checks.points(name, points)
        made = Generated(fit=fit(curve, points), distances=real.reference.compare(points))
        progress(name)
        return made

    mu, logvar = _posterior(model, x)
    z = model.reparameterize(mu, logvar, generator=rng.generator(seed, "measure: posterior"))
    latent = _latent(model, curve, (mu, logvar), z, seed)
    progress(PARTS[1])
    return Metrics(
        data_dim=curve.data_dim,
        n=n,
        seed=seed,
        noise=noise,
        sigma=sigma,
        reconstruction=_reconstruction(model, x, mu, z, curve, noise, sigma, latent.rate),
        latent=latent,
        real=real.fit,
        grid=generated(model.decode_grid(math.isqrt(n)), PARTS[2]),
        prior=generated(drawn, PARTS[3]),
        noisy_prior=generated(noisy, PARTS[4]) if sigma > 0 else None,
        evidence=_evidence(model, curve, x[:EVIDENCE_POINTS], noise, sigma, seed, progress)
        if evidence and sigma > 0
        else None,
    )


def rates(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL of each latent dimension of q(z|x) from N(0, 1), averaged over points, in nats, shape (L,).

    Args:
        mu: Posterior means, shape (N, L).
        logvar: Posterior log-variances, shape (N, L).

    Source: Kingma and Welling (2014), appendix B.
    """
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean(dim=0)


def activity(mu: Tensor) -> Tensor:
    """Variance over the data of each latent dimension's posterior mean, shape (L,), for means of shape (N, L).

    Source: Burda, Grosse and Salakhutdinov (2016), "Importance Weighted Autoencoders", section 5.1.1.
    """
    return mu.var(dim=0)


def total_rate(model: VAE, mu: Tensor, logvar: Tensor, z: Tensor) -> float:
    """KL of q(z|x) from the model's prior, averaged over points, in nats a point.

    Exact for the standard normal prior; for a mixture the mean of log q(z|x) - log p(z) over one z a point.

    Args:
        model: Holds the prior.
        mu: Posterior means, shape (N, L).
        logvar: Posterior log-variances, shape (N, L).
        z: One draw from each posterior, shape (N, L).
    """
    if isinstance(model.prior, StandardNormal):
        return rates(mu, logvar).sum().item()
    # Clamped, since a draw from a variance too small to be a number is the mean itself: 0 times a number is 0.
    scaled = (z - mu) * torch.exp(-0.5 * logvar.clamp_min(-1400))
    log_q = -0.5 * (scaled.square() + logvar + math.log(2 * math.pi)).sum(dim=1)
    return (log_q - model.prior.log_prob(z)).mean().item()


def variance(curve: Curve, noise: float = 0.0) -> float:
    """Variance of the data, averaged over coordinates, in squared data units; exact to the rounding of a fine sum."""
    x = curve.position(curve.midpoints(2**14))
    return x.var(dim=0, correction=0).mean().item() + noise**2


def _latent(model: VAE, curve: Curve, posterior: tuple[Tensor, Tensor], z: Tensor, seed: int) -> Latent:
    mu, logvar = (p.double() for p in posterior)
    t = curve.midpoints(EVEN_POINTS)
    along = _posterior(model, curve.position(t).to(z.dtype))[0]
    variances = activity(mu)
    return Latent(
        rate=total_rate(model, mu, logvar, z.double()),
        rates=tuple(rates(mu, logvar).tolist()),
        activity=tuple(variances.tolist()),
        active=int((variances > ACTIVE).sum()),
        continuity=continuity(along, t, curve=curve),
        aggregate=prior_reference(model, len(z), seed).compare(z),
    )


def _reconstruction(
    model: VAE, x: Tensor, mu: Tensor, z: Tensor, curve: Curve, noise: float, sigma: float, rate: float
) -> Reconstruction:
    mean, sampled = (checks.points("reconstructions", model.decode(latents)) for latents in (mu, z))
    lost = distortion(sampled, x.double(), sigma).mean().item() if sigma > 0 else None
    return Reconstruction(
        mse=(mean - x).square().mean().item(),
        sampled_mse=(sampled - x).square().mean().item(),
        variance=variance(curve, noise),
        distortion=lost,
        elbo=None if lost is None else -(lost + rate),
    )


def _evidence(
    model: VAE, curve: Curve, x: Tensor, noise: float, sigma: float, seed: int, progress: Callable[[str], object]
) -> EvidenceSummary:
    if noise == 0:
        # Even points integrate over the curve; drawn ones would add their own scatter.
        x = curve.position(curve.midpoints(len(x))).to(x.dtype)
    found = exact.measure_evidence(model, x, sigma=sigma, generator=rng.generator(seed, "measure: importance"))
    mean = found.log_p.mean().item()
    progress(PARTS[5])
    try:
        bracket = nll_lower_bound(curve, sigma, noise=noise)
    except ValueError:
        bracket = None
    progress(PARTS[6])
    return EvidenceSummary(
        n=len(x),
        log_evidence=mean,
        error=found.error.mean().item() if not found.bound else found.error.norm().item() / len(x),
        standard_error=found.log_p.std().item() / math.sqrt(len(x)) if noise > 0 else 0.0,
        bound=found.bound,
        gap=found.gap.mean().item(),
        lower_bound=None if bracket is None else bracket.lower,
        lower_bound_error=None if bracket is None else bracket.upper - bracket.lower,
        above_lower_bound=None if bracket is None else -mean - bracket.lower,
    )


def _posterior(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of q(z|x), checked to be finite."""
    mu, logvar = model.encode(x)
    checks.points("posterior means", mu)
    checks.points("posterior variances", logvar.exp())
    return mu, logvar


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
