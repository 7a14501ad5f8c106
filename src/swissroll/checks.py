"""Checks of values that people pass in; each error names the value, what is allowed and what came."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Collection
from contextlib import suppress
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

MAX_MESSAGE = 2000
"""Longest message, in characters."""


class NotFiniteError(ValueError):
    """Numbers of which some are not finite.

    Attributes:
        name: What they are.
    """

    def __init__(self, message: str, *, name: str = "numbers") -> None:
        self.name = name
        super().__init__(message)


def whole(name: str, value: object, low: int, high: int, or_word: str | None = None) -> None:
    """Require an integer in [low, high], of Python or NumPy; raises ValueError otherwise.

    Args:
        name: What the value is.
        value: What was passed.
        low: Smallest that is allowed.
        high: Largest that is allowed.
        or_word: A word that the caller allows, too; the message names it.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        other = "" if or_word is None else f", or {or_word!r}"
        raise ValueError(f"{name} must be a whole number from {low} to {high}{other}; got {short(value)}.")


def real(name: str, value: object, low: float, high: float, *, open_low: bool = False) -> None:
    """Require a finite number in [low, high], or in (low, high]; raises ValueError otherwise."""
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):
            number = float(value)
    if not math.isfinite(number) or not low <= number <= high or (open_low and number == low):
        least = f"above {low:g}" if open_low else f"of at least {low:g}"
        raise ValueError(f"{name} must be a finite number {least} and at most {high:g}; got {short(value)}.")


def short(value: object) -> str:
    """A value's text in one line, cut where it is long; a whole number may be too long to print at all."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of over 30 digits"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # Any class may have a repr of its own.
        return "a value that cannot be printed"
    text = printable(text)
    return text if len(text) <= 60 else text[:57] + "..."


def printable(text: object) -> str:
    """Text of somebody else's, without what would move a terminal's cursor or turn the direction of a line."""
    return "".join(character if character.isprintable() else " " for character in str(text))


def amount(number: int, noun: str) -> str:
    """A number of things, as in '1 row' and '1,000 rows'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def bounded(text: str) -> str:
    """A message, with its middle left out where what it quotes makes it longer than anybody reads."""
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE // 2]}...{text[-MAX_MESSAGE // 2 :]}"


def flag(name: str, value: object) -> None:
    """Require True or False; raises ValueError otherwise."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False; got {short(value)}.")


def function(name: str, value: object) -> None:
    """Require something that can be called; raises ValueError otherwise."""
    if not callable(value):
        raise ValueError(f"{name} must be a function; got {short(value)}.")


def generator(name: str, value: object) -> None:
    """Require one of PyTorch's generators, or None; raises ValueError otherwise."""
    import torch

    if value is not None:
        instance(name, value, torch.Generator, "a torch.Generator, or None for PyTorch's global one")


def one_of(name: str, value: object, allowed: Collection[str]) -> None:
    """Require one of some words; raises ValueError with the closest word as a suggestion."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {short(value)}.{closest(value, allowed)}")


def instance(name: str, value: object, kind: type, allowed: str) -> None:
    """Require an object of some class; raises ValueError, which says what to pass, otherwise."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be {allowed}; got {short(value)}, of type {type(value).__name__}.")


def folder(name: str, value: object) -> Path:
    """Take a folder's path, a string or a path; raises ValueError for anything else."""
    given: Any = value
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        raise ValueError(f"{name} must be a folder, such as 'runs/001'; got {short(value)}.")
    return Path(given)


def points(name: str, value: Any, *, dim: int | None = None, least: int = 1) -> Tensor:
    """Take points, a tensor, an array or lists of shape (N, D), as float64 on the CPU.

    Args:
        name: What the error calls them.
        value: The points.
        dim: The D that is needed; any of at least 1 by default.
        least: Smallest N that is allowed.

    Raises:
        NotFiniteError: A coordinate is not finite.
        ValueError: They are not real numbers, or of another shape.
    """
    x = numbers(name, value)
    fits = x.ndim == 2 and len(x) >= least and x.shape[1] >= 1 and dim in (None, x.shape[1])
    if not fits:
        allowed = f"(N, {'D' if dim is None else dim}) with N of at least {least}"
        raise ValueError(f"{name} must have shape {allowed}; got shape {tuple(x.shape)}.")
    bad = (~x.isfinite()).any(dim=1).nonzero()
    if len(bad):
        row = int(bad[0, 0])
        # They may be a batch of a table whose rows are not known here.
        where = f"first row {row} of these {len(x)}, counted from 0"
        found = f"{len(bad)} of {len(x)} points are not, {where}: {short(x[row].tolist())}"
        raise NotFiniteError(f"{name} must be finite; {found}.", name=name)
    return x


def numbers(name: str, value: Any) -> Tensor:
    """Take real numbers of any shape, a tensor, an array or lists, as float64 on the CPU.

    Raises:
        ValueError: They are something else.
    """
    import numpy as np
    import torch

    wanted = f"{name} must be a tensor, an array or lists of real numbers"
    if isinstance(value, (list, tuple)) and value and all(isinstance(row, torch.Tensor) for row in value):
        rows = [row.detach().cpu() for row in value]
        if len({row.shape for row in rows}) > 1:
            raise ValueError(f"{wanted}; got rows of different shapes.")
        value = torch.stack(rows)

    if isinstance(value, torch.Tensor):
        if value.is_complex() or value.layout is not torch.strided or value.is_meta or value.is_quantized:
            raise ValueError(f"{wanted}; got a tensor of {value.dtype}, {value.layout}, on {value.device}.")
        x = value.detach().to("cpu", torch.float64)
        # Autograd refuses tensors of inference mode.
        return x.clone() if x.is_inference() else x

    try:
        array = np.ma.asanyarray(value)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{wanted}; got {short(value)}.") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{wanted}; got {short(value)}.")

    # A copy in plain order; what is masked is no number.
    with np.errstate(over="ignore"):
        plain = array.astype(np.float64)
    return torch.from_numpy(plain.filled(np.nan))


def closest(word: object, allowed: Collection[str]) -> str:
    """A ' Did you mean …?' for a misspelt word, or nothing."""
    if not isinstance(word, str):
        return ""
    found = difflib.get_close_matches(word, allowed, n=1)
    return f" Did you mean {found[0]!r}?" if found else ""
