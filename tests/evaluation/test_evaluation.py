"""One evaluation for all that shows it: a model in memory is evaluated and diagnosed like one on disk."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator

import swissroll
import swissroll.runs.run
from swissroll.config import Config
from swissroll.data import CURVES
from swissroll.data.distribution import NoisyCurve, Sample
from swissroll.evaluation.advice import Action
from swissroll.model.vae import VAE
from swissroll.report.page import write_metrics
from swissroll.runs.run import Run
from swissroll.runs.training import advance
from tests.evaluation.test_metrics import Gaussian
from tests.oracles import Perfect, trained_run

COLLAPSED = Config(steps=120, hidden_dim=16, beta=1.0, batch_size=32)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained_run(tmp_path_factory.mktemp("evaluation") / "run", COLLAPSED)


def test_a_model_in_memory_is_diagnosed_like_one_on_disk(run: Run) -> None:
    on_disk = swissroll.evaluate(run)
    in_memory = swissroll.evaluate(run.model, run.config)
    assert on_disk.diagnosis == in_memory.diagnosis
    assert on_disk.diagnosis.name == "collapsed"
    assert on_disk.metrics == in_memory.metrics
    assert on_disk.summary.loss == in_memory.summary.loss
    assert (on_disk.summary.steps, in_memory.summary.steps) == (120, None)


def test_it_needs_no_config_where_distribution_and_sigma_are_given(run: Run) -> None:
    distribution = NoisyCurve(CURVES["swiss_roll"])
    found = swissroll.evaluate(run.model, distribution=distribution, sigma=1.0)
    assert found.diagnosis.name == "collapsed"
    # The ELBO at sigma 1: |x - x'|^2 + 2 rate.
    assert found.metrics is not None
    assert found.summary.translation.sigma == pytest.approx(1.0)
    expected = 2 * found.metrics.reconstruction.mse + 2 * found.metrics.latent.rate
    assert found.summary.loss == pytest.approx(expected, rel=1e-5)


def test_a_perfect_model_in_memory_is_healthy() -> None:
    curve = CURVES["swiss_roll"]
    found = swissroll.evaluate(Perfect(curve, logvar=-12.0), distribution=NoisyCurve(curve), sigma=0.07)
    assert found.diagnosis.name == "healthy"
    assert found.diagnosis.advice.action is Action.NOTHING


def test_a_model_of_points_without_a_curve_is_diagnosed() -> None:
    """Every weight is 0, so that the decoder gives the mean of the points and ignores its latent."""
    model = VAE(2, 4)
    with torch.no_grad():
        for weights in model.parameters():
            weights.zero_()
    found = swissroll.evaluate(model, distribution=Gaussian(), sigma=0.3)
    assert found.metrics is not None
    assert found.metrics.latent.continuity is None
    assert found.diagnosis.name == "collapsed"


def test_examine_gives_the_metrics_and_the_diagnosis_of_an_evaluation(run: Run) -> None:
    found = swissroll.evaluate(run)
    assert swissroll.examine(run) == (found.metrics, found.diagnosis)


def test_outputs_that_are_not_finite_are_diverged() -> None:
    model = VAE(2, 16)
    with torch.no_grad():
        model.fc_mu.bias[0] = torch.nan
    found = swissroll.evaluate(model, Config())
    assert found.metrics is None
    assert found.diagnosis.name == "diverged"
    assert found.diagnosis.evidence == {"not_finite": "posterior means"}


def test_metrics_json_keeps_the_diagnosis_in_words(run: Run) -> None:
    write_metrics(run, swissroll.evaluate(run))
    kept = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))["diagnosis"]
    assert kept == {
        "name": "collapsed",
        "evidence": kept["evidence"],
        "advice": "Divide beta by ten.",
        "checked": kept["checked"],
    }
    assert kept["checked"].startswith("Checked: loss; ")
    assert "10 distances" in kept["checked"]
    assert kept["evidence"].startswith("active units 0, rate 0.0")


def test_what_is_missing_is_named(run: Run) -> None:
    with pytest.raises(ValueError, match="with its config, or with its distribution and sigma"):
        swissroll.evaluate(run.model)
    with pytest.raises(ValueError, match="must be a run, such as load"):
        swissroll.evaluate("runs/001")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="takes 2 coordinates, but helix has 3"):
        swissroll.evaluate(run.model, Config(dataset="helix"))


def test_train_and_advance_end_in_the_same_bytes(tmp_path: Path) -> None:
    config = Config(steps=20, hidden_dim=8)
    trained = swissroll.train(config, tmp_path / "trained")
    assert (trained.status, trained.step, len(trained.history)) == ("finished", 20, 20)

    stopped = swissroll.runs.run.create(tmp_path / "advanced", config)
    for record in advance(stopped):
        if record.step == 7:
            break
    assert (stopped.status, stopped.step) == ("stopped", 7)
    assert [record.step for record in advance(stopped)] == list(range(8, 21))
    assert (stopped.status, stopped.step, len(stopped.history)) == ("finished", 20, 20)
    weights = [(run.folder / "model.safetensors").read_bytes() for run in (trained, stopped)]
    assert weights[0] == weights[1]


def test_a_model_whose_training_is_unknown_is_not_called_diverged() -> None:
    found = swissroll.evaluate(VAE(2, 16), Config(hidden_dim=16))
    assert found.diagnosis.name == "under-trained"


def test_settings_that_are_another_models_are_refused() -> None:
    model = VAE(2, 16)
    with pytest.raises(ValueError, match="latent_dim=2, but its config 3"):
        swissroll.evaluate(model, Config(latent_dim=3))
    with pytest.raises(ValueError, match="leave out it or them"):
        swissroll.evaluate(model, Config(), sigma=0.1)
    with pytest.raises(ValueError, match="must be the settings of its training"):
        swissroll.evaluate(model, "a")  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", ["", None, 3])
def test_a_run_is_trained_in_a_folder_of_its_own(folder: Any) -> None:
    with pytest.raises(ValueError, match="needs a folder of its own"):
        swissroll.train(Config(steps=1), folder)


class Spoiled(Gaussian):
    """A table with a number that is missing."""

    name = "my table"

    def sample(self, n: int, *, generator: Generator | None = None, device: torch.device | str = "cpu") -> Sample:
        drawn = super().sample(n, generator=generator, device=device)
        drawn.points[3, 1] = math.nan
        return drawn


def test_what_is_missing_in_the_data_is_not_the_models_fault() -> None:
    told = "points drawn from my table must be finite; 1 of 1000 points are not, first row 3 of these 1000, counted"
    with pytest.raises(ValueError, match=told) as raised:
        swissroll.evaluate(VAE(2, 8), distribution=Spoiled(), sigma=0.3)
    assert str(raised.value).endswith("Remove such rows.")
