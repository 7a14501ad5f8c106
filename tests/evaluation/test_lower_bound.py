"""The lower bound and the entropy against closed forms, other solvers and mixtures that must not beat them."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import ive, logsumexp
from scipy.stats import norm
from torch.distributions import MultivariateNormal

from swissroll.data import CURVES, Curve
from swissroll.evaluation import best_mixture as module
from swissroll.evaluation.lower_bound import data_entropy, nll_lower_bound

ROLL = CURVES["swiss_roll"]


SEGMENT = Curve(
    name="segment",
    data_dim=2,
    start=0.0,
    stop=2.0,
    coordinate=lambda u: 2 * u,
    position=lambda t: torch.stack([0.6 * t, 0.8 * t], dim=1),
)
LIFTED = Curve(
    name="lifted roll",
    data_dim=3,
    start=ROLL.start,
    stop=ROLL.stop,
    coordinate=ROLL.coordinate,
    position=lambda t: torch.nn.functional.pad(ROLL.position(t), (0, 1)),
)


@functools.cache
def lower_bound_of_the_roll() -> float:
    return nll_lower_bound(ROLL, 0.2).lower


def midpoints(n: int) -> np.ndarray:
    """Points of the roll, shape (n, 2), at the middles of n equal pieces of u."""
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return ROLL.position(ROLL.coordinate(u)).numpy()


def loss(x: np.ndarray, atoms: np.ndarray, log_weights: np.ndarray, sigma: float) -> float:
    """Mean -log of a mixture's density, in plain NumPy."""
    squares = ((x[:, None] - atoms) ** 2).sum(-1)
    constant = x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
    return float(constant - logsumexp(log_weights - squares / (2 * sigma**2), axis=1).mean())


@pytest.mark.parametrize(("noise", "expected"), [(0.02, -0.7446), (0.05, 0.1817), (0.1, 0.8500)])
def test_entropy_of_the_noisy_roll_is_the_one_computed_apart(noise: float, expected: float) -> None:
    assert data_entropy(ROLL, noise) == pytest.approx(expected, abs=2e-4)


def test_entropy_of_a_noisy_segment_is_a_sum_of_two_in_one_dimension() -> None:
    noise = 0.1

    def integrand(s: float) -> float:
        p = (norm.cdf(s / noise) - norm.cdf((s - 2) / noise)) / 2
        return -p * math.log(p) if p > 0 else 0.0

    along = quad(integrand, -1, 3, points=[0, 2], epsabs=1e-10)[0]
    across = 0.5 * math.log(2 * math.pi * math.e * noise**2)
    assert data_entropy(SEGMENT, noise) == pytest.approx(along + across, abs=1e-6)


def test_entropy_in_three_dimensions_adds_the_noise_of_the_third() -> None:
    third = 0.5 * math.log(2 * math.pi * math.e * 0.1**2)
    assert data_entropy(LIFTED, 0.1) == pytest.approx(data_entropy(ROLL, 0.1) + third, abs=1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_under_a_wide_decoder_one_atom_at_the_mean_is_best(noise: float) -> None:
    sigma, x = 1.0, midpoints(20000)
    variance = x.var(axis=0).sum() + 2 * noise**2
    expected = math.log(2 * math.pi * sigma**2) + variance / (2 * sigma**2)
    bound = nll_lower_bound(ROLL, sigma, noise=noise)
    assert bound.lower - 1e-6 <= expected <= bound.upper + 1e-6
    assert bound.upper - bound.lower < 5e-4


def test_the_value_is_what_its_own_mixture_gives() -> None:
    bound = nll_lower_bound(ROLL, 0.0707)
    value = loss(midpoints(20000), bound.atoms.numpy(), bound.weights.log().numpy(), 0.0707)
    assert bound.value == pytest.approx(value, abs=1e-5)
    assert float(bound.weights.sum()) == pytest.approx(1)


def test_another_solver_lands_in_the_bracket() -> None:
    sigma = 0.3
    x = torch.from_numpy(midpoints(300))

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = torch.from_numpy(flat.copy()).requires_grad_()
        atoms, log_weights = parameters[:32].reshape(16, 2), parameters[32:].log_softmax(dim=0)
        log_normal = MultivariateNormal(atoms, sigma**2 * torch.eye(2, dtype=x.dtype)).log_prob(x[:, None])
        value = -(log_normal + log_weights).logsumexp(dim=1).mean()
        value.backward()
        assert parameters.grad is not None
        return value.item(), parameters.grad.numpy()

    start = np.concatenate([midpoints(16).ravel(), np.zeros(16)])
    best = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 250}).fun
    bound = nll_lower_bound(ROLL, sigma, tolerance=1e-4)
    assert bound.lower - 1e-4 <= best <= bound.upper + 1e-3


def test_atoms_off_the_curve_pay() -> None:
    sigma, x, atoms = 0.0707, midpoints(1000), midpoints(200)
    kernel = np.exp(-((x[:, None] - atoms) ** 2).sum(-1) / (2 * sigma**2))
    weights = np.full(len(atoms), 1 / len(atoms))
    for _ in range(1000):
        weights *= (kernel / (kernel @ weights)[:, None]).mean(axis=0)
    on_curve = loss(x, atoms, np.log(weights + 1e-300), sigma)
    # On the curve no weights are better than these by more than 4e-4 nats.
    assert nll_lower_bound(ROLL, sigma).upper < on_curve - 1e-3


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), atoms=st.integers(1, 80), spread=st.floats(0.0, 0.2))
def test_no_mixture_is_below_the_lower_end(seed: int, atoms: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    means = midpoints(atoms) + spread * rng.normal(size=(atoms, 2))
    weights = rng.dirichlet(np.full(atoms, 5.0))
    assert loss(midpoints(1000), means, np.log(weights), 0.2) >= lower_bound_of_the_roll() - 1e-5


def test_a_third_coordinate_without_data_costs_its_noise() -> None:
    flat, lifted = (nll_lower_bound(curve, 0.15, tolerance=2e-4) for curve in (ROLL, LIFTED))
    extra = 0.5 * math.log(2 * math.pi * 0.15**2)
    assert lifted.value - extra == pytest.approx(flat.value, abs=4e-4)


def test_the_lower_bound_meets_the_entropy_where_the_noise_meets_sigma() -> None:
    entropy = data_entropy(SEGMENT, 0.3)
    assert nll_lower_bound(SEGMENT, 0.3, noise=0.3).value == entropy
    assert nll_lower_bound(SEGMENT, 0.15, noise=0.3).value == entropy
    above = nll_lower_bound(SEGMENT, 0.33, noise=0.3, tolerance=0.02)
    # A little above the noise, a decoder is a little too blurred to be exact.
    assert entropy < above.value < entropy + 0.03


def test_a_sigma_hardly_above_the_noise_has_a_lower_bound_hardly_above_the_entropy() -> None:
    entropy, found = data_entropy(SEGMENT, 0.1), nll_lower_bound(SEGMENT, 0.1005, noise=0.1)
    assert entropy - 1e-5 <= found.lower <= found.upper < entropy + 1e-3
    assert found.upper - found.lower < 5e-4


def test_a_bracket_that_would_take_minutes_is_refused_with_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, taken = nll_lower_bound(ROLL, 0.2), []
    improve = module._improve

    def counted(x: Any, mass: Any, atoms: Any, weights: Any, sigma: float, steps: int) -> Any:
        taken.append(steps * len(x) * len(atoms) // module.DENSE_GAIN)
        return improve(x, mass, atoms, weights, sigma, steps)

    monkeypatch.setattr(module, "_improve", counted)
    monkeypatch.setattr(module, "MAX_WORK", 10**4)
    with pytest.raises(ValueError, match="would take minutes") as caught:
        nll_lower_bound(ROLL, 0.2, tolerance=1e-9)
    assert 5e3 < sum(taken) < 2e4
    lower, value = (float(v) for v in re.findall(r"between (\S+) and (\S+) nats", str(caught.value))[0])
    assert lower - 1e-4 <= whole.value <= value + 5e-4


@pytest.mark.parametrize(
    ("sigma", "noise"), [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (0.1, -0.1), (2e-4, 0.0), (1e-7, 0.0)]
)
def test_bad_input_is_refused(sigma: float, noise: float) -> None:
    with pytest.raises(ValueError, match=r"sigma|noise|scale"):
        nll_lower_bound(ROLL, sigma, noise=noise)


def test_a_name_in_place_of_a_curve_is_refused_with_what_to_pass() -> None:
    name: Any = "swiss_roll"
    for function in (nll_lower_bound, data_entropy):
        with pytest.raises(ValueError, match=r"curve must be a curve, such as swissroll\.data\.CURVES"):
            function(name, 0.1)


@pytest.mark.parametrize("noise", [0.0, -0.1, 1e-5])
def test_entropy_without_noise_is_refused(noise: float) -> None:
    with pytest.raises(ValueError, match=r"noise|scale"):
        data_entropy(ROLL, noise)


def test_entropy_of_noisy_circles_is_an_integral_over_the_radius() -> None:
    noise = 0.1

    def integrand(r: float) -> float:
        """2 pi r times -p log p; each circle of radius R, blurred, has a Bessel density in r."""
        near = [np.exp(-((r - R) ** 2) / (2 * noise**2)) * ive(0, r * R / noise**2) for R in (0.8, 0.4)]
        p = sum(near) / 2 / (2 * math.pi * noise**2)
        return float(-2 * math.pi * r * p * np.log(p)) if p > 0 else 0.0

    expected = quad(integrand, 0, 1.8, points=[0.4, 0.8], epsabs=1e-10, limit=200)[0]
    assert data_entropy(CURVES["circles"], noise) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("name", list(CURVES))
def test_every_curve_has_a_lower_bound_below_a_mixture_on_the_curve(name: str) -> None:
    curve, sigma = CURVES[name], 0.1
    bound = nll_lower_bound(curve, sigma)
    x = curve.position(curve.midpoints(1000)).numpy()
    assert bound.upper - bound.lower < 5e-4
    assert bound.lower < loss(x, x[::5], np.full(200, -math.log(200)), sigma) < bound.lower + 0.1


def test_the_lower_bound_of_a_fine_sigma_on_a_segment_is_near_the_wide_limit() -> None:
    sigma = 2e-3
    # Far from its ends a line is best covered evenly: density 1/length along, N(0; 0, sigma^2) across.
    limit = math.log(2) + 0.5 * math.log(2 * math.pi * sigma**2)
    bound = nll_lower_bound(SEGMENT, sigma)
    assert bound.lower <= limit + 2 * sigma
    assert bound.upper == pytest.approx(limit, abs=5 * sigma)
