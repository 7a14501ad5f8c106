"""From the laws' evidence to findings: what a student's answer must not be, somebody's loss may be on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.examination import Examination
from swissroll.exercise.laws.words import number
from swissroll.exercise.linting.finding import ERROR, NOTE, UNKNOWN, WARNING, Finding
from swissroll.exercise.linting.target import KL_TERM, Target
from swissroll.exercise.linting.terms import Family
from swissroll.exercise.questions import BY_ID

RULES = {
    "kl-absent": ("kl-off", ERROR),
    "kl-formula": ("kl-formula", ERROR),
    "kl-sign": ("kl-sign", ERROR),
    "kl-uneven-row": ("kl-uneven", ERROR),
    "kl-uneven-column": ("kl-uneven", ERROR),
    "kl-no-power": ("kl-reduction", WARNING),
    "kl-batch-power": ("kl-reduction", WARNING),
    "kl-latent-power": ("kl-reduction", WARNING),
    "kl-constant": ("kl-constant", WARNING),
    "error-absent": ("reconstruction-off", ERROR),
    "error-sign": ("reconstruction-sign", ERROR),
    "error-depends-on-latents": ("reconstruction-latents", WARNING),
    "error-uneven-row": ("reconstruction-uneven", WARNING),
    "error-uneven-column": ("reconstruction-uneven", NOTE),
    "error-power": ("reconstruction-reduction", WARNING),
    "beta-formula": ("beta-formula", WARNING),
    "beta-on-error": ("beta-on-error", WARNING),
    "kl-summed-over-batch": ("batch-size", WARNING),
    "kl-averaged-over-batch": ("batch-size", WARNING),
    "loss-detached": ("no-gradient", ERROR),
    "term-detached": ("no-gradient", ERROR),
    "decodes-mean": ("decodes-mean", ERROR),
    "in-place-data": ("in-place", WARNING),
    "in-place": ("in-place", WARNING),
    "no-noise": ("no-noise", ERROR),
    "returns-mean": ("no-noise", ERROR),
    "noise-frozen": ("frozen-noise", ERROR),
    "noise-reseeded": ("frozen-noise", ERROR),
    "eval-mean": ("eval-mean", NOTE),
    "noise-frozen-in-eval": ("eval-mean", WARNING),
    "dtype": ("dtype", WARNING),
}
"""Rule and level of each sign of the evidence; other signs of a sampler are errors of it."""
SHARED = "noise-shared"
HALF = 2.0
"""What is left of a KL term without its factor 1/2."""
CLOSE = 5e-3


def findings_of(
    target: Target, examination: Examination, evidence: Sequence[Evidence], family: Family | None
) -> Iterator[Finding]:
    """What the laws that do not hold mean for somebody's own code."""
    clip = "" if examination.kl is None else examination.kl.clip
    if clip:
        yield Finding(rule="kl-clipped", level=NOTE, line=clip)

    for one in evidence:
        if _has_weight(one, family):
            yield _of_factor(one)
        if one.passed is not False or _is_ours(target, one) or _is_meant(examination, one, family, clip):
            continue
        yield _finding(target, examination, one)


def _has_weight(one: Evidence, family: Family | None) -> bool:
    """Whether a KL term without beta has a factor of its own, which the laws take for a written weight."""
    if one.law != "kl.factor" or one.passed is not True or "factor" not in one.facts:
        return False
    usual = [1.0] if family is None else [1.0, family.factor, 2 * family.factor * (family.factor < 0.6)]
    return all(abs(float(one.facts["factor"]) - factor) > CLOSE * max(factor, 1e-9) for factor in usual)


def _is_ours(target: Target, one: Evidence) -> bool:
    """A KL term alone is judged beside a reconstruction term that is not there."""
    return target.kind == KL_TERM and not one.law.startswith("kl.") and one.law != "objective.runs"


def _is_meant(examination: Examination, one: Evidence, family: Family | None, clip: str) -> bool:
    """Whether a law of the exercise does not bind here, or was spoken of already."""
    signs = set(one.signs)
    kl = examination.kl
    if signs & {"error-formula", "error-unit-interval", "error-offset"}:
        # The form of the reconstruction term is named among the choices.
        return True
    has_formula = kl is not None and bool(set(kl.matches) & set(kl.readings))
    if one.law == "kl.zero" and (not has_formula or (examination.meter is not None and not examination.meter.has_beta)):
        # A loss without beta has the reconstruction term's constant in it.
        return True
    if clip and one.part == "kl":
        return True
    if one.law == "objective.beta" and "kl-absent" in signs:
        return True
    return family is not None and family.is_bernoulli and "error-at-shape" in signs


def _finding(target: Target, examination: Examination, one: Evidence) -> Finding:
    sign = one.signs[0] if one.signs else ""
    if sign == "kl-factor":
        return _of_factor(one)
    if sign == "kl-absent":
        return _of_absence(target, one)
    if one.law == "objective.runs" and sign not in RULES:
        return Finding(rule="does-not-run", level=ERROR, line=_rename(one.line, target))
    if sign == "kl-formula":
        return _of_formula(examination, one)
    if sign.startswith(SHARED) or sign == "noise-correlated":
        return Finding(rule="shared-noise", level=ERROR, line=_rename(one.line, target))
    rule, level = RULES.get(sign, (one.law.replace(".", "-"), ERROR))
    return Finding(rule=rule, level=level, line=_rename(one.line, target))


def _rename(line: str, target: Target) -> str:
    return line.replace("compute_vae_loss", target.name)


def _of_factor(one: Evidence) -> Finding:
    factor = float(one.facts["factor"])
    if abs(factor - HALF) <= CLOSE * HALF:
        line = (
            "The KL term is twice the divergence: either its factor 1/2 is missing, or a weight of 2 is meant. "
            "The code alone cannot say which."
        )
        return Finding(rule="kl-half", level=WARNING, line=line)
    line = f"The KL term is {number(factor)} times the divergence: that is a weight, and counts as a part of beta."
    return Finding(rule="kl-weight", level=NOTE, line=line)


def _of_absence(target: Target, one: Evidence) -> Finding:
    loss = target.loss
    if loss is not None and loss.parts > 1:
        line = (
            f"{target.name} returns {loss.parts} tensors, and the first of them does not change with mu and the head. "
            f"Hand over a function that returns the whole loss."
        )
        return Finding(rule="several-values", level=UNKNOWN, line=line)
    return Finding(rule="kl-off", level=ERROR, line=_rename(one.line, target))


def _of_formula(examination: Examination, one: Evidence) -> Finding:
    kl = examination.kl
    if kl is not None and kl.matches:
        line = (
            f"The KL term is the divergence of a {kl.matches[0]}, where the parameters' names say {kl.readings[0]}. "
            f"It is right if the encoder gives that, and the sampler reads it so, too."
        )
        return Finding(rule="head-reading", level=WARNING, line=line)
    return Finding(rule="kl-formula", level=ERROR, line=one.line)


def not_checked(evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Iterator[Finding]:
    """Laws that could not be checked, where no error says why."""
    if any(one.level in (ERROR, UNKNOWN) or one.rule == "kl-clipped" for one in findings):
        return
    for one in evidence:
        if one.passed is None and one.part in ("kl", "objective", "reparameterize"):
            line = f"{BY_ID[one.law].title}: this could not be checked."
            yield Finding(rule=one.law.replace(".", "-"), level=UNKNOWN, line=line)
