"""Groups of a sweep's runs: each is the work of one process in one go.

    groups.json   lists of the names of runs: planned once, added to as a sweep grows

If a run of a group is not on disk, all of the group is computed again, so that its runs end in the same numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swissroll.config import Config
from swissroll.errors import Fix, FixableError
from swissroll.sweep import cost
from swissroll.sweep.plan import Sweep

MAX_GROUP_SECONDS = 20.0
"""About the most work in a group: what a killed process loses."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs that one process computes in one go.

    Attributes:
        names: Their names.
        indices: Their indices in the sweep's order.
        missing: The names of those that are not on disk.
        steps: Gradient steps of all of them.
        seconds: About how long they take on one core.
        deaths: How often workers died under them.
    """

    names: tuple[str, ...]
    indices: tuple[int, ...]
    missing: frozenset[str]
    steps: int
    seconds: float
    deaths: int = 0


def plan_groups(sweep: Sweep, names: list[str], planned: list[list[str]]) -> list[list[str]]:
    """The groups that a sweep is computed in: those planned before, and new ones for the runs that these lack.

    Args:
        sweep: The definition.
        names: The names of its runs, in its order.
        planned: Groups of an earlier plan, which stay as they are.

    Returns:
        Lists of names. The runs of a group share a shape, and equal seeds meet in it.
    """
    seeds = len(sweep.seeds)
    groups = list(planned)
    for indices in _new_indices_by_shape(sweep, names, planned):
        # Equal seeds share data and noise: side by side, a batch draws them once.
        indices.sort(key=lambda index: (index % seeds, index))
        size = _group_size(sweep.config(indices[0]), len(indices))
        for start in range(0, len(indices), size):
            groups.append([names[index] for index in indices[start : start + size]])
    return groups


def _new_indices_by_shape(sweep: Sweep, names: list[str], planned: list[list[str]]) -> list[list[int]]:
    """The runs that are in no group, those of one shape together; shapes in the sweep's order."""
    from swissroll.training.many import shape_of

    known: set[str] = set().union(*planned)
    seeds = len(sweep.seeds)
    by_shape: dict[Hashable, list[int]] = {}
    for combination, config in enumerate(sweep.settings()):
        first = combination * seeds
        new = [index for index in range(first, first + seeds) if names[index] not in known]
        by_shape.setdefault(shape_of(config), []).extend(new)
    return [indices for indices in by_shape.values() if indices]


def _group_size(config: Config, runs: int) -> int:
    """Runs in each group: even shares of at most about 20 s, of whole batches where a batch has several members."""
    from swissroll.training.many import members_per_batch

    most = max(1, int(MAX_GROUP_SECONDS / cost.seconds(config)))
    groups = math.ceil(runs / most)
    even = math.ceil(runs / groups)
    members = members_per_batch(config)
    if even <= members:
        return even

    most_batches = max(1, most // members)
    return min(math.ceil(even / members), most_batches) * members


def read_groups(folder: Path) -> list[list[str]]:
    """Read the groups that were planned in a sweep's folder; none in a new one.

    Raises:
        ValueError: groups.json is damaged.
    """
    path = folder / "groups.json"
    if not path.exists():
        return []

    try:
        groups = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, IsADirectoryError):
        groups = None
    if not isinstance(groups, list) or not all(map(_is_list_of_names, groups)):
        reason = f"{path}: damaged. Without it, what is missing is grouped again."
        raise FixableError(reason, Fix.MOVE_AND_TRY_AGAIN, path=path, move=path)
    return groups


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def incomplete_groups(folder: Path, sweep: Sweep, names: list[str], groups: list[list[str]]) -> list[Group]:
    """The groups that lack a run on disk, the longest first.

    Raises:
        ValueError: A run's folder is not empty, and is no run; or the definition does not name a run that is there.
    """
    there = _finished_runs(folder)
    index_of = {name: index for index, name in enumerate(names)}
    planned: set[str] = set().union(*groups)
    unnamed = (there & planned) - index_of.keys()
    if unnamed:
        raise FixableError(
            f"{folder}: damaged (sweep.toml does not name {len(unnamed):,} of the {len(there):,} runs there).",
            Fix.RESTORE_SWEEP_OR_CHOOSE_ANOTHER_FOLDER,
            folder=folder,
        )

    incomplete = []
    for group in groups:
        indices = [index_of[name] for name in group if name in index_of]
        if any(names[index] not in there for index in indices):
            incomplete.append(_group(sweep, names, indices, there))
    return sorted(incomplete, key=lambda group: -group.seconds)


def _finished_runs(folder: Path) -> set[str]:
    """The names of the runs on disk. An empty folder is none."""
    runs = folder / "runs"
    if not runs.is_dir():
        return set()

    found = set()
    for path in runs.iterdir():
        if path.name.startswith("."):  # Half-written.
            continue
        if (path / "state.json").exists():
            found.add(path.name)
        elif not path.is_dir() or any(path.iterdir()):
            raise FixableError(
                f"{path} is not a complete run.",
                Fix.MOVE_AND_CONTINUE_SWEEP,
                folder=folder,
                move=path,
            )
    return found


def count_finished(folder: Path, sweep: Sweep) -> int:
    """How many of a sweep's runs are on disk; what else lies beside them, such as a copy, does not count."""
    names = {path.parent.name for path in (folder / "runs").glob("[!.]*/state.json")}
    return sum(name in names for name in sweep.names()) if names else 0


def _group(sweep: Sweep, names: list[str], indices: list[int], there: set[str]) -> Group:
    config = sweep.config(indices[0])
    chosen = tuple(names[index] for index in indices)
    return Group(
        names=chosen,
        indices=tuple(indices),
        missing=frozenset(chosen) - there,
        steps=config.steps * len(chosen),
        seconds=cost.seconds(config) * len(chosen),
    )
