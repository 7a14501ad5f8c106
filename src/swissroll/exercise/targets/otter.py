"""The source notebook of an otter assignment: raw cells say where questions, solutions and tests begin and end.

``otter assign`` makes the student's version and the autograder from it. Tests are functions that raise an
exception whose message is all that the checker has to say.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from swissroll.exercise.notebooks import Cell, Region, make_notebook, with_regions
from swissroll.exercise.targets.checks import TASK_POINTS, raising_check

CONFIG = """\
# ASSIGNMENT CONFIG
name: vae-on-the-swiss-roll
init_cell: true
check_all_cell: false
export_cell: false
generate: true
strip_solutions_from_all_cells: true
tests:
  files: false
  ok_format: false
"""
CALL = re.compile(r"check\((\w+)\)")


def make_otter(cells: list[Cell]) -> dict[str, Any]:
    """The notebook that ``otter assign`` reads."""
    written = [_raw(CONFIG)]
    for cell in cells:
        written += _marked(cell)
    return make_notebook(written)


def _marked(cell: Cell) -> list[Cell]:
    if cell.role in ("task", "prediction"):
        return [with_regions(cell, _with_prompt)]
    if cell.role == "answer":
        question = f"name: {cell.name}\npoints: {cell.points}\nmanual: true"
        return [
            _raw(f"# BEGIN QUESTION\n{question}"),
            _raw("# BEGIN SOLUTION"),
            replace(cell, name=""),
            _raw("# END SOLUTION"),
            _raw("# END QUESTION"),
        ]
    if cell.role == "check":
        return [
            _raw(f"# BEGIN QUESTION\nname: {cell.name}\npoints: {TASK_POINTS[cell.name]}"),
            _raw("# BEGIN TESTS"),
            replace(cell, source=_test(cell), name=""),
            _raw("# END TESTS"),
            _raw("# END QUESTION"),
        ]
    return [cell]


def _raw(text: str) -> Cell:
    return Cell("raw", text.rstrip("\n"))


def _test(cell: Cell) -> str:
    """A check as a function for otter, which hands it what its arguments name in the student's notebook."""
    (argument,) = CALL.findall(cell.source)
    body = raising_check(cell).replace("\n\n", "\n").replace("\n", "\n    ")
    name = cell.name.replace("-", "_")
    return f"def test_{name}({argument}):\n    {body}"


def _with_prompt(region: Region) -> str:
    indent = region.indent
    prompt = f'{indent}""" # BEGIN PROMPT\n{region.indent}# TODO\n{region.stub}{indent}""" # END PROMPT\n'
    return f"{prompt}{indent}# BEGIN SOLUTION NO PROMPT\n{region.solution}{indent}# END SOLUTION\n"
