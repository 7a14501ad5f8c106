"""otter takes its source notebook, and gives points and hints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swissroll.exercise.notebooks import notebook_bytes
from swissroll.exercise.targets.checks import TASK_POINTS
from swissroll.exercise.targets.otter import make_otter
from tests.exercise.targets.tools import CELLS, RIGHT, WRONG, run, tool, write_submission


def raw_marks() -> list[str]:
    cells = make_otter(CELLS)["cells"]
    return [cell["source"][0].strip() for cell in cells if cell["cell_type"] == "raw"]


def test_each_question_is_opened_and_closed() -> None:
    marks = raw_marks()
    assert marks[0] == "# ASSIGNMENT CONFIG"
    opened: list[str] = []
    for mark in marks[1:]:
        _, verb, thing = mark.split()
        if verb == "BEGIN":
            opened.append(thing)
        else:
            assert opened.pop() == thing
    assert opened == []
    assert marks.count("# BEGIN QUESTION") == sum(cell.role in ("check", "answer") for cell in CELLS)


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An assignment that otter made from our notebook."""
    otter = tool("otter", "otter-grader")
    folder = tmp_path_factory.mktemp("assignment")
    (folder / "exercise.ipynb").write_bytes(notebook_bytes(make_otter(CELLS)))
    run([otter, "assign", "exercise.ipynb", "dist", "--no-run-tests"], folder)
    return folder


def graded(assignment: Path, model: str) -> dict[str, Any]:
    """otter's results for a submission, run as in its container."""
    handed_in = assignment / "handed-in"
    handed_in.mkdir(exist_ok=True)
    released = json.loads((assignment / "dist" / "student" / "exercise.ipynb").read_text(encoding="utf-8"))
    written = write_submission(released, model, RIGHT["loss"])
    (handed_in / "exercise.ipynb").write_text(json.dumps(written), encoding="utf-8")
    (archive,) = (assignment / "dist" / "autograder").glob("*.zip")
    otter = tool("otter", "otter-grader")
    command: list[str | Path] = [otter, "run", "-a", archive, handed_in / "exercise.ipynb", "-o", handed_in]
    run(command, assignment)
    found: dict[str, Any] = json.loads((handed_in / "results.json").read_text(encoding="utf-8"))
    return found


def test_what_otter_hands_out_has_no_solution(assignment: Path) -> None:
    released = (assignment / "dist" / "student" / "exercise.ipynb").read_text(encoding="utf-8")
    assert 'raise ToDo(\\"Task 1' in released
    assert "torch.randn_like(std)" not in released
    assert "torch.mean(mu**2" not in released
    assert "Gradient descent needs to know" not in released


@pytest.mark.parametrize(
    ("model", "first"), [(RIGHT["model"], TASK_POINTS["task-1"]), (WRONG, 0)], ids=["right", "wrong"]
)
def test_otter_gives_points_and_the_checkers_hint(model: str, first: int, assignment: Path) -> None:
    tests = {test["name"]: test for test in graded(assignment, model)["tests"] if "task" in test["name"]}
    assert {name: test["score"] for name, test in tests.items()} == {"task-1": first, "task-2": TASK_POINTS["task-2"]}
    assert ("noise" in tests["task-1"]["output"]) == (first == 0)
