"""Runs on a table. Oracles: the uninterrupted run's bytes, the file's rows, and the change of variables."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import swissroll
from swissroll import VAE, Config
from swissroll.data import CURVES, Points, open_distribution
from swissroll.evaluation.evidence import measure_evidence
from swissroll.model import StandardizedVAE
from swissroll.runs.run import create, load
from swissroll.runs.training import advance

ROWS = np.random.default_rng(0).normal(size=(60, 2)) * [300.0, 0.01] + [5.0, -1.0]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    np.save(tmp_path / "points.npy", ROWS)
    small = Config(hidden_dim=4, depth=1, steps=8, batch_size=16, snapshot_every=4, device="cpu", engine="torch")
    return replace(small, data=str(tmp_path / "points.npy"), threads=1)


def test_the_model_of_a_run_is_in_data_units(config: Config, tmp_path: Path) -> None:
    run = swissroll.train(config, tmp_path / "run")
    model = load(run.folder).model
    assert isinstance(model, StandardizedVAE)
    assert isinstance(load(run.folder).network, VAE)
    np.testing.assert_allclose(model.reconstruct(ROWS).mean(dim=0), ROWS.mean(axis=0), atol=400)
    assert model.standardization == run.standardization


def test_every_file_of_weights_has_the_map(config: Config, tmp_path: Path) -> None:
    run = create(tmp_path / "run", config)
    steps = advance(run)
    next(steps)
    steps.close()
    files = [*run.folder.glob("*.safetensors"), *run.folder.glob("snapshots/*.safetensors")]
    assert len(files) == 3
    for file in files:
        names = [name.removeprefix("model.") for name in load_file(file)]
        assert {"standardization.mean", "standardization.scale"} < set(names)


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_run_that_is_stopped_ends_in_the_same_bytes(config: Config, tmp_path: Path, stop: int) -> None:
    whole = swissroll.train(config, tmp_path / "whole")
    run = create(tmp_path / "run", config)
    steps = advance(run)
    for _ in range(stop):
        next(steps)
    steps.close()
    assert run.status == "stopped"
    assert isinstance(run.model, StandardizedVAE)
    for _ in advance(load(run.folder)):
        pass
    for name in ("model.safetensors", "snapshots/step-000000008.safetensors"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_the_model_needs_no_table_and_training_does(config: Config, tmp_path: Path) -> None:
    run = swissroll.train(config, tmp_path / "run")
    (tmp_path / "points.npy").unlink()
    assert load(run.folder).model.sample(3).shape == (3, 2)
    with pytest.raises(ValueError, match="is gone, which holds the rows"):
        swissroll.evaluate(load(run.folder))


def test_densities_are_those_of_rows_in_data_units(config: Config, tmp_path: Path) -> None:
    run = swissroll.train(replace(config, latent_dim=1), tmp_path / "run")
    points = open_distribution(run.config)
    assert isinstance(points, Points)
    trained_on = ROWS[points.train_rows]

    # log p(x) = log p(z) - sum log s, for z = (x - m) / s.
    inside = (ROWS[:5] - trained_on.mean(axis=0)) / trained_on.std(axis=0)
    expected = swissroll.log_evidence(run.network, inside) - np.log(trained_on.std(axis=0)).sum()
    torch.testing.assert_close(swissroll.log_evidence(run.model, ROWS[:5]), expected)
    found = measure_evidence(run.model, ROWS[:5])
    torch.testing.assert_close(found.log_p, expected)
    torch.testing.assert_close(found.elbo + found.inference_gap, expected)


def test_measures_of_model_coordinates_refuse_it_in_one_line(config: Config, tmp_path: Path) -> None:
    run = swissroll.train(config, tmp_path / "run")
    with pytest.raises(ValueError, match=r"pass model\.vae, and rows as model\.standardize\(rows\)"):
        swissroll.measure(run.model, CURVES["moons"], sigma=0.1)
    with pytest.raises(ValueError, match="leave sigma out"):
        swissroll.log_evidence(run.model, ROWS, sigma=1.0)
