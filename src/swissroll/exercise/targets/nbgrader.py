"""The source notebook of an nbgrader assignment, with the cell metadata of its schema 3.

nbgrader makes the student's version itself: it empties what stands between BEGIN SOLUTION and END SOLUTION, and whole
answers. A check that fails raises an exception whose message is all that the checker has to say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from swissroll.exercise.notebooks import Cell, Region, make_notebook, with_regions
from swissroll.exercise.targets.checks import TASK_POINTS, raising_check
from swissroll.exercise.targets.people import to_do

SCHEMA = 3


def make_nbgrader(cells: list[Cell]) -> dict[str, Any]:
    """The notebook that ``nbgrader generate_assignment`` reads."""
    return make_notebook([_marked(cell) for cell in cells])


def _marked(cell: Cell) -> Cell:
    if cell.role == "task":
        return _with_metadata(with_regions(cell, _between_comments), solution=True)
    if cell.role == "answer":
        return _with_metadata(cell, solution=True, grade=True, points=cell.points)
    if cell.role == "check":
        # A locked cell is put back before it is graded, whatever a student did to it.
        checking = replace(cell, source=raising_check(cell))
        return _with_metadata(checking, grade=True, locked=True, points=TASK_POINTS[cell.name])
    # nbgrader would put an exception into predictions. Ours ask for one in a sentence.
    return to_do(cell)


def _between_comments(region: Region) -> str:
    indent = region.indent
    return f"{indent}### BEGIN SOLUTION\n{region.solution}{indent}### END SOLUTION\n"


def _with_metadata(
    cell: Cell,
    *,
    solution: bool = False,
    grade: bool = False,
    locked: bool = False,
    points: float | None = None,
) -> Cell:
    marks: dict[str, Any] = {
        "schema_version": SCHEMA,
        "grade_id": cell.name,
        "cell_type": cell.kind,
        "solution": solution,
        "grade": grade,
        "locked": locked,
        "task": False,
    }
    if points is not None:
        marks["points"] = points
    return replace(cell, metadata={"nbgrader": marks})
