"""What can be wrong with a run's folder. Each error carries the folder, the file and what helps."""

from __future__ import annotations

from swissroll.errors import FixableError


class RunError(FixableError):
    """A folder that is not a run, or is damaged."""


class LockedError(RunError):
    """A folder that another process works in."""


class FolderTakenError(RunError):
    """A new run's folder holds something already."""
