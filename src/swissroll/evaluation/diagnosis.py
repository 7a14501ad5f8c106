"""What ails a model: a diagnosis with its evidence and one thing to try. The first rule that holds wins.

The thresholds were found on the Swiss roll and tried on other shapes; docs/diagnosis.md shows where they were right.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from swissroll import checks
from swissroll.config import PRESETS, Config
from swissroll.evaluation.advice import Action, Advice
from swissroll.evaluation.metrics import Metrics
from swissroll.model.loss import Loss
from swissroll.training.loop import BETA_SHARE, DivergedError

FALLING = 0.2
"""A loss that fell by more than this share over the last two thirds of a run is still falling."""
FAR = 0.7
"""Nats above the lower bound that neither beta nor the prior alone explains."""
PRIOR = "holes in the prior"


class LossHistory(NamedTuple):
    """The losses of a training, one per step, each of shape (steps,).

    Attributes:
        all: The training loss; the squared error where the decoder's variance is learned: a loss in nats has no zero.
        after_beta_schedule: The same after beta has come to rest: while a schedule moves it, the loss follows.
    """

    all: NDArray[np.float64]
    after_beta_schedule: NDArray[np.float64]

    @classmethod
    def of(cls, config: Config, column: Callable[[str], NDArray[np.float64]]) -> LossHistory:
        """The losses of a training with these settings; ``column`` gives a column of its history by its name."""
        name = "mse" if config.decoder_variance == "learned" else "loss"
        values = column(name)
        if config.beta_start is None:
            return cls(values, values)
        at_rest = math.ceil(BETA_SHARE * config.steps)
        return cls(values, values[at_rest:])

    @classmethod
    def unknown(cls) -> LossHistory:
        """That of a model whose training was not followed."""
        return cls(np.empty(0), np.empty(0))


@dataclass(frozen=True, kw_only=True)
class Symptoms:
    """What the rules look at.

    Attributes:
        finite: Whether every loss and gradient was a finite number.
        loss: Held-out loss per coordinate, in the notebook's convention, in squared data units.
        variance: V, the data's variance averaged over coordinates: what a decoder that ignores z reaches.
        mse: Squared error of a decoded posterior draw, averaged over coordinates.
        rate: KL of q(z|x) from the prior, in nats per point.
        active: Active units.
        useful: Units that could be active: min(D, L).
        aggregate_c2st: C2ST accuracy between aggregate posterior and prior: 0.5 is chance, 1 is a perfect classifier.
        above_lower_bound: Negative log evidence less its lower bound, in nats; nan where it was not measured.
        loss_drop: Share by which the loss fell over the last two thirds of the run; of its last part, where beta
            moves; nan where it is not known.
        peak: Highest training loss of the whole run, in the units of ``loss``; nan where it is not known.
        start: Training loss of the first step, in the units of ``loss``; 0 where it is not known.
        sigma: Decoder standard deviation that the loss implies, in data units; nan where it is not known.
    """

    finite: bool
    loss: float
    variance: float
    mse: float
    rate: float
    active: int
    useful: int
    aggregate_c2st: float
    above_lower_bound: float
    loss_drop: float
    peak: float
    start: float = 0.0
    sigma: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What ails a model.

    :mod:`swissroll.evaluation.wording` makes sentences of it.

    Attributes:
        name: The diagnosis, such as 'holes in the prior'.
        evidence: The measured numbers that it rests on, by name: those of :class:`Symptoms`, or what was not finite.
        advice: One thing to try.
    """

    name: str
    evidence: Mapping[str, float | str]
    advice: Advice


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A diagnosis, when it holds, the symptoms that are its evidence, and what to try."""

    name: str
    holds: Callable[[Symptoms], bool]
    evidence: tuple[str, ...]
    advice: Advice


def has_diverged(s: Symptoms) -> bool:
    """A number was not finite, or the loss is, or was, far above what it began with."""
    # A large beta makes the loss large from the start, and initial weights may lie above V as well.
    usual = max(s.variance, s.start)
    return not s.finite or s.loss > 1.1 * usual or s.peak > 10 * usual


def has_hardly_begun(s: Symptoms) -> bool:
    """The error is that of a model which has not left its start, or is still on its way down."""
    # With sigma^2 well below V a collapsed model is no optimum: one that looks like it has not left its start.
    must_use_latent = s.sigma**2 < s.variance / 2
    is_falling = s.loss_drop > FALLING
    return (
        s.mse > 1.1 * s.variance
        or (must_use_latent and s.mse > 0.9 * s.variance)
        or (must_use_latent and s.mse > 0.1 * s.variance and is_falling)
        # Without a KL term nothing else stands in the way.
        or (s.sigma == 0 and s.mse > 0.1 * s.variance)
    )


RULES = (
    Rule(
        name="diverged",
        holds=has_diverged,
        evidence=("loss", "peak", "variance"),
        advice=Advice(setting="lr", factor=0.1),
    ),
    Rule(
        name="under-trained",
        holds=has_hardly_begun,
        evidence=("mse", "variance", "loss_drop"),
        advice=Advice(setting="steps", factor=10, otherwise=Advice(setting="hidden_dim", factor=2)),
    ),
    Rule(
        name="collapsed",
        holds=lambda s: s.active == 0 or (s.rate < 0.01 and s.mse > 0.9 * s.variance),
        evidence=("active", "rate"),
        advice=Advice(setting="beta", factor=0.1),
    ),
    Rule(
        name="partly collapsed",
        holds=lambda s: s.active < s.useful,
        evidence=("active", "useful"),
        advice=Advice(setting="beta", factor=1 / 3),
    ),
    Rule(
        name="over-regularised",
        # An evidence far from its lower bound is not beta's fault: the bound allows for the sigma that beta implies.
        holds=lambda s: s.mse > 0.1 * s.variance and not s.above_lower_bound > FAR,
        evidence=("mse", "variance"),
        advice=Advice(setting="beta", factor=1 / 3),
    ),
    Rule(
        name="under-regularised",
        holds=lambda s: s.aggregate_c2st > 0.7 and s.mse < 0.01 * s.variance,
        evidence=("aggregate_c2st", "mse", "variance"),
        advice=Advice(setting="beta", factor=10),
    ),
    Rule(
        name="under-trained",
        holds=lambda s: s.above_lower_bound > FAR and s.loss_drop > FALLING,
        evidence=("above_lower_bound", "loss_drop"),
        advice=Advice(setting="steps", factor=10),
    ),
    Rule(
        name="too narrow",
        holds=lambda s: s.above_lower_bound > 0.6 and 0.58 < s.aggregate_c2st < 0.75,
        evidence=("above_lower_bound", "aggregate_c2st", "loss_drop"),
        advice=Advice(setting="hidden_dim", factor=2),
    ),
    Rule(
        name=PRIOR,
        holds=lambda s: s.aggregate_c2st > 0.58,
        evidence=("aggregate_c2st",),
        advice=Advice(action=Action.FIT_PRIOR, preset="best"),
    ),
)
HEALTHY = Rule(
    name="healthy",
    holds=lambda _: True,
    evidence=("active", "aggregate_c2st"),
    advice=Advice(action=Action.NOTHING, preset="best-long"),
)
TRAIN_LONGER = RULES[1].advice


def diagnose(symptoms: Symptoms) -> Diagnosis:
    """Name the first rule that holds, with its numbers."""
    checks.instance("symptoms", symptoms, Symptoms, "what collect_symptoms(loss, history, metrics) returns")
    rule = next((rule for rule in RULES if rule.holds(symptoms)), HEALTHY)
    evidence = {name: getattr(symptoms, name) for name in rule.evidence}
    return Diagnosis(name=rule.name, evidence=evidence, advice=rule.advice)


def diagnose_divergence(error: DivergedError) -> Diagnosis:
    """The diagnosis of a training that ended at a number which was not finite."""
    return Diagnosis(
        name="diverged",
        evidence={"not_finite": error.quantity, "step": error.step, "lr": error.lr},
        advice=Advice(setting="lr", value=error.lower_lr),
    )


def diagnose_output(name: str) -> Diagnosis:
    """The diagnosis of a model that gives numbers which are not finite; ``name`` says which."""
    return Diagnosis(name="diverged", evidence={"not_finite": name}, advice=RULES[0].advice)


def collect_symptoms(loss: Loss, history: LossHistory, metrics: Metrics, *, finite: bool = True) -> Symptoms:
    """Collect what the rules look at.

    Args:
        loss: What the model was trained with.
        history: The losses of its training.
        metrics: What :func:`swissroll.evaluation.metrics.measure` found.
        finite: Whether training ended without a number that was not finite.
    """
    checks.instance("loss", loss, Loss, "a loss, such as swissroll.training.loss_of(config)")
    checks.instance("history", history, LossHistory, "the losses of a training, such as LossHistory.unknown()")
    checks.instance("metrics", metrics, Metrics, "what swissroll.measure found")
    checks.flag("finite", finite)
    error = metrics.reconstruction
    latent = metrics.latent

    # The loss per coordinate: squared error, plus the rate by its weight beside it.
    held_out = error.mse + loss.rate_weight(metrics.sigma) * latent.rate

    # The training loss per coordinate; of a learned variance, the squared error itself was followed.
    peak = math.nan
    # Of a training that was not followed, nothing can be said of its beginning.
    start = held_out
    if len(history.all):
        weight = 1.0 if loss.learned_variance else loss.mse_weight
        peak = float(history.all.max(initial=0.0)) / weight
        start = float(history.all[0]) / weight

    above_lower_bound = math.nan
    if metrics.evidence is not None and metrics.evidence.above_lower_bound is not None:
        above_lower_bound = metrics.evidence.above_lower_bound

    return Symptoms(
        finite=finite,
        loss=held_out,
        variance=error.variance,
        mse=error.mse,
        rate=latent.rate,
        active=latent.active,
        useful=min(metrics.data_dim, len(latent.rates)),
        aggregate_c2st=latent.aggregate.c2st.value,
        above_lower_bound=above_lower_bound,
        loss_drop=measure_loss_drop(history.after_beta_schedule),
        peak=peak,
        start=start,
        sigma=metrics.sigma,
    )


def measure_loss_drop(losses: NDArray[np.float64]) -> float:
    """Share by which a noisy series fell over its last two thirds, by medians of ninths; nan for less than nine."""
    ninth = len(losses) // 9
    if ninth == 0:
        return math.nan

    # The fourth ninth and the last one, which are five ninths of the run apart.
    before = np.median(losses[-6 * ninth : -5 * ninth])
    after = np.median(losses[-ninth:])
    if before <= 0:
        return 0.0
    return float(1 - after / before)


def adapt_advice(found: Diagnosis, config: Config) -> Diagnosis:
    """The diagnosis with advice that these settings do not follow already, and that helps them."""
    return dataclasses.replace(found, advice=_advice_for(found, config))


def _advice_for(found: Diagnosis, config: Config) -> Advice:
    advice = found.advice
    if found.name == "diverged":
        return advice
    if advice.action is Action.FIT_PRIOR and config.components:
        return Advice(action=Action.FIT_PRIOR)
    if advice.action is Action.NOTHING and config.components and config.steps >= PRESETS["best-long"]["steps"]:
        return Advice(action=Action.NOTHING)

    # No multiple of 0 is another beta.
    if config.beta == 0 and advice.setting == "beta":
        if advice.factor is not None and advice.factor > 1:
            return Advice(setting="beta", value=Config.beta)
        advice = TRAIN_LONGER

    # A network without hidden layers has no width.
    add_layers = Advice(setting="depth", value=Config.depth)
    if config.depth == 0 and advice.setting == "hidden_dim":
        return add_layers
    if config.depth == 0 and advice.otherwise is not None:
        return dataclasses.replace(advice, otherwise=add_layers)
    return advice
