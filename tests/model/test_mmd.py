"""The MMD regulariser, against the closed form between Gaussians and scikit-learn's kernel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel
from torch import Generator

from swissroll import Config
from swissroll.model.mmd import mmd_bandwidth, mmd_to_prior
from swissroll.model.prior import Mixture, StandardNormal
from swissroll.training.build import build, build_model, choose_engine, held_out_points, loss_of


def gaussian_mmd(mean: NDArray[np.float64], variance: float, square: float) -> float:
    """Squared MMD between N(mean, variance I) and N(0, I) under a Gaussian kernel of squared bandwidth h^2.

    Source: E k of a Gaussian difference of variance v is (h^2 / (h^2 + v))^(L/2) exp(-|mean|^2 / (2 (h^2 + v))).
    """
    dims = len(mean)

    def expected(v: float, distance: float) -> float:
        return float((square / (square + v)) ** (dims / 2) * math.exp(-distance / (2 * (square + v))))

    return expected(2 * variance, 0) - 2 * expected(1 + variance, float(mean @ mean)) + expected(2, 0)


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_the_estimate_has_the_closed_form_as_its_mean(latent_dim: int) -> None:
    generator = Generator().manual_seed(latent_dim)
    mean = np.linspace(0.5, -0.3, latent_dim)
    batches = torch.randn(200, 64, latent_dim, generator=generator, dtype=torch.float64)
    z = torch.from_numpy(mean) + 0.3**0.5 * batches
    found = torch.stack([mmd_to_prior(batch, StandardNormal(latent_dim)) for batch in z])
    error = float(found.std()) / 200**0.5
    expected = gaussian_mmd(mean, 0.3, mmd_bandwidth(latent_dim) ** 2)
    assert float(found.mean()) == pytest.approx(expected, abs=4 * error)
    assert error < 0.15 * expected


def test_it_is_unbiased_where_latents_follow_the_prior() -> None:
    z = torch.randn(300, 32, 2, generator=Generator().manual_seed(3), dtype=torch.float64)
    found = torch.stack([mmd_to_prior(batch, StandardNormal(2)) for batch in z])
    assert abs(float(found.mean())) < 4 * float(found.std()) / 300**0.5
    assert float(found.min()) < 0


def test_it_is_the_limit_of_scikit_learn_s_kernel_between_draws() -> None:
    prior = Mixture(2, 3, generator=Generator().manual_seed(4)).double()
    z = torch.randn(50, 2, generator=Generator().manual_seed(5), dtype=torch.float64)
    w = prior.sample(3000, like=z, generator=Generator().manual_seed(6))
    gamma = 1 / (2 * 0.8**2)
    among = (rbf_kernel(z, gamma=gamma).sum() - 50) / (50 * 49)
    within = (rbf_kernel(w, gamma=gamma).sum() - 3000) / (3000 * 2999)
    expected = among - 2 * rbf_kernel(z, w, gamma=gamma).mean() + within
    assert float(mmd_to_prior(z, prior, bandwidth=0.8).detach()) == pytest.approx(expected, abs=0.015)


def test_it_is_a_term_of_the_loss_at_its_weight() -> None:
    x = torch.randn(32, 2, generator=Generator().manual_seed(7))
    config = Config(hidden_dim=8, depth=1, engine="torch")
    model = build_model(config)
    plain = loss_of(config).evaluate(model, x, generator=Generator().manual_seed(8))
    regularised = loss_of(Config(hidden_dim=8, depth=1, mmd_weight=3.0)).evaluate(
        model, x, generator=Generator().manual_seed(8)
    )
    z = model.posterior(x).draw(model, generator=Generator().manual_seed(8))
    torch.testing.assert_close(regularised.loss - plain.loss, 3.0 * mmd_to_prior(z, model.prior))
    assert regularised.kl == plain.kl


def test_it_keeps_the_latents_of_an_autoencoder_near_the_prior() -> None:
    """Without a KL term nothing else does: the spread of the aggregate posterior tells the two apart."""
    distance = {}
    for mmd in (0.0, 1.0):
        config = Config(
            hidden_dim=16, depth=1, beta=0.0, mmd_weight=mmd, steps=60, batch_size=64, lr=1e-2, engine="torch"
        )
        training = build(config)
        for _ in training:
            pass
        model = training.engine.model
        x = held_out_points(config).points
        with torch.no_grad():
            z = model.posterior(x).draw(model, generator=Generator().manual_seed(9))
            distance[mmd] = float(mmd_to_prior(z, model.prior))
    assert distance[1.0] < 0.3 * distance[0.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 1}, "mmd compares the points of a batch, and batch_size is 1"),
        ({"prior": "flow"}, "mmd needs a prior of Gaussians"),
        ({"mmd_weight": -1.0}, "mmd_weight must be"),
    ],
)
def test_settings_that_do_not_go_with_it_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config.from_dict({"mmd_weight": 1.0} | settings)


def test_the_fast_engine_says_that_it_does_not_compute_it() -> None:
    assert choose_engine(Config(mmd_weight=1.0, steps=10**6)) == "torch"
    with pytest.raises(ValueError, match=r"The fast engine does not compute mmd\. Choose engine 'torch'"):
        build(Config(mmd_weight=1.0, engine="xla"))
