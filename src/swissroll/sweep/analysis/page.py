"""The report of a sweep: one HTML file that needs no network."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from swissroll.config import Config
from swissroll.report.html import template, vector_uri
from swissroll.report.plots import STYLE, Array
from swissroll.runs.files import replace_file
from swissroll.sweep.analysis import conclusions as words
from swissroll.sweep.analysis import figures as pictures
from swissroll.sweep.analysis import gallery
from swissroll.sweep.analysis.blocks import Setting, confounds, settings, sigmas
from swissroll.sweep.analysis.conclusions import Finding, difference, findings, label, number, setting_text, shown
from swissroll.sweep.analysis.gallery import Gallery
from swissroll.sweep.analysis.results import METRICS, Table, read_table
from swissroll.sweep.plan import more_seeds

SETTINGS = 200
"""Most settings in the page's table."""
COLUMNS = 10
"""Most values of an axis that a table of comparisons has a column for."""
DIVERGED = 12
"""Most settings with diverged runs that are named."""
FRONTIER = 12
"""Most settings of the frontier that are named."""
AXES = 8
"""Most axes that are drawn against each metric."""


@dataclass(frozen=True)
class AxisPart:
    """What the page says of one axis.

    Attributes:
        name: The axis.
        sentences: Metric, whether it is taken at differing sigmas, and what it says.
        head: The values that have a column in the table of comparisons; empty where there are too many.
        rows: The table's rows: a metric, then for each value its kind ('best', 'tied', 'differs' or ''), its mean, and
            its difference from the best.
        basis: What the comparisons rest on.
        picture: The axis against each metric; empty beyond the most that are drawn.
    """

    name: str
    sentences: list[tuple[str, bool, str]]
    head: list[str]
    rows: list[tuple[str, list[tuple[str, str, list[str]]]]]
    basis: str
    picture: str


def parts(table: Table) -> list[str]:
    """Names of the figures that :func:`write` draws, in its order."""
    if not any(row.status == "finished" for row in table.rows):
        return []
    return ["rate and error", *list(table.axes)[:AXES], "latent spaces", "generated points", "learning curves"]


def write_page(folder: Path, progress: Callable[[str], object] = lambda _: None) -> Path:
    """Draw a sweep's figures from its folder and write its report.

    Args:
        folder: The sweep's folder; an unfinished sweep is drawn as far as it is.
        progress: Called with the name of each of :func:`parts` once it is drawn.

    Returns:
        The report's path.

    Raises:
        ValueError: The folder is no sweep, or a run in it is damaged.
    """
    return write(read_table(folder), progress)


def write(table: Table, progress: Callable[[str], object] = lambda _: None) -> Path:
    """Draw a table's figures and write report.html into its folder; arguments as for :func:`write_page`."""
    shown_cells = gallery.gallery(table)
    drawn = {}
    for name in parts(table):
        drawn[name] = vector_uri(_draw(name, table, shown_cells))
        progress(name)
    path = table.folder / "report.html"
    replace_file(path, render(table, drawn, shown_cells).encode())
    return path


def _draw(name: str, table: Table, cells: Gallery) -> Figure:
    with rc_context(STYLE):
        if name in table.axes:
            return pictures.against_axis(table, name)
        if name == "rate and error":
            return pictures.rate_and_error(table)
        if name == "learning curves":
            return pictures.learning_curves(table)
        return gallery.latents(cells) if name == "latent spaces" else gallery.generated(cells)


def render(table: Table, drawn: dict[str, str], cells: Gallery) -> str:
    """The page, from the pictures' addresses by name."""
    overall = findings(table, None) if len(table.axes) > 1 and len(table.seeds) > 1 else []
    front = pictures.on_frontier(table)
    columns = [m for m in pictures.axis_metrics(table) if m != "active"]
    axis_parts = [_axis_part(table, axis, drawn) for axis in table.axes]
    return template("sweep.html").render(
        table=table,
        counts=words.counts(table),
        seeds=len(table.seeds),
        few=words.FEW,
        more=more_seeds(len(table.seeds)),
        no_comparison=words.NO_COMPARISON,
        missing=sum(row.status == "missing" for row in table.rows),
        axes={a: _values_text(v) for a, v in table.axes.items()},
        common=_common(table),
        diverged=_diverged(table),
        confounded=_confounded(table),
        axis_parts=axis_parts,
        own_sigma=any(f.own_sigma for f in overall) or any(own for p in axis_parts for _, own, _ in p.sentences),
        overall=[(label(f.ranking.metric, unit=True), f.own_sigma, *_overall(table, f)) for f in overall],
        frontier=[setting_text(s.place) for s in front[:FRONTIER]],
        frontier_more=max(0, len(front) - FRONTIER),
        columns_left_out=len(table.axes) > 2 and any(len(v) > pictures.COLUMNS for v in table.axes.values()),
        pictures=drawn,
        cells=cells,
        curves=(len(pictures.curve_settings(table)), len(settings(table))),
        plane=pictures.plane_axes(table),
        head=_settings_head(table, columns),
        rows=[_settings_row(s, columns) for s in settings(table)[:SETTINGS]],
        settings_total=len(settings(table)),
        limits=(SETTINGS, AXES, pictures.CURVES, gallery.CELLS, pictures.COLUMNS),
    )


def _values_text(values: tuple[Any, ...]) -> str:
    texts = [shown(v) for v in values]
    return ", ".join(texts if len(texts) <= 12 else [*texts[:6], "...", *texts[-5:]])


def _common(table: Table) -> dict[str, str]:
    """What all runs share and is not Config's default; and dataset, steps and decoder sigma in any case."""
    found = {}
    for field in dataclasses.fields(Config):
        if field.name in table.axes or field.name in ("seed", "threads", "snapshot_every", "device", "engine"):
            continue
        values = {getattr(row.config, field.name) for row in table.rows}
        told = field.name in ("dataset", "steps") or values != {field.default}
        if len(values) == 1 and told:
            found[field.name] = shown(values.pop())
    implied = {s for group in sigmas(table).values() for s in group}
    return found | ({"sigma": f"{implied.pop():.4f}"} if len(implied) == 1 else {})


def _diverged(table: Table) -> dict[str, Any]:
    """The diverged runs by setting and message, with their seeds."""
    rows = [row for row in table.rows if row.status == "diverged"]
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        found.setdefault((setting_text(row.setting), row.message), []).append(str(row.config.seed))
    named = [(setting, words.listed(seeds), message) for (setting, message), seeds in found.items()]
    return {"named": named[:DIVERGED], "more": max(0, len(named) - DIVERGED), "all": len(rows)}


def _confounded(table: Table) -> list[tuple[str, str]]:
    """Latent dimensions and the sigmas that they come with, where the sweep confounds the two."""
    if not confounds(table):
        return []
    return [(str(latent), ", ".join(f"{s:.4f}" for s in values[:8])) for latent, values in sigmas(table).items()]


def _axis_part(table: Table, axis: str, drawn: dict[str, str]) -> AxisPart:
    found = findings(table, axis)
    values = table.axes[axis]
    several = len(values) <= COLUMNS
    return AxisPart(
        name=axis,
        sentences=[(label(f.ranking.metric, unit=True), f.own_sigma, words.sentence(f)) for f in found if f.seeds > 1],
        head=[shown(v) for v in values] if several and found else [],
        rows=[(label(f.ranking.metric, unit=True), [_compared(f, v) for v in values]) for f in found]
        if several
        else [],
        basis=_basis(table, axis, found),
        picture=drawn.get(axis, ""),
    )


def _basis(table: Table, axis: str, found: list[Finding]) -> str:
    """What an axis's comparisons rest on, in words."""
    if not found:
        return ""
    block = found[0].ranking.block
    others = len({tuple(v for a, v in row.setting.items() if a != axis) for row in table.rows})
    if len(block.seeds) < 2:
        return "one seed, which allows no conclusion"
    text = f"{len(block.seeds)} seeds"
    if others > 1:
        part = (
            f"{len(block.cells)} of the {others}"
            if len(block.cells) < others
            else "both"
            if others == 2
            else f"all {others}"
        )
        text += f", averaged over {part} combinations of the other axes"
    if block.left_out:
        text += f"; not compared, for want of finished runs: {words.listed([shown(v) for v in block.left_out])}"
    return text


def _compared(finding: Finding, value: Any) -> tuple[str, str, list[str]]:
    """A cell of a table of comparisons: its kind, the mean, and the difference from the best in two lines."""
    ranking = finding.ranking
    if value not in ranking.block.choices:
        return "", words.NOTHING, []
    mean = number(ranking.means[ranking.block.choices.index(value)])
    if finding.seeds < 2:
        return "", mean, []
    if value == ranking.best:
        return "best", mean, []
    verdict = finding.verdicts[value]
    return "tied" if verdict.tied else "differs", mean, difference(verdict.interval).split(" ", 1)


def _overall(table: Table, finding: Finding) -> tuple[str, str, str]:
    """The best setting, its mean, and how many are tied with it."""
    ranking = finding.ranking
    rivals = f"{len(finding.tied)} of {len(finding.verdicts)}" if finding.seeds > 1 else words.NOTHING
    return setting_text(dict(zip(table.axes, ranking.best, strict=True))), number(ranking.best_mean), rivals


def _settings_head(table: Table, columns: list[str]) -> list[tuple[str, str]]:
    """The columns of the settings' table, and the unit of each."""
    measured = [(METRICS[m].label, METRICS[m].unit) for m in columns]
    return [*((axis, "") for axis in table.axes), ("finished", ""), ("diverged", ""), *measured, ("diagnosis", "")]


def _settings_row(setting: Setting, columns: list[str]) -> list[tuple[str, str, str]]:
    """The cells of a setting's row: what is shown, its spread, and what it is sorted by."""
    cells = [(shown(v), "", str(v)) for v in setting.values]
    for n in (len(setting.finished), sum(row.status == "diverged" for row in setting.rows)):
        cells.append((str(n), "", str(n)))
    for metric in columns:
        values = setting.measured(metric)
        cells.append((*_mean_and_sd(values), repr(float(values.mean())) if len(values) else ""))
    names = Counter(row.diagnosis or row.status for row in setting.rows)
    text = ", ".join(f"{name} {n}" if len(names) > 1 else name for name, n in names.most_common())
    return [*cells, (text, "", text)]


def _mean_and_sd(values: Array) -> tuple[str, str]:
    if not len(values):
        return words.NOTHING, ""
    spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return number(float(values.mean())), f"± {float(f'{spread:.2g}'):,g}" if math.isfinite(spread) else ""
