"""A posterior with a full covariance, against torch.distributions and the exact posterior of a linear model."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from swissroll import VAE, Config
from swissroll.evaluation.evidence import measure_evidence
from swissroll.model.posterior import Posterior, cholesky_factor
from swissroll.model.prior import Mixture, StandardNormal
from swissroll.training.build import build

LATENT_DIMS = [2, 3, 5]


def some_posterior(latent_dim: int) -> Posterior:
    generator = Generator().manual_seed(latent_dim)
    mu, scale_logvar = torch.randn(2, 6, latent_dim, generator=generator, dtype=torch.float64)
    lower = torch.randn(6, latent_dim * (latent_dim - 1) // 2, generator=generator, dtype=torch.float64)
    return Posterior.of_factor(mu, cholesky_factor(scale_logvar, lower))


def as_torch(posterior: Posterior) -> MultivariateNormal:
    return MultivariateNormal(posterior.mu, scale_tril=posterior.factor, validate_args=False)


def standard_normal(latent_dim: int) -> MultivariateNormal:
    mean = torch.zeros(latent_dim, dtype=torch.float64)
    return MultivariateNormal(mean, torch.eye(latent_dim, dtype=torch.float64))


@pytest.mark.parametrize("latent_dim", LATENT_DIMS)
def test_kl_density_and_entropy_agree_with_torch_distributions(latent_dim: int) -> None:
    posterior = some_posterior(latent_dim)
    expected = as_torch(posterior)
    z = posterior.place(torch.randn(6, latent_dim, generator=Generator().manual_seed(1), dtype=torch.float64))
    rates = posterior.closed_form_kl(StandardNormal(latent_dim))
    assert rates is not None
    torch.testing.assert_close(rates, kl_divergence(expected, standard_normal(latent_dim)))
    torch.testing.assert_close(posterior.log_prob(z), expected.log_prob(z))
    torch.testing.assert_close(posterior.entropy(), expected.entropy())
    torch.testing.assert_close(posterior.logvar, expected.variance.log())
    torch.testing.assert_close(posterior.covariance(), expected.covariance_matrix)


@pytest.mark.parametrize("latent_dim", LATENT_DIMS)
def test_draws_have_the_posterior_s_mean_and_covariance(latent_dim: int) -> None:
    posterior = some_posterior(latent_dim).at(slice(0, 1))
    eps = torch.randn(40_000, latent_dim, generator=Generator().manual_seed(2), dtype=torch.float64)
    z = posterior.place(eps)
    largest = float(posterior.covariance().max())
    torch.testing.assert_close(z.mean(dim=0), posterior.mu[0], rtol=0, atol=0.03 * largest**0.5)
    torch.testing.assert_close(z.T.cov(), posterior.covariance()[0], rtol=0, atol=0.05 * largest)


def test_the_kl_from_a_mixture_is_estimated_without_bias_of_the_covariance() -> None:
    """Oracle: the mean over many draws of torch's own log q less the mixture's log p."""
    posterior = some_posterior(2).at(slice(0, 1))
    prior = Mixture(2, 3, generator=Generator().manual_seed(0)).double()
    eps = torch.randn(2000, 2, generator=Generator().manual_seed(3), dtype=torch.float64)
    z = posterior.place(eps)
    expected = (as_torch(posterior).log_prob(z) - prior.log_prob(z)).mean()
    torch.testing.assert_close(posterior.kl(prior, z), expected)
    torch.testing.assert_close(2 * posterior.mean_kl(prior, z), expected)


def decoder_weight_of(model: VAE) -> Tensor:
    return dict(model.named_parameters())["decoder.0.weight"]


def linear_model(posterior: Literal["diagonal", "full"]) -> VAE:
    """x = R diag(1, 0.2) z + noise of 0.3: a rotated linear-Gaussian model, so p(z|x) has correlated latents."""
    model = VAE(2, depth=0, posterior=posterior, decoder_sigma=0.3).double()
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    weight = torch.diag(torch.tensor([1.0, 0.2], dtype=torch.float64)) @ turn
    precision = torch.eye(2, dtype=torch.float64) + weight.T @ weight / 0.3**2
    covariance = precision.inverse()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        decoder_weight_of(model).copy_(weight)
        # E(z|x) = V W^T x / sigma^2, and Var(z|x) = V.
        model.fc_mu.weight.copy_(covariance @ weight.T / 0.3**2)
        if model.fc_lower is None:
            # The best diagonal Gaussian has the precision's diagonal (Bishop 2006, equation 10.13).
            model.fc_logvar.bias.copy_(-precision.diagonal().log())
        else:
            cholesky = torch.linalg.cholesky(covariance)
            scale = cholesky.diagonal()
            model.fc_logvar.bias.copy_(2 * scale.log())
            model.fc_lower.bias.copy_(cholesky[1, :1] / scale[1])
    return model


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
def test_the_family_gap_of_a_linear_model_goes_to_zero_with_a_full_covariance_only(
    posterior: Literal["diagonal", "full"],
) -> None:
    x = torch.randn(20, 2, generator=Generator().manual_seed(4), dtype=torch.float64)
    found = measure_evidence(linear_model(posterior), x, gap_split=True)
    assert found.family is not None
    assert found.amortisation is not None
    assert float(found.amortisation.max()) < 2e-3
    if posterior == "full":
        torch.testing.assert_close(found.inference_gap, torch.zeros_like(found.log_p), rtol=0, atol=1e-4)
    else:
        # KL of the best diagonal Gaussian from N(., V): half of (sum of log diag(V^-1) + log det V).
        precision = torch.eye(2, dtype=torch.float64)
        weight = decoder_weight_of(linear_model(posterior)).detach()
        precision = precision + weight.T @ weight / 0.3**2
        expected = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
        assert float(expected) > 0.3
        torch.testing.assert_close(found.family, expected.expand(20), rtol=0, atol=3e-3)


def test_a_diagonal_model_keeps_its_names_and_a_full_one_starts_as_it() -> None:
    diagonal = VAE(2, 8, generator=Generator().manual_seed(5))
    full = VAE(2, 8, posterior="full", generator=Generator().manual_seed(5))
    assert list(full.state_dict()) == [*diagonal.state_dict(), "fc_lower.weight", "fc_lower.bias"]
    x = torch.randn(7, 2, generator=Generator().manual_seed(6))
    for ours, theirs in zip(full.encode(x), diagonal.encode(x), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.equal(full.decode(x), diagonal.decode(x))


@pytest.mark.parametrize(("latent_dim", "components"), [(3, 0), (2, 3)])
def test_both_engines_train_a_full_covariance_alike(latent_dim: int, components: int) -> None:
    pytest.importorskip("jax")
    records = {}
    engines: tuple[Literal["torch", "xla"], ...] = ("torch", "xla")
    for engine in engines:
        config = Config(
            posterior="full",
            latent_dim=latent_dim,
            components=components,
            hidden_dim=16,
            depth=1,
            steps=20,
            batch_size=32,
            engine=engine,
        )
        records[engine] = [record.train.loss for record in build(config)]
    assert records["torch"] == pytest.approx(records["xla"], rel=1e-4)


def test_a_full_covariance_of_one_latent_is_refused() -> None:
    with pytest.raises(ValueError, match="posterior 'full' is for a latent_dim from 2 to 64; got 1"):
        Config(posterior="full", latent_dim=1)
