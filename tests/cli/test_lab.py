"""The lab command as it is run: what it writes, says and refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from swissroll.cli.app import main
from swissroll.config import Config
from swissroll.report.lab import is_lab
from tests.oracles import trained_run

SAID = "It is one file, and needs no network"


def run_lab(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(["lab", *arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and a machine without a screen."""
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)


def test_writes_a_page_and_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_lab(["--no-browser"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "lab: lab/lab.html"
    assert lines[1].startswith(SAID)
    assert lines[2] == "Next: open it in a browser."
    assert is_lab(Path("lab/lab.html"))
    assert Path("lab/lab.html").stat().st_size < 250_000


def test_out_names_the_file_and_a_lab_page_is_replaced() -> None:
    assert run_lab(["--out", "course/page.html", "--no-browser"]) == 0
    Path("course/page.html").write_text(Path("course/page.html").read_text() + "old")
    assert run_lab(["--out", "course/page.html", "--no-browser"]) == 0
    assert not Path("course/page.html").read_text().endswith("old")
    assert [path.name for path in Path("course").iterdir()] == ["page.html"]


@pytest.mark.skipif(os.name != "posix", reason="needs a shell script")
def test_opens_the_page_in_the_browser_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/opened"\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    assert run_lab([]) == 0
    assert (tmp_path / "opened").read_text().strip() == (tmp_path / "lab/lab.html").resolve().as_uri()
    assert capsys.readouterr().out.splitlines()[2].startswith("Next: swissroll train")


def test_without_a_screen_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_lab([]) == 0
    captured = capsys.readouterr()
    assert "there is no screen to open a browser on." in captured.err
    assert captured.out.endswith("Next: open it in a browser.\n")


def test_begins_with_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained_run(tmp_path / "run", Config(steps=4, hidden_dim=4, batch_size=8))
    assert run_lab(["run", "--no-browser"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "lab: run/lab.html"
    assert 'id="part-given"' in Path("run/lab.html").read_text()


def write_table(folder: Path) -> None:
    lines = [f"{k % 7},{k * k % 11},{k % 5},{k * 3 % 13},{'red' if k % 2 else 'blue'}" for k in range(40)]
    (folder / "mine.csv").write_text("\n".join(["a,b,c,d,kind", *lines]), encoding="utf-8")


def test_begins_with_a_table_and_tells_that_the_page_holds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas", reason="reads the table")
    write_table(tmp_path)
    assert run_lab(["--data", "mine.csv", "--columns", "a,b", "--label", "kind", "--no-browser"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "lab: lab/lab.html"
    assert "note: the page holds 40 rows of mine.csv, which anybody can read who gets the file." in captured.err
    page = Path("lab/lab.html").read_text()
    assert '"columns":["a","b"]' in page
    assert str(tmp_path) not in page


def test_begins_with_a_run_on_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas", reason="reads the table")
    write_table(tmp_path)
    settings = Config(steps=4, hidden_dim=4, batch_size=8, data="mine.csv", columns="a,b,c")
    trained_run(tmp_path / "run", settings)
    assert run_lab(["run", "--no-browser"]) == 0
    assert "the page holds 40 rows of mine.csv" in capsys.readouterr().err

    assert run_lab(["--data", "mine.csv", "--columns", "a,b,c,d", "--no-browser"]) == 2
    assert "mine.csv has 4: choose some of them by columns, such as 'a,b'." in capsys.readouterr().err


def test_what_cannot_be_done_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.html").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").mkdir()
    cases = {
        ("nowhere",): "nowhere",
        ("empty",): "empty",
        ("mine.html",): "mine.html",
        ("--out", "mine.html"): "mine.html: is there already, and is not a lab page.",
        ("--out", "folder"): "folder: is there already, and is not a lab page.",
        ("--out", "mine.html/page.html"): "mine.html",
        ("--out", "/proc/lab.html"): "/proc/",
        ("--colour", "red"): "--colour",
        ("one", "two"): "two",
        ("--data", "nowhere.csv"): "nowhere.csv",
        ("--columns", "a,b"): "--columns is of a table of your own. Name its file with --data.",
        ("--label", "a"): "--label is of a table of your own. Name its file with --data.",
        ("empty", "--data", "mine.csv"): "empty is a run, which has its own data.",
    }
    for arguments, part in cases.items():
        code = run_lab([*arguments, "--no-browser"])
        captured = capsys.readouterr()
        assert (code, captured.out) == (2, ""), arguments
        assert captured.err.startswith("swissroll"), captured.err
        assert part in captured.err
        assert "Traceback" not in captured.err
        assert len(captured.err.strip().splitlines()) == 1, captured.err
    assert (tmp_path / "mine.html").read_text() == "mine"
