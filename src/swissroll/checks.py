"""Checks of values that people pass in; each error names the value, what is allowed and what came."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection
from contextlib import suppress
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class NotFiniteError(ValueError):
    """Numbers of which some are not finite.

    Attributes:
        name: What they are.
    """

    def __init__(self, message: str, *, name: str = "numbers") -> None:
        self.name = name
        super().__init__(message)


def whole(name: str, value: object, low: int, high: int) -> None:
    """Require an integer in [low, high], of Python or NumPy; raises ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}; got {_short(value)}.")


def real(name: str, value: object, low: float, high: float, *, open_low: bool = False) -> None:
    """Require a finite number in [low, high], or in (low, high]; raises ValueError otherwise."""
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):
            number = float(value)
    if not math.isfinite(number) or not low <= number <= high or (open_low and number == low):
        least = f"above {low:g}" if open_low else f"of at least {low:g}"
        raise ValueError(f"{name} must be a finite number {least} and at most {high:g}; got {_short(value)}.")


def _short(value: object) -> str:
    """A value's text, cut where it is long; a whole number may be too long to print at all."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of over 30 digits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def one_of(name: str, value: object, allowed: Collection[str]) -> None:
    """Require one of some words; raises ValueError with the closest word as a suggestion."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {_short(value)}.{closest(value, allowed)}")


def instance(name: str, value: object, kind: type, allowed: str) -> None:
    """Require an object of some class; raises ValueError, which says what to pass, otherwise."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be {allowed}; got {_short(value)}, a {type(value).__name__}.")


def points(name: str, value: Any, *, dim: int | None = None, least: int = 1) -> Tensor:
    """Take points, a tensor or array of shape (N, D), as float64 on the CPU.

    Args:
        name: What the error calls them.
        value: The points.
        dim: The D that is needed; any of at least 1 by default.
        least: Smallest N that is allowed.

    Raises:
        NotFiniteError: A coordinate is not finite.
        ValueError: The shape is another one.
    """
    import torch

    try:
        x = torch.as_tensor(value).detach().to("cpu", torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name} must be a tensor, an array or lists of numbers; got {_short(value)}.") from None
    fits = x.ndim == 2 and len(x) >= least and x.shape[1] >= 1 and dim in (None, x.shape[1])
    if not fits:
        allowed = f"(N, {'D' if dim is None else dim}) with N of at least {least}"
        raise ValueError(f"{name} must have shape {allowed}; got shape {tuple(x.shape)}.")
    bad = (~torch.isfinite(x)).any(dim=1).nonzero()
    if len(bad):
        row = int(bad[0, 0])
        found = f"{len(bad)} of {len(x)} points are not, first row {row}: {x[row].tolist()}"
        raise NotFiniteError(f"{name} must be finite; {found}.", name=name)
    return x


def closest(word: object, allowed: Collection[str]) -> str:
    """A ' Did you mean …?' for a misspelt word, or nothing."""
    found = difflib.get_close_matches(str(word), allowed, n=1)
    return f" Did you mean {found[0]!r}?" if found else ""
