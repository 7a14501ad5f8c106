"""Ticks whose texts are known beforehand."""

import pytest
from matplotlib.figure import Figure

from swissroll.report import ticks


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.018, 0.25, ["0.02", "0.05", "0.1", "0.2"]),
        (3e-7, 2e4, ["1e-06", "0.0001", "0.01", "1", "100", "10000"]),
        (2.1, 4.9, ["2", "3", "4", "5"]),
    ],
)
def test_logarithmic_axes_have_round_decimal_ticks(low: float, high: float, labels: list[str]) -> None:
    ax = Figure().subplots()
    ax.plot([0, 1], [low, high])
    ax.set_ylim(low, high)
    ticks.log_scale(ax)

    found = [label.get_text() for label in ax.get_yticklabels()]
    assert found == labels


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (-20_000, 20_000, ["\N{MINUS SIGN}20000", "\N{MINUS SIGN}10000", "0", "10000", "20000"]),
        (0, 4e9, ["0", "1e+09", "2e+09", "3e+09", "4e+09"]),
        (1_700_000_010, 1_700_000_050, [f"17000000{tens}0" for tens in range(1, 6)]),
        (-3e-7, 3e-7, ["\N{MINUS SIGN}2e\N{MINUS SIGN}07", "0", "2e\N{MINUS SIGN}07"]),
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_numbers_at_ticks_leave_nothing_to_the_end_of_the_axis(low: float, high: float, labels: list[str]) -> None:
    figure = Figure()
    ax = figure.subplots()
    ticks.few_ticks(ax)
    ax.set_xlim(low, high)
    figure.draw_without_rendering()
    found = [label.get_text() for label in ax.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert found == labels
    assert ax.xaxis.get_offset_text().get_text() == ""
