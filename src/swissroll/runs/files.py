"""The files of a run: replaced whole, and read with errors that say what helps. Nothing is pickled."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EIO
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from swissroll.config import REPAIR_COMPONENTS, Config, digest, read_config
from swissroll.errors import Fix
from swissroll.runs.errors import RunError
from swissroll.training.engines.engine import State
from swissroll.training.loop import DivergedError

PARTIAL_FILES = (
    ".tmp*",
    "snapshots/.tmp*",
    "snapshots/.step-*.tmp",
    ".*.safetensors.*.tmp",
    ".history.csv.*.tmp",
    ".state.json.*.tmp",
)
"""Names of what a training writes aside. A report's are left out: another process may be writing it."""


class StoredTensors(NamedTuple):
    """A file of weights, or of all that a training depends on.

    Attributes:
        tensors: The tensors, by name.
        step: Steps that they have seen.
        config: The digest of the settings that they are of; empty where the file does not say.
        repaired_from: Folder of the run whose repaired copy they are of, or nothing.
    """

    tensors: State
    step: int
    config: str
    repaired_from: str


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put a file in place whole: readers, and a run after a kill, see the old bytes or the new ones."""
    with replacing(path, durable=durable) as aside:
        aside.write_bytes(data)


def save_tensors(path: Path, tensors: State, metadata: dict[str, str] | None = None, *, durable: bool = True) -> None:
    """Write tensors in place of a file, whole."""
    with replacing(path, durable=durable) as aside:
        aside.touch()
        mode = aside.stat().st_mode
        try:
            save_file(tensors, aside, metadata)
            # The library's files are for their owner alone.
            aside.chmod(mode)
        except SafetensorError as error:
            found = re.search(r"os error (\d+)", str(error))
            code = int(found[1]) if found else EIO
            raise OSError(code, str(error)) from None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in errors of what is written to it: those of a full disk do not say which it was."""
    try:
        yield
    except OSError as error:
        code = error.errno or EIO
        raise OSError(code, os.strerror(code), str(path)) from None


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A file to write, which then takes the place of another; gone, where anything stops that."""
    # Two processes may write a report at once, so each needs a name of its own.
    aside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
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

        # The error names the file that the reader knows.
        code = error.errno or EIO
        raise OSError(code, os.strerror(code), str(path)) from None

    if durable and hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)


def save_snapshot(folder: Path, step: int, weights: State) -> None:
    """Write the weights that a run had after a step; 0 is before training."""
    (folder / "snapshots").mkdir(exist_ok=True)
    save_tensors(folder / "snapshots" / f"step-{step:09d}.safetensors", weights, durable=False)


def save_end(
    folder: Path,
    config: Config,
    weights: State,
    *,
    step: int,
    status: str,
    message: str = "",
    repaired_from: str = "",
    divergence: DivergedError | None = None,
) -> None:
    """Write the weights that a run ended with and how it ended.

    Args:
        folder: The run's folder.
        config: Its settings.
        weights: The weights.
        step: Steps that they have seen.
        status: As of :attr:`swissroll.Run.status`.
        message: What there is to say of the run beside that.
        repaired_from: Folder of the run that this one is a repaired copy of.
        divergence: The number that was not finite, where one stopped the run.
    """
    save_tensors(folder / "model.safetensors", weights, metadata(config, step, repaired_from))
    state = state_json(status, step, message, repaired_from=repaired_from, divergence=divergence)
    replace_file(folder / "state.json", state)


def state_json(
    status: str, step: int, message: str = "", *, repaired_from: str = "", divergence: DivergedError | None = None
) -> bytes:
    """The bytes of a state.json."""
    state: dict[str, Any] = {"status": status, "step": step, "message": message}
    if repaired_from:
        state["repaired_from"] = repaired_from

    if divergence is not None:
        state["message"] = str(divergence)
        state["divergence"] = {"step": divergence.step, "term": divergence.term, "lr": divergence.lr}
    return json.dumps(state, indent=1).encode()


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
        reason = f"{path}: damaged. The weights say without it whether the run is finished."
        raise RunError(reason, Fix.MOVE_AND_TRY_AGAIN, folder=folder, path=path, move=path)
    return found


def read_divergence(state: dict[str, Any]) -> DivergedError | None:
    """The number that was not finite, from what a state.json holds; None where it does not say."""
    try:
        found = state["divergence"]
        return DivergedError(int(found["step"]), str(found["term"]), float(found["lr"]))
    except (KeyError, TypeError, ValueError):
        return None


def metadata(config: Config, step: int, repaired_from: str = "") -> dict[str, str]:
    """What a file of weights says of itself: the step that they have seen, and of which settings they are."""
    told: dict[str, Any] = {"step": step, "config": digest(config)}
    if repaired_from:
        told["repaired_from"] = repaired_from

    # One entry: safetensors writes several in any order, and the same run is to have the same bytes.
    return {"run": json.dumps(told)}


def read_metadata(path: Path) -> dict[str, Any]:
    """What a file of weights says of itself, as :func:`metadata` wrote it; the weights are not read.

    Raises:
        RunError: The file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _metadata_of(file)
    except (SafetensorError, OSError, ValueError, AttributeError) as error:
        raise explain_damage(path, str(error)) from None


def _metadata_of(file: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((file.metadata() or {}).get("run", "{}"))
    return told


def is_of_the_end(path: Path, steps: int) -> bool:
    """Whether a file holds the weights of a finished run: after its last step, or those of a repaired copy.

    They are written after the history is on the disk, so they alone say that a run is whole.
    """
    with suppress(RunError):
        told = read_metadata(path)
        return told.get("step") == steps or bool(told.get("repaired_from"))
    return False


def read_tensors(path: Path) -> StoredTensors:
    """A file's tensors, and of which run and step they are.

    Raises:
        RunError: The file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            found = _metadata_of(file)
            return StoredTensors(
                tensors=tensors,
                step=int(found.get("step", 0)),
                config=str(found.get("config", "")),
                repaired_from=str(found.get("repaired_from", "")),
            )
    except (SafetensorError, OSError, ValueError, AttributeError, TypeError) as error:
        raise explain_damage(path, str(error)) from None


def remove_partial_files(folder: Path) -> None:
    """Remove what a kill left of the files that a training was writing."""
    for pattern in PARTIAL_FILES:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def _as_named(origin: str, folder: Path) -> str:
    """An absolute path, from where a command is given if the other folder was named from there."""
    here = Path.cwd()
    if folder.is_absolute() or not Path(origin).is_relative_to(here):
        return origin
    return str(Path(origin).relative_to(here))


def _components_of(folder: Path) -> int:
    """Gaussians of a repaired run's prior; as many as a repair fits anyhow, where its settings cannot be read."""
    with suppress(ValueError):
        return read_config(folder / "config.toml").components
    return REPAIR_COMPONENTS


def explain_damage(path: Path, why: str, whose: str = "") -> RunError:
    """Look at the folder of a file that cannot be used, and make the error that says what helps there.

    Args:
        path: The file.
        why: What is wrong with it, where it is there.
        whose: The run that it is of, where its folder does not say that to people.
    """
    is_there = path.exists()
    details = "; ".join(filter(None, [why if is_there else "", whose]))
    reason = f"{path}: damaged" if is_there else f"{path} is missing"
    reason += f" ({' '.join(details.split())})." if details else "."
    folder = path.parent
    if folder.name == "snapshots":
        folder = folder.parent

    origin = ""
    with suppress(RunError):
        origin = _as_named(str(read_state(folder).get("repaired_from", "")), folder)
    if origin and path.name == "history.csv":
        return RunError(reason, Fix.COPY_HISTORY, folder=folder, path=path, origin=origin)
    if origin:
        fix = Fix.MOVE_AND_REPAIR_ORIGINAL
        components = _components_of(folder)
        return RunError(reason, fix, folder=folder, path=path, move=folder, origin=origin, components=components)

    sweep = folder.parent.parent
    if (sweep / "sweep.toml").is_file():
        return RunError(reason, Fix.MOVE_AND_CONTINUE_SWEEP, folder=sweep, path=path, move=folder)

    # The weights are whole, and nothing but another training could write this again.
    if path.name == "history.csv":
        return RunError(reason, Fix.TRAIN_AGAIN, folder=folder, path=folder / "config.toml")
    if path.parent.name == "snapshots":
        return RunError(f"{reason} A report does without it.", Fix.MOVE_AND_TRY_AGAIN, path=path, move=path)

    checkpoint = folder / "checkpoint.safetensors"
    begins = "goes on from its checkpoint" if path != checkpoint and checkpoint.exists() else "begins again at step 1"
    reason += f" Without it the run {begins}, and ends in the same bits."
    fix = Fix.MOVE_AND_RESUME if is_there else Fix.RESUME
    return RunError(reason, fix, folder=folder, path=path, move=path)
