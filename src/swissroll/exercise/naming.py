"""From the evidence of all laws to the most probable misconceptions.

Each entry of the catalogue names the signs that it leaves, and where several entries leave the same signs, the function
that its code computes. An entry explains the laws that failed with its signs. Of those that explain a law, the one with
the most signs is taken, then the one whose function lies closest to the measured one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.misconceptions import CATALOGUE
from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.signatures import distance

MAX_DISTANCE = 0.02
"""Distance of a measured function from an entry's at which it is that function."""
CLOSE = 0.3
"""Distance up to which an entry that does not fit is named as the closest."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """A misconception that the evidence speaks for.

    Attributes:
        misconception: The most probable one.
        laws: Ids of the questions that it explains.
        runner_up: Another one that the evidence speaks for nearly as much, or None.
    """

    misconception: Misconception
    laws: tuple[str, ...]
    runner_up: Misconception | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        entry = self.misconception
        words = {name: getattr(entry, name) for name in ("id", "name", "thought", "effect", "hint", "read")}
        return {**words, "laws": list(self.laws), "runner_up": self.runner_up.id if self.runner_up else None}


@dataclass(frozen=True)
class Candidate:
    """An entry whose signs were seen."""

    entry: Misconception
    laws: tuple[str, ...]
    distance: float

    @property
    def rank(self) -> tuple[int, float]:
        """Smaller is more probable: more signs first, then what fits better."""
        return (-len(self.entry.signs), self.distance)


def name_misconceptions(evidence: Sequence[Evidence]) -> tuple[Named, ...]:
    """The misconceptions that explain the laws that failed, the most telling first."""
    failed = [one for one in evidence if one.passed is False]
    signs = {sign for one in failed for sign in one.signs}
    candidates = [found for entry in CATALOGUE if (found := _candidate(entry, failed, signs)) is not None]

    named = []
    open_laws = {one.law for one in failed}
    while open_laws:
        fitting = [one for one in candidates if open_laws & set(one.laws) and one.distance <= MAX_DISTANCE]
        if not fitting:
            break
        best = min(fitting, key=lambda one: one.rank)
        explained = tuple(law for law in best.laws if law in open_laws)
        others = [one for one in fitting if one is not best and set(one.laws) == set(best.laws)]
        runner_up = min(others, key=lambda one: one.rank, default=None)
        if runner_up is not None and len(runner_up.entry.signs) < len(best.entry.signs):
            runner_up = None
        other = runner_up.entry if runner_up else None
        named.append(Named(misconception=best.entry, laws=explained, runner_up=other))
        open_laws -= set(best.laws)
    return tuple(named)


def _candidate(entry: Misconception, failed: list[Evidence], signs: set[str]) -> Candidate | None:
    if not set(entry.signs) <= signs:
        return None
    laws = tuple(one.law for one in failed if set(one.signs) & set(entry.signs))
    facts = {}
    for one in failed:
        if one.law == entry.law:
            facts = one.facts
    return Candidate(entry, laws, distance(entry, facts))
