"""Names of columns as a person types them: in one line, with commas between them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO


def split_names(text: str) -> list[str]:
    """Names between commas; one that holds a comma stands in quotation marks."""
    names = next(csv.reader([text], skipinitialspace=True), [])
    return [name.strip() for name in names]


def join_names(names: Sequence[str]) -> str:
    """Names with commas between them, as :func:`split_names` reads them."""
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()
