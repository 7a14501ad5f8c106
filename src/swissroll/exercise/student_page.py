"""The page that a student gets back: points, what each question saw, and what was probably thought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from swissroll.exercise.grading import Outcome, close_second
from swissroll.exercise.questions import PARTS, QUESTIONS
from swissroll.report.html import template

WORDS = {True: "passed", False: "not passed", None: "not checked"}


class Row(NamedTuple):
    """One question.

    Attributes:
        title: What holds for a right solution.
        word: Whether it does, in words.
        state: The same as a word for the style: passed, failed or open.
        points: Points, of how many.
        line: What was seen.
    """

    title: str
    word: str
    state: str
    points: str
    line: str


@dataclass(frozen=True)
class StudentPage:
    """What the template shows.

    Attributes:
        outcome: What was found of the student.
    """

    outcome: Outcome

    @property
    def title(self) -> str:
        """What the exercise is called."""
        return self.outcome.rubric.title

    @property
    def points(self) -> str:
        """Points, of how many."""
        return f"{self.outcome.total:g} of {self.outcome.rubric.total:g}"

    @property
    def verdict(self) -> str:
        """How many checks were passed; that all were is said only where all was checked."""
        if self.outcome.found["line"]:
            return str(self.outcome.found["line"])
        if self.outcome.all_passed:
            return "All checks passed."
        values = list(self.outcome.passed.values())
        sentence = f"{values.count(True)} of {len(values)} checks passed."
        unchecked = values.count(None)
        return f"{sentence} {unchecked} could not be checked." if unchecked else sentence

    @property
    def unnamed(self) -> list[str]:
        """What was seen and no mistake below explains."""
        return self.outcome.unnamed

    @property
    def parts(self) -> list[tuple[str, list[Row]]]:
        """The questions, by the part of the solution that they are about."""
        return [(title, [self._row(one.id) for one in QUESTIONS if one.part == part]) for part, title in PARTS.items()]

    def _row(self, question: str) -> Row:
        evidence: dict[str, Any] = {one["law"]: one["line"] for one in self.outcome.check.get("evidence", [])}
        passed = self.outcome.passed[question]
        states = {True: "passed", False: "failed", None: "open"}
        return Row(
            title=next(one.title for one in QUESTIONS if one.id == question),
            word=WORDS[passed],
            state=states[passed],
            points=f"{self.outcome.points[question]:g} of {self.outcome.rubric.points[question]:g}",
            line="" if passed else str(evidence.get(question, "")),
        )

    @property
    def misconceptions(self) -> list[dict[str, Any]]:
        """The mistakes that were named, each with the name of a second one that is about as probable."""
        return [one | {"or_else": close_second(one)} for one in self.outcome.misconceptions]

    @property
    def conventions(self) -> list[str]:
        """Choices of the solution that are no mistakes."""
        return [str(one) for one in self.outcome.check.get("conventions", [])]

    @property
    def notes(self) -> list[str]:
        """What there is to say of the file."""
        return list(self.outcome.found["notes"])


def render_student(outcome: Outcome) -> str:
    """The page, as HTML that needs no network."""
    return template("student.html").render(page=StudentPage(outcome))
