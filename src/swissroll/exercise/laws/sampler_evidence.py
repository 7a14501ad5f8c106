"""The evidence of a law of the sampler."""

from __future__ import annotations

from typing import Any

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.laws.words import say_error

NAME = "reparameterize"


def held(law: str, line: str, **facts: Any) -> Evidence:
    """A law that holds."""
    return Evidence(law=f"{NAME}.{law}", passed=True, line=line, facts=facts)


def failed(law: str, line: str, signs: list[str], **facts: Any) -> Evidence:
    """A law that does not hold."""
    return Evidence(law=f"{NAME}.{law}", passed=False, line=line, facts={"signs": signs, **facts})


def unknown(law: str, signs: list[str]) -> Evidence:
    """A law that could not be checked."""
    return Evidence(law=f"{NAME}.{law}", passed=None, line="This could not be checked.", facts={"signs": signs})


def stopped(law: str, answer: dict[str, Any]) -> Evidence:
    """A law that a limit kept from being judged: running out of time is no mistake in the formula."""
    return Evidence(law=f"{NAME}.{law}", passed=None, line=say_error(NAME, answer), facts={"signs": ["limit"]})
