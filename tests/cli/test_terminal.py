"""What helps, as the command line says it: with the command to run, its paths quoted for a shell."""

from pathlib import Path

from swissroll.cli.terminal import FIXES, fix_line
from swissroll.errors import Fix, FixableError

FOLDER = Path("my runs/a")


def test_every_fix_has_its_line() -> None:
    assert set(FIXES) == set(Fix)


def test_paths_are_quoted_for_a_shell() -> None:
    error = FixableError("It is damaged.", Fix.RESUME, folder=FOLDER)
    assert fix_line(error) == "To resume it: swissroll train --resume 'my runs/a'"
