"""A run on disk: its folder, its checkpoints, and the way back from them.

    config.toml              all settings, with the versions they were used under
    history.csv              one row a step
    snapshots/               weights every ``snapshot_every`` steps, the first before any step
    checkpoint.safetensors   weights, Adam's moments and generators, to go on from
    model.safetensors        the trained weights
    state.json               how the run ended

Every file but the growing history is replaced whole (written aside, synced, renamed), so that a kill at any moment
leaves a folder to go on from. Nothing here is pickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from swissroll.config import Config, read_config
from swissroll.engines.torch import State
from swissroll.training import DivergedError, Record, Terms, Training, build, build_model, choose_device
from swissroll.vae import VAE

TERMS = ("loss", "mse", "kl", "rate", "distortion")
COLUMNS = ("step", *TERMS, *(f"held_out_{name}" for name in TERMS), "seconds")
CHECKPOINT_SECONDS = 2.0
"""Least time between two checkpoints."""
CHECKPOINT_SHARE = 0.02
"""Most of the time that checkpoints may take: a slow disk gets fewer."""


class RunError(ValueError):
    """A folder that is not a run, or is damaged; the message says what to do."""


class FolderTakenError(RunError):
    """A new run's folder holds something already."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} already exists. Choose another --out, or continue that run with --resume {folder}.")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that lies in a folder. Attributes are read when asked for.

    Attributes:
        folder: Where it lies.
    """

    folder: Path

    @cached_property
    def config(self) -> Config:
        """The run's settings."""
        return read_config(self.folder / "config.toml")

    @cached_property
    def history(self) -> np.recarray[Any, Any]:
        """One row a step, with the columns of history.csv; nan where the held-out points were not measured."""
        path = self.folder / "history.csv"
        return _parse_history(path, _read_lines(path))

    @cached_property
    def model(self) -> VAE:
        """The VAE with its latest weights; raises RunError where nothing was trained yet."""
        return self._latest[1]

    @property
    def step(self) -> int:
        """Steps that the latest weights have seen."""
        return self._latest[0]

    @cached_property
    def _latest(self) -> tuple[int, VAE]:
        """The checkpoint, which is ahead of an older model; else the model; else the last snapshot."""
        checkpoint, model = self.folder / "checkpoint.safetensors", self.folder / "model.safetensors"
        if checkpoint.exists():
            state, metadata = _read_tensors(checkpoint)
            weights = {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}
        elif model.exists():
            weights, metadata = _read_tensors(model)
        elif self.snapshots:
            return list(self.snapshots.items())[-1]
        else:
            raise RunError(f"{self.folder}: nothing is trained yet. 'swissroll train --resume {self.folder}' begins.")
        if metadata["config"] not in ("", _digest(self.config)):
            raise RunError(f"{self.folder}: config.toml was changed since the weights were written. Undo that.")
        return metadata["step"], self._with_weights(weights)

    @cached_property
    def snapshots(self) -> dict[int, VAE]:
        """The VAE as it was after each step that has a snapshot; 0 is before training."""
        paths = sorted((self.folder / "snapshots").glob("step-[0-9]*[0-9].safetensors"))
        return {int(p.stem.removeprefix("step-")): self._with_weights(_read_tensors(p)[0]) for p in paths}

    @property
    def status(self) -> str:
        """'finished', 'stopped' (Ctrl-C), 'diverged', or 'unfinished' (killed, or still training)."""
        status = str(self._state.get("status", "unfinished"))
        has_model = (self.folder / "model.safetensors").exists()
        return "unfinished" if status == "finished" and not has_model else status

    @property
    def message(self) -> str:
        """What stopped the run, where something did."""
        return str(self._state.get("message", ""))

    @property
    def _state(self) -> dict[str, Any]:
        path = self.folder / "state.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RunError(f"{path}: damaged. Remove it, then 'swissroll train --resume {self.folder}'.")
        return found

    def _with_weights(self, weights: State) -> VAE:
        model = build_model(self.config)
        try:
            model.load_state_dict(weights)
        except RuntimeError:
            raise RunError(
                f"{self.folder}: the weights do not fit config.toml. Was it changed after training?"
            ) from None
        return model


def load(folder: str | os.PathLike[str]) -> Run:
    """Open a run's folder: ``.config``, ``.history``, ``.model``, ``.snapshots``, ``.status``.

    Raises:
        RunError: The folder holds no run.
        ValueError: Its config.toml cannot be read or has values out of range.
    """
    run = Run(Path(folder))
    if not (run.folder / "config.toml").is_file():
        raise RunError(f"{folder} is not a run: it holds no config.toml. 'swissroll train' makes one.")
    _ = run.config
    return run


def create(folder: Path, config: Config) -> Run:
    """Make a run's folder with its config, ready to :func:`advance`.

    The settings that a machine decides (device, threads) are written down as it decides them.

    Raises:
        RunError: The folder exists and is not empty, or cannot be made.
        ValueError: The config's device is not on this machine.
    """
    decided: Any = {"device": choose_device(config.device).type, "threads": config.threads or _best_threads(config)}
    return make_folder(folder, dataclasses.replace(config, **decided))


def make_folder(folder: Path, config: Config) -> Run:
    """Make a run's folder that holds nothing but the config, as it is.

    Raises:
        RunError: The folder exists and is not empty, or cannot be made.
    """
    try:
        str(folder).encode()
        if folder.exists() and (not folder.is_dir() or any(not p.name.startswith(".") for p in folder.iterdir())):
            raise FolderTakenError(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder):
            if (folder / "config.toml").exists():
                raise FolderTakenError(folder)
            replace_file(folder / "config.toml", config.to_toml().encode())
    except (OSError, UnicodeError) as error:
        why = "its name is not valid UTF-8" if isinstance(error, UnicodeError) else error.strerror
        raise RunError(f"{folder!s:.200}: cannot be written ({why}). Choose another folder with --out.") from None
    return Run(folder)


def _best_threads(config: Config) -> int:
    """Narrow networks step faster on one thread (benchmarks/training.py), and do not wait for a busy machine."""
    return 1 if config.hidden_dim <= 64 else torch.get_num_threads()


def advance(run: Run) -> Generator[Record, None, None]:
    """Train a run from where its folder says it is, and keep the folder up to date.

    Yields:
        One record a step. Closing the generator (``break``) ends the run cleanly, to be resumed later; an
        exception from elsewhere leaves the latest checkpoint.

    Raises:
        DivergedError: A loss or gradient was not finite; the last good state is on disk.
        RunError: The folder is damaged or in use.
    """
    run = load(run.folder)
    if run.status == "finished":
        return
    with use_threads(run.config.threads), _lock(run.folder):
        training = build(run.config)
        lines = _restore(run, training)
        (run.folder / "state.json").unlink(missing_ok=True)
        with _History(run.folder / "history.csv", lines) as history:
            yield from _write_while_training(run, training, history)


def _write_while_training(run: Run, training: Training, history: _History) -> Generator[Record, None, None]:
    if training.step == 0:
        save_snapshot(run, 0, training.engine.weights())
    due = monotonic() + CHECKPOINT_SECONDS
    records = iter(training)

    def keep(record: Record) -> None:
        history.add(record)
        if record.step % run.config.snapshot_every == 0 or record.step == training.steps:
            save_snapshot(run, record.step, training.engine.weights())

    try:
        for record in records:
            keep(record)
            if monotonic() > due and training.settled:
                took = _save_checkpoint(run, training, history)
                due = monotonic() + max(CHECKPOINT_SECONDS, took / CHECKPOINT_SHARE)
            yield record
    except GeneratorExit:
        while not training.settled:
            keep(next(records))
        _finish(run, training, history, "finished" if training.step == training.steps else "stopped")
        return
    except DivergedError as error:
        _finish(run, training, history, "diverged", str(error))
        raise
    _finish(run, training, history, "finished")


def _finish(run: Run, training: Training, history: _History, status: str, message: str = "") -> None:
    if status == "finished":
        history.sync()
    else:
        _save_checkpoint(run, training, history)
    save_end(run, training.engine.weights(), step=training.step, status=status, message=message)
    if status == "finished":
        (run.folder / "checkpoint.safetensors").unlink(missing_ok=True)


def _restore(run: Run, training: Training) -> list[str]:
    """Bring a training to the latest checkpoint; returns the history's lines up to there, with the header."""
    path = run.folder / "checkpoint.safetensors"
    header = ",".join(COLUMNS) + "\n"
    if not path.exists():
        return [header]
    state, metadata = _read_tensors(path)
    if metadata["config"] != _digest(run.config):
        raise RunError(f"{run.folder}: config.toml was changed since the checkpoint. Undo that, or train anew.")
    kept = _read_lines(run.folder / "history.csv")
    lines = [line + "\n" for line in kept]
    try:
        step = metadata["step"]
        training.load_state(state, step)
    except (KeyError, ValueError, RuntimeError):
        raise _damaged(path, "it does not fit this run") from None
    if lines[:1] != [header] or len(lines) <= step:
        raise RunError(f"{run.folder}: history.csv is shorter than the checkpoint. Train anew in another folder.")
    _parse_history(run.folder / "history.csv", kept[: step + 1])
    return lines[: step + 1]


class _History:
    """The growing history.csv: rows are on disk for good at each :meth:`sync`."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        replace_file(path, "".join(lines).encode())
        self.path = path

    def __enter__(self) -> _History:
        self.file = self.path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def add(self, record: Record) -> None:
        blank = ("",) * len(TERMS)
        held_out = blank if record.held_out is None else _values(record.held_out)
        row = (str(record.step), *_values(record.train), *held_out, f"{record.seconds:.3g}")
        self.file.write(",".join(row) + "\n")

    def sync(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())


def _values(terms: Terms) -> tuple[str, ...]:
    return tuple(repr(getattr(terms, name)) for name in TERMS)


def _read_lines(path: Path) -> list[str]:
    """The whole lines of a history; a killed run may leave half a line."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeError) as error:
        raise _damaged(path, str(error)) from None
    return text[: text.rfind("\n") + 1].splitlines()


def _parse_history(path: Path, lines: list[str]) -> np.recarray[Any, Any]:
    types = [(name, np.int64 if name == "step" else np.float64) for name in COLUMNS]
    try:
        rows = [tuple(float(v or "nan") for v in line.split(",")) for line in lines[1:]]
        return np.array(rows, dtype=types).view(np.recarray)
    except ValueError:
        raise _damaged(path, "a row does not have this version's columns of numbers") from None


def _digest(config: Config) -> str:
    """A fingerprint of the settings; those at their defaults do not count, so that later versions can add some."""
    changed = {k: v for k, v in dataclasses.asdict(config).items() if v != getattr(Config, k)}
    return hashlib.sha256(repr(sorted(changed.items())).encode()).hexdigest()


def save_snapshot(run: Run, step: int, weights: State) -> None:
    """Write the weights that a run had after a step; 0 is before training."""
    folder = run.folder / "snapshots"
    folder.mkdir(exist_ok=True)
    _save_tensors(folder / f"step-{step:09d}.safetensors", weights, durable=False)


def save_end(run: Run, weights: State, *, step: int, status: str, message: str = "") -> None:
    """Write the weights that a run ended with and how it ended; ``status`` as :attr:`Run.status` has it."""
    _save_tensors(run.folder / "model.safetensors", weights, _metadata(run, step))
    state = {"status": status, "step": step, "message": message}
    replace_file(run.folder / "state.json", json.dumps(state, indent=1).encode())


def _save_checkpoint(run: Run, training: Training, history: _History) -> float:
    """Save all that the next steps depend on; returns the seconds it took."""
    began = monotonic()
    history.sync()
    _save_tensors(run.folder / "checkpoint.safetensors", training.engine.state(), _metadata(run, training.step))
    return monotonic() - began


def _metadata(run: Run, step: int) -> dict[str, str]:
    # One entry: safetensors writes several in any order, and the same run is to have the same bytes.
    return {"run": json.dumps({"step": step, "config": _digest(run.config)})}


def _save_tensors(path: Path, tensors: State, metadata: dict[str, str] | None = None, *, durable: bool = True) -> None:
    replace_file(path, save(tensors, metadata), durable=durable)


def _read_tensors(path: Path) -> tuple[State, dict[str, Any]]:
    """A file's tensors, and of which run and step they are."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            found = json.loads((file.metadata() or {}).get("run", "{}"))
            return tensors, {"step": int(found.get("step", 0)), "config": str(found.get("config", ""))}
    except (SafetensorError, OSError, ValueError, AttributeError, TypeError) as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, why: str) -> RunError:
    folder = path.parent.parent if path.parent.name == "snapshots" else path.parent
    return RunError(f"{path}: damaged ({why}). Remove that file, then 'swissroll train --resume {folder}'.")


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put a file in place whole: readers, and a run after a kill, see the old bytes or the new ones."""
    aside = path.with_name(f".{path.name}.tmp")
    with aside.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    aside.replace(path)
    if durable and hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)


@contextmanager
def use_threads(n: int | None) -> Iterator[None]:
    """Compute with n CPU threads: their number may decide a sum's last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(n or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Keep a second process out of the folder; a kill frees it."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock.
        yield
        return
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError(f"{folder} is being trained by another process. Wait for it to end.") from None
        yield
