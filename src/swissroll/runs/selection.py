"""A few of many values, where all would be too many to show or to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Value = TypeVar("Value")


def spread(values: Sequence[Value], most: int) -> list[Value]:
    """At most so many of the values, evenly spread, with the first and the last."""
    number = min(most, len(values))
    last = len(values) - 1
    chosen = np.linspace(0, last, number).round().astype(int)
    return [values[index] for index in chosen]
