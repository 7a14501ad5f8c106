"""Where levels stand in a figure, and which axis is shown how."""

import pytest

from swissroll.sweep.analysis.styles import FreeAxes, PositionScale, free_axes
from tests.sweep.analysis.oracles import made_table


def test_numbers_that_span_a_factor_of_eight_stand_at_their_logarithm() -> None:
    assert list(PositionScale((1, 10, 100)).positions.values()) == pytest.approx([0, 1, 2])
    assert list(PositionScale((1, 2, 4)).positions.values()) == [1, 2, 4]
    assert list(PositionScale((0.0, 10.0)).positions.values()) == [0, 10]


def test_other_levels_stand_one_after_the_other() -> None:
    scale = PositionScale(("relu", "tanh", None))
    assert scale.positions == {"relu": 0, "tanh": 1, None: 2}
    assert scale.step == 1


def test_an_axis_with_more_levels_than_colours_comes_last() -> None:
    axes = {"hidden_dim": tuple(range(8, 17)), "lr": (0.1, 0.2)}
    table = made_table(axes, lambda *_: {}, seeds=1)
    assert free_axes(table) == FreeAxes("lr", "hidden_dim")
    assert free_axes(table, taken=("lr",)) == FreeAxes("hidden_dim", None)
