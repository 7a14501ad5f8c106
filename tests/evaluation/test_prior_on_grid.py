"""The log density of a mixture prior, and its bound over a cell. Oracles: torch.distributions, and a search."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from swissroll import VAE
from swissroll.evaluation.prior_on_grid import bound_cells, log_prior


def model_with_mixture(latent_dim: int) -> VAE:
    model = VAE(latent_dim, 8, components=7).double()
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.normal_()
    return model


@pytest.mark.parametrize("latent_dim", [1, 2, 4])
def test_the_log_density_of_a_mixture_is_that_of_torch_distributions(latent_dim: int) -> None:
    model = model_with_mixture(latent_dim)
    components = model.prior.components()
    assert components is not None
    weights = Categorical(logits=components.log_weights)
    expected = MixtureSameFamily(weights, Independent(Normal(components.means, components.stds), 1))

    z = 3 * torch.randn(50, latent_dim, dtype=torch.float64)
    z.requires_grad_()
    found = log_prior(model, z)
    torch.testing.assert_close(found, expected.log_prob(z), rtol=1e-12, atol=1e-12)

    gradient = torch.autograd.grad(found.sum(), z)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.log_prob(z).sum(), z), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_no_point_of_a_cell_has_a_higher_density_than_its_bound(latent_dim: int) -> None:
    model = model_with_mixture(latent_dim)
    width = torch.tensor([0.3, 0.2], dtype=torch.float64)[:latent_dim]
    cells = 2 * torch.randn(40, latent_dim, dtype=torch.float64)
    ceiling, _ = bound_cells(model.prior.components(), cells, width, log_prior(model, cells), 2**latent_dim)

    inside = cells[:, None] + width * (torch.rand(40, 200, latent_dim, dtype=torch.float64) - 0.5)
    highest = log_prior(model, inside.flatten(0, 1)).reshape(40, 200).amax(dim=1)
    assert bool((highest <= ceiling + 1e-12).all())
    # Such a bound may be loose, but not by more than each component's own change over the cell.
    assert bool((ceiling - highest < 3).all())
