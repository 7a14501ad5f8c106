"""What ails a model: a diagnosis with its evidence and one thing to try. The first rule that holds wins.

The thresholds were found on the Swiss roll and tried on other shapes; docs/diagnosis.md shows where they were right.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from swissroll import checks
from swissroll.config import Config
from swissroll.evaluation.advice import Action, Advice
from swissroll.evaluation.symptoms import FAR, NATS_ABOVE, Symptoms
from swissroll.training.loop import DivergedError

FALLING = 0.2
"""A loss that fell by more than this share over the last two thirds of a run is still falling."""
FAR_ABOVE = 0.7
"""Nats above the lower bound that neither beta nor the prior alone explains."""
MAX_STRAYS = 5e-4
"""Share of generated points that may be strays."""
SHORT = Config.steps
"""Steps of the notebook's recipe: with fewer, a model is first told to train longer."""
PRIOR = "holes in the prior"
UNFINISHED = "unfinished"


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What ails a model.

    :mod:`swissroll.evaluation.wording` makes sentences of it.

    Attributes:
        name: The diagnosis, such as 'holes in the prior'.
        evidence: The measured numbers that it rests on, by name: those of
            :class:`swissroll.evaluation.symptoms.Symptoms`, how many standard deviations a distance is above its noise
            floor, or what was not finite.
        advice: One thing to try.
        checked: The numbers that were looked at, by name.
        unchecked: Those that could not be measured, by name, and why.
        note: What such data never tell, in a sentence; empty where there is nothing of the kind.
    """

    name: str
    evidence: Mapping[str, float | str]
    advice: Advice
    checked: tuple[str, ...] = ()
    unchecked: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A diagnosis, when it holds, the symptoms that are its evidence, and what to try."""

    name: str
    holds: Callable[[Symptoms], bool]
    evidence: tuple[str, ...]
    advice: Advice

    def quote(self, symptoms: Symptoms) -> dict[str, float]:
        """The symptoms that are its evidence, by name; what could not be measured is none."""
        quoted = {name: getattr(symptoms, name) for name in self.evidence}
        return {name: value for name, value in quoted.items() if not math.isnan(value)}


class WorstRule(Rule):
    """A rule whose evidence is whatever is farthest off."""

    def quote(self, symptoms: Symptoms) -> dict[str, float]:
        """The worst numbers, by name."""
        return symptoms.worst


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
        # Without a KL term nothing else stands in the way, but for the noise of a table's rows.
        or (s.sigma == 0 and s.mse > 0.1 * s.variance and not s.is_table)
    )


def is_too_short(s: Symptoms) -> bool:
    """Fewer steps than the notebook takes, and not at the bound: with more of them most of the rest goes away."""
    return s.steps < SHORT and s.above_lower_bound > NATS_ABOVE


def is_over_regularised(s: Symptoms) -> bool:
    """The error is large, and nothing but beta explains it."""
    if s.is_table:
        # The rows' own noise makes an error as well. Only one that the chosen sigma lets pass is beta's.
        return not s.learns_sigma and 0.1 * s.variance < s.mse <= 2 * s.sigma**2
    # Beta lets an error of about sigma^2 pass. Where a latent is torn, draws beside the tear make a larger one.
    is_of_a_tear = s.jumps > 0 and s.mse > 2 * s.sigma**2
    # An evidence far from its lower bound is not beta's fault: the bound allows for the sigma that beta implies.
    return s.mse > 0.1 * s.variance and not s.above_lower_bound > FAR_ABOVE and not is_of_a_tear


def is_under_regularised(s: Symptoms) -> bool:
    """Points come back exactly, their codes are far from the prior, and nothing but beta explains it."""
    # With a learned sigma the loss at beta 1 is the negative ELBO, and at no other beta is a model's ELBO higher. There
    # codes come nearer by the prior alone: one fitted to them lowers the rate by KL(q(z) || p(z)), and costs nothing.
    is_of_beta = not s.learns_sigma
    return is_of_beta and s.aggregate_c2st > 0.7 and s.mse < 0.01 * s.variance and s.aggregate_is_apart


def has_bad_tear(s: Symptoms) -> bool:
    """Neighbours on the curve have latents far apart, and points are reconstructed badly."""
    return s.jumps > 0 and s.mse > 0.1 * s.variance


def has_too_small_sigma(s: Symptoms) -> bool:
    """The chosen sigma is below the error that there is, by so much that densities of rows mean little."""
    return s.is_table and not s.learns_sigma and 0 < s.sigma**2 < s.mse / MAX_SQUARED_ERROR


def is_over_fitted(s: Symptoms) -> bool:
    """Rows that training saw are likelier than those it never saw, by more than chance."""
    return s.overfit > MAX_OVERFIT and s.overfit > FAR_OVERFIT * s.overfit_se


def has_inaccurate_decoder(s: Symptoms) -> bool:
    """The prior is where the latents are, and yet the decoded points are told from the real ones."""
    return s.deviations.get("c2st", 0.0) > FAR and not s.aggregate_deviates


MAX_SQUARED_ERROR = 4.0
"""Largest squared error of a table's rows, in squared decoder sigmas, that a chosen sigma may have."""
MAX_OVERFIT = 0.3
"""Nats per row by which held-out rows of a table may be above training rows."""
FAR_OVERFIT = 3.0
"""Standard errors beyond which that is not chance."""
A_TABLE = (
    "Nothing is known of where the rows of a table come from but the rows: how far samples stray from its true shape, "
    "and what of it they leave out, is not measured. Held-out rows stand in for fresh points."
)

LONGER = Advice(setting="steps", factor=10, otherwise=Advice(setting="hidden_dim", factor=2))
FIT_PRIOR = Advice(action=Action.FIT_PRIOR, preset="best")

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
        advice=LONGER,
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
        name="under-trained",
        holds=is_too_short,
        evidence=("steps", "above_lower_bound"),
        advice=LONGER,
    ),
    Rule(
        name="torn latent",
        # In fewer dimensions than the data have, a latent that follows a bent curve is often torn, and stays so.
        holds=lambda s: s.jumps > 0 and s.latent_dim < s.data_dim,
        evidence=("jumps", "latent_dim", "data_dim"),
        advice=Advice(setting="latent_dim", factor=2),
    ),
    Rule(
        name="over-regularised",
        holds=is_over_regularised,
        evidence=("mse", "variance"),
        advice=Advice(setting="beta", factor=1 / 3),
    ),
    Rule(
        name="under-regularised",
        holds=is_under_regularised,
        evidence=("aggregate_c2st", "mse", "variance"),
        advice=Advice(setting="beta", factor=10),
    ),
    Rule(
        name="under-trained",
        holds=lambda s: s.above_lower_bound > FAR_ABOVE and s.loss_drop > FALLING,
        evidence=("above_lower_bound", "loss_drop"),
        advice=Advice(setting="steps", factor=10),
    ),
    Rule(
        name="too narrow",
        # Points come back far off, and beta is not why: said before what the prior does, which no prior mends.
        holds=lambda s: s.mse > 0.1 * s.variance and s.above_lower_bound > FAR_ABOVE and s.aggregate_c2st > 0.58,
        evidence=("mse", "variance", "above_lower_bound"),
        advice=Advice(setting="hidden_dim", factor=2),
    ),
    Rule(
        name="too narrow",
        holds=lambda s: s.above_lower_bound > 0.6 and 0.58 < s.aggregate_c2st < 0.75,
        evidence=("above_lower_bound", "aggregate_c2st", "loss_drop"),
        advice=Advice(setting="hidden_dim", factor=2),
    ),
    Rule(
        name=PRIOR,
        # Where a tear is why points come back badly, the tear is said.
        holds=lambda s: s.aggregate_c2st > 0.58 and s.aggregate_is_apart and not has_bad_tear(s),
        evidence=("aggregate_c2st",),
        advice=FIT_PRIOR,
    ),
    Rule(
        name="torn latent",
        holds=lambda s: s.jumps > 0,
        evidence=("jumps",),
        advice=LONGER,
    ),
    Rule(
        name="inaccurate decoder",
        # No prior mends a decoder that is this far from its bound; its points are strays as well.
        holds=lambda s: has_inaccurate_decoder(s) and s.above_lower_bound > FAR_ABOVE,
        evidence=("c2st", "above_lower_bound"),
        advice=LONGER,
    ),
    Rule(
        name="strays",
        holds=lambda s: s.strays > MAX_STRAYS,
        evidence=("strays",),
        advice=FIT_PRIOR,
    ),
    Rule(
        name="too blurred",
        holds=lambda s: has_inaccurate_decoder(s) and s.above_lower_bound <= NATS_ABOVE,
        evidence=("c2st", "above_lower_bound", "sigma"),
        # At the bound only another sigma makes better points, and beta decides it.
        advice=Advice(setting="beta", factor=1 / 3),
    ),
    Rule(
        name="inaccurate decoder",
        holds=has_inaccurate_decoder,
        evidence=("c2st", "above_lower_bound"),
        advice=LONGER,
    ),
    WorstRule(
        name="imprecise",
        holds=lambda s: s.aggregate_deviates,
        evidence=(),
        advice=FIT_PRIOR,
    ),
    WorstRule(
        name="imprecise",
        holds=lambda s: bool(s.worst),
        evidence=(),
        advice=LONGER,
    ),
)
RULES_OF_TABLE = (
    Rule(
        name="sigma too small",
        holds=has_too_small_sigma,
        evidence=("mse", "sigma"),
        advice=Advice(action=Action.LEARN_SIGMA),
    ),
    Rule(
        name="over-fitted",
        holds=is_over_fitted,
        evidence=("overfit",),
        advice=Advice(setting="hidden_dim", factor=0.5, otherwise=Advice(setting="steps", factor=1 / 3)),
    ),
)
"""What is looked for in a model of a person's own rows, unless it has learned nothing yet."""
LEARNED_NOTHING = ("diverged", "under-trained", "collapsed")
HEALTHY = Rule(
    name="healthy",
    holds=lambda _: True,
    evidence=("active", "aggregate_c2st"),
    advice=Advice(action=Action.NOTHING, preset="best-long"),
)
CHECKED = ("loss", "mse", "rate", "active", "above_lower_bound", "jumps", "strays")
"""What the rules look at beside the distances."""
CHECKED_OF_TABLE = ("loss", "mse", "rate", "active", "overfit")
"""The same of a person's own rows."""


def diagnose(symptoms: Symptoms) -> Diagnosis:
    """Name the first rule that holds, with its numbers.

    A training that was cut short is 'unfinished' whatever else is wrong, unless it diverged.
    """
    checks.instance("symptoms", symptoms, Symptoms, "what collect_symptoms(loss, history, metrics) returns")
    rule = next((rule for rule in RULES if rule.holds(symptoms)), HEALTHY)
    if symptoms.is_table and rule.name not in LEARNED_NOTHING:
        rule = next((rule for rule in RULES_OF_TABLE if rule.holds(symptoms)), rule)
    looked_at = CHECKED_OF_TABLE if symptoms.is_table else CHECKED
    found = Diagnosis(
        name=rule.name,
        evidence=rule.quote(symptoms),
        advice=rule.advice,
        checked=(*[name for name in looked_at if name not in symptoms.unchecked], *symptoms.deviations),
        unchecked=symptoms.unchecked,
        note=A_TABLE if symptoms.is_table else "",
    )
    if symptoms.steps < symptoms.planned and rule is not HEALTHY and rule.name != "diverged":
        done = {"steps": symptoms.steps, "planned": symptoms.planned}
        return dataclasses.replace(found, name=UNFINISHED, evidence=done | dict(found.evidence), advice=LONGER)
    return found


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
