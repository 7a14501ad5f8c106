"""Check a solution: ask it, judge its answers by the laws, and name what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from torch import nn

from swissroll.checks import short
from swissroll.exercise import rendering
from swissroll.exercise.asking import Found, find
from swissroll.exercise.asking.finding import LOSS_NAMES, names_of
from swissroll.exercise.evidence import Evidence
from swissroll.exercise.examination import Examination
from swissroll.exercise.naming import Named, name_misconceptions
from swissroll.exercise.questions import PARTS, QUESTIONS
from swissroll.exercise.subject import LocalSubject, Subject
from swissroll.reproducibility.modes import ordinary_modes

VERSION = 1
"""Of the plain dict that :meth:`CheckResult.to_json` gives."""
SAMPLER_PARTS = ("reparameterize",)
LOSS_PARTS = ("kl", "error", "objective")
MODEL_PARTS = ("reparameterize", "heads", "forward")


KINDS = "reparameterize, compute_vae_loss or VAE, as they are defined"


class ExerciseError(AssertionError):
    """A solution does not hold; the message is the whole hint."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What the laws found.

    Attributes:
        evidence: What each law saw, in the order of the questions.
        misconceptions: What is probably behind the laws that failed.
        conventions: Choices that the solution makes, one sentence each; none of them is a mistake.
    """

    evidence: tuple[Evidence, ...]
    misconceptions: tuple[Named, ...]
    conventions: tuple[str, ...]

    @property
    def failed(self) -> tuple[Evidence, ...]:
        """The evidence of the laws that do not hold."""
        return tuple(one for one in self.evidence if one.passed is False)

    @property
    def complete(self) -> bool:
        """Whether every law could be checked."""
        return bool(self.evidence) and all(one.passed is not None for one in self.evidence)

    @property
    def passed(self) -> bool:
        """Whether every law was checked, and holds."""
        return self.complete and not self.failed

    def raise_if_failed(self) -> None:
        """Raise one error whose message is the whole hint, unless everything was checked and holds.

        Raises:
            ExerciseError: Something does not hold, or could not be checked.
        """
        if not self.passed:
            raise ExerciseError(str(self))

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the version of their arrangement."""
        return {
            "version": VERSION,
            "passed": self.passed,
            "complete": self.complete,
            "evidence": [one.to_json() for one in self.evidence],
            "misconceptions": [one.to_json() for one in self.misconceptions],
            "conventions": list(self.conventions),
        }

    def __str__(self) -> str:
        return rendering.as_text(self)

    def _repr_html_(self) -> str:
        return rendering.as_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(str(self))


def check(thing: object) -> CheckResult:
    """Check a part of a solution to the exercise, or all of it.

    Nothing is compared with a golden number: the laws are those of the mathematics, so that no seed is needed and every
    right way to write it passes. The caller's random numbers, and a model's mode, are left as they were.

    Args:
        thing: ``reparameterize`` (a function of mu and logvar), ``compute_vae_loss`` (of a model, points and beta, or
            of a reconstruction, points, mu and logvar), the class ``VAE`` or a model of it, or a module, or a dict of
            names, that has them all.

    Returns:
        What was found; in a notebook it shows itself.

    Raises:
        ValueError: It is nothing of these.
    """
    found, parts = _parts_of(thing)
    modules = list(found.model.modules()) if isinstance(found.model, nn.Module) else []
    modes = [module.training for module in modules]
    try:
        return check_subject(LocalSubject(found), parts=parts)
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


# What is not finite in a solution is judged, and not warned of.
@np.errstate(all="ignore")
@ordinary_modes(gradients=True)
def check_subject(
    subject: Subject,
    *,
    parts: Sequence[str] = tuple(PARTS),
    seed: int = 0,
) -> CheckResult:
    """Check a solution that lies elsewhere.

    Args:
        subject: What is asked.
        parts: The parts to judge: words of :data:`swissroll.exercise.questions.PARTS`.
        seed: Of the draws.
    """
    examination = Examination(subject, seed=seed)
    by_law = {evidence.law: evidence for evidence in examination.judge(parts)}
    ordered = tuple(by_law[question.id] for question in QUESTIONS if question.id in by_law)
    return CheckResult(
        evidence=ordered,
        misconceptions=name_misconceptions(ordered),
        conventions=tuple(examination.conventions()),
    )


def _parts_of(thing: object) -> tuple[Found, Sequence[str]]:
    if isinstance(thing, ModuleType):
        return _of_namespace(vars(thing)), tuple(PARTS)
    if isinstance(thing, Mapping):
        return _of_namespace(thing), tuple(PARTS)
    if isinstance(thing, nn.Module):
        return _of_class(type(thing), thing), MODEL_PARTS
    if isinstance(thing, type) and issubclass(thing, nn.Module):
        return _of_class(thing, None), MODEL_PARTS
    if callable(thing) and not isinstance(thing, type):
        return _of_function(thing)
    raise ValueError(f"thing must be {KINDS}; got {short(thing)}.")


def _of_namespace(namespace: Mapping[str, Any]) -> Found:
    found = find(namespace)
    if found.reparameterize is None and found.loss is None and found.vae is None:
        raise ValueError(f"thing must hold reparameterize, compute_vae_loss or VAE; got {short(list(namespace)[:5])}.")
    return found


def _of_class(vae: type[nn.Module], model: nn.Module | None) -> Found:
    around = vars(sys.modules.get(vae.__module__, ModuleType("none")))
    found = find({**around, "VAE": vae})
    found.model = model
    return found


def _of_function(function: Callable[..., Any]) -> tuple[Found, Sequence[str]]:
    # What lies beside it in the notebook tells how it is used: whether its head is a log-variance, say.
    around = dict(getattr(function, "__globals__", {}))
    names = names_of(function)
    if getattr(function, "__name__", "") in LOSS_NAMES or "loss" in getattr(function, "__name__", "") or len(names) > 3:
        found = find(around)
        found.loss = function
        return found, LOSS_PARTS

    found = find(around)
    found.reparameterize = function
    found.is_method = names[:1] == ["self"]
    return found, SAMPLER_PARTS
