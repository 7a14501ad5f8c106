"""The ``sweep`` command: many runs from lists of values, computed here or on a cluster, and told in one table."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from cyclopts import Parameter

from swissroll import checks
from swissroll.cli.sweep_values import (
    HINTS,
    Tokens,
    add_open_settings,
    collect_given,
    note_doubtful,
    note_file,
    parse_word,
    record_table,
)
from swissroll.cli.terminal import (
    DIVERGED,
    INSTALL_JAX,
    INTERRUPTED,
    CommandError,
    Flag,
    Quiet,
    disk_errors_with,
    fix_line,
    new_folder,
    next_folder,
    note,
    reason_of,
    sole_planner,
)
from swissroll.config import HELP
from swissroll.errors import Fix, FixableError
from swissroll.report.shell import quote
from swissroll.sweep.plan import FIELDS, Hold, Sweep, read_definition

if TYPE_CHECKING:
    from swissroll.cli.sweep_summary import Progress
    from swissroll.sweep.groups import Group
    from swissroll.sweep.pools import ClusterLostError, Pool

MAX_WORKERS = 1024
MAX_WORKERS_PER_CORE = 4
MIN_ALLOWED_WORKERS = 8
"""So many are allowed on any machine. Each takes some 0.4 GB, and more than a few per core are slower than one."""
SWEEPS = Path("sweeps")
"""Where a sweep goes whose folder is not named."""


def _axis_flags() -> type:
    """One flag for each setting; its values are separated by commas, or the flag is repeated."""
    fields = []
    for name in HELP:
        if name in (*FIELDS, "seed"):
            kind = Annotated[Tokens | None, Parameter(help=_axis_help(name), negative="")]
            fields.append((name, kind, dataclasses.field(default=None)))
    return dataclasses.make_dataclass("Axes", fields, frozen=True, kw_only=True, namespace={"__module__": __name__})


def _axis_help(name: str) -> str:
    if name == "seed":
        return "A seed, or several."
    choices = [choice for choice in get_args(HINTS[name]) if isinstance(choice, str)]
    return f"{HELP[name]} One of {', '.join(choices)}." if choices else HELP[name]


if TYPE_CHECKING:
    AxisFlags = Any
else:
    AxisFlags = Annotated[_axis_flags(), Parameter(name="*")]
Preset = Literal["notebook-width", "notebook-latent", "notebook-beta", "best", "best-long"]


def sweep(
    axes: AxisFlags = None,
    *,
    seeds: Annotated[Tokens | None, Parameter(negative="")] = None,
    hold: Hold | None = None,
    settings: Annotated[Path | None, Parameter(name="--config")] = None,
    preset: Preset | None = None,
    out: Path | None = None,
    workers: str | None = None,
    cluster: str | None = None,
    dry_run: Flag = False,
    quiet: Quiet = False,
) -> int:
    """Train many VAEs, one for each combination of values and each seed, and tell what they say together.

    Every setting takes a list of values, as in --beta 0.001,0.01,0.1. The same command goes on with its unfinished
    sweep. On a folder that holds a sweep already, what is missing is added.

    Parameters
    ----------
    seeds
        Number of seeds, 5 by default, or a list of seeds.
    hold
        What stays as the latent dimension changes: beta, or the decoder sigma that beta implies at two dimensions.
    settings
        TOML file with settings, lists being axes, such as a sweep's sweep.toml; those on the command line win.
    preset
        The notebook's experiments, or a recipe, for the settings left open.
    out
        The sweep's folder, new or to go on with; sweeps/001, sweeps/002, ... by default.
    workers
        Processes on this machine; by default one for each core.
    cluster
        Address of a Dask scheduler whose workers compute the runs instead.
    dry_run
        Say how many runs there are and what they cost, and write nothing.
    """
    from swissroll.sweep.runner import define

    if workers is not None and cluster is not None:
        raise ValueError("--workers is for this machine and --cluster for others; leave out one of them.")
    where = Workers(
        count=_number_of_workers(workers) if cluster is None else 1,
        cluster=cluster,
        named=workers is not None,
    )
    given = collect_given(axes, seeds, hold)

    values = record_table(add_open_settings(given, settings, preset))
    with ExitStack() as claim:
        if out is None:
            if not dry_run:
                # Until this sweep's definition is on disk, where the same command would find it.
                claim.enter_context(sole_planner(SWEEPS))
            out = _find_same(values, dry_run=dry_run)

        with _sweep_folder(out, dry_run=dry_run) as folder:
            if (folder / "sweep.toml").is_file():
                note_file(folder / "sweep.toml", *read_definition(folder))
            defined = define(folder, values)
            note_doubtful(axes, values, defined)
            if not dry_run:
                with disk_errors_with(lambda: where.continue_command(folder)):
                    return _run(folder, defined, where, claim, quiet=quiet)

    from swissroll.cli.sweep_summary import describe_plan

    print(describe_plan(folder, defined, where.count, quiet=quiet))
    return 0


def _find_same(values: dict[str, Any], *, dry_run: bool) -> Path | None:
    """The folder of the same sweep, where the same command was given before; says so."""
    from swissroll.sweep.runner import find_same, sweep_lock

    found = find_same(SWEEPS, values) if values else None
    if found is None:
        return None

    anew = f"To compute it again, name a new folder: --out {quote(next_folder(SWEEPS))}"
    if found.finished == found.planned:
        note(f"{found.folder} is this sweep, and it is finished. {anew}")
    else:
        # It does not go on where another process has it: that is an error, before any word of going on.
        if not dry_run:
            with suppress(OSError), sweep_lock(found.folder):
                pass
        count = f"{found.finished:,} of {found.planned:,} runs are on disk"
        note(f"{found.folder} is this sweep, unfinished ({count}): it goes on. {anew}")
    return found.folder


def _sweep_folder(out: Path | None, *, dry_run: bool) -> AbstractContextManager[Path]:
    """The sweep's folder: the one that is named, or a new one."""
    if out is None and not dry_run:
        return new_folder(SWEEPS)
    return nullcontext(out or next_folder(SWEEPS))


@dataclasses.dataclass(frozen=True)
class Workers:
    """Who computes the groups: a number of local processes, which may have been named, or a cluster."""

    count: int
    cluster: str | None
    named: bool

    def continue_command(self, folder: Path) -> str:
        """The command that continues a sweep with these workers."""
        if not (folder / "sweep.toml").is_file():
            return "the same swissroll sweep command again"
        command = f"swissroll sweep --out {quote(folder)}"
        if self.cluster is not None:
            return f"{command} --cluster {quote(self.cluster)}"
        return f"{command} --workers {self.count}" if self.named else command

    def open_pool(self, *, quiet: bool) -> Pool:
        """Start the processes, or connect to the cluster."""
        from swissroll.sweep.cluster import ClusterPool
        from swissroll.sweep.pools import LocalPool

        if self.cluster is None:
            return LocalPool(self.count)

        if not quiet:
            print(f"Connecting to {self.cluster}", file=sys.stderr)
        pool = ClusterPool(self.cluster)
        for difference, workers in pool.version_mismatches().items():
            note(f"{len(workers)} of its workers ({workers[0]}) have {difference}; runs may differ there, or fail.")
        return pool


def _number_of_workers(text: str | None) -> int:
    """The number that is named; by default one for each core that this process may use."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    if text is None:
        return min(cores, MAX_WORKERS)

    number = int(parse_word("workers", int, text))
    most = max(MIN_ALLOWED_WORKERS, MAX_WORKERS_PER_CORE * cores)
    checks.whole("workers", number, 1, min(most, MAX_WORKERS))
    return number


def _run(folder: Path, defined: Sweep, where: Workers, claim: ExitStack, *, quiet: bool) -> int:
    """Compute what is missing, and tell what there is; returns the exit code.

    Args:
        folder: The sweep's folder.
        defined: Its definition.
        where: Who computes it.
        claim: What keeps other commands from planning a sweep; closed once this one's plan is on disk.
        quiet: Show no bars.
    """
    from swissroll.cli.sweep_summary import Progress, finish
    from swissroll.sweep.pools import ClusterLostError
    from swissroll.sweep.runner import open_sweep

    try:
        with _closing(where.open_pool(quiet=quiet)) as pool, open_sweep(folder, defined, quiet=quiet) as groups:
            claim.close()
            if groups and where.cluster is None:
                _require_engines(folder, defined)
            with Progress(len(defined), groups, quiet=quiet) as progress:
                _compute(folder, defined, groups, pool, progress, where)
            print(finish(folder, defined, progress, where.continue_command(folder)))
    except KeyboardInterrupt:
        print(f"stopped; {_where_it_stands(folder, defined, where) or 'nothing was computed'}")
        return INTERRUPTED
    except ClusterLostError as error:
        raise _explain_lost_cluster(error, _where_it_stands(folder, defined, where)) from None

    for reason, runs in progress.failed.items():
        again = where.continue_command(folder)
        print(f"swissroll: {runs} runs are missing: {reason} To try them again: {again}", file=sys.stderr)
    return DIVERGED if progress.failed else 0


def _require_engines(folder: Path, defined: Sweep) -> None:
    """Require that this machine has what a sweep was begun with, before each of its groups fails for it."""
    from swissroll.sweep.extension import choose_device_and_engine

    try:
        choose_device_and_engine(defined)
    except ValueError as error:
        needs_jax = isinstance(error, FixableError) and error.fix is Fix.INSTALL_JAX
        remedy = f"To install it: {INSTALL_JAX}. Or" if needs_jax else "Go on with it on another machine, or"
        advice = f"{remedy} begin another sweep here, with --engine torch --device auto and a new --out."
        raise CommandError(f"{folder} cannot go on here: {reason_of(error)}", advice) from None


def _where_it_stands(folder: Path, defined: Sweep, where: Workers) -> str:
    """How much of a sweep is on disk, and the command that continues it; empty where there is none yet."""
    from swissroll.sweep.groups import count_finished

    if not (folder / "sweep.toml").exists():
        return ""
    count = f"{count_finished(folder, defined):,} of {len(defined):,} runs are on disk"
    return f"{count}; go on with: {where.continue_command(folder)}"


def _explain_lost_cluster(error: ClusterLostError, standing: str) -> ValueError:
    parts = [error.reason, fix_line(error), standing]
    return ValueError(" ".join(part for part in parts if part))


@contextmanager
def _closing(pool: Pool) -> Iterator[Pool]:
    """End the pool's processes: when they are done, or at once where something went wrong."""
    try:
        yield pool
    except BaseException:
        pool.close(now=True)
        raise
    pool.close(now=False)


def _compute(
    folder: Path, defined: Sweep, groups: list[Group], pool: Pool, progress: Progress, where: Workers
) -> None:  # fmt: skip
    from swissroll.sweep.runner import compute

    was_empty = False
    for ended in compute(folder, defined, groups, pool):
        progress.show(ended)

        # Once for each time that the last worker goes.
        is_empty = ended is None and pool.has_no_workers()
        if is_empty and not was_empty:
            with progress.aside():
                note(f"{where.cluster} has no workers. To start some: dask worker {where.cluster} --nthreads 1")
        was_empty = is_empty
