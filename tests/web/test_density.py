"""The lab's density on a grid: it is p(x), and integrates to one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from swissroll.config import Config
from swissroll.evaluation.evidence import log_evidence
from swissroll.training.build import loss_of
from tests.web.conftest import Node
from tests.web.frozen import SCRIPT, hand_over, moments_of, tensor

DENSITY_SCRIPT = (
    SCRIPT
    + """
const { DensityMeter } = await load("density.js");
answer(drive(new DensityMeter(freeze(input.model)).measure(input.extent, input.cells)));
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


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_density_of_little_noise_is_no_comb(node: Node, latent_dim: int) -> None:
    """The decoder moves by many sigmas from one latent of the grid to the next."""
    config = Config(hidden_dim=16, latent_dim=latent_dim, activation="silu")
    (model,) = moments_of(config, [150])
    with torch.no_grad():
        # A decoder that fills some of the plane.
        *_, weight, bias = (value for name, value in model.state_dict().items() if name.startswith("decoder."))
        scale = 0.6 / model.decode(torch.randn(2_000, latent_dim)).std()
        weight.mul_(scale)
        bias.mul_(scale)
    extent = [-2.0, 2.0, -2.0, 2.0]
    found = node(DENSITY_SCRIPT, {"model": hand_over(model, config, 0.002), "extent": extent, "cells": 2**12})
    size, blur = found["size"], found["blur"]
    spacing = 4 / (size - 1)
    assert 0.002 < blur < spacing
    density = tensor(found["log_density"]).reshape(size, size).exp().numpy()

    # Millions of decoded latents in bins of a quarter of the spacing, blurred as much.
    fine = 4
    count = {1: 400_001, 2: 2_001}[latent_dim]
    axis = torch.linspace(-5, 5, count)
    z = torch.cartesian_prod(*[axis] * latent_dim).reshape(-1, latent_dim)
    mass = torch.exp(-0.5 * z.square().sum(1))
    with torch.no_grad():
        points = torch.cat([model.decode(part) for part in z.split(500_000)])
    # Bins whose middles are the grid points, and three between each two of them.
    edges = np.linspace(-2 - spacing / fine / 2, 2 + spacing / fine / 2, (size - 1) * fine + 2)
    x, y = points.numpy().T
    bins, _, _ = np.histogram2d(x, y, bins=(edges, edges), weights=(mass / mass.sum()).numpy())
    expected = gaussian_filter(bins, fine * blur / spacing, truncate=6)[::fine, ::fine] / (spacing / fine) ** 2
    distance = 0.5 * float(np.abs(density - expected).sum()) * spacing**2
    assert distance < 0.02
