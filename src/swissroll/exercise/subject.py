"""Somebody's solution, as the laws see it: something that answers requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from swissroll.exercise.asking import Found, answer


class Subject(Protocol):
    """What can be asked; :mod:`swissroll.exercise.asking` has the requests and their answers."""

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request; an error in the solution is an answer, too."""
        ...


class LocalSubject:
    """A solution that lies in this process, as in a notebook.

    Args:
        found: Its parts.
    """

    def __init__(self, found: Found) -> None:
        self.found = found

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of the solution, computed here."""
        return answer(self.found, request)
