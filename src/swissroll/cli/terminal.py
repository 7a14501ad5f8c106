"""What the commands share: exit codes, notes, and the folders that they make."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from swissroll.config import versions
from swissroll.errors import Fix, FixableError

Flag = Annotated[bool, Parameter(negative="")]
BAD_INPUT, DIVERGED, INTERRUPTED = 2, 1, 130

FIXES = {
    Fix.CHOOSE_ANOTHER_FOLDER: "Choose another folder with --out.",
    Fix.RESUME_OR_CHOOSE_ANOTHER_FOLDER: (
        "Choose another folder with --out, or resume that run: swissroll train --resume {folder}"
    ),
    Fix.TRAIN_A_RUN: "To make one: swissroll train",
    Fix.RESUME: "To resume it: swissroll train --resume {folder}",
    Fix.REMOVE_AND_RESUME: "Remove {remove}, then: swissroll train --resume {folder}",
    Fix.REPAIR_OR_REMOVE_AND_RESUME: (
        "If this run is a repaired copy, repair the original again. Otherwise remove {remove}, "
        "then: swissroll train --resume {folder}"
    ),
    Fix.REPAIR_ORIGINAL: (
        "Repair the original again: swissroll repair {origin} --components {components} --out NEW_FOLDER"
    ),
    Fix.REMOVE_AND_REPAIR_ORIGINAL: "Remove {remove}, then repair the original again: swissroll repair {origin}",
    Fix.START_A_SWEEP: "To make one: swissroll sweep",
    Fix.START_SWEEP_FROM_FILE: "To start it: swissroll sweep --config {path}",
    Fix.CONTINUE_SWEEP: "To continue it: swissroll sweep --out {folder}",
    Fix.REPORT_SWEEP: "To write its report: swissroll sweep --out {folder}",
    Fix.REMOVE_AND_CONTINUE_SWEEP: "Remove {remove}, then: swissroll sweep --out {folder}",
    Fix.VARY_A_SETTING: "Name what to vary, such as --beta 0.001,0.01,0.1",
    Fix.NAME_ALL_VALUES: "To add runs beside it, name all values: {flag} {values}",
}
"""What helps, as the command line says it. A word in braces is a fact of the error, quoted for a shell."""


def fix_line(error: FixableError) -> str:
    """What helps, with the command to run; empty where nothing is known to."""
    if error.fix is None:
        return ""

    quoted = {name: shlex.quote(str(value)) for name, value in error.facts.items()}
    if "setting" in error.facts:
        quoted["flag"] = flag(str(error.facts["setting"]))
    return FIXES[error.fix].format(**quoted)


def flag(setting: str) -> str:
    """The flag of a setting."""
    return "--" + setting.replace("_", "-")


def next_folder(parent: Path) -> Path:
    """parent/001, or the next number that is free."""
    taken = [int(p.name) for p in parent.iterdir() if p.name.isdecimal()] if parent.is_dir() else []
    return parent / f"{max(taken, default=0) + 1:03d}"


@contextmanager
def new_folder(parent: Path) -> Iterator[Path]:
    """Make parent/001, or the next number that is free; it goes again where nothing comes of it.

    Two commands at once get two.
    """
    parents = [] if parent.is_dir() else [parent]
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = next_folder(parent)
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    try:
        yield folder
    finally:
        with suppress(OSError):  # It holds something.
            for path in (folder, *parents):
                path.rmdir()


def note(text: str) -> None:
    """Tell something that is no error, on stderr."""
    print(f"swissroll: note: {text}", file=sys.stderr)


def note_versions(path: Path, recorded: dict[str, str]) -> None:
    """Tell which versions a file of settings was written under, where they are others than this machine's."""
    now = versions(xla=True)
    if changed := [f"{k} {v} (now {now[k]})" for k, v in recorded.items() if now.get(k, v) != v]:
        note(f"{path} was written under {', '.join(changed)}; bits may differ.")
