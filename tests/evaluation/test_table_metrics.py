"""Oracles: SciPy's energy distance, samples that are and are not of one distribution, and rows in their own units."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from swissroll import VAE, measure
from swissroll.config import Config
from swissroll.data import Points
from swissroll.evaluation.evaluation import evaluate_model
from swissroll.evaluation.evidence import measure_evidence
from swissroll.evaluation.references import data_reference, typical_distance
from swissroll.evaluation.table_metrics import energy_test
from swissroll.evaluation.tables import generated_rows, model_rows
from swissroll.training.build import build, loss_of

RNG = np.random.default_rng(0)
ROWS = np.column_stack([RNG.normal(size=60), RNG.normal(size=60)]) * [700.0, 0.02] + [3.0, -8.0]
POINTS = Points.of(ROWS, columns=("weight", "length"), held_out=0.3, seed=1)


@pytest.fixture(scope="module")
def model() -> VAE:
    # With a mixture, whose rate has no closed form.
    config = Config(
        components=2, hidden_dim=8, depth=1, latent_dim=1, steps=60, lr=0.01, device="cpu", threads=1, engine="torch"
    )
    training = build(replace(config, beta=0.1), distribution=POINTS)
    list(training)
    return training.engine.model


def test_the_statistic_is_the_energy_distance() -> None:
    x = RNG.normal(size=40)
    y = RNG.normal(size=70) + 1
    found, p_value = energy_test(x[:, None], y[:, None], seed=0)
    # SciPy's is the root of twice the integral of the squared difference, which is the same in one dimension.
    assert found == pytest.approx(stats.energy_distance(x, y) ** 2, rel=1e-9)
    assert p_value == pytest.approx(1 / 1000)


def test_p_values_of_one_distribution_are_spread_evenly() -> None:
    found = [energy_test(RNG.normal(size=(25, 2)), RNG.normal(size=(60, 2)), seed=seed)[1] for seed in range(30)]
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_rows_are_measured_in_data_units(model: VAE) -> None:
    found = measure(model, POINTS, sigma=0.4)
    table = found.table
    assert table is not None
    held_out = ROWS[POINTS.held_out_rows]
    decoded = POINTS.standardization.restore(model.reconstruct(POINTS.held_out))
    np.testing.assert_allclose(table.rmse, np.sqrt(((decoded - held_out) ** 2).mean(axis=0)), rtol=1e-4)
    np.testing.assert_allclose(table.deviation, ROWS[POINTS.train_rows].std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(table.sigma, 0.4 * np.array(table.deviation), rtol=1e-9)
    assert (table.train, table.held_out, found.n) == (42, 18, 18)


def test_evidence_is_of_rows_in_data_units(model: VAE) -> None:
    found = measure(model, POINTS, sigma=0.4)
    assert found.evidence is not None
    assert found.table is not None
    assert found.table.training is not None
    volume = np.log(ROWS[POINTS.train_rows].std(axis=0)).sum()
    inside = -measure_evidence(model, POINTS.held_out, sigma=0.4).log_p.mean().item()
    assert found.evidence.neg_log_evidence == pytest.approx(inside + volume, abs=1e-6)
    trained = -measure_evidence(model, POINTS.train, sigma=0.4).log_p.mean().item()
    assert found.table.training.neg_log_evidence == pytest.approx(trained + volume, abs=1e-6)
    assert found.table.training.lower_bound < found.table.training.neg_log_evidence
    error = found.reconstruction
    assert error.distortion is not None
    assert error.neg_elbo == pytest.approx(error.distortion + found.latent.rate, abs=1e-6)


def test_the_tables_name_the_columns_and_no_curve(model: VAE) -> None:
    found = measure(model, POINTS, sigma=0.4)
    told = str([*model_rows(found), *generated_rows(found)])
    for words in (
        "reconstruction error of weight",
        "energy test",
        "of 18 held-out rows",
        "squared standard deviations",
    ):
        assert words in told
    assert "data units" not in told
    assert "curve" not in told


def test_a_model_without_noise_has_errors_and_no_densities(model: VAE) -> None:
    found = measure(model, POINTS, sigma=0.0)
    assert found.table is not None
    assert (found.evidence, found.table.test, found.table.training) == (None, None, None)
    assert found.reconstruction.distortion is None


@pytest.mark.parametrize("rows", [20, 21])
def test_the_smallest_table_is_evaluated(rows: int) -> None:
    points = Points.of(ROWS[:rows])
    config = Config(hidden_dim=4, depth=1, latent_dim=1, steps=2, device="cpu", threads=1, engine="torch")
    training = build(config, distribution=points)
    list(training)
    found = evaluate_model(training.engine.model, points, loss_of(config, points))
    assert torch.isfinite(torch.tensor(found.summary.loss_se))


def test_the_mmd_of_many_columns_tells_other_rows_from_rows_of_the_same_kind() -> None:
    # Ten columns: rows are some 4.5 standard deviations apart, and a kernel of 0.1 would see each of them alone.
    rng = np.random.default_rng(4)
    points = Points.of(rng.normal(size=(600, 10)), seed=1)
    reference = data_reference(points, 1000, 0, torch.float32).reference

    def deviations_above_floor(rows: np.ndarray[Any, Any]) -> float:
        found = reference.compare(torch.from_numpy(rows)).mmd
        return (found.value - found.noise_floor) / found.noise_floor_sd

    assert abs(deviations_above_floor(rng.normal(size=(60, 10)))) < 4
    assert deviations_above_floor(rng.normal(size=(60, 10)) + 0.7) > 8


def test_the_kernel_of_a_table_is_as_wide_as_the_median_distance() -> None:
    rows = np.random.default_rng(4).normal(size=(50, 3))
    distances = [float(np.linalg.norm(a - b)) for k, a in enumerate(rows) for b in rows[:k]]
    found = typical_distance(torch.from_numpy(rows))
    assert sorted(distances)[(len(distances) - 1) // 2] == pytest.approx(found)
    assert typical_distance(torch.zeros(9, 2)) > 0
