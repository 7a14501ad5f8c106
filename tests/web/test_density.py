"""The lab's density on a grid: it is p(x), and integrates to one."""

from __future__ import annotations

import pytest
import torch

from swissroll.config import Config
from swissroll.evaluation.evidence import log_evidence
from swissroll.training.build import loss_of
from tests.web.conftest import Node
from tests.web.frozen import SCRIPT, hand_over, moments_of, tensor

DENSITY_SCRIPT = (
    SCRIPT
    + """
const { DensityMeter } = await load("density.js");
answer(drive(new DensityMeter(freeze(input.model)).measure(input.extent)));
"""
)


@pytest.mark.parametrize(
    ("latent_dim", "components", "error"), [(1, 0, 0.01), (2, 0, 0.02), (2, 3, 0.02), (3, 0, 0.1), (4, 2, 0.15)]
)
def test_a_density_integrates_to_one(node: Node, latent_dim: int, components: int, error: float) -> None:
    config = Config(hidden_dim=16, latent_dim=latent_dim, components=components)
    (model,) = moments_of(config, [200])
    extent = [-4.0, 4.0, -3.5, 4.5]
    found = node(DENSITY_SCRIPT, {"model": hand_over(model, config, 0.1), "extent": extent})

    size = found["size"]
    area = (8 / (size - 1)) ** 2
    assert float(tensor(found["log_density"]).exp().sum()) * area == pytest.approx(1, abs=1e-3)
    assert 0 <= found["error"] < error


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_density_is_the_package_s_evidence_at_its_grid_points(node: Node, latent_dim: int) -> None:
    config = Config(hidden_dim=16, latent_dim=latent_dim, activation="tanh")
    sigma = loss_of(config).sigma
    (model,) = moments_of(config, [200])
    found = node(DENSITY_SCRIPT, {"model": hand_over(model, config, sigma), "extent": [-1.2, 1.3, -1.4, 1.1]})
    size = found["size"]
    log_density = tensor(found["log_density"]).reshape(size, size)

    # The first coordinate varies slowest; a few grid points where there is some density.
    across = torch.linspace(-1.2, 1.3, size, dtype=torch.float64)
    up = torch.linspace(-1.4, 1.1, size, dtype=torch.float64)
    where = (log_density > log_density.max() - 4).nonzero()[::97]
    points = torch.stack([across[where[:, 0]], up[where[:, 1]]], dim=1)
    expected = log_evidence(model, points, sigma=sigma, tolerance=1e-2).exp()
    density = log_density[where[:, 0], where[:, 1]].exp()
    assert float((density - expected).abs().max() / expected.max()) < 0.02
