"""Curves: their shapes, scale and coordinates."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import make_circles, make_moons, make_s_curve, make_swiss_roll
from torch import Generator, Tensor

from swissroll.config import Config
from swissroll.data import CURVES, Curve, generate_swiss_roll
from swissroll.training.build import build

curves = pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
plural = pytest.mark.parametrize("name", ["moons", "circles", "rings", "spirals"])


def sample(curve: Curve, n: int = 20_000) -> tuple[Tensor, Tensor]:
    return curve.sample(n, generator=Generator().manual_seed(0))


def test_swiss_roll_has_the_notebooks_bits() -> None:
    torch.manual_seed(3)
    t = 1.5 * math.pi * (1 + 2 * torch.rand(500))
    expected = torch.stack([t * torch.cos(t), t * torch.sin(t)], dim=1) / 15.0
    torch.manual_seed(3)
    assert torch.equal(generate_swiss_roll(500), expected)


@curves
def test_points_are_where_their_coordinate_says(curve: Curve) -> None:
    x, t = sample(curve)
    assert x.shape == (20_000, curve.data_dim)
    assert x.dtype == torch.float32
    torch.testing.assert_close(curve.position(t.double()), x.double(), rtol=0, atol=1e-6)


@curves
def test_coordinate_is_uniform_on_its_range(curve: Curve) -> None:
    t = sample(curve)[1].double().sort().values
    assert curve.start <= t[0]
    assert t[-1] < curve.stop
    expected = torch.linspace(curve.start, curve.stop, len(t), dtype=torch.float64)
    # Kolmogorov-Smirnov: above 1.95 / sqrt(n) once in a thousand samples.
    assert (t - expected).abs().max() < 1.95 / math.sqrt(len(t)) * (curve.stop - curve.start)


@curves
def test_scale_is_the_rolls(curve: Curve) -> None:
    x = sample(curve)[0]
    assert x.abs().max() <= 1 + 1e-6
    assert 0.19 < x.var(dim=0).mean() < 0.23


def test_moons_are_half_circles_that_reach_into_one_another() -> None:
    x, t = sample(CURVES["moons"])
    upper, lower = x[t < 1], x[t >= 1]
    radius = torch.full((1,), 2 / 3)
    torch.testing.assert_close((upper - torch.tensor([-1 / 3, -1 / 6])).norm(dim=1), radius.expand(len(upper)))
    torch.testing.assert_close((lower - torch.tensor([1 / 3, 1 / 6])).norm(dim=1), radius.expand(len(lower)))
    assert upper[:, 1].min() > -1 / 6 - 1e-3
    assert lower[:, 1].max() < 1 / 6 + 1e-3
    assert upper[:, 0].max() > lower[:, 0].min()


def test_circles_have_two_radii() -> None:
    x, t = sample(CURVES["circles"])
    torch.testing.assert_close(x.norm(dim=1), torch.where(t < 1, 0.8, 0.4))


def test_rings_have_three_radii_with_as_many_points_on_each() -> None:
    x, t = sample(CURVES["rings"])
    expected = torch.tensor([0.9, 0.6, 0.3])[t.long()]
    torch.testing.assert_close(x.norm(dim=1), expected)
    assert (torch.bincount(t.long()) / len(t)).tolist() == pytest.approx([1 / 3] * 3, abs=0.015)


def test_the_s_curve_is_the_profile_of_scikit_learns() -> None:
    surface, t = make_s_curve(500, random_state=0)
    expected = surface[:, [0, 2]] / 2.4
    found = CURVES["s_curve"].position(torch.from_numpy(t))
    torch.testing.assert_close(found.numpy(), expected, rtol=0, atol=1e-12)
    assert CURVES["s_curve"].start <= t.min()
    assert t.max() <= CURVES["s_curve"].stop


def test_the_swiss_roll_is_the_profile_of_scikit_learns() -> None:
    surface, t = make_swiss_roll(500, random_state=0)
    found = CURVES["swiss_roll"].position(torch.from_numpy(t))
    torch.testing.assert_close(found.numpy(), surface[:, [0, 2]] / 15, rtol=0, atol=1e-12)


def test_the_moons_are_scikit_learns_moved_and_made_smaller() -> None:
    theirs, label = make_moons(400, shuffle=False)
    half = np.linspace(0, 1, 200)
    # Their lower moon runs from left to right, as ours does.
    upper, lower = (CURVES["moons"].position(torch.from_numpy(half + moon)).numpy() for moon in (0.0, 1.0))
    moved = (theirs - [0.5, 0.25]) / 1.5
    np.testing.assert_allclose(upper[:-1], moved[label == 0][:-1], atol=1e-12)
    np.testing.assert_allclose(lower, moved[label == 1], atol=1e-12)


def test_the_circles_are_scikit_learns_made_smaller() -> None:
    theirs, label = make_circles(400, factor=0.5, shuffle=False)
    angle = np.linspace(0, 1, 200, endpoint=False)
    for circle in (0, 1):
        ours = CURVES["circles"].position(torch.from_numpy(angle + circle)).numpy()
        np.testing.assert_allclose(ours, 0.8 * theirs[label == circle], atol=1e-12)


def test_the_sine_has_two_periods() -> None:
    x, t = sample(CURVES["sine"])
    torch.testing.assert_close(x[:, 0], 0.9 * t)
    expected = 0.55 * np.sin(4 * math.pi * x[:, 0].double().numpy() / 1.8)
    np.testing.assert_allclose(x[:, 1].numpy(), expected, atol=1e-5)


def test_spirals_are_one_arm_turned_by_thirds() -> None:
    curve, share = CURVES["spirals"], torch.linspace(0, 0.999, 100, dtype=torch.float64)
    first = torch.view_as_complex(curve.position(share))
    for arm in (1, 2):
        turn = torch.polar(torch.ones(100, dtype=torch.float64), torch.full((100,), 2 * math.pi * arm / 3).double())
        torch.testing.assert_close(torch.view_as_complex(curve.position(share + arm)), first * turn, rtol=0, atol=1e-6)
    torch.testing.assert_close(first.abs(), 0.15 + 0.85 * share)


def test_helix_climbs_three_turns() -> None:
    x, t = sample(CURVES["helix"])
    torch.testing.assert_close(x[:, :2].norm(dim=1), torch.full((len(x),), 0.6))
    assert torch.corrcoef(torch.stack([x[:, 2], t]))[0, 1] > 0.9999
    assert (CURVES["helix"].stop - CURVES["helix"].start) / (2 * math.pi) == pytest.approx(3)


@curves
def test_pieces_share_the_range_equally(curve: Curve) -> None:
    edges = curve.intervals()
    assert edges.shape == (curve.pieces, 2)
    whole = torch.arange(curve.pieces)
    assert torch.equal(curve.piece(edges[:, 0]), whole)
    assert torch.equal(curve.piece(edges[:, 1]), whole)
    share = (curve.stop - curve.start) / curve.pieces
    torch.testing.assert_close(edges[:, 1] - edges[:, 0], torch.full((curve.pieces,), share).double())


@curves
def test_a_closed_piece_ends_where_it_starts(curve: Curve) -> None:
    first, last = (curve.position(edge) for edge in curve.intervals().T)
    meets = (first - last).norm(dim=1) < 1e-9
    assert meets.all() if curve.closed else not meets.any()


@plural
def test_pieces_are_apart(name: str) -> None:
    curve = CURVES[name]
    x = curve.position(curve.midpoints(600)).view(curve.pieces, -1, 2)
    assert torch.cdist(x[0], x[1]).min() > 0.2


@curves
def test_midpoints_are_the_middles_of_equal_parts(curve: Curve) -> None:
    t = curve.midpoints(4)
    edge = (curve.stop - curve.start) / 8
    expected = [curve.start + k * edge for k in (1, 3, 5, 7)]
    torch.testing.assert_close(t, torch.tensor(expected, dtype=torch.float64))


@curves
def test_a_config_trains_on_it(curve: Curve) -> None:
    config = Config(dataset=curve.name, steps=60, hidden_dim=32, eval_every=30)  # type: ignore[arg-type]
    held_out = [r.held_out.mse for r in build(config) if r.held_out is not None]
    assert len(held_out) == 2
    assert held_out[1] < held_out[0] < 0.3


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="n must be a whole number"):
        CURVES["moons"].sample(0)
    with pytest.raises(ValueError, match="noise must be a finite number"):
        CURVES["moons"].sample(5, noise=math.nan)
    with pytest.raises(ValueError, match="n must be a whole number"):
        CURVES["moons"].midpoints(0)
    with pytest.raises(ValueError, match="Did you mean 'moons'"):
        Config(dataset="moon")  # type: ignore[arg-type]
