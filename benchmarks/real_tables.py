"""VAEDensity at its default settings on eight real tables, beside other densities and other detectors of anomalies.

    python -m benchmarks.real_tables --tasks density    some minutes on an idle core; goes on where it was interrupted
    python -m benchmarks.real_tables --tasks anomaly    areas under the curve of detectors, one kind after another
    python -m benchmarks.real_tables --tables iris wine --split 1       other tables, another split

Results are JSON lines in --results, one for each table, split and model. It needs an environment of its own, with
benchmarks/requirements-tables.txt.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from benchmarks.real_table_data import TABLES, Rows, Split, Table, reduce, split
from benchmarks.real_table_models import DENSITIES, DETECTORS, fit_ours
from benchmarks.real_table_page import OURS, show

SHOWN_SPLIT = 0
"""The split that the page shows. Defaults were chosen on others."""

Row = dict[str, Any]


def measure_ours(rows: Split, seed: int) -> Row:
    """Log densities of rows to score, their coverage, and the diagnosis."""
    began = process_time()
    model = fit_ours(rows.train, seed)
    seconds = process_time() - began
    return {
        "seconds": seconds,
        "scores": model.score_samples(rows.test).tolist(),
        "probabilities": model.anomaly_probability(rows.test).tolist(),
        "diagnosis": str(model.diagnosis_),
    }


def measure_density(name: str, rows: Split, seed: int) -> Row:
    """Log densities of rows to score."""
    if name == OURS:
        return measure_ours(rows, seed)
    began = process_time()
    score = DENSITIES[name](rows.train, seed)
    return {"seconds": process_time() - began, "scores": score(rows.test).tolist()}


def measure_detector(name: str, table: Table, seed: int) -> Row:
    """Area under the curve where each kind in turn is the ordinary one, fitted alone, and the others are anomalies."""
    from sklearn.metrics import roc_auc_score

    areas = []
    began = process_time()
    for rows, is_ordinary in anomaly_splits(table, seed):
        areas.append(roc_auc_score(is_ordinary, DETECTORS[name](rows.train, seed)(rows.test)))
    return {"seconds": process_time() - began, "areas": areas}


def anomaly_splits(table: Table, seed: int) -> Iterator[tuple[Split, Rows]]:
    """For each kind: some of its rows to fit, the others and those of all other kinds to score, and which are of it."""
    labels = np.asarray(table.labels)
    for kind in np.unique(labels):
        ordinary = split(Table(name=table.name, rows=table.rows[labels == kind]), seed)
        others = table.rows[labels != kind]
        rows = reduce(table, Split(ordinary.train, np.concatenate([ordinary.test, others])))
        yield rows, np.repeat([1.0, 0.0], [len(ordinary.test), len(others)])


def measure(table: Table, task: str, model: str, seed: int) -> Row:
    """A line of results."""
    rows = split(table, seed)
    found = measure_density(model, rows, seed) if task == "density" else measure_detector(model, table, seed)
    shape = {"rows": len(rows.train), "columns": rows.train.shape[1]}
    return {"task": task, "table": table.name, "split": seed, "model": model, **shape, **found}


def read(path: Path) -> list[Row]:
    """What was measured before."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--tasks", nargs="+", choices=("density", "anomaly"), default=["density", "anomaly"])
    parser.add_argument("--models", nargs="+", default=[OURS, *DENSITIES, *DETECTORS])
    parser.add_argument("--split", type=int, default=SHOWN_SPLIT)
    parser.add_argument("--results", type=Path, default=Path("runs/real_tables/results.jsonl"))
    given = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    given.results.parent.mkdir(parents=True, exist_ok=True)
    found = {(row["task"], row["table"], row["split"], row["model"]): row for row in read(given.results)}
    for task in given.tasks:
        models = [OURS, *DENSITIES] if task == "density" else list(DETECTORS)
        for name in given.tables:
            table = TABLES[name]()
            if task == "anomaly" and table.labels is None:
                continue
            for model in models:
                key = (task, name, given.split, model)
                if key in found or model not in given.models:
                    continue
                found[key] = measure(table, task, model, given.split)
                with given.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found[key]) + "\n")
                print(f"{name}, {model}: {found[key]['seconds']:.1f} s", file=sys.stderr)
    shown = [row for row in found.values() if row["split"] == given.split and row["task"] in given.tasks]
    show(sorted(shown, key=lambda row: list(TABLES).index(row["table"])))


if __name__ == "__main__":
    main()
