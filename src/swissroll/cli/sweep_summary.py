"""What a sweep says in the terminal: its plan and cost before, its progress meanwhile, its table after."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple

from swissroll.evaluation.tables import text
from swissroll.report.shell import quote
from swissroll.sweep import cost
from swissroll.sweep.analysis.blocks import Setting, changes_sigma, partly_measured, settings
from swissroll.sweep.analysis.comparisons import SIGMA_METRICS, headline_metrics, is_upper_bound
from swissroll.sweep.analysis.conclusions import conclusions
from swissroll.sweep.analysis.formatting import format_spread, format_value, join_names, mark_bound
from swissroll.sweep.analysis.results import Table, read_table, write_table
from swissroll.sweep.groups import Group, incomplete_groups, plan_groups, read_groups
from swissroll.sweep.plan import Sweep, more_seeds
from swissroll.sweep.runner import GroupEnd, run_names

Pairs = list[tuple[str, str]]
MAX_TABLE_LINES = 24
"""Most settings, or shapes, that get a line of their own."""
MAX_TABLE_METRICS = 4
"""Most of the metrics of the conclusions that the table of settings has a column for."""


class Progress:
    """The bar, and what to say of it afterwards.

    Args:
        total: Runs of the sweep.
        groups: What is to be computed.
        quiet: Show no bar.
    """

    def __init__(self, total: int, groups: list[Group], *, quiet: bool) -> None:
        from tqdm.auto import tqdm

        self.quiet = quiet
        self.began = monotonic()
        self.seconds = 0.0
        self.steps = 0
        self.runs = 0
        self.planned_work = sum(group.seconds for group in groups)
        self.done_work = 0.0
        self.failed: Counter[str] = Counter()
        self.bar = tqdm(
            total=total,
            initial=total - sum(len(group.missing) for group in groups),
            desc="Sweeping",
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} runs [{elapsed}{postfix}]",
            mininterval=0.1 if sys.stderr.isatty() else 5.0,
            disable=quiet,
            file=sys.stderr,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.seconds = monotonic() - self.began
        self.bar.close()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while something is told on stderr."""
        with self.bar.external_write_mode(sys.stderr):
            yield

    def show(self, ended: GroupEnd | None) -> None:
        """Bring the bar to a group that ended; to the present time where there is none."""
        if ended is None:
            if sys.stderr.isatty():
                self.bar.refresh()
            return

        runs = len(ended.group.missing)
        self.done_work += ended.group.seconds
        if ended.reason:
            self.failed[ended.reason] += runs
            return

        self.runs += runs
        self.steps += ended.group.steps
        # The rest takes as long for its estimated work as what is done took for its own.
        passed = monotonic() - self.began
        to_go = passed * (self.planned_work - self.done_work) / self.done_work
        self.bar.set_postfix_str(f"{self.steps / passed:,.0f} model-steps/s, {span(to_go)} left", refresh=False)
        self.bar.update(runs)


def finish(folder: Path, sweep: Sweep, progress: Progress, command: str) -> str:
    """Write the table and the report of what is there; returns what to print.

    Args:
        folder: The sweep's folder.
        sweep: Its definition.
        progress: What was computed.
        command: What continues it.
    """
    counts = write_table(sweep, folder)
    pairs = _result_pairs(counts, progress)
    width = max(len(name) for name, _ in pairs)
    lines = [f"{name:<{width}}  {value:>10}" for name, value in pairs]

    table = read_table(folder)
    if len(sweep) // len(sweep.seeds) <= MAX_TABLE_LINES:
        lines += ["", *_settings_table(table)]
    concluded = conclusions(table)
    if concluded:
        lines += ["", *concluded]

    lines += _say_partly_measured(folder, table)

    report = _draw(table, quiet=progress.quiet)
    lines += ["", f"table: {folder / 'table.csv'}", f"report: {report}"]
    lines += [f"to add seeds: {command} --seeds {more_seeds(len(sweep.seeds))}"]
    return "\n".join(lines)


def _result_pairs(counts: Counter[str], progress: Progress) -> Pairs:
    """How many runs ended in which way, and what the new ones took."""
    pairs = []
    for status in ("finished", "diverged", "missing"):
        if counts[status]:
            pairs.append((f"runs {status}", f"{counts[status]:,}"))

    if progress.runs:
        rate = progress.steps / progress.seconds
        pairs.append(("time", span(progress.seconds)))
        pairs.append(("model-steps/s", f"{rate:,.0f}"))
    return pairs


def _draw(table: Table, *, quiet: bool) -> Path:
    """Write the report behind a bar."""
    from tqdm.auto import tqdm

    from swissroll.sweep.analysis import page

    total = len(page.figure_names(table))
    with tqdm(total=total, desc="Drawing", unit=" parts", disable=quiet, file=sys.stderr) as bar:
        return page.write(table, progress=lambda _: bar.update())


def _settings_table(table: Table) -> list[str]:
    """A line for each setting: the mean over its seeds and their standard deviation, of the conclusions' metrics."""
    axes = [name.replace("_", " ") for name in table.axes or ("setting",)]
    metrics = headline_metrics(table)[:MAX_TABLE_METRICS]
    lines = []
    for setting in settings(table):
        levels = [format_value(value) for value in setting.values or ("all",)]
        spreads = [_spread(setting, name) for name in metrics]
        lines.append((*levels, str(len(setting.rows)), *spreads))

    told = [text((*axes, "runs", *metrics), lines), "mean ± standard deviation over seeds; as in table.csv,"]
    for name in metrics:
        at_own_sigma = name in SIGMA_METRICS and changes_sigma(table, None)
        told.append(f"  {name}: {table.measure(name).heading}{' (each at its own sigma)' if at_own_sigma else ''}")
    return told


def _spread(setting: Setting, metric: str) -> str:
    """The mean and its deviation, and of how many runs where not all finished ones have the number."""
    values = setting.measured(metric)
    spread = mark_bound(format_spread(values), is_bound=is_upper_bound(metric, setting.rows))
    if 0 < len(values) < len(setting.finished):
        return f"{spread} ({len(values)} of {len(setting.finished)})"
    return spread


def _say_partly_measured(folder: Path, table: Table) -> list[str]:
    """Which runs lack numbers that others of their setting have, and the command that measures one again."""
    metrics, rows = partly_measured(table)
    if not rows:
        return []

    seeds = [str(seed) for seed in sorted({row.config.seed for row in rows})]
    finished = sum(row.status == "finished" for row in table.rows)
    lack = f"{len(rows):,} of {finished:,} finished runs (seed {join_names(seeds)}) lack {join_names(metrics)}"
    first = f"swissroll evaluate {quote(folder / 'runs' / rows[0].name)}"
    every = f"for each of them, then swissroll sweep --out {quote(folder)}"
    return ["", f"{lack}, as an earlier version measured them. To measure one again: {first}; {every}"]


class _Shape(NamedTuple):
    """The values of what makes a shape, its runs and groups to compute, and what one run costs."""

    values: tuple[Any, ...]
    runs: int
    groups: int
    cost: cost.Cost


def describe_plan(folder: Path, sweep: Sweep, workers: int, *, quiet: bool = False) -> str:
    """What a sweep would compute and cost; nothing is written."""
    names = run_names(sweep, quiet=quiet)
    planned = plan_groups(sweep, names, read_groups(folder))
    groups = incomplete_groups(folder, sweep, names, planned)
    rate = cost.measured_rate()
    shapes = [_shape(sweep, alike, rate) for alike in _groups_by_shape(sweep, groups)]

    pairs = _plan_pairs(sweep, groups, shapes, workers)
    width = max(len(name) for name, _ in pairs)
    lines = [f"{name:<{width}}  {value}" for name, value in pairs]
    if shapes:
        lines += ["", *_shape_table(sweep, shapes, workers)]
    lines += [
        "",
        f"Times are estimates, from the {rate / 1e9:.0f} GFLOP/s per core that matrix products reached just now.",
        f"Nothing was written. Without --dry-run, {folder} holds the sweep.",
    ]
    return "\n".join(lines)


def _plan_pairs(sweep: Sweep, groups: list[Group], shapes: list[_Shape], workers: int) -> Pairs:
    """The totals of a plan, each with its name."""
    whole = cost.total([(shape.cost, shape.runs) for shape in shapes])
    runs = sum(shape.runs for shape in shapes)
    steps = sum(group.steps for group in groups)
    seconds = cost.START_SECONDS + whole.seconds / workers if shapes else 0.0
    processes = "process" if workers == 1 else "processes"
    return [
        ("runs in all", f"{len(sweep):,}"),
        ("to compute", f"{runs:,}"),
        ("gradient steps", f"{steps:,}"),
        ("matrix products", f"{whole.flops:.2g} flops"),
        ("time", f"about {span(seconds)} on {workers} {processes}"),
        ("memory", f"about {size(workers * whole.memory)}"),
        ("disk", f"about {size(whole.disk)}"),
    ]


def _groups_by_shape(sweep: Sweep, groups: list[Group]) -> list[list[Group]]:
    from swissroll.training.many import shape_of

    by_shape: dict[Hashable, list[Group]] = {}
    for group in sorted(groups, key=lambda group: group.indices):
        shape = shape_of(sweep.config(group.indices[0]))
        by_shape.setdefault(shape, []).append(group)
    return list(by_shape.values())


def _shape(sweep: Sweep, groups: list[Group], rate: float) -> _Shape:
    config = sweep.config(groups[0].indices[0])
    return _Shape(
        values=tuple(getattr(config, name) for name in _shape_axes(sweep)),
        runs=sum(len(group.missing) for group in groups),
        groups=len(groups),
        cost=cost.cost(config, rate=rate),
    )


def _shape_table(sweep: Sweep, shapes: list[_Shape], workers: int) -> list[str]:
    axes = [name.replace("_", " ") for name in _shape_axes(sweep) or ("shape",)]
    lines = []
    for shape in shapes[:MAX_TABLE_LINES]:
        values = [str(value) for value in shape.values or ("all",)]
        seconds = shape.cost.seconds * shape.runs / workers
        lines.append((*values, f"{shape.runs:,}", f"{shape.groups:,}", span(seconds)))

    told = [text((*axes, "runs", "groups", "time"), lines)]
    if len(shapes) > MAX_TABLE_LINES:
        told.append(f"and {len(shapes) - MAX_TABLE_LINES:,} more shapes")
    return told


def _shape_axes(sweep: Sweep) -> list[str]:
    """The axes along which the shape of a run changes."""
    from swissroll.training.many import SHAPE_FIELDS

    return [name for name in sweep.axes if name in SHAPE_FIELDS]


def span(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 99.5:
        return f"{minutes:.0f} min"
    hours = minutes / 60
    if hours < 48:
        return f"{hours:.0f} h"
    return f"{hours / 24:.0f} days"


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
