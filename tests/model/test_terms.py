"""The two terms of the loss. Oracle: torch.distributions."""

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from swissroll.model.terms import distortion, elbo, mean_kl, rate


@pytest.mark.parametrize("latent_dim", [1, 2, 7])
def test_rate_agrees_with_torch_distributions(latent_dim: int) -> None:
    mu, logvar = torch.randn(2, 5, latent_dim, dtype=torch.float64)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(rate(mu, logvar), expected)
    torch.testing.assert_close(mean_kl(mu, logvar), expected.mean() / latent_dim)


@pytest.mark.parametrize("data_dim", [1, 2, 3])
def test_distortion_agrees_with_torch_distributions(data_dim: int) -> None:
    recon_x, x = torch.randn(2, 6, data_dim, dtype=torch.float64)
    expected = -Independent(Normal(recon_x, 0.3), 1).log_prob(x)
    torch.testing.assert_close(distortion(recon_x, x, 0.3), expected)


def test_elbo_is_the_likelihood_less_the_divergence_of_torch_distributions() -> None:
    x, recon_x, mu, logvar = torch.randn(4, 6, 2, dtype=torch.float64)
    posterior = Independent(Normal(mu, (0.5 * logvar).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mu), 1.0), 1)
    expected = Independent(Normal(recon_x, 0.2), 1).log_prob(x) - kl_divergence(posterior, prior)
    torch.testing.assert_close(elbo(recon_x, x, mu, logvar, 0.2), expected)


def test_distortion_refuses_a_decoder_without_noise() -> None:
    with pytest.raises(ValueError, match="sigma must be"):
        distortion(torch.zeros(1, 2), torch.zeros(1, 2), 0.0)
