"""Densities against quadrature, histograms, and SciPy's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kstest, multivariate_normal
from torch import Generator, Tensor

from swissroll.data import DISTRIBUTIONS, Checkerboard, Gaussians, HasDensity, Pinwheel

REACH = 3.0
SIDE = 601


def density_of(name: str, noise: float = 0.0) -> HasDensity:
    found = DISTRIBUTIONS[name].make(noise)
    assert isinstance(found, HasDensity)
    return found


def lattice() -> tuple[Tensor, float]:
    """Middles of equal cells of [-3, 3]^2, and the area of one."""
    axis = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE * 2 * REACH - REACH
    return torch.cartesian_prod(axis, axis), (2 * REACH / SIDE) ** 2


CASES = [
    ("gaussian", 0.0),
    ("three_gaussians", 0.0),
    ("three_gaussians", 0.1),
    ("eight_gaussians", 0.0),
    ("checkerboard", 0.1),
    ("pinwheel", 0.0),
]


@pytest.mark.parametrize(("name", "noise"), CASES)
def test_a_density_integrates_to_one_and_to_its_variance(name: str, noise: float) -> None:
    source = density_of(name, noise)
    x, area = lattice()
    p = source.log_density(x).exp() * area
    assert float(p.sum()) == pytest.approx(1, abs=1e-6)
    mean = p @ x
    assert float((p @ (x - mean).square()).mean()) == pytest.approx(source.variance, rel=1e-5)


def test_the_checkerboards_density_is_one_over_the_black_area() -> None:
    board = Checkerboard()
    # The squares' middles, black ones and white ones.
    black = torch.tensor([[-0.6, -0.6], [-0.2, -0.2], [0.2, -0.6], [0.6, 0.6]])
    white = torch.tensor([[-0.6, -0.2], [0.2, 0.6], [0.9, 0.1], [-2.0, 0.0]])
    assert board.log_density(black).tolist() == pytest.approx([-math.log(8 * 0.16)] * 4)
    assert board.log_density(white).tolist() == [-math.inf] * 4


@pytest.mark.parametrize(("name", "noise"), [*CASES, ("checkerboard", 0.0)])
def test_points_fall_where_the_density_says(name: str, noise: float) -> None:
    source = density_of(name, noise)
    n = 50_000
    points = source.sample(n, generator=Generator().manual_seed(1)).points.double()

    # Probability of the cells of a coarse grid: fine cells summed, 50 by 50 to each.
    fine, area = lattice_of(0.0125, 192)
    cell = 48
    p = (source.log_density(fine).exp() * area).reshape(4, cell, 4, cell).sum(dim=(1, 3))
    edges = torch.tensor([-1.2, -0.6, 0.0, 0.6, 1.2], dtype=torch.float64)
    counts = torch.histogramdd(points, [edges, edges])[0]
    error = (n * p * (1 - p)).sqrt() + 3
    assert ((counts - n * p).abs() < 5 * error).all()


def lattice_of(step: float, side: int) -> tuple[Tensor, float]:
    """Middles of equal cells about the origin."""
    axis = (torch.arange(side, dtype=torch.float64) + 0.5 - side / 2) * step
    return torch.cartesian_prod(axis, axis), step**2


def test_gaussians_have_scipys_density() -> None:
    source = density_of("three_gaussians", 0.2)
    assert isinstance(source, Gaussians)
    assert source.weights is not None
    x = np.random.default_rng(0).normal(size=(200, 2))
    expected = np.zeros(200)
    for weight, mean, covariance in zip(source.weights, source.means, source.covariances, strict=True):
        expected += weight * multivariate_normal(mean, np.asarray(covariance) + 0.04 * np.eye(2)).pdf(x)
    np.testing.assert_allclose(source.log_density(x).numpy(), np.log(expected), rtol=1e-12)


def test_a_gaussians_entropy_has_its_closed_form() -> None:
    source = density_of("gaussian")
    x, area = lattice()
    log_p = source.log_density(x)
    # (log det C + D log(2 pi e)) / 2, with det C = (0.6 * 0.2)^2.
    expected = math.log(0.12) + math.log(2 * math.pi * math.e)
    assert float(-(log_p.exp() * log_p).sum() * area) == pytest.approx(expected, abs=1e-4)


def test_components_have_their_weights() -> None:
    source = density_of("three_gaussians")
    component = source.sample(20_000, generator=Generator().manual_seed(2)).coordinate
    assert component is not None
    shares = torch.bincount(component.long()).double() / 20_000
    assert shares.tolist() == pytest.approx([0.5, 0.3, 0.2], abs=0.012)


def test_a_pinwheel_is_the_same_after_a_fifth_of_a_turn() -> None:
    x = torch.randn(300, 2, generator=Generator().manual_seed(3), dtype=torch.float64) * 0.5
    turn = torch.polar(torch.ones(1).double(), torch.tensor([2 * math.pi / 5], dtype=torch.float64))
    turned = torch.view_as_real(torch.view_as_complex(x) * turn)
    torch.testing.assert_close(Pinwheel().log_density(turned), Pinwheel().log_density(x), rtol=1e-9, atol=1e-9)


def test_a_pinwheels_radius_is_that_of_a_gaussian_petal() -> None:
    radius = Pinwheel().sample(4000, generator=Generator().manual_seed(5)).points.norm(dim=1)
    petal = np.random.default_rng(0).normal([0.6, 0], [0.18, 0.05], size=(4000, 2))
    assert kstest(radius.numpy(), np.linalg.norm(petal, axis=1)).pvalue > 0.001


def test_what_has_no_closed_form_is_refused() -> None:
    with pytest.raises(ValueError, match="known without noise only"):
        Pinwheel(noise=0.1).log_density([[0.0, 0.0]])
    with pytest.raises(ValueError, match=r"points must have shape \(N, 2\)"):
        Checkerboard().log_density([[0.0, 0.0, 0.0]])


BAD: dict[str, dict[str, Any]] = {
    "weights must be 1 numbers above 0": {"weights": [0.5]},
    "covariances must be symmetric": {"covariances": [[[1.0, 0.5], [0.4, 1.0]]]},
    "positive definite": {"covariances": [[[1.0, 2.0], [2.0, 1.0]]]},
    "covariances must have shape": {"covariances": [[1.0, 1.0]]},
    "noise must be a finite number": {"noise": -1.0},
    "means must have shape": {"means": [0.0, 0.0]},
}


@pytest.mark.parametrize("message", BAD)
def test_wrong_gaussians_are_refused(message: str) -> None:
    right: dict[str, Any] = {"name": "one", "means": [[0.0, 0.0]], "covariances": [[[1.0, 0.0], [0.0, 1.0]]]}
    with pytest.raises(ValueError, match=message):
        Gaussians(**(right | BAD[message]))
