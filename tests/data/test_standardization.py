"""Oracles: moments, the inverse, and the change of variables of a Gaussian whose density is known in both units."""

import numpy as np
import pytest
from scipy import stats

from swissroll.data import Standardization

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 3)) @ np.array([[2.0, 1.0, 0.0], [0.0, 0.3, 0.1], [0.0, 0.0, 50.0]]) + [10.0, -4.0, 1e4]


@pytest.mark.parametrize("whiten", [False, True])
def test_columns_get_mean_0_and_standard_deviation_1(whiten: bool) -> None:
    z = Standardization.of(ROWS, whiten=whiten).standardize(ROWS)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-9)
    if whiten:
        np.testing.assert_allclose(np.cov(z.T, bias=True), np.eye(3), atol=1e-9)


@pytest.mark.parametrize("whiten", [False, True])
def test_restoring_undoes_it(whiten: bool) -> None:
    found = Standardization.of(ROWS, whiten=whiten)
    np.testing.assert_allclose(found.restore(found.standardize(ROWS)), ROWS, rtol=1e-12)


@pytest.mark.parametrize("whiten", [False, True])
def test_the_log_volume_is_that_of_a_change_of_variables(whiten: bool) -> None:
    found = Standardization.of(ROWS, whiten=whiten)
    normal = stats.multivariate_normal(ROWS.mean(axis=0), np.cov(ROWS.T))

    # The same Gaussian in model coordinates: its moments by a linear map, read off unit vectors.
    origin = found.standardize(np.zeros((1, 3)))
    linear = (found.standardize(np.eye(3)) - origin).T
    mean = origin[0] + linear @ ROWS.mean(axis=0)
    inside = stats.multivariate_normal(mean, linear @ np.cov(ROWS.T) @ linear.T)
    np.testing.assert_allclose(
        inside.logpdf(found.standardize(ROWS)) - found.log_volume, normal.logpdf(ROWS), rtol=0, atol=1e-6
    )


def test_a_power_of_two_changes_no_bit_of_the_standardised_rows() -> None:
    scaled = ROWS * [8.0, 0.25, 1.0]
    first = Standardization.of(ROWS)
    second = Standardization.of(scaled)
    assert np.array_equal(first.standardize(ROWS), second.standardize(scaled))
    assert second.log_volume - first.log_volume == pytest.approx(np.log(2), abs=1e-12)


@pytest.mark.parametrize("whiten", [False, True])
def test_a_row_does_not_depend_on_the_rows_beside_it(whiten: bool) -> None:
    found = Standardization.of(ROWS, whiten=whiten)
    alone = np.concatenate([found.standardize(ROWS[i : i + 1]) for i in range(50)])
    assert np.array_equal(found.standardize(ROWS)[:50], alone)


@pytest.mark.parametrize("whiten", [False, True])
def test_noise_has_this_standard_deviation_in_each_column(whiten: bool) -> None:
    found = Standardization.of(ROWS, whiten=whiten)
    linear = found.restore(np.eye(3)) - found.restore(np.zeros((1, 3)))
    np.testing.assert_allclose(found.noise_scale, np.sqrt((linear**2).sum(axis=0)), rtol=1e-9)


def test_what_is_no_map_is_refused() -> None:
    with pytest.raises(ValueError, match="column 1 of the rows, counted from 0, is 3 in all"):
        Standardization.of([[1.0, 3.0], [2.0, 3.0]])
    with pytest.raises(ValueError, match="one column follows from the others"):
        Standardization.of([[1.0, 2.0], [2.0, 4.0], [5.0, 10.0]], whiten=True)
    with pytest.raises(ValueError, match="scale above 0"):
        Standardization((0.0,), (0.0,))
    with pytest.raises(ValueError, match="as many numbers"):
        Standardization((0.0, 1.0), (1.0,))
    with pytest.raises(ValueError, match="matrix of 1 by 1 that has an inverse"):
        Standardization((0.0,), (1.0,), ((0.0,),))
    with pytest.raises(ValueError, match=r"shape \(N, 3\)"):
        Standardization.of(ROWS).standardize(ROWS[:, :2])


@pytest.mark.parametrize("scale", [1e-6, 0.03, 1.0, 2e5, 1e9])
@pytest.mark.parametrize("offset", [0.0, 3.0, 1e4])
def test_short_numbers_are_the_same_in_single_precision(scale: float, offset: float) -> None:
    rows = (RNG.normal(size=(500, 2)) + offset) * scale
    found = Standardization.of(rows)
    z = found.standardize(rows).astype(np.float32)
    short = found.shorten(found.restore(z))
    assert np.array_equal(found.standardize(short).astype(np.float32), z)
    digits = [
        len(repr(value).removesuffix(".0").replace(".", "").lstrip("-0").split("e")[0])
        for value in short.ravel().tolist()
    ]
    # Nine digits tell a number of single precision from others; an offset is told beside it.
    assert np.quantile(digits, 0.99) <= 10 + np.log10(max(1.0, offset))


def test_numbers_of_few_digits_come_back_from_single_precision() -> None:
    rows = np.round(RNG.normal(size=(500, 2)) * [1.0, 300.0] + [8.0, 1e6], 2)
    found = Standardization.of(rows)
    restored = found.restore(found.standardize(rows).astype(np.float32))
    assert (restored != rows).any()
    np.testing.assert_array_equal(found.shorten(restored), rows)


def test_what_is_no_number_and_what_is_decorrelated_stays_as_it_is() -> None:
    plain = Standardization.of(ROWS)
    np.testing.assert_array_equal(plain.shorten([[np.inf, np.nan, 1.0]])[0, :2], [np.inf, np.nan])
    np.testing.assert_array_equal(Standardization.of(ROWS, whiten=True).shorten(ROWS), ROWS)
