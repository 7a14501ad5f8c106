"""Axes whose ticks and labels are known beforehand."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from swissroll.report import plots


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
    plots.log_scale(ax)

    found = [label.get_text() for label in ax.get_yticklabels()]
    assert found == labels


@pytest.mark.parametrize(("extent", "tick"), [(1.15, "1"), (3.3, "3"), (0.05, "0.03"), (7400.0, "5000"), (21.0, "10")])
def test_planes_are_labelled_at_a_round_number_and_its_opposite(extent: float, tick: str) -> None:
    ax = Figure().subplots()
    plots.square(ax, extent)

    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == [f"\N{MINUS SIGN}{tick}", "0", tick]
    assert ax.get_xticks() == pytest.approx([-float(tick), 0, float(tick)])


@pytest.mark.parametrize("extent", [1.03, 1.15, 3.3, 4.2, 7400.0])
def test_ticks_without_labels_are_evenly_spaced_to_the_ends_of_a_plane(extent: float) -> None:
    ax = Figure().subplots()
    plots.square(ax, extent)

    marks = np.sort([*ax.get_xticks(), *ax.get_xticks(minor=True)])
    steps = np.diff(marks)
    np.testing.assert_allclose(steps, steps[0])
    assert 0 <= extent - marks[-1] < steps[0]


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
    plots.few_ticks(ax)
    ax.set_xlim(low, high)
    figure.draw_without_rendering()
    found = [label.get_text() for label in ax.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert found == labels
    assert ax.xaxis.get_offset_text().get_text() == ""


def test_rings_lie_at_whole_standard_deviations_of_a_gaussian() -> None:
    ax = Figure().subplots()
    plots.prior_rings(ax, mean=(1.0, -1.0), std=(0.5, 2.0))

    rings = [patch for patch in ax.patches if isinstance(patch, Ellipse)]
    assert [ring.center for ring in rings] == [(1.0, -1.0)] * 3
    assert [(ring.width, ring.height) for ring in rings] == [(1.0, 4.0), (2.0, 8.0), (3.0, 12.0)]


def test_a_plane_is_the_first_and_the_last_column_or_a_line() -> None:
    x = np.arange(6.0).reshape(2, 3)

    np.testing.assert_array_equal(plots.plane(x), [[0, 2], [3, 5]])
    np.testing.assert_array_equal(plots.plane(x[:, :1]), [[0, 0], [3, 0]])
