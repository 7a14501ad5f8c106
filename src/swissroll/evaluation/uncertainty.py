"""The error of a measured number, and how many of its digits that error leaves worth showing."""

from __future__ import annotations

import math

from torch import Tensor

MAX_DECIMALS = 6
"""Most decimals of a number that has no error."""


def standard_error(values: Tensor) -> float:
    """Standard error of the mean of independent values, shape (N,): their standard deviation over the root of N."""
    return values.std().item() / math.sqrt(len(values))


def with_error(value: float, error: float) -> str:
    """A number with its error, such as '0.0050 ± 0.0003': both with the decimals that :func:`decimals` gives."""
    if not math.isfinite(value):
        return "not finite"
    digits = decimals(error)
    return f"{fixed(value, digits)} ± {fixed(error, digits)}"


def decimals(error: float) -> int:
    """Decimals that a number with this error is worth: to the error's first digit, or its second after a 1.

    One digit of 0.0014 would be 0.001, a third too small.
    """
    if not math.isfinite(error):
        return 0
    if error <= 0:
        return MAX_DECIMALS

    # Rounded first: 0.096 is 0.10, whose first digit is a 1.
    mantissa, _, exponent = f"{error:.1e}".partition("e")
    digits = 1 if mantissa.startswith("1") else 0
    return max(0, digits - int(exponent))


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals; 'not finite', or with an exponent where it is huge."""
    if not math.isfinite(value):
        return "not finite"
    if abs(value) >= 1e6:
        return f"{value:.2e}"
    return f"{value:.{digits}f}"
