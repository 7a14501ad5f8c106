"""The command lint: somebody's module is imported, and what cannot be is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swissroll.cli.app import main

LOSSES = """
import torch
print("imported")

def right(recon, x, mu, logvar):
    return (recon - x).square().sum() - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()

def off(recon, x, mu, logvar):
    return (recon - x).square().sum() + 0 * mu.sum()

def half(recon, x, mu, logvar):
    return (recon - x).square().sum() - (1 + logvar - mu**2 - logvar.exp()).sum()

def make():
    return right

class Picky:
    def __init__(self, size):
        pass

    def loss(self, recon, x, mu, logvar):
        return (recon - x).square().sum()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "some_losses.py").write_text(LOSSES, encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["lint", *arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["some_losses:right"], 0),
        (["some_losses.py:make"], 0),
        (["some_losses:off"], 1),
        (["some_losses:half"], 0),
        (["some_losses:half", "--strict"], 1),
    ],
)
@pytest.mark.usefixtures("folder")
def test_the_exit_code_says_whether_an_error_was_found(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == code
    assert " checks." in capsys.readouterr().out.splitlines()[0]


@pytest.mark.usefixtures("folder")
def test_json_is_all_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("some_losses.py:off", "--json") == 1
    printed = capsys.readouterr()
    values = json.loads(printed.out)
    assert values["passed"] is False
    assert values["findings"][0]["rule"] == "kl-off"
    assert "imported" in printed.err


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("some_losses", "names no function"),
        ("some_losses:rihgt", "Did you mean right?"),
        ("nowhere:loss", "nowhere cannot be imported: ModuleNotFoundError"),
        ("nowhere.losses:loss", "Name it as module:function"),
        ("missing.py:loss", "there is no file missing.py. Name it as module:function"),
        ("broken.py:loss", "SyntaxError"),
        ("broken.py:loss", "Mend that first"),
        ("needy.py:loss", "No module named 'nowhere'. Mend that first"),
        ("leaves.py:loss", "SystemExit"),
        ("some_losses:torch", "must be a function of tensors"),
        ("some_losses:Picky", "cannot be called: TypeError"),
        ("some_losses:Picky.loss", "is a method of a class, and there is no object to call it on"),
        ("some_losses.py:Picky.loss", "Name the class: some_losses.py:Picky"),
    ],
)
def test_what_cannot_be_judged_is_one_line(
    target: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.py").write_text("def loss(:\n", encoding="utf-8")
    (folder / "needy.py").write_text("import nowhere\n", encoding="utf-8")
    (folder / "leaves.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    assert run(target) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = [line for line in printed.err.splitlines() if line != "imported"]
    assert len(lines) == 1
    assert message in lines[0]


def test_the_help_says_that_the_module_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "its code runs on this machine" in " ".join(capsys.readouterr().out.split())
