"""What the commands share: exit codes, and the folders that they make."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Annotated

from cyclopts import Parameter

Flag = Annotated[bool, Parameter(negative="")]
BAD_INPUT, DIVERGED, INTERRUPTED = 2, 1, 130


def next_folder(parent: Path) -> Path:
    """parent/001, or the next number that is free."""
    taken = [int(p.name) for p in parent.iterdir() if p.name.isdecimal()] if parent.is_dir() else []
    return parent / f"{max(taken, default=0) + 1:03d}"


def import_ahead() -> None:
    """Import in the background what measuring and drawing need, while the first steps are taken.

    What fails here fails again where it is imported for use, and is told there.
    """

    def work() -> None:
        with suppress(ImportError):
            import_module("swissroll.report")
            import_module("swissroll.distances").import_pot()
            for name in ("scipy.ndimage", "scipy.spatial", "scipy.stats", "sklearn.manifold"):
                import_module(name)

    Thread(target=work, daemon=True).start()
