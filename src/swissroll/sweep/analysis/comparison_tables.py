"""What the page says of each axis: sentences, and a table of every level's difference from the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from swissroll.sweep.analysis.blocks import other_levels
from swissroll.sweep.analysis.comparisons import caution
from swissroll.sweep.analysis.conclusions import Finding, findings, format_mean, sentence
from swissroll.sweep.analysis.formatting import (
    NO_NUMBER,
    format_difference,
    format_setting,
    format_value,
    join_names,
)
from swissroll.sweep.analysis.results import Table

MAX_COMPARED_LEVELS = 10
"""Most levels of an axis that a table of comparisons has a column for."""


class Statement(NamedTuple):
    """What one metric says about an axis.

    Attributes:
        metric: The metric's name.
        lowered_by_sigma: Whether the levels differ in the decoder sigma, which alone may have lowered it.
        text: The sentence.
    """

    metric: str
    lowered_by_sigma: bool
    text: str


class ComparedMean(NamedTuple):
    """The mean of one level, and how it compares with the best.

    Attributes:
        kind: Its verdict; empty where there is none.
        mean: The mean.
        difference: Lines of text: its difference from the best, and the interval of that.
    """

    kind: Literal["best", "tied", "undecided", "differs", ""]
    mean: str
    difference: list[str]


class ComparisonRow(NamedTuple):
    """A row of a table of comparisons: one metric at every level of the axis."""

    metric: str
    means: list[ComparedMean]


@dataclass(frozen=True, kw_only=True)
class AxisSection:
    """What the page says of one axis.

    Attributes:
        name: The axis.
        statements: One per headline metric.
        levels: The levels that have a column in the table of comparisons; empty where there are too many.
        rows: The table's rows.
        caution: What cannot be compared, and why; empty where all can.
        basis: What the comparisons rest on; empty where there are none.
        figure: The address of the axis against each metric; empty beyond the most axes that are drawn.
    """

    name: str
    statements: list[Statement]
    levels: list[str]
    rows: list[ComparisonRow]
    caution: str
    basis: str
    figure: str

    @property
    def lowered_by_sigma(self) -> bool:
        """Whether a smaller decoder sigma alone may have lowered one of its numbers."""
        return any(statement.lowered_by_sigma for statement in self.statements)


class BestSetting(NamedTuple):
    """The best of all settings by one metric.

    Attributes:
        metric: The metric's name.
        lowered_by_sigma: Whether the settings differ in the decoder sigma, which alone may have lowered it.
        setting: The setting.
        mean: Its mean.
        not_worse: How many of the others are tied with it or undecided.
    """

    metric: str
    lowered_by_sigma: bool
    setting: str
    mean: str
    not_worse: str


def axis_section(table: Table, axis: str, figure: str) -> AxisSection:
    """Compare the levels of an axis; ``figure`` is the address of its picture."""
    found = findings(table, axis)
    levels = table.axes[axis]

    statements: list[Statement] = []
    for finding in found:
        if finding.seeds > 1:
            statements.append(Statement(_label(table, finding), finding.lowered_by_sigma, sentence(finding)))

    rows: list[ComparisonRow] = []
    if len(levels) <= MAX_COMPARED_LEVELS:
        for finding in found:
            means = [_compare(finding, level) for level in levels]
            rows.append(ComparisonRow(_label(table, finding), means))

    return AxisSection(
        name=axis,
        statements=statements,
        levels=[format_value(level) for level in levels] if rows else [],
        rows=rows,
        caution=caution(axis),
        basis=_basis(table, axis, found),
        figure=figure,
    )


def best_settings(table: Table) -> list[BestSetting]:
    """The best setting by each headline metric; empty where settings are one axis's levels, or have one seed."""
    if len(table.axes) < 2 or len(table.seeds) < 2:
        return []

    return [_best_setting(table, finding) for finding in findings(table, None)]


def _best_setting(table: Table, finding: Finding) -> BestSetting:
    ranking = finding.ranking
    levels = dict(zip(table.axes, ranking.best, strict=True))

    # One seed decides nothing.
    not_worse = NO_NUMBER
    if finding.seeds > 1:
        others = len(finding.verdicts)
        not_worse = f"{others - len(finding.worse)} of {others}"

    return BestSetting(
        metric=_label(table, finding),
        lowered_by_sigma=finding.lowered_by_sigma,
        setting=format_setting(levels),
        mean=format_mean(ranking, ranking.best),
        not_worse=not_worse,
    )


def _label(table: Table, finding: Finding) -> str:
    return table.measure(finding.ranking.metric).heading


def _compare(finding: Finding, level: Any) -> ComparedMean:
    ranking = finding.ranking
    if level not in ranking.blocks.levels:
        return ComparedMean("", NO_NUMBER, [])

    mean = format_mean(ranking, level)
    if finding.seeds < 2:
        return ComparedMean("", mean, [])
    if level == ranking.best:
        return ComparedMean("best", mean, [])

    verdict = finding.verdicts[level]
    difference = format_difference(verdict.interval).split(" ", 1)
    if verdict.undecided:
        return ComparedMean("undecided", mean, difference)
    return ComparedMean("tied" if verdict.tied else "differs", mean, difference)


def _basis(table: Table, axis: str, found: list[Finding]) -> str:
    """What an axis's comparisons rest on."""
    if not found:
        return ""
    blocks = found[0].ranking.blocks
    if len(blocks.seeds) < 2:
        return "one seed, which allows no conclusion"

    planned = _other_settings(table, axis)
    text = f"{len(blocks.seeds)} seeds"
    if planned > 1:
        text += f", averaged over {_part(len(blocks.other_settings), planned)} combinations of the other axes"
    if blocks.left_out:
        left_out = [format_value(level) for level in blocks.left_out]
        text += f"; not compared, because too few of their runs finished: {join_names(left_out)}"
    return text


def _other_settings(table: Table, axis: str) -> int:
    """How many settings the axes but this one have."""
    found = set()
    for row in table.rows:
        found.add(other_levels(row.setting, axis))
    return len(found)


def _part(used: int, planned: int) -> str:
    if used < planned:
        return f"{used} of the {planned}"
    if planned == 2:
        return "both"
    return f"all {planned}"
