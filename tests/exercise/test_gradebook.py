"""Tables of points, read back by the standard library's reader, and cells that a spreadsheet could run."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest

from swissroll.exercise.gradebook import canvas_csv, defuse, grades_csv, moodle_csv
from swissroll.exercise.gradescope import results_json
from swissroll.exercise.grading import Outcome, count_points
from swissroll.exercise.questions import QUESTIONS
from swissroll.exercise.rubric import Rubric
from tests.exercise.found import MISTAKE, NOTHING, found_of

RUBRIC = Rubric(title="Lab 3")
WRONG = found_of(failed=("kl.factor",), mistakes=(MISTAKE,), notes=["cell 2: x."], look_at=["gc"])


def outcomes() -> list[Outcome]:
    students = {"ada": found_of(), "=cmd|'/c calc'!A1": WRONG, 'Ünï, "q"': NOTHING}
    return [
        count_points(found, RUBRIC, number=number, student=student, key=str(number))
        for number, (student, found) in enumerate(students.items(), 1)
    ]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "|x", "%x", "\x00=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert defuse(cell).startswith("'")
    assert all(character.isprintable() for character in defuse(cell))


@pytest.mark.parametrize("cell", ["", "ada", "a=1", "3", "0.5", "Müller, Jörg", "    Points Possible"])
def test_ordinary_cells_stay_as_they_are(cell: str) -> None:
    assert defuse(cell) == cell


def test_one_row_a_student_with_all_that_is_known() -> None:
    table = rows(grades_csv(outcomes()))
    assert [row["student"] for row in table] == ["ada", "'=cmd|'/c calc'!A1", 'Ünï, "q"']
    assert [row["all_passed"] for row in table] == ["yes", "no", "no"]
    assert [row["all_checked"] for row in table] == ["yes", "yes", "no"]
    assert [row["misconceptions"] for row in table] == ["", "some-mistake", ""]
    assert table[1]["look_at"] == "gc"
    assert table[2]["notes"] == "a.ipynb is empty."
    for row in table:
        assert float(row["total"]) == sum(float(row[question.id]) for question in QUESTIONS)
        assert float(row["out_of"]) == sum(question.points for question in QUESTIONS)


def test_canvas_gets_its_head_and_the_row_of_points_possible() -> None:
    one = count_points(WRONG, RUBRIC, student="lovelaceada_LATE_4711_99_exercise.ipynb")
    text = canvas_csv([*outcomes(), one], RUBRIC)
    lines = list(csv.reader(StringIO(text)))
    assert lines[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 3"]
    assert lines[1] == ["    Points Possible", "", "", "", "", "40"]
    assert lines[2] == ["ada", "", "", "ada", "", "40"]
    assert lines[5] == ["lovelaceada", "4711", "", "", "", "38"]


def test_moodle_gets_its_identifiers_and_what_to_say() -> None:
    one = count_points(WRONG, RUBRIC, student="Ada Lovelace_4711_assignsubmission_file_")
    table = rows(moodle_csv([*outcomes(), one], RUBRIC))
    assert (table[3]["Identifier"], table[3]["Full name"]) == ("Participant 4711", "Ada Lovelace")
    assert [row["Grade"] for row in table] == ["40", "38", "0", "38"]
    assert [row["Maximum grade"] for row in table] == ["40"] * 4
    assert table[0]["Feedback comments"] == "All checks passed."
    assert table[2]["Feedback comments"] == "a.ipynb is empty."
    said = table[3]["Feedback comments"]
    assert said == f"29 of {len(QUESTIONS)} checks passed. The half is missing: Work it out for mu = 1."


def test_everybody_is_told_what_was_stopped_and_what_has_no_name() -> None:
    found = found_of(failed=["kl.factor", "error.zero"], mistakes=[MISTAKE], stopped=["reparameterize.runs"])
    outcome = count_points(found, RUBRIC, student="ada")
    told = ["What was seen of reparameterize.runs.", "What was seen of error.zero."]
    feedback = rows(moodle_csv([outcome], RUBRIC))[0]["Feedback comments"]
    assert (
        feedback
        == f"27 of {len(QUESTIONS)} checks passed. {' '.join(told)} The half is missing: Work it out for mu = 1."
    )
    assert rows(grades_csv([outcome]))[0]["notes"] == told[0]
    assert json.loads(results_json(outcome))["output"].splitlines()[1:3] == told


# Keys and values that docs/specs.md of Gradescope's samples allows.
TOP = {"score", "execution_time", "output", "output_format", "test_output_format", "test_name_format", "visibility"}
TOP |= {"stdout_visibility", "extra_data", "tests", "leaderboard"}
TEST = {"score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags"}
TEST |= {"visibility", "extra_data"}


@pytest.mark.parametrize("found", [found_of(), WRONG, NOTHING, found_of(unchecked=("kl.zero",))])
def test_gradescope_gets_what_its_specification_allows(found: dict[str, object]) -> None:
    results = json.loads(results_json(count_points(found, RUBRIC)))
    assert results.keys() <= TOP
    assert len(results["tests"]) == len(QUESTIONS)
    for test in results["tests"]:
        assert test.keys() <= TEST
        assert test["status"] in ("passed", "failed")
        assert 0 <= test["score"] <= test["max_score"]
        assert all(isinstance(tag, str) for tag in test["tags"])
    assert results["score"] == pytest.approx(sum(test["score"] for test in results["tests"]))


def test_gradescopes_tests_carry_the_mistake_and_say_what_was_not_checked() -> None:
    results = json.loads(results_json(count_points(WRONG, RUBRIC)))
    test = next(one for one in results["tests"] if one["extra_data"]["question"] == "kl.factor")
    assert test["tags"] == ["some-mistake"]
    assert "Work it out for mu = 1." in test["output"]
    assert results["extra_data"]["misconceptions"] == ["some-mistake"]
    assert "All checks passed" not in results["output"]

    open_ones = json.loads(results_json(count_points(found_of(unchecked=("kl.zero",)), RUBRIC)))
    assert open_ones["output"] == "Not everything could be checked."
    assert "This could not be checked." in open_ones["tests"][8]["output"]
    assert json.loads(results_json(count_points(NOTHING, RUBRIC)))["output"] == "a.ipynb is empty."
