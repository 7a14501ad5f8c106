"""The doctor: each rule on both sides of its threshold, their order, and runs whose illness is known."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from swissroll.config import PRESETS, Config
from swissroll.data import CURVES
from swissroll.evaluation.advice import Action, Advice, fit_advice
from swissroll.evaluation.diagnosis import FALLING, LONGER, RULES, UNFINISHED, Diagnosis, Rule, diagnose
from swissroll.evaluation.diagnosis import HEALTHY as NO_RULE
from swissroll.evaluation.metrics import Metrics, measure
from swissroll.evaluation.symptoms import LossHistory, Symptoms, collect_symptoms
from swissroll.evaluation.wording import advice_text, checked_text, evidence_text
from swissroll.model.vae import VAE
from swissroll.runs.evaluate import adapt_advice_to_run, examine
from swissroll.runs.run import Run, load
from swissroll.training.build import loss_of
from swissroll.training.loop import scheduled_lr_and_beta
from tests.oracles import Perfect, trained_run

HEALTHY = Symptoms(
    finite=True,
    loss=0.1,
    variance=1.0,
    mse=0.02,
    rate=3.0,
    active=2,
    useful=2,
    aggregate_c2st=0.51,
    above_lower_bound=0.02,
    loss_drop=0.05,
    peak=0.12,
    start=0.12,
    sigma=0.1,
    steps=1000,
    jumps=0,
    strays=0.0,
    c2st=0.5,
    deviations={"w2": 4.9, "c2st": -1.0, "aggregate_w2": 0.3, "aggregate_c2st": 4.9},
)


WIDE = {"sigma": 0.8}
BEST = Advice(action=Action.TRAIN_PRESET, preset="best")
LONG = Advice(action=Action.TRAIN_PRESET, preset="best-long")


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
        ("under-trained", {"mse": 1.11, "sigma": 9.0}, {"mse": 1.09, "sigma": 9.0}),
        ("under-trained", {"mse": 0.91, "sigma": 0.7}, {"mse": 0.91, "sigma": 0.72}),
        ("under-trained", {"mse": 0.91}, {"mse": 0.89}),
        ("under-trained", {"mse": 0.11, "loss_drop": 0.21}, {"mse": 0.11, "loss_drop": 0.19}),
        ("under-trained", {"mse": 0.11, "loss_drop": 0.21}, {"mse": 0.09, "loss_drop": 0.21}),
        ("under-trained", {"active": 0, "mse": 0.91}, {"active": 0, "mse": 0.91, "sigma": math.nan}),
        ("collapsed", {"active": 0}, {"active": 2}),
        ("collapsed", {**WIDE, "rate": 0.009, "mse": 0.91}, {**WIDE, "rate": 0.011, "mse": 0.91}),
        ("collapsed", {**WIDE, "rate": 0.009, "mse": 0.91}, {**WIDE, "rate": 0.009, "mse": 0.89}),
        ("partly collapsed", {"active": 1}, {"active": 1, "useful": 1}),
        ("over-regularised", {"mse": 0.11}, {"mse": 0.09}),
        (
            "over-regularised",
            {"mse": 0.11, "above_lower_bound": 0.69},
            {"mse": 0.11, "above_lower_bound": 0.71},
        ),
        ("over-regularised", {"mse": 0.11, "above_lower_bound": math.nan}, {"above_lower_bound": math.nan}),
        (
            "under-regularised",
            {"aggregate_c2st": 0.71, "mse": 0.009},
            {"aggregate_c2st": 0.69, "mse": 0.009},
        ),
        (
            "under-regularised",
            {"aggregate_c2st": 0.71, "mse": 0.009},
            {"aggregate_c2st": 0.71, "mse": 0.011},
        ),
        (
            "under-regularised",
            {"aggregate_c2st": 0.71, "mse": 0.009},
            {"aggregate_c2st": 0.71, "mse": 0.009, "learns_sigma": True},
        ),
        (
            "under-trained",
            {"above_lower_bound": 0.71, "loss_drop": 0.21},
            {"above_lower_bound": 0.69, "loss_drop": 0.21},
        ),
        (
            "under-trained",
            {"above_lower_bound": 0.71, "loss_drop": 0.21},
            {"above_lower_bound": 0.71, "loss_drop": 0.19},
        ),
        (
            "too narrow",
            {"above_lower_bound": 0.61, "aggregate_c2st": 0.65},
            {"above_lower_bound": 0.59, "aggregate_c2st": 0.65},
        ),
        (
            "too narrow",
            {"above_lower_bound": 0.61, "aggregate_c2st": 0.59},
            {"above_lower_bound": 0.61, "aggregate_c2st": 0.57},
        ),
        (
            "too narrow",
            {"above_lower_bound": 0.61, "aggregate_c2st": 0.74},
            {"above_lower_bound": 0.61, "aggregate_c2st": 0.76},
        ),
        (
            "too narrow",
            {"above_lower_bound": 0.71, "aggregate_c2st": 0.9, "mse": 0.11},
            {"above_lower_bound": 0.71, "aggregate_c2st": 0.9, "mse": 0.09},
        ),
        (
            "too narrow",
            {"above_lower_bound": 0.71, "aggregate_c2st": 0.59, "mse": 0.11},
            {"above_lower_bound": 0.71, "aggregate_c2st": 0.57, "mse": 0.11},
        ),
        (
            "torn latent",
            {"jumps": 1, "aggregate_c2st": 0.6, "mse": 0.2, "sigma": 0.3},
            {"jumps": 1, "aggregate_c2st": 0.6, "mse": 0.09, "sigma": 0.2},
        ),
        ("under-trained", {"steps": 999, "above_lower_bound": 0.11}, {"steps": 1000, "above_lower_bound": 0.11}),
        ("under-trained", {"steps": 999, "above_lower_bound": 0.11}, {"steps": 999, "above_lower_bound": 0.09}),
        ("torn latent", {"jumps": 1}, {"jumps": 0}),
        ("torn latent", {"jumps": 1, "mse": 0.2, "latent_dim": 1}, {"jumps": 1, "mse": 0.2, "sigma": 0.4}),
        ("torn latent", {"jumps": 1, "mse": 0.2, "sigma": 0.31}, {"jumps": 1, "mse": 0.2, "sigma": 0.32}),
        ("strays", {"strays": 0.0006}, {"strays": 0.0005}),
        ("strays", {"strays": 0.0006}, {"strays": math.nan}),
        (
            "inaccurate decoder",
            {"strays": 0.3, "deviations": {"c2st": 9.0}, "above_lower_bound": 0.71},
            {"strays": 0.3, "deviations": {"c2st": 9.0}, "above_lower_bound": 0.69},
        ),
        ("too blurred", {"deviations": {"c2st": 5.1}}, {"deviations": {"c2st": 4.9}}),
        (
            "inaccurate decoder",
            {"deviations": {"c2st": 5.1}, "above_lower_bound": 0.11},
            {"deviations": {"c2st": 5.1, "aggregate_w2": 5.1}, "above_lower_bound": 0.11},
        ),
        ("imprecise", {"deviations": {"c2st": 5.1, "aggregate_w2": 5.1}}, {"deviations": {"aggregate_w2": 4.9}}),
        ("imprecise", {"deviations": {"w2": 5.1}}, {"deviations": {"w2": 4.9}}),
        ("imprecise", {"above_lower_bound": 0.11}, {"above_lower_bound": 0.09}),
        ("holes in the prior", {"aggregate_c2st": 0.59}, {"aggregate_c2st": 0.57}),
        (
            "holes in the prior",
            {"aggregate_c2st": 0.59, "above_lower_bound": math.nan},
            {"above_lower_bound": math.nan},
        ),
    ],
)
def test_a_rule_holds_on_one_side_of_its_threshold(name: str, inside: Any, outside: Any) -> None:
    assert named(**inside) == name
    assert named(**outside) != name


TABLE: dict[str, Any] = {"is_table": True, "above_lower_bound": math.nan, "jumps": math.nan, "strays": math.nan}


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("sigma too small", {"mse": 0.09, "sigma": 0.149}, {"mse": 0.09, "sigma": 0.151}),
        ("sigma too small", {"mse": 0.09, "sigma": 0.149}, {"mse": 0.09, "sigma": 0.149, "learns_sigma": True}),
        ("over-fitted", {"overfit": 0.31, "overfit_se": 0.1}, {"overfit": 0.29, "overfit_se": 0.1}),
        ("over-fitted", {"overfit": 0.5, "overfit_se": 0.16}, {"overfit": 0.5, "overfit_se": 0.17}),
        ("over-regularised", {"mse": 0.2, "sigma": 0.32}, {"mse": 0.2, "sigma": 0.31}),
        ("over-regularised", {"mse": 0.2, "sigma": 0.32}, {"mse": 0.2, "sigma": 0.32, "learns_sigma": True}),
        (
            "holes in the prior",
            {"aggregate_c2st": 0.6, "deviations": {"aggregate_c2st": 5.1}},
            {"aggregate_c2st": 0.6, "deviations": {"aggregate_c2st": 4.9}},
        ),
    ],
)
def test_a_rule_of_tables_holds_on_one_side_of_its_threshold(name: str, inside: Any, outside: Any) -> None:
    assert named(**TABLE | inside) == name
    assert named(**TABLE | outside) != name


@pytest.mark.parametrize("data", [{}, TABLE])
def test_with_a_learned_sigma_codes_far_from_the_prior_are_the_priors_fault(data: dict[str, Any]) -> None:
    far = data | {"aggregate_c2st": 0.9, "mse": 0.001, "deviations": {"aggregate_c2st": 99.0}, "learns_sigma": True}
    found = diagnose(dataclasses.replace(HEALTHY, **far))
    assert found.name == "holes in the prior"
    assert found.advice.action is Action.FIT_PRIOR


def test_with_a_learned_sigma_a_fitted_prior_beats_ten_times_the_beta() -> None:
    # x ~ N(0, 1), z ~ N(a x, s^2), decoded to w z + N(0, t^2), with the best w and t^2 of each encoder.
    a, s = torch.meshgrid(torch.linspace(0.05, 3, 200), torch.linspace(0.02, 1.5, 200), indexing="xy")
    second_moment = a.square() + s.square()
    mse = s.square() / second_moment
    distortion = 0.5 * (2 * math.pi * math.e * mse).log()
    rate = 0.5 * (second_moment - 1 - 2 * s.log())
    fitted = 0.5 * (second_moment.log() - 2 * s.log())

    # Where the advice is asked for: codes that are far from N(0, 1), and points that come back almost exactly.
    far = (mse < 0.01) & (second_moment > 4)
    assert bool((fitted <= rate + 1e-6).all())
    at_ten = (distortion + 10 * rate).argmin()
    negative_elbo_at_ten = (distortion + rate).flatten()[at_ten]
    assert bool(far.any())
    assert bool((distortion + fitted)[far].max() <= negative_elbo_at_ten + 1e-5)


def test_a_noisy_table_is_no_fault_of_beta() -> None:
    noisy = TABLE | {"mse": 0.4, "sigma": 0.63, "learns_sigma": True}
    assert named(**noisy) == "healthy"
    assert named(**noisy | {"mse": 0.95, "sigma": 0.97, "rate": 0.001}) == "collapsed"


def test_the_diagnosis_of_a_table_speaks_of_no_curve() -> None:
    found = diagnose(dataclasses.replace(HEALTHY, **TABLE | {"overfit": 0.1, "overfit_se": 0.1}))
    told = checked_text(found)
    assert "curve" not in told
    assert "Held-out rows stand in for fresh points" in told
    assert "held-out rows above training rows" in told


def test_the_first_rule_that_holds_wins() -> None:
    ill: dict[str, Any] = {
        "finite": False,
        "active": 0,
        "mse": 0.95,
        "sigma": 0.6,
        "aggregate_c2st": 0.72,
        "above_lower_bound": 0.6,
        "peak": 0.3,
        "steps": 999,
        "jumps": 1,
        "latent_dim": 1,
        "strays": 0.1,
        "deviations": {"c2st": 9.0, "w2": 9.0, "aggregate_w2": 0.0},
    }
    cures: list[tuple[str, dict[str, Any]]] = [
        ("diverged", {"finite": True}),
        ("under-trained", {"mse": 0.5}),
        ("collapsed", {"active": 1}),
        ("partly collapsed", {"active": 2}),
        ("under-trained", {"steps": 1000}),
        ("torn latent", {"latent_dim": 2}),
        ("over-regularised", {"mse": 0.005, "above_lower_bound": 1.0, "loss_drop": 0.3}),
        ("under-regularised", {"mse": 0.2}),
        ("under-trained", {"loss_drop": 0.1}),
        ("too narrow", {"mse": 0.02}),
        ("too narrow", {"above_lower_bound": 0.1}),
        ("holes in the prior", {"aggregate_c2st": 0.5, "above_lower_bound": 0.8}),
        ("torn latent", {"jumps": 0}),
        ("inaccurate decoder", {"above_lower_bound": 0.1}),
        ("strays", {"strays": 0.0}),
        ("too blurred", {"above_lower_bound": 0.2}),
        ("inaccurate decoder", {"deviations": {"w2": 9.0, "aggregate_w2": 9.0}}),
        ("imprecise", {"deviations": {"w2": 9.0}}),
        ("imprecise", {"deviations": {}, "above_lower_bound": 0.1}),
        ("healthy", {}),
    ]
    for name, cure in cures:
        assert named(**ill) == name
        ill |= cure
    assert [name for name, _ in cures[:-1]] == [rule.name for rule in RULES]


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.3, "fell by 30 % over the last two thirds"),
        (0.001, "did not fall over the last two thirds"),
        (-0.03, "did not fall over the last two thirds"),
    ],
)
def test_a_loss_that_rose_did_not_fall(share: float, told: str) -> None:
    found = diagnose(dataclasses.replace(HEALTHY, mse=1.2, loss_drop=share))
    assert evidence_text(found.evidence).endswith(f"a loss that {told}")


@pytest.mark.parametrize("rule", [*RULES, NO_RULE], ids=lambda rule: rule.name)
def test_what_was_not_measured_is_no_evidence(rule: Rule) -> None:
    unknown: dict[str, Any] = dict.fromkeys(
        ("above_lower_bound", "loss_drop", "peak", "sigma", "steps", "jumps", "strays"), math.nan
    )
    assert "nan" not in evidence_text(rule.quote(dataclasses.replace(HEALTHY, **unknown)))


def test_without_a_kl_term_nothing_is_over_regularised() -> None:
    large = dataclasses.replace(HEALTHY, mse=0.2)
    assert diagnose(large).name == "over-regularised"
    assert diagnose(dataclasses.replace(large, sigma=0.0)).name == "under-trained"


@pytest.mark.parametrize("rule", [*RULES, NO_RULE], ids=lambda rule: rule.name)
def test_evidence_quotes_numbers_and_advice_names_no_command(rule: Rule) -> None:
    ill = dataclasses.replace(HEALTHY, above_lower_bound=0.3, deviations={"aggregate_w2": 7.2, "c2st": 9.0})
    told = evidence_text(rule.quote(ill))
    assert any(c.isdigit() for c in told)
    assert "{" not in told
    for config in (Config(), Config(beta=0.0), Config(depth=0), Config(**PRESETS["best-long"])):
        advice = advice_text(fit_advice(rule.advice, config, sigma=0.07, variance=0.2))
        assert advice.endswith(".")
        assert "--" not in advice
        assert "swissroll" not in advice


def test_the_evidence_is_the_rules_measured_numbers() -> None:
    found = diagnose(dataclasses.replace(HEALTHY, aggregate_c2st=0.66))
    assert found.evidence == {"aggregate_c2st": 0.66}
    told = "C2ST accuracy 0.66 between aggregate posterior and prior (chance 0.5)"
    assert evidence_text(found.evidence) == told


def trained(folder: Path, **settings: Any) -> Run:
    return trained_run(folder, Config(**({"hidden_dim": 32, "steps": 200, "seed": 0} | settings)))


@pytest.mark.parametrize("wrong", ["runs/001", Path("runs/001"), VAE(2, 4), None])
def test_what_is_no_run_is_refused_with_what_to_pass(wrong: Any) -> None:
    with pytest.raises(ValueError, match="run must be a run, such as load"):
        examine(wrong)


def test_a_run_at_beta_1_is_collapsed(tmp_path: Path) -> None:
    metrics, diagnosis = examine(trained(tmp_path / "run", beta=1.0))
    assert metrics is not None
    assert diagnosis.name == "collapsed"
    assert diagnosis.evidence["active"] == 0
    assert diagnosis.advice == Advice(setting="beta", factor=0.1)


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
    advice = diagnosis.advice
    assert (advice.setting, advice.factor, advice.value) in (("steps", None, 1000), ("steps", 10, None))
    assert advice.otherwise is not None
    assert advice.otherwise.setting == ("depth" if settings.get("depth") == 0 else "hidden_dim")


def test_a_diverged_run_tells_its_step_and_has_one_remedy(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", lr=1e4)
    assert run.status == "diverged"
    assert run.divergence is not None
    _, diagnosis = examine(run)
    assert diagnosis.advice == Advice(setting="lr", value=1e-3)
    assert diagnosis.evidence == {
        "not_finite": run.divergence.quantity,
        "step": run.divergence.step,
        "lr": 1e4,
    }
    assert str(run.divergence) == run.message


def test_a_diverged_run_of_an_older_version_is_still_diverged(tmp_path: Path) -> None:
    """Its state.json has the message alone."""
    run = trained(tmp_path / "run", lr=1e4)
    path = run.folder / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    del state["divergence"]
    path.write_text(json.dumps(state), encoding="utf-8")
    run = load(run.folder)
    assert run.divergence is None
    diagnosis = examine(run)[1]
    assert (diagnosis.name, diagnosis.advice) == ("diverged", Advice(setting="lr", value=1e-3))


@pytest.mark.parametrize(
    ("name", "settings", "advice"),
    [
        ("holes in the prior", {}, Advice(action=Action.FIT_PRIOR, preset="best")),
        ("holes in the prior", {"components": 20}, Advice(action=Action.FIT_PRIOR)),
        ("holes in the prior", {"components": 160, "refit_prior": True}, BEST),
        ("strays", PRESETS["best"], LONG),
        ("strays", PRESETS["best-long"], Advice(setting="steps", factor=10)),
        ("under-regularised", {"beta": 0.0}, Advice(setting="beta", value=0.01)),
        ("over-regularised", {"beta": 0.0}, Advice(setting="steps", factor=10)),
        ("too narrow", {"depth": 0}, Advice(setting="depth", value=3)),
        ("healthy", {}, Advice(action=Action.NOTHING, preset="best-long")),
        ("healthy", PRESETS["best-long"], Advice(action=Action.NOTHING)),
        ("healthy", {"decoder_variance": "learned"}, Advice(action=Action.NOTHING)),
        # Multiples that would still be of no use.
        ("under-regularised", {"beta": 1e-12}, Advice(setting="beta", value=0.01)),
        ("under-regularised", {"beta": 1e-3}, Advice(setting="beta", factor=10)),
        ("collapsed", {"beta": 1e6}, Advice(setting="beta", value=0.01)),
        ("collapsed", {"beta": 1.0}, Advice(setting="beta", factor=0.1)),
        ("too narrow", {"hidden_dim": 2}, Advice(setting="hidden_dim", value=256)),
        ("diverged", {"lr": 1e4}, Advice(setting="lr", value=1e-3)),
        ("diverged", {"lr": 0.1}, Advice(setting="lr", factor=0.1)),
    ],
)
def test_advice_is_none_that_the_settings_follow_already_and_lands_where_it_helps(
    name: str, settings: dict[str, Any], advice: Advice
) -> None:
    rule = next(rule for rule in (*RULES, NO_RULE) if rule.name == name)
    config = Config(**settings)
    assert fit_advice(rule.advice, config, sigma=loss_of(config).sigma, variance=0.205) == advice


def test_few_steps_are_told_to_become_as_many_as_the_notebooks() -> None:
    def steps(before: int) -> Advice:
        return fit_advice(LONGER, Config(steps=before), sigma=0.07, variance=0.2)

    assert steps(5).value == 1000
    assert steps(100).factor == 10


FINISH = Advice(action=Action.FINISH_RUN)


@pytest.mark.parametrize(
    ("name", "given", "state", "advice"),
    [
        (UNFINISHED, LONGER, {"status": "unfinished"}, FINISH),
        (UNFINISHED, LONGER, {"status": "stopped"}, FINISH),
        ("holes in the prior", Advice(action=Action.FIT_PRIOR), {}, Advice(action=Action.FIT_PRIOR)),
        ("strays", Advice(action=Action.FIT_PRIOR), {"repaired_from": "a"}, BEST),
        ("imprecise", LONGER, {"repaired_from": "a"}, dataclasses.replace(LONGER, repair_again=True)),
        (
            "strays",
            Advice(action=Action.FIT_PRIOR),
            {"repaired_from": "a", "config": Config(**PRESETS["best"])},
            LONG,
        ),
        (
            "strays",
            Advice(action=Action.FIT_PRIOR),
            {"repaired_from": "a", "config": Config(**PRESETS["best-long"])},
            Advice(setting="steps", factor=10, repair_again=True),
        ),
    ],
)
def test_advice_suits_the_state_of_a_run(
    name: str, given: Advice, state: dict[str, Any], advice: Advice, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in ({"config": Config(components=20), "status": "finished", "repaired_from": ""} | state).items():
        monkeypatch.setattr(Run, key, value)
    found = adapt_advice_to_run(Diagnosis(name=name, evidence={}, advice=given), Run(Path("run"))).advice
    assert found == advice
    assert advice_text(found).endswith(".")


@pytest.mark.parametrize(
    "ill", [{"above_lower_bound": 0.65, "aggregate_c2st": 0.7}, {"mse": 0.2}, {"strays": 0.1}], ids=str
)
def test_a_training_that_was_cut_short_is_unfinished_whatever_else_is_wrong(ill: dict[str, Any]) -> None:
    assert named(**ill) not in (UNFINISHED, "healthy")
    assert named(**ill, steps=400, planned=1000) == UNFINISHED
    assert named(**ill, steps=1000, planned=1000) != UNFINISHED
    assert named(steps=400, planned=1000) == "healthy"
    assert named(peak=99.0, steps=400, planned=1000) == "diverged"


def test_the_verdict_says_what_was_checked_and_what_could_not_be() -> None:
    found = diagnose(dataclasses.replace(HEALTHY, jumps=math.nan, unchecked={"jumps": "the data have no curve"}))
    assert found.name == "healthy"
    assert "jumps" not in found.checked
    assert "aggregate_w2" in found.checked
    told = checked_text(found)
    assert "share of strays; 4 distances against their noise floors." in told
    assert told.endswith("Not checked: jumps along the data's curve (the data have no curve).")


def test_what_was_checked_can_be_told_apart() -> None:
    missing = {"mse": "a, b", "aggregate_c2st": "c"}
    found = Diagnosis(name="", evidence={}, advice=Advice(), checked=("mse", "rate", "w2", "mmd"), unchecked=missing)
    assert checked_text(found) == (
        "Checked: reconstruction MSE, posterior draw; rate; 2 distances against their noise floors. "
        "Not checked: reconstruction MSE, posterior draw (a, b); C2ST accuracy, aggregate posterior against prior (c)."
    )
    evidence = {"aggregate_c2st_deviation": 12.0, "w2_deviation": 7.0}
    assert evidence_text(evidence).split("; ")[1].startswith("W2 to real points 7")


@pytest.mark.parametrize("lr", [1.0, 1e4])
def test_a_run_at_a_huge_learning_rate_is_diverged(tmp_path: Path, lr: float) -> None:
    assert examine(trained(tmp_path / "run", lr=lr))[1].name == "diverged"


def test_a_run_that_leapt_and_came_back_is_diverged(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", beta=0.02)
    metrics, before = examine(run)
    assert metrics is not None
    history = run.history.loss.copy()
    history[100] = 10.0
    after = diagnose(collect_symptoms(loss_of(run.config), flat_schedule(history), metrics))
    assert (before.name == "diverged", after.name) == (False, "diverged")


def test_a_schedule_of_beta_is_not_taken_for_a_falling_loss() -> None:
    config, metrics = of_a_perfect_model()
    config = dataclasses.replace(config, beta_start=0.1, steps=900)
    # Falls with beta until it rests, after 70 % of the steps; then it stays, or falls on by itself.
    with_beta = np.concatenate([np.linspace(1.0, 0.1, 630), np.full(270, 0.1)])
    by_itself = np.concatenate([with_beta[:630], np.linspace(0.1, 0.01, 270)])
    for losses, falls in ((with_beta, False), (by_itself, True)):
        history = LossHistory.of(config, {"loss": losses}.__getitem__)
        assert (collect_symptoms(loss_of(config), history, metrics).loss_drop > FALLING) == falls
        assert history.all is losses
    assert scheduled_lr_and_beta(config, 629)[1] > scheduled_lr_and_beta(config, 630)[1] == config.beta


def flat_schedule(losses: NDArray[np.float64]) -> LossHistory:
    """A history whose beta stays as it is."""
    return LossHistory(losses, losses)


@functools.cache
def of_a_perfect_model() -> tuple[Config, Metrics]:
    config = Config(dataset="circles", latent_dim=1, beta=0.005)
    curve = CURVES["circles"]
    return config, measure(Perfect(curve, logvar=-12.0), curve, sigma=loss_of(config).sigma, n=400)


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_is_its_data_is_healthy(seed: int) -> None:
    config = Config(latent_dim=1, beta=0.005)
    curve = CURVES["swiss_roll"]
    model = Perfect(curve, logvar=-12.0)
    metrics = measure(model, curve, sigma=0.0707, n=400, seed=seed)
    losses = torch.linspace(0.5, 0.1, 1000).double().numpy()
    found = collect_symptoms(loss_of(config), flat_schedule(np.minimum(losses, 0.12)), metrics)
    assert abs(found.above_lower_bound) < 0.02
    assert diagnose(found).name == "healthy"


def test_loss_is_per_coordinate_in_both_conventions() -> None:
    config, metrics = of_a_perfect_model()
    mse = metrics.reconstruction.mse
    rate = metrics.latent.rate
    history = flat_schedule(np.full(90, 0.3))
    mean = collect_symptoms(loss_of(config), history, metrics)
    summed = loss_of(dataclasses.replace(config, reduction="sum"))
    total = collect_symptoms(summed, history, dataclasses.replace(metrics, sigma=summed.sigma))
    # Half of |x - x'|^2 + beta * rate is the error per coordinate and half the rate's term.
    assert mean.loss == pytest.approx(mse + 0.005 * rate)
    assert total.loss == pytest.approx((2 * mse + 0.005 * rate) / 2)
    assert (mean.peak, total.peak) == pytest.approx((0.3, 0.15))


@pytest.mark.parametrize("steps", [0, 1, 8, 9, 900])
def test_fall_of_an_exponential_is_known(steps: int) -> None:
    config, metrics = of_a_perfect_model()
    fell = collect_symptoms(loss_of(config), flat_schedule(np.exp(-np.arange(steps) / 900)), metrics).loss_drop
    # The ninths whose medians are compared are five ninths of the run apart.
    expected = 1 - math.exp(-5 * (steps // 9) / 900) if steps >= 9 else math.nan
    assert fell == pytest.approx(expected, nan_ok=True)


def test_peak_is_of_the_whole_run() -> None:
    config, metrics = of_a_perfect_model()
    history = np.full(90, 0.1)
    history[3] = 9.0
    history[80] = 1.0
    assert collect_symptoms(loss_of(config), flat_schedule(history), metrics).peak == 9.0


def test_the_page_has_every_rule_in_order_with_its_advice() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    table = page.partition("| diagnosis | condition |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:2] == "| "]
    assert [(row[0], row[2]) for row in rows] == [(rule.name, advice_text(rule.advice)) for rule in (*RULES, NO_RULE)]


def test_a_run_with_a_flow_is_told_of_no_preset_that_brings_another_prior() -> None:
    config = Config(prior="flow")
    for rule in (*RULES, NO_RULE):
        advice = fit_advice(rule.advice, config, sigma=0.1, variance=0.2)
        assert advice.preset == ""
