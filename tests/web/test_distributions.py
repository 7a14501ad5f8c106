"""What the lab draws points from, where it is no curve, against the package's distributions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from swissroll.data import densities
from swissroll.data.catalogue import DISTRIBUTIONS
from swissroll.data.curves import CURVES
from swissroll.data.densities import HasDensity
from swissroll.data.surfaces import SURFACES
from tests.web.conftest import Node
from tests.web.frozen import tensor

MIXTURES = ("gaussian", "three_gaussians", "eight_gaussians")
OTHERS = [name for name in DISTRIBUTIONS if name not in CURVES]
GIVEN = """
const { DISTRIBUTIONS } = await load("distributions.js");
const drawGiven = ({ uniforms, normals }) => {
  const generator = { uniform: () => uniforms.shift(), normal: () => normals.shift() };
  return DISTRIBUTIONS[input.name].draw(generator, kernel);
};
answer({ names: Object.keys(DISTRIBUTIONS), drawn: input.draws.map(drawGiven) });
"""
UNIFORMS = (0.001, 0.13, 0.37, 0.4999, 0.5001, 0.79, 0.81, 0.97)


def draw_given(node: Node, name: str, draws: list[dict[str, list[float]]]) -> Tensor:
    """The points that the page makes of given uniform and normal numbers."""
    found = node(GIVEN, {"name": name, "draws": draws})
    assert found["names"] == OTHERS
    return tensor([drawn["point"] for drawn in found["drawn"]])


def expected_of_mixture(mixture: densities.Gaussians, u: float, eps: list[float]) -> Tensor:
    """The point of a mixture: the mean of the part that u falls into, and Cholesky's factor times the noise."""
    means, covariances = mixture._moments()
    part = int(torch.bucketize(torch.tensor(u), mixture._shares().cumsum(0)[:-1], right=True))
    expected: Tensor = means[part] + torch.linalg.cholesky(covariances[part]) @ torch.tensor(eps, dtype=torch.float64)
    return expected


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_is_the_packages(name: str, node: Node) -> None:
    draws = [{"uniforms": [u], "normals": [0.7, -1.3]} for u in UNIFORMS]
    mixture: Any = DISTRIBUTIONS[name].make(0.0)
    expected = torch.stack([expected_of_mixture(mixture, u, [0.7, -1.3]) for u in UNIFORMS])
    torch.testing.assert_close(draw_given(node, name, draws), expected, rtol=0, atol=1e-12)


def test_the_pinwheel_is_the_packages(node: Node) -> None:
    draws = [{"uniforms": [u], "normals": [0.7, -1.3]} for u in UNIFORMS]
    petals = torch.stack([expected_of_mixture(densities._petals(), u, [0.7, -1.3]) for u in UNIFORMS])
    expected = densities._twist(petals, densities.TWIST)
    torch.testing.assert_close(draw_given(node, "pinwheel", draws), expected, rtol=0, atol=1e-12)


def test_the_checkerboard_is_the_packages(node: Node) -> None:
    draws = [{"uniforms": [u, 0.25, 0.75], "normals": []} for u in UNIFORMS]
    squares = (8 * torch.tensor(UNIFORMS)).long()
    within = densities.SQUARE * torch.tensor([0.25, 0.75], dtype=torch.float64)
    expected = densities._corners()[squares] + within
    torch.testing.assert_close(draw_given(node, "checkerboard", draws), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_is_the_packages(name: str, node: Node) -> None:
    draws = [{"uniforms": [u, 1 - u], "normals": []} for u in UNIFORMS]
    surface = SURFACES[name]
    u = torch.tensor(UNIFORMS, dtype=torch.float64)
    expected = surface.position(surface.coordinates(torch.stack([u, 1 - u], dim=1)))
    torch.testing.assert_close(draw_given(node, name, draws), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_drawn_has_the_packages_variance_and_density(name: str, node: Node) -> None:
    script = """
const { DISTRIBUTIONS, samplePoints } = await load("distributions.js");
const distribution = DISTRIBUTIONS[input];
const drawn = samplePoints(distribution, 4000, 0, kernel.generator(3, "data"), kernel);
const noisy = samplePoints(distribution, 4000, 0.1, kernel.generator(3, "data"), kernel);
answer({ ...drawn, noisy: noisy.points, variance: distribution.variance, dims: distribution.data_dim });
"""
    found = node(script, name)
    distribution = DISTRIBUTIONS[name].make(0.0)
    points = tensor(found["points"]).reshape(-1, found["dims"])
    assert found["dims"] == distribution.data_dim
    assert found["variance"] == pytest.approx(distribution.variance, rel=1e-8)
    assert float(points.var(dim=0).mean()) == pytest.approx(distribution.variance, rel=0.06)
    assert float((tensor(found["noisy"]) - points.flatten()).std()) == pytest.approx(0.1, rel=0.05)
    assert found["coordinate"] is None or max(found["coordinate"]) <= 1

    if isinstance(distribution, HasDensity):
        # The mean of -log p over its own points is its entropy: the package's sample has the same.
        own = distribution.sample(4000, generator=torch.Generator().manual_seed(0)).points
        entropies = [-distribution.log_density(sample) for sample in (points, own)]
        error = float((entropies[0].var() / 4000 + entropies[1].var() / 4000).sqrt())
        assert abs(float(entropies[0].mean() - entropies[1].mean())) < 4 * error + 1e-9


def test_own_points_are_drawn_each_as_often(node: Node) -> None:
    script = """
const { ownPoints, samplePoints } = await load("distributions.js");
const own = ownPoints({ dims: 2, values: Float32Array.from([0, 1, 2, 3, 4, 5]) });
answer({ ...own, ...samplePoints(own, 3000, 0, kernel.generator(3, "data"), kernel) });
"""
    found = node(script)
    rows, counts = tensor(found["points"]).reshape(-1, 2).unique(dim=0, return_counts=True)
    assert rows.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert all(900 < count < 1100 for count in counts.tolist())
    assert found["variance"] == pytest.approx(8 / 3)
    assert found["coordinate"] is None
