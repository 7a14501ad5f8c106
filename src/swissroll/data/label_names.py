"""What labels are called: the values of a column, numbers or text, as names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swissroll import checks
from swissroll.config import MAX_LABELS
from swissroll.data.column_names import clean_name, shorten

MAX_LABEL_NAME = 200
"""Longest name of a label, in characters: a run writes the names of all of them down in one line."""


def name_labels(labels: NDArray[Any] | None, where: str) -> tuple[str, ...]:
    """Names of the different labels among some, shape (N,), in order.

    Args:
        labels: Numbers or text; None without labels.
        where: How an error calls them.

    Raises:
        ValueError: There are none, or one different value, or too many, or one that is too long for a name.
    """
    if labels is None:
        raise ValueError(f"{where}: a conditional model needs a label of each row, and there is none.")
    distinct = np.unique(labels)
    if not 2 <= len(distinct) <= MAX_LABELS:
        raise ValueError(
            f"{where} has {checks.amount(len(distinct), 'different value')}; a conditional model takes 2 "
            f"to {MAX_LABELS}. Name a column of categories, or leave out conditional."
        )
    is_numeric = distinct.dtype.kind in "fiu"
    if is_numeric and len(np.unique(distinct.astype(np.float32))) < len(distinct):
        raise ValueError(f"{where} has numbers that differ by less than single precision holds. Number them anew.")
    names = tuple(name_each(distinct))
    longest = max(names, key=len)
    if len(longest) > MAX_LABEL_NAME:
        raise ValueError(
            f"{where} has a value of {len(longest):,} characters; a conditional model takes names of at most "
            f"{MAX_LABEL_NAME}. Shorten it. It begins with {shorten(longest)!r}."
        )
    return names


def clean_labels(labels: NDArray[np.str_], where: str) -> NDArray[np.str_]:
    """Labels as they can be shown, shape (N,): blanks stand for what cannot be printed.

    Raises:
        ValueError: Two that differ would look the same.
    """
    distinct, places = np.unique(labels, return_inverse=True)
    shown = [clean_name(label) for label in distinct.tolist()]
    if len(set(shown)) < len(shown):
        twice = next(label for label in shown if shown.count(label) > 1)
        raise ValueError(f"{where}: two values both look like {shorten(twice)!r}. Rename one, or correct it.")
    return np.array(shown, dtype=np.str_)[places]


def name_each(labels: NDArray[Any]) -> list[str]:
    """The name of each label among some, shape (N,); nine digits of a number, as single precision holds."""
    if labels.dtype.kind in "fiu":
        return [f"{value:.9g}" for value in labels.tolist()]
    return list(map(str, labels))
