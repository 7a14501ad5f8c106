"""The lower bound of rows. Oracles: closed forms, and expectation maximisation of mixtures, which can never beat it."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from swissroll.evaluation.lower_bound import rows_lower_bound


def constant(data_dim: int, sigma: float) -> float:
    return data_dim / 2 * math.log(2 * math.pi * sigma**2)


@pytest.mark.parametrize("data_dim", [1, 2, 7])
def test_rows_far_apart_have_an_atom_each(data_dim: int) -> None:
    rows = torch.arange(30.0)[:, None] * torch.ones(data_dim)
    found = rows_lower_bound(rows, 0.05)
    expected = constant(data_dim, 0.05) + math.log(30)
    assert found.lower - 1e-5 <= expected <= found.upper + 1e-9
    assert found.upper - found.lower < 1e-2


def test_equal_rows_are_one_atom() -> None:
    found = rows_lower_bound(np.full((25, 3), 4.0), 0.3)
    assert found.value == pytest.approx(constant(3, 0.3), abs=1e-9)
    assert found.lower == pytest.approx(constant(3, 0.3), abs=1e-9)


def test_rows_that_come_twice_weigh_twice() -> None:
    rows = [[0.0], [0.0], [9.0]]
    expected = constant(1, 0.1) - (2 * math.log(2 / 3) + math.log(1 / 3)) / 3
    found = rows_lower_bound(rows, 0.1, tolerance=1e-4)
    assert found.lower - 1e-5 <= expected <= found.upper + 1e-9


@pytest.mark.parametrize("half", [0.3, 0.9])
def test_two_near_rows_share_the_atom_between_them(half: float) -> None:
    # Up to a distance of two sigma one atom in the middle is best.
    found = rows_lower_bound([[-half, 0.0], [half, 0.0]], 1.0, tolerance=1e-4)
    expected = constant(2, 1.0) + half**2 / 2
    assert found.lower - 1e-5 <= expected <= found.upper + 1e-3


@pytest.mark.parametrize("components", [1, 3, 12])
@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_expectation_maximisation_never_beats_it(components: int, sigma: float) -> None:
    rng = np.random.default_rng(components)
    rows = rng.normal(size=(80, 2)) * [1.0, 0.2]
    found = rows_lower_bound(rows, sigma)
    assert found.upper - found.lower < 1e-2

    means = rows[rng.choice(80, components, replace=False)]
    log_weights = np.full(components, -np.log(components))
    for _ in range(200):
        squares = ((rows[:, None] - means) ** 2).sum(axis=2)
        joint = log_weights - squares / (2 * sigma**2)
        total = logsumexp(joint, axis=1, keepdims=True)
        shares = np.exp(joint - total)
        log_weights = np.log(shares.mean(axis=0))
        means = shares.T @ rows / shares.sum(axis=0)[:, None]
        assert constant(2, sigma) - total.mean() > found.lower - 1e-5


def test_its_mixture_reaches_its_value() -> None:
    rows = torch.randn(60, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = rows_lower_bound(rows, 0.4)
    assert -found.log_density(rows).mean().item() == pytest.approx(found.value, abs=1e-9)
    assert float(found.weights.sum()) == pytest.approx(1, abs=1e-9)


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="sigma must be a finite number above 0"):
        rows_lower_bound([[1.0]], 0.0)
    with pytest.raises(ValueError, match="the number of rows must be a whole number from 1 to 10000"):
        rows_lower_bound(np.zeros((10_001, 1)), 1.0)
