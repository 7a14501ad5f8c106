"""Intervals, levels and power. Oracles: SciPy's tests, definitions, and simulated seeds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from swissroll.sweep.analysis.paired_test import deciding_seeds, holm_alphas, power, t_interval

numbers = st.floats(-1e3, 1e3).map(lambda v: round(v, 6))


@given(st.lists(numbers, min_size=2, max_size=20), st.floats(0.5, 0.999))
def test_interval_is_scipys(values: list[float], confidence: float) -> None:
    found = t_interval(values, confidence)
    error = stats.sem(values)
    if error == 0:
        assert found.low == pytest.approx(found.mean) == pytest.approx(found.high)
        return
    low, high = stats.t.interval(confidence, len(values) - 1, loc=np.mean(values), scale=error)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)


def test_one_value_says_nothing() -> None:
    found = t_interval([0.3])
    assert (found.mean, found.low, found.high, found.n) == (0.3, -math.inf, math.inf, 1)
    assert found.contains_zero


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_interval_refuses_what_is_no_number(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value, all finite"):
        t_interval(values)


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(0, 20))
def test_holm_is_its_definition(p: list[float], extra: int) -> None:
    levels = holm_alphas(p, len(p) + extra)
    rejected = set()
    for done, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[index] > 0.05 / (len(p) + extra - done):
            break
        rejected.add(index)
    assert {i for i in range(len(p)) if p[i] <= levels[i]} == rejected


@pytest.mark.parametrize(("effect", "n", "alpha"), [(0.5, 20, 0.05), (-1.0, 8, 0.01), (2.5, 5, 0.05), (0.0, 4, 0.05)])
def test_the_power_is_how_often_simulated_seeds_show_the_difference(effect: float, n: int, alpha: float) -> None:
    sweeps = 4000
    differences = np.random.default_rng(5).normal(effect, 1, (sweeps, n))
    found = float(np.mean(stats.ttest_1samp(differences, 0, axis=1).pvalue <= alpha))
    expected = power(effect, n, alpha)
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / sweeps))


@pytest.mark.parametrize("differences", [(0.3, 1.2, 0.9, 1.9), (-0.1, -0.9, -0.2), (4.0, 9.0)])
def test_the_deciding_seeds_are_the_fewest_that_show_the_difference_four_times_in_five(
    differences: tuple[float, ...],
) -> None:
    """New seeds are drawn from the normal distribution that has the observed mean and spread."""
    alpha, sweeps = 0.01, 4000
    seeds = deciding_seeds(differences, alpha)
    assert seeds is not None
    rng = np.random.default_rng(6)
    shares = []
    for n in (seeds - 1, seeds):
        drawn = rng.normal(np.mean(differences), np.std(differences, ddof=1), (sweeps, n))
        shares.append(float(np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue <= alpha)))
    # Four standard deviations of a share of 4,000.
    assert shares[0] < 0.8 + 0.025
    assert shares[1] > 0.8 - 0.025
