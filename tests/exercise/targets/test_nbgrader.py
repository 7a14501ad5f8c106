"""nbgrader takes its source notebook, and gives points and hints."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from swissroll.exercise.notebooks import notebook_bytes
from swissroll.exercise.targets.checks import TASK_POINTS
from swissroll.exercise.targets.nbgrader import make_nbgrader
from tests.exercise.targets.tools import CELLS, HANDED_OUT, RIGHT, WRONG, run, tool, write_submission

CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "course"
c.ExecutePreprocessor.timeout = 600
"""
# By default nbgrader allows a cell 30 s, which is less than some trainings take.


def test_each_cell_that_is_graded_is_marked_for_schema_3() -> None:
    marked = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell["metadata"]["nbgrader"]
        for cell in make_nbgrader(CELLS)["cells"]
        if cell["metadata"]
    }
    assert all(marks["schema_version"] == 3 for marks in marked.values())
    graded = {name for name, marks in marked.items() if marks["grade"]}
    assert graded == {cell.name for cell in CELLS if cell.role in ("check", "answer")}
    assert all(("points" in marks) == marks["grade"] for marks in marked.values())
    assert {name for name, marks in marked.items() if marks["locked"]} == set(TASK_POINTS)


def test_solutions_stand_only_in_cells_that_are_marked_as_such() -> None:
    for cell in make_nbgrader(CELLS)["cells"]:
        if "BEGIN SOLUTION" in "".join(cell["source"]):
            assert cell["metadata"]["nbgrader"]["solution"]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose assignment was made, handed in by two students, and graded."""
    nbgrader = tool("nbgrader", "nbgrader")
    folder = tmp_path_factory.mktemp("course")
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    source = folder / "source" / "exercise" / "exercise.ipynb"
    source.parent.mkdir(parents=True)
    source.write_bytes(notebook_bytes(make_nbgrader(CELLS)))
    run([nbgrader, "generate_assignment", "exercise"], folder)

    released = folder / "release" / "exercise" / "exercise.ipynb"
    for student, model in (("right", RIGHT["model"]), ("wrong", WRONG)):
        handed_in = folder / "submitted" / student / "exercise" / "exercise.ipynb"
        handed_in.parent.mkdir(parents=True)
        submission = write_submission(json.loads(released.read_text(encoding="utf-8")), model, RIGHT["loss"])
        handed_in.write_text(json.dumps(submission), encoding="utf-8")
    for command in ("autograde", "generate_feedback"):
        run([nbgrader, command, "exercise"], folder)
    run([nbgrader, "export"], folder)
    return folder


def test_what_nbgrader_hands_out_has_no_solution(course: Path) -> None:
    released = (course / "release" / "exercise" / "exercise.ipynb").read_text(encoding="utf-8")
    assert "raise NotImplementedError()" in released
    assert "torch.randn_like(std)" not in released
    assert "mu**2" not in HANDED_OUT["loss"]
    assert "torch.mean(mu**2" not in released
    assert "Gradient descent needs to know" not in released


def test_nbgrader_gives_points_for_what_is_right(course: Path) -> None:
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"right": sum(TASK_POINTS.values()), "wrong": TASK_POINTS["task-2"]}


def test_nbgraders_feedback_has_the_checkers_hint(course: Path) -> None:
    feedback = {
        student: (course / "feedback" / student / "exercise" / "exercise.html").read_text(encoding="utf-8")
        for student in ("right", "wrong")
    }
    assert "noise" in feedback["wrong"]
    assert "ExerciseError" in feedback["wrong"]
    assert "ExerciseError" not in feedback["right"]
