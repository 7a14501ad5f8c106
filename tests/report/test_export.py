"""Figures as files, by what the formats themselves say is in them."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from swissroll.report import plots
from swissroll.report.colours import DATA
from swissroll.report.export import MAX_VECTOR_MARKS, Format, encode_figure, write_figures
from swissroll.report.style import house_style
from swissroll.runs.errors import RunError


def cloud(points: int = 40, width: float = 3.0) -> Figure:
    with house_style():
        figure = Figure(figsize=(width, 2))
        ax = figure.subplots()
        plots.points(ax, np.random.default_rng(0).random((points, 2)), colour=DATA)
        ax.set_title("A cloud")
    return figure


@pytest.mark.parametrize("file_format", ["pdf", "svg", "png"])
def test_a_figure_has_the_same_bytes_each_time(file_format: Format) -> None:
    assert encode_figure(cloud(), file_format, dpi=80) == encode_figure(cloud(), file_format, dpi=80)


def test_a_pdf_embeds_its_fonts_as_truetype_and_holds_no_image() -> None:
    content = encode_figure(cloud(), "pdf", dpi=80)
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"/Subtype /Image" not in content


def test_an_svg_has_text_as_text_and_a_mark_for_each_point() -> None:
    content = encode_figure(cloud(), "svg", dpi=80).decode()
    assert re.search(r"<text[^>]*>A cloud</text>", content)
    assert "<image" not in content
    assert content.count("<use") >= 40


def test_a_figure_of_very_many_marks_keeps_them_as_an_image() -> None:
    content = encode_figure(cloud(MAX_VECTOR_MARKS + 1), "svg", dpi=80).decode()
    assert content.count("<image") == 1


def test_a_png_has_the_pixels_that_were_asked_for() -> None:
    with Image.open(BytesIO(encode_figure(cloud(), "png", dpi=250))) as image:
        assert image.size == (750, 500)


def test_a_figure_with_too_many_pixels_says_how_many_fit() -> None:
    with pytest.raises(ValueError, match=r"40\.0 by 2\.0 inches is drawn with dpi up to 1118; got 1200"):
        encode_figure(cloud(width=40), "pdf", dpi=1200)


@pytest.mark.parametrize("dpi", [29, 1201])
def test_dpi_has_bounds(dpi: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dpi must be"):
        list(write_figures([("a", cloud())], tmp_path, dpi=dpi))
    assert list(tmp_path.iterdir()) == []


def test_files_are_named_after_their_figures(tmp_path: Path) -> None:
    paths = list(write_figures([("latent spaces", cloud()), ("beta", cloud())], tmp_path / "new", "svg"))
    assert paths == [tmp_path / "new/latent_spaces.svg", tmp_path / "new/beta.svg"]
    assert all(path.is_file() for path in paths)


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="is a file, and the figures need a folder"):
        list(write_figures([("a", cloud())], tmp_path / "taken"))
