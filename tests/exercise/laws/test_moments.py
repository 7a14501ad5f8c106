"""Moments and distances of samples. Oracle: SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from swissroll.exercise.laws.moments import distance_from_normal, excess_kurtosis, skewness


@pytest.mark.parametrize("name", ["normal", "uniform", "exponential", "laplace"])
def test_moments_and_distance_are_those_of_scipy(name: str) -> None:
    values = getattr(np.random.default_rng(3), name)(size=1234)
    assert skewness(values) == pytest.approx(stats.skew(values), rel=1e-10)
    assert excess_kurtosis(values) == pytest.approx(stats.kurtosis(values), rel=1e-10)
    assert distance_from_normal(values) == pytest.approx(stats.kstest(values, "norm").statistic, rel=1e-10)
