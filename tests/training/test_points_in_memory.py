"""Training on rows in memory, with both engines. Oracles: the rows, counted, and the uninterrupted run's bits."""

from collections import Counter
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch

from swissroll.config import Config
from swissroll.data import Points
from swissroll.training.build import build, build_batch, decide, flops, held_out_points, loss_of
from swissroll.training.sampler import Sampler

Engine = Literal["torch", "xla"]
ROWS = np.random.default_rng(0).normal(size=(50, 3)) * [9.0, 0.1, 1.0] + [5.0, -1.0, 0.0]
POINTS = Points.of(ROWS, seed=1)
CONFIG = Config(hidden_dim=4, depth=1, batch_size=16, steps=12, eval_every=5, device="cpu", threads=1)


@pytest.fixture
def _jax(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("jax", reason="needs JAX: pip install 'jax>=0.8'")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(params=["torch", "xla"])
def engine(request: pytest.FixtureRequest) -> Any:
    if request.param == "xla":
        request.getfixturevalue("_jax")
    return request.param


def test_a_pass_of_batches_has_every_row_as_often() -> None:
    sampler = Sampler(replace(CONFIG, batch_size=9), distribution=POINTS)
    found = Counter(map(tuple, sampler.draw_points(10).reshape(-1, 3).tolist()))
    assert found == Counter({tuple(row): 2 for row in POINTS.train.tolist()})


def test_a_batch_larger_than_the_table_has_rows_twice_at_most_once_more_than_others() -> None:
    sampler = Sampler(replace(CONFIG, batch_size=100), distribution=POINTS)
    found = Counter(map(tuple, sampler.draw_points(1)[0].tolist()))
    assert set(found.values()) == {2, 3}


@pytest.mark.parametrize("cuts", [[1] * 12, [5, 7], [12]])
def test_batches_do_not_depend_on_how_many_steps_are_drawn_at_a_time(cuts: list[int]) -> None:
    whole = Sampler(CONFIG, distribution=POINTS).draw_points(12)
    sampler = Sampler(CONFIG, distribution=POINTS)
    assert torch.equal(torch.cat([sampler.draw_points(n) for n in cuts]), whole)


def test_a_run_goes_on_after_any_step_with_the_same_bits(engine: Engine) -> None:
    config = replace(CONFIG, engine=engine)
    whole = build(config, distribution=POINTS)
    list(whole)
    for done in (1, 5, 7):
        begun = build(replace(config, steps=done), distribution=POINTS)
        list(begun)
        state = begun.engine.state()
        resumed = build(config, distribution=POINTS)
        resumed.load_state(state, done)
        records = list(resumed)
        assert len(records) == config.steps - done
        for name, values in whole.engine.weights().items():
            assert torch.equal(resumed.engine.weights()[name], values)


@pytest.mark.usefixtures("_jax")
def test_the_engines_draw_the_same_rows() -> None:
    losses = []
    for engine in ("torch", "xla"):
        losses.append([record.train.loss for record in build(replace(CONFIG, engine=engine), distribution=POINTS)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_held_out_rows_stand_in_for_fresh_points() -> None:
    held_out = held_out_points(CONFIG, distribution=POINTS).points
    assert torch.equal(held_out, POINTS.held_out)
    assert len(held_out_points(CONFIG, 3, distribution=POINTS).points) == 3
    record = list(build(CONFIG, distribution=POINTS))[-1]
    assert record.held_out is not None


def test_the_prior_is_fitted_to_the_rows() -> None:
    config = replace(CONFIG, components=2, refit_prior=True)
    training = build(config, distribution=POINTS)
    list(training)
    mu, logvar = (values.detach() for values in training.engine.model.encode(POINTS.train))
    means = training.engine.weights()["prior.means"]
    reach = 4 * float((logvar / 2).exp().max())
    assert float(mu.min()) - reach < float(means.min())
    assert float(means.max()) < float(mu.max()) + reach


def test_dimensions_are_those_of_the_rows() -> None:
    plan = decide(CONFIG, POINTS)
    assert plan.distribution is POINTS
    assert build(plan).engine.model.data_dim == 3
    assert loss_of(CONFIG, POINTS).data_dim == 3
    assert flops(CONFIG, POINTS) > flops(CONFIG)


@pytest.mark.usefixtures("_jax")
def test_a_batch_of_runs_shares_the_rows() -> None:
    configs = [replace(CONFIG, engine="xla", seed=seed) for seed in (1, 2)]
    batch = build_batch(configs, POINTS)
    found = batch.run_steps(12)
    for member, config in enumerate(configs):
        alone = [record.train.loss for record in build(config, distribution=POINTS)]
        np.testing.assert_allclose(
            found[:, member, 1], [r.train.mse for r in build(config, distribution=POINTS)], rtol=1e-4
        )
        assert len(alone) == 12


def test_what_is_no_distribution_is_refused() -> None:
    with pytest.raises(ValueError, match="distribution must be a distribution"):
        build(CONFIG, distribution=ROWS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="A plan has its distribution already"):
        build(decide(CONFIG, POINTS), distribution=POINTS)
