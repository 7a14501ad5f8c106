"""A decoder whose variance is learned with its weights."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swissroll import load, translate
from swissroll.cli.app import main
from swissroll.config import Config
from swissroll.data import CURVES
from swissroll.model.loss import Loss
from swissroll.model.terms import LossTerms, mean_distortion
from swissroll.model.vae import VAE
from swissroll.training.build import build, build_model, loss_of
from swissroll.training.loop import Terms
from tests.sweep.analysis.oracles import trained_sweep

LEARNED = Config(decoder_variance="learned", beta=1.0, hidden_dim=16, steps=40, eval_every=20, engine="torch")


def scalar(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@given(mse=st.floats(0, 10), sigma=st.floats(0.01, 10))
def test_the_distortion_is_that_of_a_normal_density(mse: float, sigma: float) -> None:
    found = mean_distortion(scalar(mse), scalar(2 * math.log(sigma)))
    density = torch.distributions.Normal(scalar(0), scalar(sigma))
    assert found.item() == pytest.approx(-density.log_prob(scalar(mse).sqrt()).item(), abs=1e-9)


@pytest.mark.parametrize("logvar", [-1e38, -800.0, 800.0, 1e38])
def test_an_enormous_log_variance_is_told_in_numbers(logvar: float) -> None:
    terms = Terms.of(LossTerms(1.0, 1.0, 1.0, logvar), loss_of(LEARNED))
    assert math.isfinite(terms.distortion)
    model = VAE(2, 4, learned_variance=True)
    assert model.decoder_logvar is not None
    model.decoder_logvar.data.fill_(logvar)
    assert model.decoder_sigma is not None
    assert 0 < model.decoder_sigma**2 < math.inf


@pytest.mark.parametrize(("reduction", "expected"), [("sum", 0.3), ("mean", 0.3 * 2 / 5)])
def test_the_weight_of_the_rate_in_nats(reduction: Any, expected: float) -> None:
    told = translate(0.3, reduction, 2, 5, sigma=0.1, learned=True)
    assert told.sigma == 0.1
    assert told.true_beta == pytest.approx(expected)
    # The loss of one point of known terms, in nats, against its translation.
    mse, kl = scalar(0.02), scalar(0.7)
    own = Loss(beta=0.3, data_dim=2, latent_dim=5, reduction=reduction, decoder_variance="learned")
    loss = own.value(mse, kl, scalar(2 * math.log(0.1))).item()
    rate, distortion = told.nats(0.02, 0.7)
    assert loss * (2 if reduction == "mean" else 1) == pytest.approx(distortion + told.true_beta * rate)


def test_an_unknown_sigma_has_no_distortion() -> None:
    assert math.isnan(loss_of(LEARNED).sigma)
    assert math.isnan(loss_of(LEARNED).translation.nats(0.1, 0.1).distortion)


@pytest.mark.parametrize(("dataset", "latent_dim"), [("swiss_roll", 1), ("helix", 2)])
def test_a_linear_model_learns_the_variance_of_probabilistic_pca(dataset: Any, latent_dim: int) -> None:
    # Tipping and Bishop (1999), equation 8: the mean of the variances that no latent is left for.
    config = Config(
        dataset=dataset, latent_dim=latent_dim, depth=0, decoder_variance="learned", beta=1.0, reduction="sum",
        steps=600, lr=0.1, lr_schedule="cosine", batch_size=512, engine="torch",
    )  # fmt: skip
    curve = CURVES[dataset]
    points = curve.position(curve.midpoints(20_000)).numpy()
    expected = np.linalg.eigvalsh(np.cov(points.T))[: curve.data_dim - latent_dim].mean()
    training = build(config)
    # From a sigma of 1 each of four seeds ends within a hundredth. From the usual start the first gradients are so
    # large that Adam takes thousands of steps, and where it is by then depends on the seed.
    assert training.engine.model.decoder_logvar is not None
    training.engine.model.decoder_logvar.data.fill_(0.0)
    for _ in training:
        pass
    sigma = training.engine.model.decoder_sigma
    assert sigma is not None
    assert sigma**2 == pytest.approx(expected, rel=0.025)


def test_a_fixed_and_a_learned_variance_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="leave out one"):
        VAE(2, 4, decoder_sigma=0.1, learned_variance=True)
    model = VAE(2, 4, learned_variance=True)
    with pytest.raises(ValueError, match="learned"):
        model.decoder_sigma = 0.2
    fixed = VAE(2, 4)
    fixed.decoder_sigma = 0.2
    assert fixed.decoder_sigma == 0.2
    assert "decoder_logvar" not in fixed.state_dict()


def test_runs_share_their_initial_weights_whatever_their_variance() -> None:
    learned, fixed = (
        build_model(LEARNED).state_dict(),
        build_model(replace(LEARNED, decoder_variance="fixed")).state_dict(),
    )
    assert learned.keys() - fixed.keys() == {"decoder_logvar"}
    assert all(torch.equal(learned[name], value) for name, value in fixed.items())


def test_a_run_keeps_its_learned_sigma(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    few_points: None,  # noqa: ARG001
) -> None:
    folder = tmp_path / "run"
    options = "--decoder-variance learned --beta 1 --hidden-dim 16 --steps 60 --lr 0.01 --quiet --engine torch"
    with pytest.raises(SystemExit) as ended:
        main(["train", "--out", str(folder), *options.split()])
    assert ended.value.code == 0
    run = load(folder)
    sigma = run.model.decoder_sigma
    assert sigma is not None
    assert sigma != pytest.approx(math.sqrt(0.005), rel=1e-3)
    told = capsys.readouterr().out
    assert re.search(rf"decoder sigma, learned, data units +{sigma:.4f}\n", told)
    assert "was learned" in (folder / "report.html").read_text(encoding="utf-8")
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert found["metrics"]["sigma"] == pytest.approx(sigma)
    # The distortion of the last step is at the sigma of that step.
    last = run.history[-1]
    assert last.loss == pytest.approx((last.distortion + last.rate) / 2)


def test_a_sweep_of_learned_variances_tells_each_sigma(tmp_path: Path, few_points: None) -> None:  # noqa: ARG001
    table = trained_sweep(
        tmp_path / "sweep", decoder_variance=["fixed", "learned"], beta=[0.01, 1.0], steps=80, lr=0.02
    )
    learned = [row.sigma for row in table.rows if row.config.decoder_variance == "learned"]
    assert len({round(sigma, 9) for sigma in learned}) == 4
    fixed = {round(row.sigma, 6) for row in table.rows if row.config.decoder_variance == "fixed"}
    assert fixed == {round(math.sqrt(0.005), 6), round(math.sqrt(0.5), 6)}
