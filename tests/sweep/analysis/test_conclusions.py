"""What the sentences say, for tables whose numbers are known."""

import re
from typing import Any

import pytest

from swissroll.sweep.analysis.comparison_tables import axis_section, best_settings
from swissroll.sweep.analysis.conclusions import NO_COMPARISON, conclusions
from swissroll.sweep.analysis.rate_error import frontier_settings
from swissroll.sweep.analysis.settings_table import tabulate_settings
from tests.sweep.analysis.oracles import made_table, one_axis


def test_where_all_of_a_value_diverged_there_is_nothing_to_compare() -> None:
    measured = {"mse": 1.0, "w2": 1.0}
    table = made_table({"lr": (0.001, 1000.0)}, lambda at, _: measured if at["lr"] < 1 else None, seeds=2)
    assert conclusions(table) == ["4 runs of 2 settings: 2 finished, 2 diverged.", NO_COMPARISON]


def test_a_few_worse_values_are_all_named() -> None:
    table = made_table({"beta": (0.1, 0.2, 0.3)}, lambda at, seed: {"w2": at["beta"] + 1e-3 * seed}, seeds=5)
    (line,) = [line for line in conclusions(table) if "W2" in line]
    assert line.count("by +") == 2
    assert line.index("0.2 by") < line.index("0.3 by")


def test_too_few_seeds_are_undecided_with_how_many_would_decide() -> None:
    """The means are almost twenty times apart, and two seeds cannot show it."""
    columns = {8: [0.003, 0.005], 16: [0.0636, 0.08]}
    text = "\n".join(conclusions(one_axis(columns)))
    assert re.search(r"undecided with 2 seeds \(means 0\.00400 to 0\.0718\); about \d seeds would decide", text)
    assert " tie" not in text
    decided = "\n".join(conclusions(one_axis({width: values * 3 for width, values in columns.items()})))
    assert "undecided" not in decided
    assert "worse: 16 by" in decided


def test_means_that_look_alike_are_shown_apart_where_they_differ() -> None:
    equal = conclusions(one_axis({8: [1.0, 1.0, 1.0], 16: [1.0, 1.0, 1.0]}))
    assert equal[-1].endswith("equal in every seed (all means 1.00)")
    alike = conclusions(one_axis({8: [1.1, 0.9, 1.000001], 16: [0.9, 1.1, 1.000002]}))
    tie = ": 100 seeds would not show differences as small as these"
    assert alike[-1].endswith(f"a tie (all means 1.00, alike to 6 digits){tie}")
    near = conclusions(one_axis({8: [1.1, 0.9, 1.0003], 16: [0.9, 1.1, 1.0009]}))
    assert near[-1].endswith(f"a tie (means 1.0001 to 1.0003){tie}")


def test_one_setting_is_one_setting() -> None:
    assert conclusions(made_table({}, lambda *_: {"mse": 1.0}, seeds=3))[0] == "3 runs of 1 setting: 3 finished."
    assert conclusions(made_table({}, lambda *_: {"mse": 1.0}, seeds=1))[0] == "1 run of 1 setting: 1 finished."


def test_a_dagger_stands_at_numbers_that_a_smaller_sigma_lowers_alone() -> None:
    metrics = {"neg_elbo": 1.0, "neg_log_evidence": 1.0}

    def daggers(more: dict[str, float]) -> list[bool]:
        table = made_table({"beta": (0.01, 0.1)}, lambda at, seed: metrics | more | {"mse": at["beta"] + seed})
        return [statement.lowered_by_sigma for statement in axis_section(table, "beta", "").statements]

    assert daggers({}) == [True, False]
    assert daggers({"above_lower_bound": 0.1}) == [False, False]


def test_a_level_that_is_undecided_stands_beside_one_that_is_worse() -> None:
    columns = {8: [1.0, 1.1, 0.9, 1.0], 16: [1.2, 1.1, 1.3, 1.02], 32: [9.0, 9.2, 9.1, 9.05]}
    line = conclusions(one_axis(columns))[-1]
    assert re.search(r"best 8 \(1\.00\); undecided: 16 \(about \d+ seeds would decide\); worse: 32 by", line)


def plainly_ordered(at: dict[str, Any], seed: int) -> dict[str, float]:
    """Every metric is lower at the first value of an axis than at the second, in every seed."""
    low = sum(value in (False, "rings", 0.01) for value in at.values())
    names = ("neg_log_evidence", "neg_elbo", "rate", "distortion", "mse", "w2", "off_p90")
    return dict.fromkeys(names, 2.0 - low + 0.01 * seed)


def test_nats_of_models_with_and_without_a_label_are_not_compared() -> None:
    axes = {"conditional": (False, True), "beta": (0.01, 0.1)}
    table = made_table(axes, plainly_ordered, dataset="rings")
    lines = conclusions(table)
    (told,) = [line for line in lines if "log p(x|c)" in line]
    assert told.startswith("conditional: Nothing in nats is compared")
    assert told.endswith("make a sweep of each.")

    # What is one thing with and without a label is compared along it, and all is along the other axis.
    compared = {tuple(line.split(":")[0].split(", ")[:2]) for line in lines if ": best" in line}
    assert compared == {
        ("conditional", "off the curve"),
        ("conditional", "W2 to real points"),
        ("conditional", "reconstruction MSE"),
        ("beta", "negative log evidence (each at its own sigma)"),
        ("beta", "off the curve"),
        ("beta", "W2 to real points"),
        ("beta", "reconstruction MSE"),
    }
    assert "log p(x|c)" in axis_section(table, "conditional", "").caution
    assert axis_section(table, "beta", "").caution == ""
    assert not any("evidence" in best.metric for best in best_settings(table))
    assert frontier_settings(table) == []


@pytest.mark.parametrize(("axis", "values"), [("dataset", ("rings", "moons")), ("noise", (0.01, 0.1))])
def test_an_axis_that_changes_the_data_has_no_best_value_and_no_frontier(axis: str, values: tuple[Any, ...]) -> None:
    table = made_table({axis: values}, plainly_ordered)
    said = f"{axis}: This axis changes what is measured: no value of it is better than another."
    assert conclusions(table) == ["6 runs of 2 settings: 6 finished.", said]
    assert frontier_settings(table) == []
    assert len(frontier_settings(made_table({"beta": (0.01, 0.1)}, plainly_ordered))) == 1


def evidence_of_latents(metric: str, *latent_dims: int) -> Any:
    """A sweep of the latent dimension whose numbers fall with it."""
    return made_table(
        {"latent_dim": latent_dims, "beta": (0.01, 0.1)},
        lambda at, seed: {"neg_log_evidence": 2.0} | {metric: 2.0 - 0.1 * at["latent_dim"] + 1e-3 * seed * at["beta"]},
    )


@pytest.mark.parametrize("metric", ["neg_log_evidence", "above_lower_bound"])
def test_a_bound_is_marked_beside_exact_evidence(metric: str) -> None:
    table = evidence_of_latents(metric, 1, 2, 3, 4)
    (told,) = [line for line in conclusions(table) if "importance" in line]
    assert told.startswith("With latent_dim 3 and 4 the negative log evidence is an upper bound (≤)")
    assert "with 1 and 2 it is exact" in told
    (line,) = [line for line in conclusions(table) if line.startswith("latent_dim, negative log evidence")]
    assert "best 4 (≤ 1.60)" in line

    (row,) = axis_section(table, "latent_dim", "").rows
    assert [found.mean for found in row.means] == ["1.90", "1.80", "≤ 1.70", "≤ 1.60"]
    # A mean over exact evidence and bounds is a bound, too.
    (row,) = axis_section(table, "beta", "").rows
    assert [found.mean for found in row.means] == ["≤ 1.75", "≤ 1.75"]
    (best,) = best_settings(table)
    assert best.mean == "≤ 1.60"

    fields = [fields[4] for fields in tabulate_settings(table).rows]
    assert [field.text.startswith("≤ ") for field in fields] == [False] * 4 + [True] * 4
    assert all(float(field.sort_key) for field in fields)


def test_evidence_of_one_kind_needs_no_word() -> None:
    for latent_dims in ((1, 2), (3, 4)):
        assert not any(
            "importance" in line for line in conclusions(evidence_of_latents("neg_log_evidence", *latent_dims))
        )
