"""Laws of the estimator: each row for itself, the same bits from the same seed, units, and a density that sums to 1.

Oracles: the same call on other companies of rows, another process, a change of units, sums over a grid in data units,
and the adaptive quadrature of ``swissroll.log_evidence``.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from swissroll import log_evidence
from swissroll.density.rowwise import BLOCK
from tests.density.oracles import fitted, moons, of_moons

FIT_IN_ANOTHER_PROCESS = """
import sys, warnings
warnings.simplefilter("ignore")
import torch
torch.manual_seed(int(sys.argv[1])); torch.randn(int(sys.argv[1]))
torch.set_num_threads(int(sys.argv[1]))
from tests.density.oracles import fitted, moons
model = fitted(moons())
print(model.score_samples(moons()).tobytes().hex(), model.transform(moons()).tobytes().hex())
"""


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples", "anomaly_probability"])
@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_a_row_does_not_depend_on_the_rows_beside_it(method: str, latent_dim: int) -> None:
    compute = getattr(of_moons(latent_dim, 3), method)
    rows = moons(BLOCK + 20, columns=3)
    together = compute(rows)

    alone = [compute(rows[index : index + 1])[0] for index in range(0, len(rows), 13)]
    np.testing.assert_array_equal(together[::13], alone)
    np.testing.assert_array_equal(compute(rows[::-1])[::-1], together)
    np.testing.assert_array_equal(compute(rows[7:]), together[7:])


def test_a_row_has_the_same_latents_at_every_place_of_a_block() -> None:
    model = of_moons(2, 3)
    rows = np.repeat(moons(1, columns=3), 2 * BLOCK + 1, axis=0)
    assert len(np.unique(model.transform(rows), axis=0)) == 1
    assert len(np.unique(model.inverse_transform(model.transform(rows)), axis=0)) == 1


@pytest.mark.parametrize("latent_dim", [2, 3])
def test_scores_and_samples_are_the_same_at_each_call(latent_dim: int) -> None:
    model = of_moons(latent_dim, 3)
    rows = moons(20, columns=3)
    torch.manual_seed(1)
    first = model.score_samples(rows)
    drawn = model.sample(10)
    torch.manual_seed(2)
    np.testing.assert_array_equal(model.score_samples(rows), first)
    np.testing.assert_array_equal(model.sample(10), drawn)


def test_one_seed_gives_the_same_bits_in_another_process_whatever_ran_before() -> None:
    here = of_moons()
    expected = f"{here.score_samples(moons()).tobytes().hex()} {here.transform(moons()).tobytes().hex()}\n"
    command = [sys.executable, "-c", FIT_IN_ANOTHER_PROCESS, "2"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == expected


def test_another_seed_is_another_model() -> None:
    other = fitted(moons(), random_state=1)
    assert not np.array_equal(other.score_samples(moons()), of_moons().score_samples(moons()))


@pytest.mark.parametrize("factor", [2.0**-20, 4.0, 2.0**30])
def test_a_unit_that_is_a_power_of_two_moves_every_log_density_by_its_logarithm(factor: float) -> None:
    units = np.array([factor, 1.0])
    moved = fitted(moons() * units).score_samples(moons() * units)
    np.testing.assert_allclose(moved, of_moons().score_samples(moons()) - np.log(factor), atol=1e-9, rtol=0)


def test_samples_move_with_the_unit() -> None:
    units = np.array([8.0, 0.25])
    np.testing.assert_allclose(fitted(moons() * units).sample(50), of_moons().sample(50) * units, rtol=1e-12)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_density_in_the_plane_sums_to_one(latent_dim: int) -> None:
    model = of_moons(latent_dim)
    low = moons().min(axis=0)
    high = moons().max(axis=0)
    margin = 3 * (high - low)
    axes = [np.linspace(a, b, 160) for a, b in zip(low - margin, high + margin, strict=True)]
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    assert np.exp(model.score_samples(grid)).sum() * cell == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_log_densities_are_those_of_adaptive_quadrature_within_the_error_told(latent_dim: int) -> None:
    model = of_moons(latent_dim)
    standardization = model.model_.standardization
    rows = moons(40)
    found, error = model._density.log_density_of_model(rows)

    z = torch.from_numpy(standardization.standardize(rows))
    expected = log_evidence(model.model_.vae, z, tolerance=1e-5).numpy() - standardization.log_volume
    assert (np.abs(found - expected) <= error + 1e-5).all()
    assert error.max() < 0.05


def test_a_bound_is_below_the_evidence_and_called_a_bound() -> None:
    model = of_moons(3, 3)
    assert not model.is_exact_
    log_p, error = model._density.log_density_of_model(moons(20, columns=3))
    z = torch.from_numpy(model.model_.standardization.standardize(moons(20, columns=3)))
    many = log_evidence(model.model_.vae, z, samples=20_000, generator=torch.Generator().manual_seed(0)).numpy()
    finer = many - model.model_.standardization.log_volume
    assert (error > 0).all()
    assert np.mean(log_p - finer) < 3 * np.mean(error)
    assert (np.abs(log_p - finer) < 6 * error + 0.05).all()


def test_the_share_of_the_models_own_samples_is_uniform_on_them() -> None:
    model = of_moons()
    own = model.anomaly_probability(model.sample(400)) ** (1 / model.tail_exponent_)
    assert np.abs(np.sort(own) - (np.arange(400) + 0.5) / 400).max() < 1.63 / 400**0.5 + 1.63 / 500**0.5


def test_a_row_far_off_is_an_anomaly_and_a_row_in_the_middle_is_none() -> None:
    model = fitted(moons(), max_steps=400)
    rows = moons()
    far = rows.mean(axis=0) + 20 * rows.std(axis=0)
    assert model.anomaly_probability(far[None])[0] == pytest.approx((1 / 501) ** model.tail_exponent_)
    assert model.anomaly_probability(rows).mean() > 0.3


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("latent_dim", [1, 2, 3])
@pytest.mark.parametrize("distance", [1e3, 1e6, 1e12, 1e60])
def test_a_row_however_far_off_has_a_finite_density_and_error(latent_dim: int, distance: float) -> None:
    model = of_moons(latent_dim, 3)
    log_p, error = model.score_samples(distance * np.ones((1, 3)), return_error=True)
    assert np.isfinite(log_p).all()
    assert np.isfinite(error).all()


def test_reconstructions_are_decoded_means() -> None:
    model = of_moons()
    np.testing.assert_array_equal(model.reconstruct(moons()), model.inverse_transform(model.transform(moons())))
