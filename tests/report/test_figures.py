"""Figures, by what is in them: nothing is cut off, and what is shown is what was computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from torch.distributions import Normal

from swissroll.config import Config
from swissroll.data.distribution import Sample
from swissroll.report import colours
from swissroll.report.colours import DATA, POSTERIOR
from swissroll.report.figures import FIGURES, available, draw
from swissroll.report.film import film_gif
from swissroll.report.scene import Scene
from swissroll.reproducibility import rng
from swissroll.training.build import translation_of
from tests.oracles import trained_model, trained_run

SETTINGS: dict[str, Any] = {"steps": 40, "hidden_dim": 16, "snapshot_every": 10}


def scene(folder: Path, **settings: Any) -> Scene:
    """The scene of a short run on disk."""
    config = Config(**(SETTINGS | settings))
    return Scene.of_run(trained_run(folder / "run", config))


def scene_in_memory(**settings: Any) -> Scene:
    """The scene of a model that never had a folder, with a history and a snapshot of its own."""
    config = Config(**(SETTINGS | {"steps": 20} | settings))
    model = trained_model(config)
    step = np.arange(1.0, 21.0)
    names = ("loss", "mse", "rate", "held_out_loss", "held_out_mse", "held_out_rate")
    return Scene(config, model, {20: model}, {"step": step} | dict.fromkeys(names, 1 / step))


def without_coordinate(whole: Scene) -> Scene:
    """The same scene with points of which no coordinate is known."""
    sample = Sample(whole.held_out.points, None)
    return Scene(whole.config, whole.model, whole.snapshots, whole.history, sample)


def labelled_table(folder: Path) -> dict[str, Any]:
    """Settings of a run on a table of 60 rows whose label is text."""
    draws = np.random.default_rng(0).normal(size=(60, 2)).tolist()
    lines = [f"{a},{b},{'red' if a * b > 0 else 'blue'}" for a, b in draws]
    (folder / "points.csv").write_text("a,b,kind\n" + "\n".join(lines), encoding="utf-8")
    return {"data": str(folder / "points.csv"), "columns": "a,b", "label": "kind"}


@pytest.mark.parametrize("own", [True, False], ids=["a label of text", "a curve's piece"])
def test_a_single_latent_has_the_colours_that_its_points_have_elsewhere(own: bool, tmp_path: Path) -> None:
    settings = labelled_table(tmp_path) if own else {"dataset": "rings", "conditional": True}
    found = scene(tmp_path, latent_dim=1, **settings)
    drawn: Any = next(each for each in draw("posterior", found).axes[0].collections if isinstance(each, PathCollection))
    labels = np.asarray(found.coordinate)
    assert set(labels.tolist()) <= {0.0, 1.0, 2.0}
    np.testing.assert_array_equal(drawn.get_array(), labels)
    # They stand where the first column, or t, puts them.
    along = found.line_up[1]
    np.testing.assert_allclose(drawn.get_offsets()[:, 0], along, rtol=1e-6)
    assert len(np.unique(along)) > 3


def check_text(figure: Figure, name: str) -> None:
    """No text leaves the figure or meets another, and no label lies over the axes beside its own."""
    FigureCanvasAgg(figure).draw()
    boxes = [box for box in map(Text.get_window_extent, texts(figure)) if box.width > 0]

    for box in boxes:
        assert box.x0 >= 0 <= box.y0, name
        assert box.x1 <= figure.bbox.width, name
        assert box.y1 <= figure.bbox.height, name
    for k, box in enumerate(boxes):
        assert box.count_overlaps(boxes[k + 1 :]) == 0, name
    for ax in figure.axes:
        if not ax.get_ylabel():
            continue
        others = [other.bbox for other in figure.axes if other is not ax]
        assert ax.yaxis.label.get_window_extent().count_overlaps(others) == 0, name


def texts(figure: Figure) -> list[Text]:
    """All text that is seen; tick labels out of sight of their axis are not."""
    shown: list[Text] = []
    for ax in figure.findobj(Axes):
        assert isinstance(ax, Axes)
        shown += [ax.title, ax.xaxis.label, ax.yaxis.label]
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            labels = axis.get_majorticklabels()
            ticks = zip(axis.get_majorticklocs() if labels else [], labels, strict=True)
            shown += [label for at, label in ticks if low <= at <= high]

    return [text for text in shown if text.get_visible() and text.get_text()]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"latent_dim": 1},
        {"latent_dim": 12, "beta": 0.0},
        {"dataset": "helix", "hidden_dim": 4},
        {"noise": 1.0, "depth": 0},
        {"noise": 10.0, "beta": 0.0, "batch_size": 1, "latent_dim": 50},
        {"lr": 10.0},
        {"dataset": "checkerboard", "conditional": True},
        {"beta": 0.0, "mmd_weight": 1.0, "steps": 300},
        {"dataset": "rings", "conditional": True, "latent_dim": 1},
    ],
    ids=str,
)
def test_no_text_leaves_its_picture_or_meets_another(settings: dict[str, Any], tmp_path: Path) -> None:
    drawn = scene(tmp_path, **settings)
    for name in available(drawn):
        check_text(draw(name, drawn), name)


def colours_of_marks(figure: Figure) -> set[tuple[float, ...]]:
    """Colour and opacity of each mark inside a figure's axes; images and what has the ink of the page are left out."""
    found: set[tuple[float, ...]] = set()
    for ax in figure.axes:
        artists: list[Any] = [*ax.collections, *ax.lines, *ax.patches]
        for artist in artists:
            if isinstance(artist, Line2D):
                found.add(to_rgba(artist.get_color()))
                continue
            for drawn in (artist.get_facecolor(), artist.get_edgecolor()):
                found.update(map(tuple, to_rgba_array(drawn).round(6).tolist()))
    return {colour for colour in found if colour[3] > 0}


@pytest.mark.parametrize("settings", [{}, {"latent_dim": 1}, {"components": 3}], ids=str)
@pytest.mark.parametrize("has_coordinate", [True, False])
def test_every_mark_has_the_colour_of_a_role_and_is_opaque(settings: dict[str, Any], has_coordinate: bool) -> None:
    drawn = scene_in_memory(**settings)
    if not has_coordinate:
        drawn = without_coordinate(drawn)

    known = [to_rgba(colour) for colour in colours.WORDS]
    known += [tuple(colour) for colour in colours.COORDINATE(np.arange(256)).tolist()]
    for name in available(drawn):
        figure = draw(name, drawn)
        FigureCanvasAgg(figure).draw()
        for found in colours_of_marks(figure):
            assert any(np.allclose(found, colour, atol=1e-5) for colour in known), (name, found)


@pytest.mark.parametrize("settings", [{}, {"latent_dim": 1}, {"components": 3}], ids=str)
@pytest.mark.parametrize("has_coordinate", [True, False])
def test_every_figure_of_a_model_in_memory(settings: dict[str, Any], has_coordinate: bool) -> None:
    drawn = scene_in_memory(**settings)
    if not has_coordinate:
        drawn = without_coordinate(drawn)

    assert available(drawn) == [name for name in FIGURES if name not in ("columns", "labels")]
    for name in available(drawn):
        check_text(draw(name, drawn), name)
    assert film_gif(drawn).startswith(b"GIF89a")


def test_a_model_alone_has_no_losses_and_no_film() -> None:
    whole = scene_in_memory()
    alone = Scene(whole.config, whole.model)

    assert set(FIGURES) - set(available(alone)) == {"columns", "labels", "losses", "film"}
    with pytest.raises(ValueError, match=r"has no figure 'film'\. It has: data, reconstructions"):
        draw("film", alone)


def test_a_prior_that_is_no_mixture_of_gaussians_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = scene_in_memory()
    rings = len(draw("posterior", drawn).axes[0].patches)
    monkeypatch.setattr(drawn.model.prior, "components", lambda: None)

    assert rings == 3
    assert len(draw("posterior", drawn).axes[0].patches) == 0
    assert drawn.prior_components == 0
    assert "true_posterior" not in available(drawn)


def test_a_loss_with_an_mmd_is_drawn_where_it_is_negative() -> None:
    drawn = scene_in_memory(mmd_weight=1.0)
    names = ("mse", "rate", "held_out_mse", "held_out_rate")
    loss = np.linspace(1.0, -0.1, 20)
    history = {"step": np.arange(1.0, 21.0), "loss": loss, "held_out_loss": loss} | dict.fromkeys(names, loss + 1)
    ax = draw("losses", Scene(drawn.config, drawn.model, drawn.snapshots, history)).axes[0]
    low, _ = ax.get_ylim()
    assert low < -0.1
    for line in ax.lines[:2]:
        assert np.isfinite(ax.transData.transform(line.get_xydata())).all()


def test_each_label_of_a_conditional_model_has_its_own_draws() -> None:
    drawn = scene_in_memory(dataset="rings", conditional=True)
    x, t = drawn.held_out
    assert t is not None
    axes = draw("labels", drawn).axes
    assert [ax.get_xlabel() for ax in axes] == ["piece 0", "piece 1", "piece 2"]
    for label, ax in enumerate(axes):
        points, draws = (np.asarray(artist.get_offsets()) for artist in ax.collections)
        np.testing.assert_allclose(points, x[t.floor() == label])
        generator = rng.generator(drawn.config.seed, "evaluation noise")
        expected = drawn.model.given(label).sample(200, noise=True, generator=generator)
        np.testing.assert_allclose(draws, expected)


def test_points_of_a_conditional_model_are_coloured_and_encoded_by_their_labels() -> None:
    drawn = scene_in_memory(dataset="rings", conditional=True)
    x, t = drawn.held_out
    assert t is not None
    assert drawn.categories == ("0", "1", "2")
    np.testing.assert_array_equal(drawn.coordinate, t.floor())
    for label in range(3):
        chosen = t.floor() == label
        with torch.no_grad():
            expected = drawn.model.given(label).encode(x[chosen])[0]
            decoded = drawn.model.given(label).decode(expected)
        np.testing.assert_allclose(drawn.posterior[0][chosen.numpy()], expected, atol=1e-6)
        np.testing.assert_allclose(drawn.decode(drawn.posterior[0])[chosen.numpy()], decoded, atol=1e-5)


@pytest.mark.parametrize(("name", "colour"), [("data", DATA), ("posterior", POSTERIOR)])
def test_points_without_a_coordinate_have_one_colour_and_no_colour_bar(name: str, colour: str) -> None:
    whole = scene_in_memory()
    (with_colours,) = draw(name, whole).axes
    (without,) = draw(name, without_coordinate(whole)).axes

    assert len(with_colours.child_axes) == 1
    assert without.child_axes == []
    (points,) = [artist for artist in without.collections if isinstance(artist, PathCollection)]
    assert np.shape(points.get_facecolor()) == (1, 4)
    np.testing.assert_allclose(np.ravel(points.get_facecolor()), to_rgba(colour))


@pytest.mark.parametrize("settings", [{}, {"beta": 0.0002, "steps": 200}], ids=str)
def test_the_true_posterior_is_prior_times_likelihood(settings: dict[str, Any], tmp_path: Path) -> None:
    drawn = scene(tmp_path, **settings)
    sigma = translation_of(drawn.config).sigma
    x, t = drawn.held_out
    assert t is not None

    for ax in draw("true_posterior", drawn).axes:
        shown = np.asarray(ax.images[0].get_array())
        assert 0 < shown.max() <= 1

        z = cells(ax.images[0].get_extent(), len(shown))
        points = x[[f"t = {value:.1f}" == ax.get_title() for value in t]]
        with torch.no_grad():
            decoded = Normal(drawn.model.decode(z.float()), sigma)
        found = [(Normal(0, 1).log_prob(z) + decoded.log_prob(point)).sum(-1) for point in points]
        expected = [(log_p - log_p.max()).exp().numpy() for log_p in found]
        assert min(np.abs(shown / shown.max() - e).max() for e in expected) < 1e-3


def cells(extent: tuple[float, float, float, float], size: int) -> torch.Tensor:
    """Centres of a picture's cells, shape (size, size, 2), one row per height."""
    share = (np.arange(size) + 0.5) / size
    axes = [low + share * (high - low) for low, high in (extent[:2], extent[2:])]
    return torch.tensor(np.stack(np.meshgrid(*axes), axis=-1))


def test_a_helix_is_drawn_from_its_side() -> None:
    drawn = scene_in_memory(dataset="helix", hidden_dim=4)
    (ax, *_) = draw("data", drawn).axes

    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x₁", "x₃")
    shown = np.asarray(ax.collections[0].get_offsets())
    assert np.array_equal(shown, drawn.points[:, [0, 2]])


def test_one_latent_has_marginals_alone() -> None:
    (ax,) = draw("aggregate", scene_in_memory(latent_dim=1)).axes
    legend = ax.get_legend()

    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["aggregate posterior, z₁", "prior, z₁"]


def test_a_single_step_is_a_point_and_not_nothing(tmp_path: Path) -> None:
    for ax in draw("losses", scene(tmp_path, steps=1)).axes:
        assert [line.get_marker() for line in ax.lines] == ["o", "o"]
