"""Conclusions against independent oracles: SciPy's tests, brute force, closed forms, and simulated sweeps."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from swissroll.config import Config
from swissroll.sweep.analysis.blocks import block, changes_sigma, confounds, sigmas
from swissroll.sweep.analysis.conclusions import NO_COMPARISON, conclusions
from swissroll.sweep.analysis.results import Row, Table
from swissroll.sweep.analysis.statistics import frontier, headline, holm, interval, judge, paired, rank

numbers = st.floats(-1e3, 1e3).map(lambda v: round(v, 6))


def made(axes: dict[str, tuple[Any, ...]], values: Any, *, seeds: int = 3, hold: str = "beta", **fixed: Any) -> Table:
    """A table whose metrics ``values(setting, seed)`` gives; None there is a diverged run."""
    rows: list[Row] = []
    for combination in itertools.product(*axes.values()):
        setting = dict(zip(axes, combination, strict=True))
        for seed in range(seeds):
            found = values(setting, seed)
            rows.append(
                Row(
                    name=f"{len(rows)}",
                    config=Config(**(fixed | setting), seed=seed),
                    setting=setting,
                    status="diverged" if found is None else "finished",
                    values=found or {},
                )
            )
    return Table(folder=Path(), axes=axes, seeds=tuple(range(seeds)), hold=hold, rows=rows)


def one_axis(columns: dict[int, list[float]]) -> Table:
    """A sweep of the width with these squared errors by seed."""
    seeds = len(next(iter(columns.values())))
    return made({"hidden_dim": tuple(columns)}, lambda s, seed: {"mse": columns[s["hidden_dim"]][seed]}, seeds=seeds)


@given(st.lists(numbers, min_size=2, max_size=20), st.floats(0.5, 0.999))
def test_interval_is_scipys(values: list[float], confidence: float) -> None:
    found = interval(values, confidence)
    error = stats.sem(values)
    if error == 0:
        assert found.low == pytest.approx(found.mean) == pytest.approx(found.high)
        return
    low, high = stats.t.interval(confidence, len(values) - 1, loc=np.mean(values), scale=error)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)


def test_one_value_says_nothing() -> None:
    found = interval([0.3])
    assert (found.mean, found.low, found.high, found.n) == (0.3, -math.inf, math.inf, 1)
    assert found.holds_zero


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_interval_refuses_what_is_no_number(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value, all finite"):
        interval(values)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=12))
def test_paired_is_scipys_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    a, b = map(list, zip(*pairs, strict=True))
    found = paired(one_axis({8: a, 16: b}), "mse", "hidden_dim", 8, 16)
    differences = np.subtract(a, b)
    assert found.differences == pytest.approx(differences)
    if differences.std() > 1e-9 * max(1, np.abs(a + b).max()):
        expected = stats.ttest_rel(a, b)
        low, high = expected.confidence_interval(0.95)
        assert found.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
        assert (found.interval().low, found.interval().high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)


def test_equal_differences_are_certain_and_none_are_a_tie() -> None:
    table = one_axis({8: [1.0, 2.0, 4.0], 16: [0.5, 1.5, 3.5], 32: [1.0, 2.0, 4.0]})
    assert paired(table, "mse", "hidden_dim", 8, 16).p == 0
    assert paired(table, "mse", "hidden_dim", 8, 32).p == 1


def test_pairing_by_seed_takes_out_what_seeds_share() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 10, 5)
    table = one_axis({8: [*(shared + 0.1)], 16: [*(shared + rng.normal(0, 0.002, 5))]})
    assert paired(table, "mse", "hidden_dim", 8, 16).p < 1e-5
    assert stats.ttest_ind(shared + 0.1, shared).pvalue > 0.9


def test_other_axes_are_averaged_within_each_seed() -> None:
    def values(setting: dict[str, Any], seed: int) -> dict[str, float]:
        return {"mse": seed + 10 * setting["lr"] + (setting["hidden_dim"] == 16) * (1 + seed) * setting["lr"]}

    table = made({"hidden_dim": (8, 16), "lr": (0.1, 0.3)}, values)
    found = paired(table, "mse", "hidden_dim", 16, 8)
    assert found.cells == 2
    assert found.differences == pytest.approx([0.2, 0.4, 0.6])


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(0, 20))
def test_holm_is_its_definition(p: list[float], extra: int) -> None:
    levels = holm(p, len(p) + extra)
    rejected = set()
    for done, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[index] > 0.05 / (len(p) + extra - done):
            break
        rejected.add(index)
    assert {i for i in range(len(p)) if p[i] <= levels[i]} == rejected


def test_a_tie_is_an_interval_that_holds_zero() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        shift = rng.choice([0.0, 0.5, 3.0, 30.0], 4)
        columns = {8 * (i + 1): [*(shift[i] + rng.normal(size=4))] for i in range(4)}
        (verdicts,) = judge([rank(one_axis(columns), "mse", "hidden_dim")])
        levels = holm([v.paired.p for v in verdicts.values()], 6)
        assert [v.tied for v in verdicts.values()] == [
            v.paired.p > level for v, level in zip(verdicts.values(), levels, strict=True)
        ]


def test_noise_alone_is_called_a_difference_in_at_most_one_sweep_of_twenty() -> None:
    rng, sweeps, wrong = np.random.default_rng(2), 400, 0
    for _ in range(sweeps):
        seeds = rng.normal(0, 3, 5)
        columns = {8 * (i + 1): [*(seeds + rng.normal(size=5))] for i in range(5)}
        (verdicts,) = judge([rank(one_axis(columns), "mse", "hidden_dim")])
        wrong += not all(v.tied for v in verdicts.values())
    assert wrong <= stats.binom.ppf(0.999, sweeps, 0.05)


def test_a_large_difference_is_found() -> None:
    rng = np.random.default_rng(3)
    columns = {8: [*rng.normal(5, 0.3, 5)], 16: [*rng.normal(1, 0.3, 5)], 32: [*rng.normal(1, 0.3, 5)]}
    ranking = rank(one_axis(columns), "mse", "hidden_dim")
    (verdicts,) = judge([ranking])
    assert ranking.best in (16, 32)
    assert {value for value, v in verdicts.items() if v.tied} == {16, 32} - {ranking.best}


def test_best_is_the_metrics_own_better_end() -> None:
    table = made({"hidden_dim": (8, 16)}, lambda s, _: {"mse": s["hidden_dim"], "coverage": s["hidden_dim"], "rate": 1})
    assert rank(table, "mse", "hidden_dim").best == 8
    assert rank(table, "coverage", "hidden_dim").best == 16
    with pytest.raises(ValueError, match="neither low nor high is better"):
        rank(table, "rate", "hidden_dim")


def test_one_seed_ties_all() -> None:
    (verdicts,) = judge([rank(one_axis({8: [1.0], 16: [100.0]}), "mse", "hidden_dim")])
    assert verdicts[16].tied


def test_a_value_that_always_diverges_is_left_out() -> None:
    table = made(
        {"hidden_dim": (8, 16), "lr": (0.1, 0.2, 9.0)}, lambda s, seed: None if s["lr"] == 9.0 else {"mse": 1.0 + seed}
    )
    by_lr, by_width = block(table, "mse", "lr"), block(table, "mse", "hidden_dim")
    assert (by_lr.choices, by_lr.left_out, len(by_lr.cells), by_lr.seeds) == ((0.1, 0.2), (9.0,), 2, (0, 1, 2))
    assert (by_width.choices, by_width.cells, by_width.seeds) == ((8, 16), ((0.1,), (0.2,)), (0, 1, 2))


def test_one_diverged_run_costs_its_other_setting_where_there_are_many() -> None:
    lost = {"hidden_dim": 16, "lr": 0.3}
    table = made(
        {"hidden_dim": (8, 16), "lr": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)},
        lambda s, seed: None if s == lost and seed == 1 else {"mse": 1.0},
    )
    found = block(table, "mse", "hidden_dim")
    assert (found.choices, found.seeds) == ((8, 16), (0, 1, 2))
    assert found.cells == ((0.1,), (0.2,), (0.4,), (0.5,), (0.6,))


def test_a_lost_seed_costs_a_seed_and_not_a_value() -> None:
    table = one_axis({8: [1.0] * 20, 16: [2.0] * 20, 32: [3.0] * 20})
    lost = [r for r in table.rows if not (r.setting == {"hidden_dim": 16} and r.config.seed == 7)]
    found = block(Table(folder=Path(), axes=table.axes, seeds=table.seeds, hold="beta", rows=lost), "mse", "hidden_dim")
    assert found.choices == (8, 16, 32)
    assert found.seeds == tuple(s for s in range(20) if s != 7)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=24, max_size=24))
def test_a_block_has_no_gap_and_invents_nothing(there: list[bool]) -> None:
    present = iter(there)
    known: dict[tuple[Any, ...], float] = {}

    def values(setting: dict[str, Any], seed: int) -> dict[str, float] | None:
        if not next(present):
            return None
        known[setting["hidden_dim"], setting["lr"], seed] = float(len(known))
        return {"mse": known[setting["hidden_dim"], setting["lr"], seed]}

    found = block(made({"hidden_dim": (8, 16, 32), "lr": (0.1, 0.2)}, values, seeds=4), "mse", "hidden_dim")
    assert set(found.choices) | set(found.left_out) == {8, 16, 32}
    places = itertools.product(found.choices, [cell[0] for cell in found.cells], found.seeds)
    assert found.measured.ravel().tolist() == [known[place] for place in places]
    assert bool(found.measured.size) == any(there)


def test_comparing_what_never_finished_together_is_an_error() -> None:
    table = made({"hidden_dim": (8, 16)}, lambda s, _: None if s["hidden_dim"] == 8 else {"mse": 1.0})
    with pytest.raises(ValueError, match="cannot be compared"):
        paired(table, "mse", "hidden_dim", 8, 16)
    with pytest.raises(ValueError, match="'lr' is no axis of this sweep"):
        block(table, "mse", "lr")
    assert rank(table, "mse", "hidden_dim").best is None


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25))
def test_frontier_is_what_brute_force_finds(points: list[tuple[int, int]]) -> None:
    array = np.array(points, dtype=float).reshape(-1, 2)
    expected = [not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points) for x, y in points]
    assert frontier(array).tolist() == expected


def test_evidence_takes_the_place_of_the_elbo() -> None:
    measured = {"neg_elbo": 1.0, "mse": 1.0, "neg_log_evidence": 0.5, "above_lower_bound": 0.1}
    assert headline(one_axis({8: [1.0]})) == ["mse"]
    assert headline(made({"hidden_dim": (8,)}, lambda *_: measured)) == ["above_lower_bound", "mse"]
    del measured["above_lower_bound"]
    assert headline(made({"hidden_dim": (8,)}, lambda *_: measured)) == ["neg_log_evidence", "mse"]


def test_fixed_beta_confounds_the_latent_dimension_and_fixed_sigma_does_not() -> None:
    fixed_beta = made({"latent_dim": (1, 2, 4)}, lambda *_: {}, beta=0.01)
    assert confounds(fixed_beta)
    expected = {latent: (math.sqrt(0.01 / latent),) for latent in (1, 2, 4)}  # sigma² = beta D / 2L, D = 2
    assert {k: pytest.approx(v) for k, v in expected.items()} == sigmas(fixed_beta)
    assert not confounds(made({"latent_dim": (1, 2, 4)}, lambda *_: {}, reduction="sum"))
    rows = [
        Row(
            name=f"{latent}",
            config=Config(latent_dim=latent, beta=0.01 * latent / 2),
            setting={"latent_dim": latent},
            status="finished",
        )
        for latent in (1, 2, 4)
    ]
    held = Table(folder=Path(), axes={"latent_dim": (1, 2, 4)}, seeds=(42,), hold="sigma", rows=rows)
    assert not confounds(held)
    assert not changes_sigma(held, "latent_dim")
    assert changes_sigma(made({"beta": (0.1, 0.2), "hidden_dim": (8, 16)}, lambda *_: {}), "beta")
    assert not changes_sigma(made({"beta": (0.1, 0.2), "hidden_dim": (8, 16)}, lambda *_: {}), "hidden_dim")


def test_where_all_of_a_value_diverged_there_is_nothing_to_compare() -> None:
    table = made({"lr": (0.001, 1000.0)}, lambda at, _: {"mse": 1.0, "w2": 1.0} if at["lr"] < 1 else None, seeds=2)
    assert conclusions(table) == ["4 runs of 2 settings: 2 finished, 2 diverged.", NO_COMPARISON]


def test_a_few_worse_values_are_all_named() -> None:
    table = made({"beta": (0.1, 0.2, 0.3)}, lambda at, seed: {"w2": at["beta"] + 1e-3 * seed}, seeds=5)
    (line,) = [line for line in conclusions(table) if "W2" in line]
    assert line.count("by +") == 2
    assert line.index("0.2 by") < line.index("0.3 by")
