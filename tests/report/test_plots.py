"""Axes whose ticks and labels are known beforehand."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from swissroll.report import plots


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
