"""The verdict of models whose faults are known: none is called healthy, and a perfect one is."""

from __future__ import annotations

import dataclasses
import functools
import math

import pytest
import torch
from torch import Tensor

import swissroll
from swissroll.data import CURVES, Curve, NoisyCurve
from swissroll.evaluation import LossHistory, collect_symptoms, diagnose, measure_evidence, nll_lower_bound
from swissroll.evaluation.evaluation import Evaluation
from swissroll.evaluation.evidence_summary import EvidenceSummary, summarize_evidence
from swissroll.evaluation.references import data_reference, prior_reference
from swissroll.evaluation.symptoms import FAR, deviations
from swissroll.model.loss import Loss
from swissroll.model.vae import VAE
from tests.oracles import Perfect, seeded

ROLL = CURVES["swiss_roll"]
LOSS = Loss(beta=0.01, data_dim=2, latent_dim=1, reduction="sum")


class Straying(Perfect):
    """One prior draw in 500 is decoded far off the curve."""

    def decode(self, z: Tensor) -> Tensor:
        decoded = super().decode(z)
        return torch.where(z > 2.88, decoded + 1.0, decoded)


class Crooked(Perfect):
    """A decoder that is off by 0.06 in one coordinate, everywhere."""

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z) + torch.tensor([0.06, 0.0])


class Narrow(Perfect):
    """Latents of half of the prior's spread."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = super().encode(x)
        return 0.5 * mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(2 * z)


def verdict(model: Perfect, noise: float = 0.0) -> Evaluation:
    return swissroll.evaluate(model, distribution=NoisyCurve(model.curve, noise), sigma=0.0707)


@functools.cache
def of_the_perfect_model() -> Evaluation:
    return verdict(Perfect(ROLL, logvar=-12.0))


def test_a_perfect_model_is_healthy_and_says_what_was_checked() -> None:
    found = of_the_perfect_model().diagnosis
    assert found.name == "healthy"
    assert {"above_lower_bound", "jumps", "strays", "c2st", "aggregate_c2st"} <= set(found.checked)
    assert found.unchecked == {}


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (Straying(ROLL, logvar=-12.0), {"strays"}),
        (Crooked(ROLL, logvar=-12.0), {"inaccurate decoder"}),
        (Narrow(ROLL, logvar=-12.0), {"under-regularised", "holes in the prior"}),
        (Perfect(CURVES["circles"], logvar=-12.0), {"torn latent"}),
    ],
    ids=["strays", "crooked", "narrow", "torn"],
)
def test_a_known_fault_is_named(model: Perfect, names: set[str]) -> None:
    found = verdict(model)
    assert found.metrics is not None
    assert found.diagnosis.name in names


def test_a_share_of_strays_that_no_distance_sees_is_counted() -> None:
    found = verdict(Straying(ROLL, logvar=-12.0)).metrics
    assert found is not None
    assert found.prior.fit is not None
    # P(z > 2.88) = 0.00199.
    assert found.prior.fit.strays == pytest.approx(0.002, abs=4 * math.sqrt(0.002 / 20_000))
    assert found.prior.fit.off_p90 < 1e-5
    assert found.prior.fit.off_p999 > 0.2
    assert max(deviations("", found.prior.distances).values()) < FAR


def test_points_are_compared_with_the_noise_that_data_and_decoder_share() -> None:
    exact = of_the_perfect_model().metrics
    noisy = verdict(Perfect(ROLL, logvar=-12.0), 0.05).metrics
    assert exact is not None
    assert noisy is not None
    for metrics in (exact, noisy):
        assert max(deviations("", metrics.comparable.distances).values()) < FAR

    # A perfect model is told from data without noise by the decoder's, and from noisy data by its lack.
    assert exact.comparable is exact.prior
    assert exact.noisy_prior is not None
    assert deviations("", exact.noisy_prior.distances)["c2st"] > FAR
    assert noisy.comparable is noisy.shared_noise
    assert deviations("", noisy.prior.distances)["c2st"] > FAR


def test_real_points_in_the_place_of_generated_ones_are_not_off() -> None:
    """Of 10 distances one is beyond five standard deviations about once in 50 times (docs/diagnosis.md); never here."""
    trials = []
    for seed, curve in enumerate((ROLL, CURVES["moons"], CURVES["helix"])):
        data = NoisyCurve(curve, 0.02)
        reference = data_reference(data, 400, seed, torch.float32).reference
        latents = prior_reference(VAE(2, 4), 400, seed)
        generator = seeded(seed)
        for _ in range(10):
            far = deviations("", reference.compare(data.sample(400, generator=generator).points))
            far |= deviations("aggregate_", latents.compare(torch.randn(400, 2, generator=generator)))
            trials.append(max(far.values()))
    assert len(trials) == 30
    assert max(trials) < FAR


def symptoms_with(evidence: EvidenceSummary) -> str:
    metrics = of_the_perfect_model().metrics
    assert metrics is not None
    changed = dataclasses.replace(metrics, evidence=evidence)
    return diagnose(collect_symptoms(LOSS, LossHistory.unknown(), changed)).name


def test_what_a_bound_may_conceal_does_not_count_as_above_the_bound() -> None:
    metrics = of_the_perfect_model().metrics
    assert metrics is not None
    assert metrics.evidence is not None
    above = dataclasses.replace(metrics.evidence, above_lower_bound=0.3, slack=0.0)
    assert symptoms_with(above) == "imprecise"
    loose = dataclasses.replace(above, bound=True, slack=0.25)
    assert symptoms_with(loose) == "healthy"
    found = collect_symptoms(LOSS, LossHistory.unknown(), dataclasses.replace(metrics, evidence=loose))
    assert found.unchecked == {"above_lower_bound": "at most 0.30, as the evidence is only bounded"}
    assert symptoms_with(dataclasses.replace(loose, slack=0.1)) == "imprecise"


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.2])
def test_the_lower_bound_as_control_variate_keeps_the_mean(noise: float) -> None:
    model = VAE(1, 8, generator=seeded(1))
    data = NoisyCurve(ROLL, noise)
    x = data.sample(200, generator=seeded(2)).points
    found = summarize_evidence(model, data, x, sigma=0.15, seed=0)
    many = data.sample(3000, generator=seeded(3)).points
    values = -measure_evidence(model, many, sigma=0.15).log_p
    error = math.hypot(found.neg_log_evidence_se, values.std().item() / math.sqrt(3000))
    assert abs(found.neg_log_evidence - values.mean().item()) < 4 * error + 1e-3


@pytest.mark.parametrize(("noise", "sigma"), [(0.0, 0.15), (0.05, 0.15), (0.2, 0.15)])
def test_the_mixture_of_the_lower_bound_has_the_mean_that_it_says(noise: float, sigma: float) -> None:
    curve: Curve = ROLL
    bound = nll_lower_bound(curve, sigma, noise=noise, tolerance=5e-3)
    x = NoisyCurve(curve, noise).sample(20_000, generator=seeded(4)).points
    values = -bound.log_density(x)
    assert values.mean().item() == pytest.approx(bound.value, abs=4 * values.std().item() / math.sqrt(20_000))


def test_draws_from_the_prior_in_many_dimensions_are_no_deviation() -> None:
    # So far apart that a kernel sees nothing: its noise floor has no spread, and neither is there an excess.
    latents = prior_reference(VAE(40, 4), 400, seed=0)
    found = deviations("aggregate_", latents.compare(torch.randn(400, 40)))
    assert found["aggregate_mmd"] == 0
    assert max(found.values()) < FAR
