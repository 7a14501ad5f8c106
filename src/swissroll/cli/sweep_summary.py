"""What a sweep says in the terminal: its plan and cost before, its progress meanwhile, its table after."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, stdev
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple

from swissroll.evaluation.tables import text
from swissroll.sweep import cost
from swissroll.sweep.analysis.blocks import settings
from swissroll.sweep.analysis.conclusions import conclusions
from swissroll.sweep.analysis.formatting import format_value
from swissroll.sweep.analysis.results import Row, Table, read_table, write_table
from swissroll.sweep.plan import Sweep, more_seeds, plan_groups, read_groups
from swissroll.sweep.runner import Ended, Group, named, remaining

MOST_LINES = 24
"""Most settings, or shapes, that get a line of their own."""
SHOWN = {
    "loss": "held-out loss",
    "off_median": "off the curve",
    "prior_c2st": "C2ST q(z), p(z)",
    "c2st": "C2ST to real",
}
"""The columns of the short table, and their heads."""


class Progress:
    """The bar, and what to say of it afterwards.

    Args:
        total: Runs of the sweep.
        groups: What is to be computed.
        quiet: Show no bar.
    """

    def __init__(self, total: int, groups: list[Group], *, quiet: bool) -> None:
        from tqdm.auto import tqdm

        self.quiet, self.began, self.steps, self.runs = quiet, monotonic(), 0, 0
        self.work, self.done = sum(group.seconds for group in groups), 0.0
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

    def show(self, ended: Ended | None) -> None:
        """Bring the bar to a group that ended; to the present time where there is none."""
        if ended is None:
            if sys.stderr.isatty():
                self.bar.refresh()
            return
        self.done += ended.group.seconds
        if ended.reason:
            self.failed[ended.reason] += len(ended.group.missing)
            return
        self.runs += len(ended.group.missing)
        self.steps += ended.group.steps
        passed = monotonic() - self.began
        to_go = passed * (self.work - self.done) / self.done
        self.bar.set_postfix_str(f"{self.steps / passed:,.0f} model-steps/s, {span(to_go)} left", refresh=False)
        self.bar.update(len(ended.group.missing))


def left(folder: Path, sweep: Sweep) -> str:
    """How much of a sweep is on disk."""
    runs = folder / "runs"
    there = sum(not path.name.startswith(".") for path in runs.iterdir()) if runs.is_dir() else 0
    return f"{there:,} of {len(sweep):,} runs are on disk"


def finish(folder: Path, sweep: Sweep, progress: Progress) -> str:
    """Write the table and the report of what is there; returns what to print."""
    counts = write_table(sweep, folder)
    pairs = [(f"runs {status}", f"{counts[status]:,}") for status in ("finished", "diverged", "missing")]
    pairs = [pair for pair in pairs if pair[1] != "0"]
    if progress.runs:
        rate = progress.steps / progress.seconds
        pairs += [("time", span(progress.seconds)), ("model-steps/s", f"{rate:,.0f}")]
    width = max(len(name) for name, _ in pairs)
    lines = [f"{name:<{width}}  {value:>10}" for name, value in pairs]
    table = read_table(folder)
    if len(sweep) // len(sweep.seeds) <= MOST_LINES:
        lines += ["", *_settings(table)]
    if concluded := conclusions(table):
        lines += ["", *concluded]
    report = _draw(table, quiet=progress.quiet)
    lines += ["", f"table: {folder / 'table.csv'}", f"report: {report}"]
    more = more_seeds(len(sweep.seeds))
    return "\n".join([*lines, f"to add seeds: swissroll sweep --out {folder} --seeds {more}"])


def _draw(table: Table, *, quiet: bool) -> Path:
    """Write the report behind a bar."""
    from tqdm.auto import tqdm

    from swissroll.sweep.analysis import page

    total = len(page.figure_names(table))
    with tqdm(total=total, desc="Drawing", unit=" parts", disable=quiet, file=sys.stderr) as bar:
        return page.write(table, progress=lambda _: bar.update())


def _settings(table: Table) -> list[str]:
    """A line for each setting: the mean over its seeds and their standard deviation."""
    axes = tuple(name.replace("_", " ") for name in table.axes or ("setting",))
    head = (*axes, "runs", *SHOWN.values())
    lines = [
        (
            *map(format_value, found.values or ("all",)),
            str(len(found.rows)),
            *(_spread(found.rows, name) for name in SHOWN),
        )
        for found in settings(table)
    ]
    told = [text(head, lines), "mean ± standard deviation over seeds"]
    if "decoder_variance" in table.axes:
        told.append("held-out losses compare within one decoder variance only: that of a learned one is in nats")
    return told


def _spread(rows: Sequence[Row], name: str) -> str:
    values = [row.values[name] for row in rows if name in row.values]
    if not values:
        return "-"
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def dry_run(folder: Path, sweep: Sweep, workers: int, *, quiet: bool = False) -> str:
    """What a sweep would compute and cost; nothing is written."""
    names = named(sweep, quiet=quiet)
    groups = remaining(folder, sweep, names, plan_groups(sweep, names, read_groups(folder)))
    rate = cost.measured_rate()
    shapes = [_shape(sweep, found, rate) for found in _by_shape(sweep, groups)]
    whole = cost.total([(shape.cost, shape.runs) for shape in shapes])
    took = cost.START_SECONDS + whole.seconds / workers if shapes else 0.0
    pairs = [
        ("runs in all", f"{len(sweep):,}"),
        ("to compute", f"{sum(shape.runs for shape in shapes):,}"),
        ("gradient steps", f"{sum(group.steps for group in groups):,}"),
        ("matrix products", f"{whole.flops:.2g} flops"),
        ("time", f"about {span(took)} on {workers} {'process' if workers == 1 else 'processes'}"),
        ("memory", f"about {size(workers * whole.memory)}"),
        ("disk", f"about {size(whole.disk)}"),
    ]
    width = max(len(name) for name, _ in pairs)
    told = [f"{name:<{width}}  {value}" for name, value in pairs]
    if shapes:
        told += ["", *_shape_table(sweep, shapes, workers)]
    note = f"Times are a model's, for matrix products at the {rate / 1e9:.0f} GFLOP/s a core measured just now."
    return "\n".join([*told, "", note, f"Nothing was written. Without --dry-run, {folder} holds the sweep."])


class _Shape(NamedTuple):
    """The values of what makes a shape, its runs and groups to compute, and what one run costs."""

    values: tuple[Any, ...]
    runs: int
    groups: int
    cost: cost.Cost


def _by_shape(sweep: Sweep, groups: list[Group]) -> list[list[Group]]:
    from swissroll.training.many import shape_of

    found: dict[Any, list[Group]] = {}
    for group in sorted(groups, key=lambda group: group.places):
        found.setdefault(shape_of(sweep.config(group.places[0])), []).append(group)
    return list(found.values())


def _shape(sweep: Sweep, groups: list[Group], rate: float) -> _Shape:
    config = sweep.config(groups[0].places[0])
    return _Shape(
        values=tuple(getattr(config, name) for name in _varied(sweep)),
        runs=sum(len(group.missing) for group in groups),
        groups=len(groups),
        cost=cost.cost(config, evidence=sweep.evidence, rate=rate),
    )


def _shape_table(sweep: Sweep, shapes: list[_Shape], workers: int) -> list[str]:
    head = (*(name.replace("_", " ") for name in _varied(sweep) or ("shape",)), "runs", "groups", "time")
    lines = [
        (*map(str, s.values or ("all",)), f"{s.runs:,}", f"{s.groups:,}", span(s.cost.seconds * s.runs / workers))
        for s in shapes[:MOST_LINES]
    ]
    more = len(shapes) - MOST_LINES
    return [text(head, lines), *([f"and {more:,} more shapes"] if more > 0 else [])]


def _varied(sweep: Sweep) -> list[str]:
    """The axes that make other shapes."""
    from swissroll.training.many import SHAPE_FIELDS

    return [name for name in sweep.axes if name in SHAPE_FIELDS]


def span(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = seconds / 60
    return (
        f"{minutes:.0f} min"
        if minutes < 99.5
        else f"{minutes / 60:.0f} h"
        if minutes < 48 * 60
        else f"{minutes / 1440:.0f} days"
    )


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.5 or unit == "TB":
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError
