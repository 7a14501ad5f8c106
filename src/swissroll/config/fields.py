"""A field of the settings: its default, what it means, and the check of its values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, get_args

from swissroll import checks

T = TypeVar("T")
Check = Callable[[str, object], None]


def setting(default: T, text: str, check: Check) -> T:
    """A field of Config: its default, what help and documentation say of it, and the check of its values."""
    return dataclasses.field(default=default, metadata={"help": text, "check": check})


def whole(low: int, high: int) -> Check:
    """The check of a whole number in [low, high]."""
    return partial(checks.whole, low=low, high=high)


def real(low: float, high: float, *, open_low: bool = False) -> Check:
    """The check of a finite number in [low, high], or in (low, high]."""
    return partial(checks.real, low=low, high=high, open_low=open_low)


def one_of(choices: Any) -> Check:
    """The check of a word among those of a Literal."""
    return partial(checks.one_of, allowed=get_args(choices))


def either(name: str, value: object) -> None:
    """The check of a yes or no."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false; got {value!r:.60}.")


def named(name: str, value: object) -> None:
    """The check of a word of any kind."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be text that is not empty; got {value!r:.60}.")


def none_or(check: Check) -> Check:
    """The check of a setting that may be left open."""

    def check_unless_none(name: str, value: object) -> None:
        if value is not None:
            check(name, value)

    return check_unless_none
