"""The scripts that measure what the pages say run on each engine that a reader may have."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from docs import diagnosis, experiments, recipes
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
    for value, _ in recipes.WORTH.values():
        assert math.isfinite(value(row))


@pytest.mark.usefixtures("few_points")
def test_the_verdicts_of_a_run_are_those_of_its_command(tmp_path: Path) -> None:
    case = diagnosis.Case("small", {"steps": 30, "hidden_dim": 8, "engine": "torch"})
    row = diagnosis.found(tmp_path, case)
    assert row == diagnosis.found(tmp_path, case)
    assert (row.train, row.evaluate, row.fault()) == ("under-trained", "under-trained", "")
    assert row.off()
