"""What the sentences say, for tables whose numbers are known."""

import re

from swissroll.sweep.analysis.comparison_tables import axis_section
from swissroll.sweep.analysis.conclusions import NO_COMPARISON, conclusions
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
