"""The ``sweep`` command: many runs from lists of values, computed here or on a cluster, and told in one table."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

from cyclopts import Parameter

from swissroll import checks
from swissroll.cli.terminal import DIVERGED, INTERRUPTED, Flag, new_folder, next_folder, note, note_versions
from swissroll.config import FLOATS, HELP, Config
from swissroll.sweep.plan import FIELDS, FIXED, SWEEP_PRESETS, Hold, Sweep, read_values

if TYPE_CHECKING:
    from swissroll.cli.sweep_summary import Progress
    from swissroll.sweep.pools import Pool
    from swissroll.sweep.runner import Group

Tokens = list[str]
MAX_WORKERS = 1024
HINTS = get_type_hints(Config)


def _flags() -> type:
    """One flag for each setting; its values are parted by commas, or the flag is repeated."""
    fields = []
    for name, text in HELP.items():
        choices = [choice for choice in get_args(HINTS[name]) if isinstance(choice, str)]
        told = f"{text} One of {', '.join(choices)}." if choices else text
        told = "A seed, or several." if name == "seed" else told
        kind = Annotated[Tokens | None, Parameter(help=told, negative="")]
        if name in (*FIELDS, "seed"):
            fields.append((name, kind, dataclasses.field(default=None)))
    return dataclasses.make_dataclass("Axes", fields, frozen=True, kw_only=True, namespace={"__module__": __name__})


if TYPE_CHECKING:
    AxisFlags = Any
else:
    AxisFlags = Annotated[_flags(), Parameter(name="*")]
Preset = Literal["notebook-width", "notebook-latent", "notebook-beta", "best", "best-long"]


def sweep(
    axes: AxisFlags = None,
    *,
    seeds: Annotated[Tokens | None, Parameter(negative="")] = None,
    hold: Hold | None = None,
    evidence: Flag = False,
    settings: Annotated[Path | None, Parameter(name="--config")] = None,
    preset: Preset | None = None,
    out: Path | None = None,
    workers: str | None = None,
    cluster: str | None = None,
    dry_run: Flag = False,
    quiet: Flag = False,
) -> int:
    """Train many VAEs, one for each choice of values and each seed, and tell what they say together.

    Every setting takes a list of values, as in --beta 0.001,0.01,0.1. On a folder that holds a sweep already, what is
    missing is added.

    Parameters
    ----------
    seeds
        Number of seeds, 5 by default, or a list of seeds.
    hold
        What stays as the latent dimension changes: beta, or the decoder sigma that beta implies at two dimensions.
    evidence
        Measure the evidence of each run, too, which takes seconds.
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
    quiet
        Show no progress.
    """
    from swissroll.sweep.runner import define

    if workers is not None and cluster is not None:
        raise ValueError("--workers is for this machine and --cluster for others; leave out one of them.")
    where = Where(workers=_workers(workers) if cluster is None else 1, cluster=cluster)
    given = _given(axes, seeds, hold, evidence=evidence)
    with _place(out, dry_run=dry_run) as folder:
        if (folder / "sweep.toml").is_file():
            _read(folder / "sweep.toml")
        defined = define(folder, _beneath(given, settings, preset))
        if not dry_run:
            return _run(folder, defined, where, quiet=quiet)
    from swissroll.cli.sweep_summary import dry_run as told

    print(told(folder, defined, where.workers, quiet=quiet))
    return 0


def _place(out: Path | None, *, dry_run: bool) -> AbstractContextManager[Path]:
    """The sweep's folder: the one that is named, or a new one."""
    if out is None and not dry_run:
        return new_folder(Path("sweeps"))
    return nullcontext(out or next_folder(Path("sweeps")))


@dataclasses.dataclass(frozen=True)
class Where:
    """Where groups are computed: on so many local processes, or on a cluster."""

    workers: int
    cluster: str | None

    def command(self, folder: Path) -> str:
        """The command that goes on with a sweep."""
        return f"swissroll sweep --out {folder}" + (f" --cluster {self.cluster}" if self.cluster else "")

    def pool(self, *, quiet: bool) -> Pool:
        """The processes or the cluster."""
        from swissroll.sweep.pools import ClusterPool, LocalPool

        if self.cluster is None:
            return LocalPool(self.workers)
        if not quiet:
            print(f"Connecting to {self.cluster}", file=sys.stderr)
        pool = ClusterPool(self.cluster)
        for difference, workers in pool.strangers().items():
            note(f"{len(workers)} of its workers ({workers[0]}) have {difference}; runs may differ there, or fail.")
        return pool


def _workers(text: str | None) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    number = cores if text is None else _number("workers", int, text)
    checks.whole("workers", number, 1, MAX_WORKERS)
    return int(number)


def _given(axes: Any, seeds: Tokens | None, hold: str | None, *, evidence: bool) -> dict[str, Any]:
    """What the command line says, as :meth:`Sweep.of` takes it."""
    named = {} if axes is None else dataclasses.asdict(axes)
    found: dict[str, Any] = {name: _parsed(name, tokens) for name, tokens in named.items() if tokens is not None}
    if seeds is not None:
        listed = _parsed("seeds", seeds)
        found["seeds"] = listed[0] if len(listed) == 1 else listed
    found |= {"hold": hold} if hold else {}
    return found | ({"evidence": True} if evidence else {})


def _parsed(name: str, tokens: Tokens) -> list[Any]:
    kind = float if name in FLOATS else int if HINTS.get(name, int) is int else str
    return [_number(name, kind, word.strip()) for token in tokens for word in token.split(",")]


def _number(name: str, kind: type, word: str) -> Any:
    flag = f"--{name.replace('_', '-')}"
    if not word:
        raise ValueError(f"{flag} must be values parted by commas; one of them is empty.")
    if kind is int and not re.fullmatch(r"[+-]?\d{1,30}", word, re.ASCII):
        raise ValueError(f"{flag} must be whole numbers; got {word!r:.60}.")
    try:
        return kind(word)
    except ValueError:
        raise ValueError(f"{flag} must be numbers; got {word!r:.60}.") from None


def _beneath(given: dict[str, Any], settings: Path | None, preset: str | None) -> dict[str, Any]:
    """What the command line says over what the file or the preset says."""
    if settings is not None and preset is not None:
        raise ValueError("--config and --preset both choose settings; leave out one of them.")
    values = dict(SWEEP_PRESETS[preset]) if preset else _read(settings) if settings else {}
    if not given.keys().isdisjoint(("seed", "seeds")):
        values = {name: value for name, value in values.items() if name not in ("seed", "seeds")}
    return values | given


def _read(path: Path) -> dict[str, Any]:
    values, recorded = read_values(path)
    note_versions(path, recorded)
    if dropped := [name for name in FIXED if name in values]:
        note(f"{' and '.join(dropped)} of {path} are left out: a sweep's runs have one thread and keep their ends.")
    return {name: value for name, value in values.items() if name not in FIXED}


def _run(folder: Path, defined: Sweep, where: Where, *, quiet: bool) -> int:
    """Compute what is missing, and tell what there is; returns the exit code."""
    from swissroll.cli.sweep_summary import Progress, finish, left
    from swissroll.sweep.pools import ClusterLostError
    from swissroll.sweep.runner import opened

    try:
        with _closing(where.pool(quiet=quiet)) as pool, opened(folder, defined, quiet=quiet) as groups:
            with Progress(len(defined), groups, quiet=quiet) as progress:
                _compute(folder, defined, groups, pool, progress, where)
            print(finish(folder, defined, progress))
    except KeyboardInterrupt:
        there = (folder / "sweep.toml").exists()
        go_on = f"{left(folder, defined)}; go on with: {where.command(folder)}" if there else "nothing was computed"
        print(f"stopped; {go_on}")
        return INTERRUPTED
    except ClusterLostError as error:
        told = (
            f"{left(folder, defined)}; go on with: {where.command(folder)}" if (folder / "sweep.toml").exists() else ""
        )
        raise ValueError(f"{error} {told}".strip()) from None
    for reason, runs in progress.failed.items():
        print(
            f"swissroll: {runs} runs are missing: {reason} To try them again: {where.command(folder)}", file=sys.stderr
        )
    return DIVERGED if progress.failed else 0


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
    folder: Path, defined: Sweep, groups: list[Group], pool: Pool, progress: Progress, where: Where
) -> None:  # fmt: skip
    from swissroll.sweep.runner import compute

    told = False
    for ended in compute(folder, defined, groups, pool):
        progress.show(ended)
        before, told = told, ended is None and pool.deserted()
        if told and not before:
            with progress.aside():
                note(f"{where.cluster} has no workers. To start some: dask worker {where.cluster} --nthreads 1")
