"""Names of columns as a person types them: in one line, with commas between them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO

from swissroll import checks

MAX_SHOWN = 28
"""Longest name of a column in a picture or a table of text; the rest of a longer one is left out."""


def clean_name(name: object) -> str:
    """A name as it can be shown and typed: where it holds what cannot be printed, blanks stand for that."""
    text = str(name)
    return text if text.isprintable() else checks.printable(text).strip()


def shorten(name: str) -> str:
    """A name in one line, cut where it is long, to be shown where it stands beside other things."""
    line = " ".join(checks.printable(name).split())
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…"


def split_names(text: str) -> list[str]:
    """Names between commas; one that holds a comma or a line break stands in quotation marks.

    Raises:
        ValueError: A line break stands outside them.
    """
    try:
        names = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:
        raise ValueError(
            f"columns are names with commas between them; got {checks.short(text)}. A name that holds a line break "
            "needs quotation marks."
        ) from None
    return [name.strip() for name in names]


def join_names(names: Sequence[str]) -> str:
    """Names with commas between them, as :func:`split_names` reads them."""
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()
