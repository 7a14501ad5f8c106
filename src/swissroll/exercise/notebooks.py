"""The exercise as cells: read from its one source, and written as a notebook.

The source, ``notebooks/exercise.py``, is in jupytext's percent format. A cell's header may say what part it plays:

    # %% role="task" name="loss"                                code that the student completes
    # %% role="check" name="task-2"                             code that checks a task
    # %% role="prediction" name="predict-1"                     what the student expects of a measurement
    # %% [markdown] role="answer" name="question-1" points=2    the instructor's answer, in the student's place

Code that the student writes stands between three comments, with what stands there before:

    # BEGIN TODO
    # raise ToDo("Task 2: ...")
    # SOLUTION
    kl_loss = ...
    # END TODO

Only this one file is read here, so a reader of our own does: who hands out the exercise need not install jupytext.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

Kind = Literal["code", "markdown", "raw"]

HEADER = re.compile(r"^# %%(?P<markdown> \[markdown\])?(?P<facts>.*)\n", re.MULTILINE)
FACT = re.compile(r'(\w+)=("[^"]*"|\d+)')
REGION = re.compile(
    r"^(?P<indent> *)# BEGIN TODO\n(?P<stub>.*?)^ *# SOLUTION\n(?P<solution>.*?)^ *# END TODO(?:\n|\Z)",
    re.MULTILINE | re.DOTALL,
)
LANGUAGE = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""Metadata of a notebook: which kernel runs it."""


@dataclass(frozen=True)
class Cell:
    """A cell of the exercise.

    Attributes:
        kind: As in a notebook.
        source: Its text, without a line end after it.
        role: 'task', 'check', 'prediction' or 'answer'; empty for what is the same in every notebook.
        name: Its name, unique among cells with a role.
        points: What an answer is worth, where a person marks it.
        metadata: What a grading tool wants to find at the cell.
    """

    kind: Kind
    source: str
    role: str = ""
    name: str = ""
    points: int = 0
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class Region:
    """Code that the student writes.

    Attributes:
        indent: What its lines begin with.
        stub: What stands there before; ends in a line end.
        solution: The instructor's code; ends in a line end.
    """

    indent: str
    stub: str
    solution: str


def source_text() -> str:
    """The exercise's source."""
    packed = files("swissroll.exercise") / "source" / "exercise.py"
    if packed.is_file():
        return packed.read_text(encoding="utf-8")

    # Only a wheel carries it there; a checkout has it where its other notebooks are.
    return (Path(__file__).resolve().parents[3] / "notebooks" / "exercise.py").read_text(encoding="utf-8")


def read_cells(text: str) -> list[Cell]:
    """The cells of a source in percent format, in order."""
    headers = list(HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    cells = []
    for header, end in zip(headers, ends, strict=True):
        facts = {name: json.loads(value) for name, value in FACT.findall(header["facts"])}
        body = text[header.end() : end].strip("\n")
        if header["markdown"]:
            cells.append(Cell("markdown", re.sub(r"^# ?", "", body, flags=re.MULTILINE), **facts))
        else:
            cells.append(Cell("code", body, **facts))
    return cells


def with_regions(cell: Cell, write: Callable[[Region], str]) -> Cell:
    """A cell with the code that the student writes as a target wants it.

    Args:
        cell: A cell of the source.
        write: Makes of a region the lines that stand in its place, with a line end after each.
    """

    def write_found(found: re.Match[str]) -> str:
        indent = found["indent"]
        stub = re.sub(rf"^{indent}# ?", indent, found["stub"], flags=re.MULTILINE)
        return write(Region(indent, stub, found["solution"]))

    return replace(cell, source=REGION.sub(write_found, cell.source).rstrip("\n"))


def make_notebook(cells: Sequence[Cell]) -> dict[str, Any]:
    """Cells, in order, as a notebook of format 4.5, without outputs."""
    return {
        "cells": [_written(cell, number) for number, cell in enumerate(cells, start=1)],
        "metadata": dict(LANGUAGE),
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _written(cell: Cell, number: int) -> dict[str, Any]:
    written: dict[str, Any] = {
        "cell_type": cell.kind,
        # The same in each notebook that is made, so that two of them can be compared.
        "id": cell.name or f"cell-{number}",
        "metadata": cell.metadata or {},
        "source": cell.source.splitlines(keepends=True),
    }
    if cell.kind == "code":
        written |= {"execution_count": None, "outputs": []}
    return written


def notebook_bytes(written: dict[str, Any]) -> bytes:
    """A notebook as its file holds it."""
    return (json.dumps(written, indent=1, ensure_ascii=False) + "\n").encode()
