"""What the lab's page begins with: settings, or a recorded run with its weights on the way, as JSON that it reads."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from swissroll.config import Config, require_config
from swissroll.model.vae import VAE
from swissroll.report.commands import OF_A_MACHINE
from swissroll.report.lab_table import columns_beyond_the_page, pack_table
from swissroll.runs.run import Run
from swissroll.runs.selection import spread

MAX_OF_SETTING = {
    "latent_dim": 4,
    "hidden_dim": 256,
    "depth": 4,
    "components": 50,
    "steps": 100_000,
    "batch_size": 1024,
    "warmup": 100_000,
    "seed": 2**53 - 1,
}
"""What the page computes at most; ``web/lab/settings.js`` has the same bounds."""
NOT_ON_THE_PAGE = (
    "conditional",
    "free_bits",
    "importance_samples",
    "max_error",
    "mmd_weight",
    "posterior",
    "prior",
)
"""Settings that the page does not have: it computes what they are by default."""
OF_A_TABLE = ("columns", "data", "held_out", "label")
"""Settings that name rows, which the page gets as they are."""
OF_A_DATASET = ("dataset", "noise")
"""Settings that mean nothing beside a table."""
OPENING_SETTINGS: dict[str, Any] = {"hidden_dim": 64, "steps": 20_000}
"""Settings that the page opens with where they are not the notebook's; ``web/lab/settings.js`` has the same."""
DECODER_VARIANCES = ("fixed", "learned")
"""What the page knows of the decoder's variance."""
MAX_ROWS = 1000
"""Most rows of a history."""
MAX_SNAPSHOT_CHARACTERS = 12_000_000
"""Room for weights in a page of its own."""
MAX_SNAPSHOTS = 300
"""Most snapshots on the page's timeline."""
COLUMNS = ("loss", "distortion", "rate", "held_out_loss", "held_out_distortion", "held_out_rate")
DENSITIES = ("distortion", "held_out_distortion")
"""Those of them that are densities of x, and so have its unit."""


def start_of_config(config: Config) -> dict[str, Any]:
    """A page that begins with some settings.

    Raises:
        ValueError: ``config`` is none, or the page does not compute such settings.
    """
    require_config(config)
    reason = beyond_the_page(config)
    if reason:
        raise ValueError(f"{reason} Change that, or train it with swissroll.train.")
    left_out = (*OF_A_MACHINE, *NOT_ON_THE_PAGE, *OF_A_TABLE)
    settings = {name: value for name, value in asdict(config).items() if name not in left_out}
    if config.data is None:
        return {"settings": settings}
    of_rows = {name: value for name, value in settings.items() if name not in OF_A_DATASET}
    return {"settings": of_rows, "table": pack_table(config)}


def config_of_table(data: Path, columns: str | None = None, label: str | None = None) -> Config:
    """The settings that the page opens with, on a table.

    Args:
        data: The table's file.
        columns: Names of its columns to use, with commas between them; all but the label by default.
        label: Name of a column that colours pictures.
    """
    return Config(**OPENING_SETTINGS, data=str(data), columns=columns, label=label)


def start_of_run(run: Run, room: int = MAX_SNAPSHOT_CHARACTERS) -> dict[str, Any]:
    """A page that begins with a recorded run: its end, and on the timeline weights on the way.

    Args:
        run: A run with weights.
        room: Characters that the weights may take; those of the end are always there.

    Raises:
        RunError: The run is damaged, or nothing is trained yet.
        ValueError: The page does not compute such a model.
    """
    # With a run comes matplotlib, which says in a notebook's first cell that it builds a cache of fonts.
    from swissroll.report.lab_weights import pack_weights
    from swissroll.report.scene import Scene

    model = run.network
    reason = beyond_the_page(run.config, model)
    if reason:
        raise ValueError(f"{run.folder}: {reason} The run's report has its pictures.")

    # The end is one of those that are spread, and is there already.
    steps = [step for step in run.snapshots if step < run.step]
    chosen = spread([*steps, run.step], MAX_SNAPSHOTS)[:-1]

    start = start_of_config(run.config)
    rows = start.get("table", {})
    room -= len(rows.get("rows", "")) + len(rows.get("held_out", "")) + len(rows.get("colours", ""))
    return start | {
        "name": run.folder.resolve().name,
        "plane": list(Scene.of_run(run).plane),
        "weights": pack_weights(model, run.snapshots, chosen, run.step, room),
        "history": _history(run),
    }


def beyond_the_page(config: Config, model: VAE | None = None) -> str:
    """What of a run the page does not compute, as a sentence; empty where it computes all."""
    for name, most in MAX_OF_SETTING.items():
        value = getattr(config, name)
        if value > most:
            return f"The lab computes {name} up to {most:,}; here it is {value:,}."
    for name in NOT_ON_THE_PAGE:
        value = getattr(config, name)
        if value != getattr(Config, name):
            return f"The lab does not compute {name}={value!r}."
    if config.decoder_variance not in DECODER_VARIANCES:
        return f"The lab computes decoder_variance fixed or learned; here it is {config.decoder_variance}."
    if model is not None and type(model) is not VAE:
        return "The lab computes swissroll's own VAE, and this is another class."
    return "" if config.data is None else columns_beyond_the_page(config)


def _history(run: Run) -> dict[str, list[float | None]]:
    """The columns of a run's history that the page draws, at most so many rows; None where nothing was measured."""
    history: Any = run.history[: run.step]
    measured = np.flatnonzero(np.isfinite(history.held_out_loss)).tolist()
    rows = spread(range(len(history)), MAX_ROWS - min(len(measured), MAX_ROWS // 2))
    kept = np.unique(rows + spread(measured, MAX_ROWS // 2)).astype(int)

    # On disk a density is one of standardised rows; the page's are in the units of the table.
    standardization = run.standardization
    log_volume = 0.0 if standardization is None else standardization.log_volume

    found: dict[str, list[float | None]] = {"step": history.step[kept].tolist()}
    for name in COLUMNS:
        column = history[name][kept] + (log_volume if name in DENSITIES else 0.0)
        found[name] = [float(f"{value:.6g}") if np.isfinite(value) else None for value in column]
    return found
