"""A picture of a conditional model: its draws under each label."""

from __future__ import annotations

from matplotlib.figure import Figure

from swissroll.data.column_names import shorten
from swissroll.report import plots
from swissroll.report.colours import DATA, GENERATED
from swissroll.report.layout import GAP, MAX_ACROSS, panels
from swissroll.report.scene import Scene, to_array
from swissroll.reproducibility import rng
from swissroll.training.build import translation_of

MAX_DRAWN_LABELS = 12
"""Most labels of a conditional model whose draws are drawn."""
SAMPLES_OF_LABEL = 200
"""Draws under each label."""


def labels(scene: Scene) -> Figure:
    """Draws of a conditional model under each label, with the decoder's noise, over the points of that label."""
    if not scene.label_names or scene.coordinate is None:
        raise ValueError("Labels are those of a conditional model, and this scene has none.")

    names = scene.label_names[:MAX_DRAWN_LABELS]
    across = min(len(names), MAX_ACROSS)
    width = 9 * across / MAX_ACROSS
    has_noise = translation_of(scene.config, scene.model).sigma > 0
    # Square, as the plane of the data mostly is.
    figure, axes = panels(width, len(names), across=across, height=(width - (across + 1) * GAP) / across)
    for label, (ax, name) in enumerate(zip(axes, names, strict=True)):
        generator = rng.generator(scene.config.seed, "evaluation noise")
        draws = scene.model.given(label).sample(SAMPLES_OF_LABEL, noise=has_noise, generator=generator)
        plots.points(ax, scene.data_plane.project(scene.points[scene.coordinate == label]), colour=DATA, size=4)
        plots.points(ax, scene.data_plane.project(to_array(draws)), colour=GENERATED, size=4)
        scene.data_plane.fix(ax)
        ax.set(xlabel=shorten(f"{scene.coordinate_name} {name}"), ylabel="", xticks=[], yticks=[])
    return figure
