"""What the checker may say of somebody, made by hand, to count points and make pages from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swissroll.exercise.questions import QUESTIONS

MISTAKE = {
    "id": "some-mistake",
    "name": "The half is missing",
    "thought": "A constant changes nothing.",
    "effect": "beta counts twice.",
    "hint": "Work it out for mu = 1.",
    "read": "Kingma and Welling (2014), appendix B",
    "laws": ["kl.factor"],
    "runner_up": None,
}


def found_of(
    failed: Sequence[str] = (),
    unchecked: Sequence[str] = (),
    mistakes: Sequence[dict[str, Any]] = (),
    stopped: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """What is kept of one student.

    Args:
        failed: Ids of questions that failed.
        unchecked: Ids of questions that could not be checked.
        mistakes: What was named.
        stopped: Ids of questions that could not be checked because the code was stopped.
        more: Other values in the place of the usual ones.
    """
    evidence: list[dict[str, Any]] = []
    for question in QUESTIONS:
        passed: bool | None = question.id not in failed
        if question.id in (*unchecked, *stopped):
            passed = None
        line = f"What was seen of {question.id}."
        facts = {"signs": ["limit"], "answer": {"error": "TimeLimit"}} if question.id in stopped else {}
        evidence.append({"law": question.id, "part": question.part, "passed": passed, "line": line, "facts": facts})
    check = {
        "version": 1,
        "passed": not failed and not unchecked and not stopped,
        "complete": not unchecked and not stopped,
        "evidence": evidence,
        "misconceptions": list(mistakes),
        "conventions": ["Both terms are means."],
    }
    kept = {"version": 1, "checker": "0", "digest": "", "line": "", "notes": [], "look_at": [], "check": check}
    return kept | more


NOTHING = found_of() | {"check": None, "line": "a.ipynb is empty."}
"""What is kept of somebody who handed in nothing that can be checked."""
