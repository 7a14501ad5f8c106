"""Oracles: torch.distributions, and the loss computed by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swissroll.config import Config
from swissroll.model.loss import Loss
from swissroll.model.prior import log_normal
from swissroll.model.terms import LossTerms, distortion, elbo, mean_kl, rate, reconstruction_mse
from swissroll.model.translation import translate
from swissroll.model.vae import VAE
from swissroll.training.build import build

DIMS = st.integers(1, 9)


@given(beta=st.floats(1e-4, 10), data_dim=DIMS, latent_dim=DIMS, reduction=st.sampled_from(["mean", "sum"]))
def test_translated_loss_is_the_negative_elbo_up_to_factor_and_constant(
    beta: float, data_dim: int, latent_dim: int, reduction: str
) -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(4, 5, data_dim, generator=generator, dtype=torch.float64)
    codes = torch.randn(4, 5, latent_dim, generator=generator, dtype=torch.float64)
    sigma = translate(beta, reduction, data_dim, latent_dim).sigma  # type: ignore[arg-type]
    loss = Loss(beta=beta, data_dim=data_dim, latent_dim=latent_dim, reduction=reduction)  # type: ignore[arg-type]
    losses, elbos = [], []
    for recon_x, mu in zip(points[1:], codes[1:], strict=True):
        terms = reconstruction_mse(recon_x, points[0]), mean_kl(mu, codes[0])
        losses.append(loss.value(*terms))
        elbos.append(elbo(recon_x, points[0], mu, codes[0], sigma).mean())
    factor = 2 * sigma**2 / (data_dim if reduction == "mean" else 1)
    torch.testing.assert_close(losses[1] - losses[0], factor * (elbos[0] - elbos[1]))
    torch.testing.assert_close(losses[2] - losses[0], factor * (elbos[0] - elbos[2]))


def test_notebook_defaults_imply_sigma_of_0_0707() -> None:
    assert translate(0.01, "mean", 2, 2).sigma == pytest.approx(math.sqrt(0.01 * 2 / (2 * 2)), abs=0)
    assert round(translate(0.01, "mean", 2, 2).sigma, 4) == 0.0707


@given(beta=st.floats(1e-4, 10), sigma=st.floats(0.01, 10))
def test_true_beta_at_a_stated_sigma_scales_with_its_inverse_variance(beta: float, sigma: float) -> None:
    own = translate(beta, "mean", 3, 2)
    stated = translate(beta, "mean", 3, 2, sigma=sigma)
    assert stated.true_beta == pytest.approx((own.sigma / sigma) ** 2)


def test_nats_agree_with_the_terms_a_point() -> None:
    x, recon_x, mu, logvar = torch.randn(4, 6, 3, dtype=torch.float64)
    translation = translate(0.02, "mean", 3, 3)
    found = translation.nats(reconstruction_mse(recon_x, x).item(), mean_kl(mu, logvar).item())
    expected = rate(mu, logvar).mean().item(), distortion(recon_x, x, translation.sigma).mean().item()
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("beta", [-1.0, math.nan, math.inf, "1"])
def test_translate_refuses_a_bad_beta(beta: object) -> None:
    with pytest.raises(ValueError, match="beta must be a finite number"):
        translate(beta, "mean", 2, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("beta", [1e-320, 1e-200])
def test_a_beta_whose_sigma_has_no_square_is_refused_in_one_line(beta: float) -> None:
    told = "beta must be 0 or at least 1e-180"
    with pytest.raises(ValueError, match=told):
        translate(beta, "mean", 2, 2)
    with pytest.raises(ValueError, match=told):
        Loss(beta=beta, data_dim=2, latent_dim=2)
    least = translate(1e-180, "mean", 1, 10**9)
    assert math.isfinite(least.nats(1.0, 1.0).distortion)


class ImportanceWeightedLoss(Loss):
    """Somebody else's loss: -1/D log 1/K sum_k p(x, z_k) / q(z_k|x), of Burda et al. (2016), equation 8."""

    SAMPLES = 3

    def evaluate(
        self, model: VAE, x: torch.Tensor, *, generator: torch.Generator | None = None, beta: float | None = None
    ) -> LossTerms[torch.Tensor]:
        plain = super().evaluate(model, x, generator=generator, beta=beta)
        mu, logvar = model.encode(x)
        log_weights = []
        for _ in range(self.SAMPLES):
            z = model.reparameterize(mu, logvar, generator=generator)
            log_q = log_normal(z, mu, logvar)
            log_weights.append(model.prior.log_prob(z) - log_q - distortion(model.decode(z), x, self.sigma))
        bound = torch.stack(log_weights).logsumexp(dim=0) - math.log(self.SAMPLES)
        return plain._replace(loss=-bound.mean() / self.data_dim)


def test_somebody_elses_loss_is_trained_and_told_in_nats() -> None:
    config = Config(steps=30, hidden_dim=16, batch_size=64, eval_every=30, lr=3e-3, engine="torch")
    own = ImportanceWeightedLoss.of(config, data_dim=2)
    records = list(build(config, loss=own))
    assert records[-1].train.loss < records[0].train.loss
    assert records[-1].held_out is not None
    assert records[-1].train.rate == pytest.approx(2 * records[-1].train.kl)


def test_the_fast_engine_refuses_somebody_elses_loss() -> None:
    pytest.importorskip("jax")
    config = Config(steps=30, hidden_dim=16, engine="xla")
    with pytest.raises(ValueError, match="the config's own loss only"):
        build(config, loss=ImportanceWeightedLoss.of(config, data_dim=2))
