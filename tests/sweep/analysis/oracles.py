"""Tables of sweeps whose numbers are known, and sweeps of really trained runs; shared by the tests of the analysis."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swissroll.config import Config
from swissroll.evaluation.evidence import EXACT_DIMS
from swissroll.report.page import write_metrics
from swissroll.runs.evaluate import evaluate
from swissroll.runs.run import load
from swissroll.sweep.analysis.results import Row, Table, read_table, write_table
from swissroll.sweep.plan import Sweep, run_name
from swissroll.sweep.worker import pack
from swissroll.training.many import train_many

QUICK = {"steps": 30, "eval_every": 10, "hidden_dim": 8, "seeds": 2, "engine": "torch", "device": "cpu"}

Values = Callable[[dict[str, Any], int], dict[str, float] | None]


def made_table(
    axes: dict[str, tuple[Any, ...]], values: Values, *, seeds: int = 3, hold: str = "beta", **fixed: Any
) -> Table:
    """A table whose metrics ``values(setting, seed)`` gives; None there is a diverged run."""
    rows: list[Row] = []
    for combination in itertools.product(*axes.values()):
        setting = dict(zip(axes, combination, strict=True))
        for seed in range(seeds):
            found = values(setting, seed)
            row = Row(
                name=f"{len(rows)}",
                config=Config(**(fixed | setting), seed=seed),
                setting=setting,
                status="diverged" if found is None else "finished",
                values=found or {},
                bounds_evidence=found is not None and Config(**(fixed | setting)).latent_dim > EXACT_DIMS,
            )
            rows.append(row)
    return Table(folder=Path(), axes=axes, seeds=tuple(range(seeds)), hold=hold, rows=rows)


def one_axis(columns: dict[int, list[float]]) -> Table:
    """A sweep of the width with these squared errors by seed."""
    seeds = len(next(iter(columns.values())))
    return made_table(
        {"hidden_dim": tuple(columns)}, lambda at, seed: {"mse": columns[at["hidden_dim"]][seed]}, seeds=seeds
    )


def trained_sweep(folder: Path, runs: int | None = None, **values: Any) -> Table:
    """A sweep's folder with the first ``runs`` of its runs, or all, trained one by one."""
    sweep = Sweep.of(QUICK | values)
    (folder / "runs").mkdir(parents=True)
    (folder / "sweep.toml").write_text(sweep.to_toml(), encoding="utf-8")
    for config in list(sweep.configs())[:runs]:
        run = folder / "runs" / run_name(config)
        run.mkdir()
        for name, data in pack(train_many([config])[0]).items():
            (run / name).write_bytes(data)
        write_metrics(load(run), evaluate(load(run)))
    write_table(sweep, folder)
    return read_table(folder)


def page_text(folder: Path) -> str:
    """A sweep's page without its pictures, style and script."""
    html = (folder / "report.html").read_text(encoding="utf-8")
    html = re.sub(r'src="data:[^"]*"', "", html)
    return re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
