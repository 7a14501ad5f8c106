"""A run on disk: resumed, examined, its prior fitted again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swissroll.lazy import LazyNames

if TYPE_CHECKING:
    from swissroll.runs.errors import FolderTakenError as FolderTakenError
    from swissroll.runs.errors import LockedError as LockedError
    from swissroll.runs.errors import RunError as RunError
    from swissroll.runs.fit_prior import repair as repair
    from swissroll.runs.run import Run as Run
    from swissroll.runs.run import advance as advance
    from swissroll.runs.run import create as create
    from swissroll.runs.run import load as load
    from swissroll.runs.run import train as train
else:
    _public = LazyNames(
        __name__,
        {
            "errors": ["FolderTakenError", "LockedError", "RunError"],
            "fit_prior": ["repair"],
            "run": ["Run", "advance", "create", "load", "train"],
        },
    )
    __all__ = _public.names
    __getattr__ = _public.load
