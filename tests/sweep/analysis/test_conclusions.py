"""What the sentences say, for tables whose numbers are known."""

from swissroll.sweep.analysis.conclusions import NO_COMPARISON, conclusions
from tests.sweep.analysis.oracles import made_table


def test_where_all_of_a_value_diverged_there_is_nothing_to_compare() -> None:
    measured = {"mse": 1.0, "w2": 1.0}
    table = made_table({"lr": (0.001, 1000.0)}, lambda at, _: measured if at["lr"] < 1 else None, seeds=2)
    assert conclusions(table) == ["4 runs of 2 settings: 2 finished, 2 diverged.", NO_COMPARISON]


def test_a_few_worse_values_are_all_named() -> None:
    table = made_table({"beta": (0.1, 0.2, 0.3)}, lambda at, seed: {"w2": at["beta"] + 1e-3 * seed}, seeds=5)
    (line,) = [line for line in conclusions(table) if "W2" in line]
    assert line.count("by +") == 2
    assert line.index("0.2 by") < line.index("0.3 by")
