"""The report of a sweep: one HTML file that needs no network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from swissroll.config import Config
from swissroll.report.html import template, vector_uri
from swissroll.report.shell import quote
from swissroll.report.style import house_style
from swissroll.runs.files import replace_file
from swissroll.sweep.analysis.axis_panels import MAX_PANEL_COLUMNS, draw_axis
from swissroll.sweep.analysis.blocks import confounds, sigmas
from swissroll.sweep.analysis.comparison_tables import AxisSection, BestSetting, axis_section, best_settings
from swissroll.sweep.analysis.conclusions import FEW_SEEDS, NO_COMPARISON, bound_note, run_counts
from swissroll.sweep.analysis.formatting import format_setting, format_value, join_names
from swissroll.sweep.analysis.gallery import Gallery, draw_generated, draw_latents, name_colours, open_gallery
from swissroll.sweep.analysis.learning_curves import draw_learning_curves, drawn_settings
from swissroll.sweep.analysis.rate_error import PlaneAxes, draw_rate_and_error, frontier_settings, plane_axes
from swissroll.sweep.analysis.results import Table, read_table
from swissroll.sweep.analysis.settings_table import SettingsTable, tabulate_settings
from swissroll.sweep.plan import more_seeds

MAX_NAMED_DIVERGED = 12
"""Most settings with diverged runs that are named."""
MAX_NAMED_FRONTIER = 12
"""Most settings of the frontier that are named."""
MAX_DRAWN_AXES = 8
"""Most axes that are drawn against each metric."""
MAX_NAMED_VALUES = 12
"""Most values of an axis that are all named."""
MAX_NAMED_SIGMAS = 8
"""Most decoder sigmas of one latent dimension that are named."""
MAX_LINKED_RUNS = 500
"""Most runs that the page links."""
ALWAYS_NAMED = ("dataset", "steps")
"""Settings that the page names even where they are at their defaults."""
NEVER_NAMED = ("seed", "threads", "snapshot_every", "device", "engine", "data_digest", "label_values")
OF_A_DATASET = ("dataset", "noise")
"""Settings that say nothing of a table."""


class DivergedSetting(NamedTuple):
    """Diverged runs with the same setting and the same message."""

    setting: str
    seeds: str
    message: str


class LatentSigmas(NamedTuple):
    """A latent dimension, and the decoder sigmas that come with it."""

    latent_dim: str
    sigmas: str


class RunLink(NamedTuple):
    """A run by its setting, and where its report is.

    Attributes:
        setting: Its level on each axis.
        seed: Its seed.
        ended: Its diagnosis, or how it ended.
        address: Its report, relative to the page; empty where it has none.
        command: What writes that report.
    """

    setting: str
    seed: int
    ended: str
    address: str
    command: str


@dataclass(frozen=True, kw_only=True)
class SweepPage:
    """All that the template shows.

    Attributes:
        table: The sweep.
        counts: How many runs there are.
        more_seeds: How many seeds would show more.
        missing: How many runs are missing.
        diverged: Settings with diverged runs.
        diverged_runs: How many runs diverged.
        confounded: The sigmas of each latent dimension, where the sweep confounds the two.
        bound_note: Which runs' evidence is only bounded, beside exact evidence of others; empty elsewhere.
        levels: The levels of each axis.
        shared: Settings that all runs share.
        axis_sections: What is said of each axis.
        best_settings: The best setting by each metric.
        plane_axes: What the figure of rate and error tells apart by colour, shape and lines.
        frontier: The settings on the frontier.
        gallery: The settings in the pictures.
        drawn_curves: How many settings have learning curves.
        settings: The table of all settings.
        runs: The runs on disk, at most :data:`MAX_LINKED_RUNS`.
        figures: The addresses of the figures, by name.
    """

    table: Table
    counts: str
    more_seeds: int
    missing: int
    diverged: list[DivergedSetting]
    diverged_runs: int
    confounded: list[LatentSigmas]
    bound_note: str
    levels: dict[str, str]
    shared: dict[str, str]
    axis_sections: list[AxisSection]
    best_settings: list[BestSetting]
    plane_axes: PlaneAxes
    frontier: list[str]
    gallery: Gallery
    drawn_curves: int
    settings: SettingsTable
    runs: list[RunLink]
    figures: dict[str, str]

    few_seeds = FEW_SEEDS
    no_comparison = NO_COMPARISON
    max_drawn_axes = MAX_DRAWN_AXES
    max_named_diverged = MAX_NAMED_DIVERGED
    max_named_frontier = MAX_NAMED_FRONTIER
    max_panel_columns = MAX_PANEL_COLUMNS

    @property
    def lowered_by_sigma(self) -> bool:
        """Whether any comparison is of numbers at different decoder sigmas."""
        in_sections = any(section.lowered_by_sigma for section in self.axis_sections)
        return in_sections or any(best.lowered_by_sigma for best in self.best_settings)

    @property
    def is_of_own_rows(self) -> bool:
        """Whether the runs are of a person's own table, whose errors are in standard deviations."""
        return self.table.is_of_own_rows

    @property
    def coordinate_name(self) -> str:
        """What colours the latents of points; empty where nothing does."""
        return name_colours(self.table)

    @property
    def leaves_columns_out(self) -> bool:
        """Whether some level of a third axis may have no column of panels."""
        crowded = any(len(levels) > MAX_PANEL_COLUMNS for levels in self.table.axes.values())
        return crowded and len(self.table.axes) > 2


def figure_names(table: Table) -> list[str]:
    """Names of the figures that :func:`write` draws, in its order."""
    if not any(row.status == "finished" for row in table.rows):
        return []

    axes = list(table.axes)[:MAX_DRAWN_AXES]
    return ["rate and error", *axes, "latent spaces", "generated points", "learning curves"]


def write_page(folder: Path, progress: Callable[[str], object] = lambda _: None) -> Path:
    """Draw a sweep's figures from its folder and write its report.

    Args:
        folder: The sweep's folder; an unfinished sweep is drawn as far as it is.
        progress: Called with the name of each of :func:`figure_names` once it is drawn.

    Returns:
        The report's path.

    Raises:
        ValueError: The folder is not a sweep, or a run in it is damaged.
    """
    return write(read_table(folder), progress)


def write(table: Table, progress: Callable[[str], object] = lambda _: None) -> Path:
    """Draw a table's figures and write report.html into its folder; arguments as for :func:`write_page`."""
    gallery = open_gallery(table)
    figures = {}
    for name in figure_names(table):
        figures[name] = vector_uri(draw(name, table, gallery))
        progress(name)

    path = table.folder / "report.html"
    replace_file(path, render(table, figures, gallery).encode())
    return path


def draw(name: str, table: Table, gallery: Gallery) -> Figure:
    """Draw one of the :func:`figure_names` in the house style."""
    with house_style():
        if name == "rate and error":
            return draw_rate_and_error(table)
        if name == "latent spaces":
            return draw_latents(gallery)
        if name == "generated points":
            return draw_generated(gallery)
        if name == "learning curves":
            return draw_learning_curves(table)
        return draw_axis(table, name)


def render(table: Table, figures: dict[str, str], gallery: Gallery) -> str:
    """The page's HTML, from the addresses of its figures by name."""
    return template("sweep.html").render(page=_page(table, figures, gallery))


def _page(table: Table, figures: dict[str, str], gallery: Gallery) -> SweepPage:
    return SweepPage(
        table=table,
        counts=run_counts(table),
        more_seeds=more_seeds(len(table.seeds)),
        missing=sum(row.status == "missing" for row in table.rows),
        diverged=_diverged_settings(table),
        diverged_runs=sum(row.status == "diverged" for row in table.rows),
        confounded=_confounded_sigmas(table),
        bound_note=bound_note(table),
        levels={axis: _list_values(levels) for axis, levels in table.axes.items()},
        shared=_shared_settings(table),
        axis_sections=[axis_section(table, axis, figures.get(axis, "")) for axis in table.axes],
        best_settings=best_settings(table),
        plane_axes=plane_axes(table),
        frontier=[format_setting(setting.levels) for setting in frontier_settings(table)],
        gallery=gallery,
        drawn_curves=len(drawn_settings(table)),
        settings=tabulate_settings(table),
        runs=_link_runs(table),
        figures=figures,
    )


def _list_values(values: tuple[Any, ...]) -> str:
    """An axis's values; of many, the first and the last ones."""
    texts = [format_value(value) for value in values]
    if len(texts) > MAX_NAMED_VALUES:
        texts = [*texts[:6], "...", *texts[-5:]]
    return ", ".join(texts)


def _shared_settings(table: Table) -> dict[str, str]:
    """Settings that all runs share and that are not Config's defaults; and always dataset, steps and decoder sigma."""
    shared = {}
    left_out = (*table.axes, *NEVER_NAMED)
    if table.is_of_own_rows:
        left_out = (*left_out, *OF_A_DATASET)
    for field in dataclasses.fields(Config):
        if field.name in left_out:
            continue

        values = {getattr(row.config, field.name) for row in table.rows}
        if field.name == "data":
            # A page travels, so it tells no more than the name of the file.
            values = {value and Path(value).name for value in values}
        named = field.name in ALWAYS_NAMED or values != {field.default}
        if len(values) == 1 and named:
            shared[field.name] = format_value(values.pop())

    all_sigmas: set[float] = set()
    for of_latent_dim in sigmas(table).values():
        all_sigmas.update(of_latent_dim)

    if len(all_sigmas) == 1:
        shared["sigma"] = f"{all_sigmas.pop():.4f}"
    return shared


def _link_runs(table: Table) -> list[RunLink]:
    """The first runs that are on disk, each with its report or the command that writes it."""
    links = []
    for row in [row for row in table.rows if row.status != "missing"][:MAX_LINKED_RUNS]:
        folder = table.folder / "runs" / row.name
        has_report = (folder / "report.html").is_file()
        link = RunLink(
            setting=format_setting(row.setting),
            seed=row.config.seed,
            ended=row.diagnosis or row.status,
            address=f"runs/{row.name}/report.html" if has_report else "",
            command=f"swissroll report {quote(folder)}",
        )
        links.append(link)
    return links


def _diverged_settings(table: Table) -> list[DivergedSetting]:
    """The diverged runs by setting and message."""
    seeds: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        if row.status == "diverged":
            key = (format_setting(row.setting), row.message)
            seeds.setdefault(key, []).append(str(row.config.seed))

    diverged = []
    for (setting, message), found in seeds.items():
        diverged.append(DivergedSetting(setting, join_names(found), message))
    return diverged


def _confounded_sigmas(table: Table) -> list[LatentSigmas]:
    """Latent dimensions and the sigmas that they come with; empty unless the sweep confounds the two."""
    if not confounds(table):
        return []

    found = []
    for latent_dim, values in sigmas(table).items():
        texts = [f"{value:.4f}" for value in values[:MAX_NAMED_SIGMAS]]
        found.append(LatentSigmas(str(latent_dim), ", ".join(texts)))
    return found
