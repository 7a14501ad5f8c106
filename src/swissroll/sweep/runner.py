"""A sweep in its folder: what is missing is computed, and each run is on disk, complete, as soon as its group is done.

    sweep.toml    the definition
    groups.json   the groups that its runs are computed in
    runs/NAME/    a run, as 'swissroll train' writes it, with its metrics; NAME is the start of its settings' digest
    table.csv     one row per run
    report.html   what the runs say together

A sweep may be killed at any moment. Started again, it computes each group that lacks a run once more, all of it, so
that it ends in the same numbers.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from errno import EACCES
from itertools import islice
from pathlib import Path
from typing import Any

from swissroll.errors import Fix, FixableError
from swissroll.sweep.extension import choose_device_and_engine, extend, includes, is_same
from swissroll.sweep.groups import Group, count_finished, incomplete_groups, plan_groups, read_groups
from swissroll.sweep.plan import Sweep, explain_lost_definition, read_definition, read_sweep
from swissroll.sweep.pools import Files, FilesFuture, Pool

MAX_DEATHS = 3
"""Times that workers may die under a group before its runs are given up."""
TICK_SECONDS = 0.5
"""Longest wait for a group before the pool is checked."""
MAX_CHECKED_EARLY = 10_000
"""Settings that are checked before libraries are imported, which takes seconds; the rest are checked after that."""


@dataclass(frozen=True, kw_only=True)
class GroupEnd:
    """A group that ended; its runs are on disk, unless there is a reason why not."""

    group: Group
    reason: str = ""


def define(folder: Path, values: Mapping[str, Any]) -> Sweep:
    """The sweep that a folder is to hold: a new one, or the one that lies there, with more values.

    Raises:
        ValueError: The folder holds something else, the values contradict its sweep, or name nothing.
    """
    if (folder / "sweep.toml").is_file():
        sweep = extend(read_sweep(folder), values)
        return choose_device_and_engine(sweep) if "device" in values or "engine" in values else sweep

    _require_new(folder)
    if not values and (folder / "groups.json").is_file():
        raise explain_lost_definition(folder)
    if not values:
        raise FixableError(f"{folder} is not a sweep yet, and no setting is given.", Fix.VARY_A_SETTING, folder=folder)
    sweep = Sweep.of(values)
    for _ in islice(sweep.settings(), MAX_CHECKED_EARLY):
        pass
    sweep = choose_device_and_engine(sweep)
    _require_named(folder, sweep)
    return sweep


@dataclass(frozen=True, kw_only=True)
class Found:
    """A sweep that was begun before.

    Attributes:
        folder: Where it lies.
        finished: How many of its runs are on disk.
        planned: How many it has.
    """

    folder: Path
    finished: int
    planned: int


def find_same(parent: Path, values: Mapping[str, Any]) -> Found | None:
    """The sweep of these values among those in a folder: the latest that is unfinished, else the latest of all.

    Raises:
        ValueError: The values are out of range.
    """
    from swissroll.runs.folder import numbered

    wanted = Sweep.of(values)
    latest = None
    for folder in numbered(parent):
        # One that is damaged, or being begun, is none of these.
        with suppress(ValueError):
            sweep = read_sweep(folder)
            if not is_same(sweep, wanted):
                continue
            found = Found(folder=folder, finished=count_finished(folder, sweep), planned=len(sweep))
            latest = latest or found
            if found.finished < found.planned:
                return found
    return latest


def _require_new(folder: Path) -> None:
    if not folder.exists():
        return
    if folder.is_dir() and all(path.name.startswith(".") for path in folder.iterdir()):
        return
    if not (folder / "groups.json").is_file():
        raise FixableError(f"{folder} exists and is not a sweep.", Fix.CHOOSE_ANOTHER_FOLDER, folder=folder)


def _require_named(folder: Path, sweep: Sweep) -> None:
    """Require that a definition names the runs of a folder whose own definition is gone: then it takes its place."""
    planned = read_groups(folder)
    names: set[str] = set().union(*planned)
    if names and not names <= set(sweep.names()):
        raise explain_lost_definition(folder)


def run_names(sweep: Sweep, *, quiet: bool = False) -> list[str]:
    """The names of all runs, behind a bar where that takes more than a second.

    Raises:
        ValueError: Settings contradict each other.
    """
    from tqdm.auto import tqdm

    bar = tqdm(sweep.names(), total=len(sweep), desc="Planning", unit=" runs", delay=1, leave=False, disable=quiet)
    return list(bar)


@contextmanager
def open_sweep(folder: Path, sweep: Sweep, *, quiet: bool = False) -> Iterator[list[Group]]:
    """Write a sweep's definition and its groups, and keep other processes out; gives the groups that lack runs.

    Raises:
        ValueError: Settings contradict each other, the folder cannot be written, or another process has it.
    """
    names = run_names(sweep, quiet=quiet)  # Checks the settings of every run before anything is written.
    _make(folder)
    with sweep_lock(folder):
        yield _write_plan(folder, sweep, names)


@contextmanager
def sweep_lock(folder: Path) -> Iterator[None]:
    """Keep other processes out of a sweep's folder.

    Raises:
        LockedError: Another process has it.
    """
    from swissroll.runs.errors import LockedError
    from swissroll.runs.folder import lock

    with ExitStack() as held:
        try:
            held.enter_context(lock(folder))
        except LockedError:
            reason = f"{folder} is being computed by another process. Wait for it to end."
            raise LockedError(reason, Fix.CHOOSE_ANOTHER_FOLDER, folder=folder) from None
        yield


def _make(folder: Path) -> None:
    from swissroll.runs.folder import io_errors_as_run_errors

    with io_errors_as_run_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))


def _write_plan(folder: Path, sweep: Sweep, names: list[str]) -> list[Group]:
    """Bring the definition and the groups on disk to those of a sweep; returns the groups that lack runs."""
    from swissroll.runs.files import replace_file

    there = None
    begun_under: dict[str, str] = {}
    if (folder / "sweep.toml").is_file():
        values, begun_under = read_definition(folder)
        there = Sweep.of(values)
    if there is not None and not includes(sweep, there):
        raise ValueError(f"{folder} was changed by another process meanwhile. Try again.")
    for rest in (folder / "runs").glob(".*.tmp"):
        shutil.rmtree(rest)

    planned = read_groups(folder)
    groups = plan_groups(sweep, names, planned)
    incomplete = incomplete_groups(folder, sweep, names, groups)

    if there != sweep:
        replace_file(folder / "sweep.toml", sweep.to_toml(begun_under).encode())
    (folder / "runs").mkdir(exist_ok=True)  # Later than its definition: a kill leaves nothing without one.
    if groups != planned:
        replace_file(folder / "groups.json", json.dumps(groups).encode())
    return incomplete


def compute(folder: Path, sweep: Sweep, groups: list[Group], pool: Pool) -> Iterator[GroupEnd | None]:
    """Compute groups, and write each run as soon as its group is done.

    Yields:
        Each group that ended, and None from time to time while none ends.

    Raises:
        ClusterLostError: The scheduler was lost. What was written stays.
    """
    waiting = deque(groups)
    in_flight: dict[FilesFuture, Group] = {}
    while waiting or in_flight:
        _submit(sweep, waiting, in_flight, pool)
        done, _ = wait(in_flight, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
        ended = [(in_flight.pop(future), future) for future in done]

        # Before files are written, so that no worker waits for them.
        _submit(sweep, waiting, in_flight, pool)

        for group, future in ended:
            if future.cancelled():
                raise pool.lost_error()
            error = future.exception()
            died = error is not None and pool.worker_died(error)
            if died and group.deaths + 1 < MAX_DEATHS:
                waiting.append(dataclasses.replace(group, deaths=group.deaths + 1))
            elif died:
                yield GroupEnd(group=group, reason="their workers died several times; was memory short?")
            elif error is not None:
                yield GroupEnd(group=group, reason=_first_line(error))
            else:
                _write_group(folder, group, future.result())
                yield GroupEnd(group=group)

        if not done:
            pool.check()
            yield None


def _submit(sweep: Sweep, waiting: deque[Group], in_flight: dict[FilesFuture, Group], pool: Pool) -> None:
    """Hand groups to the pool, as many as it takes."""
    most = pool.max_in_flight()
    while waiting and len(in_flight) < most:
        group = waiting.popleft()
        configs = [_as_plain(sweep, index) for index in group.indices]
        in_flight[pool.submit(configs)] = group


def _as_plain(sweep: Sweep, index: int) -> dict[str, Any]:
    """A run's settings, as Config.from_dict takes them."""
    values = dataclasses.asdict(sweep.config(index))
    return {name: value for name, value in values.items() if value is not None}


def _first_line(error: BaseException) -> str:
    message = str(error) or "no message"
    return f"{type(error).__name__}: {message.splitlines()[0]}"[:200]


def _write_group(folder: Path, group: Group, files_of_runs: list[Files]) -> None:
    for name, files in zip(group.names, files_of_runs, strict=True):
        if name in group.missing:
            write_run(folder / "runs", name, files)


def write_run(runs: Path, name: str, files: Files) -> None:
    """Write a run's folder aside, sync it, and put it in place: all of it is there, or nothing."""
    from swissroll.runs.files import naming

    aside = runs / f".{name}.tmp"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for file_name, data in files.items():
        with naming(runs / name / file_name), (aside / file_name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    aside.rename(runs / name)
    # The rename itself is on disk only when the folder is, where a system can sync folders.
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(runs, os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
