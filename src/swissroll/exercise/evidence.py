"""What one law saw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one law saw of a solution.

    Attributes:
        law: The question's id, as in :data:`swissroll.exercise.questions.QUESTIONS`.
        part: The part of the solution that it is about: its id's first word.
        passed: Whether the law holds; None where that could not be checked.
        facts: What was measured: plain values by their names. ``signs`` lists what the facts amount to, in words that
            the catalogue of misconceptions knows.
        line: One sentence for the student, with the numbers.
    """

    law: str
    passed: bool | None
    line: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def part(self) -> str:
        """The part of the solution that the law is about."""
        return self.law.split(".")[0]

    @property
    def signs(self) -> list[str]:
        """What the facts amount to."""
        return list(self.facts.get("signs", []))

    @property
    def is_stopped(self) -> bool:
        """Whether it was not checked because code was stopped, or is not there."""
        return self.passed is None and ("answer" in self.facts or "missing" in self.signs)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"law": self.law, "part": self.part, "passed": self.passed, "line": self.line, "facts": self.facts}


def stops(evidence: Iterable[Evidence]) -> list[str]:
    """What kept checks from being made: code that was stopped, or that is not there; a sentence each."""
    return list(dict.fromkeys(as_sentence(one.line) for one in evidence if one.is_stopped))


def as_sentence(line: str) -> str:
    """A line with a full stop at its end."""
    return line if line.endswith((".", "!", "?")) else f"{line}."
