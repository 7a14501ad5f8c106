"""A run's history.csv: one row per step, whose numbers are written with all their digits.

    step,loss,mse,kl,rate,distortion,held_out_loss,...,seconds

A kill may leave half a row at the end, which counts as none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from swissroll.runs.files import explain_damage, naming, replace_file
from swissroll.training.loop import Record, Terms

TERMS = ("loss", "mse", "kl", "rate", "distortion")
COLUMNS = ("step", *TERMS, *(f"held_out_{name}" for name in TERMS), "seconds")
HEADER = ",".join(COLUMNS) + "\n"
TAIL_BYTES = 4096
"""More than the longest row."""


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
        with naming(self.path):
            self.file.close()

    def add(self, record: Record) -> None:
        """Write a step's row."""
        with naming(self.path):
            self.file.write(history_row(record))

    def flush(self) -> None:
        """Let all rows outlast this process; a loss of power may still take them."""
        with naming(self.path):
            self.file.flush()

    def sync(self) -> None:
        """Bring all rows to the disk."""
        self.flush()
        with naming(self.path):
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
        # Editors may have put a mark at its start.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise explain_damage(path, str(error)) from None
    return whole_lines(text)


def read_last_step(path: Path) -> int:
    """The step of a history's last row; 0 where it has none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            tail = file.read()
    except OSError:
        return 0

    lines = whole_lines(tail.decode("utf-8", "replace"))
    if not lines:
        return 0

    # The header's first word is no number.
    word = lines[-1].split(",")[0]
    return int(word) if word.isdecimal() else 0


def whole_lines(text: str) -> list[str]:
    """The lines of a history, without empty ones, and without a last one that a kill has cut.

    A last row that has all its columns counts although its line break is gone.
    """
    lines = text.splitlines()
    if lines and not text.endswith("\n"):
        *before, last = lines[-1].split(",")
        if len(before) + 1 != len(COLUMNS) or not last:
            lines.pop()
    return [line for line in lines if line.strip()]


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
    if lines and ";" in lines[0]:
        raise explain_damage(path, "its columns are separated by ';', as some spreadsheets write them, and not by ','")

    rows = np.empty(max(0, len(lines) - 1), dtype=types)
    for index, line in enumerate(lines[1:]):
        try:
            rows[index] = _parse_row(line)
        except (ValueError, OverflowError):
            why = f"line {index + 2}, {line!r:.40}, does not have this version's columns of numbers"
            raise explain_damage(path, why) from None
    return rows.view(np.recarray)


def _parse_row(line: str) -> tuple[float, ...]:
    return tuple(float(value or "nan") for value in line.split(","))
