"""Repair a trained run's prior: a copy of it whose prior is fitted to what its encoder does, without training again."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from swissroll import checks
from swissroll.config import MAX_COMPONENTS, REPAIR_COMPONENTS, Config
from swissroll.errors import Fix
from swissroll.model.standardized import standardization_state
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.runs.errors import RunError
from swissroll.runs.files import read_state, replace_file, save_end, save_snapshot
from swissroll.runs.folder import staged
from swissroll.runs.run import Run, load, make_folder, require_run
from swissroll.training.refit import DRAWS, Progress, refit_prior, show_nothing


@ordinary_modes()
def repair(
    run: Run,
    folder: str | os.PathLike[str],
    *,
    components: int = REPAIR_COMPONENTS,
    progress: Progress = show_nothing,
) -> Run:
    """Write a copy of a run whose prior is a mixture of Gaussians fitted to its aggregate posterior.

    Encoder and decoder keep every bit; a mixture that the run was trained with is fitted again. The copy has the
    history as it was, and its snapshots are the networks as they were, each with the fitted prior.

    Args:
        run: A run that was trained to its end, or stopped; its folder is only read.
        folder: New folder for the copy.
        components: K, Gaussians in the mixture, 1 to 500.
        progress: Called with the rounds of the fit that were done since the last call, at most 100 in all; with 0
            before the first.

    Returns:
        The copy, finished, with ``config.components`` equal to K. It appears in its folder whole or not at all, and
        its state.json says which run it was made from.

    Raises:
        RunError: The run has no weights to repair (it is unfinished, or diverged), it is damaged, or the folder is
            not new.
        ValueError: ``components`` is out of range, or the run's encoder gives numbers that are not finite.
    """
    require_run(run)
    place = checks.folder("folder", folder)
    checks.whole("components", components, 1, MAX_COMPONENTS)
    checks.function("progress", progress)
    _require_trained(run)
    if run.folder.resolve() in place.resolve().parents:
        raise RunError(f"{place} lies in the run that is copied.", Fix.CHOOSE_ANOTHER_FOLDER, folder=place)
    with staged(place) as staging:
        _write_copy(run, staging, components, progress)
    return load(place)


def _write_copy(run: Run, folder: Path, components: int, progress: Progress) -> None:
    with ordinary_modes(gradients=True, threads=run.config.threads):
        prior = refit_prior(run.network, run.config, components=components, progress=progress)

    # Opened again: its models are this function's own to change.
    source = load(run.folder)

    config = dataclasses.replace(source.config, prior="gaussians", components=components, refit_prior=True)
    repaired = make_folder(folder, config, origin=_origin(source, config))
    replace_file(folder / "history.csv", (source.folder / "history.csv").read_bytes())
    beside = {} if source.standardization is None else standardization_state(source.standardization)
    # One at a time: there may be very many.
    for step in sorted({*source.snapshots, source.step}):
        model = source.network if step == source.step else source.snapshots[step]
        model.prior = prior
        save_snapshot(repaired.folder, step, model.state_dict() | beside)

    message = f"The prior, {components} Gaussians, was fitted after training to {DRAWS:,} posterior draws."
    save_end(
        repaired.folder,
        repaired.config,
        source.network.state_dict() | beside,
        step=source.step,
        status="finished",
        message=message,
        repaired_from=_original(source),
    )


def _origin(source: Run, config: Config) -> str:
    """What a copy's settings do not say of it."""
    trained = source.config
    if source.repaired_from:
        # What that was trained with, its own folder says.
        what = f"its {config.components} Gaussians were fitted after training"
        again = "train another model, which has such Gaussians from its first step on"
    elif trained.prior == "flow":
        what = f"trained with a flow; its {config.components} Gaussians were fitted after that"
        again = f"train another model, which has {config.components} Gaussians from its first step on"
    elif trained.components == config.components:
        what = "trained with these Gaussians; they were fitted once more after training"
        again = "train the original again, and fit its Gaussians at the end"
    else:
        what = f"trained with components={trained.components}; its {config.components} Gaussians were fitted after that"
        again = f"train another model, which has {config.components} Gaussians from its first step on"
    return f"This run is a repaired copy of {_original(source)}, {what}. These settings {again}."


def _original(source: Run) -> str:
    """Folder of the run that was trained: a copy of a copy has its weights and its history."""
    return source.repaired_from or str(source.folder.resolve())


def _require_trained(run: Run) -> None:
    if run.status == "diverged":
        what = "diverged; a prior cannot repair that. Train again with a lower learning rate."
        raise RunError(f"{run.folder} {what}", folder=run.folder)
    ended = read_state(run.folder)
    if run.status == "unfinished" and ended.get("status") == "finished" and not ended.get("repaired_from"):
        what = "has lost its weights, model.safetensors. Resuming computes them again."
        raise RunError(f"{run.folder} {what}", Fix.RESUME, folder=run.folder)
    if run.status not in ("finished", "stopped") or not (run.folder / "model.safetensors").exists():
        raise RunError(f"{run.folder} is not trained yet.", Fix.RESUME, folder=run.folder)
    run.require_whole()
