"""A run's history.csv: one row per step, whose numbers are written with all their digits.

    step,loss,mse,kl,rate,distortion,held_out_loss,...,seconds

A kill may leave half a row at the end, which counts as none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from swissroll.runs.files import explain_damage, replace_file
from swissroll.training.loop import Record, Terms

TERMS = ("loss", "mse", "kl", "rate", "distortion")
COLUMNS = ("step", *TERMS, *(f"held_out_{name}" for name in TERMS), "seconds")
HEADER = ",".join(COLUMNS) + "\n"


class History:
    """The growing history of a run that trains: rows are on disk for good after each :meth:`sync`.

    Args:
        path: The file.
        lines: What it begins with, each with its line break.
    """

    def __init__(self, path: Path, lines: list[str]) -> None:
        replace_file(path, "".join(lines).encode())
        self.path = path

    def __enter__(self) -> History:
        self.file = self.path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def add(self, record: Record) -> None:
        """Write a step's row."""
        self.file.write(history_row(record))

    def sync(self) -> None:
        """Bring all rows to the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())


def history_row(record: Record) -> str:
    """A step's line of history.csv, with its line break."""
    held_out = [""] * len(TERMS)
    if record.held_out is not None:
        held_out = _format_terms(record.held_out)

    row = [str(record.step), *_format_terms(record.train), *held_out, f"{record.seconds:.3g}"]
    return ",".join(row) + "\n"


def _format_terms(terms: Terms) -> list[str]:
    return [repr(getattr(terms, name)) for name in TERMS]


def read_lines(path: Path) -> list[str]:
    """The whole lines of a history, without their line breaks; none where there is no file."""
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise explain_damage(path, str(error)) from None

    whole = text[: text.rfind("\n") + 1]
    return whole.splitlines()


def parse_lines(path: Path, lines: list[str]) -> np.recarray[Any, Any]:
    """A history's lines as an array with its columns; nan where a column is empty.

    Args:
        path: The file that they were read from, for the error.
        lines: Its lines, header first.

    Raises:
        RunError: A line does not have the columns, or one of them is no number.
    """
    types: list[tuple[str, type]] = [("step", np.int64)]
    types += [(name, np.float64) for name in COLUMNS[1:]]
    try:
        rows = [_parse_row(line) for line in lines[1:]]
        return np.array(rows, dtype=types).view(np.recarray)
    except (ValueError, OverflowError):
        raise explain_damage(path, "a row does not have this version's columns of numbers") from None


def _parse_row(line: str) -> tuple[float, ...]:
    return tuple(float(value or "nan") for value in line.split(","))
