"""Pictures, by what is in them: nothing is cut off, and what is shown is what was computed."""

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch.distributions import Normal

import swissroll
from swissroll.config import Config
from swissroll.report import plots
from swissroll.report.figures import available, draw
from swissroll.report.scene import Scene
from swissroll.runs.run import advance, create
from swissroll.training.build import translation_of
from swissroll.training.loop import DivergedError


def scene(folder: Path, **settings: Any) -> Scene:
    run = create(folder / "run", Config(**({"steps": 40, "hidden_dim": 16, "snapshot_every": 10} | settings)))
    with suppress(DivergedError):
        for _ in advance(run):
            pass
    return Scene.of_run(swissroll.load(run.folder))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"latent_dim": 1},
        {"latent_dim": 12, "beta": 0.0},
        {"dataset": "helix", "hidden_dim": 4},
        {"noise": 1.0, "depth": 0},
        {"lr": 10.0},
    ],
    ids=str,
)
def test_no_text_leaves_its_picture_or_meets_another(settings: dict[str, Any], tmp_path: Path) -> None:
    drawn = scene(tmp_path, **settings)
    for name in available(drawn):
        figure = draw(name, drawn)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        boxes = [box for box in map(Text.get_window_extent, texts(figure)) if box.width > 0]
        for box in boxes:
            assert box.x0 >= 0 <= box.y0, name
            assert box.x1 <= figure.bbox.width, name
            assert box.y1 <= figure.bbox.height, name
        for k, box in enumerate(boxes):
            assert box.count_overlaps(boxes[k + 1 :]) == 0, name


def texts(figure: Figure) -> list[Text]:
    """All text that is seen; tick labels out of sight of their axis are not."""
    shown = []
    for ax in figure.findobj(Axes):
        assert isinstance(ax, Axes)
        shown += [ax.title, ax.xaxis.label, ax.yaxis.label]
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            labels = axis.get_majorticklabels()
            ticks = zip(axis.get_majorticklocs() if labels else [], labels, strict=True)
            shown += [label for at, label in ticks if low <= at <= high]
    return [text for text in shown if text.get_visible() and text.get_text()]


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
    """Centres of a picture's cells, shape (size, size, 2), a row a height."""
    share = (np.arange(size) + 0.5) / size
    axes = (low + share * (high - low) for low, high in (extent[:2], extent[2:]))
    return torch.tensor(np.stack(np.meshgrid(*axes), axis=-1))


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
    assert [label for label in labels if label] == [f"\N{MINUS SIGN}{tick}", "0", tick]
    marks = ax.get_xticks()
    assert marks[-1] == pytest.approx(float(tick))
    assert math.isclose(marks[0], -marks[-1])


def test_a_helix_is_drawn_from_its_side(tmp_path: Path) -> None:
    drawn = scene(tmp_path, dataset="helix", hidden_dim=4)
    (ax, *_) = draw("data", drawn).axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x₁", "x₃")
    shown = np.asarray(ax.collections[0].get_offsets())
    assert np.array_equal(shown, drawn.points[:, [0, 2]])


def test_one_latent_has_marginals_alone(tmp_path: Path) -> None:
    (ax,) = draw("aggregate", scene(tmp_path, latent_dim=1)).axes
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["aggregate posterior, z₁", "prior, z₁"]


def test_a_single_step_is_a_point_and_not_nothing(tmp_path: Path) -> None:
    for ax in draw("losses", scene(tmp_path, steps=1)).axes:
        assert [line.get_marker() for line in ax.lines] == ["o", "o"]
