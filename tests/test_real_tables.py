"""The tables of real tables say what was measured. Oracle: rows made up so that the answer is known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.real_table_data import Table, split
from benchmarks.real_table_page import show


def measured(model: str, scores: list[float], **more: Any) -> dict[str, Any]:
    found = {"task": "density", "table": "t", "split": 0, "model": model, "rows": 7, "columns": 2, "seconds": 1.0}
    return found | {"scores": scores} | more


def shown(better: float, capsys: pytest.CaptureFixture[str]) -> str:
    scores = np.linspace(-1, 1, 100)
    show(
        [
            measured("VAEDensity", (scores + better).tolist(), probabilities=[0.5] * 100, diagnosis="healthy: a. b."),
            measured("KernelDensity", scores.tolist()),
            measured("zuko flow", (scores - 5).tolist()),
        ]
    )
    return capsys.readouterr().out


def test_the_difference_is_from_the_best_other_row_by_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert "| +0.25 ± 0.00 |" in shown(0.25, capsys)
    assert "| -0.25 ± 0.00 |" in shown(-0.25, capsys)


@pytest.mark.parametrize(("better", "good"), [(0.25, 1), (-0.25, 0)])
def test_tables_within_noise_of_the_best_or_better_are_counted(
    better: float, good: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"or better: {good} of 1 tables" in shown(better, capsys)


@pytest.mark.parametrize(
    ("inside", "right"),
    [
        # Binomial errors of 100 rows: 3.0 % at 90 %, 2.2 % at 95 %, 1.0 % at 99 %.
        ({0.001: 1, 0.03: 4, 0.07: 5}, 1),
        ({0.001: 4, 0.03: 1, 0.07: 5}, 0),
        ({0.001: 1, 0.03: 4, 0.07: 15}, 0),
    ],
)
def test_coverage_is_right_at_all_three_levels_or_not(
    inside: dict[float, int], right: int, capsys: pytest.CaptureFixture[str]
) -> None:
    low = [probability for probability, count in inside.items() for _ in range(count)]
    probabilities = low + [0.5] * (100 - len(low))
    show([measured("VAEDensity", [0.0] * 100, probabilities=probabilities, diagnosis="healthy: a. b.")])
    assert f"one row: {right} of 1 tables" in capsys.readouterr().out


def test_a_split_takes_each_row_once() -> None:
    rows = np.arange(20.0).reshape(10, 2)
    parts = split(Table(name="t", rows=rows), 0)
    assert (len(parts.train), len(parts.test)) == (7, 3)
    together = np.concatenate([parts.train, parts.test])
    np.testing.assert_array_equal(together[together[:, 0].argsort()], rows)


def test_areas_are_means_over_the_kinds_and_what_was_not_measured_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {"task": "anomaly", "table": "t", "split": 0, "rows": 7, "columns": 2, "seconds": 1.0}
    show([row | {"model": "PyOD VAE", "areas": [0.5, 1.0]}, row | {"model": "VAEDensity", "areas": [0.75, 0.25, 0.5]}])
    show([row | {"table": "s", "model": "IsolationForest", "areas": [0.9]}])
    lines = capsys.readouterr().out.splitlines()
    assert "| t | 2 | 0.500 | 0.750 |" in lines
    assert "| s | 1 | 0.900 |" in lines
