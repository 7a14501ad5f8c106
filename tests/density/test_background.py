"""The heavy-tailed cloud behind a model, and its weight. Oracles: SciPy's multivariate t, and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_t, norm

from swissroll.data.standardization import Standardization
from swissroll.density.background import Background, fit_background, mix, stack
from tests.density.oracles import moons, of_moons

MEAN = np.array([3.0, -1.0])
SCATTER = np.array([[4.0, 1.5], [1.5, 1.0]])


def cloud(freedom: int) -> Background:
    inverse = np.linalg.inv(np.linalg.cholesky(SCATTER))
    whitening = tuple(map(tuple, inverse.tolist()))
    return Background(Standardization(tuple(MEAN.tolist()), (1.0, 1.0), whitening), freedom)


@pytest.mark.parametrize("freedom", [1, 3, 30])
def test_log_densities_are_those_of_a_multivariate_t(freedom: int) -> None:
    rows = np.random.default_rng(0).normal(0, 5, (20, 2))
    expected = multivariate_t(MEAN, SCATTER, df=freedom).logpdf(rows)
    np.testing.assert_allclose(cloud(freedom).log_density(rows), expected, atol=1e-12)


def test_draws_are_of_that_density() -> None:
    drawn = cloud(3).draw(20_000, torch.Generator().manual_seed(0))
    # (x - m)^T S^-1 (x - m) / D is F-distributed with D and nu degrees of freedom: its quartiles for 2 and 3.
    centred = drawn - MEAN
    squares = np.einsum("ij,jk,ik->i", centred, np.linalg.inv(SCATTER), centred) / 2
    for share in (0.25, 0.5, 0.75):
        quantile = 1.5 * ((1 - share) ** (-2 / 3) - 1)
        assert (squares < quantile).mean() == pytest.approx(share, abs=4 * 0.5 / 20_000**0.5)


def test_a_fit_finds_the_cloud_that_rows_were_drawn_from() -> None:
    rows = multivariate_t(MEAN, SCATTER, df=3, seed=1).rvs(4000)
    before = Standardization.of(rows)
    found = fit_background(torch.from_numpy(before.standardize(rows)), before, (1e-3, 1e-3))
    assert found.freedom == 3
    fresh = multivariate_t(MEAN, SCATTER, df=3, seed=2).rvs(2000)
    lost = multivariate_t(MEAN, SCATTER, df=3).logpdf(fresh).mean() - found.log_density(fresh).mean()
    assert abs(lost) < 0.01


def test_fewer_rows_than_columns_have_a_cloud() -> None:
    rows = np.random.default_rng(0).normal(size=(10, 20))
    before = Standardization.of(rows)
    found = fit_background(torch.from_numpy(before.standardize(rows)), before, (1e-3,) * 20)
    assert np.isfinite(found.log_density(np.random.default_rng(1).normal(size=(5, 20)))).all()


def test_few_rows_of_many_columns_are_shrunk_by_what_rows_left_out_favour() -> None:
    """What was drawn is N(0, I). Rows that are fitted favour no shrinkage, which loses 9 nats per fresh row here."""
    rows = np.random.default_rng(0).normal(size=(40, 20))
    before = Standardization.of(rows)
    found = fit_background(torch.from_numpy(before.standardize(rows)), before, (1e-3,) * 20)
    fresh = np.random.default_rng(1).normal(size=(500, 20))
    lost = norm.logpdf(fresh).sum(axis=1).mean() - found.log_density(fresh).mean()
    assert found.freedom == 30
    assert 0 < lost < 2


@pytest.mark.parametrize("blur", [0.02, 0.1])
def test_a_cloud_of_rows_on_a_line_is_as_wide_across_as_they_are_blurred(blur: float) -> None:
    x = np.random.default_rng(0).normal(size=200)
    rows = np.column_stack([x, x])
    before = Standardization.of(rows)
    found = fit_background(torch.from_numpy(before.standardize(rows)), before, (blur, blur))

    # One standard deviation of each column, across the line, is sqrt(2) long.
    middle = rows.mean(axis=0)
    across = middle + x.std() * np.array([1.0, -1.0])
    ends = found.standardization.standardize(np.stack([middle, across]))
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(2**0.5 / blur)


def test_the_weight_makes_the_rows_likeliest_with_half_a_row_on_either_side() -> None:
    random = np.random.default_rng(0)
    model = random.normal(size=50)
    background = random.normal(size=50)

    def loss(weight: float) -> float:
        return float(-mix(model, background, weight).sum() - 0.5 * np.log(weight * (1 - weight)))

    expected = minimize_scalar(loss, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-9}).x
    assert stack(model, background) == pytest.approx(expected, abs=1e-4)


def test_a_model_that_knows_nothing_of_far_rows_leaves_them_to_the_background() -> None:
    assert stack(np.array([0.0] * 9 + [-1e6]), np.full(10, -3.0)) == pytest.approx(0.1, abs=0.05)
    assert stack(np.full(10, -1e6), np.zeros(10)) == pytest.approx(21 / 22)


def test_a_density_is_the_mixture_of_its_two_parts() -> None:
    density = of_moons()._density
    rows = moons(20)
    both = (1 - density.weight) * np.exp(density.log_density_of_model(rows)[0])
    both += density.weight * np.exp(density.background.log_density(rows))
    np.testing.assert_allclose(density.log_density(rows)[0], np.log(both), atol=1e-12)


def test_the_share_of_samples_from_the_background_is_its_weight() -> None:
    density = of_moons()._density
    other = type(density)(density.model, density.background, 0.3, density.seed)
    together = other.draw(4000, torch.Generator().manual_seed(0))
    alone = density.model.sample(4000, noise=True, generator=torch.Generator().manual_seed(0)).numpy()
    assert (together != alone).any(axis=1).mean() == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 4000) ** 0.5)
