"""Labels of points. Oracles: where the points lie, the rows that were given, and equal shares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator

from swissroll.config import Config, digest
from swissroll.data import CURVES, DISTRIBUTIONS, Points, label_names, label_shares, labels_of, open_distribution
from swissroll.data.curves import piece_of
from swissroll.data.labels import LabelledPoints
from swissroll.data.own_table import record_table
from swissroll.training.sampler import Sampler

LABELLED = {
    "moons": 2, "circles": 2, "rings": 3, "spirals": 3,
    "three_gaussians": 3, "eight_gaussians": 8, "checkerboard": 8, "pinwheel": 5,
}  # fmt: skip
QUOTED = '"a, b"'
ROWS = np.random.default_rng(0).normal(size=(60, 2))


def draw(name: str, n: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    source = open_distribution(Config(dataset=name))  # type: ignore[arg-type]
    points, coordinate = source.sample(n, generator=Generator().manual_seed(1))
    return points, labels_of(source, coordinate)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions_of_several_parts_have_labels_and_no_others(name: str) -> None:
    source = DISTRIBUTIONS[name].make(0.0)
    if name not in LABELLED:
        with pytest.raises(ValueError, match="has one part and no labels, and conditional needs labels") as caught:
            label_shares(source)
        assert "\n" not in str(caught.value)
        return
    count = LABELLED[name]
    assert label_names(source) == tuple(map(str, range(count)))
    found = draw(name, 20_000)[1].bincount(minlength=count) / 20_000
    # Five standard errors of a share.
    np.testing.assert_allclose(found, label_shares(source), atol=5 * 0.5 / 20_000**0.5)
    assert sum(label_shares(source)) == pytest.approx(1)


def test_the_labels_of_rings_are_their_radii() -> None:
    points, labels = draw("rings")
    radius = points.norm(dim=1)
    each = [radius[labels == label] for label in range(3)]
    assert all(float(one.std()) < 1e-6 for one in each)
    assert len({round(float(one.mean()), 3) for one in each}) == 3


def test_the_labels_of_eight_gaussians_are_the_nearest_means() -> None:
    points, labels = draw("eight_gaussians")
    angle = torch.arange(8) * torch.pi / 4
    means = 0.63 * torch.stack([angle.cos(), angle.sin()], dim=1)
    assert torch.equal(torch.cdist(points, means).argmin(dim=1), labels)


def test_the_labels_of_a_checkerboard_have_a_square_each() -> None:
    points, labels = draw("checkerboard")
    for label in range(8):
        corner = (points[labels == label] / 0.4).floor()
        assert len(corner.unique(dim=0)) == 1


@pytest.mark.parametrize("name", ["moons", "rings", "spirals"])
def test_a_piece_of_a_curve_is_what_the_label_says(name: str) -> None:
    curve = CURVES[name]
    for piece in range(curve.pieces):
        alone = piece_of(curve, piece)
        x, t = alone.sample(50, generator=Generator().manual_seed(0))
        assert alone.pieces == 1
        assert torch.equal(curve.position(t), x)
        assert set(curve.piece(t).tolist()) == {piece}
        assert set(curve.piece(alone.midpoints(50)).tolist()) == {piece}
        assert alone is piece_of(curve, piece)


def test_the_labels_of_a_table_are_the_values_of_its_column() -> None:
    kinds = np.array(["b", "a", "a, c"] * 20)
    points = Points.of(ROWS, label=kinds, seed=3)
    assert points.label_names == ("a", "a, c", "b")
    named = np.array(points.label_names)
    np.testing.assert_array_equal(named[points.train_labels.numpy()], kinds[points.train_rows])
    held_out = points.sample_held_out()
    np.testing.assert_array_equal(named[labels_of(points, held_out.coordinate).numpy()], kinds[points.held_out_rows])
    shares = [np.mean(kinds[points.train_rows] == name) for name in points.label_names]
    np.testing.assert_allclose(label_shares(points), shares)


def test_numbers_are_labels_in_their_order() -> None:
    numbers = np.array([10.0, 2.0, -0.5] * 20)
    points = Points.of(ROWS, label=numbers)
    assert points.label_names == ("-0.5", "2", "10")
    found = labels_of(points, points.coordinates(points.train_rows))
    np.testing.assert_array_equal(np.array([-0.5, 2.0, 10.0])[found.numpy()], numbers[points.train_rows])
    assert torch.equal(found, points.train_labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "needs a label of each row"),
        (["a", "b" * 80_000] * 30, "has a value of 80,000 characters; a conditional model takes names of at most 200"),
        (["a"] * 60, "has 1 different value; a conditional model takes 2 to 50"),
        (range(60), "has 60 different values"),
        ([16777216, 16777217] * 30, "differ by less than single precision holds"),
    ],
)
def test_a_label_that_makes_no_classes_is_refused_in_one_line(labels: object, message: str) -> None:
    points = Points.of(ROWS, label=labels)
    with pytest.raises(ValueError, match=message) as caught:
        label_shares(points)
    assert "\n" not in str(caught.value)


def test_a_label_whose_rows_are_all_held_out_is_refused() -> None:
    held_out = Points.of(ROWS, seed=1).held_out_rows
    kinds = np.full(60, "often")
    kinds[held_out[0]] = "once"
    with pytest.raises(ValueError, match="all rows of 'once' are held out"):
        label_shares(Points.of(ROWS, label=kinds, seed=1))


def test_the_values_of_a_label_are_written_down_and_count_for_nothing(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    lines = [f"{x},{y},{'one' if x > 0 else QUOTED}" for x, y in ROWS.tolist()]
    (tmp_path / "points.csv").write_text("\n".join(["x,y,kind", *lines]))
    config = Config(data=str(tmp_path / "points.csv"), label="kind", conditional=True)
    written = record_table(config)
    assert written.label_values == '"a, b",one'
    assert digest(written) == digest(replace(written, label_values=None))
    assert record_table(replace(config, conditional=False)).label_values is None


def test_a_batch_has_the_points_of_an_unconditional_run() -> None:
    # The same draws, with labels beside them: a run without labels keeps its bits.
    points = Points.of(ROWS, label=["x", "y"] * 30)
    for config, source in ((Config(dataset="rings"), None), (Config(), points)):
        plain = Sampler(config, distribution=source).draw_points(1)[0]
        labelled = Sampler(replace(config, conditional=True), distribution=source).draw_batch()
        assert isinstance(labelled, LabelledPoints)
        assert torch.equal(labelled.points, plain)
        unlabelled = Sampler(config, distribution=source).draw_batch()
        assert isinstance(unlabelled, torch.Tensor)
        assert torch.equal(unlabelled, plain)
    assert isinstance(labelled, LabelledPoints)
    rows = {tuple(row): label for row, label in zip(points.train.tolist(), points.train_labels.tolist(), strict=True)}
    assert [rows[tuple(row)] for row in labelled.points.tolist()] == labelled.labels.tolist()
