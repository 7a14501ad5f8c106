"""Errors: what helps is data, told without commands in Python and with one on the command line."""

from pathlib import Path

import pytest

from swissroll.cli.terminal import fix_line
from swissroll.errors import Fix, FixableError

FACTS = {
    "folder": Path("my runs/a"),
    "path": Path("my runs/a.toml"),
    "move": Path("my runs/a/x"),
    "report": Path("my runs/a/report.html"),
    "origin": "my runs/b",
    "components": 20,
    "setting": "latent_dim",
    "values": "1,2",
    "host": "127.0.0.1",
    "port": 8786,
    "columns": "'x','y'",
}


@pytest.mark.parametrize("fix", Fix)
def test_a_fix_names_no_command_in_python_and_one_on_the_command_line(fix: Fix) -> None:
    error = FixableError("It is damaged.", fix, **FACTS)  # type: ignore[arg-type]
    assert str(error).startswith("It is damaged. ")
    assert "swissroll" not in str(error)
    assert "--" not in str(error)
    line = fix_line(error)
    assert any(word in line for word in ("swissroll ", "--", "cp ", "pip install "))
    assert "{" not in str(error) + line


def test_an_error_without_a_fix_has_its_reason_alone() -> None:
    error = FixableError("It is damaged.")
    assert (str(error), fix_line(error), error.folder) == ("It is damaged.", "", None)
