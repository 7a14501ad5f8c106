"""Small multiples of a sweep: one latent space and one set of generated points for each setting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Generator

from swissroll.config import Config, Dataset
from swissroll.data import label_name, open_distribution
from swissroll.data.column_names import shorten
from swissroll.report import plots
from swissroll.report.colours import DATA, GENERATED
from swissroll.report.figures import draw_latent_line, draw_posteriors, draw_prior, prior_samples
from swissroll.report.scene import Scene
from swissroll.runs.run import load
from swissroll.runs.selection import spread
from swissroll.sweep.analysis.blocks import Setting, settings
from swissroll.sweep.analysis.formatting import format_setting, join_names
from swissroll.sweep.analysis.results import Row, Table

MAX_PANELS = 36
MAX_COLUMNS = 9
WRAPPED_COLUMNS = 6
"""Panels side by side where no axis has a column per level."""
MAX_DRAWN_POINTS = 500
MAX_LATENT_EXTENT = 6.0
"""Most standard deviations of the prior that a latent space is drawn to; a wilder model's points lie outside."""
DEFAULT_LATENT_EXTENT = 3.3
"""Least of the same: a little more than the prior's third ring."""
MAX_PANEL_SIZE = 1.9
"""Most inches of a panel's side."""
MAX_WIDTH = 8.4
"""Most inches of a row of panels."""


@dataclass(frozen=True)
class Panel:
    """The place of one setting.

    Attributes:
        setting: The setting.
        title: Text above it.
        side: Text to its left.
        row: Its first finished run; None where none finished.
        folder: That run's folder.
    """

    setting: Setting
    title: str
    side: str
    row: Row | None
    folder: Path | None

    def open_scene(self) -> Scene | None:
        """What the run's pictures are drawn from, without its history and snapshots, which are not drawn here.

        It holds the model, so a gallery keeps none: wide models of many settings would fill the memory.
        """
        if self.folder is None:
            return None
        run = load(self.folder)
        return Scene(run.config, run.network)


@dataclass(frozen=True)
class Gallery:
    """The settings that are drawn.

    Attributes:
        rows: Panels in a grid; None where the sweep has no such setting.
        total: How many settings the sweep has.
    """

    rows: list[list[Panel | None]]
    total: int

    @property
    def panels(self) -> Iterator[Panel]:
        """The panels, row by row."""
        for row in self.rows:
            yield from filter(None, row)

    @property
    def shown(self) -> int:
        """How many panels there are."""
        return len(list(self.panels))


def name_colours(table: Table) -> str:
    """What colours points in the runs' latent spaces; empty where nothing does."""
    found: dict[str, None] = {}
    for row in table.rows:
        found.setdefault(_name_colour(row.config))
    return join_names([name for name in found if name])


def _name_colour(config: Config) -> str:
    if config.data is not None:
        return shorten(config.label or "")
    return _name_colour_of_dataset(config.dataset, conditional=config.conditional)


@cache
def _name_colour_of_dataset(dataset: Dataset, *, conditional: bool) -> str:
    source = open_distribution(Config(dataset=dataset))
    if conditional:
        return label_name(source)
    has_coordinate = source.sample(1, generator=Generator()).coordinate is not None
    return getattr(source, "coordinate_name", "t") if has_coordinate else ""


def open_gallery(table: Table) -> Gallery:
    """Choose at most :data:`MAX_PANELS` settings, evenly spread, and the first finished run of each."""
    groups = settings(table)
    column_axes = _column_axes(table)
    rows = _grid(table, groups, column_axes) if column_axes else _wrapped_rows(table, groups)

    return Gallery(rows=rows, total=len(groups))


def _column_axes(table: Table) -> tuple[str, ...]:
    """The one or two axes whose combinations of levels get a column each: as many columns as fit.

    Empty where nothing fits; then panels are wrapped.
    """
    names = list(table.axes)
    if len(names) < 2:
        return ()

    candidates: list[tuple[str, ...]] = [(name,) for name in names]
    if len(names) > 2:
        candidates += combinations(names, 2)

    # The first of those that give most columns.
    best: tuple[str, ...] = ()
    most = 0
    for axes in candidates:
        columns = math.prod(len(table.axes[axis]) for axis in axes)
        if most < columns <= MAX_COLUMNS:
            best = axes
            most = columns
    return best


def _wrapped_rows(table: Table, groups: list[Setting]) -> list[list[Panel | None]]:
    """Settings one after the other."""
    panels: list[Panel | None] = []
    for setting in spread(groups, MAX_PANELS):
        title = format_setting(setting.levels, "\n")
        panels.append(_open_panel(table, setting, title))

    starts = range(0, len(panels), WRAPPED_COLUMNS)
    rows = [panels[start : start + WRAPPED_COLUMNS] for start in starts]

    missing = len(rows[0]) - len(rows[-1])
    rows[-1] += [None] * missing
    return rows


def _grid(table: Table, groups: list[Setting], column_axes: tuple[str, ...]) -> list[list[Panel | None]]:
    """One column per combination of levels of the column axes, and one row per combination of the others."""
    by_side: dict[str, dict[str, Setting]] = {}
    for setting in groups:
        side = _format_some(setting, [axis for axis in setting.levels if axis not in column_axes])
        column = _format_some(setting, [axis for axis in setting.levels if axis in column_axes])
        by_side.setdefault(side, {})[column] = setting

    columns: list[str] = []
    for levels in product(*(table.axes[axis] for axis in column_axes)):
        column_levels = dict(zip(column_axes, levels, strict=True))
        columns.append(format_setting(column_levels, "\n"))

    rows: list[list[Panel | None]] = []
    for side in spread(list(by_side), MAX_PANELS // len(columns)):
        # Titles are above the first row only.
        titles = [""] * len(columns) if rows else columns
        settings_of_row = [by_side[side].get(column) for column in columns]
        rows.append(_row(table, settings_of_row, titles, side))
    return rows


def _format_some(setting: Setting, axes: list[str]) -> str:
    levels = {axis: setting.levels[axis] for axis in axes}
    return format_setting(levels, "\n")


def _row(table: Table, row: list[Setting | None], titles: list[str], side: str) -> list[Panel | None]:
    """A row of the grid, with a text at its left."""
    panels: list[Panel | None] = []
    for setting, title in zip(row, titles, strict=True):
        if setting is None:
            panels.append(None)
        else:
            left = "" if panels else side
            panels.append(_open_panel(table, setting, title, left))
    return panels


def _open_panel(table: Table, setting: Setting, title: str, side: str = "") -> Panel:
    row = next(iter(setting.finished), None)
    folder = None if row is None else table.folder / "runs" / row.name
    return Panel(setting=setting, title=title, side=side, row=row, folder=folder)


def draw_latents(gallery: Gallery) -> Figure:
    """Posterior means in their points' colours, with ellipses of some, over the prior; a single latent along a line."""
    extents = [DEFAULT_LATENT_EXTENT]
    lines: list[Axes] = []
    planes: list[Axes] = []

    def draw(ax: Axes, scene: Scene) -> None:
        extents.append(scene.latent_extent)
        if scene.config.latent_dim == 1:
            draw_latent_line(ax, scene, MAX_DRAWN_POINTS)
            for drawn in ax.collections:
                drawn.set_rasterized(True)
            lines.append(ax)
            return

        draw_prior(ax, scene)
        draw_posteriors(ax, scene, MAX_DRAWN_POINTS, size=3)
        ax.set_aspect("equal")
        planes.append(ax)

    figure = _draw_gallery(gallery, draw)

    # The same for all, and known once all are drawn.
    extent = min(max(extents), MAX_LATENT_EXTENT)
    for ax in (*lines, *planes):
        ax.set_ylim(-extent, extent)
    for ax in planes:
        ax.set_xlim(-extent, extent)
    return figure


def draw_generated(gallery: Gallery) -> Figure:
    """Prior samples, decoded, over the data."""

    def draw(ax: Axes, scene: Scene) -> None:
        generated = prior_samples(scene, noise=False, size=MAX_DRAWN_POINTS)
        data = scene.points[:MAX_DRAWN_POINTS]

        project = scene.data_plane.project
        plots.points(ax, project(data), colour=DATA, size=2)
        plots.points(ax, project(generated), colour=GENERATED, size=2)
        scene.data_plane.fix(ax)

    return _draw_gallery(gallery, draw)


def _draw_gallery(gallery: Gallery, draw: Callable[[Axes, Scene], None]) -> Figure:
    down = len(gallery.rows)
    across = len(gallery.rows[0])
    size = min(MAX_PANEL_SIZE, MAX_WIDTH / across)

    # Room for titles: in every row where panels are wrapped, else above the first row only.
    title_lines = max(panel.title.count("\n") + 1 for panel in gallery.panels)
    last = gallery.rows[-1][0]
    titled_rows = down if last is not None and last.title else 1
    height = size * down + 0.16 * title_lines * titled_rows + 0.1

    figure = Figure(figsize=(size * across + 0.6, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(down, across, squeeze=False)
    for row, axes in zip(gallery.rows, grid, strict=True):
        for panel, ax in zip(row, axes, strict=True):
            _draw_panel(ax, panel, draw)
    return figure


def _draw_panel(ax: Axes, panel: Panel | None, draw: Callable[[Axes, Scene], None]) -> None:
    if panel is None:
        ax.set_visible(False)
        return

    scene = panel.open_scene()
    if scene is None:
        states = sorted({row.status for row in panel.setting.rows})
        ax.text(0.5, 0.5, " and ".join(states), ha="center", va="center", fontsize=8, transform=ax.transAxes)
        ax.set_aspect("equal")
    else:
        draw(ax, scene)

    ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    ax.set_box_aspect(1)
    ax.set_title(panel.title, fontsize=8)
    ax.set_ylabel(panel.side, fontsize=7.5, rotation=0, ha="right", va="center")
