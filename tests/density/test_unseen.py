"""Rows that a model was not fitted to: each once, and what they favour."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from swissroll.data.points import Points
from swissroll.density.calibration import (
    PRIOR_ROWS,
    Calibration,
    check_coverage,
    find_exponent,
    tail_shares,
)
from swissroll.density.fitting import Settings
from swissroll.density.unseen import WIDENINGS, choose, leave_out_in_turn
from tests.density.oracles import moons

SETTINGS = Settings(
    latent_dim=1, hidden_dim=8, depth=1, components=2, max_steps=60, batch_size=128, learning_rate=1e-2, seed=0
)


def test_each_training_row_is_left_out_once_by_a_model_that_took_as_many_steps() -> None:
    rows = moons(40)
    points = Points.of(rows, seed=0)
    trials = leave_out_in_turn(points, rows, SETTINGS, (1e-3, 1e-3), 30)
    assert {trial.fitted.best_step for trial in trials} == {30}
    left_out = np.concatenate([trial.rows for trial in trials])
    np.testing.assert_array_equal(np.sort(left_out[:, 0]), np.sort(rows[points.train_rows, 0]))

    choice = choose(trials, 0)
    assert choice.widening in WIDENINGS
    assert 0 < choice.weight < 1


def likeliest_exponent(shares: np.ndarray) -> float:
    """Of P = Q^a uniform, Q has the density a Q^(a - 1); rows of a = 1 have -log Q of mean 1."""

    def loss(exponent: float) -> float:
        rows = np.log(exponent) + (exponent - 1) * np.log(shares)
        return float(-rows.sum() - PRIOR_ROWS * (np.log(exponent) - (exponent - 1)))

    return float(minimize_scalar(loss, bounds=(0.01, 100), method="bounded", options={"xatol": 1e-9}).x)


def test_the_exponent_is_the_likeliest() -> None:
    shares = np.random.default_rng(0).uniform(size=30) ** 2
    assert find_exponent(shares) == pytest.approx(likeliest_exponent(shares), abs=1e-5)


def expected_exponent(shares: np.ndarray) -> float:
    """The likeliest power; above 1, less a standard error, by the curvature (n + k) / a^2 of its log-likelihood."""
    likeliest = likeliest_exponent(shares)
    if likeliest <= 1:
        return likeliest
    return max(1.0, likeliest - likeliest / math.sqrt(len(shares) + PRIOR_ROWS))


def test_regions_are_narrowed_by_what_is_sure() -> None:
    few = ((np.arange(30) + 0.5) / 30) ** 0.9
    assert likeliest_exponent(few) > 1
    assert find_exponent(few) == 1.0
    many = ((np.arange(400) + 0.5) / 400) ** 0.7
    assert find_exponent(many) == pytest.approx(expected_exponent(many), abs=1e-4)
    assert 1.2 < find_exponent(many) < likeliest_exponent(many)


@pytest.mark.parametrize("exponent", [0.3, 0.5, 0.9])
def test_probabilities_of_new_rows_are_uniform(exponent: float) -> None:
    """A model that is too narrow, of which new rows have tail shares U^(1/a)."""
    own = np.sort(np.random.default_rng(0).uniform(size=100_000))
    new = np.random.default_rng(1).uniform(size=(2, 4000)) ** (1 / exponent)
    found = find_exponent(tail_shares(new[0], own))
    assert found == pytest.approx(exponent, rel=4 / 4000**0.5)
    probabilities = np.sort(Calibration(own, found).probabilities(new[1]))
    assert np.abs(probabilities - (np.arange(4000) + 0.5) / 4000).max() < 0.04


@pytest.mark.parametrize("power", [3.0, 0.2])
def test_coverage_judges_each_row_by_the_power_that_the_others_give(power: float) -> None:
    shares = np.random.default_rng(0).uniform(size=12) ** power
    powers = [expected_exponent(np.delete(shares, index)) for index in range(12)]
    probabilities = shares ** np.array(powers)
    found = check_coverage(shares)
    assert [each.inside for each in found] == [float((probabilities > 1 - level).mean()) for level in (0.9, 0.95, 0.99)]
    assert found[0].error == pytest.approx((0.9 * 0.1 / 12) ** 0.5)
    assert found[0].rows == 12


def test_shares_are_ranks() -> None:
    own = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(tail_shares(np.array([-1.0, 0.0, 1.5, 9.0]), own), [0.25, 0.5, 0.75, 1.0])
