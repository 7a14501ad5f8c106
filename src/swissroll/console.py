"""What the commands share: exit codes, and the folders that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Flag = Annotated[bool, Parameter(negative="")]
BAD_INPUT, DIVERGED, INTERRUPTED = 2, 1, 130


def next_folder(parent: Path) -> Path:
    """parent/001, or the next number that is free."""
    taken = [int(p.name) for p in parent.iterdir() if p.name.isdecimal()] if parent.is_dir() else []
    return parent / f"{max(taken, default=0) + 1:03d}"
