"""Numbers, settings and lists as text, for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swissroll.evaluation.uncertainty import with_error
from swissroll.sweep.analysis.paired_test import Interval
from swissroll.sweep.analysis.results import METRICS

NO_NUMBER = "-"
MAX_LISTED = 6
"""Most names in one sentence."""


def format_number(value: float) -> str:
    """Three significant digits; '-' for what is not a finite number."""
    if not math.isfinite(value):
        return NO_NUMBER

    size = abs(value)
    if size != 0 and not 1e-4 <= size < 1e5:
        return f"{value:.2e}"
    # From 999.5 on, three digits would be written as 1.00e+03.
    if size >= 999.5:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def format_spread(values: NDArray[np.floating[Any]]) -> str:
    """The mean of finite values, shape (N,), with their standard deviation; '-' where there is none."""
    if not len(values):
        return NO_NUMBER
    mean = float(values.mean())
    if len(values) < 2:
        return format_number(mean)
    return with_error(mean, float(values.std(ddof=1)))


def mark_bound(text: str, *, is_bound: bool) -> str:
    """A number's text, with a sign before it where the number is only an upper bound."""
    return f"≤ {text}" if is_bound and text != NO_NUMBER else text


def format_value(value: Any) -> str:
    """A setting's value as people type it."""
    if isinstance(value, tuple):
        return ", ".join(map(format_value, value))
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def format_setting(levels: dict[str, Any], separator: str = ", ") -> str:
    """Axes and their levels, such as 'beta 0.01, lr 0.001'."""
    return separator.join(f"{axis} {format_value(level)}" for axis, level in levels.items())


def metric_label(metric: str) -> str:
    """A metric's name for readers."""
    return METRICS[metric].label


def join_names(names: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'; only the first of many are named and the rest are counted."""
    listed = list(names[:MAX_LISTED])
    if len(names) > MAX_LISTED:
        listed.append(f"{len(names) - MAX_LISTED} more")
    if len(listed) < 2:
        return "".join(listed)

    start = ", ".join(listed[:-1])
    return f"{start} and {listed[-1]}"


def format_difference(interval: Interval) -> str:
    """A mean difference with its interval, such as '+0.050 [-0.031, +0.131]'.

    It has two digits of the half width, and more where an end is so near to 0 that it would look like 0.
    """
    half_width = (interval.high - interval.low) / 2
    if not math.isfinite(half_width):
        return NO_NUMBER

    finest = half_width
    if not interval.contains_zero:
        finest = min(half_width, 10 * abs(interval.low), 10 * abs(interval.high))

    mean = _format_signed(interval.mean, finest)
    low = _format_signed(interval.low, finest)
    high = _format_signed(interval.high, finest)
    return f"{mean} [{low}, {high}]"


def _format_signed(value: float, finest: float) -> str:
    """A value with its sign, to two digits of ``finest``."""
    if not 1e-5 <= finest < 1e5:
        return f"{value:+.2g}"

    # finest is a number of order 10^k, so its second digit is the decimal 1 - k.
    decimals = max(0, 1 - math.floor(math.log10(finest)))
    return f"{value:+,.{decimals}f}"
