"""The files of a run: written whole or in rows that are synced, read with errors that say what to do.

Nothing here is pickled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from swissroll.engines import State
from swissroll.training import Record, Terms

TERMS = ("loss", "mse", "kl", "rate", "distortion")
COLUMNS = ("step", *TERMS, *(f"held_out_{name}" for name in TERMS), "seconds")
HEADER = ",".join(COLUMNS) + "\n"


class RunError(ValueError):
    """A folder that is not a run, or is damaged; the message says what to do."""


class FolderTakenError(RunError):
    """A new run's folder holds something already."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} already exists. Choose another --out, or continue that run with --resume {folder}.")


class History:
    """The growing history.csv: rows are on disk for good at each :meth:`sync`."""

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
    """A step's line of history.csv."""
    blank = ("",) * len(TERMS)
    held_out = blank if record.held_out is None else _values(record.held_out)
    row = (str(record.step), *_values(record.train), *held_out, f"{record.seconds:.3g}")
    return ",".join(row) + "\n"


def _values(terms: Terms) -> tuple[str, ...]:
    return tuple(repr(getattr(terms, name)) for name in TERMS)


def read_lines(path: Path) -> list[str]:
    """The whole lines of a history; a killed run may leave half a line."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeError) as error:
        raise damaged(path, str(error)) from None
    return text[: text.rfind("\n") + 1].splitlines()


def parse_history(path: Path, lines: list[str]) -> np.recarray[Any, Any]:
    """A history's lines, header first, as an array with its columns; nan where a column is empty."""
    types = [(name, np.int64 if name == "step" else np.float64) for name in COLUMNS]
    try:
        rows = [tuple(float(v or "nan") for v in line.split(",")) for line in lines[1:]]
        return np.array(rows, dtype=types).view(np.recarray)
    except ValueError:
        raise damaged(path, "a row does not have this version's columns of numbers") from None


def save_tensors(path: Path, tensors: State, metadata: dict[str, str] | None = None, *, durable: bool = True) -> None:
    """Write tensors in place of a file, whole."""
    replace_file(path, save(tensors, metadata), durable=durable)


def read_tensors(path: Path) -> tuple[State, dict[str, Any]]:
    """A file's tensors, and of which run and step they are."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            found = json.loads((file.metadata() or {}).get("run", "{}"))
            return tensors, {"step": int(found.get("step", 0)), "config": str(found.get("config", ""))}
    except (SafetensorError, OSError, ValueError, AttributeError, TypeError) as error:
        raise damaged(path, str(error)) from None


def damaged(path: Path, why: str) -> RunError:
    """The error of a file that cannot be read, and what to do."""
    folder = path.parent.parent if path.parent.name == "snapshots" else path.parent
    return RunError(f"{path}: damaged ({why}). Remove that file, then 'swissroll train --resume {folder}'.")


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put a file in place whole: readers, and a run after a kill, see the old bytes or the new ones."""
    aside = path.with_name(f".{path.name}.tmp")
    with aside.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    aside.replace(path)
    if durable and hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep a second process out of the folder; a kill frees it."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock.
        yield
        return
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError(f"{folder} is being trained by another process. Wait for it to end.") from None
        yield
