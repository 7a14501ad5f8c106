"""The film of a training: the decoded grid over the data, before, during and after it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from PIL import Image

from swissroll.report import plots
from swissroll.report.colours import DATA, GRID
from swissroll.report.html import rgb_pixels
from swissroll.report.layout import GAP, row
from swissroll.report.scene import Scene
from swissroll.report.style import house_style
from swissroll.runs.snapshots import film_steps
from swissroll.selection import spread

MAX_STRIP_FRAMES = 6
"""Most frames side by side in the figure."""
GIF_COLOURS = 64
FIRST_FRAME_MS = 900
"""Milliseconds for which the first frame is shown."""
MIDDLE_FRAME_MS = 350
LAST_FRAME_MS = 1500
ONLY_FRAME_MS = 1000


def film(scene: Scene) -> Figure:
    """Some snapshots side by side, on the same axes."""
    steps = spread(film_steps(scene.snapshots), MAX_STRIP_FRAMES)
    width = 1.75 * len(steps)
    gaps = [GAP / 2] * len(steps)
    figure, axes = row(width, gaps, below=GAP)

    for ax, step in zip(axes, steps, strict=True):
        _draw_frame(ax, scene, step)
        ax.set(xticks=[], yticks=[])

    return figure


def film_gif(scene: Scene) -> bytes:
    """More snapshots as an animated GIF."""
    steps = film_steps(scene.snapshots)
    with house_style():
        frames = list(_frames(scene, steps))

    # One palette for all: frames that share it are smaller, and colours do not flicker.
    palette = frames[-1].quantize(GIF_COLOURS)
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]

    file = BytesIO()
    first.save(
        file,
        "GIF",
        save_all=True,
        append_images=others,
        duration=_durations(len(frames)),
        # Without end.
        loop=0,
    )
    return file.getvalue()


def _durations(frames: int) -> list[int]:
    """How long each frame is shown, in milliseconds."""
    if frames == 1:
        return [ONLY_FRAME_MS]

    between = [MIDDLE_FRAME_MS] * (frames - 2)
    return [FIRST_FRAME_MS, *between, LAST_FRAME_MS]


def _frames(scene: Scene, steps: list[int]) -> Iterator[Image.Image]:
    """The frames after these steps: everything that stays is drawn once."""
    figure, (ax,) = row(3.4, [0.4], below=0.3)
    figure.set_dpi(100)
    canvas = FigureCanvasAgg(figure)

    decoded = _draw_frame(ax, scene, steps[0])
    moving = (decoded, ax.title)
    for artist in moving:
        artist.set_animated(True)

    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)

    for step in steps:
        # Only what moves is drawn again.
        canvas.restore_region(background)
        grid = scene.grid(scene.snapshots[step])
        decoded.set_offsets(plots.plane(grid))
        ax.set_title(_title(step))

        for artist in moving:
            ax.draw_artist(artist)
        yield Image.fromarray(rgb_pixels(canvas))


def _draw_frame(ax: Axes, scene: Scene, step: int) -> PathCollection:
    """Draw the frame after a step; returns its decoded grid."""
    grid = scene.grid(scene.snapshots[step])

    plots.points(ax, scene.points, colour=DATA, size=3)
    decoded = plots.points(ax, grid, colour=GRID, size=3)
    plots.square(ax, scene.extent, title=_title(step))
    return decoded


def _title(step: int) -> str:
    return "before training" if step == 0 else f"step {step:,}"
