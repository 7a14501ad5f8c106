"""What the commands share: exit codes, notes, and the folders that they make."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from swissroll.config import versions

Flag = Annotated[bool, Parameter(negative="")]
BAD_INPUT, DIVERGED, INTERRUPTED = 2, 1, 130


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
