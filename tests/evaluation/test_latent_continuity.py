"""Continuity of the posterior mean along the curve, against laws, SciPy and scikit-learn."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness
from torch import Generator

from swissroll.data import CURVES, Curve
from swissroll.evaluation.latent_continuity import continuity

curves = pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
ROLL, CIRCLES = CURVES["swiss_roll"], CURVES["circles"]


def test_a_straight_latent_line_is_continuous() -> None:
    t = ROLL.midpoints(200)
    found = continuity(torch.stack([t, -2 * t], dim=1), t, curve=ROLL)
    assert (found.jumps, found.jump_fraction) == (0, 0.0)
    assert found.monotonicity == pytest.approx(1)
    assert found.trustworthiness == 1


def test_a_cut_line_has_one_jump_and_its_length() -> None:
    t = ROLL.midpoints(200)
    u = (t - ROLL.start) / (ROLL.stop - ROLL.start)
    found = continuity((u + (u > 0.5) * 1.0)[:, None], t, curve=ROLL)
    assert found.jumps == 1
    # One step of 1 + 1/200 in a path of length 1 + 199/200.
    assert found.jump_fraction == pytest.approx((1 + 1 / 200) / (1 + 199 / 200))
    assert found.monotonicity == pytest.approx(1)


def test_a_jump_across_some_steps_is_one_jump() -> None:
    u = torch.linspace(0, 1, 500, dtype=torch.float64)
    ramp = ((u - 0.5) * 100).clamp(0, 1) * 2
    assert continuity((u + ramp)[:, None], u).jumps == 1


def test_two_jumps_are_counted() -> None:
    u = torch.linspace(0, 1, 1000, dtype=torch.float64)
    assert continuity((u + (u > 0.3) * 1.0 - (u > 0.6) * 1.0)[:, None], u).jumps == 2


def test_a_closed_curve_laid_on_a_line_jumps_at_its_seam() -> None:
    t = CIRCLES.midpoints(400)
    assert continuity(t[:, None], t, curve=CIRCLES).jumps == 2
    assert continuity(CIRCLES.position(t), t, curve=CIRCLES).jumps == 0


@pytest.mark.parametrize("shift", [-4, 0])
def test_a_jump_at_the_seam_is_one_jump(shift: int) -> None:
    share = torch.arange(200, dtype=torch.float64) / 200
    # Eight of 200 steps go half way round.
    around = torch.where(share < 0.04, share * 12.5, 0.5 + (share - 0.04) / 1.92).roll(shift)
    mu = torch.stack([torch.cos(2 * math.pi * around), torch.sin(2 * math.pi * around)], dim=1)
    found = continuity(mu.repeat(2, 1), torch.cat([share, 1 + share]), curve=CIRCLES)
    assert found.jumps == 2
    assert found.jump_fraction == pytest.approx(0.5, abs=0.01)


def test_the_tails_of_a_normal_latent_are_no_jumps() -> None:
    u = (torch.arange(500, dtype=torch.float64) + 0.5) / 500
    assert continuity(torch.special.ndtri(u)[:, None], u).jumps == 0


def test_uneven_steps_of_a_smooth_line_are_no_jumps() -> None:
    u = torch.rand(1000, generator=Generator().manual_seed(4), dtype=torch.float64)
    found = continuity(u[:, None], u)
    assert found.jumps == 0
    assert found.monotonicity == pytest.approx(1)


def test_the_way_from_piece_to_piece_is_no_jump() -> None:
    t = CIRCLES.midpoints(400)
    mu = CIRCLES.position(t) + 5 * (t >= 1)[:, None]
    assert continuity(mu, t, curve=CIRCLES).jumps == 0
    assert continuity(mu, t).jumps == 1


@curves
def test_the_curve_itself_is_a_trustworthy_latent_space(curve: Curve) -> None:
    t = curve.midpoints(600)
    assert continuity(curve.position(t), t, curve=curve).trustworthiness == pytest.approx(1, abs=1e-4)


def test_trustworthiness_does_not_depend_on_where_the_latents_lie() -> None:
    t = CURVES["swiss_roll"].midpoints(200)
    latents = torch.linspace(0, 1e-6, 200, dtype=torch.float64)[:, None]
    assert continuity(1000 + latents, t).trustworthiness == pytest.approx(continuity(latents, t).trustworthiness)
    assert continuity(1000 + latents, t).trustworthiness > 0.999


def test_a_fold_is_seen_by_trustworthiness_as_scikit_learn_has_it() -> None:
    # Even steps would tie, and ties are ranked by chance.
    u = torch.rand(301, generator=Generator().manual_seed(8), dtype=torch.float64)
    mu = ((u - 0.45).abs() + 1e-3 * u)[:, None]
    found = continuity(mu, u)
    expected = trustworthiness(u[:, None].numpy(), mu.numpy(), n_neighbors=10)
    assert found.trustworthiness == pytest.approx(expected)
    assert found.trustworthiness < 0.95
    assert found.jumps == 0


@settings(max_examples=30, deadline=None)
@given(n=st.integers(8, 90), neighbours=st.integers(1, 3), dim=st.integers(1, 4), seed=st.integers(0, 99))
def test_trustworthiness_of_noise_is_scikit_learns(n: int, neighbours: int, dim: int, seed: int) -> None:
    generator = Generator().manual_seed(seed)
    u = torch.rand(n, generator=generator, dtype=torch.float64)
    mu = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    expected = trustworthiness(u[:, None].numpy(), mu.numpy(), n_neighbors=neighbours)
    assert continuity(mu, u, neighbours=neighbours).trustworthiness == pytest.approx(expected)


@pytest.mark.parametrize("steps", [8, 10**6])
def test_monotonicity_agrees_with_scipy_in_one_dimension(steps: int) -> None:
    generator = Generator().manual_seed(5)
    # Few steps make ties, which share a rank.
    u = (torch.rand(300, generator=generator, dtype=torch.float64) * steps).round() / steps
    mu = (u + 0.3 * torch.randn(300, generator=generator, dtype=torch.float64))[:, None]
    assert continuity(mu, u).monotonicity == pytest.approx(abs(spearmanr(mu[:, 0], u).statistic))


def test_monotonicity_finds_a_slanted_direction() -> None:
    generator = Generator().manual_seed(6)
    u = torch.linspace(0, 1, 300, dtype=torch.float64)
    across = torch.randn(300, generator=generator, dtype=torch.float64)
    assert continuity(torch.stack([u + across, u - across], dim=1), u).monotonicity > 0.999


def test_a_collapsed_latent_space_is_measured() -> None:
    found = continuity(torch.zeros(100, 2), torch.linspace(0, 1, 100))
    assert (found.jumps, found.jump_fraction, found.monotonicity) == (0, 0.0, 0.0)


def test_order_does_not_matter() -> None:
    t = ROLL.midpoints(200)
    mu, mixed = ROLL.position(t), torch.randperm(200, generator=Generator().manual_seed(7))
    assert continuity(mu[mixed], t[mixed], curve=ROLL) == continuity(mu, t, curve=ROLL)


def test_bad_arguments_are_refused() -> None:
    mu = torch.zeros(50, 2)
    t = torch.linspace(0, 1, 50)
    with pytest.raises(ValueError, match="t must have as many entries as mu has points, 50; got 51"):
        continuity(mu, torch.linspace(0, 1, 51))
    with pytest.raises(ValueError, match="N of at least 22"):
        continuity(mu[:10], t[:10])
    with pytest.raises(ValueError, match="jump must be"):
        continuity(mu, t, jump=0.5)
    with pytest.raises(ValueError, match="mu must be finite"):
        continuity(mu / 0, t)
