"""The bound by draws. Oracle: the same draws, weighed by torch.distributions, row by row."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from swissroll import VAE
from swissroll.density.scoring import BLOCK, DRAWS, BoundByDraws

SIGMA = 0.3


@pytest.mark.parametrize("rows", [1, BLOCK, 2 * BLOCK + 5])
@torch.no_grad()
def test_the_bound_is_that_of_weights_by_torch_distributions(rows: int) -> None:
    model = VAE(3, 8, data_dim=5, depth=2, components=4).double()
    for parameter in model.prior.parameters():
        parameter.normal_()
    components = model.prior.components()
    assert components is not None
    weights = Categorical(logits=components.log_weights)
    prior = MixtureSameFamily(weights, Independent(Normal(components.means, components.stds), 1))

    x = torch.randn(rows, 5, dtype=torch.float64)
    scorer = BoundByDraws(model, SIGMA, seed=3)
    found, error = scorer.log_density(x.numpy())

    for index, row in enumerate(x):
        mu, logvar = model.encode(row[None])
        posterior = Normal(mu[0], torch.exp(0.5 * logvar[0]))
        z = posterior.loc + posterior.scale * scorer.draws
        likelihood = Normal(model.decode(z), SIGMA).log_prob(row).sum(dim=1)
        log_weights = likelihood + prior.log_prob(z) - posterior.log_prob(z).sum(dim=1)
        assert found[index] == pytest.approx(float(log_weights.logsumexp(0)) - math.log(DRAWS), rel=1e-10)

        # The relative error of a mean is that of its logarithm.
        spread = log_weights.exp()
        assert error[index] == pytest.approx(float(spread.std() / spread.mean()) / DRAWS**0.5, rel=1e-8)
