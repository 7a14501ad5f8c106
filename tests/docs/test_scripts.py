"""The scripts that measure what the pages say run on each engine that a reader may have."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from docs import experiments, recipes
from swissroll import Config


@pytest.fixture(params=["torch", "xla"])
def small(request: pytest.FixtureRequest) -> Config:
    """A run of a second, on each engine."""
    if request.param == "xla":
        pytest.importorskip("jax", exc_type=ImportError)
    return Config(steps=30, hidden_dim=8, engine=request.param)


def test_an_experiment_measures_a_run(small: Config) -> None:
    row = experiments.train(small)
    assert row.keys() == experiments.DIGITS.keys()
    assert all(map(math.isfinite, row.values()))


@pytest.mark.usefixtures("few_points")
def test_a_recipe_measures_a_run_once(small: Config, tmp_path: Path) -> None:
    run = recipes.trained(tmp_path / "run", small)
    row = recipes.measured(run)
    assert recipes.measured(recipes.trained(tmp_path / "run", small)) == row
    for value, _ in (recipes.SYMPTOMS | recipes.WORTH).values():
        assert math.isfinite(value(row))
    assert recipes.verdicts([row]).startswith("1 ")
