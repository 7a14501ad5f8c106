"""Notebooks that no tool reads: the student's, with what is to do, and the instructor's, with the solution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from swissroll.exercise.notebooks import Cell, Region, make_notebook, with_regions

NO_ANSWER = "*Write your answer here.*"


def make_plain(cells: list[Cell]) -> dict[str, Any]:
    """The student's notebook."""
    return make_notebook([to_do(cell) for cell in cells])


def make_solution(cells: list[Cell]) -> dict[str, Any]:
    """The instructor's notebook, which runs from top to bottom."""
    return make_notebook([solved(cell) for cell in cells])


def to_do(cell: Cell) -> Cell:
    """A cell as the student gets it."""
    if cell.role == "answer":
        return replace(cell, source=NO_ANSWER)
    return with_regions(cell, _stub)


def solved(cell: Cell) -> Cell:
    """A cell with the solution, without the comments around it."""
    return with_regions(cell, lambda region: region.solution)


def _stub(region: Region) -> str:
    return f"{region.indent}# TODO\n{region.stub}"
