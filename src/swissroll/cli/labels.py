"""Labels on the command line: of a conditional run, of the rows that it is applied to, and in the tables it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swissroll.cli.terminal import CommandError
from swissroll.report.shell import quote

if TYPE_CHECKING:
    from swissroll.runs.run import Run


def _listed(names: Sequence[str]) -> str:
    """Names with commas between them, long ones cut; one that holds a comma stands in quotation marks."""
    from swissroll.data.column_names import join_names, shorten

    return ", ".join(join_names([shorten(name)]) for name in names)


def label_names_of(run: Run) -> tuple[str, ...]:
    """Names of the labels that a run is conditional on; empty where it is not."""
    from swissroll.data.column_names import split_names

    if run.config.label_values is not None:
        return tuple(split_names(run.config.label_values))
    return tuple(map(str, range(run.network.label_count)))


def label_column_of(run: Run) -> str:
    """Name of the column that holds the labels of a conditional run: its own, or what its dataset calls them."""
    from swissroll.data import label_name, open_distribution

    if run.config.label is not None:
        return run.config.label
    return label_name(open_distribution(run.config))


def find_label(run: Run, name: str | None) -> int | None:
    """Number of a label by its name; None where none is named.

    Raises:
        CommandError: The run is not conditional, or has no such label.
    """
    from swissroll import checks

    if name is None:
        return None
    names = label_names_of(run)
    if not names:
        raise CommandError(
            f"{run.folder} is not conditional on a label.", "Leave --label out, or train a run with --conditional."
        )
    if name not in names:
        raise CommandError(
            f"{run.folder} has no label {checks.short(name)}.{checks.closest(name, list(names))} "
            f"It has: {_listed(names)}.",
            "Name one of them with --label.",
        )
    return names.index(name)


def require_label(run: Run, name: str | None) -> int | None:
    """As :func:`find_label`, for what a conditional run can do under one label only.

    Raises:
        CommandError: The run is conditional and none is named; or as above.
    """
    names = label_names_of(run)
    if names and name is None:
        raise CommandError(f"{run.folder} is conditional on a label.", f"Name one with --label: {_listed(names)}.")
    return find_label(run, name)


def read_labels_of(run: Run, data: Path) -> Any:
    """Numbers of the labels of a table's rows, shape (N,), from the column that has them.

    Raises:
        CommandError: The table has no such column, or a label that the run does not know.
    """
    import torch

    from swissroll.data.table import read_labels

    names = label_names_of(run)
    column = label_column_of(run)
    found = read_labels(data, column)
    numbers = []
    for row, name in enumerate(found, start=1):
        if name not in names:
            raise CommandError(
                f"{data}, row {row}, label {column!r}: the run has no label {name!r:.60}. It has: {_listed(names)}.",
                "Correct it, or remove the row.",
            )
        numbers.append(names.index(name))
    return torch.tensor(numbers)


def require_room_for_labels(run: Run, out: Path) -> None:
    """Require a file that can hold the labels of a conditional run, before anything is computed.

    Raises:
        CommandError: It holds numbers only, and they are text.
    """
    names = label_names_of(run)
    if out.suffix.lower() == ".npy" and not _are_numbers(names):
        raise CommandError(
            f"{out}: .npy holds numbers, and the labels are text: {_listed(names)}.",
            f"Name a .csv, .tsv or .parquet file, such as {quote(out.with_suffix('.csv'))}.",
        )


def label_cells(run: Run, labels: Any) -> Any:
    """Names of labels, shape (N,), as a column of a table, shape (N, 1): numbers where all names are, else text."""
    import numpy as np

    names = label_names_of(run)
    values = np.array([float(name) for name in names]) if _are_numbers(names) else np.array(names, dtype=object)
    return values[labels.numpy()][:, None]


def _are_numbers(names: Sequence[str]) -> bool:
    from swissroll.data.cells import is_number

    return all(map(is_number, names))
