"""Which settings have pictures, and of which run."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure

from swissroll.model.vae import VAE
from swissroll.report.style import house_style
from swissroll.sweep.analysis.gallery import Gallery, draw_generated, draw_latents, name_colours, open_gallery
from swissroll.sweep.analysis.results import Table
from tests.sweep.analysis.oracles import made_table


def test_the_gallery_shows_each_setting_once_and_says_how_many(table: Table) -> None:
    found = open_gallery(table)
    cells = [cell for row in found.rows for cell in row if cell]
    assert (found.shown, found.total) == (8, 8)
    assert len({cell.setting.values for cell in cells}) == 8
    for cell in cells:
        scene = cell.open_scene()
        assert (scene is None) == (cell.setting.levels["lr"] == 1e4)
        if scene:
            assert scene.config.latent_dim == cell.setting.levels["latent_dim"]
            assert scene.config.seed == 0


def models_in_memory() -> int:
    gc.collect()
    return sum(issubclass(type(found), VAE) for found in gc.get_objects())


@pytest.mark.parametrize("draw", [draw_latents, draw_generated])
def test_a_gallery_keeps_no_model(draw: Callable[[Gallery], Figure], table: Table) -> None:
    before = models_in_memory()
    gallery = open_gallery(table)
    with house_style():
        figure = draw(gallery)
    assert len(figure.axes) == 8
    assert models_in_memory() == before


@pytest.mark.parametrize(
    ("axes", "fixed", "expected"),
    [
        ({"beta": (0.1, 1.0)}, {}, "t"),
        ({"dataset": ("moons", "pinwheel", "gaussian")}, {}, "t and petal"),
        ({"conditional": (False, True)}, {"dataset": "rings"}, "t and piece"),
        ({"beta": (0.1, 1.0)}, {"dataset": "gaussian"}, ""),
        ({"beta": (0.1, 1.0)}, {"data": "a.csv", "label": "species"}, "species"),
        ({"beta": (0.1, 1.0)}, {"data": "a.csv"}, ""),
    ],
)
def test_what_colours_points_is_named_as_it_is_called(axes: Any, fixed: dict[str, Any], expected: str) -> None:
    assert name_colours(made_table(axes, lambda *_: {}, **fixed)) == expected


def test_all_latent_spaces_have_the_same_extent(table: Table) -> None:
    with house_style():
        figure = draw_latents(open_gallery(table))
    drawn = [ax for ax in figure.axes if ax.collections]
    assert len({ax.get_ylim() for ax in drawn}) == 1
