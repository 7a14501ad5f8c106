"""The doctor: each rule on both sides of its threshold, their order, and runs whose illness is known."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from swissroll.config import PRESETS, Config
from swissroll.data import CURVES
from swissroll.evaluation.diagnosis import (
    FALLING,
    RULES,
    Diagnosis,
    Judged,
    Symptoms,
    diagnose,
    judged,
    symptoms,
)
from swissroll.evaluation.diagnosis import HEALTHY as NO_RULE
from swissroll.evaluation.metrics import Metrics, measure
from swissroll.model.vae import VAE
from swissroll.runs.examine import examine, suited
from swissroll.runs.run import Run, advance, create, load
from swissroll.training.loop import DivergedError, scheduled_lr_and_beta

HEALTHY = Symptoms(
    finite=True,
    loss=0.1,
    variance=1.0,
    sampled_mse=0.02,
    rate=3.0,
    active=2,
    useful=2,
    prior_c2st=0.51,
    above_lower_bound=0.02,
    fell=0.05,
    peak=0.12,
    start=0.12,
    sigma=0.1,
)


WIDE = {"sigma": 0.8}


def named(**changes: Any) -> str:
    return diagnose(dataclasses.replace(HEALTHY, **changes)).name


def test_a_sane_run_is_healthy() -> None:
    assert named() == "healthy"
    assert named(above_lower_bound=math.nan) == "healthy"


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("diverged", {"finite": False}, {}),
        ("diverged", {"loss": 1.11}, {"loss": 1.09}),
        ("diverged", {"peak": 10.1}, {"peak": 9.9}),
        ("diverged", {"loss": 1.66, "start": 1.5}, {"loss": 1.64, "start": 1.5}),
        ("diverged", {"peak": 15.1, "start": 1.5}, {"peak": 14.9, "start": 1.5}),
        ("under-trained", {"sampled_mse": 1.11, "sigma": 9.0}, {"sampled_mse": 1.09, "sigma": 9.0}),
        ("under-trained", {"sampled_mse": 0.91, "sigma": 0.7}, {"sampled_mse": 0.91, "sigma": 0.72}),
        ("under-trained", {"sampled_mse": 0.91}, {"sampled_mse": 0.89}),
        ("under-trained", {"sampled_mse": 0.11, "fell": 0.21}, {"sampled_mse": 0.11, "fell": 0.19}),
        ("under-trained", {"sampled_mse": 0.11, "fell": 0.21}, {"sampled_mse": 0.09, "fell": 0.21}),
        ("under-trained", {"active": 0, "sampled_mse": 0.91}, {"active": 0, "sampled_mse": 0.91, "sigma": math.nan}),
        ("collapsed", {"active": 0}, {"active": 2}),
        ("collapsed", {**WIDE, "rate": 0.009, "sampled_mse": 0.91}, {**WIDE, "rate": 0.011, "sampled_mse": 0.91}),
        ("collapsed", {**WIDE, "rate": 0.009, "sampled_mse": 0.91}, {**WIDE, "rate": 0.009, "sampled_mse": 0.89}),
        ("partly collapsed", {"active": 1}, {"active": 1, "useful": 1}),
        ("over-regularised", {"sampled_mse": 0.11}, {"sampled_mse": 0.09}),
        (
            "over-regularised",
            {"sampled_mse": 0.11, "above_lower_bound": 0.69},
            {"sampled_mse": 0.11, "above_lower_bound": 0.71},
        ),
        ("over-regularised", {"sampled_mse": 0.11, "above_lower_bound": math.nan}, {"above_lower_bound": math.nan}),
        (
            "under-regularised",
            {"prior_c2st": 0.71, "sampled_mse": 0.009},
            {"prior_c2st": 0.69, "sampled_mse": 0.009},
        ),
        (
            "under-regularised",
            {"prior_c2st": 0.71, "sampled_mse": 0.009},
            {"prior_c2st": 0.71, "sampled_mse": 0.011},
        ),
        ("under-trained", {"above_lower_bound": 0.71, "fell": 0.21}, {"above_lower_bound": 0.69, "fell": 0.21}),
        ("under-trained", {"above_lower_bound": 0.71, "fell": 0.21}, {"above_lower_bound": 0.71, "fell": 0.19}),
        (
            "too narrow",
            {"above_lower_bound": 0.61, "prior_c2st": 0.65},
            {"above_lower_bound": 0.59, "prior_c2st": 0.65},
        ),
        (
            "too narrow",
            {"above_lower_bound": 0.61, "prior_c2st": 0.59},
            {"above_lower_bound": 0.61, "prior_c2st": 0.57},
        ),
        (
            "too narrow",
            {"above_lower_bound": 0.61, "prior_c2st": 0.74},
            {"above_lower_bound": 0.61, "prior_c2st": 0.76},
        ),
        ("holes in the prior", {"prior_c2st": 0.59}, {"prior_c2st": 0.57}),
        ("holes in the prior", {"prior_c2st": 0.59, "above_lower_bound": math.nan}, {"above_lower_bound": math.nan}),
    ],
)
def test_a_rule_holds_on_one_side_of_its_threshold(name: str, inside: Any, outside: Any) -> None:
    assert named(**inside) == name
    assert named(**outside) != name


def test_the_first_rule_that_holds_wins() -> None:
    ill = {"finite": False, "active": 0, "sampled_mse": 0.95, "prior_c2st": 0.72, "above_lower_bound": 0.6, "peak": 0.3}
    cures: list[tuple[str, dict[str, Any]]] = [
        ("diverged", {"finite": True}),
        ("under-trained", {"sampled_mse": 0.5}),
        ("collapsed", {"active": 1}),
        ("partly collapsed", {"active": 2}),
        ("over-regularised", {"sampled_mse": 0.005, "above_lower_bound": 1.0, "fell": 0.3}),
        ("under-regularised", {"sampled_mse": 0.02}),
        ("under-trained", {"fell": 0.1}),
        ("too narrow", {"above_lower_bound": 0.2}),
        ("holes in the prior", {"prior_c2st": 0.5}),
        ("healthy", {}),
    ]
    for name, cure in cures:
        assert named(**ill) == name
        ill |= cure
    assert [name for name, _ in cures[:-1]] == [rule.name for rule in RULES]


@pytest.mark.parametrize(
    ("fell", "told"),
    [
        (0.3, "fell by 30% over the last two thirds"),
        (0.001, "did not fall over the last two thirds"),
        (-0.03, "did not fall over the last two thirds"),
        (math.nan, "was not followed long enough to say whether it falls"),
    ],
)
def test_a_loss_that_rose_did_not_fall(fell: float, told: str) -> None:
    found = diagnose(dataclasses.replace(HEALTHY, sampled_mse=1.2, fell=fell))
    assert found.evidence.endswith(f"the loss {told}")


def test_without_a_kl_term_nothing_is_over_regularised() -> None:
    large = dataclasses.replace(HEALTHY, sampled_mse=0.2)
    assert diagnose(large).name == "over-regularised"
    assert diagnose(dataclasses.replace(large, sigma=0.0)).name == "under-trained"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_evidence_quotes_numbers_and_advice_is_one_sentence(rule: Any) -> None:
    told = rule.evidence.format(**vars(HEALTHY), fall="fell by 5%")
    assert any(c.isdigit() for c in told)
    assert "{" not in told
    assert rule.advice.endswith(".")


def trained(folder: Path, **settings: Any) -> Run:
    run = create(folder, Config(**({"hidden_dim": 32, "steps": 200, "seed": 0} | settings)))
    try:
        for _ in advance(run):
            pass
    except DivergedError:
        pass
    return load(folder)


@pytest.mark.parametrize("wrong", ["runs/001", Path("runs/001"), VAE(2, 4), None])
def test_what_is_no_run_is_refused_with_what_to_pass(wrong: Any) -> None:
    with pytest.raises(ValueError, match="run must be a run, such as load"):
        examine(wrong)


def test_a_run_at_beta_1_is_collapsed(tmp_path: Path) -> None:
    metrics, diagnosis = examine(trained(tmp_path / "run", beta=1.0))
    assert metrics is not None
    assert diagnosis.name == "collapsed"
    assert "0 active units" in diagnosis.evidence


def test_a_run_at_an_enormous_beta_is_collapsed_and_not_diverged(tmp_path: Path) -> None:
    assert examine(trained(tmp_path / "run", beta=1e6))[1].name == "collapsed"


SHORT: list[dict[str, Any]] = [
    {"steps": 1},
    {"steps": 50, "hidden_dim": 2},
    {"steps": 30, "hidden_dim": 8},
    {"steps": 100, "depth": 0},
    {"steps": 400, "depth": 0},
    {"steps": 5, **PRESETS["best"]},
]


@pytest.mark.parametrize("settings", SHORT, ids=str)
def test_a_run_that_has_hardly_begun_is_under_trained(settings: dict[str, Any], tmp_path: Path) -> None:
    diagnosis = examine(trained(tmp_path / "run", **settings))[1]
    assert diagnosis.name == "under-trained"
    assert "Train ten times as long" in diagnosis.advice
    assert ("hidden layers" in diagnosis.advice) == (settings.get("depth") == 0)


def test_a_diverged_run_quotes_its_step_and_has_one_remedy(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", lr=1e4)
    assert run.status == "diverged"
    _, diagnosis = examine(run)
    assert diagnosis.advice == "Use a learning rate of 0.001."
    assert diagnosis.evidence.startswith("The ")
    assert "was not finite at step" in diagnosis.evidence
    assert "try" not in diagnosis.evidence


def suited_advice(name: str, run: Run, monkeypatch: pytest.MonkeyPatch, **state: Any) -> str:
    for key, value in state.items():
        monkeypatch.setattr(Run, key, value)
    rule = next(rule for rule in (*RULES, NO_RULE) if rule.name == name)
    found = Diagnosis(name=name, evidence="", advice=rule.advice)
    return suited(found, run).advice


@pytest.mark.parametrize(
    ("name", "settings", "state", "advice"),
    [
        ("holes in the prior", {}, {}, "--preset best, or 'swissroll repair'"),
        ("holes in the prior", {}, {"status": "unfinished"}, "Finish this run first: 'swissroll train --resume run'"),
        ("holes in the prior", {}, {"status": "stopped"}, "--preset best, or 'swissroll repair'"),
        ("under-trained", {}, {"status": "stopped"}, "Finish this run first"),
        ("holes in the prior", PRESETS["best"], {}, "Use 'swissroll repair' on this run"),
        ("holes in the prior", {"components": 20}, {"repaired_from": "a"}, "a --components 40 --out NEW_FOLDER'"),
        ("under-regularised", {"beta": 0.0}, {}, "Set beta to 0.01"),
        ("over-regularised", {"beta": 0.0}, {}, "Train ten times as long"),
        ("too narrow", {"depth": 0}, {}, "Add hidden layers"),
        ("healthy", {}, {}, "--preset best-long"),
        ("healthy", PRESETS["best-long"], {}, "Nothing ails this model."),
    ],
)
def test_advice_is_none_that_the_run_follows_already_or_cannot(
    name: str, settings: dict[str, Any], state: dict[str, Any], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"config": Config(**settings), "status": "finished", "repaired_from": ""} | state
    told = suited_advice(name, Run(Path("run")), monkeypatch, **given)
    assert advice in told
    if name == "healthy" and settings:
        assert "--preset" not in told


@pytest.mark.parametrize("lr", [1.0, 1e4])
def test_a_run_at_a_huge_learning_rate_is_diverged(tmp_path: Path, lr: float) -> None:
    assert examine(trained(tmp_path / "run", lr=lr))[1].name == "diverged"


def test_a_run_that_leapt_and_came_back_is_diverged(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", beta=0.02)
    metrics, before = examine(run)
    assert metrics is not None
    history = run.history.loss.copy()
    history[100] = 10.0
    after = diagnose(symptoms(run.config, of(history), metrics, finite=True))
    assert (before.name == "diverged", after.name) == (False, "diverged")


def test_a_schedule_of_beta_is_not_taken_for_a_falling_loss() -> None:
    config, metrics = of_a_perfect_model()
    config = dataclasses.replace(config, beta_start=0.1, steps=900)
    # Falls with beta until it rests, after 70 % of the steps; then it stays, or falls on by itself.
    with_beta = np.concatenate([np.linspace(1.0, 0.1, 630), np.full(270, 0.1)])
    by_itself = np.concatenate([with_beta[:630], np.linspace(0.1, 0.01, 270)])
    for losses, falls in ((with_beta, False), (by_itself, True)):
        history = judged(config, {"loss": losses}.__getitem__)
        assert (symptoms(config, history, metrics, finite=True).fell > FALLING) == falls
        assert history.loss is losses
    assert scheduled_lr_and_beta(config, 629)[1] > scheduled_lr_and_beta(config, 630)[1] == config.beta


class Perfect(VAE):
    """A VAE whose prior draws are points of the curve: z is the normal quantile of t's share of its range."""

    def __init__(self) -> None:
        super().__init__(1, 4)
        self.curve = CURVES["circles"]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        angle = torch.atan2(x[:, 1], x[:, 0]) / (2 * math.pi) % 1
        share = (angle + (x.norm(dim=1) < 0.6)) / 2
        z = torch.special.ndtri(share.double().clamp(1e-9, 1 - 1e-9))[:, None]
        return z.to(x), torch.full_like(z, -12).to(x)

    def decode(self, z: Tensor) -> Tensor:
        share = torch.special.ndtr(z[:, 0].double()).clamp(0, 1 - 1e-12)
        return self.curve.position(2 * share).to(z)


def of(losses: NDArray[np.float64]) -> Judged:
    """What is judged where beta stays as it is."""
    return Judged(losses, losses)


def of_a_perfect_model() -> tuple[Config, Metrics]:
    config = Config(dataset="circles", latent_dim=1, beta=0.005)
    return config, measure(Perfect(), CURVES["circles"], sigma=0.0707, n=400, evidence=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_is_its_data_is_healthy(seed: int) -> None:
    config, _ = of_a_perfect_model()
    metrics = measure(Perfect(), CURVES["circles"], sigma=0.0707, n=400, seed=seed, evidence=True)
    steps = torch.linspace(0.5, 0.1, 1000).double().numpy()
    found = symptoms(config, of(np.minimum(steps, 0.12)), metrics, finite=True)
    assert abs(found.above_lower_bound) < 0.02
    assert diagnose(found).name == "healthy"


def test_loss_is_a_coordinate_in_both_conventions() -> None:
    config, metrics = of_a_perfect_model()
    mse, rate = metrics.reconstruction.sampled_mse, metrics.latent.rate
    flat = of(np.full(90, 0.3))
    mean = symptoms(config, flat, metrics, finite=True)
    total = symptoms(dataclasses.replace(config, reduction="sum"), flat, metrics, finite=True)
    # Half of |x - x'|^2 + beta * rate is the error a coordinate and half the rate's term.
    assert mean.loss == pytest.approx(mse + 0.005 * rate)
    assert total.loss == pytest.approx((2 * mse + 0.005 * rate) / 2)
    assert (mean.peak, total.peak) == pytest.approx((0.3, 0.15))


@pytest.mark.parametrize("steps", [0, 1, 8, 9, 900])
def test_fall_of_an_exponential_is_known(steps: int) -> None:
    config, metrics = of_a_perfect_model()
    fell = symptoms(config, of(np.exp(-np.arange(steps) / 900)), metrics, finite=True).fell
    # The ninths whose medians are compared are five ninths of the run apart.
    expected = 1 - math.exp(-5 * (steps // 9) / 900) if steps >= 9 else math.nan
    assert fell == pytest.approx(expected, nan_ok=True)


def test_peak_is_of_the_whole_run() -> None:
    config, metrics = of_a_perfect_model()
    history = np.full(90, 0.1)
    history[3], history[80] = 9.0, 1.0
    assert symptoms(config, of(history), metrics, finite=True).peak == 9.0


def test_the_page_has_every_rule_in_order_with_its_advice() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:2] == "| "]
    assert [(row[0], row[2]) for row in rows[1:]] == [(rule.name, rule.advice) for rule in (*RULES, NO_RULE)]
