"""Training a run in its folder: records as they come, checkpoints, and the way back from them."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from time import monotonic

from swissroll import checks
from swissroll.config import Config, digest, require_config
from swissroll.errors import Fix
from swissroll.runs.errors import RunError
from swissroll.runs.files import (
    explain_damage,
    metadata,
    read_tensors,
    remove_partial_files,
    save_end,
    save_snapshot,
    save_tensors,
)
from swissroll.runs.folder import lock
from swissroll.runs.history import HEADER, History, parse_lines, read_lines
from swissroll.runs.run import Run, create, require_run
from swissroll.training.build import Plan, choose_device, decide, missing_for
from swissroll.training.loop import DivergedError, Record, Training
from swissroll.training.refit import Progress, show_nothing

CHECKPOINT_SECONDS = 2.0
"""Least time between two checkpoints."""
MAX_CHECKPOINT_SHARE = 0.01
"""Most of the time that checkpoints may take: a slow disk gets fewer."""


def train(config: Config, folder: str | os.PathLike[str]) -> Run:
    """Train a VAE to its end in a new folder.

    Args:
        config: The settings.
        folder: The run's folder; it must not exist, or be empty.

    Returns:
        The run. ``load(folder)`` opens it again.

    Raises:
        DivergedError: A loss or gradient was not finite; the last good state is in the folder.
        RunError: The folder exists and is not empty, or cannot be made.
        ValueError: The config's device or engine is not on this machine.
    """
    given: object = folder
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        raise RunError(f"A run needs a folder of its own, such as 'runs/001'; got {checks.short(folder)}.")
    require_config(config)

    run = create(Path(folder), config)
    for _ in advance(run):
        pass
    return run


def advance(run: Run, *, progress: Progress = show_nothing) -> Generator[Record, None, None]:
    """Train a run from where its folder says it is, and keep the folder up to date.

    Afterwards the run's attributes are read from the folder again.

    Args:
        run: The run.
        progress: Called while the prior is fitted after the last step (``config.refit_prior``), with the rounds that
            were done since the last call, at most 100 in all; with 0 before the first.

    Yields:
        One record per step. Closing the generator (``break``) ends the run cleanly, to be resumed later; an
        exception from elsewhere leaves the latest checkpoint.

    Raises:
        DivergedError: A loss or gradient was not finite; the last good state is on disk.
        RunError: The folder is damaged or in use.
    """
    require_run(run)
    try:
        yield from _advance(replace(run), progress)
    finally:
        run.forget()


def _advance(run: Run, progress: Progress) -> Generator[Record, None, None]:
    refuse_repaired(run)
    if run.status == "finished":
        (run.folder / "checkpoint.safetensors").unlink(missing_ok=True)
        return

    plan = plan_to_go_on(run)
    with lock(run.folder):
        # Another process may have finished it in the meantime.
        if run.status == "finished":
            return

        training = run.make_training(plan)
        training.show_finish = progress
        remove_partial_files(run.folder)
        lines = _restore(run, training)
        message = run.message if run.status == "stopped" else ""
        if plan.engine != run.config.engine:
            message = f"From step {training.step + 1:,} on, engine {plan.engine!r} computed it. {message}".strip()
        (run.folder / "state.json").unlink(missing_ok=True)

        with History(run.folder / "history.csv", lines) as history:
            yield from _write_while_training(run, training, history, message)


def plan_to_go_on(run: Run) -> Plan:
    """What this machine makes of a run's settings; where its fast engine is missing, the other one goes on with it.

    The engines share the format of a state, so only rounding differs.

    Raises:
        RunError: The run's device is not on this machine.
    """
    # The state of a device's generators is its own.
    try:
        choose_device(run.config.device)
    except ValueError:
        raise RunError(
            f"{run.folder} is trained on device {run.config.device!r}, which is not on this machine.",
            Fix.TRAIN_AGAIN_ON_ANOTHER_DEVICE,
            folder=run.folder,
            path=run.folder / "config.toml",
        ) from None
    if missing_for(run.config) is None:
        return decide(run.config)
    return decide(replace(run.config, engine="torch"))


def refuse_repaired(run: Run) -> None:
    """Raise RunError for a run whose prior was fitted after training: no training gave its weights."""
    if run.repaired_from:
        raise RunError(
            f"{run.folder} was repaired and cannot be trained.",
            Fix.TRAIN_WITH_PRIOR,
            folder=run.folder,
            path=run.folder / "config.toml",
        )


def _write_while_training(
    run: Run, training: Training, history: History, message: str
) -> Generator[Record, None, None]:
    if training.step == 0:
        save_snapshot(run.folder, 0, training.weights())

    try:
        yield from _keep_records(run, training, history, message)
    except DivergedError as error:
        _finish(run, training, history, "diverged", divergence=error)
        raise
    _finish(run, training, history, "finished", message)


def _keep_records(run: Run, training: Training, history: History, message: str) -> Generator[Record, None, None]:
    """Write each record before it is yielded, with a checkpoint now and then; closing it ends the run."""
    records = iter(training)
    due = monotonic() + CHECKPOINT_SECONDS
    try:
        for record in records:
            _keep_record(run, training, history, record)
            if monotonic() > due and training.is_in_step:
                training.require_finite()
                took = _save_checkpoint(run, training, history)
                due = monotonic() + max(CHECKPOINT_SECONDS, took / MAX_CHECKPOINT_SHARE)
            yield record
    except GeneratorExit:
        # The engine may be ahead of the records: bring them to where it is.
        while not training.is_in_step:
            _keep_record(run, training, history, next(records))
        training.require_finite()

        status = "finished" if training.step == training.steps else "stopped"
        _finish(run, training, history, status, message)


def _keep_record(run: Run, training: Training, history: History, record: Record) -> None:
    history.add(record)
    if record.step % run.config.snapshot_every == 0 or record.step == training.steps:
        # A kill then leaves no snapshot of a step that the history does not reach.
        history.flush()
        save_snapshot(run.folder, record.step, training.weights())


def _finish(
    run: Run,
    training: Training,
    history: History,
    status: str,
    message: str = "",
    *,
    divergence: DivergedError | None = None,
) -> None:
    if status == "finished":
        history.sync()
    else:
        _save_checkpoint(run, training, history)

    save_end(
        run.folder,
        run.config,
        training.weights(),
        step=training.step,
        status=status,
        message=message,
        divergence=divergence,
    )
    if status == "finished":
        (run.folder / "checkpoint.safetensors").unlink(missing_ok=True)


def _restore(run: Run, training: Training) -> list[str]:
    """Bring a training to the latest checkpoint; returns the history's lines up to there, with the header."""
    path = run.folder / "checkpoint.safetensors"
    if not path.exists():
        return [HEADER]

    stored = read_tensors(path)
    if stored.config != digest(run.config):
        what = "config.toml was changed since the checkpoint. Undo that, or train again in another folder."
        raise RunError(f"{run.folder}: {what}", folder=run.folder)

    try:
        training.load_state(stored.tensors, stored.step)
    except (KeyError, ValueError, RuntimeError):
        raise explain_damage(path, "it does not fit this run") from None
    if not training.engine.weights_are_finite():
        raise explain_damage(path, "it holds weights that are not finite numbers")

    # The header, and one line for each step.
    history = run.folder / "history.csv"
    lines = read_lines(history)
    if lines[:1] != [HEADER.rstrip()] or len(lines) <= stored.step:
        raise explain_damage(history, f"it is shorter than the checkpoint, which is of step {stored.step:,}")

    kept = lines[: stored.step + 1]
    parse_lines(history, kept)
    return [line + "\n" for line in kept]


def _save_checkpoint(run: Run, training: Training, history: History) -> float:
    """Save all that the next steps depend on; returns the seconds it took."""
    began = monotonic()
    history.sync()
    state = training.state()
    save_tensors(run.folder / "checkpoint.safetensors", state, metadata(run.config, training.step))
    return monotonic() - began
