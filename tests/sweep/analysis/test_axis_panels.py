"""The panels of an axis against means and intervals that SciPy computes."""

from typing import Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from scipy import stats

from swissroll.sweep.analysis.axis_panels import draw_axis
from tests.sweep.analysis.oracles import made_table

WIDTHS = (8, 16, 64)


def known(at: dict[str, Any], seed: int) -> dict[str, float]:
    return {"mse": at["hidden_dim"] + at["lr"] + 0.1 * seed**2}


def test_means_and_intervals_are_those_of_the_runs() -> None:
    table = made_table({"hidden_dim": WIDTHS, "lr": (0.1, 0.2)}, known, seeds=4)
    (ax,) = (ax for ax in draw_axis(table, "hidden_dim").axes if ax.get_visible())
    bars = [found for found in ax.containers if isinstance(found, ErrorbarContainer)]
    assert len(bars) == 2
    for bar, lr in zip(bars, (0.1, 0.2), strict=True):
        (segments,) = (np.array(lines.get_segments()) for lines in bar.lines[2])
        for width, segment in zip(WIDTHS, segments, strict=True):
            values = [known({"hidden_dim": width, "lr": lr}, seed)["mse"] for seed in range(4)]
            expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
            assert tuple(segment[:, 1]) == pytest.approx(expected)


def test_a_third_axis_has_a_column_of_panels_for_each_level() -> None:
    table = made_table({"hidden_dim": WIDTHS, "lr": (0.1, 0.2), "beta": (0.01, 0.1, 1.0)}, known)
    axes = draw_axis(table, "hidden_dim").axes
    assert [ax.get_title() for ax in axes] == ["beta 0.01", "beta 0.1", "beta 1"]


def test_a_far_value_is_a_triangle_at_the_edge() -> None:
    values = dict.fromkeys(range(20), 1.0) | {7: 9.0}
    table = made_table({"hidden_dim": (8, 16)}, lambda _, seed: {"rate": values[seed] + 0.01 * seed}, seeds=20)
    (ax,) = draw_axis(table, "hidden_dim").axes
    highest = max(float(np.ma.getdata(found.get_offsets())[:, 1].max()) for found in ax.collections[:4])
    assert highest < 9.0
