"""The lab's evidence, gap and posterior against the package's own, and against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from swissroll.config import Config
from swissroll.data import open_distribution
from swissroll.evaluation.evidence import measure_evidence
from swissroll.evaluation.importance import importance_bound
from swissroll.evaluation.quadrature import integrate, log_joint
from swissroll.model.vae import VAE
from swissroll.training.build import loss_of
from tests.web.conftest import Node
from tests.web.frozen import SCRIPT, hand_over, moments_of, tensor


def sigma_of(config: Config) -> float:
    """Standard deviation of the decoder that a config's loss implies."""
    return loss_of(config).sigma


MOMENTS = [0, 1, 5, 10, 20, 40, 80, 120, 160, 200]
EVIDENCE_SCRIPT = (
    SCRIPT
    + """
const { EvidenceMeter } = await load("evidence.js");
answer(input.models.map((given) => {
  const meter = new EvidenceMeter(freeze(given));
  return drive(meter.measure(input.points.flat(), { split: input.split }));
}));
"""
)


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (Config(hidden_dim=8, latent_dim=1), 100),
        (Config(hidden_dim=8, latent_dim=2, activation="tanh", depth=2), 100),
        (Config(hidden_dim=8, dataset="helix", components=3, noise=0.02, depth=1), 10),
    ],
    ids=["one-latent", "two-latents", "mixture-prior"],
)
def test_evidence_and_gap_are_the_package_s_at_ten_moments_of_a_training(
    node: Node, config: Config, count: int
) -> None:
    sigma = sigma_of(config)
    points = open_distribution(config).sample(count, generator=torch.Generator().manual_seed(1)).points
    models = list(moments_of(config, MOMENTS))
    found = node(
        EVIDENCE_SCRIPT,
        {
            "models": [hand_over(model, config, sigma) for model in models],
            "points": points.tolist(),
            "split": False,
        },
    )
    assert len(found) == len(MOMENTS)
    for model, ours in zip(models, found, strict=True):
        expected = measure_evidence(model, points, sigma=sigma, tolerance=4e-3)
        torch.testing.assert_close(tensor(ours["log_p"]), expected.log_p, rtol=0, atol=1e-3)
        torch.testing.assert_close(tensor(ours["elbo"]), expected.elbo, rtol=1e-6, atol=1e-3)


@pytest.fixture
def linear() -> tuple[Config, VAE]:
    """A linear VAE, whose evidence and posteriors have closed forms."""
    config = Config(depth=0, latent_dim=2, seed=3)
    model = VAE(2, depth=0, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        model.state_dict()["decoder.0.weight"].copy_(torch.tensor([[0.5, 0.3], [-0.2, 0.4]]))
    return config, model


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_linear_model_has_the_evidence_of_probabilistic_pca(node: Node, latent_dim: int) -> None:
    config = Config(depth=0, latent_dim=latent_dim, hidden_dim=8)
    model = VAE(latent_dim, 8, depth=0, generator=torch.Generator().manual_seed(5))
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(6)) * 0.6
    sigma = 0.3
    (found,) = node(
        EVIDENCE_SCRIPT,
        {"models": [hand_over(model, config, sigma)], "points": points.tolist(), "split": False},
    )

    # Tipping and Bishop (1999), equation 4: x ~ N(b, W W' + sigma^2 I).
    weight = model.state_dict()["decoder.0.weight"].double()
    bias = model.state_dict()["decoder.0.bias"].double()
    covariance = weight @ weight.T + sigma**2 * torch.eye(2, dtype=torch.float64)
    expected = MultivariateNormal(bias, covariance).log_prob(points.double())
    torch.testing.assert_close(tensor(found["log_p"]), expected, rtol=0, atol=1e-5)


def test_the_gap_of_a_linear_model_splits_as_its_closed_form_says(node: Node, linear: tuple[Config, VAE]) -> None:
    config, model = linear
    points = torch.randn(20, 2, generator=torch.Generator().manual_seed(7)) * 0.5
    sigma = 0.3
    (found,) = node(
        EVIDENCE_SCRIPT,
        {"models": [hand_over(model, config, sigma)], "points": points.tolist(), "split": True},
    )

    # The posterior is N(m, P^-1) with P = I + W'W / sigma^2; the nearest diagonal Gaussian has the variances 1 / P_jj
    # and is farther from it by (sum of log P_jj - log det P) / 2, whatever the point.
    weight = model.state_dict()["decoder.0.weight"].double()
    precision = torch.eye(2, dtype=torch.float64) + weight.T @ weight / sigma**2
    family = 0.5 * (precision.diagonal().log().sum() - precision.logdet())
    gap = tensor(found["log_p"]) - tensor(found["best"])
    torch.testing.assert_close(gap, family.expand(20), rtol=0, atol=1e-4)


def test_the_split_of_the_gap_is_as_good_as_the_package_s(node: Node) -> None:
    config = Config(hidden_dim=8)
    sigma = sigma_of(config)
    points = open_distribution(config).sample(6, generator=torch.Generator().manual_seed(2)).points
    (model,) = moments_of(config, [150])
    (found,) = node(
        EVIDENCE_SCRIPT,
        {"models": [hand_over(model, config, sigma)], "points": points.tolist(), "split": True},
    )
    expected = measure_evidence(model, points, sigma=sigma, gap_split=True)
    assert expected.amortisation is not None
    best = expected.elbo + expected.amortisation
    # Each is the best that a search found, so neither may be far below the other.
    torch.testing.assert_close(tensor(found["best"]).mean(), best.mean(), rtol=5e-4, atol=3e-3)
    assert (tensor(found["best"]) >= tensor(found["elbo"]) - 1e-9).all()
    assert (tensor(found["best"]) <= tensor(found["log_p"]) + 1e-3).all()


@pytest.mark.parametrize("components", [0, 4])
def test_above_two_latents_the_bound_is_the_package_s_for_the_same_draws(node: Node, components: int) -> None:
    config = Config(hidden_dim=16, latent_dim=3, components=components)
    sigma = sigma_of(config)
    points = open_distribution(config).sample(20, generator=torch.Generator().manual_seed(4)).points
    (model,) = moments_of(config, [100])
    with torch.no_grad():
        posterior = model.posterior(points).double()
    expected = importance_bound(model, points.double(), posterior, sigma, 200, torch.Generator().manual_seed(8))

    # The draws that it took, point by point.
    generator = torch.Generator().manual_seed(8)
    noise = [torch.randn(200, 3, generator=generator, dtype=torch.float64).flatten().tolist() for _ in points]
    script = (
        SCRIPT
        + """
const { EvidenceMeter } = await load("evidence.js");
const meter = new EvidenceMeter(freeze(input.model));
answer(drive(meter.measure(input.points.flat(), { drawNoise: (point) => input.noise[point] })));
"""
    )
    found = node(script, {"model": hand_over(model, config, sigma), "points": points.tolist(), "noise": noise})
    assert found["exact"] is False
    for name in ("log_p", "error", "elbo", "gain"):
        torch.testing.assert_close(tensor(found[name]), getattr(expected, name), rtol=1e-4, atol=1e-3)


POSTERIOR_SCRIPT = (
    SCRIPT
    + """
const { PosteriorMeter } = await load("posterior.js");
const meter = new PosteriorMeter(freeze(input.model));
answer(input.points.map((x) => drive(meter.measure(x, [0, 1]))));
"""
)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_the_posterior_is_the_package_s_and_integrates_to_one(node: Node, latent_dim: int) -> None:
    config = Config(hidden_dim=16, latent_dim=latent_dim)
    sigma = sigma_of(config)
    points = open_distribution(config).sample(4, generator=torch.Generator().manual_seed(9)).points.double()
    (model,) = moments_of(config, [300])
    found = node(POSTERIOR_SCRIPT, {"model": hand_over(model, config, sigma), "points": points.tolist()})

    log_p = integrate(model, points, sigma, tolerance=1e-3).log_p
    for k, ours in enumerate(found):
        edges = torch.tensor(ours["extent"], dtype=torch.float64).reshape(-1, 2)
        axes = [torch.linspace(float(low), float(high), ours["size"], dtype=torch.float64) for low, high in edges]
        z = torch.cartesian_prod(*axes).reshape(-1, latent_dim)
        expected = log_joint(model, points[[k]], z, sigma)[0] - log_p[k]
        density = tensor(ours["log_density"])
        matters = expected > expected.max() - 12
        torch.testing.assert_close(density[matters], expected[matters], rtol=1e-6, atol=5e-3)

        cell = math.prod(float(axis[1] - axis[0]) for axis in axes)
        assert float(density.exp().sum()) * cell == pytest.approx(1, abs=0.01)
        assert ours["kl"] >= 0


def test_with_more_latents_the_posterior_is_a_slice_that_is_not_normalised(node: Node) -> None:
    config = Config(hidden_dim=8, latent_dim=4)
    (model,) = moments_of(config, [5])
    script = POSTERIOR_SCRIPT.replace("[0, 1]", "[1, 3]")
    (found,) = node(script, {"model": hand_over(model, config, 0.1), "points": [[0.3, 0.1]]})
    assert (found["normalised"], found["log_p"], found["dims"]) == (False, None, [1, 3])
    assert max(found["log_density"]) == 0
