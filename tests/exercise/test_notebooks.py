"""The exercise's source is read as jupytext reads it, and what is committed was made of it."""

from __future__ import annotations

import ast
import re
from typing import Any

import jupytext
import nbformat
import pytest

from swissroll.exercise.notebooks import (
    Cell,
    Region,
    make_notebook,
    notebook_bytes,
    read_cells,
    source_text,
    with_regions,
)
from swissroll.exercise.targets.nbgrader import make_nbgrader
from swissroll.exercise.targets.otter import make_otter
from swissroll.exercise.targets.people import NO_ANSWER, make_plain, make_solution

CELLS = read_cells(source_text())
TARGETS = {"plain": make_plain, "solution": make_solution, "nbgrader": make_nbgrader, "otter": make_otter}
EXAMPLE = """# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown] role="answer" name="why" points=2
# Because.
#
# And $x$.

# %% role="task" name="f"
def f(x):
    # BEGIN TODO
    # raise ToDo("f")
    #     deeper
    # SOLUTION
    return x
    # END TODO


# %%
1
"""


def text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def solution_lines() -> set[str]:
    """What the student is to find: lines of solutions that stand nowhere else."""
    regions: list[Region] = []

    def keep(region: Region) -> str:
        regions.append(region)
        return ""

    for cell in CELLS:
        with_regions(cell, keep)
    solved = {line.strip() for region in regions for line in region.solution.splitlines()}
    stubs = {line.strip() for region in regions for line in region.stub.splitlines()}
    return {line for line in solved - stubs if len(line) > 3}


def test_the_source_has_all_parts() -> None:
    names = {
        role: [cell.name for cell in CELLS if cell.role == role] for role in ("task", "check", "prediction", "answer")
    }
    assert names == {
        "task": ["model", "loss"],
        "check": ["task-1", "task-2"],
        "prediction": [f"predict-{number}" for number in (1, 2, 3, 4)],
        "answer": ["question-1", *(f"explain-{number}" for number in (1, 2, 3, 4)), "question-2"],
    }
    assert all(cell.points > 0 for cell in CELLS if cell.role == "answer")


@pytest.mark.parametrize("source", [source_text(), EXAMPLE], ids=["the exercise", "an example"])
def test_cells_are_those_that_jupytext_reads(source: str) -> None:
    read = jupytext.reads(source, fmt="py:percent").cells
    ours = read_cells(source)
    assert [(cell.kind, cell.source) for cell in ours] == [(cell.cell_type, cell.source) for cell in read]
    for cell, expected in zip(ours, read, strict=True):
        facts = {"role": cell.role, "name": cell.name, "points": cell.points}
        # How many lines separate it from the next is jupytext's own affair.
        told = {name: value for name, value in expected.metadata.items() if name in facts}
        assert {name: value for name, value in facts.items() if value} == told


def test_a_region_becomes_what_is_asked_for() -> None:
    _, task, _ = read_cells(EXAMPLE)
    assert with_regions(task, lambda region: region.solution).source == "def f(x):\n    return x"
    stub = with_regions(task, lambda region: region.stub).source
    assert stub == 'def f(x):\n    raise ToDo("f")\n        deeper'


def test_a_notebook_keeps_lines_as_they_are() -> None:
    made = make_notebook([Cell("code", "a = 1\n\nb = 'µ'"), Cell("raw", "")])
    again = nbformat.reads(notebook_bytes(made).decode(), as_version=4)  # type: ignore[no-untyped-call]
    assert [cell.source for cell in again.cells] == ["a = 1\n\nb = 'µ'", ""]


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_a_valid_notebook(target: str) -> None:
    made = TARGETS[target](CELLS)
    nbformat.validate(nbformat.from_dict(made))  # type: ignore[no-untyped-call]
    ids = [cell["id"] for cell in made["cells"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("target", ["plain", "solution"])
def test_what_people_get_is_python_without_our_marks(target: str) -> None:
    for cell in TARGETS[target](CELLS)["cells"]:
        assert not re.search(r"BEGIN TODO|END TODO|# SOLUTION|role=", text(cell))
        if cell["cell_type"] == "code":
            ast.parse(text(cell))


def test_students_get_no_solution() -> None:
    lines = solution_lines()
    assert len(lines) > 10
    given = "\n".join(text(cell) for cell in make_plain(CELLS)["cells"])
    assert [line for line in lines if line in given] == []
    answers = [cell.source for cell in CELLS if cell.role == "answer"]
    assert not any(answer in given for answer in answers)
    assert given.count(NO_ANSWER) == len(answers)


def test_the_exercise_needs_what_the_teaching_notebook_needs() -> None:
    code = "\n".join(text(cell) for cell in make_plain(CELLS)["cells"] if cell["cell_type"] == "code")
    tree = ast.parse(code)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} == {"os", "torch", "numpy", "matplotlib", "tqdm", "swissroll"}
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert {
        "generate_swiss_roll",
        "VAE",
        "compute_vae_loss",
        "train_vae",
        "train_vae_with_visualization",
        "visualize_reconstructions",
        "visualize_latent_space",
    } <= defined
