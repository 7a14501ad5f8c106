"""The frontier against brute force over table.csv."""

import csv

import numpy as np

from swissroll.sweep.analysis.results import Table
from tests.sweep.analysis.oracles import page_text


def test_the_frontier_is_that_of_the_runs_means(table: Table) -> None:
    means = {}
    with (table.folder / "table.csv").open(encoding="utf-8") as file:
        found = [row for row in csv.DictReader(file) if row["mse"]]
    for axes in {(r["latent_dim"], r["beta"], r["lr"]) for r in found}:
        rows = [r for r in found if (r["latent_dim"], r["beta"], r["lr"]) == axes]
        means[axes] = tuple(np.mean([float(r[name]) for r in rows]) for name in ("rate", "mse"))
    best = [a for a, (x, y) in means.items() if not any(u < x and v < y for u, v in means.values())]
    expected = [
        f"latent_dim {a}, beta {float(b):g}, lr {float(c):g}" for a, b, c in sorted(best, key=means.__getitem__)
    ]
    assert f"On the frontier, by rising rate: {'; '.join(expected)}." in page_text(table.folder)
