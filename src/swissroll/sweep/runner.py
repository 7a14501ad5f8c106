"""A sweep in its folder: what is missing is computed, and each run is on disk, whole, as soon as its group is done.

    sweep.toml    the definition
    groups.json   the groups that its runs are computed in
    runs/NAME/    a run, as 'swissroll train' writes it, with its metrics; NAME is the start of its settings' digest
    table.csv     one row a run
    report.html   what the runs say together

A sweep may be killed at any moment. Started again it computes each group that lacks a run again, whole, so that it ends
in the same numbers.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EACCES
from itertools import islice
from pathlib import Path
from typing import Any

from swissroll.sweep import cost
from swissroll.sweep.plan import Sweep, plan_groups, read_groups, read_sweep
from swissroll.sweep.pools import Files, Pool, Result

DEATHS = 3
"""Times that a pool may tell of workers which died under a group before its runs are given up."""
TICK_SECONDS = 0.5
CHECKED = 10_000
"""Settings that are checked before libraries are imported, which takes seconds; the rest are checked after that."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs that one process computes in one go.

    Attributes:
        names: Their names.
        places: Their places in the sweep's order.
        missing: The names of those that are not on disk.
        steps: Gradient steps of them all.
        seconds: About how long they take on one core.
        deaths: How often workers died under them.
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    missing: frozenset[str]
    steps: int
    seconds: float
    deaths: int = 0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A group that ended; its runs are on disk, unless there is a reason why not."""

    group: Group
    reason: str = ""


def define(folder: Path, values: Mapping[str, Any]) -> Sweep:
    """The sweep that a folder is to hold: a new one, or the one that lies there, with more values.

    Raises:
        ValueError: The folder holds something else, the values contradict its sweep, or name nothing.
    """
    if (folder / "sweep.toml").is_file():
        grown = read_sweep(folder).grown(values)
        return grown.decided() if values.keys() & {"device", "engine"} else grown
    if folder.exists() and (not folder.is_dir() or any(not path.name.startswith(".") for path in folder.iterdir())):
        if (folder / "groups.json").is_file():
            raise ValueError(
                f"{folder} holds a sweep's runs, but its sweep.toml is gone. Put it back, or choose another."
            )
        raise ValueError(f"{folder} exists and is not a sweep. Choose another --out.")
    if not values:
        raise ValueError(f"{folder} is not a sweep yet: name what to vary, such as --beta 0.001,0.01,0.1.")
    sweep = Sweep.of(values)
    for _ in islice(sweep.settings(), CHECKED):
        pass
    return sweep.decided()


def named(sweep: Sweep, *, quiet: bool = False) -> list[str]:
    """The names of all runs, behind a bar where that takes more than a second.

    Raises:
        ValueError: Settings do not go together.
    """
    from tqdm.auto import tqdm

    return [*tqdm(sweep.names(), total=len(sweep), desc="Planning", unit=" runs", delay=1, leave=False, disable=quiet)]


@contextmanager
def opened(folder: Path, sweep: Sweep, *, quiet: bool = False) -> Iterator[list[Group]]:
    """Write a sweep's definition and its groups, and keep other processes out; gives the groups that lack runs.

    Raises:
        ValueError: Settings do not go together, the folder cannot be written, or another process has it.
    """
    from swissroll.runs.files import replace_file
    from swissroll.runs.folder import lock

    names = named(sweep, quiet=quiet)  # Checks the settings of every run before anything is written.
    _make(folder)
    with lock(folder):
        there = read_sweep(folder) if (folder / "sweep.toml").is_file() else None
        if there is not None and not sweep.holds(there):
            raise ValueError(f"{folder} was changed by another process meanwhile. Try again.")
        for rest in (folder / "runs").glob(".*.tmp"):
            shutil.rmtree(rest)
        planned = read_groups(folder)
        groups = plan_groups(sweep, names, planned)
        missing = remaining(folder, sweep, names, groups)
        if there != sweep:
            replace_file(folder / "sweep.toml", sweep.to_toml().encode())
        (folder / "runs").mkdir(exist_ok=True)  # Later than its definition: a kill leaves nothing without one.
        if groups != planned:
            replace_file(folder / "groups.json", json.dumps(groups).encode())
        yield missing


def _make(folder: Path) -> None:
    try:
        str(folder).encode()
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name is not valid UTF-8"
        raise ValueError(f"{folder!s:.200}: cannot be written ({why}). Choose another --out.") from None


def remaining(folder: Path, sweep: Sweep, names: list[str], groups: list[list[str]]) -> list[Group]:
    """The groups that lack a run on disk, the longest first.

    Raises:
        ValueError: A run's folder is not empty, and is no run; or the definition does not name a run that is there.
    """
    there = _whole(folder)
    place = {name: i for i, name in enumerate(names)}
    planned = {name for group in groups for name in group}
    if strangers := (there & planned) - place.keys():
        raise ValueError(
            f"{folder}: damaged (sweep.toml does not name {len(strangers):,} of the {len(there):,} runs there). "
            "Put back the sweep.toml that they were made with, or choose another --out."
        )
    found = []
    for group in groups:
        known = [name for name in group if name in place]
        if not there.issuperset(known):
            found.append(_group(sweep, known, [place[name] for name in known], there))
    return sorted(found, key=lambda group: -group.seconds)


def _whole(folder: Path) -> set[str]:
    """The names of the runs on disk; an empty folder is none."""
    runs, found = folder / "runs", set()
    for path in runs.iterdir() if runs.is_dir() else ():
        if path.name.startswith("."):  # Half-written.
            continue
        if (path / "state.json").exists():
            found.add(path.name)
        elif not path.is_dir() or any(path.iterdir()):
            raise ValueError(f"{path}: damaged (it is no whole run). Remove it, then 'swissroll sweep --out {folder}'.")
    return found


def _group(sweep: Sweep, names: list[str], places: list[int], there: set[str]) -> Group:
    config = sweep.config(places[0])
    return Group(
        names=tuple(names),
        places=tuple(places),
        missing=frozenset(names) - there,
        steps=config.steps * len(names),
        seconds=cost.seconds(config, evidence=sweep.evidence) * len(names),
    )


def compute(folder: Path, sweep: Sweep, groups: list[Group], pool: Pool) -> Iterator[Ended | None]:
    """Compute groups, and write each run as soon as its group is done.

    Yields:
        Each group that ended, and None now and then while there is nothing to tell.

    Raises:
        ClusterLostError: The scheduler was lost. What was written stays.
    """
    waiting, flying = deque(groups), dict[Result, Group]()
    while waiting or flying:
        _fill(sweep, waiting, flying, pool)
        done, _ = wait(flying, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
        ended = [(flying.pop(future), future) for future in done]
        # Before files are written, so that no worker waits for them.
        _fill(sweep, waiting, flying, pool)
        for group, future in ended:
            again = _again(group, future, pool)
            if again is not None:
                waiting.append(again)
            else:
                yield _settle(folder, group, future)
        if not done:
            pool.check()
            yield None


def _fill(sweep: Sweep, waiting: deque[Group], flying: dict[Result, Group], pool: Pool) -> None:
    room = pool.room()
    while waiting and len(flying) < room:
        group = waiting.popleft()
        configs = [_plain(sweep, place) for place in group.places]
        flying[pool.submit(configs, sweep.evidence)] = group


def _plain(sweep: Sweep, place: int) -> dict[str, Any]:
    return {k: v for k, v in dataclasses.asdict(sweep.config(place)).items() if v is not None}


def _again(group: Group, future: Result, pool: Pool) -> Group | None:
    """The group to compute once more, where a worker died under it."""
    if future.cancelled():
        raise pool.lost()
    error = future.exception()
    if error is None or not pool.died(error) or group.deaths + 1 >= DEATHS:
        return None
    return dataclasses.replace(group, deaths=group.deaths + 1)


def _settle(folder: Path, group: Group, future: Result) -> Ended:
    error = future.exception()
    if error is not None:
        return Ended(group=group, reason=_reason(error))
    for name, files in zip(group.names, future.result(), strict=True):
        if name in group.missing:
            write_run(folder / "runs", name, files)
    return Ended(group=group)


def _reason(error: BaseException) -> str:
    if type(error).__name__ in ("BrokenProcessPool", "KilledWorker"):
        return "workers died under them, several times; was memory short?"
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"[:200]


def write_run(runs: Path, name: str, files: Files) -> None:
    """Write a run's folder aside, sync it, and put it in place: it is there whole, or not at all."""
    aside = runs / f".{name}.tmp"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for file_name, data in files.items():
        with (aside / file_name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    aside.rename(runs / name)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(runs, os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
