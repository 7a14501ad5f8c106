"""A config's own table: opened once for each process, and known again by its content."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import lru_cache
from pathlib import Path

from swissroll.config import Config
from swissroll.data.column_names import join_names, split_names
from swissroll.data.label_names import name_labels
from swissroll.data.points import Points
from swissroll.data.table import Table, read_table
from swissroll.errors import Fix, FixableError

MAX_KEPT_SPLITS = 8
"""Splits of a table that a process keeps: runs of one seed share theirs."""


def record_table(config: Config) -> Config:
    """A config with what its table is written down: where it lies from the root, its columns and its content.

    Raises:
        ValueError: The table cannot be used, is gone, or is not the one that was written down before.
    """
    if config.data is None:
        return config
    path = Path(config.data).resolve()
    table = _open(path, config)
    labels = None
    if config.conditional:
        labels = join_names(name_labels(table.label, f"{config.data}, label {config.label!r}"))
    return dataclasses.replace(
        config,
        data=str(path),
        columns=join_names(table.columns),
        label=table.label_name,
        data_digest=table.digest,
        label_values=labels,
    )


def open_table(config: Config) -> Points:
    """The rows of a config's table, split as its seed says.

    Raises:
        ValueError: As :func:`record_table` says, or a part of the split is too small.
    """
    path = Path(str(config.data)).resolve()
    table = _open(path, config)
    return _split(path, config.columns, config.label, table.digest, config.held_out, config.seed)


def _open(path: Path, config: Config) -> Table:
    """The table, of this content where one is written down."""
    if config.data_digest is not None:
        if not path.is_file():
            raise FixableError(f"{path} is gone, which holds the rows of this run.", Fix.PUT_BACK_TABLE, path=path)
        if _digest(path, _stamp(path)) != config.data_digest:
            reason = f"{path} is not the table that this run was begun with: its content differs."
            raise FixableError(reason, Fix.RESTORE_TABLE, path=path)
    return _read(path, config.columns, config.label, _stamp(path))


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes where a file is written again; empty where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)


@lru_cache(maxsize=2)
def _digest(path: Path, stamp: tuple[int, ...]) -> str:
    """SHA-256 of a file with this stamp."""
    del stamp
    return hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=2)
def _read(path: Path, columns: str | None, label: str | None, stamp: tuple[int, ...]) -> Table:
    """The table of a file with this stamp."""
    del stamp
    return read_table(path, None if columns is None else split_names(columns), label)


@lru_cache(maxsize=MAX_KEPT_SPLITS)
def _split(path: Path, columns: str | None, label: str | None, digest: str, held_out: float, seed: int) -> Points:
    del digest
    table = _read(path, columns, label, _stamp(path))
    return Points.of(
        table.rows,
        columns=table.columns,
        label=table.label,
        label_name=table.label_name,
        held_out=held_out,
        seed=seed,
        name=table.path.name,
        notes=table.notes,
    )
