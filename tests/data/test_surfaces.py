"""Surfaces against their own equations and scikit-learn's Swiss roll."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from sklearn.datasets import make_swiss_roll
from torch import Generator, Tensor

from swissroll.data import SURFACES, NoisySurface


def drawn(name: str, n: int = 20_000) -> tuple[Tensor, Tensor]:
    return NoisySurface(SURFACES[name]).sample_coordinates(n, generator=Generator().manual_seed(0))


@pytest.mark.parametrize("name", SURFACES)
def test_points_are_where_their_coordinates_say(name: str) -> None:
    x, coordinates = drawn(name)
    torch.testing.assert_close(SURFACES[name].position(coordinates.double()), x.double(), rtol=0, atol=1e-6)


def test_every_point_of_the_torus_is_a_tube_radius_from_its_circle() -> None:
    x = drawn("torus")[0].double()
    from_axis = x[:, :2].norm(dim=1)
    distance = torch.hypot(from_axis - 0.7, x[:, 2])
    torch.testing.assert_close(distance, torch.full_like(distance, 0.3), rtol=0, atol=1e-6)


def test_the_torus_is_uniform_by_area() -> None:
    coordinates = drawn("torus")[1].double().numpy()
    around, tube = coordinates.T

    def share_up_to(angle: float) -> float:
        """Area of the tube from angle 0: the integral of R + r cos a."""
        return (0.7 * angle + 0.3 * math.sin(angle)) / (2 * math.pi * 0.7)

    assert kstest(tube, np.vectorize(share_up_to)).pvalue > 0.001
    assert kstest(around / (2 * math.pi), "uniform").pvalue > 0.001
    # Independent: the correlation of uniform scores is of the order 1 / sqrt(n).
    assert abs(np.corrcoef(around, tube)[0, 1]) < 4 / math.sqrt(len(around))


def test_the_roll_in_space_is_scikit_learns() -> None:
    x, t = make_swiss_roll(20_000, random_state=0)
    expected = np.column_stack([t, x[:, 1] / 15 - 0.7])
    position = SURFACES["swiss_roll_3d"].position(torch.from_numpy(expected)).numpy()
    np.testing.assert_allclose(position, x / 15 - [0, 0.7, 0], atol=1e-12)

    coordinates = drawn("swiss_roll_3d")[1].double().numpy()
    for ours, theirs in zip(coordinates.T, expected.T, strict=True):
        assert kstest(ours, theirs).pvalue > 0.001


def test_the_sample_is_coloured_by_the_first_coordinate() -> None:
    source = NoisySurface(SURFACES["torus"], 0.1)
    points, coordinate = source.sample(100, generator=Generator().manual_seed(1))
    again, coordinates = source.sample_coordinates(100, generator=Generator().manual_seed(1))
    assert torch.equal(points, again)
    assert coordinate is not None
    assert torch.equal(coordinate, coordinates[:, 0])
    assert source.coordinate_name == "around"


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="surface must be a surface"):
        NoisySurface("torus")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="noise must be a finite number"):
        NoisySurface(SURFACES["torus"], math.inf)
    with pytest.raises(ValueError, match="n must be a whole number"):
        NoisySurface(SURFACES["torus"]).sample(0)
