"""The tables of comparisons, for tables whose numbers are known."""

from typing import Any

from swissroll.sweep.analysis.comparison_tables import ComparedMean, axis_section, best_settings
from tests.sweep.analysis.oracles import made_table


def known(at: dict[str, Any], seed: int) -> dict[str, float] | None:
    """16 and 32 differ by noise alone, 8 is worse, and 64 diverges."""
    offsets = {8: 5.0, 16: 1.0 + 0.1 * (-1) ** seed, 32: 1.001}
    if at["hidden_dim"] == 64:
        return None
    return {"mse": offsets[at["hidden_dim"]] + 0.01 * seed}


def test_each_level_is_best_tied_worse_or_not_compared() -> None:
    table = made_table({"hidden_dim": (8, 16, 32, 64)}, known, seeds=6)
    section = axis_section(table, "hidden_dim", "")
    (row,) = section.rows
    assert [mean.kind for mean in row.means] == ["differs", "best", "tied", ""]
    assert row.means[3] == ComparedMean("", "-", [])
    assert section.levels == ["8", "16", "32", "64"]
    assert section.basis == "6 seeds; not compared, because too few of their runs finished: 64"
    (statement,) = section.statements
    assert statement.text.startswith("best 16 (1.0")


def test_the_best_setting_names_all_axes() -> None:
    table = made_table({"hidden_dim": (8, 16), "lr": (0.1, 0.2)}, lambda at, seed: {"mse": at["lr"] + 1e-4 * seed})
    (best,) = best_settings(table)
    assert best.setting in ("hidden_dim 8, lr 0.1", "hidden_dim 16, lr 0.1")
    assert best.not_worse == "1 of 3"
    assert best_settings(made_table({"lr": (0.1, 0.2)}, lambda *_: {"mse": 1.0})) == []
