"""Every distribution of the catalogue, held to its own definition: names, moments, streams, a run."""

from __future__ import annotations

import copy
import pickle
from typing import get_args

import pytest
import torch
from torch import Generator

from swissroll.config import Config, Dataset
from swissroll.data import DISTRIBUTIONS, Distribution, open_distribution
from swissroll.training.build import build
from swissroll.training.sampler import Sampler

names = pytest.mark.parametrize("name", DISTRIBUTIONS)


def configured(name: str, **settings: object) -> Config:
    return Config.from_dict({"dataset": name, **settings})


def test_a_config_takes_the_names_of_the_catalogue() -> None:
    assert set(get_args(Dataset)) == set(DISTRIBUTIONS)


@names
def test_a_config_opens_it(name: str) -> None:
    found = open_distribution(configured(name, noise=0.1))
    assert isinstance(found, Distribution)
    assert (found.name, found.noise) == (name, 0.1)


@names
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_sample_has_its_variance(name: str, noise: float) -> None:
    source = DISTRIBUTIONS[name].make(noise)
    x = source.sample(40_000, generator=Generator().manual_seed(0)).points
    assert x.shape == (40_000, source.data_dim)
    assert x.dtype == torch.float32
    assert float(x.double().var(dim=0).mean()) == pytest.approx(source.variance, rel=0.02)


@names
def test_its_scale_is_the_rolls(name: str) -> None:
    assert 0.18 < DISTRIBUTIONS[name].make(0.0).variance < 0.23


@names
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_steps_drawn_at_once_are_those_drawn_in_turn(name: str, noise: float) -> None:
    config = configured(name, noise=noise, batch_size=12)
    one_by_one = Sampler(config)
    expected = torch.cat([one_by_one.draw_points(1) for _ in range(5)])
    assert torch.equal(Sampler(config).draw_points(5), expected)


@names
def test_the_same_seed_draws_the_same_points_and_leaves_the_global_source_alone(name: str) -> None:
    source = DISTRIBUTIONS[name].make(0.1)
    before = torch.get_rng_state()
    first, second = (source.sample(50, generator=Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first.points, second.points)
    assert torch.equal(torch.get_rng_state(), before)


@names
def test_it_can_be_copied_hashed_and_sent_to_another_process(name: str) -> None:
    source = DISTRIBUTIONS[name].make(0.1)
    assert copy.deepcopy(source) == pickle.loads(pickle.dumps(source)) == source  # noqa: S301
    assert hash(source) == hash(DISTRIBUTIONS[name].make(0.1))


@pytest.mark.parametrize("name", ["gaussian", "checkerboard", "torus"])
def test_a_run_trains_on_what_has_no_curve(name: str) -> None:
    config = configured(name, steps=60, hidden_dim=32, eval_every=30, engine="torch")
    held_out = [record.held_out.mse for record in build(config) if record.held_out is not None]
    assert held_out[1] < held_out[0] < 0.3
