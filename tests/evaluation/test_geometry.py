"""Geometry: distances to the curve, and coverage of it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import kstest
from torch import Generator

from swissroll.data import CURVES, Curve
from swissroll.evaluation.geometry import fit, project, stray_distance
from tests.oracles import seeded

curves = pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
ROLL, CIRCLES = CURVES["swiss_roll"], CURVES["circles"]


def place(curve: Curve, t: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = curve.position(torch.from_numpy(np.atleast_1d(t))).numpy()
    return found


def nearest(curve: Curve, x: NDArray[np.float64]) -> float:
    """The distance by SciPy's bounded search around the best points of a fine grid, on each piece."""

    def square(t: float) -> float:
        return float(((place(curve, np.array([t])) - x) ** 2).sum())

    best = math.inf
    for first, last in curve.intervals().tolist():
        grid = np.linspace(first, last, 3001)
        squares = ((place(curve, grid) - x) ** 2).sum(axis=1)
        for i in np.argsort(squares)[:6]:
            bounds = (grid[max(i - 1, 0)], grid[min(i + 1, 3000)])
            found = minimize_scalar(square, bounds=bounds, method="bounded", options={"xatol": 1e-12})
            best = min(best, found.fun, squares[i])
    return math.sqrt(best)


@curves
def test_distance_agrees_with_a_bounded_search(curve: Curve) -> None:
    x = np.random.default_rng(0).uniform(-1.3, 1.3, (20, curve.data_dim))
    found = project(curve, x)
    expected = [nearest(curve, row) for row in x]
    np.testing.assert_allclose(found.distance.numpy(), expected, rtol=0, atol=1e-8)
    at = np.linalg.norm(place(curve, found.t.numpy()) - x, axis=1)
    np.testing.assert_allclose(found.distance.numpy(), at, rtol=0, atol=1e-14)


@pytest.mark.parametrize("nearer", [5e-6, -5e-6])
def test_halfway_between_two_pieces_the_nearer_one_is_found(nearer: float) -> None:
    angle = torch.linspace(0, 6, 100, dtype=torch.float64)
    x = (0.6 + nearer) * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    found = project(CIRCLES, x)
    # On a grid alone the wrong circle often has the nearest point.
    torch.testing.assert_close(found.distance, torch.full((100,), 0.2 - 5e-6, dtype=torch.float64), rtol=0, atol=1e-12)
    assert torch.equal(CIRCLES.piece(found.t), torch.full((100,), int(nearer < 0)))


@curves
def test_points_on_the_curve_are_found(curve: Curve) -> None:
    t = curve.midpoints(1001)
    found = project(curve, curve.position(t))
    assert found.distance.max() < 1e-12
    torch.testing.assert_close(found.t, t, rtol=0, atol=1e-9)


@curves
def test_nearest_point_is_where_the_offset_is_square_to_the_curve(curve: Curve) -> None:
    t = curve.midpoints(300)
    x = curve.position(t) + 0.05 * torch.randn(300, curve.data_dim, generator=Generator().manual_seed(1)).double()
    found = project(curve, x)
    step = 1e-6 * (curve.stop - curve.start)
    edges = curve.intervals()
    inside = ((found.t[:, None] > edges[:, 0] + step) & (found.t[:, None] < edges[:, 1] - step)).any(dim=1)
    chord = (curve.position(found.t + step) - curve.position(found.t - step)) / (2 * step)
    slope = ((curve.position(found.t) - x) * chord).sum(dim=1)[inside]
    assert inside.sum() > 280
    assert slope.abs().max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_distance_to_circles_is_the_radial_one(x: float, y: float) -> None:
    radius = math.hypot(x, y)
    expected = min(abs(radius - 0.8), abs(radius - 0.4))
    assert project(CIRCLES, torch.tensor([[x, y]], dtype=torch.float64)).distance.item() == pytest.approx(
        expected, abs=1e-12
    )


def test_the_centre_of_a_circle_is_a_radius_away() -> None:
    assert project(CIRCLES, torch.zeros(1, 2)).distance.item() == pytest.approx(0.4, abs=1e-12)


@pytest.mark.parametrize("end", ["start", "stop"])
def test_beyond_an_end_the_nearest_point_is_the_end(end: str) -> None:
    t = torch.tensor([getattr(ROLL, end)], dtype=torch.float64)
    inward = 1e-3 if end == "start" else -1e-3
    away = ROLL.position(t) - ROLL.position(t + inward)
    x = ROLL.position(t) + 0.1 * away / away.norm()
    found = project(ROLL, x)
    assert found.distance.item() == pytest.approx(0.1, abs=1e-12)
    assert found.t.item() == pytest.approx(t.item())


def test_far_points_and_many_points_are_projected() -> None:
    x = torch.cat([torch.full((1, 2), 1e7), torch.rand(5000, 2)])
    found = project(ROLL, x)
    assert found.distance[0].item() == pytest.approx(math.sqrt(2) * 1e7, rel=1e-6)
    alone = project(ROLL, x[4000:4001])
    assert found.t[4000] == alone.t[0]


@curves
def test_a_fit_agrees_with_numpy_and_scipy(curve: Curve) -> None:
    x = curve.sample(400, noise=0.05, generator=Generator().manual_seed(2))[0]
    found, nearby = fit(curve, x), project(curve, x)
    assert found.n == 400
    assert found.off_median == pytest.approx(float(np.median(nearby.distance)))
    assert found.off_p90 == pytest.approx(float(np.percentile(nearby.distance, 90)))
    share = (nearby.t.numpy() - curve.start) / (curve.stop - curve.start)
    assert found.ks == pytest.approx(kstest(share, "uniform").statistic)
    near = share[nearby.distance.numpy() <= 0.05]
    assert found.coverage == pytest.approx((np.histogram(near, bins=50, range=(0, 1))[0] > 0).mean())


@curves
def test_a_real_sample_is_at_its_noise_floor(curve: Curve) -> None:
    found = fit(curve, curve.sample(1000, generator=Generator().manual_seed(3))[0])
    assert found.off_p90 < 1e-6
    assert found.coverage == 1
    assert found.ks < 1.95 / math.sqrt(1000)
    # The largest of n uniform spacings is about log(n) / n.
    assert found.longest_gap < 3 * math.log(1000) / 1000


def test_half_a_curve_covers_half() -> None:
    t = ROLL.midpoints(2000)[:1000]
    found = fit(ROLL, ROLL.position(t))
    assert found.coverage == 0.5
    assert found.longest_gap == pytest.approx(0.5, abs=1e-3)
    assert found.ks == pytest.approx(0.5, abs=1e-3)


def test_a_closed_piece_has_its_gap_around_the_seam() -> None:
    t = torch.cat([torch.linspace(0.1, 0.9, 500), torch.linspace(1, 1.999, 500)]).double()
    assert fit(CIRCLES, CIRCLES.position(t)).longest_gap == pytest.approx(0.1, abs=1e-6)


def test_an_open_piece_has_no_gap_around_its_ends() -> None:
    moons = CURVES["moons"]
    t = torch.cat([torch.linspace(0.1, 0.9, 500), torch.linspace(1, 1.999, 500)]).double()
    assert fit(moons, moons.position(t)).longest_gap == pytest.approx(0.05, abs=1e-6)


def test_points_far_from_the_curve_cover_nothing() -> None:
    found = fit(CIRCLES, torch.full((50, 2), 3.0))
    assert found.coverage == 0
    assert found.longest_gap == 0.5
    assert fit(CIRCLES, torch.full((50, 2), 3.0), tolerance=10).coverage == 0.02


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(0, 2), r"shape \(N, 2\) with N of at least 1; got shape \(0, 2\)"),
        (torch.zeros(5, 3), r"got shape \(5, 3\)"),
        (torch.zeros(5), r"got shape \(5,\)"),
        (torch.tensor([[0.0, 0.0], [0.0, math.nan]]), "1 of 2 points are not, first row 1 of these 2, counted from 0"),
        (torch.tensor([[0.0, math.inf]]), "must be finite"),
    ],
)
def test_bad_points_are_refused(x: Any, message: str) -> None:
    for measure in (project, fit):
        with pytest.raises(ValueError, match=message):
            measure(ROLL, x)


def test_bad_arguments_are_refused() -> None:
    points = torch.zeros(50, 2)
    with pytest.raises(ValueError, match="tolerance must be a finite number above 0"):
        fit(ROLL, points, tolerance=0)
    with pytest.raises(ValueError, match="bins must be a whole number"):
        fit(ROLL, points, bins=0)


def with_strays(curve: Curve, share: float, off: float, n: int = 20_000) -> torch.Tensor:
    """Even points of a curve, a share of them moved far away from it."""
    x = curve.position(curve.midpoints(n))
    strays = round(share * n)
    x[:strays] = 0
    x[:strays, 0] = 100 + off
    return x


@curves
def test_tails_agree_with_the_exact_projection(curve: Curve) -> None:
    points = curve.sample(200, noise=0.05, generator=seeded(4))[0]
    tails = curve.sample(5000, noise=0.05, generator=seeded(5))[0]
    found, off = fit(curve, points, tails=tails), project(curve, tails).distance.numpy()
    assert (found.n, found.n_tails) == (200, 5000)
    assert found.off_p99 == pytest.approx(float(np.percentile(off, 99)), abs=1e-9)
    assert found.off_p999 == pytest.approx(float(np.percentile(off, 99.9)), abs=1e-9)
    assert found.off_p90 == fit(curve, points).off_p90


@curves
def test_a_share_of_strays_of_a_twentieth_of_a_percent_is_seen(curve: Curve) -> None:
    found = fit(curve, curve.position(curve.midpoints(100)), tails=with_strays(curve, 0.0005, 1.0))
    assert found.strays == 0.0005
    assert found.off_p99 < 1e-9
    assert fit(curve, with_strays(curve, 0.002, 1.0)).off_p999 > 90


def test_on_the_roll_a_stray_is_beyond_a_fifth_of_a_unit_and_on_a_larger_roll_farther() -> None:
    assert stray_distance(ROLL) == pytest.approx(0.2, abs=1e-4)
    larger = dataclasses.replace(ROLL, position=lambda t: 7 * ROLL.position(t))
    assert stray_distance(larger) == pytest.approx(7 * stray_distance(ROLL))
    x = ROLL.sample(2000, noise=0.1, generator=seeded(6))[0]
    assert fit(larger, 7 * x).strays == fit(ROLL, x).strays > 0


@curves
def test_real_points_are_no_strays_with_noise_either(curve: Curve) -> None:
    x = curve.sample(20_000, noise=0.1, generator=seeded(7))[0]
    assert fit(curve, x, noise=0.1).strays == 0
