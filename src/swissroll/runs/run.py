"""A run on disk: what lies in its folder, and how it is read.

    config.toml              all settings, with the versions they were used under
    history.csv              one row per step
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
import shutil
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from swissroll import checks
from swissroll.config import Config, digest, read_config, read_origin
from swissroll.data import Standardization
from swissroll.errors import Fix, FixableError
from swissroll.model.standardized import StandardizedVAE, split_state
from swissroll.model.vae import VAE
from swissroll.runs.errors import LockedError, RunError
from swissroll.runs.files import (
    explain_damage,
    is_of_the_end,
    read_divergence,
    read_metadata,
    read_state,
    read_tensors,
    replace_file,
)
from swissroll.runs.folder import explain_taken, io_errors_as_run_errors, lock, require_unused
from swissroll.runs.history import parse_lines, read_last_step, read_lines
from swissroll.runs.snapshots import Snapshots, film_steps, step_of_snapshot
from swissroll.training.build import Plan, build, build_model, decide
from swissroll.training.engines.engine import State
from swissroll.training.loop import DivergedError, Training

ENDS = ("finished", "stopped", "diverged")
"""How a run may have ended, as its state.json says it."""


SOLUTION = "solution.py"
"""Holds the code of a solution to the exercise, in the folder of a run that is trained with one."""
SOLUTION_ORIGIN = f"This run was trained with the code of {SOLUTION}"
"""How the note begins in the settings of a run that was."""


class TrainedModel(NamedTuple):
    """A model, and the steps that it has seen."""

    step: int
    network: VAE
    standardization: Standardization | None


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that lies in a folder. Attributes are read when they are asked for.

    Attributes:
        folder: Where it lies.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", checks.folder("folder", self.folder))

    @cached_property
    def config(self) -> Config:
        """The run's settings."""
        path = self.folder / "config.toml"
        try:
            return read_config(path)
        except FixableError as error:
            if error.fix is not Fix.CORRECT_TOML_FILE:
                raise
            # Another file would not be this run's.
            report = self.folder / "report.html"
            raise RunError(error.reason, Fix.CORRECT_CONFIG, folder=self.folder, path=path, report=report) from None

    @cached_property
    def history(self) -> np.recarray[Any, Any]:
        """One row per step, with the columns of history.csv; nan where the held-out points were not measured."""
        path = self.folder / "history.csv"
        return parse_lines(path, read_lines(path))

    @cached_property
    def model(self) -> Any:
        """The VAE with its latest weights; of a table, a :class:`swissroll.model.StandardizedVAE` in data units.

        Raises:
            RunError: Nothing was trained yet.
        """
        latest = self._latest
        if latest.standardization is None:
            return latest.network
        return StandardizedVAE(latest.network, latest.standardization)

    @property
    def network(self) -> VAE:
        """The VAE with its latest weights, in the coordinates that it computes in; as ``model`` but for a table.

        Raises:
            RunError: Nothing was trained yet.
        """
        return self._latest.network

    @property
    def standardization(self) -> Standardization | None:
        """The map between the units of a run's table and the coordinates of ``network``; None without a table."""
        return self._latest.standardization

    @property
    def step(self) -> int:
        """Steps that the latest weights have seen."""
        return self._latest.step

    @cached_property
    def _latest(self) -> TrainedModel:
        """The latest weights, from the file that :attr:`_weights_path` names."""
        try:
            path = self._weights_path
            stored = read_tensors(path)
        except RunError as error:
            if error.path is None or error.path.exists():
                raise
            # A training that ended meanwhile has other weights.
            return self._latest

        # A checkpoint holds the optimizer's moments, too.
        weights = stored.tensors
        if path.stem == "checkpoint":
            weights = {key.removeprefix("model."): v for key, v in weights.items() if key.startswith("model.")}

        if stored.config not in ("", digest(self.config)):
            what = "config.toml was changed since the weights were written. Undo that."
            raise RunError(f"{self.folder}: {what}", folder=self.folder)
        step = step_of_snapshot(path) if path.parent.name == "snapshots" else stored.step
        return TrainedModel(step, self._with_weights(weights), split_state(weights)[1])

    @property
    def _weights_path(self) -> Path:
        """The file of the latest weights.

        A run that ended has them in its checkpoint, or in its model. One that was killed, or is still training, has
        them there or in a snapshot, whichever is of the later step, as far as its history reaches.
        """
        checkpoint = self.folder / "checkpoint.safetensors"
        model = self.folder / "model.safetensors"
        status = self.status

        # A kill between a run's end and the removal of its checkpoint leaves both.
        newest_first = (model, checkpoint) if status == "finished" else (checkpoint, model)
        found = next((path for path in newest_first if path.exists()), None)
        if found is not None and status != "unfinished":
            return found

        reached = read_last_step(self.folder / "history.csv")
        steps = [step for step in self._snapshot_paths if step <= reached]
        if found is None and not steps:
            raise RunError(f"{self.folder}: nothing is trained yet.", Fix.RESUME, folder=self.folder)
        if found is not None and read_metadata(found).get("step", 0) >= max(steps, default=0):
            return found
        return self._snapshot_paths[max(steps)]

    @cached_property
    def snapshots(self) -> Mapping[int, VAE]:
        """The VAE as it was after each step that has a snapshot, as ``network`` has it; 0 is before training.

        Each is read when it is asked for. A finished run of a sweep keeps none: before training it was what the config
        makes, and after it is the model.
        """
        paths = self._snapshot_paths
        if not paths and (self.folder / "model.safetensors").exists():
            return {0: self.make_model(), self.step: self.network}
        return Snapshots(paths, lambda path: self._with_weights(read_tensors(path).tensors))

    @property
    def _snapshot_paths(self) -> dict[int, Path]:
        """The files of the snapshots, by their steps, which ascend."""
        paths = sorted((self.folder / "snapshots").glob("step-[0-9]*[0-9].safetensors"))
        return {step_of_snapshot(path): path for path in paths}

    @property
    def status(self) -> str:
        """'finished', 'stopped' (Ctrl-C), 'diverged', or 'unfinished' (killed, or still training)."""
        path = self.folder / "model.safetensors"
        status = self._state.get("status")
        if status is None:
            # The weights say it too, should state.json be lost.
            return "finished" if is_of_the_end(path, self.config.steps) else "unfinished"
        if status == "finished" and not path.exists():
            return "unfinished"
        self._require_credible(status)
        return str(status)

    def _require_credible(self, status: object) -> None:
        """Raise RunError where the weights say something else than state.json: it was edited, or is another run's."""
        told: dict[str, Any] = {}
        with suppress(RunError):
            told = read_metadata(self.folder / "model.safetensors")
        step = told.get("step")
        is_repaired = told.get("repaired_from") or self._state.get("repaired_from")
        is_trained = told.get("config") == digest(self.config) and not is_repaired
        why = ""
        if status not in ENDS:
            why = f"{status!r:.60} is none of {', '.join(ENDS)}"
        elif is_trained and (step == self.config.steps) != (status == "finished"):
            why = f"it says {status!r}, and the weights have seen {step:,} of {self.config.steps:,} steps"
        if why:
            path = self.folder / "state.json"
            reason = f"{path}: damaged ({why}). The weights say without it whether the run is finished."
            raise RunError(reason, Fix.MOVE_AND_TRY_AGAIN, folder=self.folder, path=path, move=path)

    @property
    def message(self) -> str:
        """What stopped the run, where something did."""
        return str(self._state.get("message", ""))

    @property
    def divergence(self) -> DivergedError | None:
        """The number that was not finite, where one stopped the run and its folder says which."""
        return read_divergence(self._state)

    @property
    def repaired_from(self) -> str:
        """Folder of the run that this one is a repaired copy of; empty for one that was trained as it is."""
        origin = str(self._state.get("repaired_from") or "")
        path = self.folder / "model.safetensors"

        # The weights say it too, should state.json be lost.
        if not origin and path.exists():
            origin = read_tensors(path).repaired_from
        return origin

    @property
    def _state(self) -> dict[str, Any]:
        return read_state(self.folder)

    def make_model(self) -> VAE:
        """The run's VAE before training."""
        return build_model(self.config)

    def make_training(self, plan: Plan) -> Training:
        """The run's training before its first step, as a machine carries it out."""
        return build(plan)

    def forget(self) -> None:
        """Read the attributes from the folder again when they are next asked for, as after more training."""
        for name in ("history", "_latest", "model", "snapshots"):
            vars(self).pop(name, None)

    def require_whole(self) -> None:
        """Read all that a report shows, so that damage is found before anything is measured.

        Raises:
            RunError: A file is damaged, the weights are not finite, or the history does not reach them.
        """
        # The weights first: a run that is being trained brings its history to the disk before them.
        _ = self.status
        for step in film_steps(self.snapshots):
            _ = self.snapshots[step]
        path = self._weights_path
        model = self.network
        history = self.history

        if not all(bool(torch.isfinite(p).all()) for p in model.parameters()):
            raise explain_damage(path, "it holds weights that are not finite numbers")

        steps = history.step[: self.step]
        if not np.array_equal(steps, np.arange(1, self.step + 1)):
            why = f"it does not hold the {self.step:,} steps that the weights have seen"
            raise explain_damage(self.folder / "history.csv", why)

    def _with_weights(self, weights: State) -> VAE:
        model = self.make_model()
        try:
            model.load_state_dict(split_state(weights)[0])
        except RuntimeError:
            what = "the weights do not fit config.toml. Undo what was changed there since."
            raise RunError(f"{self.folder}: {what}", folder=self.folder) from None
        return model


def require_end(folder: Path, step: int, settings: Config) -> None:
    """Require that a run's folder is of some settings, and that its weights and its history end at a step.

    It reads the ends of files, so that thousands of runs are looked through in seconds.

    Raises:
        RunError: They do not.
    """
    config = folder / "config.toml"
    if not config.is_file():
        raise explain_damage(config, "it is missing")

    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise explain_damage(weights, "it is missing")
    told = read_metadata(weights)
    seen = told.get("step")
    if told.get("config", "") not in ("", digest(settings)):
        raise explain_damage(weights, "it is of other settings than this folder's name says: was it copied here?")
    if seen != step:
        raise explain_damage(weights, f"it is of step {seen}, and the run ended at {step}")

    history = folder / "history.csv"
    if read_last_step(history) < step:
        raise explain_damage(history, f"it does not reach step {step}, where the run ended")


def require_run(value: object, name: str = "run") -> None:
    """Require an opened run; raises ValueError otherwise."""
    checks.instance(name, value, Run, "a run, such as load('runs/001')")


def load(folder: str | os.PathLike[str]) -> Run:
    """Open a run's folder: ``.config``, ``.history``, ``.model``, ``.snapshots``, ``.status``.

    Raises:
        RunError: The folder holds no run.
        ValueError: Its config.toml cannot be read or has values out of range.
    """
    given: Any = folder
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        raise RunError(f"A run is opened by its folder, such as 'runs/001'; got {checks.short(folder)}.")

    run = Run(Path(folder))
    if (run.folder / "sweep.toml").is_file():
        what = f"{folder} is a sweep, and its runs are in {run.folder / 'runs'}."
        raise RunError(what, Fix.REPORT_SWEEP, folder=run.folder)
    if not (run.folder / "config.toml").is_file():
        if any(run.folder.glob("*.safetensors")):
            reason = f"{folder}: its config.toml is gone, which has the settings of its weights."
            raise RunError(reason, Fix.PUT_BACK_CONFIG, folder=run.folder, report=run.folder / "report.html")
        raise RunError(f"{folder} is not a run: it holds no config.toml.", Fix.TRAIN_A_RUN, folder=run.folder)

    # Its settings are checked now, not when they are first used.
    _ = run.config
    if is_of_solution(run.folder):
        what = f"was trained with the code of its {SOLUTION}."
        raise RunError(f"{run.folder} {what}", Fix.OPEN_WITH_SOLUTION, folder=run.folder)
    return run


def is_of_solution(folder: Path) -> bool:
    """Whether a run was trained with somebody's solution to the exercise, whose code lies beside its settings."""
    return read_origin(folder / "config.toml").startswith(SOLUTION_ORIGIN)


def create(folder: str | os.PathLike[str], config: Config) -> Run:
    """Make a run's folder with its config, ready to :func:`swissroll.runs.training.advance`.

    The settings that a machine decides (device, threads, engine) are written down as it decides them.

    Raises:
        RunError: The folder exists and is not empty, or cannot be made.
        ValueError: The config's device or engine is not on this machine.
    """
    return make_folder(checks.folder("folder", folder), decide(config).config)


def make_folder(folder: Path, config: Config, *, origin: str = "") -> Run:
    """Make a run's folder that holds nothing but the config, as it is.

    Args:
        folder: The folder.
        config: The settings.
        origin: What they do not say of the run, for :func:`swissroll.config.read_origin`.

    Raises:
        RunError: The folder exists and is not empty, or cannot be made.
    """
    with io_errors_as_run_errors(folder):
        require_unused(folder)
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with lock(folder):
                if (folder / "config.toml").exists():
                    raise explain_taken(folder)
                replace_file(folder / "config.toml", config.to_toml(origin=origin).encode())
        except LockedError:
            raise explain_taken(folder) from None
        except OSError:
            # Where there was no room for its settings, no empty folder stays.
            if is_new:
                shutil.rmtree(folder, ignore_errors=True)
            raise
    return Run(folder)
