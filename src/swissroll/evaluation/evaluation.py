"""What a model is worth, measured once: the summary, the metrics and the diagnosis that all that shows it is made of.

It needs no run: a model in memory is evaluated as one on disk.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from swissroll import checks
from swissroll.checks import NotFiniteError
from swissroll.config import Config
from swissroll.data import Distribution, open_distribution
from swissroll.evaluation import wording
from swissroll.evaluation.advice import fit_advice
from swissroll.evaluation.diagnosis import Diagnosis, diagnose, diagnose_divergence, diagnose_output
from swissroll.evaluation.metrics import Metrics, measure, measure_loss
from swissroll.evaluation.symptoms import LossHistory, collect_symptoms
from swissroll.model.adapter import as_vae, measurable
from swissroll.model.loss import Loss, SigmaOrigin
from swissroll.model.translation import Translation
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.training.build import loss_of
from swissroll.training.loop import DivergedError

Progress = Callable[[str], object]


def show_nothing(_: str) -> None:
    """The progress of somebody who does not want to see it."""


@dataclass(frozen=True, kw_only=True)
class PastTraining:
    """What is known of how a model was trained; by default nothing.

    Attributes:
        steps: Steps done.
        planned: Steps that it was to take, where it was cut short; None where it was not.
        seconds: Time of the steps, without measuring and drawing.
        losses: The loss of each step.
        diverged: Whether it ended at a number that was not finite.
        divergence: Which one, where that is known.
    """

    steps: int | None = None
    planned: int | None = None
    seconds: float | None = None
    losses: LossHistory = field(default_factory=LossHistory.unknown)
    diverged: bool = False
    divergence: DivergedError | None = None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a training came to.

    Attributes:
        steps: Steps done; None where that is not known.
        seconds: Time of the steps, without measuring and drawing; None where that is not known.
        loss: The loss that training descends, on the fresh points that all metrics are measured on.
        loss_se: Its standard error over these points.
        translation: The decoder sigma and true beta that the loss amounts to.
        sigma_origin: Where that sigma comes from.
        beta: The beta that training came to, where it was led by a largest error; else None.
    """

    steps: int | None
    seconds: float | None
    loss: float
    loss_se: float
    translation: Translation
    sigma_origin: SigmaOrigin = "implied"
    beta: float | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a model is worth.

    Attributes:
        summary: The loss, and what it means.
        metrics: All that was measured; None where the model's outputs are not finite.
        diagnosis: What ails the model, and what to try.
    """

    summary: Summary
    metrics: Metrics | None
    diagnosis: Diagnosis

    def __str__(self) -> str:
        """The diagnosis in sentences: its evidence, what to try, and what was checked."""
        found = self.diagnosis
        because = wording.evidence_text(found.evidence)
        return f"{found.name}: {because}. {wording.advice_text(found.advice)} {wording.checked_text(found)}"

    def to_json(self) -> bytes:
        """What metrics.json holds: every number that was measured, and the diagnosis in words."""
        values = {
            "loss": _finite_or_none(self.summary.loss),
            "loss_se": _finite_or_none(self.summary.loss_se),
            "metrics": self.metrics and self.metrics.to_dict(),
            "diagnosis": wording.to_plain(self.diagnosis),
        }
        return json.dumps(values, indent=1, allow_nan=False).encode()


def evaluate_trained(
    model: nn.Module,
    config: Config,
    past: PastTraining | None = None,
    *,
    progress: Progress = show_nothing,
) -> Evaluation:
    """Evaluate a model that was trained with these settings.

    Args:
        model: The trained model: a VAE, or any module with ``encode`` and ``decode``.
        config: Its settings.
        past: What is known of its training.
        progress: As of :func:`swissroll.evaluation.metrics.measure`.

    Raises:
        ValueError: The model has other dimensions than the settings.
    """
    checks.instance("config", config, Config, "the settings of its training, such as load(folder).config")
    model = as_vae(model, data_dim=open_distribution(config).data_dim)
    if model.latent_dim != config.latent_dim:
        raise ValueError(f"The model has latent_dim={model.latent_dim}, but its config {config.latent_dim}.")

    found = evaluate_model(
        model,
        open_distribution(config),
        loss_of(config),
        past,
        seed=config.seed,
        progress=progress,
    )
    variance = math.nan if found.metrics is None else found.metrics.reconstruction.variance
    advice = fit_advice(
        found.diagnosis.advice,
        config,
        sigma=found.summary.translation.sigma,
        variance=variance,
    )
    return dataclasses.replace(found, diagnosis=dataclasses.replace(found.diagnosis, advice=advice))


@ordinary_modes()
def evaluate_model(
    model: nn.Module,
    distribution: Distribution,
    loss: Loss,
    past: PastTraining | None = None,
    *,
    seed: int = 0,
    progress: Progress = show_nothing,
) -> Evaluation:
    """Evaluate a model.

    Args:
        model: The trained model: a VAE, or any module with ``encode`` and ``decode``.
        distribution: What its points come from.
        loss: What it was trained with.
        past: What is known of its training.
        seed: Decides every draw.
        progress: As of :func:`swissroll.evaluation.metrics.measure`.

    Raises:
        ValueError: The model has another number of coordinates than the points.
    """
    checks.instance("distribution", distribution, Distribution, "a distribution, such as open_distribution(config)")
    checks.instance("loss", loss, Loss, "a loss, such as swissroll.training.loss_of(config)")
    checks.whole("seed", seed, 0, 2**63 - 1)
    model = measurable(model, data_dim=distribution.data_dim)
    if model.data_dim != distribution.data_dim:
        given = f"{distribution.name} has {distribution.data_dim}"
        raise ValueError(f"The model takes {model.data_dim} coordinates, but {given}.")

    if past is None:
        past = PastTraining()
    checks.instance("past", past, PastTraining, "a PastTraining, or None")
    translation = loss.at_sigma(model.decoder_sigma)
    metrics: Metrics | None = None
    try:
        metrics = measure(
            model,
            distribution,
            sigma=translation.sigma,
            seed=seed,
            progress=progress,
        )
        symptoms = collect_symptoms(
            loss,
            past.losses,
            metrics,
            finite=not past.diverged,
            steps=past.steps,
            planned=past.planned,
        )
        found = diagnose(symptoms)
    except NotFiniteError as error:
        found = diagnose_output(error.name)
    if past.divergence is not None:
        found = diagnose_divergence(past.divergence)

    value = math.nan
    value_se = math.nan
    if metrics is not None:
        value, value_se = measure_loss(model, distribution, loss, n=metrics.n, seed=seed)
    summary = Summary(
        steps=past.steps,
        seconds=past.seconds,
        loss=value,
        loss_se=value_se,
        translation=translation,
        sigma_origin=loss.sigma_origin,
        beta=_found_beta(loss, translation.sigma),
    )
    return Evaluation(summary=summary, metrics=metrics, diagnosis=found)


def _found_beta(loss: Loss, sigma: float) -> float | None:
    return None if loss.max_error is None else float(loss.beta_at(2 * math.log(sigma), math))


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
