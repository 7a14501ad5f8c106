"""A run on disk: its folder, its checkpoints, and the way back from them.

    config.toml              all settings, with the versions they were used under
    history.csv              one row a step
    snapshots/               weights every ``snapshot_every`` steps, the first before any step
    checkpoint.safetensors   weights, Adam's moments and generators, to go on from
    model.safetensors        the trained weights
    state.json               how the run ended

Every file but the growing history is replaced whole (written aside, synced unless it is a snapshot, renamed), so that
a kill at any moment leaves a folder to go on from. Nothing here is pickled.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Generator
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from swissroll.config import Config, digest, read_config
from swissroll.errors import Fix
from swissroll.model.vae import VAE
from swissroll.runs.files import (
    HEADER,
    History,
    LockedError,
    RunError,
    explain_damage,
    explain_taken,
    io_errors_as_run_errors,
    lock,
    metadata,
    parse_history,
    read_lines,
    read_state,
    read_tensors,
    remove_partial_files,
    replace_file,
    require_unused,
    save_end,
    save_snapshot,
    save_tensors,
)
from swissroll.training.build import build, build_model, decide, use_threads
from swissroll.training.engines.engine import State
from swissroll.training.loop import DivergedError, Record, Training

CHECKPOINT_SECONDS = 2.0
"""Least time between two checkpoints."""
CHECKPOINT_SHARE = 0.01
"""Most of the time that checkpoints may take: a slow disk gets fewer."""


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
        return parse_history(path, read_lines(path))

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
        """The checkpoint, which is ahead of an older model, or the model; where there is neither, the last snapshot."""
        path = self._weights_path
        if path is not None:
            try:
                weights, told = read_tensors(path)
            except RunError:
                if path.exists():
                    raise
                return self._latest  # A training that ended meanwhile has others.
            if path.stem == "checkpoint":
                weights = {k.removeprefix("model."): v for k, v in weights.items() if k.startswith("model.")}
        elif self.snapshots:
            return list(self.snapshots.items())[-1]
        else:
            raise RunError(f"{self.folder}: nothing is trained yet.", Fix.RESUME, folder=self.folder)
        if told["config"] not in ("", digest(self.config)):
            what = "config.toml was changed since the weights were written. Undo that."
            raise RunError(f"{self.folder}: {what}", folder=self.folder)
        return told["step"], self._with_weights(weights)

    @property
    def _weights_path(self) -> Path | None:
        # A kill between a run's end and the removal of its checkpoint leaves both.
        names = ("model", "checkpoint") if self.status == "finished" else ("checkpoint", "model")
        paths = (self.folder / f"{name}.safetensors" for name in names)
        return next((path for path in paths if path.exists()), None)

    @cached_property
    def snapshots(self) -> dict[int, VAE]:
        """The VAE as it was after each step that has a snapshot; 0 is before training.

        A finished run of a sweep keeps none: before training it was what the config makes, and after it is the model.
        """
        paths = sorted((self.folder / "snapshots").glob("step-[0-9]*[0-9].safetensors"))
        if not paths and (self.folder / "model.safetensors").exists():
            return {0: build_model(self.config), self.step: self.model}
        return {int(p.stem.removeprefix("step-")): self._with_weights(read_tensors(p)[0]) for p in paths}

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
    def repaired_from(self) -> str:
        """Folder of the run that this one is a repaired copy of; empty for one that was trained as it is."""
        path = self.folder / "model.safetensors"
        # The weights say it too, should state.json be lost.
        told = self._state.get("repaired_from")
        return str(told or (read_tensors(path)[1]["repaired_from"] if path.exists() else ""))

    @property
    def _state(self) -> dict[str, Any]:
        return read_state(self.folder)

    def require_whole(self) -> None:
        """Read all that a report shows, so that damage is found before anything is measured.

        Raises:
            RunError: A file is damaged, the weights are not finite, or the history does not reach them.
        """
        _ = self.status, self.snapshots
        # The weights first: a run that is being trained brings its history to the disk before them.
        path, _, history = self._weights_path, self.step, self.history
        if not all(bool(torch.isfinite(p).all()) for p in self.model.parameters()):
            last = path or sorted((self.folder / "snapshots").glob("step-*.safetensors"))[-1]
            raise explain_damage(last, "it holds weights that are not finite numbers")
        steps = history.step[: self.step]
        if path is not None and not np.array_equal(steps, np.arange(1, self.step + 1)):
            why = f"it does not hold the {self.step:,} steps that the weights have seen"
            raise explain_damage(self.folder / "history.csv", why)

    def _with_weights(self, weights: State) -> VAE:
        model = build_model(self.config)
        try:
            model.load_state_dict(weights)
        except RuntimeError:
            what = "the weights do not fit config.toml. Undo what was changed there since."
            raise RunError(f"{self.folder}: {what}", folder=self.folder) from None
        return model


def load(folder: str | os.PathLike[str]) -> Run:
    """Open a run's folder: ``.config``, ``.history``, ``.model``, ``.snapshots``, ``.status``.

    Raises:
        RunError: The folder holds no run.
        ValueError: Its config.toml cannot be read or has values out of range.
    """
    given: Any = folder
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        raise RunError(f"A run is opened by its folder, such as 'runs/001'; got {folder!r:.60}.")
    run = Run(Path(folder))
    if (run.folder / "sweep.toml").is_file():
        what = f"{folder} is a sweep, and its runs are in {run.folder / 'runs'}."
        raise RunError(what, Fix.REPORT_SWEEP, folder=run.folder)
    if not (run.folder / "config.toml").is_file():
        raise RunError(f"{folder} is not a run: it holds no config.toml.", Fix.TRAIN_A_RUN, folder=run.folder)
    _ = run.config
    return run


def create(folder: Path, config: Config) -> Run:
    """Make a run's folder with its config, ready to :func:`advance`.

    The settings that a machine decides (device, threads, engine) are written down as it decides them.

    Raises:
        RunError: The folder exists and is not empty, or cannot be made.
        ValueError: The config's device or engine is not on this machine.
    """
    return make_folder(folder, decide(config).config)


def make_folder(folder: Path, config: Config) -> Run:
    """Make a run's folder that holds nothing but the config, as it is.

    Raises:
        RunError: The folder exists and is not empty, or cannot be made.
    """
    with io_errors_as_run_errors(folder):
        require_unused(folder)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with lock(folder):
                if (folder / "config.toml").exists():
                    raise explain_taken(folder)
                replace_file(folder / "config.toml", config.to_toml().encode())
        except LockedError:
            raise explain_taken(folder) from None
    return Run(folder)


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
    refuse_repaired(run)
    if run.status == "finished":
        (run.folder / "checkpoint.safetensors").unlink(missing_ok=True)
        return
    # PyTorch's idle threads spin for a while, on cores that the fast engine's threads need.
    threads = 1 if run.config.engine == "xla" else run.config.threads
    with use_threads(threads), lock(run.folder):
        if run.status == "finished":  # By another process, in the meantime.
            return
        training = build(run.config)
        remove_partial_files(run.folder)
        lines = _restore(run, training)
        (run.folder / "state.json").unlink(missing_ok=True)
        with History(run.folder / "history.csv", lines) as history:
            yield from _write_while_training(run, training, history)


def refuse_repaired(run: Run) -> None:
    """Raise RunError for a run whose prior was fitted after training: its weights are no training's."""
    if run.repaired_from:
        raise RunError(
            f"{run.folder} was repaired and cannot be trained.",
            Fix.REPAIR_ORIGINAL,
            folder=run.folder,
            origin=run.repaired_from,
            components=run.config.components,
        )


def _write_while_training(run: Run, training: Training, history: History) -> Generator[Record, None, None]:
    if training.step == 0:
        save_snapshot(run.folder, 0, training.engine.weights())
    due = monotonic() + CHECKPOINT_SECONDS
    records = iter(training)

    def keep(record: Record) -> None:
        history.add(record)
        if record.step % run.config.snapshot_every == 0 or record.step == training.steps:
            save_snapshot(run.folder, record.step, training.engine.weights())

    try:
        try:
            for record in records:
                keep(record)
                if monotonic() > due and training.is_in_step:
                    training.require_finite()
                    took = _save_checkpoint(run, training, history)
                    due = monotonic() + max(CHECKPOINT_SECONDS, took / CHECKPOINT_SHARE)
                yield record
        except GeneratorExit:
            while not training.is_in_step:
                keep(next(records))
            training.require_finite()
            _finish(run, training, history, "finished" if training.step == training.steps else "stopped")
            return
    except DivergedError as error:
        _finish(run, training, history, "diverged", str(error))
        raise
    _finish(run, training, history, "finished")


def _finish(run: Run, training: Training, history: History, status: str, message: str = "") -> None:
    if status == "finished":
        history.sync()
    else:
        _save_checkpoint(run, training, history)
    weights = training.engine.weights()
    save_end(run.folder, run.config, weights, step=training.step, status=status, message=message)
    if status == "finished":
        (run.folder / "checkpoint.safetensors").unlink(missing_ok=True)


def _restore(run: Run, training: Training) -> list[str]:
    """Bring a training to the latest checkpoint; returns the history's lines up to there, with the header."""
    path = run.folder / "checkpoint.safetensors"
    if not path.exists():
        return [HEADER]
    state, told = read_tensors(path)
    if told["config"] != digest(run.config):
        what = "config.toml was changed since the checkpoint. Undo that, or train again in another folder."
        raise RunError(f"{run.folder}: {what}", folder=run.folder)
    kept = read_lines(run.folder / "history.csv")
    lines = [line + "\n" for line in kept]
    try:
        step = told["step"]
        training.load_state(state, step)
    except (KeyError, ValueError, RuntimeError):
        raise explain_damage(path, "it does not fit this run") from None
    if not training.engine.weights_are_finite():
        raise explain_damage(path, "it holds weights that are not finite numbers")
    if lines[:1] != [HEADER] or len(lines) <= step:
        what = "history.csv is shorter than the checkpoint. Train again in another folder."
        raise RunError(f"{run.folder}: {what}", folder=run.folder)
    parse_history(run.folder / "history.csv", kept[: step + 1])
    return lines[: step + 1]


def _save_checkpoint(run: Run, training: Training, history: History) -> float:
    """Save all that the next steps depend on; returns the seconds it took."""
    began = monotonic()
    history.sync()
    save_tensors(run.folder / "checkpoint.safetensors", training.engine.state(), metadata(run.config, training.step))
    return monotonic() - began
