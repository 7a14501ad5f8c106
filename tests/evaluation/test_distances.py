"""Distances between samples, against closed forms, SciPy, POT and laws that must hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as scipy_energy
from scipy.stats import norm
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from torch import Generator, Tensor

from swissroll.data import CURVES
from swissroll.evaluation.distances import (
    c2st_accuracy,
    energy_distance,
    mmd,
    sliced_wasserstein,
    wasserstein,
)
from tests.oracles import seeded

METRICS: list[Callable[[Any, Any], float]] = [wasserstein, sliced_wasserstein, energy_distance, mmd]
metrics = pytest.mark.parametrize("metric", METRICS)
few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 1000)


def gaussian(n: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=Generator().manual_seed(seed), dtype=torch.float64)


@metrics
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_sample_is_at_no_distance_from_itself(metric: Callable[[Any, Any], float], dim: int) -> None:
    x = gaussian(60, dim)
    assert metric(x, x[torch.randperm(60)]) == pytest.approx(0, abs=1e-7)


@few
@given(seeds, st.integers(1, 4))
def test_distances_are_symmetric(seed: int, dim: int) -> None:
    x, y = gaussian(30, dim, seed), gaussian(40, dim, seed + 1)
    assert wasserstein(x, y) == pytest.approx(wasserstein(y, x))
    assert energy_distance(x, y) == pytest.approx(energy_distance(y, x))
    assert mmd(x, y) == pytest.approx(mmd(y, x))
    swapped = sliced_wasserstein(y, x, generator=seeded())
    assert sliced_wasserstein(x, y, generator=seeded()) == pytest.approx(swapped)


@few
@given(seeds, st.lists(st.floats(-3, 3), min_size=1, max_size=4))
def test_w2_of_a_moved_sample_is_the_length_of_the_move(seed: int, move: list[float]) -> None:
    x, v = gaussian(40, len(move), seed), torch.tensor(move, dtype=torch.float64)
    assert wasserstein(x, x + v) == pytest.approx(v.norm().item(), abs=1e-7)


@few
@given(seeds)
def test_distances_do_not_see_a_common_move_or_turn(seed: int) -> None:
    x, y, v = gaussian(30, 3, seed), gaussian(30, 3, seed + 1), gaussian(1, 3, seed + 2)
    turn = torch.linalg.qr(gaussian(3, 3, seed + 3)).Q
    for metric in (wasserstein, energy_distance, mmd):
        assert metric(x @ turn + v, y @ turn + v) == pytest.approx(metric(x, y))


@few
@given(seeds, st.floats(0.1, 10))
def test_distances_scale_as_their_units_say(seed: int, scale: float) -> None:
    x, y = gaussian(30, 2, seed), gaussian(35, 2, seed + 1) + 0.5
    assert wasserstein(scale * x, scale * y) == pytest.approx(scale * wasserstein(x, y))
    assert energy_distance(scale * x, scale * y) == pytest.approx(math.sqrt(scale) * energy_distance(x, y))
    assert mmd(scale * x, scale * y, bandwidth=scale) == pytest.approx(mmd(x, y, bandwidth=1.0))
    sliced = sliced_wasserstein(x, y, generator=seeded())
    assert sliced_wasserstein(scale * x, scale * y, generator=seeded()) == pytest.approx(scale * sliced)


@pytest.mark.parametrize("sizes", [(80, 80), (80, 55), (1, 1)])
def test_w2_agrees_with_the_network_simplex(sizes: tuple[int, int]) -> None:
    x, y = gaussian(sizes[0], 3), gaussian(sizes[1], 3, 1) + 0.3
    least = ot.emd2(ot.unif(sizes[0]), ot.unif(sizes[1]), cdist(x, y, "sqeuclidean"))
    assert wasserstein(x, y) == pytest.approx(math.sqrt(least))


def test_w2_in_one_dimension_is_that_of_the_order() -> None:
    x, y = gaussian(50, 1), gaussian(50, 1, 1)
    expected = (x.sort(dim=0).values - y.sort(dim=0).values).square().mean().sqrt()
    assert wasserstein(x, y) == pytest.approx(expected.item())
    assert sliced_wasserstein(x, y, projections=3) == pytest.approx(expected.item())


def test_w2_takes_samples_of_two_sizes() -> None:
    x = gaussian(20, 2)
    assert wasserstein(x, x.repeat(3, 1)) == pytest.approx(0, abs=1e-7)
    y = gaussian(1, 2, 1)
    assert wasserstein(x, y) == pytest.approx((x - y).square().sum(dim=1).mean().sqrt().item())


def test_w2_of_gaussians_has_its_closed_form() -> None:
    # Quantiles of N(0, 1) and of N(2, 3^2): W2^2 = 2^2 + (3 - 1)^2.
    u = (np.arange(400) + 0.5) / 400
    x, y = norm.ppf(u)[:, None], 2 + 3 * norm.ppf(u)[:, None]
    assert wasserstein(x, y) == pytest.approx(math.sqrt(8), rel=5e-3)


@pytest.mark.parametrize("sizes", [(70, 70), (70, 45)])
def test_sliced_w2_agrees_with_pot(sizes: tuple[int, int]) -> None:
    x, y = gaussian(sizes[0], 3), gaussian(sizes[1], 3, 1) + 0.4
    directions = torch.randn(50, 3, generator=seeded(), dtype=torch.float64)
    directions = directions / directions.norm(dim=1, keepdim=True)
    expected = ot.sliced_wasserstein_distance(x.numpy(), y.numpy(), projections=directions.T.numpy())
    assert sliced_wasserstein(x, y, projections=50, generator=seeded()) == pytest.approx(expected)


def test_sliced_w2_of_a_moved_sample_is_the_move_over_the_root_of_the_dimension() -> None:
    x = gaussian(20, 3)
    found = sliced_wasserstein(x, x + torch.tensor([1.0, 2.0, 2.0]), projections=20_000, generator=seeded())
    assert found == pytest.approx(3 / math.sqrt(3), rel=0.02)


@pytest.mark.parametrize("sizes", [(60, 60), (60, 35)])
def test_energy_distance_agrees_with_scipy_in_one_dimension(sizes: tuple[int, int]) -> None:
    x, y = gaussian(sizes[0], 1), gaussian(sizes[1], 1, 1) + 0.2
    assert energy_distance(x, y) == pytest.approx(scipy_energy(x[:, 0], y[:, 0]))


def test_energy_distance_agrees_with_its_double_sums_in_two_dimensions() -> None:
    x, y = gaussian(1500, 2), gaussian(1100, 2, 1) + 0.2
    squared = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    assert energy_distance(x, y) == pytest.approx(math.sqrt(squared))


def test_mmd_agrees_with_scikit_learns_kernel() -> None:
    x, y, gamma = gaussian(70, 3), gaussian(50, 3, 1) + 0.2, 1 / (2 * 0.7**2)
    squared = rbf_kernel(x, x, gamma).mean() + rbf_kernel(y, y, gamma).mean() - 2 * rbf_kernel(x, y, gamma).mean()
    assert mmd(x, y, bandwidth=0.7) == pytest.approx(math.sqrt(squared))


def test_mmd_of_gaussians_has_its_closed_form() -> None:
    # k averaged over N(0, 1) and N(m, 1) is N(m; 0, h^2 + 2) * h sqrt(2 pi), and so at m = 0 within a sample.
    u = (np.arange(2000) + 0.5) / 2000
    h, m = 0.5, 1.0
    x, y = norm.ppf(u)[:, None], m + norm.ppf(u)[:, None]
    scale = h / math.sqrt(h**2 + 2)
    expected = math.sqrt(2 * scale * (1 - math.exp(-(m**2) / (2 * (h**2 + 2)))))
    assert mmd(x, y, bandwidth=h) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("neighbours", [1, 5, 15])
def test_c2st_accuracy_agrees_with_scikit_learns_leave_one_out(neighbours: int) -> None:
    x, y = gaussian(60, 2), gaussian(60, 2, 1) + 0.8
    points, label = torch.cat([x, y]).numpy(), np.repeat([0, 1], 60)
    scores = cross_val_score(KNeighborsClassifier(neighbours), points, label, cv=LeaveOneOut())
    assert c2st_accuracy(x, y, neighbours=neighbours, blur=0) == pytest.approx(scores.mean())


def test_c2st_accuracy_is_a_half_for_one_distribution_and_one_for_two() -> None:
    x, y = gaussian(1000, 2), gaussian(1000, 2, 1)
    assert c2st_accuracy(x, y, generator=seeded()) == pytest.approx(0.5, abs=0.05)
    assert c2st_accuracy(x, y + 20, generator=seeded()) == 1


def test_c2st_accuracy_saturates_on_a_curve_without_blur() -> None:
    curve = CURVES["circles"]
    x, y = (curve.sample(4000, generator=seeded(i))[0] for i in (1, 2))
    # Moved outwards by 0.008 and 0.016, less than the blur.
    assert c2st_accuracy(x, 1.02 * y, neighbours=5, blur=0) > 0.95
    assert c2st_accuracy(x, 1.02 * y, neighbours=5, blur=0.02, generator=seeded()) < 0.65


def test_c2st_accuracy_weighs_both_samples_alike() -> None:
    x, y = gaussian(200, 2), gaussian(1800, 2, 1)
    assert c2st_accuracy(x, y, generator=seeded()) == pytest.approx(0.5, abs=0.05)


def test_c2st_accuracy_leaves_out_every_point_among_equal_ones() -> None:
    # Each point has one twin, of the other sample: left out itself, it is always taken for that one.
    x = gaussian(40, 2)
    assert c2st_accuracy(x, x.clone(), neighbours=1, blur=0) == 0


def test_c2st_accuracy_of_two_heaps_of_equal_points_is_one() -> None:
    # More equal points than neighbours: a point may not be found among its own.
    assert c2st_accuracy(torch.zeros(40, 2), torch.ones(40, 2), blur=0) == 1


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (torch.zeros(0, 2), torch.zeros(5, 2), r"a must have shape \(N, D\) with N of at least 1"),
        (torch.zeros(5, 2), torch.zeros(5, 3), r"b must have shape \(N, 2\)"),
        (torch.zeros(5), torch.zeros(5), "a must have shape"),
        (torch.zeros(5, 0), torch.zeros(5, 0), "a must have shape"),
        (torch.zeros(5, 2), torch.full((5, 2), math.nan), "b must be finite; 5 of 5 points are not, first row 0"),
        (torch.full((5, 2), math.inf), torch.zeros(5, 2), "a must be finite"),
    ],
)
def test_bad_samples_are_refused(a: Tensor, b: Tensor, message: str) -> None:
    for metric in (*METRICS, c2st_accuracy):
        with pytest.raises(ValueError, match=message):
            metric(a, b)


def test_bad_arguments_are_refused() -> None:
    x: NDArray[np.float64] = np.zeros((10, 2))
    with pytest.raises(ValueError, match="neighbours must be odd"):
        c2st_accuracy(x, x, neighbours=4)
    with pytest.raises(ValueError, match="neighbours must be a whole number from 1 to 19"):
        c2st_accuracy(x, x, neighbours=21)
    with pytest.raises(ValueError, match="blur must be"):
        c2st_accuracy(x, x, blur=-1)
    with pytest.raises(ValueError, match="bandwidth must be"):
        mmd(x, x, bandwidth=0)
    with pytest.raises(ValueError, match="projections must be"):
        sliced_wasserstein(x, x, projections=0)
