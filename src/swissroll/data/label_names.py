"""What labels are called: the values of a column, numbers or text, as names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swissroll.config import MAX_LABELS


def name_labels(labels: NDArray[Any] | None, where: str) -> tuple[str, ...]:
    """Names of the different labels among some, shape (N,), in order.

    Args:
        labels: Numbers or text; None without labels.
        where: How an error calls them.

    Raises:
        ValueError: There are none, or one different value, or too many.
    """
    if labels is None:
        raise ValueError(f"{where}: a conditional model needs a label of each row, and there is none.")
    distinct = np.unique(labels)
    if not 2 <= len(distinct) <= MAX_LABELS:
        raise ValueError(
            f"{where} has {len(distinct):,} different value{'s' * (len(distinct) != 1)}; a conditional model takes 2 "
            f"to {MAX_LABELS}. Name a column of categories, or leave out conditional."
        )
    is_numeric = distinct.dtype.kind in "fiu"
    if is_numeric and len(np.unique(distinct.astype(np.float32))) < len(distinct):
        raise ValueError(f"{where} has numbers that differ by less than single precision holds. Number them anew.")
    return tuple(name_each(distinct))


def name_each(labels: NDArray[Any]) -> list[str]:
    """The name of each label among some, shape (N,); nine digits of a number, as single precision holds."""
    if labels.dtype.kind in "fiu":
        return [f"{value:.9g}" for value in labels.tolist()]
    return list(map(str, labels))
