"""How errors of a solution are said to a student, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOT_WRITTEN = "not-written"
"""The sign of a part that the student has still to write."""
STUBS = {"NotImplementedError", "ToDo"}
NOT_FINITE = "NotFinite"
"""The name of an answer that is a number, and yet none to compute with."""
LIMITS = {"TimeLimit", "MemoryLimit", "Exited", "Protocol", "NotRun"}


def is_stub(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is that of a part that is still to be written."""
    message = str(answer.get("message", ""))
    return answer.get("error") in STUBS or "nothing (None)" in message or "'NoneType'" in message


def sign_of_error(answer: Mapping[str, Any]) -> str:
    """What an error amounts to, in a word of the catalogue's."""
    if is_stub(answer):
        return NOT_WRITTEN
    if answer.get("error") == "LookupError":
        return "missing"
    return "limit" if answer.get("error") in LIMITS else "error"


def say_error(what: str, answer: Mapping[str, Any]) -> str:
    """One line: what failed, where, and how."""
    if answer.get("error") in STUBS:
        return f"{what} is not written yet."
    if is_stub(answer):
        return f"{what} returns nothing: it is not written yet, or its return is missing."
    if answer.get("error") == "LookupError":
        return f"{what} was not found."
    if answer.get("error") == NOT_FINITE:
        return f"{what} returned {answer.get('message', 'no finite number')}"
    line = answer.get("line")
    place = answer.get("where") or (f"line {line}" if line else "")
    where = f" at {place}" if place else ""
    if answer.get("error") in LIMITS:
        return f"{what} was stopped{where}: {answer.get('message', '')}"
    return f"{what} raised {answer.get('error')}{where}: {answer.get('message', '')}"


def number(value: float) -> str:
    """A number with three digits."""
    return f"{value:.3g}"
