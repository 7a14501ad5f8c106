"""What stands between the fields of a line, found in the first lines of a text."""

from __future__ import annotations

import csv
from collections.abc import Iterable

LOOKED_AT = 50
"""Lines in which the delimiter is found."""
LOOKED_AT_CHARACTERS = 2**20
"""Characters among which those lines are looked for."""
MAX_FIELD = 2**31 - 1
"""Characters of a field: the most that Python's reader of CSV can be told on every system."""
DELIMITERS = (";", "\t", "|", ",")
"""Those that are looked for, the surest first: a comma may also be a decimal one."""
WHITE_SPACE = r"\s+"


def find_delimiter(text: str) -> str:
    """The delimiter of a table: the one that cuts its first lines into as many fields each, or a comma.

    White space, of any length, is one where nothing else is.
    """
    lines = [line for line in first_lines(text) if line.strip()]
    for delimiter in DELIMITERS:
        counts = set(count_fields(lines, delimiter))
        if len(counts) == 1 and counts != {1}:
            return delimiter

    # One short or long line hides no delimiter that all lines have.
    for delimiter in DELIMITERS:
        if all(delimiter in line for line in lines):
            return delimiter
    words = {len(line.split()) for line in lines}
    if len(words) == 1 and words != {1}:
        return WHITE_SPACE
    return ","


def first_lines(text: str) -> list[str]:
    """The lines in which the delimiter is found; the rest of a long text is not cut into lines."""
    lines = text[:LOOKED_AT_CHARACTERS].splitlines()
    is_cut = len(text) > LOOKED_AT_CHARACTERS and 1 < len(lines) <= LOOKED_AT
    return lines[: min(LOOKED_AT, len(lines) - is_cut)]


def count_fields(lines: Iterable[str], delimiter: str) -> list[int]:
    """Fields in each line of a table, however long one is: a cell may hold a country's border."""
    if delimiter == WHITE_SPACE:
        return [len(line.split()) for line in lines]
    usual = csv.field_size_limit(MAX_FIELD)
    try:
        return [len(fields) for fields in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)]
    finally:
        csv.field_size_limit(usual)
