"""Oracles: the rows themselves, counted."""

from collections import Counter

import numpy as np
import pytest
import torch

from swissroll.data import Distribution, Points
from swissroll.data.points import ShuffledRows

ROWS = np.random.default_rng(0).normal(size=(40, 2)) * [3.0, 0.1] + [5.0, -1.0]


def make(**options: object) -> Points:
    return Points.of(ROWS, columns=("a", "b"), seed=3, **options)  # type: ignore[arg-type]


def shuffled(points: Points) -> ShuffledRows:
    return ShuffledRows(points, torch.Generator().manual_seed(7))


def test_points_are_a_distribution_in_model_coordinates() -> None:
    points = make()
    assert isinstance(points, Distribution)
    assert (points.data_dim, points.curve, points.noise, points.columns) == (2, None, 0.0, ("a", "b"))
    assert points.variance == pytest.approx(1, abs=1e-6)
    assert points.train.dtype == torch.float32


def test_every_row_is_trained_on_or_held_out() -> None:
    points = make(held_out=0.25)
    assert len(points.held_out) == 10
    assert sorted([*points.train_rows, *points.held_out_rows]) == list(range(40))
    restored = points.standardization.restore(points.held_out)
    np.testing.assert_allclose(restored, ROWS[points.held_out_rows], rtol=1e-6)


def test_the_map_is_that_of_the_training_rows_alone() -> None:
    points = make()
    np.testing.assert_allclose(points.standardization.mean, ROWS[points.train_rows].mean(axis=0), rtol=1e-12)


def test_the_seed_decides_the_split() -> None:
    assert np.array_equal(make().held_out_rows, make().held_out_rows)
    assert not np.array_equal(make().held_out_rows, Points.of(ROWS, seed=4).held_out_rows)


def test_a_pass_has_every_row_once() -> None:
    points = make()
    drawn = shuffled(points).draw(3 * len(points.train) + 5)
    found = Counter(map(tuple, drawn[: 3 * len(points.train)].tolist()))
    assert set(found.values()) == {3}
    assert set(found) == set(map(tuple, points.train.tolist()))
    sampled = points.sample(len(points.train), generator=torch.Generator().manual_seed(0)).points
    assert {tuple(row) for row in sampled.tolist()} == set(found)


@pytest.mark.parametrize("cuts", [[1] * 100, [7, 50, 43], [36, 36, 28], [99, 1]])
def test_rows_do_not_depend_on_how_many_are_drawn_at_a_time(cuts: list[int]) -> None:
    points = make()
    whole = shuffled(points).draw(100)
    source = shuffled(points)
    assert torch.equal(torch.cat([source.draw(n) for n in cuts]), whole)


@pytest.mark.parametrize("done", [0, 1, 35, 36, 37, 72, 80])
def test_a_state_goes_on_where_it_was_taken(done: int) -> None:
    points = make()
    source = shuffled(points)
    if done:
        source.draw(done)
    state = source.get_state()
    expected = source.draw(60)
    other = ShuffledRows(points, torch.Generator().manual_seed(99))
    other.set_state(state)
    assert torch.equal(other.draw(60), expected)
    source.set_state(state)
    assert torch.equal(source.draw(60), expected)


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(RuntimeError, match="does not fit the table"):
        shuffled(make()).set_state(torch.zeros(16, dtype=torch.uint8) + 255)


def test_held_out_rows_stand_in_for_fresh_points() -> None:
    points = make(held_out=0.5)
    assert torch.equal(points.sample_held_out().points, points.held_out)
    assert torch.equal(points.sample_held_out(1000).points, points.held_out)
    few = points.sample_held_out(5, generator=torch.Generator().manual_seed(0)).points
    assert len({tuple(row) for row in few.tolist()} & {tuple(row) for row in points.held_out.tolist()}) == 5


def test_a_label_of_text_is_counted_in_order() -> None:
    words = np.where(ROWS[:, 0] > 5, "high", "low")
    points = make(label=words, label_name="level")
    assert points.categories == ("high", "low")
    assert points.coordinate_name == "level"
    coordinate = points.sample_held_out().coordinate
    assert coordinate is not None
    assert [points.categories[int(c)] for c in coordinate] == list(words[points.held_out_rows])
    numeric = make(label=np.arange(40) * 2.5)
    assert numeric.categories is None
    found = numeric.coordinates(np.array([3, 1]))
    assert found is not None
    assert found.tolist() == [7.5, 2.5]
    assert make().sample_held_out().coordinate is None


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(ValueError, match="points has 3 rows, of which 2 are held out; training needs at least 2"):
        Points.of(ROWS[:3], held_out=0.5)
    with pytest.raises(ValueError, match="held_out must be a finite number"):
        make(held_out=0)
    with pytest.raises(ValueError, match="label must be one value for each of the 40 rows"):
        make(label=[1, 2])
    with pytest.raises(ValueError, match="columns must be 2 different names"):
        Points.of(ROWS, columns=("a", "a"))


def test_a_column_that_only_held_out_rows_vary_is_named() -> None:
    rows = ROWS.copy()
    rows[:, 1] = 4
    rows[make().held_out_rows[0], 1] = 5
    with pytest.raises(ValueError, match="points, column 'b': all 36 training rows are 4; only held-out rows differ"):
        Points.of(rows, columns=("a", "b"), seed=3)
