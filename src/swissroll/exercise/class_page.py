"""The page of a class: which mistakes there are and how often, with examples by number. It names nobody."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import mean, median
from typing import Any, NamedTuple

from swissroll.exercise.grading import Outcome
from swissroll.exercise.questions import QUESTIONS
from swissroll.report.html import template

MAX_EXAMPLES = 8
BINS = 10


class Mistake(NamedTuple):
    """A mistake, and who made it.

    Attributes:
        id: Its id in the catalogue.
        name: Its name.
        thought: What was probably thought.
        makers: How many made it.
        share: Percent of the class.
        examples: Numbers of submissions, at most :data:`MAX_EXAMPLES`.
        more: How many others there are.
        line: What was seen of the first.
    """

    id: str
    name: str
    thought: str
    makers: int
    share: float
    examples: list[int]
    more: int
    line: str


class QuestionRow(NamedTuple):
    """How a question went: how many passed, failed, or could not be checked, as numbers and as percent."""

    title: str
    passed: int
    failed: int
    unchecked: int
    passed_share: float
    failed_share: float
    unchecked_share: float


class Bin(NamedTuple):
    """How many have points in a range."""

    label: str
    students: int
    share: float


@dataclass(frozen=True)
class ClassPage:
    """What the template shows.

    Attributes:
        outcomes: What was found of each student.
    """

    outcomes: list[Outcome]

    @property
    def title(self) -> str:
        """What the exercise is called."""
        return self.outcomes[0].rubric.title

    @property
    def summary(self) -> list[tuple[str, str]]:
        """Names and values: how many there are, and how they did."""
        totals = [one.total for one in self.outcomes]
        most = self.outcomes[0].rubric.total
        empty = sum(one.found["check"] is None for one in self.outcomes)
        return [
            ("submissions", f"{len(totals)}"),
            ("all checks passed", f"{sum(one.all_passed for one in self.outcomes)}"),
            ("nothing to check", f"{empty}"),
            ("mean", f"{mean(totals):.1f} of {most:g} points"),
            ("median", f"{median(totals):.1f} of {most:g} points"),
        ]

    @property
    def bins(self) -> list[Bin]:
        """How the points are spread, in tenths of all points."""
        most = self.outcomes[0].rubric.total
        counts = [0] * BINS
        for one in self.outcomes:
            share = one.total / most if most else 0.0
            counts[min(int(BINS * share), BINS - 1)] += 1
        highest = max(counts)
        edges = [most * place / BINS for place in range(BINS + 1)]
        return [
            Bin(f"{edges[place]:.3g} to {edges[place + 1]:.3g}", count, 100 * count / highest)
            for place, count in enumerate(counts)
        ]

    @property
    def mistakes(self) -> list[Mistake]:
        """The mistakes that were named, the most frequent first."""
        named: dict[str, dict[str, Any]] = {}
        makers: dict[str, list[Outcome]] = {}
        for outcome in sorted(self.outcomes, key=lambda one: one.number):
            for one in outcome.misconceptions:
                named.setdefault(one["id"], one)
                makers.setdefault(one["id"], []).append(outcome)

        counts = Counter({identity: len(outcomes) for identity, outcomes in makers.items()})
        order = sorted(counts, key=lambda identity: (-counts[identity], identity))
        return [self._mistake(named[identity], makers[identity]) for identity in order]

    def _mistake(self, named: dict[str, Any], makers: list[Outcome]) -> Mistake:
        numbers = [one.number for one in makers]
        return Mistake(
            id=named["id"],
            name=named["name"],
            thought=named["thought"],
            makers=len(numbers),
            share=100 * len(numbers) / len(self.outcomes),
            examples=numbers[:MAX_EXAMPLES],
            more=max(0, len(numbers) - MAX_EXAMPLES),
            line=_first_line(named, makers[0]),
        )

    @property
    def questions(self) -> list[QuestionRow]:
        """How each question went."""
        rows = []
        for question in QUESTIONS:
            values = [one.passed[question.id] for one in self.outcomes]
            counts = [values.count(True), values.count(False), values.count(None)]
            rows.append(QuestionRow(question.title, *counts, *(100 * count / len(values) for count in counts)))
        return rows


def _first_line(named: dict[str, Any], outcome: Outcome) -> str:
    """What the checker saw of a mistake in one submission."""
    for one in outcome.check.get("evidence", []):
        if one["law"] in named.get("laws", []) and one["passed"] is False:
            return str(one["line"])
    return ""


def render_class(outcomes: list[Outcome]) -> str:
    """The page, as HTML that needs no network."""
    return template("class.html").render(page=ClassPage(outcomes))
