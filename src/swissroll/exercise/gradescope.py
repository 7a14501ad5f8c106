"""What an autograder of Gradescope writes: ``results.json``, one test a question.

A named mistake's id is a tag of the tests that it explains, and stands in ``extra_data``.
Source of the format: docs/specs.md of gradescope/autograder_samples.
"""

from __future__ import annotations

import json
from typing import Any

from swissroll.exercise.grading import Outcome, close_second, explaining
from swissroll.exercise.questions import QUESTIONS


def results_json(outcome: Outcome) -> str:
    """The text of a ``results.json``."""
    tests = [_test(outcome, number) for number in range(len(QUESTIONS))]
    results: dict[str, Any] = {
        "score": outcome.total,
        "output": _output(outcome),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "misconceptions": [one["id"] for one in outcome.misconceptions],
            "all_checked": bool(outcome.check.get("complete")),
            "look_at": outcome.found["look_at"],
        },
    }
    return json.dumps(results, indent=1)


def _test(outcome: Outcome, number: int) -> dict[str, Any]:
    question = QUESTIONS[number]
    passed = outcome.passed[question.id]
    evidence = {one["law"]: one["line"] for one in outcome.check.get("evidence", [])}
    reasons = explaining(question.id, outcome.misconceptions) if not passed else []

    lines = [evidence.get(question.id, "")]
    if passed is None:
        lines.insert(0, "This could not be checked.")
    for one in reasons:
        lines.append(f"{one['name']}. {one['hint']}")
    return {
        "name": question.title,
        "number": str(number + 1),
        "score": outcome.points[question.id],
        "max_score": outcome.rubric.points[question.id],
        "status": "passed" if passed else "failed",
        "output": "\n".join(line for line in lines if line),
        "tags": [one["id"] for one in reasons],
        "visibility": "visible",
        "extra_data": {"question": question.id, "checked": passed is not None},
    }


def _output(outcome: Outcome) -> str:
    """What stands above all tests."""
    lines = [outcome.found["line"], *outcome.found["notes"]]
    if outcome.all_passed:
        lines.insert(0, "All checks passed.")
    elif not outcome.check.get("complete") and not outcome.found["line"]:
        lines.insert(0, "Not everything could be checked.")
    lines += [*outcome.unnamed, *(_say(one) for one in outcome.misconceptions)]
    return "\n".join(line for line in lines if line)


def _say(named: dict[str, Any]) -> str:
    other = close_second(named)
    or_else = f" Or else: {other}." if other else ""
    return f"{named['name']}. You may have thought: {named['thought']} Hint: {named['hint']}{or_else}"
