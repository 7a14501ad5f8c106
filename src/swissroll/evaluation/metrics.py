"""What a trained model is worth, in numbers: one call, one frozen record.

A VAE makes points in three ways, kept apart here: a decoded grid (the notebook's picture, which is no sample of the
model), prior draws through the decoder, and the same with the decoder's noise, which alone is the model's p(x).

Where the data have no curve, what needs one is None: the fit of points to it, the continuity of the posterior mean
along it, and the lower bound of the negative log evidence.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from swissroll import checks
from swissroll.data import Curve, Distribution, NoisyCurve
from swissroll.evaluation.distances import Distances
from swissroll.evaluation.evidence_summary import (
    EVIDENCE_PART,
    LOWER_BOUND_PART,
    EvidenceSummary,
    summarize_evidence,
)
from swissroll.evaluation.geometry import Fit, FitSpread, fit
from swissroll.evaluation.latent_continuity import Continuity, continuity
from swissroll.evaluation.latent_plane import busiest_dims, rates
from swissroll.evaluation.references import (
    TAIL_POINTS,
    DataReference,
    data_reference,
    fresh_points,
    prior_reference,
)
from swissroll.evaluation.uncertainty import standard_error
from swissroll.model.adapter import measurable
from swissroll.model.latents import draw_latents
from swissroll.model.loss import Loss, distortion
from swissroll.model.prior import log_normal
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng
from swissroll.reproducibility.modes import ordinary_modes

ACTIVE = 0.01
"""Least variance of a posterior mean over the data for its latent unit to be active."""
EVIDENCE_POINTS = 200
"""Points that the evidence is measured on: its error there is far below the tenth of a nat that matters."""
EVEN_POINTS = 500
"""Even t along the curve at which the continuity of the posterior mean is measured."""
MAX_DECODED = 2**12
"""Latents decoded at a time."""
LOSS_BATCHES = 20
"""Batches whose scatter is the standard error of a loss."""
GRID = "the decoded grid"
PRIOR = "decoded prior samples"
NOISY_PRIOR = "prior samples with noise"
SHARED_NOISE = "prior samples with the data's noise"
PARTS = (
    "noise floors of the distances",
    "the latent space",
    GRID,
    PRIOR,
    NOISY_PRIOR,
    SHARED_NOISE,
    EVIDENCE_PART,
    LOWER_BOUND_PART,
)
"""What :func:`measure` does, in this order; without decoder noise or a curve some are left out."""


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """How well points come back. A name that ends in ``_se`` is the standard error of a mean over the points.

    Attributes:
        mse: Squared error of one decoded draw from each posterior, as in the loss, averaged over points and
            coordinates, in squared data units.
        mse_se: Its standard error.
        posterior_mean_mse: The same of the decoded posterior mean.
        posterior_mean_mse_se: Its standard error.
        variance: Variance of the data, averaged over coordinates: what a decoder that ignores z can reach.
        distortion: -E log p(x|z), in nats per point; None without decoder noise.
        distortion_se: Its standard error.
        neg_elbo: Negative ELBO, distortion + rate, in nats per point; None without decoder noise.
        neg_elbo_se: Its standard error.
    """

    mse: float
    mse_se: float
    posterior_mean_mse: float
    posterior_mean_mse_se: float
    variance: float
    distortion: float | None
    distortion_se: float | None
    neg_elbo: float | None
    neg_elbo_se: float | None


@dataclass(frozen=True, kw_only=True)
class Latent:
    """How the latent space is used.

    Attributes:
        rate: KL of q(z|x) from the model's prior, averaged over points, in nats per point.
        rate_se: Its standard error over the points.
        rates: KL of each latent dimension from N(0, 1), in nats per point, length L; for the standard normal prior they
            add up to the rate.
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


@dataclass(frozen=True, kw_only=True)
class Generated:
    """Points made in one way, against the curve and against real points.

    Attributes:
        fit: How they cover the curve, its tails in 20,000 draws (in the decoded grid those of the grid itself: it is no
            sample); None where the data have none.
        distances: Their distances to real points, with noise floors.
    """

    fit: Fit | None
    distances: Distances


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
        real: How a real sample of n points covers the curve: the noise floor of the three fits below; None where the
            data have no curve.
        real_sd: Standard deviations over several such samples, for what has no standard error.
        grid: The decoded grid on [-2, 2]^2, of about n points.
        grid_dims: The latent dimensions that the grid spans, counted from 0: the two of highest rate, or the only one.
        prior: Prior draws through the decoder.
        noisy_prior: The same with the decoder's noise: draws from the model's p(x); None without decoder noise.
        shared_noise: The same with the noise of the data; None unless they have some, and less of it than the decoder.
        evidence: The evidence and its lower bound; None without decoder noise.
    """

    data_dim: int
    n: int
    seed: int
    noise: float
    sigma: float
    reconstruction: Reconstruction
    latent: Latent
    real: Fit | None
    real_sd: FitSpread | None
    grid: Generated
    prior: Generated
    noisy_prior: Generated | None
    grid_dims: tuple[int, ...]
    evidence: EvidenceSummary | None = None
    shared_noise: Generated | None = None

    @property
    def comparable(self) -> Generated:
        """The generated points that real ones are to be compared with: with the noise that data and decoder share.

        Decoded means, where the data have no noise: with the decoder's noise they would be off the curve, however good
        the model.
        """
        if self.shared_noise is not None:
            return self.shared_noise
        if self.noise > 0 and self.noisy_prior is not None:
            return self.noisy_prior
        return self.prior

    def to_dict(self) -> dict[str, Any]:
        """All numbers as plain nested dicts, lists, floats and ints, ready for JSON; None for what is not finite."""
        values: dict[str, Any] = _plain(dataclasses.asdict(self))
        return values


@ordinary_modes()
def measure(
    model: nn.Module,
    distribution: Distribution | Curve,
    *,
    noise: float = 0.0,
    sigma: float,
    n: int = 1000,
    seed: int = 0,
    progress: Callable[[str], object] = lambda _: None,
) -> Metrics:
    """Measure a model on fresh points of its data's distribution.

    On the CPU, with every draw derived from the seed: the same arguments give the same numbers, and the global
    generator is left alone.

    Args:
        model: A trained VAE, or any module with ``encode`` and ``decode`` (:mod:`swissroll.model.adapter`); it is not
            changed, and measured in evaluation mode.
        distribution: Where its data come from. A curve stands for its points with Gaussian noise.
        noise: Standard deviation of the noise about a curve, in data units.
        sigma: Decoder standard deviation, in data units; 0 is a decoder without noise.
        n: Points in each sample, 100 to 20,000. W2 is taken from at most 500 of them.
        seed: Decides every draw.
        progress: Called with the name of each of the :data:`PARTS` as it is done.

    Raises:
        ValueError: An argument is out of range, the data have another D than the model, or the model's outputs are
            not finite.
    """
    source = _as_distribution(distribution, noise)
    vae = measurable(model, data_dim=source.data_dim, device="cpu")
    if vae.data_dim != source.data_dim:
        raise ValueError(f"The model takes {vae.data_dim} coordinates, but {source.name} has {source.data_dim}.")
    checks.real("sigma", sigma, 0, 1e6)
    checks.whole("n", n, 100, 20_000)
    checks.whole("seed", seed, 0, 2**63 - 1)
    checks.function("progress", progress)

    real = data_reference(source, n, seed, vae.dtype)
    progress(PARTS[0])

    mu, logvar = _posterior(vae, real.points)
    z = draw_latents(vae, mu, logvar, generator=rng.generator(seed, "measure: posterior"))
    point_rates = _rate_per_point(vae, mu.double(), logvar.double(), z.double())
    latent = _measure_latent(vae, source.curve, mu, logvar, z, point_rates, seed)
    progress(PARTS[1])

    reconstruction = _measure_reconstruction(
        vae,
        real.points,
        mu,
        z,
        point_rates,
        rate=latent.rate,
        variance=source.variance,
        sigma=sigma,
    )
    # By which noise the points made in each way differ from decoded means.
    noises = {PRIOR: 0.0}
    if sigma > 0:
        noises[NOISY_PRIOR] = sigma
    if 0 < source.noise < sigma:
        noises[SHARED_NOISE] = source.noise

    tails = {} if source.curve is None else _generate_tails(vae, noises, seed)
    made = {}
    grid_dims = busiest_dims(mu, logvar)
    for name, points in _generate(vae, n, noises, seed, grid_dims).items():
        # A point may be as far off as this noise takes it.
        noise = max(source.noise, noises.get(name, 0.0))
        made[name] = _measure_generated(name, points, real, source.curve, tails=tails.get(name), noise=noise)
        progress(name)

    summary = None
    if sigma > 0:
        x = real.points[:EVIDENCE_POINTS]
        summary = summarize_evidence(vae, source, x, sigma=sigma, seed=seed, progress=progress)

    return Metrics(
        data_dim=source.data_dim,
        n=n,
        seed=seed,
        noise=source.noise,
        sigma=sigma,
        reconstruction=reconstruction,
        latent=latent,
        real=real.fit,
        real_sd=real.fit_sd,
        grid=made[GRID],
        prior=made[PRIOR],
        noisy_prior=made.get(NOISY_PRIOR),
        grid_dims=grid_dims,
        evidence=summary,
        shared_noise=made.get(SHARED_NOISE),
    )


@ordinary_modes()
def measure_loss(model: VAE, distribution: Distribution, loss: Loss, *, n: int, seed: int) -> tuple[float, float]:
    """The loss on the points that :func:`measure` takes, with the same draw from each posterior.

    Args:
        model: As for :func:`measure`.
        distribution: Where its data come from.
        loss: What it was trained with.
        n: Points.
        seed: Decides every draw.

    Returns:
        The loss, and its standard error. A loss gives one number for many points, so the error is that of the mean of
        20 batches, which is itself known to a sixth.
    """
    vae = measurable(model, data_dim=distribution.data_dim, device="cpu")
    x = fresh_points(distribution, n, seed, vae.dtype)
    generator = rng.generator(seed, "measure: posterior")
    whole = loss.evaluate(vae, x, generator=generator).loss.item()

    parts = [loss.evaluate(vae, part, generator=generator).loss.double() for part in x.tensor_split(LOSS_BATCHES)]
    return whole, standard_error(torch.stack(parts))


def _as_distribution(source: Distribution | Curve, noise: float) -> Distribution:
    """The distribution that a model is measured on."""
    if isinstance(source, Curve):
        source = NoisyCurve(source, noise)
    else:
        wanted = "a distribution or a curve, such as swissroll.data.CURVES['swiss_roll']"
        checks.instance("distribution", source, Distribution, wanted)
        if noise != 0:
            raise ValueError(f"noise is for a curve; {source.name} has its own. Leave noise out.")
    return source


def _generate(model: VAE, n: int, noises: dict[str, float], seed: int, dims: tuple[int, ...]) -> dict[str, Tensor]:
    """Points made in each of the ways, by their names, each of shape (N, D)."""
    latents = model.draw_prior(n, generator=rng.generator(seed, "measure: prior"))
    drawn = model.decode(latents)
    made = {GRID: model.decode_grid(math.isqrt(n), dims=dims)}
    for name, noise in noises.items():
        made[name] = _add_noise(drawn, noise, rng.generator(seed, "measure: decoder noise"))
    return made


def _generate_tails(model: VAE, noises: dict[str, float], seed: int) -> dict[str, Tensor]:
    """Many points made in each of the ways that are samples, by their names, each of shape (N, D)."""
    latents = model.draw_prior(TAIL_POINTS, generator=rng.generator(seed, "measure: tails"))
    drawn = torch.cat([model.decode(part) for part in torch.split(latents, MAX_DECODED)])
    made = {}
    for name, noise in noises.items():
        made[name] = _add_noise(drawn, noise, rng.generator(seed, "measure: noise of the tails"))
    return made


def _add_noise(points: Tensor, sigma: float, generator: Generator) -> Tensor:
    if sigma == 0:
        return points
    # Draw by shape: randn_like takes no generator.
    eps = torch.randn(points.shape, generator=generator, dtype=points.dtype)
    return points + sigma * eps


def _measure_generated(
    name: str, points: Tensor, real: DataReference, curve: Curve | None, *, tails: Tensor | None, noise: float
) -> Generated:
    points = checks.points(name, points)
    return Generated(
        fit=None if curve is None else fit(curve, points, tails=tails, noise=noise),
        distances=real.reference.compare(points),
    )


def activity(mu: Tensor) -> Tensor:
    """Variance over the data of each latent dimension's posterior mean, shape (L,), for means of shape (N, L).

    Source: Burda, Grosse and Salakhutdinov (2016), "Importance Weighted Autoencoders", section 5.1.1.
    """
    return mu.var(dim=0)


def _rate_per_point(model: VAE, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """KL of each q(z|x) from the prior, in nats, shape (N,): exact, or log q(z|x) - log p(z) of the draw."""
    exact = model.prior.closed_form_kl(mu, logvar)
    if exact is not None:
        return exact
    return log_normal(z, mu, logvar) - model.prior.log_prob(z)


def _measure_latent(
    model: VAE, curve: Curve | None, mu: Tensor, logvar: Tensor, z: Tensor, point_rates: Tensor, seed: int
) -> Latent:
    mu = mu.double()
    logvar = logvar.double()
    variances = activity(mu)
    by_dimension = rates(mu, logvar)
    return Latent(
        rate=model.prior.kl(mu, logvar, z.double()).item(),
        rate_se=standard_error(point_rates),
        rates=tuple(by_dimension.mean(dim=0).tolist()),
        rates_se=tuple(map(standard_error, by_dimension.T)),
        activity=tuple(variances.tolist()),
        active=int((variances > ACTIVE).sum()),
        continuity=None if curve is None else _measure_continuity(model, curve, z.dtype),
        aggregate=prior_reference(model, len(z), seed).compare(z),
    )


def _measure_continuity(model: VAE, curve: Curve, dtype: torch.dtype) -> Continuity:
    t = curve.midpoints(EVEN_POINTS)
    mu, _ = _posterior(model, curve.position(t).to(dtype))
    return continuity(mu, t, curve=curve)


def _measure_reconstruction(
    model: VAE, x: Tensor, mu: Tensor, z: Tensor, point_rates: Tensor, *, rate: float, variance: float, sigma: float
) -> Reconstruction:
    mean = checks.points("reconstructions", model.decode(mu))
    drawn = checks.points("reconstructions", model.decode(z))
    mean_errors = (mean - x).square().mean(dim=1)
    errors = (drawn - x).square().mean(dim=1)

    # -ELBO = distortion + rate, both in nats per point.
    lost = distortion(drawn, x.double(), sigma) if sigma > 0 else None
    return Reconstruction(
        mse=errors.mean().item(),
        mse_se=standard_error(errors),
        posterior_mean_mse=mean_errors.mean().item(),
        posterior_mean_mse_se=standard_error(mean_errors),
        variance=variance,
        distortion=None if lost is None else lost.mean().item(),
        distortion_se=None if lost is None else standard_error(lost),
        neg_elbo=None if lost is None else lost.mean().item() + rate,
        neg_elbo_se=None if lost is None else standard_error(lost + point_rates),
    )


def _posterior(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of q(z|x), checked to be finite."""
    mu, logvar = model.encode(x)
    checks.points("posterior means", mu)
    checks.points("posterior variances", logvar.exp())
    return mu, logvar


def _plain(value: Any) -> Any:
    """Values as JSON has them: lists for tuples, None for what is not finite."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
