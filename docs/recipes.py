"""Measure the recipes over several seeds; print the table as Markdown.

    python docs/recipes.py recipes           the notebook's recipe, the same repaired, and --preset best (5 seeds)
    python docs/recipes.py recipes --long    the same with --preset best-long, which takes minutes per seed

Runs are in --folder (default runs/recipes), each with its measurements in row.json. They are used again from there, so
an interrupted script goes on. Entries are mean ± standard deviation over seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swissroll import Config, Run, examine, load
from swissroll.config import PRESETS
from swissroll.evaluation import LossHistory, collect_symptoms
from swissroll.runs import advance, create, repair
from swissroll.training import DivergedError, loss_of

SEEDS = 5
Row = dict[str, Any]
Columns = dict[str, tuple[Callable[[Row], float], int]]
"""For each column: what it shows of a row, and with how many decimals."""

WORTH: Columns = {
    "off-curve median": (lambda r: r["off_median"], 4),
    "90th percentile": (lambda r: r["off_p90"], 4),
    "99th percentile": (lambda r: r["off_p99"], 4),
    "strays, %": (lambda r: 100 * r["strays"], 2),
    "W2": (lambda r: r["w2"], 3),
    "its noise floor": (lambda r: r["w2_noise_floor"], 3),
    "C2ST accuracy": (lambda r: r["c2st"], 3),
    "nats above bound": (lambda r: r["symptoms"]["above_lower_bound"], 3),
}


def trained(folder: Path, config: Config) -> Run:
    """The finished run of a config: found in the folder, or trained to its end there."""
    run = load(folder) if (folder / "config.toml").exists() else create(folder, config)
    decided: dict[str, Any] = {"threads": None, "device": "auto", "engine": "auto"}
    if replace(run.config, **decided) != replace(config, **decided):
        raise SystemExit(f"{folder} holds a run with other settings. Name another --folder.")
    if run.status not in ("finished", "diverged"):
        with suppress(DivergedError):
            for _ in advance(run):
                pass
    return load(folder)


def measured(run: Run) -> Row:
    """The measurements of a run, from its row.json if it was measured before."""
    path = run.folder / "row.json"
    if not path.exists():
        path.write_text(json.dumps(_measure(run)), encoding="utf-8")
    row: Row = json.loads(path.read_text(encoding="utf-8"))
    return row


def _measure(run: Run) -> Row:
    metrics, _ = examine(run)
    if metrics is None:
        return {"symptoms": None}
    history, made = LossHistory.of(run.config, run.history.__getitem__), metrics.prior
    found = collect_symptoms(loss_of(run.config), history, metrics, finite=run.status != "diverged")
    assert made.fit is not None  # noqa: S101 - all of these data lie on a curve.
    return {
        "symptoms": asdict(found),
        "off_median": made.fit.off_median,
        "off_p90": made.fit.off_p90,
        "off_p99": made.fit.off_p99,
        "strays": made.fit.strays,
        "w2": made.distances.w2.value,
        "w2_noise_floor": made.distances.w2.noise_floor,
        "c2st": made.distances.c2st.value,
    }


def cell(rows: list[Row], value: Callable[[Row], float], digits: int) -> str:
    """Mean ± standard deviation of one column, over the rows that could be measured."""
    values = np.array([value(row) for row in rows if row["symptoms"] and np.isfinite(value(row))])
    if not len(values):
        return "-"
    if np.abs(values).max() > 1e4:
        return f"up to {values.max():.0e}"
    return f"{values.mean():.{digits}f}" + (f" ±\u00a0{values.std(ddof=1):.{digits}f}" if len(values) > 1 else "")


def line(name: str, rows: list[Row], columns: Columns, *cells: str) -> None:
    """Print one line of a table."""
    shown = [cell(rows, value, digits) for value, digits in columns.values()]
    print(f"| {' | '.join([name, *cells, *shown])} |", flush=True)


def head(*names: str) -> None:
    """Print a table's head."""
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)


def runs(folder: Path, name: str, settings: dict[str, Any], seeds: int) -> list[Run]:
    """The runs of a setting, one per seed."""
    base = "-".join(name.replace(",", "").split())
    configs = [Config(**{"snapshot_every": 500, **settings, "seed": seed}) for seed in range(seeds)]
    return [trained(folder / f"{base}-{config.seed}", config) for config in configs]


def recipes(folder: Path, *, long: bool) -> None:
    """How good the recipes are."""
    head("recipe", "seeds", *WORTH)
    for name in ("notebook", "notebook repaired", "best", *(["best-long"] if long else [])):
        plain = runs(folder, name.removesuffix(" repaired"), PRESETS[name.removesuffix(" repaired")], SEEDS)
        rows = [measured(repaired(run) if name.endswith("repaired") else run) for run in plain]
        line(name, rows, WORTH, str(len(rows)))


def repaired(run: Run) -> Run:
    """The run with a mixture of 20 Gaussians fitted to its aggregate posterior, in a folder beside it."""
    folder = run.folder.with_name(f"{run.folder.name}-repaired")
    return load(folder) if (folder / "config.toml").exists() else repair(run, folder, components=20)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["recipes"])
    parser.add_argument("--folder", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--long", action="store_true", help="with --preset best-long, too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    recipes(given.folder, long=given.long)


if __name__ == "__main__":
    main()
