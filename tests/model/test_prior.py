"""Oracles: torch.distributions, and scipy's integrals for a prior that the package does not know."""

import math

import pytest
import torch
from scipy.integrate import quad
from torch import Generator, Tensor
from torch.distributions import Categorical, Independent, Laplace, MixtureSameFamily, Normal, kl_divergence

from swissroll import VAE
from swissroll.model.loss import Loss
from swissroll.model.prior import Mixture, Prior, StandardNormal, make_prior
from swissroll.training.engines.torch import TorchEngine


class LaplacePrior(Prior):
    """A prior of somebody's own, of independent Laplace distributions: a density and a way to draw from it."""

    def log_prob(self, z: Tensor) -> Tensor:
        density: Tensor = Laplace(0.0, 1.0).log_prob(z).sum(dim=-1)
        return density

    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        uniform = torch.rand(2, n, self.latent_dim, generator=generator, dtype=like.dtype, device=like.device)
        exponential = -torch.log1p(-uniform)
        return exponential[0] - exponential[1]


def posterior(n: int = 64, latent_dim: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    mu, logvar, eps = torch.randn(3, n, latent_dim, dtype=torch.float64)
    return mu, logvar, mu + (0.5 * logvar).exp() * eps


def test_the_kl_from_a_standard_normal_agrees_with_torch_distributions() -> None:
    mu, logvar, z = posterior()
    each = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    prior = StandardNormal(3)
    torch.testing.assert_close(prior.kl(mu, logvar, z), each.sum(dim=1).mean())
    torch.testing.assert_close(prior.mean_kl(mu, logvar, z), each.mean())
    torch.testing.assert_close(prior.closed_form_kl(mu, logvar), each.sum(dim=1))


def test_the_sampled_kl_from_a_mixture_agrees_with_torch_distributions() -> None:
    mu, logvar, z = posterior()
    prior = Mixture(3, 4).double()
    components = Independent(Normal(prior.means, (0.5 * prior.logvars).exp()), 1)
    log_p = MixtureSameFamily(Categorical(logits=prior.logits), components).log_prob(z)
    log_q = Normal(mu, (0.5 * logvar).exp()).log_prob(z).sum(dim=1)
    torch.testing.assert_close(prior.kl(mu, logvar, z), (log_q - log_p).mean())
    torch.testing.assert_close(prior.mean_kl(mu, logvar, z), (log_q - log_p).mean() / 3)
    assert prior.closed_form_kl(mu, logvar) is None


@pytest.mark.parametrize("prior", [StandardNormal(2), Mixture(2, 5).double()])
def test_the_components_are_the_density(prior: Prior) -> None:
    found = prior.components()
    assert found is not None
    z = torch.randn(16, 2, dtype=torch.float64)
    each = Normal(found.means, found.stds).log_prob(z[:, None]).sum(dim=-1)
    torch.testing.assert_close((found.log_weights + each).logsumexp(dim=1), prior.log_prob(z))


def test_a_posterior_without_width_has_a_finite_kl_from_a_mixture() -> None:
    mu = torch.zeros(4, 2, dtype=torch.float64)
    assert math.isfinite(Mixture(2, 3).double().kl(mu, torch.full_like(mu, -5000.0), mu).item())


def test_the_sampled_kl_from_a_prior_of_somebodys_own_agrees_with_an_integral() -> None:
    mu, logvar = 0.7, -1.0
    n = 200_000
    means = torch.full((n, 1), mu, dtype=torch.float64)
    logvars = torch.full((n, 1), logvar, dtype=torch.float64)
    z = means + math.exp(0.5 * logvar) * torch.randn(n, 1, generator=Generator().manual_seed(0), dtype=torch.float64)

    q = Normal(mu, math.exp(0.5 * logvar))

    def integrand(z: float) -> float:
        value = torch.tensor(z, dtype=torch.float64)
        log_q = q.log_prob(value)
        return float(log_q.exp() * (log_q - Laplace(0.0, 1.0).log_prob(value)))

    expected = quad(integrand, -8, 8, points=[0.0])[0]
    # Five standard errors of the sampled mean, which is of order 1 / sqrt(n).
    assert LaplacePrior(1).kl(means, logvars, z).item() == pytest.approx(expected, abs=5 / math.sqrt(n))


def test_a_prior_of_somebodys_own_is_trained() -> None:
    model = VAE(2, 16, generator=Generator().manual_seed(0))
    model.prior = LaplacePrior(2)
    data = Generator().manual_seed(1)
    loss = Loss(beta=0.01, data_dim=2, latent_dim=2)
    engine = TorchEngine(model, lambda: torch.randn(64, 2, generator=data), loss=loss, lr=3e-3)
    rows = engine.run_steps(60)
    assert sum(row.loss for row in rows[-10:]) < sum(row.loss for row in rows[:10])
    assert model.sample(50).shape == (50, 2)


def test_no_components_make_the_notebooks_prior() -> None:
    assert isinstance(make_prior(2, 0), StandardNormal)
    assert list(make_prior(2, 0).parameters()) == []
    assert isinstance(make_prior(2, 3), Mixture)
