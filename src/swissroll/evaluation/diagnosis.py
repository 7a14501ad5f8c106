"""What ails a model: a diagnosis with its evidence and one thing to try. The first rule that holds wins.

The thresholds were found on the Swiss roll and tried on other shapes; docs/doctor.md shows where they were right.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from swissroll.config import Config
from swissroll.data import CURVES
from swissroll.evaluation.metrics import Metrics, measure
from swissroll.model.vae import VAE
from swissroll.training.build import loss_of, translation_of
from swissroll.training.loop import BETA_SHARE

FALLING = 0.2
"""A loss that fell by more than this share over the last two thirds of a run is still falling."""
FAR = 0.7
"""Nats above the lower bound that neither beta nor the prior alone explains."""
PRIOR = "holes in the prior"


@dataclass(frozen=True, kw_only=True)
class Symptoms:
    """What the rules look at.

    Attributes:
        finite: Whether every loss and gradient was a finite number.
        loss: Held-out loss a coordinate, in the notebook's convention, in squared data units.
        variance: V, the data's variance averaged over coordinates: what a decoder that ignores z reaches.
        sampled_mse: Squared error of a decoded posterior draw, averaged over coordinates.
        rate: KL of q(z|x) from the prior, in nats a point.
        active: Active units.
        useful: Units that could be active: min(D, L).
        prior_c2st: C2ST accuracy between aggregate posterior and prior: 0.5 is chance, 1 is a perfect classifier.
        above_lower_bound: Negative log evidence less its lower bound, in nats; nan where it was not measured.
        fell: Share by which the loss fell over the last two thirds of the run; of its last part, where beta moves.
        peak: Highest training loss of the whole run, in the units of ``loss``.
        start: Training loss of the first step, in the units of ``loss``.
        sigma: Decoder standard deviation that the loss implies, in data units; nan where it is not known.
    """

    finite: bool
    loss: float
    variance: float
    sampled_mse: float
    rate: float
    active: int
    useful: int
    prior_c2st: float
    above_lower_bound: float
    fell: float
    peak: float
    start: float = 0.0
    sigma: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What the doctor says.

    Attributes:
        name: The diagnosis, such as 'holes in the prior'.
        evidence: The measured numbers that it rests on.
        advice: One thing to try.
    """

    name: str
    evidence: str
    advice: str


Examined = tuple[Metrics | None, Diagnosis]
"""What :func:`examine_model` found: the metrics, None where the model's outputs are not finite, and the diagnosis."""


@dataclass(frozen=True)
class Rule:
    """A diagnosis, when it holds, the evidence to quote (filled from the symptoms), and what to try."""

    name: str
    holds: Callable[[Symptoms], bool]
    evidence: str
    advice: str


RULES = (
    Rule(
        "diverged",
        # A large beta makes the loss large from the start, and initial weights may lie above V as well.
        lambda s: not s.finite or s.loss > 1.1 * max(s.variance, s.start) or s.peak > 10 * max(s.variance, s.start),
        "loss {loss:.3g}, and up to {peak:.3g} on the way, against the data's variance {variance:.3g}",
        "Divide the learning rate by ten.",
    ),
    Rule(
        "under-trained",
        # With sigma^2 well below V a collapsed model is no optimum: one that looks like it has not left its start.
        lambda s: (
            s.sampled_mse > 1.1 * s.variance
            or (s.sigma**2 < s.variance / 2 and s.sampled_mse > 0.9 * s.variance)
            or (s.sigma**2 < s.variance / 2 and s.sampled_mse > 0.1 * s.variance and s.fell > FALLING)
            # Without a KL term nothing else stands in the way.
            or (s.sigma == 0 and s.sampled_mse > 0.1 * s.variance)
        ),
        "squared error {sampled_mse:.3g} against the data's variance {variance:.3g}; the loss {fall}",
        "Train ten times as long; if that changes nothing, widen the network.",
    ),
    Rule(
        "collapsed",
        lambda s: s.active == 0 or (s.rate < 0.01 and s.sampled_mse > 0.9 * s.variance),
        "{active} active units, rate {rate:.3f} nats: the decoder ignores the latent",
        "Divide beta by ten.",
    ),
    Rule(
        "partly collapsed",
        lambda s: s.active < s.useful,
        "{active} of {useful} useful units active",
        "Divide beta by three.",
    ),
    Rule(
        "over-regularised",
        # An evidence far from its lower bound is not beta's fault: the bound allows for the sigma that beta implies.
        lambda s: s.sampled_mse > 0.1 * s.variance and not s.above_lower_bound > FAR,
        "squared error {sampled_mse:.3g}, more than a tenth of the data's variance {variance:.3g}",
        "Divide beta by three.",
    ),
    Rule(
        "under-regularised",
        lambda s: s.prior_c2st > 0.7 and s.sampled_mse < 0.01 * s.variance,
        "C2ST accuracy {prior_c2st:.2f} between aggregate posterior and prior, chance 0.50; "
        "squared error only {sampled_mse:.2g}",
        "Multiply beta by ten.",
    ),
    Rule(
        "under-trained",
        lambda s: s.above_lower_bound > FAR and s.fell > FALLING,
        "evidence {above_lower_bound:.2f} nats from its bound; the loss {fall}",
        "Train ten times as long.",
    ),
    Rule(
        "too narrow",
        lambda s: s.above_lower_bound > 0.6 and 0.58 < s.prior_c2st < 0.75,
        "evidence {above_lower_bound:.2f} nats from its bound, and training no longer comes closer",
        "Double the hidden width.",
    ),
    Rule(
        PRIOR,
        lambda s: s.prior_c2st > 0.58,
        "C2ST accuracy {prior_c2st:.2f} between aggregate posterior and prior, chance 0.50",
        "Use --preset best, or 'swissroll repair' on this run: both fit the prior to the aggregate posterior.",
    ),
)
HEALTHY = Rule(
    "healthy",
    lambda _: True,
    "{active} active units; C2ST accuracy {prior_c2st:.2f} between aggregate posterior and prior, chance 0.50",
    "Nothing ails this model. For a sharper one, --preset best-long.",
)


class Judged(NamedTuple):
    """What is judged of a training, a number a step, each of shape (steps,).

    Attributes:
        loss: The training loss; the squared error where the decoder's variance is learned: a loss in nats has no zero.
        lasting: The same after beta has come to rest: while a schedule moves it, the loss and its terms follow.
    """

    loss: NDArray[np.float64]
    lasting: NDArray[np.float64]


def judged(config: Config, column: Callable[[str], NDArray[np.float64]]) -> Judged:
    """What is judged of a training with these settings; ``column`` gives a column of its history by its name."""
    values = column("mse" if config.decoder_variance == "learned" else "loss")
    return Judged(values, values if config.beta_start is None else values[math.ceil(BETA_SHARE * config.steps) :])


def diagnose(symptoms: Symptoms) -> Diagnosis:
    """Name the first rule that holds, with its numbers."""
    rule = next((rule for rule in RULES if rule.holds(symptoms)), HEALTHY)
    return Diagnosis(
        name=rule.name, evidence=rule.evidence.format(**vars(symptoms), fall=_fall(symptoms.fell)), advice=rule.advice
    )


def _fall(share: float) -> str:
    if math.isnan(share):
        return "was not followed long enough to say whether it falls"
    return (f"fell by {share:.0%}" if round(share, 2) > 0 else "did not fall") + " over the last two thirds"


def examine_model(
    model: VAE,
    config: Config,
    history: Judged,
    *,
    stopped: str | None = None,
    evidence: bool = False,
    progress: Callable[[str], object] = lambda _: None,
) -> Examined:
    """Measure a model and say what ails it.

    Args:
        model: The trained model.
        config: Its settings.
        history: Its training's, from :func:`judged`.
        stopped: What ended a training whose numbers were not finite.
        evidence: Also measure the evidence.
        progress: As of :func:`swissroll.evaluation.metrics.measure`.
    """
    curve, sigma = CURVES[config.dataset], translation_of(config, model).sigma
    metrics: Metrics | None
    try:
        metrics = measure(
            model, curve, noise=config.noise, sigma=sigma, seed=config.seed, evidence=evidence, progress=progress
        )
    except ValueError as error:
        metrics, found = None, Diagnosis(name="diverged", evidence=str(error).rstrip("."), advice=RULES[0].advice)
    else:
        found = diagnose(symptoms(config, history, metrics, finite=stopped is None))
    return metrics, found if stopped is None else _quoted(stopped, found)


def _quoted(stopped: str, found: Diagnosis) -> Diagnosis:
    """What training said of the number that was not finite, and the one remedy that it named."""
    why, _, lr = stopped.rstrip(".").partition(": try ")
    advice = f"Use a learning rate of {lr}." if lr else found.advice
    return Diagnosis(name="diverged", evidence=why or found.evidence, advice=advice)


def to_json(examined: Examined) -> bytes:
    """What :func:`examine_model` found, as metrics.json holds it: every number that was measured, and the diagnosis."""
    metrics, diagnosis = examined
    values = {"metrics": metrics and metrics.to_dict(), "diagnosis": dataclasses.asdict(diagnosis)}
    return json.dumps(values, indent=1, allow_nan=False).encode()


def symptoms(config: Config, history: Judged, metrics: Metrics, *, finite: bool) -> Symptoms:
    """Collect what the rules look at.

    Args:
        config: The run's settings.
        history: Its training's, from :func:`judged`.
        metrics: What :func:`swissroll.evaluation.metrics.measure` found.
        finite: Whether training ended without a number that was not finite.
    """
    error, latent, loss = metrics.reconstruction, metrics.latent, history.loss
    loss_function = loss_of(config)
    # Of a learned variance, the squared error itself is followed.
    scale = 1.0 if loss_function.learned_variance else loss_function.mse_weight
    return Symptoms(
        finite=finite,
        loss=error.sampled_mse + loss_function.rate_weight(metrics.sigma) * latent.rate,
        variance=error.variance,
        sampled_mse=error.sampled_mse,
        rate=latent.rate,
        active=latent.active,
        useful=min(metrics.data_dim, len(latent.rates)),
        prior_c2st=latent.aggregate.c2st.value,
        above_lower_bound=_above_lower_bound(metrics),
        fell=_fell(history.lasting),
        peak=float(loss.max(initial=0.0)) / scale,
        start=float(loss[0]) / scale if len(loss) else 0.0,
        sigma=metrics.sigma,
    )


def _above_lower_bound(metrics: Metrics) -> float:
    found = metrics.evidence.above_lower_bound if metrics.evidence else None
    return math.nan if found is None else found


def _fell(losses: NDArray[np.float64]) -> float:
    """Share by which a noisy series fell over its last two thirds, by medians of ninths; nan for less than nine."""
    ninth = len(losses) // 9
    if ninth == 0:
        return math.nan
    before, after = np.median(losses[-6 * ninth : -5 * ninth]), np.median(losses[-ninth:])
    return float(1 - after / before) if before > 0 else 0.0
