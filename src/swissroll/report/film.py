"""The film of a training: the decoded grid over the data, before, during and after it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from swissroll.report import plots
from swissroll.report.colours import DATA, GRID, REFERENCE
from swissroll.report.layout import GAP, row
from swissroll.report.plots import Array
from swissroll.report.scene import Scene
from swissroll.report.style import INK, STYLE, house_style
from swissroll.runs.selection import spread
from swissroll.runs.snapshots import film_steps

MAX_STRIP_FRAMES = 6
"""Most frames side by side in the figure."""
GIF_DPI = 200
FILM_COLOURS = (DATA, GRID, REFERENCE)
GIF_STYLE = {
    "text.antialiased": False,
    "lines.antialiased": False,
    "patch.antialiased": False,
    # No ink has a contrast of 4.5 to 1 with both pages, which small letters need; this one has 3 to 1, for large ones.
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    **{name: REFERENCE for name, value in STYLE.items() if value == INK},
}
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
    """More snapshots as an animated GIF, whose transparent ground suits light and dark pages.

    A GIF has no half-transparent pixels, so nothing is smoothed. It has twice the pixels that a page shows it with. The
    strip beside it has the same axes, so they have no labels here.
    """
    steps = film_steps(scene.snapshots)
    with house_style(), rc_context(GIF_STYLE):
        first, *others = [_with_palette(frame) for frame in _frames(scene, steps)]

    file = BytesIO()
    first.save(
        file,
        "GIF",
        save_all=True,
        append_images=others,
        duration=_durations(len(steps)),
        # Without end; each frame takes the place of the last one.
        loop=0,
        disposal=2,
        transparency=0,
    )
    return file.getvalue()


def _with_palette(pixels: Array) -> Image.Image:
    """Pixels of shape (height, width, 4) as places in the palette: nothing, and the film's colours."""
    ground = np.zeros((1, 3))
    palette = np.concatenate([ground, [to_rgb(colour) for colour in FILM_COLOURS]])

    indices = np.zeros(pixels.shape[:2], dtype=np.uint8)
    is_drawn = pixels[..., 3] > 0
    drawn = pixels[is_drawn][:, None, :3] / 255
    indices[is_drawn] = 1 + np.abs(drawn - palette[1:]).sum(axis=-1).argmin(axis=-1)

    image = Image.fromarray(indices, "P")
    image.putpalette((255 * palette).round().astype(np.uint8).tobytes())
    return image


def _durations(frames: int) -> list[int]:
    """How long each frame is shown, in milliseconds."""
    if frames == 1:
        return [ONLY_FRAME_MS]

    between = [MIDDLE_FRAME_MS] * (frames - 2)
    return [FIRST_FRAME_MS, *between, LAST_FRAME_MS]


def _frames(scene: Scene, steps: list[int]) -> Iterator[Array]:
    """The pixels of the frames after these steps, red, green, blue and opacity: everything that stays is drawn once."""
    figure, (ax,) = row(3.4, [GAP / 2], right=GAP / 2, below=GAP / 2)
    figure.set_dpi(GIF_DPI)
    figure.patch.set_visible(False)
    canvas = FigureCanvasAgg(figure)

    decoded = _draw_frame(ax, scene, steps[0])
    ax.tick_params(labelbottom=False, labelleft=False)
    for cloud in ax.collections:
        cloud.set_antialiased(False)
    moving = (decoded, ax.title)
    for artist in moving:
        artist.set_animated(True)

    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)

    for step in steps:
        # Only what moves is drawn again.
        canvas.restore_region(background)
        grid = scene.grid(scene.snapshots[step])
        decoded.set_offsets(plots.plane(scene.data_plane.project(grid)))
        ax.set_title(_title(step))

        for artist in moving:
            ax.draw_artist(artist)
        yield np.array(canvas.buffer_rgba())


def _draw_frame(ax: Axes, scene: Scene, step: int) -> PathCollection:
    """Draw the frame after a step; returns its decoded grid."""
    grid = scene.grid(scene.snapshots[step])

    project = scene.data_plane.project
    plots.points(ax, project(scene.points), colour=DATA, size=3)
    decoded = plots.points(ax, project(grid), colour=GRID, size=3)
    scene.data_plane.fix(ax, title=_title(step))
    ax.set(xlabel="", ylabel="")
    return decoded


def _title(step: int) -> str:
    return "before training" if step == 0 else f"step {step:,}"
