"""What a trained model is worth, in numbers: one call, one frozen record.

Its parts have a module each: how well points come back (``reconstruction``), how the latent space is used
(``latent_space``), the points that the model makes (``generation``), and its evidence (``evidence_summary``).

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
from torch import Tensor, nn

from swissroll import checks
from swissroll.data import Curve, Distribution, NoisyCurve, Points
from swissroll.evaluation.by_label import condition
from swissroll.evaluation.evidence_summary import (
    EVIDENCE_PART,
    LOWER_BOUND_PART,
    EvidenceSummary,
    summarize_evidence,
)
from swissroll.evaluation.generation import (
    GRID,
    NOISY_PRIOR,
    PRIOR,
    SHARED_NOISE,
    Generated,
    generate,
    generate_tails,
    measure_generated,
)
from swissroll.evaluation.geometry import Fit, FitSpread
from swissroll.evaluation.latent_plane import busiest_dims
from swissroll.evaluation.latent_space import Latent, encode_finite, measure_latent
from swissroll.evaluation.reconstruction import Reconstruction, measure_reconstruction
from swissroll.evaluation.references import (
    data_reference,
    fresh_points,
)
from swissroll.evaluation.table_metrics import TableMetrics, measure_table
from swissroll.evaluation.uncertainty import standard_error
from swissroll.model.adapter import measurable
from swissroll.model.loss import Loss
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng
from swissroll.reproducibility.modes import ordinary_modes

MAX_TABLE_ROWS = 500
"""Rows of a table that its evidence is measured on, and whose posteriors are compared with the prior."""
EVIDENCE_POINTS = 200
"""Points that the evidence is measured on: its error there is far below the tenth of a nat that matters."""
LOSS_BATCHES = 20
"""Batches whose scatter is the standard error of a loss."""
TRAINING_ROWS_PART = "the training rows of a table"
PARTS = (
    "noise floors of the distances",
    "the latent space",
    GRID,
    PRIOR,
    NOISY_PRIOR,
    SHARED_NOISE,
    EVIDENCE_PART,
    LOWER_BOUND_PART,
    TRAINING_ROWS_PART,
)
"""What :func:`measure` does, in this order; without decoder noise or a curve some are left out."""


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
        table: What only a table has; None for other data. Of a table, distortion, ELBO and evidence are of rows in data
            units; squared errors and distances are in standard deviations of its columns, as is ``sigma``.
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
    table: TableMetrics | None = None

    @property
    def comparable(self) -> Generated:
        """The generated points that real ones are to be compared with: with the noise that data and decoder share.

        Rows of a table have noise that is not known: the decoder's own stands for it. Where the data have none they are
        decoded means: with the decoder's noise these would be off the curve, however good the model.
        """
        if self.shared_noise is not None:
            return self.shared_noise
        if (self.noise > 0 or self.table is not None) and self.noisy_prior is not None:
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
    # A table holds out so many rows and no more; what is compared with them has as many.
    n = len(real.points)
    progress(PARTS[0])

    given = condition(vae, source, real.coordinate)
    posterior = encode_finite(given, real.points)
    z = posterior.draw(vae, generator=rng.generator(seed, "measure: posterior"))
    point_rates = posterior.double().kl_per_point(vae.prior, z.double())
    aggregate = _training_draws(vae, source, seed) if isinstance(source, Points) else None
    latent = measure_latent(vae, source.curve, posterior, z, point_rates, seed, aggregate=aggregate)
    progress(PARTS[1])

    reconstruction = measure_reconstruction(
        given,
        real.points,
        posterior.mu,
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

    tails = {} if source.curve is None else generate_tails(vae, noises, seed)
    made = {}
    grid_dims = busiest_dims(posterior.mu, posterior.logvar)
    for name, points in generate(vae, n, noises, seed, grid_dims).items():
        # A point may be as far off as this noise takes it.
        noise = max(source.noise, noises.get(name, 0.0))
        made[name] = measure_generated(name, points, real, source.curve, tails=tails.get(name), noise=noise)
        progress(name)

    summary = None
    if sigma > 0:
        most = MAX_TABLE_ROWS if isinstance(source, Points) else EVIDENCE_POINTS
        x = real.points[:most]
        measured = condition(vae, source, None if real.coordinate is None else real.coordinate[:most])
        summary = summarize_evidence(measured, source, x, sigma=sigma, seed=seed, progress=progress)

    table = None
    if isinstance(source, Points):
        table = measure_table(vae, source, real.points, given.decode(posterior.mu), sigma=sigma, seed=seed)
        reconstruction, summary = _in_data_units(reconstruction, summary, table.log_volume)
        progress(TRAINING_ROWS_PART)

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
        table=table,
    )


def _training_draws(model: VAE, points: Points, seed: int) -> Tensor:
    """Draws from the posteriors of training rows, shape (N, L): the latents that the decoder was trained on."""
    generator = rng.generator(seed, "measure: training rows")
    rows, coordinate = points.sample(min(MAX_TABLE_ROWS, len(points.train)), generator=generator)
    given = condition(model, points, coordinate)
    return encode_finite(given, rows.to(model.dtype)).draw(model, generator=generator)


def _in_data_units(
    error: Reconstruction, evidence: EvidenceSummary | None, log_volume: float
) -> tuple[Reconstruction, EvidenceSummary | None]:
    """Densities of rows in data units: -log p(x) of model coordinates plus the log of the volume of their unit."""
    if evidence is None or error.distortion is None or error.neg_elbo is None:
        return error, None
    shifted = dataclasses.replace(error, distortion=error.distortion + log_volume, neg_elbo=error.neg_elbo + log_volume)
    return shifted, dataclasses.replace(evidence, neg_log_evidence=evidence.neg_log_evidence + log_volume)


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
    x, coordinate = fresh_points(distribution, n, seed, vae.dtype)
    generator = rng.generator(seed, "measure: posterior")
    whole = loss.evaluate(condition(vae, distribution, coordinate), x, generator=generator).loss.item()

    count = min(LOSS_BATCHES, len(x))
    coordinates = [None] * count if coordinate is None else coordinate.tensor_split(count)
    parts = []
    for batch, of_batch in zip(x.tensor_split(count), coordinates, strict=True):
        given = condition(vae, distribution, of_batch)
        parts.append(loss.evaluate(given, batch, generator=generator).loss.double())
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


def _plain(value: Any) -> Any:
    """Values as JSON has them: lists for tuples, None for what is not finite."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
