"""Statistics against independent oracles: SciPy's tests, brute force, closed forms, and simulated sweeps."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from swissroll.sweep.analysis.blocks import partly_measured
from swissroll.sweep.analysis.comparisons import headline_metrics, judge, paired_difference, rank
from swissroll.sweep.analysis.paired_test import deciding_seeds, holm_alphas
from tests.sweep.analysis.oracles import made_table, one_axis

numbers = st.floats(-1e3, 1e3).map(lambda v: round(v, 6))


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=12))
def test_paired_is_scipys_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    a, b = map(list, zip(*pairs, strict=True))
    found = paired_difference(one_axis({8: a, 16: b}), "mse", "hidden_dim", 8, 16)
    differences = np.subtract(a, b)
    assert found.differences == pytest.approx(differences)
    if differences.std() > 1e-9 * max(1, np.abs(a + b).max()):
        expected = stats.ttest_rel(a, b)
        low, high = expected.confidence_interval(0.95)
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
        assert (found.interval().low, found.interval().high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)


def test_equal_differences_are_certain_and_none_are_a_tie() -> None:
    table = one_axis({8: [1.0, 2.0, 4.0], 16: [0.5, 1.5, 3.5], 32: [1.0, 2.0, 4.0]})
    assert paired_difference(table, "mse", "hidden_dim", 8, 16).p_value == 0
    assert paired_difference(table, "mse", "hidden_dim", 8, 32).p_value == 1


def test_pairing_by_seed_takes_out_what_seeds_share() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 10, 5)
    table = one_axis({8: [*(shared + 0.1)], 16: [*(shared + rng.normal(0, 0.002, 5))]})
    assert paired_difference(table, "mse", "hidden_dim", 8, 16).p_value < 1e-5
    assert stats.ttest_ind(shared + 0.1, shared).pvalue > 0.9


def test_other_axes_are_averaged_within_each_seed() -> None:
    def values(setting: dict[str, Any], seed: int) -> dict[str, float]:
        return {"mse": seed + 10 * setting["lr"] + (setting["hidden_dim"] == 16) * (1 + seed) * setting["lr"]}

    table = made_table({"hidden_dim": (8, 16), "lr": (0.1, 0.3)}, values)
    found = paired_difference(table, "mse", "hidden_dim", 16, 8)
    assert found.other_settings == 2
    assert found.differences == pytest.approx([0.2, 0.4, 0.6])


def test_what_may_be_noise_has_an_interval_that_contains_zero() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        shift = rng.choice([0.0, 0.5, 3.0, 30.0], 4)
        columns = {8 * (i + 1): [*(shift[i] + rng.normal(size=4))] for i in range(4)}
        (verdicts,) = judge([rank(one_axis(columns), "mse", "hidden_dim")])
        levels = holm_alphas([v.difference.p_value for v in verdicts.values()], 6)
        assert [v.may_be_noise for v in verdicts.values()] == [
            v.difference.p_value > level for v, level in zip(verdicts.values(), levels, strict=True)
        ]


def test_noise_alone_is_called_a_difference_in_at_most_one_sweep_of_twenty() -> None:
    rng, sweeps, wrong = np.random.default_rng(2), 400, 0
    for _ in range(sweeps):
        seeds = rng.normal(0, 3, 5)
        columns = {8 * (i + 1): [*(seeds + rng.normal(size=5))] for i in range(5)}
        (verdicts,) = judge([rank(one_axis(columns), "mse", "hidden_dim")])
        wrong += not all(v.may_be_noise for v in verdicts.values())
    assert wrong <= stats.binom.ppf(0.999, sweeps, 0.05)


def test_a_large_difference_is_found() -> None:
    rng = np.random.default_rng(3)
    columns = {8: [*rng.normal(5, 0.3, 5)], 16: [*rng.normal(1, 0.3, 5)], 32: [*rng.normal(1, 0.3, 5)]}
    ranking = rank(one_axis(columns), "mse", "hidden_dim")
    (verdicts,) = judge([ranking])
    assert ranking.best in (16, 32)
    assert {value for value, v in verdicts.items() if v.may_be_noise} == {16, 32} - {ranking.best}


def test_best_is_the_metrics_own_better_end() -> None:
    def values(at: dict[str, Any], _: int) -> dict[str, float]:
        return {"mse": at["hidden_dim"], "coverage": at["hidden_dim"], "rate": 1}

    table = made_table({"hidden_dim": (8, 16)}, values)
    assert rank(table, "mse", "hidden_dim").best == 8
    assert rank(table, "coverage", "hidden_dim").best == 16
    with pytest.raises(ValueError, match="neither low nor high is better"):
        rank(table, "rate", "hidden_dim")


def test_one_seed_ties_all() -> None:
    (verdicts,) = judge([rank(one_axis({8: [1.0], 16: [100.0]}), "mse", "hidden_dim")])
    assert verdicts[16].tied


def test_a_difference_that_a_hundred_seeds_would_not_show_is_a_tie() -> None:
    assert deciding_seeds((1.0, -1.0, 1.1, -0.9), 0.05) is None
    assert deciding_seeds((0.0, 0.0), 0.05) is None
    assert deciding_seeds((1.0,), 0.05) is None
    (verdicts,) = judge([rank(one_axis({8: [1.0, 2.0, 3.0], 16: [2.0, 3.0, 2.05]}), "mse", "hidden_dim")])
    assert (verdicts[16].may_be_noise, verdicts[16].tied) == (True, False)
    assert verdicts[16].undecided


def test_comparing_what_never_finished_together_is_an_error() -> None:
    table = made_table({"hidden_dim": (8, 16)}, lambda s, _: None if s["hidden_dim"] == 8 else {"mse": 1.0})
    with pytest.raises(ValueError, match="cannot be compared"):
        paired_difference(table, "mse", "hidden_dim", 8, 16)
    assert rank(table, "mse", "hidden_dim").best is None


@pytest.mark.parametrize(
    ("axis", "levels", "metric", "said"),
    [
        ("dataset", ("rings", "moons"), "mse", "changes what is measured"),
        ("noise", (0.01, 0.1), "w2", "changes what is measured"),
        ("held_out", (0.1, 0.2), "neg_log_evidence", "changes what is measured"),
        ("conditional", (False, True), "neg_log_evidence", r"log p\(x\|c\)"),
    ],
)
def test_a_difference_of_what_is_not_one_thing_is_refused(
    axis: str, levels: tuple[Any, ...], metric: str, said: str
) -> None:
    fixed: dict[str, Any] = {"data": "points.csv"} if axis == "held_out" else {}
    if axis == "conditional":
        fixed = {"dataset": "rings"}
    table = made_table({axis: levels}, lambda _, seed: {metric: float(seed), "strays": float(seed)}, **fixed)
    with pytest.raises(ValueError, match=f"{metric} cannot be compared along {axis}.*{said}"):
        paired_difference(table, metric, axis, *levels)
    if axis == "conditional":
        assert paired_difference(table, "strays", axis, *levels).differences == (0.0, 0.0, 0.0)


@pytest.mark.filterwarnings("error")
def test_a_metric_that_is_unknown_or_was_not_measured_is_refused_without_a_warning() -> None:
    table = one_axis({8: [1.0, 2.0], 16: [2.0, 3.0]})
    with pytest.raises(ValueError, match="metric must be one of loss, mse"):
        paired_difference(table, "mes", "hidden_dim", 8, 16)
    with pytest.raises(ValueError, match="w2 was not measured in any run of this sweep"):
        paired_difference(table, "w2", "hidden_dim", 8, 16)
    assert rank(table, "w2", "hidden_dim").best is None


def test_evidence_takes_the_place_of_the_elbo() -> None:
    measured = {"neg_elbo": 1.0, "mse": 1.0, "neg_log_evidence": 0.5, "above_lower_bound": 0.1}
    assert headline_metrics(one_axis({8: [1.0]})) == ["mse"]
    assert headline_metrics(made_table({"hidden_dim": (8,)}, lambda *_: measured)) == ["above_lower_bound", "mse"]
    del measured["above_lower_bound"]
    assert headline_metrics(made_table({"hidden_dim": (8,)}, lambda *_: measured)) == ["neg_log_evidence", "mse"]


@pytest.mark.parametrize("metric", ["above_lower_bound", "neg_log_evidence"])
def test_a_number_that_some_runs_lack_takes_no_ones_place(metric: str) -> None:
    def values(_: dict[str, Any], seed: int) -> dict[str, float]:
        return {"neg_elbo": 1.0, "mse": 1.0} | ({metric: 0.5} if seed == 2 else {})

    table = made_table({"hidden_dim": (8,)}, values)
    assert headline_metrics(table) == ["neg_elbo", "mse"]
    metrics, rows = partly_measured(table)
    assert metrics == [metric]
    assert [row.config.seed for row in rows] == [0, 1]


def test_runs_that_diverged_take_no_number_away() -> None:
    measured = {"neg_elbo": 1.0, "above_lower_bound": 0.1}
    table = made_table({"hidden_dim": (8,)}, lambda _, seed: measured if seed else None)
    assert headline_metrics(table) == ["above_lower_bound"]
    assert partly_measured(table) == ([], [])
