"""The values of a sweep, as command line, file and preset say them, and what of them may not be what was meant."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_type_hints

from swissroll import checks
from swissroll.cli.terminal import note, note_loud, note_origin, note_table, note_versions, without_refit
from swissroll.config import FLOATS, TABLE_SETTINGS, Config
from swissroll.report.commands import flag
from swissroll.sweep.plan import FIXED_FIELDS, SWEEP_PRESETS, Sweep, read_values

Tokens = list[str]
HINTS = get_type_hints(Config)
LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]+")
"""Two whole numbers, where a setting takes fractions: a list, or one number as half the world writes it."""


def collect_given(axes: Any, seeds: Tokens | None, hold: str | None) -> dict[str, Any]:
    """What the command line says, as :meth:`Sweep.of` takes it."""
    tokens_by_name = {} if axes is None else dataclasses.asdict(axes)
    given: dict[str, Any] = {}
    for name, tokens in tokens_by_name.items():
        if tokens is not None:
            given[name] = ",".join(tokens) if name in TABLE_SETTINGS else _parse_tokens(name, tokens)

    if seeds is not None:
        numbers = _parse_tokens("seeds", seeds)
        given["seeds"] = numbers[0] if len(numbers) == 1 else numbers
    if hold:
        given["hold"] = hold
    return given


def add_open_settings(given: dict[str, Any], settings: Path | None, preset: str | None) -> dict[str, Any]:
    """What the command line says, and what the file or the preset says of the settings that it leaves open."""
    if settings is not None and preset is not None:
        raise ValueError("--config and --preset both choose settings; leave out one of them.")

    values: dict[str, Any] = {}
    if preset is not None:
        values = dict(SWEEP_PRESETS[preset])
    elif settings is not None:
        values = _read_settings(settings)

    # seed and seeds are two ways to say the same.
    if "seed" in given or "seeds" in given:
        values.pop("seed", None)
        values.pop("seeds", None)
    if given.get("components") == [0] and "refit_prior" not in given:
        values = without_refit(values)
    return values | given


def record_table(values: dict[str, Any]) -> dict[str, Any]:
    """The values, with what a table that they name is written down: where it lies, its columns and its content."""
    if "data" not in values:
        return values
    for name in ("dataset", "noise"):
        if name in values:
            raise ValueError(f"{flag('data')} and {flag(name)} both say where points come from; leave out one of them.")

    from swissroll.data import record_table

    told = {name: values[name] for name in TABLE_SETTINGS if name in values}
    config = record_table(Config.from_dict(told, "sweep"))
    note_table(config)
    recorded = dataclasses.asdict(config)
    return values | {name: recorded[name] for name in TABLE_SETTINGS if recorded[name] is not None}


def _read_settings(path: Path) -> dict[str, Any]:
    values, recorded = read_values(path)
    note_file(path, values, recorded)
    return {name: value for name, value in values.items() if name not in FIXED_FIELDS}


def note_file(path: Path, values: dict[str, Any], recorded: dict[str, str]) -> None:
    """Tell what there is to know of a file of settings: its versions, its origin, and what of it a sweep leaves out."""
    note_versions(path, recorded)
    note_origin(path)

    dropped = [name for name in FIXED_FIELDS if name in values]
    if dropped:
        note(f"{' and '.join(dropped)} of {path} are left out: a sweep's runs have one thread and keep their ends.")


def note_doubtful(axes: Any, values: dict[str, Any], defined: Sweep) -> None:
    """Tell what may not be what was meant: a decimal comma, a value that is named twice, noise that hides the data."""
    tokens_by_name = {} if axes is None else dataclasses.asdict(axes)
    for name in FLOATS & tokens_by_name.keys():
        for token in tokens_by_name[name] or ():
            if DECIMAL_COMMA.fullmatch(token):
                two = " and ".join(token.split(","))
                note(f"{flag(name)} {token} is two values, {two}; one number is written {token.replace(',', '.')}")

    for name, value in values.items():
        repeated = [one for one, count in Counter(value).items() if count > 1] if isinstance(value, list) else []
        if repeated:
            note(f"{name} names {', '.join(map(str, repeated))} more than once; each value is taken once.")

    for noise in defined.values_of("noise"):
        note_loud(noise)

    components = defined.axes.get("components", ())
    if 0 in components and defined.values_of("refit_prior") == (True,):
        note("runs with 0 components have no mixture to fit again: refit_prior is off in those.")


def _parse_tokens(name: str, tokens: Tokens) -> list[Any]:
    kind: type = str
    if name in FLOATS:
        kind = float
    elif HINTS.get(name, int) in (int, bool):
        kind = HINTS.get(name, int)

    words = ",".join(tokens).split(",")
    return [parse_word(name, kind, word.strip()) for word in words]


def parse_word(name: str, kind: type, word: str) -> Any:
    """A word of the command line as a value of this kind; raises ValueError where it is none."""
    if not word:
        raise ValueError(f"{flag(name)} must be values separated by commas; one of them is empty.")
    if kind in (int, float) and LEADING_ZERO.match(word):
        told = f"{flag(name)} takes values separated by commas; {word!r:.60} begins with a zero that says nothing."
        digits = word.lstrip("+-")
        raise ValueError(f"{told} Where 0,{digits:.60} was meant as one number, write 0.{digits:.60}")
    if kind is bool:
        checks.one_of(flag(name), word, ("true", "false"))
        return word == "true"
    if kind is int and not re.fullmatch(r"[+-]?\d{1,30}", word, re.ASCII):
        raise ValueError(f"{flag(name)} must be whole numbers; got {word!r:.60}.")
    try:
        # Python would read 1_0 as 10.
        return kind(word.replace("_", "?") if kind is float else word)
    except ValueError:
        raise ValueError(f"{flag(name)} must be numbers; got {word!r:.60}.") from None
