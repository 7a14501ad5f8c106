"""The commands that write the exercise: files, the next step, and one line where something is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from swissroll.cli.app import main

PLACES = {
    "plain": "exercise.ipynb",
    "solution": "solution.ipynb",
    "nbgrader": "source/exercise/exercise.ipynb",
    "otter": "exercise.ipynb",
}


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize("target", PLACES)
def test_new_writes_a_notebook_and_says_what_is_next(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a course"
    assert run("exercise", "new", folder, "--target", target) == 0
    made = json.loads((folder / PLACES[target]).read_text(encoding="utf-8"))
    assert made["nbformat"] == 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(folder / PLACES[target])
    assert lines[-1].startswith("Next: ")
    assert "'" in lines[-1]


def test_new_without_arguments_writes_the_students_notebook_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("exercise", "new") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["exercise.ipynb"]
    out = capsys.readouterr().out
    assert "Next: open exercise.ipynb in Jupyter. To check it: swissroll exercise check exercise.ipynb" in out


def test_a_notebook_that_is_there_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "exercise.ipynb"
    path.write_text("a day's work", encoding="utf-8")
    assert run("exercise", "new", tmp_path) == 2
    assert path.read_text(encoding="utf-8") == "a day's work"
    (line,) = capsys.readouterr().err.splitlines()
    assert "already exists" in line
    assert "swissroll exercise new FOLDER" in line


def test_a_target_that_is_none_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("exercise", "new", tmp_path, "--target", "moodle") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "nbgrader" in line


def test_build_writes_an_archive_and_says_where_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "upload" / "autograder.zip"
    assert run("exercise", "build", "--target", "gradescope", "--out", path) == 0
    with ZipFile(path) as archive:
        assert {"setup.sh", "run_autograder"} <= set(archive.namelist())
    assert "Gradescope" in capsys.readouterr().out.splitlines()[-1]


def test_build_with_a_rubric_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, out = tmp_path / "rubric.toml", tmp_path / "a.zip"
    assert run("exercise", "build", "--target", "gradescope", "--out", out, "--rubric", missing) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(missing) in line
    assert not out.exists()


@pytest.mark.parametrize("text", ['[points]\n"kl.formul" = 5\n', '[points]\n"kl.formula" = -5\n', "not toml"])
def test_build_takes_no_rubric_that_would_fail_in_each_submission(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rubric, out = tmp_path / "rubric.toml", tmp_path / "a.zip"
    rubric.write_text(text, encoding="utf-8")
    assert run("exercise", "build", "--target", "gradescope", "--out", out, "--rubric", rubric) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "rubric.toml" in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["check", "nothing.py"], "Check its name"),
        (["check", "folder"], "It is a folder: name a file."),
        (["new", "file"], "It is a file: name a folder"),
        (["grade", "hand-ins", "--rubric", "nothing.toml"], "Check its name"),
        (["grade", "hand-ins", "--gradescope", "folder"], "It is a folder: name a file."),
        (["build", "--target", "gradescope", "--out", "file/a.zip"], "It is a file: name a folder"),
    ],
)
def test_a_file_that_cannot_be_used_gets_advice_that_fits(
    arguments: list[str], advice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    Path("hand-ins").mkdir()
    Path("hand-ins", "a.py").write_text("x = 1\n", encoding="utf-8")
    assert run("exercise", *arguments) == 2
    assert advice in capsys.readouterr().err.splitlines()[-1]
