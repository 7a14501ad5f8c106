"""One grid for very many points gives the numbers of a grid for each few hundred, and of a closed form."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal

from swissroll.evaluation import evidence, quadrature, shared_grid
from swissroll.evaluation.shared_grid import MANY_POINTS, group_neighbours, integrate_many
from swissroll.model.vae import VAE
from tests.oracles import seeded

SIGMA = 0.3


def linear(latent_dim: int) -> VAE:
    model = VAE(latent_dim, 4, depth=0, decoder_sigma=SIGMA, generator=seeded())
    state = model.state_dict()
    state["decoder.0.weight"].copy_(torch.tensor([[1.0, 0.2], [-0.4, 0.6]])[:, :latent_dim])
    return model


@pytest.mark.parametrize(("latent_dim", "count"), [(1, MANY_POINTS), (2, 200)])
def test_a_linear_model_has_its_closed_form_for_every_point_of_many(latent_dim: int, count: int) -> None:
    model = linear(latent_dim)
    x = torch.randn(count, 2, generator=seeded(1), dtype=torch.float64)
    # One that no prior explains: it is encoded, and has its mass, outside the box of the others.
    x[77] = torch.tensor([9.0, -6.0])
    told: list[int] = []
    if count == MANY_POINTS:
        log_p, error = evidence.score(model, x, progress=told.append)
    else:
        log_p, error, *_ = vars(integrate_many(model, x, SIGMA, tolerance=1e-3, progress=told.append)).values()

    state = model.state_dict()
    weight = state["decoder.0.weight"].double()
    covariance = weight @ weight.T + SIGMA**2 * torch.eye(2)
    mean = state["decoder.0.bias"].double()
    expected = MultivariateNormal(mean, covariance).log_prob(x)
    torch.testing.assert_close(log_p, expected, rtol=0, atol=2e-5)
    assert bool(((log_p - expected).abs() <= error + 2e-6).all())
    assert sum(told) == len(x)


def test_neighbours_that_share_a_grid_keep_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    # As near to one another as those of a million are.
    monkeypatch.setattr(shared_grid, "GROUP", 8)
    model = VAE(2, 16, depth=1, components=3, activation="tanh", decoder_sigma=0.2, generator=seeded())
    x = 2 * torch.rand(160, 2, generator=seeded(2), dtype=torch.float64) - 1
    shared = integrate_many(model, x, 0.2, tolerance=1e-3)
    alone = quadrature.integrate(model, x[::16], 0.2, tolerance=1e-3)
    torch.testing.assert_close(shared.log_p[::16], alone.log_p, rtol=0, atol=1e-4)


def test_groups_are_compact_and_hold_each_point_once() -> None:
    x = torch.rand(1000, 2, generator=seeded())
    groups = group_neighbours(x, 64)
    assert torch.equal(torch.cat(groups).sort().values, torch.arange(1000))
    assert max(map(len, groups)) <= 64
    widths = torch.stack([x[group].amax(dim=0) - x[group].amin(dim=0) for group in groups])
    assert float(widths.max()) < 0.5
