"""Oracles: the curve itself, and moments that a sample must have."""

import math

import pytest
import torch

from swissroll.config import Config
from swissroll.data import CURVES, Distribution, NoisyCurve, open_distribution


@pytest.mark.parametrize("name", CURVES)
def test_a_config_opens_its_curve(name: str) -> None:
    found = open_distribution(Config(dataset=name, noise=0.1))  # type: ignore[arg-type]
    assert isinstance(found, Distribution)
    assert (found.name, found.data_dim, found.noise) == (name, CURVES[name].data_dim, 0.1)
    assert found.curve is CURVES[name]


def test_a_sample_lies_on_the_curve_at_its_coordinate() -> None:
    points, t = NoisyCurve(CURVES["swiss_roll"]).sample(100, generator=torch.Generator().manual_seed(0))
    assert t is not None
    radius = points.double().norm(dim=1)
    torch.testing.assert_close(radius, t.double() / 15, rtol=1e-5, atol=1e-5)


def test_the_variance_is_that_of_the_roll_and_of_the_noise() -> None:
    # E|x|^2 = E t^2 / 225 and E x by integration by parts, for t uniform on [a, b].
    a, b = 1.5 * math.pi, 4.5 * math.pi
    square = (b**3 - a**3) / (3 * (b - a)) / 225
    mean_x = ((b * math.sin(b) + math.cos(b)) - (a * math.sin(a) + math.cos(a))) / (b - a) / 15
    mean_y = ((math.sin(b) - b * math.cos(b)) - (math.sin(a) - a * math.cos(a))) / (b - a) / 15
    expected = (square - mean_x**2 - mean_y**2) / 2
    assert NoisyCurve(CURVES["swiss_roll"], 0.2).variance == pytest.approx(expected + 0.04, rel=1e-7)


def test_noise_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="noise must be a finite number"):
        NoisyCurve(CURVES["moons"], -1.0)
