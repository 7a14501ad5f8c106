"""Distances beside their noise floors. Oracles: the functions of distances, called one by one."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from swissroll.data import CURVES
from swissroll.evaluation.distances import energy_distance, mmd, wasserstein
from swissroll.evaluation.reference_sample import ReferenceSample, compare
from tests.oracles import seeded


def gaussian(n: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", ["swiss_roll", "helix"])
def test_real_points_are_at_the_noise_floor_and_others_above(name: str) -> None:
    curve = CURVES[name]
    real, *again = (curve.sample(400, generator=seeded(i))[0] for i in range(7))
    reference = ReferenceSample(real, again[:-1])
    at_noise_floor, off = reference.compare(again[-1]), reference.compare(again[-1] + 0.3)
    for name_, distance in asdict(at_noise_floor).items():
        assert abs(distance["value"] - distance["noise_floor"]) < 6 * distance["noise_floor_sd"], name_
        above = asdict(off)[name_]
        assert above["value"] > above["noise_floor"] + 4 * above["noise_floor_sd"], name_


def test_a_noise_floor_is_the_measure_between_real_points() -> None:
    real, *again = (gaussian(50, 2, seed) for seed in range(4))
    found = compare(gaussian(50, 2, 9), real, again).w2
    draws = [wasserstein(sample, real) for sample in again]
    assert found.noise_floor == pytest.approx(np.mean(draws))
    assert found.noise_floor_sd == pytest.approx(np.std(draws, ddof=1))
    assert found.value == pytest.approx(wasserstein(gaussian(50, 2, 9), real))
    assert found.n == 50


def test_comparing_twice_gives_the_same_numbers_and_draws_nothing() -> None:
    samples = [gaussian(120, 2, seed) for seed in range(4)]
    state = torch.get_rng_state()
    first, second = (compare(samples[0], samples[1], samples[2:], exact=60) for _ in range(2))
    assert first == second
    assert torch.equal(state, torch.get_rng_state())
    assert (first.w2.n, first.energy.n) == (60, 120)
    json.dumps(asdict(first), allow_nan=False)


def test_an_ordered_sample_is_thinned_at_random() -> None:
    curve = CURVES["swiss_roll"]
    real, *again = (curve.sample(400, generator=seeded(i))[0] for i in range(3))
    ordered = curve.position(curve.midpoints(400))
    assert compare(ordered, real, again, exact=100).w2.value < 0.4


@pytest.mark.parametrize("n", [150, 80])
def test_a_reference_sample_measures_as_the_functions_do(n: int) -> None:
    real, sample = gaussian(150, 2), gaussian(n, 2, 3)
    reference = ReferenceSample(real, [gaussian(150, 2, 1), gaussian(150, 2, 2)], bandwidth=0.7)
    for _ in range(2):
        measured = {name: value for name, (value, _) in reference.measure(sample).items()}
        x, y = (
            points[torch.randperm(len(points), generator=Generator().manual_seed(0))[:n]] for points in (sample, real)
        )
        assert measured["energy"] == energy_distance(x, y)
        assert measured["mmd"] == mmd(x, y, bandwidth=0.7)


def test_too_few_or_other_samples_are_refused() -> None:
    x = gaussian(10, 2)
    with pytest.raises(ValueError, match="real_again must hold at least 2 samples"):
        compare(x, x, [x])
    with pytest.raises(ValueError, match=r"sample must have shape \(N, 2\)"):
        ReferenceSample(gaussian(40, 2), [gaussian(40, 2, 1), gaussian(40, 2, 2)]).compare(torch.zeros(40, 3))
