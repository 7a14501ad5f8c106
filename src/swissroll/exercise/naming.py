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
    """An entry whose signs were seen.

    Attributes:
        entry: The entry.
        laws: The laws that failed with its signs.
        pairs: The signs that it explains, each with its law.
        distance: Of the measured function from the entry's.
    """

    entry: Misconception
    laws: tuple[str, ...]
    pairs: frozenset[tuple[str, str]]
    distance: float

    @property
    def rank(self) -> tuple[int, int, float]:
        """Smaller is more probable: more signs first, then what has a function that fits, then what fits better."""
        return (-len(self.entry.signs), 0 if self.entry.is_specific else 1, self.distance)


CONSEQUENCES = {
    "kl.formula": ("kl.zero", "kl.sign"),
    "kl.zero": ("kl.reduction",),
    "error.squared": ("error.zero", "error.reduction"),
    "error.zero": ("error.reduction",),
    "objective.runs": ("objective.gradients",),
    "heads.range": ("forward.gradients",),
    "heads.distinct": ("forward.gradients",),
    "forward.latent": ("forward.gradients",),
    "forward.runs": ("forward.latent",),
    "reparameterize.inputs": ("reparameterize.gradients",),
    "reparameterize.independent": ("reparameterize.normal",),
    "reparameterize.centre": ("reparameterize.independent", "reparameterize.gradients"),
    "reparameterize.scale": ("reparameterize.gradients",),
}
"""Laws that may fail because another one does: a wrong formula is not zero at the prior, either."""


def name_misconceptions(evidence: Sequence[Evidence]) -> tuple[Named, ...]:
    """The misconceptions that explain the laws that failed, the most telling first."""
    failed = [one for one in evidence if one.passed is False]
    signs = {sign for _, sign in _pairs(failed)}
    found = [_candidate(entry, failed, signs) for entry in CATALOGUE]
    candidates = [one for one in found if one is not None and one.distance <= MAX_DISTANCE]

    named: list[Named] = []
    open_pairs = _pairs(failed)
    while True:
        fitting = [one for one in candidates if open_pairs & one.pairs]
        if not fitting:
            return tuple(named)
        # What may follow from another mistake waits until that one is named.
        first = [one for one in fitting if not any(_follows(one, other) for other in fitting)] or fitting
        best = min(first, key=lambda one: one.rank)
        laws = [law for law in best.laws if any(pair[0] == law for pair in open_pairs)]
        open_pairs -= best.pairs
        open_pairs = _close(open_pairs, best, failed)
        named.append(Named(misconception=best.entry, laws=tuple(laws), runner_up=_runner_up(best, fitting)))


def _pairs(evidence: Sequence[Evidence]) -> set[tuple[str, str]]:
    """Each sign with the law that it was seen at."""
    pairs: set[tuple[str, str]] = set()
    for one in evidence:
        pairs |= {(one.law, sign) for sign in one.signs}
    return pairs


def _follows(one: Candidate, other: Candidate) -> bool:
    return one.entry.law in CONSEQUENCES.get(other.entry.law, ())


def _runner_up(best: Candidate, fitting: list[Candidate]) -> Misconception | None:
    """Another entry with as many signs of the same laws, whose function fits nearly as well."""
    others = [one for one in fitting if one is not best and one.laws == best.laws and one.rank[:2] == best.rank[:2]]
    return min(others, key=lambda one: one.rank).entry if others else None


def _close(open_pairs: set[tuple[str, str]], best: Candidate, failed: list[Evidence]) -> set[tuple[str, str]]:
    """The pairs that stay open once an entry is named."""
    # What is said of a formula in general is said by any of its parts.
    general = {(one.law, one.signs[0]) for one in failed if one.law in best.laws and len(one.signs) > 1}
    closed = set(general)
    if best.entry.is_specific:
        closed |= {pair for pair in open_pairs if pair[0] == best.entry.law}
    for law in CONSEQUENCES.get(best.entry.law, ()):
        closed |= {pair for pair in open_pairs if pair[0] == law}
    return open_pairs - closed


def _candidate(entry: Misconception, failed: list[Evidence], signs: set[str]) -> Candidate | None:
    if not set(entry.signs) <= signs:
        return None
    telling = [one for one in failed if set(one.signs) & set(entry.signs)]
    pairs = frozenset(pair for pair in _pairs(telling) if pair[1] in entry.signs)
    facts = {}
    for one in failed:
        if one.law == entry.law:
            facts = one.facts
    return Candidate(entry, tuple(one.law for one in telling), pairs, distance(entry, facts))
