"""What a sweep is: the values of each setting, and the runs that they make.

    sweep.toml    any setting of a run as a value, or as a list of values (an axis); ``seeds``, ``hold``

Nothing here needs PyTorch.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from swissroll import checks
from swissroll.config import FLOATS, PRESETS, TABLE_SETTINGS, Config, digest, read_toml, versions
from swissroll.errors import Fix, FixableError

Hold = Literal["beta", "sigma"]
MAX_RUNS = 10**6
"""Most runs that one sweep may plan."""
DEFAULT_SEEDS = 5
"""Number of seeds where a sweep names none: enough for an interval."""
QUOTED_LATENT_DIM = 2
"""Latent dimensions at which beta is quoted where sigma is held: Config's own."""
SWEEP_KEYS = ("seeds", "hold", "evidence")
"""Keys beside the settings; ``evidence``, which is always measured now, is in files of earlier versions."""
"""What a sweep's file has beside the settings of a run."""
FIXED_FIELDS = ("threads", "snapshot_every")
"""Settings that a sweep decides itself: one thread per run, and no snapshots but the first and the last."""
FIELDS = tuple(field.name for field in dataclasses.fields(Config) if field.name not in ("seed", *FIXED_FIELDS))
"""Settings that may be an axis."""

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
        seeds: Each combination of the values is one run per seed.
        hold: What stays as quoted where the latent dimension changes. With ``sigma``, a run's beta is the quoted one
            times latent_dim / 2 (for reduction ``mean``), so that it implies the decoder sigma that the quoted beta
            implies at two latent dimensions.

    Raises:
        ValueError: A value is out of range, or the runs are more than a million.
    """

    values: dict[str, tuple[Any, ...]]
    seeds: tuple[int, ...]
    hold: Hold = "beta"

    def __post_init__(self) -> None:
        checks.one_of("hold", self.hold, get_args(Hold))
        if len(self) > MAX_RUNS:
            raise ValueError(f"The sweep would have {len(self):,} runs; at most {MAX_RUNS:,} are allowed. Name fewer.")

    def __len__(self) -> int:
        return self._combinations() * len(self.seeds)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Sweep:
        """Make a sweep from plain values, as TOML holds them: each a value or a list of values.

        Raises:
            ValueError: A key is unknown, or a value out of range.
        """
        checks.instance("values", values, Mapping, "settings by their names, such as {'beta': [0.01, 0.1]}")
        for key in values:
            _check_key(key)
        if "seed" in values and "seeds" in values:
            raise ValueError("seed and seeds both choose seeds; leave out one of them.")

        named = [name for name in FIELDS if name in values]
        return cls(
            values={name: _as_values(name, values[name]) for name in named},
            seeds=_as_seeds(values),
            hold=values.get("hold", "beta"),
        )

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The settings with more than one value."""
        return {name: values for name, values in self.values.items() if len(values) > 1}

    def values_of(self, name: str) -> tuple[Any, ...]:
        """The values of a setting, named or not."""
        return self.values.get(name, (getattr(Config, name),))

    def config(self, index: int) -> Config:
        """The settings of a run, by its index in the sweep's order: the first axis slowest, seeds fastest."""
        combination, seed = divmod(index, len(self.seeds))
        return dataclasses.replace(self._config_of(combination), seed=self.seeds[seed])

    def setting(self, index: int) -> dict[str, Any]:
        """A run's value on each axis, beta as it is quoted; runs that differ in the seed alone share it."""
        values = self._values_at(index // len(self.seeds))
        return {name: values[name] for name in self.axes}

    def settings(self) -> Iterator[Config]:
        """One config for each combination of the values, with the first seed, in the sweep's order."""
        return map(self._config_of, range(self._combinations()))

    def configs(self) -> Iterator[Config]:
        """The settings of all runs, in the sweep's order."""
        for config in self.settings():
            for seed in self.seeds:
                yield dataclasses.replace(config, seed=seed)

    def names(self) -> Iterator[str]:
        """The names of all runs, in the sweep's order."""
        return map(run_name, self.configs())

    def to_toml(self, begun_under: Mapping[str, str] | None = None) -> str:
        """The sweep as TOML, with the versions that it was begun under: by default, those of this machine."""
        import tomli_w

        written: dict[str, Any] = {}
        for name, values in self.values.items():
            written[name] = list(values) if len(values) > 1 else values[0]

        counted = self.seeds == tuple(range(len(self.seeds)))
        written["seeds"] = len(self.seeds) if counted else list(self.seeds)
        written["hold"] = self.hold
        written["versions"] = dict(begun_under or versions(xla=True))
        return tomli_w.dumps(written)

    def _combinations(self) -> int:
        """Number of combinations of the values."""
        return math.prod(len(values) for values in self.values.values())

    def _values_at(self, combination: int) -> dict[str, Any]:
        """The value of each setting in a combination: digits of its index, the last setting's first."""
        chosen = {}
        for name, values in reversed(self.values.items()):
            combination, digit = divmod(combination, len(values))
            chosen[name] = values[digit]
        return chosen

    def _config_of(self, combination: int) -> Config:
        values = self._values_at(combination)
        if 0 in self.axes.get("components", ()) and "refit_prior" not in self.axes and values["components"] == 0:
            # The fit after training is that of the runs which have a mixture.
            values["refit_prior"] = False
        config = Config.from_dict(values, "sweep")
        if self.hold == "sigma" and config.reduction == "mean":
            config = _hold_sigma(config)
        return dataclasses.replace(config, threads=1, snapshot_every=config.steps, seed=self.seeds[0])


def _hold_sigma(config: Config) -> Config:
    # With reduction mean, sigma^2 = beta D / (2 L): sigma stays where beta grows as L.
    factor = config.latent_dim / QUOTED_LATENT_DIM
    start = config.beta_start
    if start is not None:
        start = start * factor
    return dataclasses.replace(config, beta=config.beta * factor, beta_start=start)


def more_seeds(seeds: int) -> int:
    """How many seeds to add up to, where differences are lost in their noise."""
    return max(DEFAULT_SEEDS, 2 * seeds)


def run_name(config: Config) -> str:
    """The name of a run's folder in a sweep: the first 16 hex digits of its settings' digest."""
    return digest(config)[:16]


def read_values(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a sweep's definition as (values, versions it was written under); a run's config.toml is one, too.

    Raises:
        ValueError: The file is missing, is not TOML, has an unknown key or a value out of range.
    """
    values, recorded = read_toml(path)
    variable = {name: value for name, value in values.items() if name not in FIXED_FIELDS}
    try:
        Sweep.of(variable)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return values, recorded


def read_sweep(folder: str | os.PathLike[str]) -> Sweep:
    """Read the definition of the sweep that lies in a folder.

    Raises:
        ValueError: The folder is no sweep, or its sweep.toml is damaged.
    """
    place = checks.folder("folder", folder)
    path = place / "sweep.toml"
    if not path.is_file() and (place / "groups.json").is_file():
        raise explain_lost_definition(place)
    if not path.is_file():
        raise FixableError(f"{folder} is not a sweep: it has no sweep.toml.", Fix.START_A_SWEEP, folder=place)
    values, _ = read_definition(place)
    return Sweep.of(values)


def read_definition(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the sweep.toml of a folder, as :func:`read_values` does; where it is no TOML, no other can take its place.

    Raises:
        ValueError: It is damaged.
    """
    path = folder / "sweep.toml"
    try:
        return read_values(path)
    except FixableError as error:
        if error.fix is not Fix.CORRECT_TOML_FILE:
            raise
        raise FixableError(error.reason, Fix.CORRECT_SWEEP, folder=folder, path=path) from None


def explain_lost_definition(folder: Path) -> FixableError:
    """The error of a folder that holds a sweep's runs without their definition."""
    reason = f"{folder} holds a sweep's runs, but its sweep.toml is gone."
    return FixableError(reason, Fix.RESTORE_SWEEP_OR_CHOOSE_ANOTHER_FOLDER, folder=folder)


def ordered(values: Iterable[Any]) -> tuple[Any, ...]:
    """The distinct values; numbers ascend, words stay as they come."""
    distinct = list(dict.fromkeys(values))
    if all(isinstance(value, (int, float)) for value in distinct):
        distinct.sort()
    return tuple(distinct)


def _check_key(key: str) -> None:
    if key in FIXED_FIELDS:
        raise ValueError(f"{key} is not a sweep's to choose: one thread per run, no snapshots. Leave it out.")

    allowed = (*FIELDS, *SWEEP_KEYS)
    if key != "seed" and key not in allowed:
        raise ValueError(
            f"unknown key {checks.short(key)}.{checks.closest(key, allowed)} Allowed: {', '.join(allowed)}."
        )


def _as_values(name: str, value: Any) -> tuple[Any, ...]:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    plain = all(isinstance(found, (str, int, float)) for found in values)
    if not values or not plain:
        raise ValueError(f"{name} must be a value or a list of values; got {value!r:.60}.")
    if name in TABLE_SETTINGS and len(values) > 1:
        raise ValueError(f"{name} must be one for all runs of a sweep; got {value!r:.60}. Make a sweep of each.")

    if name in FLOATS:
        values = [_as_float(found) for found in values]
    return ordered(values)


def _as_float(value: Any) -> Any:
    """TOML's 1 is an int; larger ones and bools are left to Config's checks."""
    is_exact = type(value) is int and abs(value) < 10**15
    return float(value) if is_exact else value


def _as_seeds(values: Mapping[str, Any]) -> tuple[int, ...]:
    """The seeds that ``seeds`` counts or lists, or that ``seed`` names."""
    seeds = values.get("seeds", DEFAULT_SEEDS)
    if "seed" in values:
        seed = values["seed"]
        seeds = seed if isinstance(seed, list) else [seed]

    if not isinstance(seeds, list):
        checks.whole("seeds", seeds, 1, MAX_RUNS)
        return tuple(range(seeds))
    if not seeds:
        raise ValueError("seeds must be their number or a list of seeds; got an empty list.")
    for seed in seeds:
        checks.whole("seed", seed, 0, 2**63 - 1)
    return ordered(seeds)
