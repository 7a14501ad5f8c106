"""How a sweep becomes a larger one: more values on its axes, more seeds, and what this machine decides."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

from swissroll.config import Config
from swissroll.errors import Fix, FixableError
from swissroll.sweep.plan import FIELDS, Sweep, ordered


def extend(sweep: Sweep, values: Mapping[str, Any]) -> Sweep:
    """The sweep with more values on its axes, as :meth:`Sweep.of` takes them.

    A setting with one value becomes an axis where the new values include that one, too.

    Raises:
        ValueError: The values contradict the sweep.
    """
    more = Sweep.of(values)
    if "hold" in values and more.hold != sweep.hold:
        raise _contradiction("hold", sweep.hold, more.hold)

    # Settings at their default alone stay unnamed, as in a new sweep.
    named = {}
    for name in FIELDS:
        joint = _join(sweep, name, more.values.get(name, ()))
        if joint != (getattr(Config, name),):
            named[name] = joint

    seeds = sweep.seeds
    if "seed" in values or "seeds" in values:
        seeds = ordered([*seeds, *more.seeds])
    return dataclasses.replace(sweep, values=named, seeds=seeds)


def _join(sweep: Sweep, name: str, more: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of a setting with more of them."""
    mine = sweep.values_of(name)
    # Device and engine were decided when the sweep began; auto leaves it at that.
    if name in ("device", "engine") and more == ("auto",):
        return mine

    if len(mine) == 1 and more and mine[0] not in more:
        raise _single_value(name, mine[0], more)
    return ordered([*mine, *more])


def _single_value(name: str, mine: Any, more: tuple[Any, ...]) -> FixableError:
    given = ", ".join(map(str, more))
    if mine is None:
        return _contradiction(name, mine, given)
    all_values = ",".join(map(str, (mine, *more)))
    reason = f"{name} is {mine} in this sweep; got {given}."
    return FixableError(reason, Fix.NAME_ALL_VALUES, setting=name, values=all_values)


def _contradiction(name: str, mine: Any, given: Any) -> FixableError:
    reason = f"{name} is {mine} in this sweep; got {given}."
    return FixableError(reason, Fix.LEAVE_OUT_OR_CHOOSE_ANOTHER_FOLDER, setting=name)


def is_same(sweep: Sweep, other: Sweep) -> bool:
    """Whether two definitions plan the same runs; where the other one leaves device or engine open, any will do."""
    for name in FIELDS:
        given = set(other.values_of(name))
        is_open = name in ("device", "engine") and given == {"auto"}
        if not is_open and given != set(sweep.values_of(name)):
            return False
    return dataclasses.replace(sweep, values={}) == dataclasses.replace(other, values={})


def includes(sweep: Sweep, other: Sweep) -> bool:
    """Whether all values and seeds of another sweep are in this one, too."""
    if sweep.hold != other.hold:
        return False
    if not set(other.seeds) <= set(sweep.seeds):
        return False
    return all(set(other.values_of(name)) <= set(sweep.values_of(name)) for name in FIELDS)


def choose_device_and_engine(sweep: Sweep) -> Sweep:
    """The sweep with what this machine decides in the place of 'auto'.

    Raises:
        ValueError: A device or engine is not on this machine.
    """
    from swissroll.training.build import choose_device, require_engine

    devices: list[Any] = [choose_device(device).type for device in sweep.values_of("device")]
    engines: list[Any] = list(sweep.values_of("engine"))
    if "auto" in engines:
        faster = _faster_engine(sweep, devices)
        engines = [faster if engine == "auto" else engine for engine in engines]
    for device, engine in itertools.product(devices, engines):
        require_engine(Config(device=device, engine=engine, threads=1))

    chosen = dict(sweep.values)
    chosen["device"] = ordered(devices)
    chosen["engine"] = ordered(engines)
    in_order = {name: chosen[name] for name in FIELDS if name in chosen}
    return dataclasses.replace(sweep, values=in_order)


def _faster_engine(sweep: Sweep, devices: list[Any]) -> str:
    """The fast engine where the runs of an average shape together win back its start."""
    from swissroll.training.build import STEP_OVERHEAD_FLOPS, XLA_START_FLOPS, flops, missing_for
    from swissroll.training.many import shape_of

    work = 0.0
    shapes = set()
    for config in sweep.settings():
        work += len(sweep.seeds) * config.steps * (STEP_OVERHEAD_FLOPS + flops(config))
        shapes.add(shape_of(config))

    if work <= XLA_START_FLOPS * len(shapes):
        return "torch"
    fast = [Config(device=device, engine="xla", threads=1) for device in devices]
    return "xla" if all(missing_for(config) is None for config in fast) else "torch"
