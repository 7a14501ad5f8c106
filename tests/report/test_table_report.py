"""The report of a table. Oracles: the file's names, units and ranges, as they stand in the figures and the page."""

from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import swissroll
from swissroll import Config, Run, evaluate
from swissroll.evaluation.tables import summary_rows
from swissroll.evaluation.wording import advice_text
from swissroll.report.figures import available, draw
from swissroll.report.page import write_report
from swissroll.report.scene import Scene

RNG = np.random.default_rng(0)
SMALL = Config(hidden_dim=4, depth=1, steps=2, snapshot_every=1, batch_size=16, device="cpu", engine="torch", threads=1)


def write(path: Path, columns: int) -> None:
    values = RNG.normal(size=(60, columns)) * 10.0 ** np.arange(columns) + 2000
    lines = [",".join([*[f"weight {k}" for k in range(columns)], "kind"])]
    for number, row in enumerate(values):
        lines.append(",".join([*[f"{value:.9g}" for value in row], "red" if number % 2 else "blue"]))
    path.write_text("\n".join(lines), encoding="utf-8")


def trained(folder: Path, columns: int, **settings: object) -> Run:
    pytest.importorskip("pandas", reason="reads the table")
    write(folder / "my table.csv", columns)
    config = replace(SMALL, data=str(folder / "my table.csv"), label="kind", **settings)  # type: ignore[arg-type]
    return swissroll.train(config, folder / "run")


def test_two_columns_are_the_axes_in_their_own_units(tmp_path: Path) -> None:
    scene = Scene.of_run(trained(tmp_path, 2))
    ax = draw("data", scene).axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight 0", "weight 1")
    low, high = ax.get_xlim()
    assert 1990 < low < 1999 < 2001 < high < 2010
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["blue", "red"]  # type: ignore[union-attr]
    assert np.shape(ax.collections[0].get_offsets()) == (60, 2)
    assert scene.picture_note == "Pictures show 60 rows, of which 6 were held out."


def test_of_three_columns_the_first_two_are_drawn_and_the_caption_says_so(tmp_path: Path) -> None:
    scene = Scene.of_run(trained(tmp_path, 3))
    assert draw("generated", scene).axes[0].get_ylabel() == "weight 1"
    assert "first two of the table's three columns, weight 0 and weight 1" in scene.picture_note


def test_more_columns_are_drawn_by_their_principal_components(tmp_path: Path) -> None:
    scene = Scene.of_run(trained(tmp_path, 5))
    assert scene.table is not None
    rows = scene.table.train.double().numpy()
    shares = np.linalg.eigvalsh(np.cov(rows.T, bias=True))[::-1]
    ax = draw("data", scene).axes[0]
    assert ax.get_xlabel() == f"principal component 1 ({100 * shares[0] / shares.sum():.0f} %)"
    drawn = scene.data_plane.project(rows)
    np.testing.assert_allclose(drawn.var(axis=0), shares[:2], rtol=1e-9)
    assert len(draw("columns", scene).axes) == 5


def test_a_single_column_is_a_line(tmp_path: Path) -> None:
    scene = Scene.of_run(trained(tmp_path, 1, latent_dim=1))
    for name in available(scene):
        draw(name, scene)


def test_a_column_far_from_zero_fills_its_panel(tmp_path: Path) -> None:
    scene = Scene.of_run(trained(tmp_path, 2))
    low, _ = draw("columns", scene).axes[0].get_xlim()
    assert low > 1000


def test_the_page_has_names_and_units_and_no_place_of_this_machine(tmp_path: Path) -> None:
    run = trained(tmp_path, 2, latent_dim=1)
    page = write_report(run).read_text(encoding="utf-8")
    text = page[: page.index("<svg")] if "<svg" in page else page
    assert "my table.csv" in text
    assert str(tmp_path) not in page
    assert "reconstruction error of weight 1" in page
    assert "6 held-out rows" in page
    assert "swiss_roll" not in text
    assert 'title="The lab with this run"' in page


def test_a_table_of_too_many_columns_for_the_lab_has_pictures_alone(tmp_path: Path) -> None:
    page = write_report(trained(tmp_path, 4)).read_text(encoding="utf-8")
    assert "The lab shows tables of 2 or 3 columns, and my table.csv has 4" in page
    assert "<iframe" not in page


def test_of_many_columns_the_list_says_how_many_it_leaves_out(tmp_path: Path) -> None:
    run = trained(tmp_path, 15)
    rows = dict(summary_rows(evaluate(run)))
    assert rows["decoder sigma of 3 more columns"] == "in metrics.json"
    assert "decoder sigma, implied, weight 11" in rows
    assert "decoder sigma, implied, weight 12" not in rows
    assert "The first 12 of the 15 columns in their own units:" in write_report(run).read_text(encoding="utf-8")


def test_tick_labels_of_large_numbers_do_not_overlap(tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", RNG.normal(size=(60, 4)) * 1.5e5 - 2e5)
    run = swissroll.train(replace(SMALL, data=str(tmp_path / "wide.npy")), tmp_path / "run")
    figure = draw("columns", Scene.of_run(run))
    figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
        assert len(boxes) > 1
        for left, right in pairwise(boxes):
            assert left.x1 < right.x0


def test_advice_without_a_command_does_not_speak_of_a_folder(tmp_path: Path) -> None:
    run = trained(tmp_path, 2)
    advice = advice_text(evaluate(run).diagnosis.advice)
    word = advice.split()[1]
    (tmp_path / "run").rename(tmp_path / word)
    page = write_report(swissroll.load(tmp_path / word)).read_text(encoding="utf-8")
    assert advice in unescape(page)
    assert f"in the folder that holds {word})" not in page
