"""Errors of numbers, and their digits, case by case and against many fresh samples."""

import dataclasses
import math

import pytest
import torch
from scipy.stats import halfnorm, sem

from swissroll.data import CURVES, NoisyCurve
from swissroll.evaluation.metrics import measure, measure_loss
from swissroll.evaluation.uncertainty import percent, quantile_se, rounded, standard_error, with_error
from swissroll.model.loss import Loss
from swissroll.model.vae import VAE
from tests.oracles import seeded

SAMPLES = 24
ROLL = CURVES["swiss_roll"]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.00502, 0.00028, "0.0050 ± 0.0003"),
        (0.00502, 0.00014, "0.00502 ± 0.00014"),
        (0.00502, 0.000096, "0.00502 ± 0.00010"),
        (-2.4361, 0.05, "-2.44 ± 0.05"),
        (-0.0001, 0.05, "0.00 ± 0.05"),
        (1234.5, 321.0, "1234 ± 321"),
        (3e7, 321.0, "3.00e+07 ± 321"),
        (1.234e-7, 2e-8, "1.2e-07 ± 2.0e-08"),
        (1.2e-16, 2e-17, "0.0000"),
        (0.5, 0.0, "0.5000"),
        (math.nan, math.nan, "not finite"),
        (math.inf, 0.1, "not finite"),
    ],
)
def test_a_number_is_shown_with_the_digits_that_its_error_leaves(value: float, error: float, text: str) -> None:
    assert with_error(value, error) == text
    assert rounded(value, error) == text.split(" ± ")[0]


def test_standard_errors_are_the_scatter_over_fresh_samples() -> None:
    model = VAE(2, 16, generator=seeded())
    source = NoisyCurve(ROLL, 0.05)
    loss = Loss(beta=0.5, data_dim=2, latent_dim=2)
    found = [measure(model, source, sigma=0.5, n=100, seed=seed) for seed in range(SAMPLES)]

    values: dict[str, list[float]] = {}
    for one in found:
        records = {**dataclasses.asdict(one.reconstruction), "rate": one.latent.rate, "rate_se": one.latent.rate_se}
        for name, value in records.items():
            values.setdefault(name, []).append(value)
    for seed in range(SAMPLES):
        value, error = measure_loss(model, source, loss, n=100, seed=seed)
        values.setdefault("loss", []).append(value)
        values.setdefault("loss_se", []).append(error)

    names = [name for name in values if f"{name}_se" in values]
    assert names == ["mse", "posterior_mean_mse", "distortion", "neg_elbo", "rate", "loss"]
    for name in names:
        scatter = torch.tensor(values[name], dtype=torch.float64).std().item()
        told = sum(values[f"{name}_se"]) / len(found)
        # The scatter of 24 values is known to about 15 %: three of these.
        assert told == pytest.approx(scatter, rel=0.45)


def test_the_standard_error_of_a_mean_is_that_of_the_field() -> None:
    values = torch.randn(50, generator=seeded(), dtype=torch.float64)
    assert standard_error(values) == pytest.approx(sem(values.numpy()))


@pytest.mark.parametrize(("share", "n"), [(0.5, 1000), (0.9, 1000), (0.99, 20_000), (0.999, 20_000)])
def test_the_standard_error_of_a_quantile_is_its_scatter_over_fresh_samples(share: float, n: int) -> None:
    """For |N(0, 1)| the large-sample value is known: sqrt(q (1 - q) / n) / density(quantile)."""
    told = [quantile_se(torch.randn(n, generator=seeded(seed)).abs(), share) for seed in range(50)]
    expected = math.sqrt(share * (1 - share) / n) / halfnorm.pdf(halfnorm.ppf(share))
    assert sum(told) / len(told) == pytest.approx(expected, rel=0.15)


def test_a_share_is_a_percentage_with_a_space() -> None:
    assert [percent(share, 2) for share in (0.0005, 0.021, 1)] == ["0.05 %", "2.10 %", "100.00 %"]
