"""Rows that somebody passes to the estimator: checked in every cell, and refused in one line that names the cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swissroll import checks
from swissroll.data.cells import READS_COMMAS, WITH_COMMA, describe_cell, find_dash
from swissroll.data.column_names import shorten
from swissroll.data.table import (
    LEAST_SPREAD,
    MAX_COLUMNS,
    MIN_SPREAD,
    REMOVE_ROWS,
    describe_count,
    find_lattice,
)
from swissroll.data.table_files import MAX_VALUE

LEAST_ROWS = 10
"""Fewest rows that a density is fitted to."""
FEW_ROWS = 20
"""Rows below which the fit warns that they are too few to check it."""
DELIMITERS = (";", "\t")
"""What stands between the columns of a file, and in no name."""
LEAST_BLUR = 1e-3
"""Resolution that every column is modelled at, at least, in its standard deviations."""


def require_table_of_numbers(table: Any) -> None:
    """Refuse what is no table, and a column of text, dates or categories by its name, before anything is converted.

    Args:
        table: What was passed: an array, a data frame, lists; what is sparse is left to scikit-learn.

    Raises:
        ValueError: It has no rows and columns, or two columns of one name; a cell is text, a date, masked or complex.
    """
    if hasattr(table, "toarray"):
        return
    names = getattr(table, "columns", None)
    if names is None:
        _require_array(table)
        return

    names = list(names)
    repeated = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if repeated is not None:
        raise ValueError(f"two columns are called {shorten(str(repeated))!r}. Give each a name of its own.")
    for name in names:
        _refuse_column(np.asarray(table[name]), f"column {shorten(str(name))!r}")


def _require_array(table: Any) -> None:
    """Require an array, or lists, of two dimensions whose cells are numbers."""
    array = np.asarray(table)
    if array.dtype.names is not None:
        plain = "numpy.lib.recfunctions.structured_to_unstructured(X)"
        raise ValueError(f"X is a structured array. Turn it into a plain one: {plain}")
    if array.ndim != 2:
        got = f"shape {array.shape}" if array.ndim else f"a value of type {type(table).__name__}"
        raise ValueError(
            f"X must have rows and columns, shape (N, D); got {got}. Reshape your data: "
            "X.reshape(-1, 1) makes one column of it, X.reshape(1, -1) one row."
        )
    if array.dtype.kind == "c":
        raise ValueError("Complex data not supported: a density is of real numbers. Make columns of both parts.")

    masked = np.ma.getmaskarray(table) if isinstance(table, np.ma.MaskedArray) else np.zeros((0, 0), dtype=bool)
    _refuse_cells(masked, None, "the value is masked", REMOVE_ROWS)
    for index, values in enumerate(array.T):
        _refuse_column(values, f"column {index}")


def _refuse_column(values: NDArray[Any], where: str) -> None:
    if values.dtype.kind in "mM":
        raise ValueError(f"{where} holds dates or durations. Turn them into numbers, such as days since the first one.")
    if values.dtype.kind not in "OUST":
        return
    for row, value in enumerate(values):
        if isinstance(value, str | bytes):
            shown = str(value) if isinstance(value, str) else value
            advice = "Leave the column out, or turn it into numbers."
            if isinstance(value, str) and find_dash(value.strip()):
                advice = describe_cell(value.strip())[1]
            elif isinstance(value, str) and WITH_COMMA.fullmatch(value.strip()):
                advice = READS_COMMAS
            raise ValueError(f"row {row}, {where}: {shown!r:.60} is text (rows are counted from 0). {advice}")
        # Python's own whole numbers have no largest one.
        if isinstance(value, int) and abs(value) > MAX_VALUE:
            raise ValueError(
                f"row {row}, {where}: the value is larger than {MAX_VALUE:g} (rows are counted from 0). "
                "Use another unit."
            )


def require_finite(rows: NDArray[np.float64], names: Sequence[str] | None) -> None:
    """Require numbers of a size that can be squared; raises ValueError with row and column."""
    if np.isfinite(rows).all() and (np.abs(rows) <= MAX_VALUE).all():
        return
    for what, wrong, advice in (
        ("the value is missing (NaN)", np.isnan(rows), REMOVE_ROWS),
        ("the value is infinite (inf)", np.isinf(rows), "Remove such rows."),
        (f"the value is larger than {MAX_VALUE:g}", np.abs(rows) > MAX_VALUE, "Use another unit."),
    ):
        _refuse_cells(wrong, names, what, advice)


def _refuse_cells(wrong: NDArray[np.bool_], names: Sequence[str] | None, what: str, advice: str) -> None:
    """Raise ValueError where a cell, of shape (N, D), is wrong: it names the first."""
    if wrong.any():
        row = int(wrong.any(axis=1).argmax())
        column = int(wrong[row].argmax())
        count = int(wrong.any(axis=1).sum())
        raise ValueError(
            f"row {row}, {name_column(column, names)}: {what}, as in {count} of {checks.amount(len(wrong), 'row')} "
            f"(counted from 0). {advice}"
        )


def require_spread(rows: NDArray[np.float64], names: Sequence[str] | None) -> None:
    """Require few enough columns, all of which vary by more than rounding; raises ValueError."""
    if rows.shape[1] > MAX_COLUMNS:
        raise ValueError(f"X has {rows.shape[1]} columns; at most {MAX_COLUMNS} can be used. Choose some of them.")
    spread = np.ptp(rows, axis=0)
    largest = np.abs(rows).max(axis=0)
    for column, (width, most) in enumerate(zip(spread.tolist(), largest.tolist(), strict=True)):
        named = name_column(column, names)
        if width == 0:
            value = f"{rows[0, column]:g}"
            raise ValueError(f"{named}: all {len(rows)} rows are {value}, which has no density. Leave it out.")
        if width <= MIN_SPREAD * most:
            raise ValueError(
                f"{named}: the values differ by {width:.2g} at most, which is rounding beside {most:g}. Subtract what "
                "they have in common before they are rounded, or leave it out."
            )
        if width < LEAST_SPREAD:
            raise ValueError(f"{named}: the values differ by {width:.2g} at most. Use another unit.")


def name_column(column: int, names: Sequence[str] | None) -> str:
    """How a message calls a column: by its name, cut where that is long; else by its place, from 0."""
    return f"column {column}" if names is None else f"column {shorten(str(names[column]))!r}"


def resolution(rows: NDArray[np.float64], scale: NDArray[np.float64]) -> tuple[float, ...]:
    """Standard deviation, in each column's own, of the noise that hides how its values were rounded.

    Values in steps of h are uniform within h about the number that was written: a standard deviation of h / sqrt(12).

    Args:
        rows: Shape (N, D), in data units.
        scale: Standard deviation of each column, shape (D,), in data units.
    """
    found = []
    for values, unit in zip(rows.T, scale.tolist(), strict=True):
        step = find_lattice(values)
        rounding = 0.0 if step is None else step / 12**0.5 / unit
        found.append(min(1.0, max(LEAST_BLUR, rounding)))
    return tuple(found)


def choose_evenly(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of some rows' numbers, evenly from first to last: a table may be sorted by anything.

    Args:
        rows: Numbers of rows, shape (N,).
        most: All of them are kept up to this many.
    """
    count = min(most, len(rows))
    return rows[np.arange(count) * len(rows) // max(1, count)]


def _note_delimiters(names: Sequence[str] | None) -> list[str]:
    """A note on a name that is several with a delimiter between them: such a file was read as another one."""
    for name in [] if names is None else map(str, names):
        found = next((delimiter for delimiter in DELIMITERS if delimiter in name), None)
        if found is not None:
            told = f"column {shorten(name)!r} has {found!r} in its name, as if several columns were read as one."
            return [f"{told} Read such a file with its delimiter: pandas.read_csv(..., sep={found!r})."]
    return []


def notes_on(rows: NDArray[np.float64], names: Sequence[str] | None) -> list[str]:
    """What to know before reading a density of these rows, a sentence or two each."""
    notes = _note_delimiters(names)
    if len(rows) < FEW_ROWS:
        notes.append(f"{len(rows)} rows are too few to check a density on rows held out; collect at least {FEW_ROWS}.")
    for index, values in enumerate(rows.T):
        count = describe_count(values)
        if count is not None:
            notes.append(f"{name_column(index, names)} {count}. Leave it out, unless it is meant.")
    lattices = [(index, find_lattice(values)) for index, values in enumerate(rows.T)]
    steps = [f"{name_column(index, names)} in steps of {step:g}" for index, step in lattices if step is not None]
    if steps:
        shown = ", ".join(steps[:5]) + (f" and {len(steps) - 5} more" if len(steps) > 5 else "")
        notes.append(
            f"rounded values: {shown}. A density of such values has no upper bound, so they are modelled as if "
            "spread over a step."
        )
    return notes
