"""The error of a measured number, and how many of its digits that error leaves worth showing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

MAX_DECIMALS = 6
"""Most decimals of a number; one that needs more is written with an exponent."""
ROUNDING = 1e-8
"""An error below this is that of the computer's arithmetic, and counts as none."""


def standard_error(values: Tensor) -> float:
    """Standard error of the mean of independent values, shape (N,): their standard deviation over the root of N."""
    return values.std().item() / math.sqrt(len(values))


def quantile_se(values: Tensor, share: float) -> float:
    """Standard error of a quantile of independent values, shape (N,), whatever their distribution.

    How many values are below the true quantile is binomial, with standard deviation s = sqrt(N share (1 - share)). So
    half of the distance between the values s ranks above and s ranks below the quantile stands for one deviation.

    Source: David and Nagaraja (2003), "Order Statistics", section 7.1.
    """
    reach = math.sqrt(share * (1 - share) / len(values))
    ends = torch.tensor([max(0.0, share - reach), min(1.0, share + reach)], dtype=values.dtype)
    low, high = values.quantile(ends).tolist()
    return float(high - low) / 2


def with_error(value: float, error: float) -> str:
    """A number with its error, such as '0.0050 ± 0.0003'; a number without one has four decimals."""
    if error < ROUNDING or not math.isfinite(error) or not math.isfinite(value):
        return fixed(value, 4)
    return f"{rounded(value, error)} ± {rounded(error, error)}"


def rounded(value: float, error: float) -> str:
    """A number with the digits that an error leaves: to the error's first digit, or its second after a 1.

    One digit of 0.0014 would be 0.001, a third too small.
    """
    if not math.isfinite(error):
        return fixed(value, 0)
    if error < ROUNDING:
        return fixed(value, 4)

    decimals = decimals_of(error)
    if decimals > MAX_DECIMALS:
        return f"{value:.1e}"
    return fixed(value, max(0, decimals))


def decimals_of(error: float) -> int:
    """The decimal place of an error's first digit, or of its second after a 1; negative left of the point."""
    # Rounded first: 0.096 is 0.10, whose first digit is a 1.
    mantissa, _, exponent = f"{error:.1e}".partition("e")
    return int(mantissa.startswith("1")) - int(exponent)


def percent(share: float, decimals: int) -> str:
    """A share as '2.10 %', with so many decimals."""
    return f"{fixed(100 * share, decimals)} %"


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals; 'not finite' for what is none, and with an exponent where it is huge."""
    if not math.isfinite(value):
        return "not finite"
    if abs(value) >= 1e6:
        return f"{value:.2e}"
    # No minus before a number that is rounded to 0.
    return f"{value:z.{decimals}f}"
