"""Points: counted by hand, and rubrics that are refused in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from swissroll.exercise.grading import count_points
from swissroll.exercise.misconceptions import BY_ID
from swissroll.exercise.questions import QUESTIONS
from swissroll.exercise.rubric import Rubric, RubricError, default_text, read_rubric
from tests.exercise.found import MISTAKE, NOTHING, found_of

RANGE = "must be a finite number of at least 0 and at most"
KNOWN = {"some-mistake": 1, "another": 2}


def rubric(folder: Path, text: str) -> Rubric:
    path = folder / "rubric.toml"
    path.write_text(text, encoding="utf-8")
    return read_rubric(path, KNOWN)


def test_the_default_rubric_is_the_one_that_is_printed(tmp_path: Path) -> None:
    assert rubric(tmp_path, default_text()) == Rubric()
    assert rubric(tmp_path, "") == Rubric()
    assert list(tomllib.loads(default_text())["points"]) == [question.id for question in QUESTIONS]
    assert Rubric().total == sum(question.points for question in QUESTIONS)


def test_the_printed_rubric_lists_every_known_mistake_to_give_credit_for(tmp_path: Path) -> None:
    path = tmp_path / "rubric.toml"
    path.write_text(default_text().replace('\n# "', '\n"'), encoding="utf-8")
    assert read_rubric(path, BY_ID).credit == dict.fromkeys(BY_ID, 0.5)


def test_what_is_left_out_keeps_its_points(tmp_path: Path) -> None:
    read = rubric(tmp_path, 'title = " Lab 3 "\n[points]\n"kl.sign" = 7\nkl.zero = 0.5\n')
    assert read.title == "Lab 3"
    assert read.points["kl.sign"] == 7
    assert read.points["kl.zero"] == 0.5
    assert list(read.points) == [question.id for question in QUESTIONS]
    changed = {"kl.sign": 7.0, "kl.zero": 0.5}
    assert read.total == sum(changed.get(one.id, one.points) for one in QUESTIONS)


def test_a_known_mistake_leaves_the_part_that_the_rubric_says(tmp_path: Path) -> None:
    read = rubric(tmp_path, '[points]\n"kl.factor" = 4\n[credit]\nsome-mistake = 0.75\n')
    mistake = MISTAKE | {"laws": ["kl.factor", "kl.sign"]}
    points = count_points(found_of(failed=("kl.factor", "kl.zero"), mistakes=(mistake,)), read).points
    assert points["kl.factor"] == 3
    assert points["kl.zero"] == 0
    assert points["kl.sign"] == read.points["kl.sign"]


def test_of_two_mistakes_the_worse_one_counts(tmp_path: Path) -> None:
    read = rubric(tmp_path, "[credit]\nsome-mistake = 0.5\nanother = 0.25\n")
    both = (MISTAKE, MISTAKE | {"id": "another"})
    factor = read.points["kl.factor"]
    assert count_points(found_of(failed=("kl.factor",), mistakes=both), read).points["kl.factor"] == factor / 4


def test_what_was_not_checked_earns_nothing_and_is_not_called_passed() -> None:
    outcome = count_points(
        found_of(unchecked=("kl.factor",), mistakes=(MISTAKE,)), Rubric(credit={"some-mistake": 1.0})
    )
    assert outcome.points["kl.factor"] == 0
    assert not outcome.all_passed
    assert count_points(found_of(), Rubric()).all_passed
    assert count_points(found_of(), Rubric()).total == Rubric().total
    nothing = count_points(NOTHING, Rubric())
    assert nothing.total == 0
    assert not nothing.all_passed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("points = 3", "points must be a table, [points]; got 3."),
        ("[point]", "'point' means nothing here. Did you mean 'points'? Known: title, points, credit."),
        ('[points]\n"kl.sing" = 1', "[points] names 'kl.sing', which there is not. Did you mean 'kl.sign'?"),
        ("[credit]\nsome-mistak = 1", "[credit] names 'some-mistak', which there is not. Did you mean 'some-mistake'?"),
        (
            '[points]\n"kl.sign" = -1',
            f"points of kl.sign {RANGE} 1000; got -1.",
        ),
        (
            '[points]\n"kl.sign" = nan',
            f"points of kl.sign {RANGE} 1000; got nan.",
        ),
        (
            '[points]\n"kl.sign" = "2"',
            f"points of kl.sign {RANGE} 1000; got '2'.",
        ),
        (
            '[points]\n"kl.sign" = true',
            f"points of kl.sign {RANGE} 1000; got True.",
        ),
        ("[credit]\nanother = 1.5", "credit of another must be a finite number of at least 0 and at most 1; got 1.5."),
        ("title = 3", "title must be a line of text; got 3."),
        ('title = "a\\nb"', "title must be a line of text; got 'a\\nb'."),
    ],
)
def test_a_rubric_that_cannot_be_is_refused_in_one_line(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(RubricError) as raised:
        rubric(tmp_path, text)
    assert str(raised.value) == f"{tmp_path / 'rubric.toml'}: {reason}"


def test_a_file_that_is_no_toml_is_refused_in_one_line(tmp_path: Path) -> None:
    for data in (b"[points", b"\xff\xfe"):
        (tmp_path / "rubric.toml").write_bytes(data)
        with pytest.raises(RubricError, match=r"is no TOML file \(.*\)\.$"):
            read_rubric(tmp_path / "rubric.toml", KNOWN)


def test_every_entry_of_the_catalogue_can_have_credit(tmp_path: Path) -> None:
    lines = [f'"{name}" = 0.5' for name in BY_ID]
    (tmp_path / "rubric.toml").write_text("\n".join(["[credit]", *lines]))
    assert read_rubric(tmp_path / "rubric.toml", BY_ID).credit == dict.fromkeys(BY_ID, 0.5)
