"""The page's table of all settings: means and standard deviations over seeds, and diagnoses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from swissroll.sweep.analysis.axis_panels import axis_metrics
from swissroll.sweep.analysis.blocks import Setting, settings
from swissroll.sweep.analysis.comparisons import is_upper_bound
from swissroll.sweep.analysis.formatting import NO_NUMBER, format_spread, format_value, mark_bound
from swissroll.sweep.analysis.results import Table

MAX_TABLE_SETTINGS = 200
"""Most settings in the page's table."""


class Column(NamedTuple):
    """The head of a column, and the unit of what is in it."""

    name: str
    unit: str = ""


class Field(NamedTuple):
    """A field of the table.

    Attributes:
        text: What is shown.
        spread: The standard deviation beside it; empty where there is none.
        sort_key: What its row is sorted by.
    """

    text: str
    spread: str
    sort_key: str


@dataclass(frozen=True, kw_only=True)
class SettingsTable:
    """The table of settings.

    Attributes:
        columns: Its columns.
        rows: One per setting, at most :data:`MAX_TABLE_SETTINGS`.
        total: How many settings the sweep has.
    """

    columns: list[Column]
    rows: list[list[Field]]
    total: int


def tabulate_settings(table: Table) -> SettingsTable:
    """Make the table of a sweep's settings."""
    metrics = [metric for metric in axis_metrics(table) if metric != "active"]
    columns = [
        *(Column(axis) for axis in table.axes),
        Column("finished"),
        Column("diverged"),
        *(Column(measure.label, measure.unit) for measure in map(table.measure, metrics)),
        Column("diagnosis"),
    ]
    found = settings(table)
    rows = [_row(setting, metrics) for setting in found[:MAX_TABLE_SETTINGS]]
    return SettingsTable(columns=columns, rows=rows, total=len(found))


def _row(setting: Setting, metrics: list[str]) -> list[Field]:
    statuses = Counter(row.status for row in setting.rows)
    return [
        *(_plain_field(level) for level in setting.values),
        _plain_field(statuses["finished"]),
        _plain_field(statuses["diverged"]),
        *(_measured_field(setting, metric) for metric in metrics),
        _plain_field(_diagnoses(setting)),
    ]


def _plain_field(value: Any) -> Field:
    return Field(text=format_value(value), spread="", sort_key=str(value))


def _measured_field(setting: Setting, metric: str) -> Field:
    """Mean and standard deviation over seeds."""
    values = setting.measured(metric)
    if not len(values):
        return Field(text=NO_NUMBER, spread="", sort_key="")

    text, _, spread = format_spread(values).partition(" ± ")
    text = mark_bound(text, is_bound=is_upper_bound(metric, setting.rows))
    return Field(text=text, spread=spread and f"± {spread}", sort_key=repr(float(values.mean())))


def _diagnoses(setting: Setting) -> str:
    """The diagnoses of a setting's runs, the most frequent first, with how often each occurs if they differ."""
    counts = Counter(row.diagnosis or row.status for row in setting.rows)
    if len(counts) == 1:
        return next(iter(counts))

    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
