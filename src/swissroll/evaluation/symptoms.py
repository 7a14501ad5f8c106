"""What the rules of a diagnosis look at: numbers of a trained model, and what is known of its training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from swissroll import checks
from swissroll.config import Config
from swissroll.evaluation.distances import NAMES
from swissroll.evaluation.evidence_summary import EvidenceSummary
from swissroll.evaluation.metrics import Metrics
from swissroll.evaluation.reference_sample import Distances
from swissroll.evaluation.wording import DEVIATION
from swissroll.model.loss import Loss
from swissroll.training.loop import BETA_SHARE

FAR = 5.0
"""Standard deviations above its noise floor at which a distance is off.

By Student's t for ten draws of the floor, one perfect model in two thousand is; of ten distances one in 200."""
NATS_ABOVE = 0.1
"""Nats above its lower bound at which a model is off."""
MAX_NAMED = 3
"""Most distances that a diagnosis names."""
AGGREGATE = "aggregate_"
NO_CURVE = "the data have no curve"
NO_NOISE = "the decoder has no noise"
NO_BOUND = "the lower bound would take minutes"


class LossHistory(NamedTuple):
    """The losses of a training, one per step, each of shape (steps,).

    Attributes:
        all: The training loss; the squared error where the loss is in nats, which has no zero.
        after_beta_schedule: The same after beta has come to rest: while a schedule moves it, the loss follows.
    """

    all: NDArray[np.float64]
    after_beta_schedule: NDArray[np.float64]

    @classmethod
    def of(cls, config: Config, column: Callable[[str], NDArray[np.float64]]) -> LossHistory:
        """The losses of a training with these settings; ``column`` gives a column of its history by its name."""
        name = "loss" if config.decoder_variance == "fixed" else "mse"
        values = column(name)
        if not config.beta_moves:
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
        above_lower_bound: Negative log evidence less its lower bound, in nats. Where only a bound of the evidence is
            known, less what that may conceal. nan where there is none.
        loss_drop: Share by which the loss fell over the last two thirds of the run; of its last part, where beta
            moves; nan where it is not known.
        peak: Highest training loss of the whole run, in the units of ``loss``; nan where it is not known.
        start: Training loss of the first step, in the units of ``loss``; 0 where it is not known.
        sigma: Decoder standard deviation that the loss implies, in data units; nan where it is not known.
        steps: Steps done; nan where that is not known.
        planned: Steps that the training was to take; nan where it ended as it should, or that is not known.
        latent_dim: L.
        data_dim: D.
        jumps: Jumps of the posterior mean along the data's curve; nan where they have none.
        strays: Share of generated points far off the curve; nan where the data have none.
        c2st: C2ST accuracy between generated and real points.
        deviations: How far each distance is above its noise floor, in standard deviations of the floor, by its name:
            those to real points, and with ``aggregate_`` before it, those between aggregate posterior and prior.
        unchecked: What could not be measured, by its name, and why.
        is_table: Whether the data are a person's own rows, of whose noise and shape nothing is known.
        learns_sigma: Whether the decoder's variance is found in training, not chosen with beta.
        overfit: How far held-out rows of a table are above training rows in negative log evidence, in nats per row;
            nan where that is not known.
        overfit_se: Its standard error.
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
    steps: float = math.nan
    planned: float = math.nan
    latent_dim: int = 2
    data_dim: int = 2
    jumps: float = math.nan
    strays: float = math.nan
    c2st: float = 0.5
    deviations: Mapping[str, float] = field(default_factory=dict)
    unchecked: Mapping[str, str] = field(default_factory=dict)
    is_table: bool = False
    learns_sigma: bool = False
    overfit: float = math.nan
    overfit_se: float = math.nan

    @property
    def aggregate_is_apart(self) -> bool:
        """Whether a classifier tells the aggregate posterior from the prior by more than the chance of few rows."""
        return not self.is_table or self.deviations.get("aggregate_c2st", 0.0) > FAR

    @property
    def aggregate_deviates(self) -> bool:
        """Whether the aggregate posterior is told from the prior by any distance."""
        return any(far > FAR for name, far in self.deviations.items() if name.startswith(AGGREGATE))

    @property
    def worst(self) -> dict[str, float]:
        """The numbers that are off, worst first: nats above the lower bound, distances beyond their noise floors."""
        off = {name + DEVIATION: far for name, far in self.deviations.items() if far > FAR}
        ordered = dict(sorted(off.items(), key=lambda item: -item[1])[:MAX_NAMED])
        if self.above_lower_bound > NATS_ABOVE:
            return {"above_lower_bound": self.above_lower_bound, **ordered}
        return ordered


def collect_symptoms(
    loss: Loss,
    history: LossHistory,
    metrics: Metrics,
    *,
    finite: bool = True,
    steps: int | None = None,
    planned: int | None = None,
) -> Symptoms:
    """Collect what the rules look at.

    Args:
        loss: What the model was trained with.
        history: The losses of its training.
        metrics: What :func:`swissroll.evaluation.metrics.measure` found.
        finite: Whether training ended without a number that was not finite.
        steps: Steps done; None where that is not known.
        planned: Steps that the training was to take, where it was cut short.
    """
    checks.instance("loss", loss, Loss, "a loss, such as swissroll.training.loss_of(config)")
    checks.instance("history", history, LossHistory, "the losses of a training, such as LossHistory.unknown()")
    checks.instance("metrics", metrics, Metrics, "what swissroll.measure found")
    checks.flag("finite", finite)
    error = metrics.reconstruction
    latent = metrics.latent

    # The loss per coordinate: squared error, plus the rate by its weight beside it.
    held_out = error.mse + loss.rate_weight(metrics.sigma) * latent.rate

    # The training loss per coordinate; of a loss in nats, the squared error itself was followed.
    peak = math.nan
    # Of a training that was not followed, nothing can be said of its beginning.
    start = held_out
    if len(history.all):
        weight = 1.0 if loss.has_distortion else loss.mse_weight
        peak = float(history.all.max(initial=0.0)) / weight
        start = float(history.all[0]) / weight

    overfit, overfit_se = _overfit(metrics)
    made = metrics.comparable
    continuity = latent.continuity
    return Symptoms(
        finite=finite,
        loss=held_out,
        variance=error.variance,
        mse=error.mse,
        rate=latent.rate,
        active=latent.active,
        useful=min(metrics.data_dim, len(latent.rates)),
        aggregate_c2st=latent.aggregate.c2st.value,
        above_lower_bound=_above_lower_bound(metrics.evidence),
        loss_drop=measure_loss_drop(history.after_beta_schedule),
        peak=peak,
        start=start,
        sigma=metrics.sigma,
        steps=math.nan if steps is None else steps,
        planned=math.nan if planned is None else planned,
        latent_dim=len(latent.rates),
        data_dim=metrics.data_dim,
        jumps=math.nan if continuity is None else continuity.jumps,
        strays=math.nan if made.fit is None else made.fit.strays,
        c2st=made.distances.c2st.value,
        deviations=deviations("", made.distances) | deviations(AGGREGATE, latent.aggregate),
        unchecked=_unchecked(metrics),
        is_table=metrics.table is not None,
        learns_sigma=math.isnan(loss.sigma),
        overfit=overfit,
        overfit_se=overfit_se,
    )


def _above_lower_bound(evidence: EvidenceSummary | None) -> float:
    above = None if evidence is None else evidence.surely_above
    return math.nan if above is None else above


def deviations(prefix: str, distances: Distances) -> dict[str, float]:
    """Standard deviations of its noise floor that each distance is above it, by its name."""
    found = {}
    for name in NAMES:
        distance = getattr(distances, name)
        excess = distance.value - distance.noise_floor
        spread = distance.noise_floor_sd
        if excess == 0:
            # Even where the floor has no spread: two sets of far points have no kernel in common, however equal.
            found[prefix + name] = 0.0
        elif spread > 0:
            found[prefix + name] = excess / spread
        else:
            found[prefix + name] = math.copysign(math.inf, excess)
    return found


def _overfit(metrics: Metrics) -> tuple[float, float]:
    """How far held-out rows are above training rows, and the standard error; nan where that is not known."""
    evidence = metrics.evidence
    if metrics.table is None or metrics.table.training is None or evidence is None:
        return math.nan, math.nan
    training = metrics.table.training
    error = math.hypot(evidence.neg_log_evidence_se, training.neg_log_evidence_se)
    return evidence.neg_log_evidence - training.neg_log_evidence, error


def _unchecked(metrics: Metrics) -> dict[str, str]:
    """What could not be measured of a model, by its name, and why."""
    missing: dict[str, str] = {}
    if metrics.table is not None:
        # What a table never has is no gap of this model: a note tells it.
        return {"overfit": NO_NOISE} if metrics.evidence is None else {}
    if metrics.latent.continuity is None:
        missing |= {"jumps": NO_CURVE, "strays": NO_CURVE}

    evidence = metrics.evidence
    if evidence is None:
        missing["above_lower_bound"] = NO_NOISE
    elif evidence.above_lower_bound is None:
        missing["above_lower_bound"] = NO_CURVE if metrics.latent.continuity is None else NO_BOUND
    elif evidence.above_lower_bound > NATS_ABOVE >= _above_lower_bound(evidence):
        missing["above_lower_bound"] = f"at most {evidence.above_lower_bound:.2f}, as the evidence is only bounded"
    return missing


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
