"""Metrics: the latent terms against torch.distributions, and the whole record on models whose worth is known."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Generator
from torch.distributions import Independent, Normal, kl_divergence

from swissroll.config import Config
from swissroll.data import CURVES, NoisyCurve, Sample
from swissroll.evaluation import references
from swissroll.evaluation.evidence_summary import LOWER_BOUND_PART
from swissroll.evaluation.generation import SHARED_NOISE
from swissroll.evaluation.latent_plane import rates
from swissroll.evaluation.latent_space import activity
from swissroll.evaluation.metrics import PARTS, TRAINING_ROWS_PART, Metrics, measure
from swissroll.model.vae import VAE
from swissroll.training.build import build, translation_of
from tests.oracles import Perfect, seeded


class Gaussian:
    """A distribution without a curve: N(0, 0.3^2 I) in the plane."""

    name = "a Gaussian"
    data_dim = 2
    curve = None
    noise = 0.0
    variance = 0.09

    def sample(self, n: int, *, generator: Generator | None = None, device: torch.device | str = "cpu") -> Sample:
        return Sample(0.3 * torch.randn(n, 2, generator=generator, device=device), None)


class Unhashable(Gaussian):
    """The same, as a class with an equality of its own has it."""

    __hash__ = None  # type: ignore[assignment]


@cache
def trained(**settings: Any) -> tuple[VAE, float]:
    config = Config(steps=150, hidden_dim=32, lr=1e-2, **settings)
    training = build(config)
    for _ in training:
        pass
    return training.engine.model, translation_of(config).sigma


def measured(dataset: str = "swiss_roll", **settings: Any) -> Metrics:
    model, sigma = trained(dataset=dataset)
    return measure(model, CURVES[dataset], sigma=sigma, n=200, **settings)


@pytest.mark.parametrize("latent_dim", [1, 2, 7])
def test_rates_agree_with_torch_distributions(latent_dim: int) -> None:
    mu, logvar = torch.randn(2, 50, latent_dim, dtype=torch.float64)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).mean(dim=0)
    torch.testing.assert_close(rates(mu, logvar).mean(dim=0), expected)
    found = VAE(latent_dim, 4).prior.kl(mu, logvar, mu).item()
    assert found == pytest.approx(expected.sum().item())


def test_rate_of_a_posterior_too_narrow_for_a_number_is_finite() -> None:
    model = VAE(2, 4, components=3).double()
    mu, logvar = torch.randn(50, 2, dtype=torch.float64), torch.full((50, 2), -2000.0, dtype=torch.float64)
    with torch.no_grad():
        expected = 2000 - math.log(2 * math.pi) - model.prior.log_prob(mu).mean().item()
        assert model.prior.kl(mu, logvar, mu).item() == pytest.approx(expected)


def test_what_is_not_finite_is_none_in_plain_dicts() -> None:
    found = measured()
    changed = replace(found, sigma=math.inf, latent=replace(found.latent, rates=(math.nan, 1.0)))
    values = changed.to_dict()
    assert (values["sigma"], values["latent"]["rates"]) == (None, [None, 1.0])
    json.dumps(values, allow_nan=False)


def test_activity_is_the_variance_of_the_means() -> None:
    mu = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    torch.testing.assert_close(activity(mu), torch.tensor([2.0, 0.0]))


@pytest.mark.parametrize("name", ["swiss_roll", "moons", "helix"])
def test_a_perfect_model_is_at_every_noise_floor(name: str) -> None:
    curve = CURVES[name]
    found = measure(Perfect(curve), curve, sigma=0.02, n=400, seed=1)
    assert found.prior.fit is not None
    assert found.prior.fit.off_p90 < 1e-5
    assert found.prior.fit.coverage == 1
    assert found.prior.fit.ks < 1.95 / math.sqrt(400)
    assert found.reconstruction.posterior_mean_mse < 1e-10
    for distances in (found.prior.distances, found.latent.aggregate):
        for key, distance in asdict(distances).items():
            assert distance["value"] < distance["noise_floor"] + 6 * distance["noise_floor_sd"], key
            assert distance["value"] > distance["noise_floor"] / 3, key
    assert found.latent.active == 1
    assert found.latent.continuity is not None
    assert found.latent.continuity.trustworthiness > 0.99
    assert found.latent.continuity.jumps == 0
    if curve.pieces == 1:
        assert found.latent.continuity.monotonicity == pytest.approx(1)


def test_decoder_noise_takes_points_off_the_curve_by_its_own_size() -> None:
    curve = CURVES["circles"]
    found = measure(Perfect(curve), curve, sigma=0.02, n=1000)
    assert found.noisy_prior is not None
    assert found.noisy_prior.fit is not None
    # Off a curve of slight bend, the distance is |N(0, sigma^2)|, whose median is 0.6745 sigma.
    assert found.noisy_prior.fit.off_median == pytest.approx(0.6745 * 0.02, rel=0.1)
    assert found.noisy_prior.fit.off_p90 == pytest.approx(1.6449 * 0.02, rel=0.1)


def test_reconstruction_terms_agree_with_torch_distributions() -> None:
    curve = CURVES["helix"]
    # With so narrow a posterior, each draw decodes to the point itself.
    found = measure(Perfect(curve, logvar=-40.0), curve, sigma=0.1, noise=0.0, n=300).reconstruction
    density = Independent(Normal(torch.zeros(3, dtype=torch.float64), 0.1), 1)
    expected = -density.log_prob(torch.zeros(3, dtype=torch.float64)).item()
    assert found.distortion == pytest.approx(expected)
    assert found.variance == pytest.approx(NoisyCurve(curve).variance)


def test_negative_elbo_is_distortion_and_rate() -> None:
    found = measured()
    assert found.reconstruction.distortion is not None
    expected = found.reconstruction.distortion + found.latent.rate
    assert found.reconstruction.neg_elbo == pytest.approx(expected)
    assert found.latent.rate == pytest.approx(sum(found.latent.rates))
    assert found.reconstruction.posterior_mean_mse < found.reconstruction.mse


def test_measuring_twice_gives_the_same_numbers() -> None:
    state = torch.get_rng_state()
    first = measured()
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(5)
    assert measured() == first
    assert measured(seed=1) != first


@pytest.mark.parametrize(
    ("sigma", "noise", "left_out"), [(0.1, 0.02, set()), (0.1, 0.0, {SHARED_NOISE}), (0.0, 0.0, set(PARTS[4:]))]
)
def test_progress_is_told_part_by_part(sigma: float, noise: float, left_out: set[str]) -> None:
    done: list[str] = []
    model = VAE(2, 4, generator=Generator().manual_seed(0))
    measure(model, CURVES["swiss_roll"], sigma=sigma, noise=noise, n=100, progress=done.append)
    assert done == [part for part in PARTS if part not in {TRAINING_ROWS_PART, *left_out}]


def test_measuring_leaves_the_model_alone() -> None:
    model, sigma = trained(dataset="swiss_roll")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    measure(model, CURVES["swiss_roll"], sigma=sigma, n=100)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("dataset", list(CURVES))
def test_every_curve_is_measured_and_written_as_json(dataset: str) -> None:
    found = measured(dataset)
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text) == found.to_dict()
    assert found.to_dict()["prior"]["distances"]["w2"]["value"] == found.prior.distances.w2.value
    assert found.evidence is not None
    assert found.prior.fit is not None
    assert found.prior.fit.n_tails == 20_000
    assert found.real is not None
    assert found.real.off_p90 < 1e-6


def test_the_three_ways_are_kept_apart() -> None:
    found = measured()
    assert found.noisy_prior is not None
    fits = [made.fit for made in (found.grid, found.prior, found.noisy_prior) if made.fit is not None]
    assert len({fit.off_median for fit in fits}) == 3
    assert fits[0].n == 14**2
    assert found.prior.distances.w2.noise_floor == found.noisy_prior.distances.w2.noise_floor


def test_a_decoder_without_noise_has_no_distortion() -> None:
    model, _ = trained(dataset="swiss_roll")
    found = measure(model, CURVES["swiss_roll"], sigma=0, n=100)
    assert (found.noisy_prior, found.reconstruction.distortion, found.reconstruction.neg_elbo) == (None, None, None)


def test_a_collapsed_model_has_no_active_unit() -> None:
    model = VAE(3, 8)
    with torch.no_grad():
        for layer in (model.fc_mu, model.fc_logvar):
            layer.weight.zero_()
            layer.bias.zero_()
    found = measure(model, CURVES["swiss_roll"], sigma=0.1, n=200).latent
    assert (found.active, found.rate) == (0, 0.0)
    assert found.aggregate.c2st.value == pytest.approx(0.5, abs=0.12)


def test_a_unit_is_active_above_a_hundredth() -> None:
    model = VAE(2, depth=0)
    with torch.no_grad():
        # The roll's first coordinate has variance 0.194, so the means' variances are 0.0078 and 0.0124.
        model.fc_mu.weight.copy_(torch.tensor([[0.2, 0.0], [0.253, 0.0]]))
    found = measure(model, CURVES["swiss_roll"], sigma=0.1, n=1000).latent
    assert found.activity == pytest.approx((0.0078, 0.0124), rel=0.1)
    assert found.active == 1


@pytest.mark.parametrize("settings", [{"latent_dim": 1}, {"latent_dim": 5}, {"components": 4}])
def test_other_latent_spaces_are_measured(settings: dict[str, Any]) -> None:
    found = measure(VAE(hidden_dim=8, **settings), CURVES["swiss_roll"], sigma=0.1, n=100)
    assert len(found.latent.rates) == settings.get("latent_dim", 2)
    assert math.isfinite(found.latent.rate)


def test_a_double_precision_model_is_measured() -> None:
    single, sigma = trained(dataset="swiss_roll")
    double = VAE(2, 32).double()
    double.load_state_dict(single.state_dict())
    found = measure(double, CURVES["swiss_roll"], sigma=sigma, n=200)
    assert found.reconstruction.posterior_mean_mse == pytest.approx(
        measured().reconstruction.posterior_mean_mse, rel=1e-4
    )
    assert found.latent.rate == pytest.approx(measured().latent.rate, rel=1e-4)


def test_bad_arguments_are_refused() -> None:
    model, roll = VAE(2, 4), CURVES["swiss_roll"]
    with pytest.raises(ValueError, match="The model takes 2 coordinates, but helix has 3"):
        measure(model, CURVES["helix"], sigma=0.1)
    wrong: Any = "runs/001"
    with pytest.raises(ValueError, match=r"model must be a VAE .*such as load.*got 'runs/001'"):
        measure(wrong, roll, sigma=0.1)
    with pytest.raises(ValueError, match="distribution must be a distribution or a curve, such as"):
        measure(model, wrong, sigma=0.1)
    with pytest.raises(ValueError, match="noise is for a curve; a Gaussian has its own"):
        measure(model, Gaussian(), noise=0.1, sigma=0.1)
    with pytest.raises(ValueError, match="sigma must be a finite number"):
        measure(model, roll, sigma=math.nan)
    with pytest.raises(ValueError, match="n must be a whole number from 100"):
        measure(model, roll, sigma=0.1, n=10)
    with pytest.raises(ValueError, match="seed must be"):
        measure(model, roll, sigma=0.1, seed=-1)
    with torch.no_grad():
        model.fc_logvar.bias.fill_(math.nan)
    with pytest.raises(ValueError, match="posterior variances must be finite"):
        measure(model, roll, sigma=0.1, n=100)


def test_what_is_kept_between_runs_of_one_seed_changes_nothing() -> None:
    settings: Any = {"latent_dim": 2}, {"latent_dim": 2, "components": 3}, {"latent_dim": 5, "noise": 0.05}
    models = [(*trained(**s), s.get("noise", 0.0)) for s in settings]

    def all_of_them(seed: int) -> list[Any]:
        curve = CURVES["swiss_roll"]
        return [measure(m, curve, sigma=s, noise=noise, n=100, seed=seed).to_dict() for m, s, noise in models]

    warm = all_of_them(11), all_of_them(12), all_of_them(11)
    references.forget()
    cold = all_of_them(12)
    assert warm[0] == warm[2] != warm[1] == cold


def test_a_distribution_without_a_curve_is_measured() -> None:
    model = VAE(2, depth=0)
    with torch.no_grad():
        # q(z|x) = N(0, I) and p(x|z) = N(0, 0.3^2 I): a collapsed model, which is the data's own density.
        for parameter in model.parameters():
            parameter.zero_()
    found = measure(model, Gaussian(), sigma=0.3, n=300)
    assert (found.real, found.prior.fit, found.grid.fit, found.latent.continuity) == (None, None, None, None)
    assert found.evidence is not None
    assert (found.evidence.lower_bound, found.evidence.above_lower_bound) == (None, None)
    # The entropy of N(0, 0.3^2 I) in the plane is 1 + log(2 pi 0.3^2); the mean is over drawn points.
    entropy = 1 + math.log(2 * math.pi * 0.09)
    assert 0 < found.evidence.neg_log_evidence_se < 0.08
    assert found.evidence.neg_log_evidence == pytest.approx(entropy, abs=5 * found.evidence.neg_log_evidence_se)
    assert found.noisy_prior is not None
    assert found.noisy_prior.distances.c2st.value == pytest.approx(0.5, abs=0.1)
    assert found.reconstruction.variance == 0.09
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_cannot_be_hashed_is_measured_alike() -> None:
    model = VAE(2, 4, generator=seeded())
    assert measure(model, Unhashable(), sigma=0.1, n=100) == measure(model, Gaussian(), sigma=0.1, n=100)


def test_the_bound_is_left_out_of_the_progress_without_a_curve() -> None:
    done: list[str] = []
    measure(VAE(2, 4), Gaussian(), sigma=0.3, n=100, progress=done.append)
    assert done == [part for part in PARTS if part not in (SHARED_NOISE, LOWER_BOUND_PART, TRAINING_ROWS_PART)]
