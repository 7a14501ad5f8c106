"""Evidence, its bound and its gap against closed forms, SciPy's adaptive integration and laws that must hold."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from torch import Generator, Tensor
from torch.distributions import Distribution, Laplace, MultivariateNormal, Normal

import swissroll
from swissroll.config import Config
from swissroll.data import CURVES
from swissroll.evaluation.evidence import log_evidence, measure_evidence, posterior_on_grid
from swissroll.evaluation.lower_bound import data_entropy
from swissroll.evaluation.metrics import measure
from swissroll.model.prior import Mixture, Prior
from swissroll.model.vae import VAE
from tests.oracles import seeded, trained_model


def points(n: int, noise: float = 0.0) -> Tensor:
    return CURVES["swiss_roll"].sample(n, noise=noise, generator=seeded(1))[0].double()


@functools.cache
def trained(**settings: Any) -> VAE:
    return trained_model(Config(**({"steps": 300, "hidden_dim": 64, "lr": 3e-3} | settings)))


def linear(latent_dim: int, data_dim: int = 3, components: int = 0) -> VAE:
    return VAE(latent_dim, data_dim=data_dim, depth=0, components=components, generator=seeded(7)).double()


def decoder(model: VAE) -> tuple[Tensor, Tensor]:
    layer = model.decoder[0]
    assert isinstance(layer, torch.nn.Linear)
    return layer.weight.detach(), layer.bias.detach()


def log_density(distribution: Distribution, x: Tensor) -> Tensor:
    density: Tensor = distribution.log_prob(x)
    return density


def linear_gaussian(model: VAE, x: Tensor, sigma: float) -> Tensor:
    """log N(x; b, W W^T + sigma^2 I), for a mixture prior summed over its components."""
    weight, bias = decoder(model)
    noise = sigma**2 * torch.eye(len(bias), dtype=torch.float64)
    if not isinstance(model.prior, Mixture):
        return log_density(MultivariateNormal(bias, weight @ weight.T + noise), x)
    parts = [
        share + log_density(MultivariateNormal(bias + weight @ m, weight @ v.exp().diag() @ weight.T + noise), x)
        for share, m, v in zip(model.prior.logits.log_softmax(0), model.prior.means, model.prior.logvars, strict=True)
    ]
    return torch.stack(parts).logsumexp(dim=0).detach()


def integrated(model: VAE, x: Tensor, sigma: float) -> Tensor:
    """log p(x) by SciPy's adaptive cubature, tile by tile, in float64."""
    pytest.importorskip("scipy", minversion="1.15", reason="needs scipy.integrate.cubature: pip install 'scipy>=1.15'")
    from scipy.integrate import cubature

    model = copy.deepcopy(model).double()
    scale = log_evidence(model, x, sigma=sigma)  # Only keeps the integrand near 1.

    def density(z: np.ndarray) -> np.ndarray:
        latents = torch.from_numpy(z)
        likelihood = log_density(Normal(model.decode(latents)[:, None], sigma), x).sum(dim=-1)
        prior = log_density(Normal(0.0, 1.0), latents).sum(dim=-1)
        joint: np.ndarray = torch.exp(likelihood + prior[:, None] - scale).numpy()
        return joint

    edges, total = np.linspace(-6, 6, 7), np.zeros(len(x))
    with torch.no_grad():
        for corner in itertools.product(range(6), repeat=model.latent_dim):
            low, high = edges[list(corner)], edges[[c + 1 for c in corner]]
            total += cubature(density, low, high, rule="gk15", rtol=0, atol=1e-5).estimate
    return scale + torch.from_numpy(np.log(total))


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("sigma", [0.01, 0.0707, 1.0])
def test_evidence_of_a_linear_model_is_its_closed_form(latent_dim: int, sigma: float) -> None:
    model, x = linear(latent_dim), torch.randn(40, 3, generator=seeded(0), dtype=torch.float64)
    found = log_evidence(model, x, sigma=sigma)
    torch.testing.assert_close(found, linear_gaussian(model, x, sigma), rtol=1e-9, atol=1e-6)


def test_the_grid_follows_a_posterior_far_outside_the_prior() -> None:
    model = linear(1)
    with torch.no_grad():
        model.fc_mu.weight.zero_()
    x = decoder(model)[1] + torch.tensor([[20.0], [-45.0]]) * decoder(model)[0][:, 0]
    torch.testing.assert_close(log_evidence(model, x, sigma=0.1), linear_gaussian(model, x, 0.1), rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("width", [0.05, 0.005])
def test_evidence_under_a_mixture_prior_finds_narrow_and_far_components(width: float, latent_dim: int) -> None:
    model, x = linear(latent_dim, components=3), torch.randn(20, 3, generator=seeded(0), dtype=torch.float64)
    assert isinstance(model.prior, Mixture)
    with torch.no_grad():
        model.prior.means[0] += 15
        model.prior.logvars[1] = 2 * math.log(width)
        model.prior.logits[1] = -3.0
    found = measure_evidence(model, x, sigma=0.8)
    assert found.exact
    difference = (found.log_p - linear_gaussian(model, x, 0.8)).abs()
    assert bool((difference <= found.error).all())
    assert float(difference.max()) < (1e-6 if width == 0.05 else 0.01)
    assert bool((found.inference_gap > 0).all())


@pytest.mark.parametrize("settings", [{}, {"activation": "tanh"}, {"latent_dim": 1}, {"beta": 0.001}])
def test_evidence_of_a_trained_model_agrees_with_adaptive_integration(settings: dict[str, Any]) -> None:
    model, x = trained(**settings), points(2, noise=0.03)
    assert model.decoder_sigma is not None
    found = measure_evidence(model, x)
    difference = (found.log_p - integrated(model, x, model.decoder_sigma)).abs()
    assert float(difference.max()) < 1e-3
    assert bool((difference <= found.error + 1e-4).all())


def test_the_error_covers_a_coarse_answer_and_shrinks_with_the_tolerance() -> None:
    model, x = trained(), points(60)
    coarse, fine = (measure_evidence(model, x, tolerance=tolerance) for tolerance in (0.03, 1e-4))
    assert bool(((coarse.log_p - fine.log_p).abs() <= coarse.error + fine.error).all())
    assert float(fine.error.max()) < 1e-4
    assert coarse.spacing is not None
    assert fine.spacing is not None
    assert bool((fine.spacing <= coarse.spacing).all())


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    latent_dim=st.integers(1, 2),
    components=st.sampled_from([0, 3]),
    sigma=st.floats(0.03, 3.0),
    gain=st.floats(0.5, 4.0),
)
def test_elbo_is_at_most_the_evidence(seed: int, latent_dim: int, components: int, sigma: float, gain: float) -> None:
    model = VAE(latent_dim, 16, components=components, activation="tanh", generator=seeded(seed))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(gain)
    found = measure_evidence(model, torch.randn(10, 2, generator=seeded(seed)), sigma=sigma)
    assert bool((found.inference_gap >= -found.error - 1e-6).all())


def test_the_gap_of_a_linear_model_splits_as_gaussian_algebra_says() -> None:
    model, x, sigma = linear(2), torch.randn(20, 3, generator=seeded(0), dtype=torch.float64), 0.3
    found = measure_evidence(model, x, sigma=sigma, gap_split=True)
    assert found.amortisation is not None
    assert found.family is not None
    weight = decoder(model)[0]
    precision = torch.eye(2, dtype=torch.float64) + weight.T @ weight / sigma**2
    # The best diagonal Gaussian has the posterior's mean and the inverse of its precision's diagonal.
    family = 0.5 * (precision.diagonal().log().sum() - precision.logdet())
    torch.testing.assert_close(found.family, family.expand(20), rtol=0, atol=1e-4)
    torch.testing.assert_close(found.amortisation + found.family, found.inference_gap)
    assert bool((found.amortisation > 0.1).all())


def test_the_elbo_of_a_linear_model_is_its_closed_form() -> None:
    model, x, sigma = linear(2), torch.randn(20, 3, generator=seeded(0), dtype=torch.float64), 0.3
    mu, logvar = (t.detach() for t in model.encode(x))
    weight, bias = decoder(model)
    likelihood = log_density(Normal(bias + mu @ weight.T, sigma), x).sum(dim=1)
    spread = logvar.exp() @ weight.square().sum(dim=0) / (2 * sigma**2)
    q = torch.distributions.Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)
    prior = torch.distributions.Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    expected = likelihood - spread - torch.distributions.kl_divergence(q, prior)
    torch.testing.assert_close(measure_evidence(model, x, sigma=sigma).elbo, expected)


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
@pytest.mark.parametrize("components", [0, 3])
def test_a_posterior_too_narrow_for_a_number_keeps_its_elbo(latent_dim: int, components: int) -> None:
    model, x, sigma = linear(latent_dim, components=components), points(5), 0.3
    x = torch.cat([x, x[:, :1]], dim=1)
    with torch.no_grad():
        model.fc_logvar.weight.zero_()
        model.fc_logvar.bias.fill_(-2000.0)
    found = measure_evidence(model, x, sigma=sigma, samples=10)
    mu = model.encode(x)[0].detach()
    weight, bias = decoder(model)
    likelihood = log_density(Normal(bias + mu @ weight.T, sigma), x).sum(dim=1)
    entropy = 0.5 * latent_dim * (math.log(2 * math.pi) - 2000)
    # The mean of 0.5 eps^2 is a half a dimension; the bound's ten draws know it only roughly.
    expected = likelihood + model.prior.log_prob(mu).detach() + entropy + 0.5 * latent_dim
    torch.testing.assert_close(found.elbo, expected, rtol=0, atol=3.0 if latent_dim == 3 else 1e-6)
    assert bool(torch.isfinite(found.inference_gap).all())
    assert bool((found.inference_gap > 0).all())


def test_the_split_of_a_trained_model_adds_up_and_holds_no_negative_part() -> None:
    found = measure_evidence(trained(), points(20), gap_split=True)
    assert found.amortisation is not None
    assert found.family is not None
    assert bool((found.amortisation >= 0).all())
    assert bool((found.family >= -found.error).all())
    torch.testing.assert_close(found.amortisation + found.family, found.inference_gap)


def test_a_trained_model_never_beats_the_entropy_of_noisy_data() -> None:
    log_p = log_evidence(trained(noise=0.05, beta=0.0025), points(600, noise=0.05))
    standard_error = float(log_p.std()) / math.sqrt(len(log_p))
    assert -float(log_p.mean()) > data_entropy(CURVES["swiss_roll"], 0.05) - 3 * standard_error


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_the_posterior_on_a_grid_is_the_closed_form_of_a_linear_model(latent_dim: int) -> None:
    model, x, sigma = linear(latent_dim), torch.randn(3, 3, generator=seeded(0), dtype=torch.float64), 0.5
    axis, density = posterior_on_grid(model, x, sigma=sigma, size=60, extent=5.0)
    weight, bias = decoder(model)
    precision = torch.eye(latent_dim, dtype=torch.float64) + weight.T @ weight / sigma**2
    mean = (x - bias) @ weight @ torch.linalg.inv(precision) / sigma**2
    z = torch.cartesian_prod(*[axis] * latent_dim).reshape(-1, latent_dim)
    expected = log_density(MultivariateNormal(mean[:, None], precision_matrix=precision), z).exp()
    torch.testing.assert_close(density.flatten(1), expected, rtol=1e-5, atol=1e-9)
    assert density.shape == (3, *[60] * latent_dim)


def test_above_two_dimensions_the_bound_is_named_and_tight_where_q_is_the_posterior() -> None:
    model, sigma = linear(3, data_dim=4), 0.7
    weight, bias = decoder(model)
    x = torch.randn(5, 4, generator=seeded(0), dtype=torch.float64)
    truth = linear_gaussian(model, x, sigma)
    loose = measure_evidence(model, x, sigma=sigma, samples=4000, generator=seeded(1))
    assert loose.bound
    assert not loose.exact
    assert loose.samples == 4000
    assert bool(((loose.log_p - truth).abs() < 5 * loose.error + 0.02).all())
    assert bool((loose.elbo < loose.log_p).all())
    # With orthogonal columns the posterior is diagonal, so that q can be it.
    orthogonal = torch.linalg.qr(weight)[0]
    with torch.no_grad():
        weight.copy_(orthogonal)
        model.fc_mu.weight.copy_(orthogonal.T / (1 + sigma**2))
        model.fc_mu.bias.copy_(-bias @ orthogonal / (1 + sigma**2))
        model.fc_logvar.weight.zero_()
        model.fc_logvar.bias.fill_(math.log(sigma**2 / (1 + sigma**2)))
    tight = measure_evidence(model, x, sigma=sigma, samples=10)
    torch.testing.assert_close(tight.log_p, linear_gaussian(model, x, sigma))
    assert float(tight.error.max()) < 1e-9


def test_the_answer_is_the_same_in_parts_and_leaves_the_model_alone() -> None:
    model, x = trained(), points(700)
    whole = log_evidence(model, x)
    assert whole.shape == (700,)
    assert whole.dtype == torch.float64
    assert not whole.requires_grad
    torch.testing.assert_close(whole[600:], log_evidence(model, x[600:]), rtol=0, atol=1e-3)
    assert next(model.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    ("x", "sigma", "message"),
    [
        (torch.zeros(3, 3), 1.0, "shape"),
        (torch.zeros(2), 1.0, "shape"),
        (torch.zeros(0, 2), 1.0, "shape"),
        (torch.tensor([[0.0, math.nan]]), 1.0, "finite"),
        (torch.zeros(1, 2), 0.0, "sigma"),
        (torch.zeros(1, 2), -1.0, "sigma"),
        (torch.zeros(1, 2), 1e-200, "sigma"),
        (torch.zeros(1, 2), math.nan, "sigma"),
        ("runs/001", 1.0, "x must be a tensor, an array or lists of real numbers"),
        ([[1.0, 2.0], [3.0]], 1.0, "x must be a tensor, an array or lists of real numbers"),
        (torch.full((1, 2), 1e200, dtype=torch.float64), 1.0, "finite"),
        (torch.zeros(1, 2), None, "decoder_sigma"),
    ],
)
def test_bad_input_is_refused(x: Any, sigma: float | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_evidence(VAE(2, 8), x, sigma=sigma)


def test_arrays_and_lists_are_points_as_well() -> None:
    model, x = VAE(2, 8, generator=seeded(0)), points(3)
    expected = log_evidence(model, x, sigma=0.5)
    for same in (x.numpy(), x.tolist()):
        assert torch.equal(log_evidence(model, same, sigma=0.5), expected)


@pytest.mark.parametrize("wrong", ["runs/001", None, Config(), VAE])
def test_what_is_no_model_is_refused_with_what_to_pass(wrong: Any) -> None:
    for function in (log_evidence, measure_evidence):
        with pytest.raises(ValueError, match=r"model must be a VAE .*such as load"):
            function(wrong, torch.zeros(1, 2), sigma=1.0)


@pytest.mark.parametrize("latent_dim", [2, 3])
@pytest.mark.parametrize(("name", "value"), [("tolerance", 0.0), ("tolerance", math.nan), ("samples", 1)])
def test_settings_out_of_range_are_refused_at_any_latent_dimension(latent_dim: int, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        log_evidence(VAE(latent_dim, 8), torch.zeros(1, 2), sigma=1.0, **{name: value})


def test_what_needs_a_grid_is_refused_above_two_dimensions() -> None:
    model, x = VAE(3, 8, decoder_sigma=1.0), torch.zeros(1, 2)
    with pytest.raises(ValueError, match="latent dimensions"):
        measure_evidence(model, x, gap_split=True)
    with pytest.raises(ValueError, match="latent dimensions"):
        posterior_on_grid(model, x)
    with pytest.raises(ValueError, match="samples"):
        swissroll.log_evidence(model, x, samples=1)


class LaplacePrior(Prior):
    """A prior without Gaussian components: independent Laplace distributions."""

    def log_prob(self, z: Tensor) -> Tensor:
        density: Tensor = Laplace(0.0, 1.0).log_prob(z).sum(dim=-1)
        return density

    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        exponential = -torch.rand(2, n, self.latent_dim, generator=generator, dtype=like.dtype).clamp_min(1e-9).log()
        return exponential[0] - exponential[1]


def test_a_prior_without_components_has_a_bound_that_agrees_with_an_integral() -> None:
    model = VAE(1, depth=0, generator=Generator().manual_seed(0)).double()
    model.prior = LaplacePrior(1)
    sigma = 0.5
    x = torch.tensor([[0.4, -0.2]], dtype=torch.float64)
    with torch.no_grad():
        # A q that is wider than the posterior, so that the weights are bounded.
        model.fc_logvar.weight.zero_()
        model.fc_logvar.bias.fill_(2.0)

    @torch.no_grad()
    def density(z: float) -> float:
        latent = torch.tensor([[z]], dtype=torch.float64)
        log_likelihood = Normal(model.decode(latent), sigma).log_prob(x).sum()
        return float((log_likelihood + Laplace(0.0, 1.0).log_prob(latent).sum()).exp())

    expected = math.log(quad(density, -20, 20, points=[0.0])[0])
    found = measure_evidence(model, x, sigma=sigma, samples=4000, generator=Generator().manual_seed(1))
    assert found.bound
    assert found.log_p.item() == pytest.approx(expected, abs=5 * found.error.item())
    assert found.error.item() < 0.03
    alone = log_evidence(model, x, sigma=sigma, samples=4000, generator=Generator().manual_seed(1))
    assert torch.equal(found.log_p, alone)
    with pytest.raises(ValueError, match=r"gap_split needs a prior that is .* or smooth; got LaplacePrior"):
        measure_evidence(model, x, sigma=sigma, gap_split=True)
    with pytest.raises(ValueError, match="A posterior on a grid needs a prior that is a mixture of Gaussians"):
        posterior_on_grid(model, x, sigma=sigma)


def test_a_model_whose_prior_has_no_components_is_measured() -> None:
    model = VAE(2, 8, generator=Generator().manual_seed(0))
    model.prior = LaplacePrior(2)
    found = measure(model, CURVES["moons"], sigma=0.3, n=100)
    assert found.evidence is not None
    assert found.evidence.bound
    assert found.evidence.lower_bound is not None
    assert found.evidence.neg_log_evidence > found.evidence.lower_bound


@pytest.mark.parametrize("sigma", [1e-5, 1e-6, 1e-7])
def test_a_very_small_sigma_has_the_evidence_of_a_fine_grid_about_each_mode(sigma: float) -> None:
    """Oracle: a grid over 40 standard deviations of the true posterior, decoded in double precision."""
    model = VAE(1, 16, depth=1, activation="silu")
    exact = copy.deepcopy(model).double().requires_grad_(requires_grad=False)
    modes = torch.randn(4, 1, dtype=torch.float64, generator=seeded())
    x = exact.decode(modes) + sigma * torch.randn(4, 2, dtype=torch.float64, generator=seeded(1))

    expected = []
    for mode, point in zip(modes, x, strict=True):
        slope = (exact.decode(mode[None] + 1e-6) - exact.decode(mode[None] - 1e-6)).norm() / 2e-6
        z = mode + sigma / slope * torch.linspace(-40, 40, 20_001, dtype=torch.float64)
        joint = Normal(exact.decode(z[:, None]), sigma).log_prob(point).sum(1) + Normal(0.0, 1.0).log_prob(z)
        expected.append(joint.logsumexp(0) + (z[1] - z[0]).log())

    found = measure_evidence(model, x, sigma=sigma)
    apart = (found.log_p - torch.stack(expected)).abs()
    assert float(apart.max()) < 1e-3
    assert bool((apart < found.error).all())
