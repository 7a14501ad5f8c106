"""Ticks of an axis, between round numbers and written in plain decimals."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator, ScalarFormatter

MAX_TICKS_BY_DECADE = 5
"""Most powers of ten that get a tick of their own on a logarithmic axis."""
MIN_TICK_DIGITS = 6
"""Digits up to which a large number at a tick is written without an exponent."""
MAX_TICK_ZEROS = 3
"""Most digits behind those that matter for which a longer number is written without an exponent."""


class WholeNumbers(ScalarFormatter):
    """Each number of an axis by itself: a factor of all, such as 1e4, would lie over the axis's label."""

    def get_offset(self) -> str:
        """Nothing beside the axis."""
        return ""

    def format_ticks(self, values: list[float]) -> list[str]:
        """The texts of numbers: matplotlib's own, unless those leave a factor or a summand to the axis."""
        texts: list[str] = super().format_ticks(values)
        if not super().get_offset():
            return texts

        places = np.sort(np.asarray(values, dtype=float))
        step = float(np.diff(places).min()) if len(places) > 1 else float(np.abs(places).max())
        return [_number(value, step) for value in values]


def _number(value: float, step: float) -> str:
    """A number with as many digits as tell it from its neighbours, a step away."""
    if abs(value) < step / 2:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    digits = exponent - math.floor(math.log10(step)) + 1
    if exponent < digits + MAX_TICK_ZEROS:
        # Without an exponent.
        digits = max(digits, exponent + 1)
    return f"{value:.{max(digits, MIN_TICK_DIGITS)}g}".replace("-", "\N{MINUS SIGN}")


def few_ticks(ax: Axes, most: int = 5) -> None:
    """At most so many intervals per axis, between round numbers: labels take most of a picture's time."""
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(most, steps=(1, 2, 5, 10)))
        axis.set_major_formatter(WholeNumbers())


def log_scale(ax: Axes) -> None:
    """Put the y-axis of drawn series on a logarithmic scale with ticks in plain decimals: 0.02, not 2 x 10^-2.

    A range too narrow for two such ticks stays linear.
    """
    ax.set_yscale("log")
    ticks = _logarithmic_ticks(*ax.get_ylim())
    if len(ticks) < 2:
        ax.set_yscale("linear")
        few_ticks(ax)
        return

    ax.yaxis.set_major_locator(FixedLocator(ticks))
    labels = [f"{tick:g}" for tick in ticks]
    ax.yaxis.set_major_formatter(FixedFormatter(labels))
    ax.yaxis.set_minor_locator(NullLocator())


def _logarithmic_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two positive ones, evenly spread by their logarithm: at most ten."""
    first = math.floor(math.log10(low))
    last = math.ceil(math.log10(high))
    decades = last - first

    # Over few decades there is room for 1, 2 and 5 in each; over many, some powers of ten are left out.
    multiples = (1, 2, 5) if decades <= 3 else (1,)
    every = max(1, decades // MAX_TICKS_BY_DECADE)
    lowest = first - first % every

    ticks: list[float] = []
    for power in range(lowest, last + 1, every):
        # Read from decimals, a tick is the nearest number to what its label says.
        ticks += [float(f"{multiple}e{power}") for multiple in multiples]

    return [tick for tick in ticks if low <= tick <= high]
