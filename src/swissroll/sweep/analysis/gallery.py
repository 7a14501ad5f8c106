"""Small multiples of a sweep: one latent space and one set of generated points for each setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from swissroll import rng
from swissroll.report import plots
from swissroll.report.figures import prior_outline
from swissroll.report.plots import Array, spread
from swissroll.report.scene import Scene
from swissroll.runs.run import load
from swissroll.sweep.analysis.blocks import Setting, settings
from swissroll.sweep.analysis.conclusions import setting_text
from swissroll.sweep.analysis.results import Row, Table

CELLS = 36
ACROSS = 9
WRAPPED = 6
POINTS = 500
WIDEST_WINDOW = 6.0
"""Most standard deviations of the prior that a latent window reaches; a wilder model's points lie outside."""
SIDE = 1.9
"""Inches of a cell."""


@dataclass(frozen=True)
class Cell:
    """One setting in the grid: its texts, and its first finished run."""

    setting: Setting
    title: str
    side: str
    row: Row | None
    scene: Scene | None


@dataclass(frozen=True)
class Gallery:
    """The settings that are drawn, as a grid; None where the sweep has no such setting."""

    rows: list[list[Cell | None]]
    shown: int
    total: int


def gallery(table: Table) -> Gallery:
    """Choose at most 36 settings, evenly spread, and open the first finished run of each."""
    groups = settings(table)
    across = _across(table)
    if not across:
        chosen = spread(groups, CELLS)
        cells: list[Cell | None] = [_cell(table, s, setting_text(s.place, "\n"), "") for s in chosen]
        rows = [cells[i : i + WRAPPED] for i in range(0, len(cells), WRAPPED)]
        rows[-1] += [None] * (len(rows[0]) - len(rows[-1]))
    else:
        rows = _faceted(table, groups, across)
    number = sum(cell is not None for row in rows for cell in row)
    return Gallery(rows=rows, shown=number, total=len(groups))


def _across(table: Table) -> tuple[str, ...]:
    """The axes whose combinations get a column each: one or two, as many columns as fit; none to wrap."""
    names = list(table.axes)
    if len(names) < 2:
        return ()
    sizes: dict[tuple[str, ...], int] = {(a,): len(table.axes[a]) for a in names}
    if len(names) > 2:
        sizes |= {(a, b): sizes[a,] * sizes[b,] for a, b in combinations(names, 2)}
    fitting = {axes: n for axes, n in sizes.items() if n <= ACROSS}
    return max(fitting, key=lambda axes: fitting[axes], default=())


def _faceted(table: Table, groups: list[Setting], across: tuple[str, ...]) -> list[list[Cell | None]]:
    lines: dict[str, dict[str, Setting]] = {}
    for setting in groups:
        column = {a: setting.place[a] for a in across}
        line = {a: v for a, v in setting.place.items() if a not in across}
        lines.setdefault(setting_text(line, "\n"), {})[setting_text(column, "\n")] = setting
    columns = [setting_text(dict(zip(across, v, strict=True)), "\n") for v in product(*(table.axes[a] for a in across))]
    rows: list[list[Cell | None]] = []
    for side in spread(list(lines), CELLS // len(columns)):
        found = [(column, lines[side].get(column)) for column in columns]
        titled = [(s, "" if rows else column, side if column == columns[0] else "") for column, s in found]
        rows.append([None if s is None else _cell(table, s, title, left) for s, title, left in titled])
    return rows


def _cell(table: Table, setting: Setting, title: str, side: str) -> Cell:
    row = next(iter(setting.finished), None)
    scene = _scene(table.folder / "runs" / row.name) if row else None
    return Cell(setting=setting, title=title, side=side, row=row, scene=scene)


def _scene(folder: Path) -> Scene:
    """The scene of a run without its history and snapshots, which are not drawn here."""
    run = load(folder)
    return Scene(run.config, run.model)


def latents(found: Gallery) -> Figure:
    """Posterior means coloured by t over draws from the aggregate posterior (grey) and the prior's rings."""
    reach = [c.scene.latent_extent for row in found.rows for c in row if c and c.scene]
    extent = min(max(reach, default=3.3), WIDEST_WINDOW)

    def one(ax: Axes, scene: Scene) -> None:
        mu, logvar = (scene.in_plane(a)[:POINTS] for a in scene.posterior)
        t = scene.held_out[1][:POINTS]
        if mu.shape[1] == 1:
            _along(ax, t, mu, logvar)
            ax.set_ylim(-extent, extent)
            return
        plots.points(ax, scene.in_plane(scene.posterior_draws)[:POINTS], colour="#808080", size=1.5)
        prior_outline(ax, scene)
        plots.coloured(ax, mu, t, size=3)
        plots.square(ax, extent)

    return _grid(found, one)


def generated(found: Gallery) -> Figure:
    """Prior samples, decoded, over the data."""

    def one(ax: Axes, scene: Scene) -> None:
        generator = rng.generator(scene.config.seed, "evaluation noise")
        x = scene.model.sample(POINTS, noise=False, generator=generator).numpy()
        plots.points(ax, scene.held_out[0][:POINTS], colour=plots.ORANGE, size=2)
        plots.points(ax, x, colour=plots.BLUE, size=2)
        plots.square(ax, scene.extent)

    return _grid(found, one)


def _grid(found: Gallery, one: Callable[[Axes, Scene], None]) -> Figure:
    down, across = len(found.rows), len(found.rows[0])
    side = min(SIDE, 8.4 / across)
    lines = max(c.title.count("\n") + 1 for row in found.rows for c in row if c)
    titled = down if found.rows[-1][0] and found.rows[-1][0].title else 1
    figure = Figure(figsize=(side * across + 0.6, side * down + 0.16 * lines * titled + 0.1), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)  # type: ignore[union-attr, call-arg]
    for cells, axes in zip(found.rows, figure.subplots(down, across, squeeze=False), strict=True):
        for cell, ax in zip(cells, axes, strict=True):
            _draw_cell(ax, cell, one)
    return figure


def _draw_cell(ax: Axes, cell: Cell | None, one: Callable[[Axes, Scene], None]) -> None:
    if cell is None:
        ax.set_visible(False)
        return
    if cell.scene is None:
        states = {row.status for row in cell.setting.rows}
        ax.text(0.5, 0.5, " and ".join(sorted(states)), ha="center", va="center", fontsize=8, transform=ax.transAxes)
        ax.set_aspect("equal")
    else:
        one(ax, cell.scene)
    ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    ax.set_box_aspect(1)
    ax.set_title(cell.title, fontsize=8)
    ax.set_ylabel(cell.side, fontsize=7.5, rotation=0, ha="right", va="center")


def _along(ax: Axes, t: Array, mu: Array, logvar: Array) -> None:
    plots.along(ax, t, mu[:, 0], np.exp(0.5 * logvar[:, 0]))
    for drawn in ax.collections:
        drawn.set_rasterized(True)
