"""The files of a run: written whole or in rows that are synced, read with errors that say what to do.

Nothing here is pickled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file

from swissroll.config import Config, digest
from swissroll.errors import Fix, FixableError
from swissroll.training.engines.engine import State
from swissroll.training.loop import Record, Terms
from swissroll.training.many import Outcome

TERMS = ("loss", "mse", "kl", "rate", "distortion")
COLUMNS = ("step", *TERMS, *(f"held_out_{name}" for name in TERMS), "seconds")
HEADER = ",".join(COLUMNS) + "\n"


class RunError(FixableError):
    """A folder that is not a run, or is damaged."""


class LockedError(RunError):
    """A folder that another process works in."""


class FolderTakenError(RunError):
    """A new run's folder holds something already."""


class History:
    """The growing history.csv: rows are on disk for good at each :meth:`sync`."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        replace_file(path, "".join(lines).encode())
        self.path = path

    def __enter__(self) -> History:
        self.file = self.path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def add(self, record: Record) -> None:
        """Write a step's row."""
        self.file.write(history_row(record))

    def sync(self) -> None:
        """Bring all rows to the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())


def history_row(record: Record) -> str:
    """A step's line of history.csv."""
    blank = ("",) * len(TERMS)
    held_out = blank if record.held_out is None else _values(record.held_out)
    row = (str(record.step), *_values(record.train), *held_out, f"{record.seconds:.3g}")
    return ",".join(row) + "\n"


def _values(terms: Terms) -> tuple[str, ...]:
    return tuple(repr(getattr(terms, name)) for name in TERMS)


def read_lines(path: Path) -> list[str]:
    """The whole lines of a history; a killed run may leave half a line."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeError) as error:
        raise explain_damage(path, str(error)) from None
    return text[: text.rfind("\n") + 1].splitlines()


def parse_history(path: Path, lines: list[str]) -> np.recarray[Any, Any]:
    """A history's lines, header first, as an array with its columns; nan where a column is empty."""
    types = [(name, np.int64 if name == "step" else np.float64) for name in COLUMNS]
    try:
        rows = [tuple(float(v or "nan") for v in line.split(",")) for line in lines[1:]]
        return np.array(rows, dtype=types).view(np.recarray)
    except (ValueError, OverflowError):
        raise explain_damage(path, "a row does not have this version's columns of numbers") from None


def save_tensors(path: Path, tensors: State, metadata: dict[str, str] | None = None, *, durable: bool = True) -> None:
    """Write tensors in place of a file, whole."""
    with _replacing(path, durable=durable) as aside:
        aside.touch()
        mode = aside.stat().st_mode
        try:
            save_file(tensors, aside, metadata)
            aside.chmod(mode)  # The library's files are for their owner alone.
        except SafetensorError as error:
            found = re.search(r"os error (\d+)", str(error))
            raise OSError(int(found[1]) if found else EIO, str(error)) from None


def save_snapshot(folder: Path, step: int, weights: State) -> None:
    """Write the weights that a run had after a step; 0 is before training."""
    (folder / "snapshots").mkdir(exist_ok=True)
    save_tensors(folder / "snapshots" / f"step-{step:09d}.safetensors", weights, durable=False)


def save_end(
    folder: Path, config: Config, weights: State, *, step: int, status: str, message: str = "", repaired_from: str = ""
) -> None:
    """Write the weights that a run ended with and how it ended; all as the attributes of a run have it."""
    save_tensors(folder / "model.safetensors", weights, metadata(config, step, repaired_from))
    replace_file(folder / "state.json", _ending(status, step, message, repaired_from))


def _ending(status: str, step: int, message: str, repaired_from: str = "") -> bytes:
    origin = {"repaired_from": repaired_from} if repaired_from else {}
    return json.dumps({"status": status, "step": step, "message": message, **origin}, indent=1).encode()


def pack(outcome: Outcome) -> dict[str, bytes]:
    """The files of a run that ended, by their names in its folder, as training it there would have left them."""
    config, step = outcome.config, outcome.step
    return {
        "config.toml": config.to_toml().encode(),
        "history.csv": "".join([HEADER, *map(history_row, outcome.records)]).encode(),
        "model.safetensors": save(outcome.weights, metadata(config, step)),
        "state.json": _ending(outcome.status, step, outcome.message),
    }


def metadata(config: Config, step: int, repaired_from: str = "") -> dict[str, str]:
    """What a file of weights says of itself: the step that they have seen, and of which settings they are."""
    origin = {"repaired_from": repaired_from} if repaired_from else {}
    # One entry: safetensors writes several in any order, and the same run is to have the same bytes.
    return {"run": json.dumps({"step": step, "config": digest(config), **origin})}


def remove_partial_files(folder: Path) -> None:
    """Remove what a kill left of a training's files that were being written; a report's may be another process's."""
    for pattern in (
        ".tmp*",
        "snapshots/.tmp*",
        "snapshots/.step-*.tmp",
        ".*.safetensors.*.tmp",
        ".history.csv.*.tmp",
        ".state.json.*.tmp",
    ):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def read_tensors(path: Path) -> tuple[State, dict[str, Any]]:
    """A file's tensors, and of which run and step they are."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            found = json.loads((file.metadata() or {}).get("run", "{}"))
            told = {name: str(found.get(name, "")) for name in ("config", "repaired_from")}
            return tensors, {"step": int(found.get("step", 0)), **told}
    except (SafetensorError, OSError, ValueError, AttributeError, TypeError) as error:
        raise explain_damage(path, str(error)) from None


def require_end(folder: Path, step: int) -> None:
    """Raise RunError for a run's folder that lacks its settings, or whose weights or history do not end at a step.

    It reads the ends of files, so that thousands of runs are looked through in seconds.
    """
    if not (folder / "config.toml").is_file():
        raise explain_damage(folder / "config.toml", "it is missing")
    weights, history = folder / "model.safetensors", folder / "history.csv"
    try:
        with safe_open(weights, framework="pt") as file:
            seen = json.loads((file.metadata() or {}).get("run", "{}")).get("step")
    except (SafetensorError, OSError, ValueError, AttributeError) as error:
        raise explain_damage(weights, str(error)) from None
    if seen != step:
        raise explain_damage(weights, f"it is of step {seen}, and the run ended at {step}")
    if last_step(history) < step:
        raise explain_damage(history, f"it does not reach step {step}, where the run ended")


def last_step(path: Path) -> int:
    """The step of a history's last row; 0 where it has none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            tail = file.read()
    except OSError:
        return 0
    lines = tail[: tail.rfind(b"\n") + 1].splitlines()  # As read_lines: half a line is none.
    word = lines[-1].split(b",")[0] if lines else b""
    return int(word) if word.isdigit() else 0


def explain_damage(path: Path, why: str) -> RunError:
    """Look at the folder of a file that cannot be used, and make the error that says what helps there."""
    folder = path.parent.parent if path.parent.name == "snapshots" else path.parent
    reason = f"{path}: damaged ({' '.join(why.split())})."

    origin = ""
    with suppress(RunError):
        origin = read_state(folder).get("repaired_from", "")
    if origin:
        fix = Fix.REMOVE_AND_REPAIR_ORIGINAL
        return RunError(reason, fix, folder=folder, path=path, remove=folder, origin=origin)

    sweep = folder.parent.parent
    if (sweep / "sweep.toml").is_file():
        return RunError(reason, Fix.REMOVE_AND_CONTINUE_SWEEP, folder=sweep, path=path, remove=folder)

    # A run resumes from its weights, so those are what to remove where the history does not reach them.
    weights = ("checkpoint.safetensors", "model.safetensors") if path.name == "history.csv" else ()
    there = [folder / name for name in weights if (folder / name).exists()]
    remove = there[0] if there else path
    return RunError(reason, Fix.REMOVE_AND_RESUME, folder=folder, path=path, remove=remove)


def read_state(folder: Path) -> dict[str, Any]:
    """What a run's state.json says of how it ended; nothing where it has not."""
    path = folder / "state.json"
    found: Any = None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = {}
    except (OSError, ValueError):
        pass

    if not isinstance(found, dict):
        fix = Fix.REPAIR_OR_REMOVE_AND_RESUME
        raise RunError(f"{path}: damaged.", fix, folder=folder, path=path, remove=path)
    return found


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put a file in place whole: readers, and a run after a kill, see the old bytes or the new ones."""
    with _replacing(path, durable=durable) as aside:
        aside.write_bytes(data)


@contextmanager
def _replacing(path: Path, *, durable: bool) -> Iterator[Path]:
    """A file to write, which then takes the place of another."""
    aside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")  # Two processes may write a report at once.
    try:
        yield aside
        if durable:
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
        aside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink()
        if not isinstance(error, OSError):
            raise
        code = error.errno or EIO
        raise OSError(code, os.strerror(code), str(path)) from None  # It names the file that the reader knows.
    if durable and hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A hidden folder beside a new one, to be filled and then renamed to it; what fails leaves nothing.

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


def require_empty(folder: Path) -> None:
    """Raise FolderTakenError for a path that is there, unless it is an empty folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "already exists" if folder.is_dir() else "already exists and is not a folder"
        raise FolderTakenError(f"{folder} {what}.", Fix.CHOOSE_ANOTHER_FOLDER, folder=folder)


def require_unused(folder: Path) -> None:
    """Raise FolderTakenError for a path that is there, unless it is a folder that holds hidden files at most."""
    if not folder.exists():
        return
    if not folder.is_dir() or any(not path.name.startswith(".") for path in folder.iterdir()):
        raise explain_taken(folder)


def explain_taken(folder: Path) -> FolderTakenError:
    """Look at what has a new run's path, and make the error that says what helps: a run there could be resumed."""
    what = "already exists" if folder.is_dir() else "already exists and is not a folder"
    is_run = (folder / "config.toml").is_file()
    fix = Fix.RESUME_OR_CHOOSE_ANOTHER_FOLDER if is_run else Fix.CHOOSE_ANOTHER_FOLDER
    return FolderTakenError(f"{folder} {what}.", fix, folder=folder)


@contextmanager
def io_errors_as_run_errors(folder: Path) -> Iterator[None]:
    """Turn errors of a folder that cannot be written into RunError."""
    try:
        str(folder).encode()
        yield
    except (OSError, UnicodeError) as error:
        why = "its name is not valid UTF-8" if isinstance(error, UnicodeError) else error.strerror
        reason = f"{folder!s:.200}: cannot be written ({why})."
        raise RunError(reason, Fix.CHOOSE_ANOTHER_FOLDER, folder=folder) from None


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep a second process out of the folder; a kill frees it."""
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
