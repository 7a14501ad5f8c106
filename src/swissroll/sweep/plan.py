"""What a sweep is: the values of each setting, the runs that they make, and the groups that these are computed in.

    sweep.toml    any setting of a run as a value, or as a list of values (an axis); ``seeds``, ``hold``, ``evidence``
    groups.json   lists of runs, each list the work of one process in one go: planned once, added to as a sweep grows

Nothing here needs PyTorch until runs are named.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from swissroll import checks
from swissroll.config import FLOATS, PRESETS, Config, digest, read_toml, versions

Hold = Literal["beta", "sigma"]
MAX_RUNS = 10**6
"""Most runs that one sweep may plan."""
SEEDS = 5
"""Seeds where a sweep names none: enough for an interval."""
GROUP_SECONDS = 20.0
"""About the most work in a group: what a killed process loses."""
QUOTED_DIM = 2
"""Latent dimensions at which beta is quoted where sigma is held: Config's own."""
OWN = ("seeds", "hold", "evidence")
FIXED = ("threads", "snapshot_every")
"""Settings that a sweep decides: one thread a run, and no snapshots but the ends."""
FIELDS = tuple(field.name for field in dataclasses.fields(Config) if field.name not in ("seed", *FIXED))

SWEEP_PRESETS: dict[str, dict[str, Any]] = {
    "notebook-width": {"hidden_dim": [32, 256, 1024], "seeds": 5},
    "notebook-latent": {"latent_dim": [1, 2, 4, 8], "seeds": 5},
    "notebook-beta": {"beta": [0.0001, 0.001, 0.01, 0.1, 1.0], "seeds": 5},
    "best": PRESETS["best"],
    "best-long": PRESETS["best-long"],
}
"""The notebook's experiments, and the recipes, by name."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The definition of a sweep.

    Attributes:
        values: The values of each setting that is named, in the order of Config's fields; numbers ascend.
        seeds: One run a seed for each choice of the values.
        hold: What stays as quoted where the latent dimension changes. With ``sigma``, a run's beta is the quoted one
            times latent_dim / 2 (for reduction ``mean``), so that it implies the decoder sigma that the quoted beta
            implies at two latent dimensions.
        evidence: Whether to measure the evidence of each run, which takes seconds.

    Raises:
        ValueError: A value is out of range, or the runs are more than a million.
    """

    values: dict[str, tuple[Any, ...]]
    seeds: tuple[int, ...]
    hold: Hold = "beta"
    evidence: bool = False

    def __post_init__(self) -> None:
        checks.one_of("hold", self.hold, get_args(Hold))
        if not isinstance(self.evidence, bool):
            raise ValueError(f"evidence must be true or false; got {self.evidence!r}.")
        if len(self) > MAX_RUNS:
            raise ValueError(f"The sweep would be {len(self):,} runs; at most {MAX_RUNS:,} are allowed. Name fewer.")

    def __len__(self) -> int:
        return math.prod(map(len, self.values.values())) * len(self.seeds)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Sweep:
        """Make a sweep from plain values, as TOML holds them: each a value or a list of values.

        Raises:
            ValueError: A key is unknown, or a value out of range.
        """
        for key in values:
            if key in FIXED:
                raise ValueError(f"{key} is not a sweep's to choose: one thread a run, no snapshots. Leave it out.")
            if key not in (*FIELDS, "seed", *OWN):
                allowed = (*FIELDS, *OWN)
                raise ValueError(f"unknown key {key!r}.{checks.closest(key, allowed)} Allowed: {', '.join(allowed)}.")
        if "seed" in values and "seeds" in values:
            raise ValueError("seed and seeds both choose seeds; leave out one of them.")
        return cls(
            values={name: _listed(name, values[name]) for name in FIELDS if name in values},
            seeds=_seeds(values),
            hold=values.get("hold", "beta"),
            evidence=values.get("evidence", False),
        )

    def grown(self, values: Mapping[str, Any]) -> Sweep:
        """The sweep with more values on its axes, as :meth:`of` takes them.

        A setting with one value becomes an axis where the new values hold that one, too.

        Raises:
            ValueError: The values contradict the sweep.
        """
        more = Sweep.of(values)
        for name in ("hold", "evidence"):
            if name in values and getattr(more, name) != getattr(self, name):
                raise ValueError(
                    f"{name} is {_shown(getattr(self, name))} in this sweep; got {_shown(getattr(more, name))}. "
                    "Leave it out, or choose another --out."
                )
        joint = {name: self._joined(name, more.values.get(name, ())) for name in FIELDS}
        named = {name: found for name, found in joint.items() if found != (getattr(Config, name),)}
        seeds = () if values.keys().isdisjoint(("seed", "seeds")) else more.seeds
        return dataclasses.replace(self, values=named, seeds=_ordered([*self.seeds, *seeds]))

    def _joined(self, name: str, more: tuple[Any, ...]) -> tuple[Any, ...]:
        mine = self._of(name)
        if len(mine) == 1 and more and mine[0] not in more and not self._decided(name, more):
            both = f"--{name.replace('_', '-')} {','.join(map(str, (*mine, *more)))}"
            advice = "Choose another --out" if mine[0] is None else f"To add runs beside it, name both: {both}"
            raise ValueError(f"{name} is {mine[0]} in this sweep; got {', '.join(map(str, more))}. {advice}.")
        return mine if self._decided(name, more) else _ordered([*mine, *more])

    def holds(self, other: Sweep) -> bool:
        """Whether all values and seeds of another sweep are this one's, too."""
        values = (name for name in FIELDS if not set(other._of(name)) <= set(self._of(name)))
        alike = (self.hold, self.evidence) == (other.hold, other.evidence)
        return alike and not any(values) and set(other.seeds) <= set(self.seeds)

    def _of(self, name: str) -> tuple[Any, ...]:
        return self.values.get(name, (getattr(Config, name),))

    @staticmethod
    def _decided(name: str, more: tuple[Any, ...]) -> bool:
        """Whether the new values leave it to what was decided when the sweep began."""
        return name in ("device", "engine") and more == ("auto",)

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The settings with more than one value."""
        return {name: found for name, found in self.values.items() if len(found) > 1}

    def config(self, index: int) -> Config:
        """The settings of a run, by its place in the sweep's order: the first axis slowest, seeds fastest."""
        place, seed = divmod(index, len(self.seeds))
        return dataclasses.replace(self._setting(place), seed=self.seeds[seed])

    def setting(self, index: int) -> dict[str, Any]:
        """A run's value on each axis, beta as it is quoted; runs that differ in the seed alone share it."""
        chosen = self._chosen(index // len(self.seeds))
        return {name: chosen[name] for name in self.axes}

    def _chosen(self, place: int) -> dict[str, Any]:
        chosen = {}
        for name, found in reversed(self.values.items()):
            place, i = divmod(place, len(found))
            chosen[name] = found[i]
        return chosen

    def _setting(self, place: int) -> Config:
        config = Config.from_dict(self._chosen(place), "sweep")
        if self.hold == "sigma" and config.reduction == "mean":
            share = config.latent_dim / QUOTED_DIM
            start = None if config.beta_start is None else config.beta_start * share
            config = dataclasses.replace(config, beta=config.beta * share, beta_start=start)
        return dataclasses.replace(config, threads=1, snapshot_every=config.steps, seed=self.seeds[0])

    def settings(self) -> Iterator[Config]:
        """One config for each choice of the values, with the first seed, in the sweep's order."""
        return map(self._setting, range(len(self) // len(self.seeds)))

    def configs(self) -> Iterator[Config]:
        """The settings of all runs, in the sweep's order."""
        return (dataclasses.replace(config, seed=seed) for config in self.settings() for seed in self.seeds)

    def names(self) -> Iterator[str]:
        """The names of all runs, in the sweep's order."""
        return map(run_name, self.configs())

    def decided(self) -> Sweep:
        """The sweep with what this machine decides: device and engine.

        Raises:
            ValueError: A device or engine is not on this machine.
        """
        from swissroll.training.build import choose_device, require_engine

        devices: Any = [choose_device(device).type for device in self._of("device")]
        engines: Any = [_engine(self, devices) if engine == "auto" else engine for engine in self._of("engine")]
        for device, engine in itertools.product(devices, engines):
            require_engine(Config(device=device, engine=engine, threads=1))
        found = self.values | {"device": _ordered(devices), "engine": _ordered(engines)}
        return dataclasses.replace(self, values={name: found[name] for name in FIELDS if name in found})

    def to_toml(self) -> str:
        """The sweep as TOML, with the versions that it was begun under."""
        import tomli_w

        values: dict[str, Any] = {k: list(v) if len(v) > 1 else v[0] for k, v in self.values.items()}
        counted = self.seeds == tuple(range(len(self.seeds)))
        values |= {"seeds": len(self.seeds) if counted else list(self.seeds), "hold": self.hold}
        return tomli_w.dumps(values | {"evidence": self.evidence, "versions": versions(xla=True)})


def more_seeds(seeds: int) -> int:
    """How many seeds to add up to, where differences are lost in their noise."""
    return max(SEEDS, 2 * seeds)


def run_name(config: Config) -> str:
    """The name of a run's folder in a sweep: the first 16 hex digits of its settings' digest."""
    return digest(config)[:16]


def _engine(sweep: Sweep, devices: list[str]) -> str:
    """What 'auto' means for a sweep: the fast engine where an average shape's runs together win back its start."""
    from swissroll.training.build import STEP_OVERHEAD_FLOPS, XLA_START_FLOPS, flops, xla_is_here
    from swissroll.training.many import shape_of

    work, shapes = 0.0, set()
    for config in sweep.settings():
        work += len(sweep.seeds) * config.steps * (STEP_OVERHEAD_FLOPS + flops(config))
        shapes.add(shape_of(config))
    return "xla" if work > XLA_START_FLOPS * len(shapes) and all(map(xla_is_here, devices)) else "torch"


def read_values(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a sweep's definition as (values, versions it was written under); a run's config.toml is one, too.

    Raises:
        ValueError: The file is missing, is not TOML, has an unknown key or a value out of range.
    """
    values, recorded = read_toml(path)
    try:
        Sweep.of({k: v for k, v in values.items() if k not in FIXED})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return values, recorded


def read_sweep(folder: Path) -> Sweep:
    """Read the definition of the sweep that lies in a folder.

    Raises:
        ValueError: The folder is no sweep, or its sweep.toml is damaged.
    """
    if not (folder / "sweep.toml").is_file():
        raise ValueError(f"{folder} is not a sweep: it holds no sweep.toml. 'swissroll sweep' makes one.")
    return Sweep.of(read_values(folder / "sweep.toml")[0])


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    found = list(value) if isinstance(value, (list, tuple)) else [value]
    if not found or not all(isinstance(v, (str, int, float)) for v in found):
        raise ValueError(f"{name} must be a value or a list of values; got {value!r:.60}.")
    whole = [float(v) if name in FLOATS and type(v) is int and abs(v) < 10**15 else v for v in found]
    return _ordered(whole)


def _ordered(values: Iterable[Any]) -> tuple[Any, ...]:
    """The distinct values; numbers ascend, words stay as they come."""
    found = list(dict.fromkeys(values))
    numbers = all(isinstance(v, (int, float)) for v in found)
    return tuple(sorted(found)) if numbers else tuple(found)


def _seeds(values: Mapping[str, Any]) -> tuple[int, ...]:
    """The seeds that ``seeds`` counts or lists, or that ``seed`` names."""
    value = values.get("seeds", SEEDS)
    if "seed" in values:
        value = values["seed"] if isinstance(values["seed"], list) else [values["seed"]]
    if not isinstance(value, list):
        checks.whole("seeds", value, 1, MAX_RUNS)
        return tuple(range(value))
    if not value:
        raise ValueError("seeds must be their number or a list of seeds; got an empty list.")
    for seed in value:
        checks.whole("seed", seed, 0, 2**63 - 1)
    return _ordered(value)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def plan_groups(sweep: Sweep, names: list[str], planned: list[list[str]]) -> list[list[str]]:
    """The groups that a sweep is computed in: those planned before, and new ones for the runs that these lack.

    Args:
        sweep: The definition.
        names: The names of its runs, in its order.
        planned: Groups of an earlier plan, which stay as they are.

    Returns:
        Lists of names. The runs of a group share a shape, and equal seeds meet in it.
    """
    from swissroll.training.many import shape_of

    known = {name for group in planned for name in group}
    shapes: dict[Any, list[int]] = {}
    for place, config in enumerate(sweep.settings()):
        first = place * len(sweep.seeds)
        new = [i for i in range(first, first + len(sweep.seeds)) if names[i] not in known]
        shapes.setdefault(shape_of(config), []).extend(new)
    groups = list(planned)
    for found in shapes.values():
        found.sort(key=lambda i: (i % len(sweep.seeds), i))
        size = _group_size(sweep.config(found[0]), len(found), evidence=sweep.evidence) if found else 1
        groups += [[names[i] for i in found[k : k + size]] for k in range(0, len(found), size)]
    return groups


def _group_size(config: Config, runs: int, *, evidence: bool) -> int:
    """Runs in each group: even shares of at most about 20 s, of whole programs where a program has lanes."""
    from swissroll.sweep.cost import seconds
    from swissroll.training.many import members_per_batch

    most = max(1, int(GROUP_SECONDS / seconds(config, evidence=evidence)))
    even = math.ceil(runs / math.ceil(runs / most))
    together = members_per_batch(config)
    return even if even <= together else min(math.ceil(even / together), most // together or 1) * together


def read_groups(folder: Path) -> list[list[str]]:
    """Read the groups that were planned in a sweep's folder; none in a new one.

    Raises:
        ValueError: groups.json is damaged.
    """
    path = folder / "groups.json"
    try:
        groups = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    except (ValueError, RecursionError, IsADirectoryError):
        groups = None
    if not isinstance(groups, list) or not all(
        isinstance(g, list) and all(isinstance(n, str) for n in g) for g in groups
    ):
        raise ValueError(f"{path}: damaged. Remove it: what is missing is then grouped anew.")
    return groups
