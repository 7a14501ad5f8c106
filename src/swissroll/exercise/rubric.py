"""How many points each question is worth, and what a known mistake leaves of them: a TOML file that a person writes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swissroll import checks
from swissroll.exercise.misconceptions import CATALOGUE
from swissroll.exercise.questions import QUESTIONS

TABLES = ("title", "points", "credit")
MAX_POINTS = 1000.0
DEFAULT_TITLE = "VAE exercise"


class RubricError(ValueError):
    """A rubric that cannot be used; says why in one line."""


@dataclass(frozen=True)
class Rubric:
    """Points for a submission.

    Attributes:
        title: What the exercise is called in gradebooks.
        points: Points of each question, by its id, in the order of the questions.
        credit: The part of a question's points that is left where it failed for a known mistake, by the mistake's id.
    """

    title: str = DEFAULT_TITLE
    points: Mapping[str, float] = field(default_factory=lambda: {one.id: float(one.points) for one in QUESTIONS})
    credit: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """All points together."""
        return round(sum(self.points.values()), 6)

    def score(self, question: str, passed: bool | None, misconceptions: list[str]) -> float:
        """Points for one question.

        Args:
            question: Its id.
            passed: Whether it was passed; None where it could not be checked, which earns nothing.
            misconceptions: Ids of the mistakes that explain why it was not. The one with the least credit counts.
        """
        if passed:
            return self.points[question]
        if passed is None or not misconceptions:
            return 0.0
        share = min(self.credit.get(one, 0.0) for one in misconceptions)
        return round(self.points[question] * share, 4)


def read_rubric(path: Path, misconceptions: Mapping[str, object]) -> Rubric:
    """Read a rubric; what it leaves open is as by default.

    Args:
        path: The file.
        misconceptions: The known mistakes, by their ids.

    Raises:
        RubricError: It is no TOML, names something unknown, or holds a number that cannot be.
        OSError: It cannot be read.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RubricError(f"{path}: is no TOML file ({error}).") from None

    for name in found:
        if name not in TABLES:
            raise RubricError(
                f"{path}: {checks.short(name)} means nothing here.{checks.closest(name, TABLES)} "
                f"Known: {', '.join(TABLES)}."
            )
    title = found.get("title", DEFAULT_TITLE)
    if not isinstance(title, str) or not title.strip() or len(title) > 200 or not title.isprintable():
        raise RubricError(f"{path}: title must be a line of text; got {checks.short(title)}.")

    defaults = Rubric()
    points = _read_numbers(path, found, "points", defaults.points, MAX_POINTS)
    credit = _read_numbers(path, found, "credit", misconceptions, 1.0)
    return Rubric(title.strip(), dict(defaults.points) | points, credit)


def _read_numbers(
    path: Path, found: dict[str, Any], table: str, known: Mapping[str, object], most: float
) -> dict[str, float]:
    """A table of numbers from 0 to ``most``, whose names are known; a question's id may be written with its dot."""
    values = found.get(table, {})
    if not isinstance(values, dict):
        raise RubricError(f"{path}: {table} must be a table, [{table}]; got {checks.short(values)}.")

    read: dict[str, float] = {}
    for name, value in _flatten(values).items():
        if name not in known:
            hint = checks.closest(name, list(known))
            raise RubricError(f"{path}: [{table}] names {checks.short(name)}, which there is not.{hint}")
        try:
            checks.real(f"{path}: {table} of {name}", value, 0.0, most)
        except ValueError as error:
            raise RubricError(str(error)) from None
        read[name] = float(value)
    return read


def _flatten(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """TOML reads ``kl.sign = 2`` as a table in a table."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{before}{name}.")
        else:
            flat[before + name] = value
    return flat


def default_text() -> str:
    """The default rubric, as a file to edit."""
    lines = [
        "# Points for each question. What is left out is worth what stands here; 0 takes a question out.",
        f'title = "{DEFAULT_TITLE}"',
        "",
        "[points]",
    ]
    lines += [f'"{one.id}" = {one.points:g}  # {one.title}' for one in QUESTIONS]
    lines += [
        "",
        "# The part of a question's points that is left where it failed for a known mistake, from 0 to 1.",
        "# For half the points, take the first '# ' off the line of a mistake; grades.csv has the ids that were found.",
        "[credit]",
    ]
    lines += [f'# "{one.id}" = 0.5  # {one.name}' for one in CATALOGUE]
    lines.append("")
    return "\n".join(lines)
