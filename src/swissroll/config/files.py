"""Settings on disk: TOML files, with the versions that they were written under."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from swissroll import checks
from swissroll.config.settings import Config
from swissroll.errors import Fix, FixableError


def read_toml(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a file of settings as (values, versions it was written under); nothing is checked but that it is TOML.

    Raises:
        ValueError: The file is missing, or is not TOML.
    """
    values = _read_tables(path)
    recorded = values.pop("versions", {})
    values.pop("origin", None)
    if not isinstance(recorded, dict):
        raise ValueError(f"{path}: 'versions' must be a table; got {checks.short(recorded)}. Remove it.")
    return values, {str(k): str(v) for k, v in recorded.items()}


def read_origin(path: Path) -> str:
    """What a file of settings says of the run that it is of, and the settings do not; empty where it says nothing.

    Raises:
        ValueError: The file is missing, or is not TOML.
    """
    origin = _read_tables(path).get("origin")
    return str(origin.get("note", "")) if isinstance(origin, dict) else ""


def _read_tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FixableError(f"{path}: cannot be read ({error.strerror}).", Fix.NAME_TOML_FILE, path=path) from None
    except ValueError as error:
        raise FixableError(f"{path}: not a TOML file ({error}).", Fix.CORRECT_TOML_FILE, path=path) from None


def read_values(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a config file as (checked values, versions it was written under).

    Raises:
        ValueError: The file is missing, is not TOML, has an unknown key or a value out of range.
    """
    values, recorded = read_toml(path)
    if "seeds" in values:
        raise FixableError(f"{path}: holds the settings of a sweep.", Fix.START_SWEEP_FROM_FILE, path=path)
    Config.from_dict(values, str(path))
    return values, recorded


def read_config(path: Path) -> Config:
    """Read a config file; raises ValueError as :func:`read_values` does."""
    return Config.from_dict(read_values(path)[0], str(path))
