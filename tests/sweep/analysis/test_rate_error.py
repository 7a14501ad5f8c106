"""The frontier against brute force over table.csv."""

import csv

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from swissroll.sweep.analysis.rate_error import pareto_frontier
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


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25))
def test_frontier_is_what_brute_force_finds(points: list[tuple[int, int]]) -> None:
    array = np.array(points, dtype=float).reshape(-1, 2)
    expected = [not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points) for x, y in points]
    assert pareto_frontier(array).tolist() == expected
