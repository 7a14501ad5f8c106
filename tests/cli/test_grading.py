"""The commands that check and grade, as a person types them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from swissroll.cli.app import main
from swissroll.exercise.questions import QUESTIONS
from tests.exercise.hostile import RIGHT


def call(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["exercise", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_check_says_what_it_found_and_its_exit_code_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = tmp_path / "right.py"
    right.write_text(RIGHT)
    code, out, err = call(["check", str(right)], capsys)
    assert code == 0, out + err
    assert f"All {len(QUESTIONS)} checks passed" in out

    wrong = tmp_path / "wrong.py"
    wrong.write_text("import nothing_here\n" + RIGHT.replace("eps * std", "eps"))
    code, out, err = call(["check", str(wrong), "--json"], capsys)
    assert code == 1
    found = json.loads(out)
    assert not found["passed"]
    assert [one["law"] for one in found["evidence"]] == [question.id for question in QUESTIONS]
    assert found["notes"] == ["line 1: ModuleNotFoundError: No module named 'nothing_here'."]
    assert err == ""


def test_the_rubric_that_is_printed_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(["rubric"], capsys)
    assert code == 0
    assert list(tomllib.loads(out)["points"]) == [question.id for question in QUESTIONS]


def test_grade_counts_one_submission_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "a.py").write_text("def broken(:\n")
    code, out, _ = call(["grade", str(folder), "--out", str(tmp_path / "g.csv"), "--quiet"], capsys)
    assert code == 0
    assert out.startswith("1 submission: 0 passed all checks")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["check", "none.py"], "none.py: No such file or directory. Check its name"),
        (["check", "empty.py"], "empty.py holds no code."),
        (["check", "folder"], "folder: Is a directory. It is a folder: name a file."),
        (["grade", "none"], "none: is not a folder. Name the one that the submissions lie in."),
        (["grade", "folder"], "folder: holds no .ipynb or .py file, and no folder with one. Put one file"),
        (["grade", "folder", "--out", "folder"], "folder is a folder. Name a file for the table: --out grades.csv"),
        (["grade", "folder", "--out", "table"], "table has no ending. Name a file for the table: --out table.csv"),
        (["grade", "folder", "--out", "folder.csv"], "folder.csv: its pages would lie among the submissions. Name the"),
        (
            ["grade", "full", "--out", "empty.py/g.csv"],
            "empty.py: nothing can be written there (File exists), so nothing",
        ),
        (["grade", "full", "--gradescope", "empty.py/r.json"], "empty.py: nothing can be written there (File exists)"),
        (["grade", "folder", "--workers", "0"], "--workers must be a whole number from 1 to 64; got 0."),
        (["grade", "folder", "--rubric", "bad.toml"], "bad.toml: 'poins' means nothing here. Did you mean 'points'?"),
        (
            ["grade", "none", "--gradescope", "r.json"],
            "none: is not a folder. Name the one that the submission lies in.",
        ),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.py").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.py").write_text(RIGHT)
    (tmp_path / "bad.toml").write_text("[poins]\n")
    code, out, err = call(arguments, capsys)
    assert (code, out) == (2, "")
    assert err.startswith(f"swissroll: {line}")
    assert err.count("\n") == 1
