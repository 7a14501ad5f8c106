"""The folder of a new run, and the lock that keeps a second process out of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from swissroll.errors import Fix
from swissroll.runs.errors import FolderTakenError, LockedError, RunError


def numbered(parent: Path) -> list[Path]:
    """What is named by a number in a folder, such as runs/001, the highest first."""
    if not parent.is_dir():
        return []
    named = [path for path in parent.iterdir() if path.name.isdecimal()]
    return sorted(named, key=lambda path: int(path.name), reverse=True)


def require_unused(folder: Path) -> None:
    """Raise FolderTakenError for a path that is there, unless it is a folder that holds hidden files at most."""
    if not folder.exists():
        return
    if not folder.is_dir() or any(not path.name.startswith(".") for path in folder.iterdir()):
        raise explain_taken(folder)


def require_empty(folder: Path) -> None:
    """Raise FolderTakenError for a path that is there, unless it is an empty folder."""
    if not folder.exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise FolderTakenError(_name_taken(folder), Fix.CHOOSE_ANOTHER_FOLDER, folder=folder)


def explain_taken(folder: Path) -> FolderTakenError:
    """Look at what has a new run's path, and make the error that says what helps: a run there could be resumed."""
    fix = Fix.CHOOSE_ANOTHER_FOLDER
    if (folder / "config.toml").is_file():
        fix = Fix.RESUME_OR_CHOOSE_ANOTHER_FOLDER
    return FolderTakenError(_name_taken(folder), fix, folder=folder)


def _name_taken(folder: Path) -> str:
    if folder.is_dir():
        return f"{folder} already exists."
    return f"{folder} already exists and is not a folder."


@contextmanager
def io_errors_as_run_errors(folder: Path) -> Iterator[None]:
    """Turn errors of a folder that cannot be written into RunError."""
    try:
        str(folder).encode()
        yield
    except UnicodeError:
        raise _refuse(folder, "its name is not valid UTF-8") from None
    except OSError as error:
        raise _refuse(folder, error.strerror) from None


def _refuse(folder: Path, why: str | None) -> RunError:
    reason = f"{folder!s:.200}: cannot be written ({why})."
    return RunError(reason, Fix.CHOOSE_ANOTHER_FOLDER, folder=folder)


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A hidden folder beside a new one, to be filled and then renamed to it; an error leaves nothing behind.

    Raises:
        RunError: The folder exists and is not empty, or cannot be made.
    """
    with io_errors_as_run_errors(folder):
        require_empty(folder)
        target = folder.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)

        staging = target.with_name(f".{uuid4().hex[:12]}.partial")
        try:
            staging.mkdir()
            yield staging
            staging.replace(target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep a second process out of the folder; a kill frees it.

    Raises:
        LockedError: Another process is in it.
        RunError: Its file system has no locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such lock.
        yield
        return

    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reason = f"{folder} is being trained by another process. Wait for it to end."
            raise LockedError(reason, folder=folder) from None
        except OSError as error:
            reason = f"{folder}: its file system has no locks ({error.strerror}). Choose a folder on another one."
            raise RunError(reason, folder=folder) from None
        yield
