"""Judge anybody's loss, KL term, sampler, model or score by the exercise's laws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swissroll import checks
from swissroll.exercise.evidence import Evidence
from swissroll.exercise.examination import Examination
from swissroll.exercise.laws.cases import generic_case
from swissroll.exercise.laws.readings import BY_NAME
from swissroll.exercise.linting.conventions import conventions_of
from swissroll.exercise.linting.finding import ERROR, WARNING, Finding, LintResult, in_order
from swissroll.exercise.linting.model import findings_of_model, findings_of_score
from swissroll.exercise.linting.rules import findings_of, not_checked
from swissroll.exercise.linting.target import KL_TERM, Function, Target, aim, first_of, fix_beta
from swissroll.exercise.linting.terms import family_of
from swissroll.exercise.subject import LocalSubject
from swissroll.reproducibility.modes import ordinary_modes

HEADS_CHECKED = 4
"""What is looked at of a model's encoder and outputs."""
SCORE_CHECKED = 2
LOSS_PARTS = ("kl", "error", "objective")


@ordinary_modes(gradients=True)
def lint(thing: object, loss: Function | None = None, *, data_dim: int | None = None, seed: int = 0) -> LintResult:
    """Judge a loss, a KL term, a sampler, a score or a model by the laws of the mathematics.

    It says which convention a loss has (its reductions, the decoder's sigma that it implies, its true beta), and what
    cannot be a bound on the evidence: a KL term that is off, has another form or sign, a beta without effect, noise
    that points share, heads that cannot move. What is a choice is named, and is no error.

    Args:
        thing: A loss of ``(recon, x, mu, logvar)`` or of ``(model, x)``, with ``beta`` or without; a KL term or a
            sampler of ``(mu, logvar)``; a score of points alone; or a module with ``encode`` and ``decode``. Others are
            adapted in one line: ``lint(lambda recon, x, mu, logvar: my_loss(x, recon, mu, logvar, 1.0))``.
        loss: The loss of a module, where that is no method of it.
        data_dim: Coordinates of a point, where a model or a score does not say it; 2 for a score by default.
        seed: Of the draws.

    Returns:
        What was found; in a notebook it shows itself. Levels are "error", "warning", "note" and "unknown".

    Raises:
        ValueError: It is nothing of these, or cannot be called; or another argument is outside its range.
    """
    checks.whole("seed", seed, 0, 2**31 - 1)
    if data_dim is not None:
        checks.whole("data_dim", data_dim, 1, 10**4)
    target = aim(thing, loss)
    if target.score is not None:
        found = list(findings_of_score(target.score, data_dim=data_dim, seed=seed))
        return LintResult(name=target.name, kind=target.kind, findings=in_order(found), checked=SCORE_CHECKED)

    findings: list[Finding] = []
    checked = 0
    if target.model is not None:
        findings += findings_of_model(target.model, data_dim=data_dim, seed=seed)
        checked += 0 if any(one.rule == "model-not-asked" for one in findings) else HEADS_CHECKED
    if target.found.loss is not None or target.found.reparameterize is not None:
        found, laws = _judge(target, seed)
        findings += found
        checked += laws
    return LintResult(name=target.name, kind=target.kind, findings=in_order(findings), checked=checked)


def _judge(target: Target, seed: int) -> tuple[list[Finding], int]:
    """The findings of the laws, and how many could be checked."""
    subject = LocalSubject(target.found)
    findings = []
    if target.loss is not None and _changes(subject):
        line = "For the same reconstruction, points, mu and head the loss is another at each call: it draws on its own."
        findings.append(Finding(rule="loss-changes", level=WARNING, line=line))
        # With the same draws each time, what is left of it can be measured.
        target.loss.seed = seed

    if _shares_noise(target, subject):
        line = "All points of a batch get the same noise: at one mu and head, every row of a draw is the same."
        findings.append(Finding(rule="shared-noise", level=ERROR, line=line))
        # The laws of single numbers would measure the one row over and over.
        target.found.reparameterize = None
    if target.found.reparameterize is None and target.loss is None:
        return findings, 1

    parts = [] if target.found.reparameterize is None else ["reparameterize"]
    if target.loss is not None:
        parts += LOSS_PARTS
    examination, evidence = _examine(subject, parts, seed)
    unused = [one for one in evidence if "beta-unused" in one.signs]
    if unused:
        findings.append(Finding(rule="beta-unused", level=ERROR, line=unused[0].line))
        fix_beta(target)
        subject = LocalSubject(target.found)
        examination, evidence = _examine(subject, parts, seed)
    constant = _constant_of(examination)
    baseline = _without_constant(target, examination)
    if baseline is not None:
        error = examination.error
        of_error = [one for one in evidence if one.part == "error"]
        examination, evidence = _examine(LocalSubject(replace(target.found, loss=baseline)), parts, seed)
        examination.error = error
        evidence = [one for one in evidence if one.part != "error"] + of_error

    family = None
    if examination.error is not None and examination.meter is not None and target.kind != KL_TERM:
        family = family_of(examination.error, is_whole=examination.meter.error_beta is None)
    findings += findings_of(target, examination, evidence, family)
    findings += conventions_of(target, examination, family, constant)
    findings += not_checked(evidence, findings)
    return findings, sum(one.passed is not None for one in evidence)


def _shares_noise(target: Target, subject: LocalSubject) -> bool:
    """Whether the rows of a draw are the same, and another row at the next call."""
    if target.found.reparameterize is None:
        return False
    call = {"mu": torch.full((16, 3), 0.4), "head": torch.full((16, 3), 0.6), "seed": None}
    draws = subject.ask({"kind": "draw", "calls": [call, call]}).get("draws", [])
    rows = [draw["z"] for draw in draws if "z" in draw and draw["z"].shape == (16, 3)]
    if len(rows) < len((call, call)) or torch.equal(rows[0], rows[1]):
        return False
    return all(torch.allclose(z, z[:1].expand_as(z)) for z in rows)


def _examine(subject: LocalSubject, parts: list[str], seed: int) -> tuple[Examination, list[Evidence]]:
    examination = Examination(subject, seed=seed)
    return examination, list(examination.judge(parts))


def _constant_of(examination: Examination) -> float:
    """What is left of a loss at a perfect reconstruction where the KL term is 0; 0 where that is not known."""
    kl = examination.kl
    if kl is None or examination.error is None or examination.meter is None:
        return 0.0
    if examination.meter.error_beta is None:
        return examination.error.constant
    return kl.fits[kl.matches[0]].constant if kl.matches else 0.0


def _without_constant(target: Target, examination: Examination) -> Function | None:
    """A loss without beta, less what is left of it at a perfect reconstruction where q(z|x) is the prior.

    That is the entropy of points between 0 and 1, or the constant of a density. It is no power of the number of points
    and of dimensions, so that the KL term's reduction is seen without it alone. None where nothing is left.
    """
    kl = examination.kl
    if kl is None or not kl.matches or examination.meter is None or examination.meter.has_beta:
        return None
    if "model" in target.roles.values() or abs(_constant_of(examination)) < 1e-4 * np.ptp(kl.measured.kl[:, 2]):
        return None
    prior = BY_NAME[kl.matches[0]].prior

    def baseline(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Any:
        whole = _call(target, recon, x, mu, logvar)
        rest = _call(target, x, x, torch.zeros_like(mu), torch.full_like(logvar, prior))
        return whole - rest

    return baseline


def _call(target: Target, recon: Tensor, x: Tensor, mu: Tensor, head: Tensor) -> Tensor:
    values = {"recon": recon, "x": x, "mu": mu, "head": head}
    loss: Any = target.loss
    result = loss(**{name: values[role] for name, role in target.roles.items()})
    value: Tensor = first_of(result)
    return value


def _changes(subject: LocalSubject) -> bool:
    """Whether a loss of the same arguments differs from call to call."""
    case = generic_case(0.7, unit_interval=True)
    request = {"kind": "loss", "probe": "plain", "gradients": False, "beta": [case.beta] * 3}
    request |= {name: torch.stack([getattr(case, name)] * 3) for name in ("recon", "x", "mu", "head")}
    answered = subject.ask(request)
    if "error" in answered or not bool(torch.isfinite(answered["loss"]).all()):
        return False
    values = answered["loss"]
    return bool((values - values[0]).abs().max() > 1e-6 * (1 + values.abs().max()))
