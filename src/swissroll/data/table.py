"""A person's own table of numbers: read whole, checked in every cell, and refused in one line where it cannot be used.

Nothing is dropped and nothing is filled in. What can be used but makes a density hard to read, such as rounded values,
is said in a note.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swissroll import checks
from swissroll.data.cells import INFINITE, MISSING, READS_COMMAS, WITH_COMMA, describe_cell, is_number
from swissroll.data.column_names import clean_name, join_names, shorten
from swissroll.data.label_names import clean_labels, name_each
from swissroll.data.table_files import MAX_VALUE, Column, read_columns
from swissroll.errors import Fix, FixableError

MIN_ROWS = 20
"""Fewest rows: with less there is nothing to hold out."""
MAX_COLUMNS = 50
"""Most columns: beyond, neither evidence nor pictures say much."""
MAX_NAME = 200
"""Longest name of a column, in characters: what is longer is text that was not meant as a name."""
MIN_SPREAD = 1e-12
"""Smallest spread of a column beside its largest number: below, double precision holds no digits of it."""
LEAST_SPREAD = 1 / MAX_VALUE
"""Least that the values of a column may differ by, so that squares of differences are numbers."""
LATTICE_TIES = 0.5
"""Share of different values among the rows, up to which a column may be called a lattice."""
NUMBERED = re.compile(r"x\d+")
"""A name that a column has without a header."""
ONE_COLUMN = "The file has one column: separate fields by a comma, a semicolon, a tab, a bar or spaces."
REMOVE_ROWS = "Remove such rows, or fill them in by a method of your own: nothing is dropped or filled in here."


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of numbers.

    Attributes:
        path: Where they come from.
        columns: Names of the D columns.
        rows: Shape (N, D), float64, all finite.
        label: What colours the rows in pictures, shape (N,), numbers or text; None without a label.
        label_name: Name of its column.
        digest: SHA-256 of the file, 64 hexadecimal digits.
        notes: What to know before reading a density of this table, a sentence or two each.
    """

    path: Path
    columns: tuple[str, ...]
    rows: NDArray[np.float64]
    label: NDArray[Any] | None
    label_name: str | None
    digest: str
    notes: tuple[str, ...]


def read_table(path: str | PathLike[str], columns: Sequence[str] | None = None, label: str | None = None) -> Table:
    """Read a table of numbers: CSV, TSV or other text with a delimiter, NPY, NPZ or Parquet.

    Delimiter and header are found out. Rows are counted from 1, without the header.

    Args:
        path: The file.
        columns: Names of the columns to use; all but the label by default. Columns without a header are x1, x2, ....
        label: Name of a column that colours pictures; it may be text.

    Raises:
        ValueError: The file cannot be used as it is; the message names the row and the column, and what to do.
    """
    file = Path(path)
    content, found = _open(file)
    chosen = _choose(file, found, columns, label)
    if len(chosen) > MAX_COLUMNS:
        raise ValueError(f"{file} has {len(chosen)} columns; at most {MAX_COLUMNS} can be used. Choose some of them.")
    count = len(found[0].values)
    if count < MIN_ROWS:
        raise ValueError(
            f"{file} has {checks.amount(count, 'row')}; a density needs at least {MIN_ROWS}. Collect more."
        )

    values = [_numbers(file, column, found) for column in chosen]
    for column, numbers in zip(chosen, values, strict=True):
        _require_spread(file, column.name, numbers)
        if columns is None:
            _refuse_count(file, column.name, numbers, chosen)

    rows = np.column_stack(values)
    names = tuple(column.name for column in chosen)
    return Table(
        path=file,
        columns=names,
        rows=rows,
        label=None if label is None else _label_values(file, _named(file, found, label)),
        label_name=None if label is None else clean_name(label),
        digest=hashlib.sha256(content).hexdigest(),
        notes=_notes(names, rows),
    )


def read_rows(path: str | PathLike[str], choose: Callable[[list[str]], Sequence[str]]) -> NDArray[np.float64]:
    """Read rows to use a trained model on, shape (N, D), float64.

    Every cell is checked as :func:`read_table` does. One row is enough here, and a column may be constant or count.

    Args:
        path: The file.
        choose: Is given the names of all columns, and returns those to use, in their order.

    Raises:
        ValueError: The file cannot be read, or a cell is no number; or what ``choose`` raises.
    """
    file = Path(path)
    _, found = _open(file)
    if not len(found[0].values):
        raise ValueError(f"{file} has no rows. It needs a row for each point.")
    chosen = [_named(file, found, name) for name in choose([column.name for column in found])]
    return np.column_stack([_numbers(file, column, found) for column in chosen])


def read_labels(path: str | PathLike[str], column: str) -> list[str]:
    """Names of the labels of a table's rows, N of them; numbers as a conditional model calls them.

    Raises:
        ValueError: The file cannot be read, has no such column, or a row has no value there.
    """
    file = Path(path)
    _, found = _open(file)
    return name_each(_label_values(file, _named(file, found, column)))


def _open(path: Path) -> tuple[bytes, list[Column]]:
    """A file's bytes and columns, each with a name of its own."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise ValueError(f"{path} {what}. Name a file that holds a table.")
    content = path.read_bytes()
    found = read_columns(path, content)
    _require_names(path, found)
    return content, found


def _require_names(path: Path, found: list[Column]) -> None:
    """Require a name of its own for each column."""
    if not found:
        raise ValueError(f"{path} has no columns.")
    places: dict[str, int] = {}
    for place, column in enumerate(found, start=1):
        length = len(column.name)
        if length > MAX_NAME:
            raise ValueError(
                f"{path}: the name of column {place} has {length:,} characters; at most {MAX_NAME} are allowed. "
                f"Shorten it, or close its quotation marks. It begins with {shorten(column.name)!r}."
            )
        if column.name in places:
            first = places[column.name]
            raise ValueError(f"{path}: columns {first} and {place} are both called {column.name!r}. Rename one.")
        places[column.name] = place


def _choose(path: Path, found: list[Column], columns: Sequence[str] | None, label: str | None) -> list[Column]:
    if label is not None:
        _named(path, found, label)
    if columns is None:
        return [column for column in found if label is None or column.name != clean_name(label)]
    if isinstance(columns, str) or not columns:
        raise ValueError(f"columns must be a list of names, such as [{found[0].name!r}]; got {checks.short(columns)}.")
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if list(columns).count(name) > 1)
        raise ValueError(f"columns names {checks.short(twice)} twice. Name it once.")
    return [_named(path, found, name) for name in columns]


def _named(path: Path, found: list[Column], name: str) -> Column:
    names = [column.name for column in found]
    name = clean_name(name)
    if name not in names:
        shown = ", ".join(names[:MAX_COLUMNS])
        raise ValueError(f"{path} has no column {checks.short(name)}.{checks.closest(name, names)} It has: {shown}.")
    return found[names.index(name)]


def _numbers(path: Path, column: Column, found: list[Column]) -> NDArray[np.float64]:
    """A column as finite numbers."""
    values = column.values
    where = f"{path}, column {column.name!r}"
    if values.dtype.kind == "O":
        numbers = _parse(path, column, found)
    elif values.dtype.kind in "iuf":
        numbers = values.astype(np.float64)
    else:
        raise _not_numeric(f"{where} holds {_kind(values)}.", found, "A table needs columns of numbers.")

    _require_finite(path, column, numbers)
    return numbers


def _parse(path: Path, column: Column, found: list[Column]) -> NDArray[np.float64]:
    """A column of text as numbers; missing ones are NaN."""
    texts = [str(value).strip() for value in column.values]
    numbers = np.full(len(texts), np.nan)
    wrong: list[int] = []
    for row, text in enumerate(texts):
        if is_number(text):
            numbers[row] = float(text)
        elif text.lower() not in MISSING:
            wrong.append(row)

    if not wrong:
        return numbers

    row = wrong[0]
    text = f"{texts[row]!r:.60}"
    what, advice = describe_cell(texts[row])
    if len(wrong) > len(texts) / 2:
        verb = "is no number" if len(texts) == 1 else "are not numbers"
        count = f"{len(wrong)} of {checks.amount(len(texts), 'row')} {verb}"
        reason = f"{path}, column {column.name!r}: {count}; row {row + 1}, {text}, {what}."
        if WITH_COMMA.fullmatch(texts[row]):
            raise ValueError(f"{reason} {advice}")
        raise _not_numeric(reason, found, advice if len(found) > 1 else ONE_COLUMN)
    if row == 0 and NUMBERED.fullmatch(column.name):
        advice += " If the first line is meant as names, put a letter into each: one of them is a number."
    raise ValueError(f"{path}, row {row + 1}, column {column.name!r}: {text} {what}. {advice}")


def _not_numeric(reason: str, found: list[Column], advice: str) -> ValueError:
    """The error of a column that holds no numbers: it names those that do, or where there are none says what to do."""
    with_comma = [column.name for column in found if WITH_COMMA.fullmatch(str(column.values[0]).strip())]
    if with_comma:
        return ValueError(
            f"{reason} Other columns have commas in their numbers, such as {shorten(with_comma[0])!r}: write decimal "
            f"points there. Then choose the columns to use. {READS_COMMAS}"
        )
    numeric = _numeric_names(found)
    if not numeric:
        return ValueError(f"{reason} {advice}")
    return FixableError(reason, Fix.CHOOSE_COLUMNS, columns=join_names(numeric))


def _kind(values: NDArray[Any]) -> str:
    kinds = {"b": "truth values", "M": "dates", "m": "durations", "c": "complex numbers"}
    return kinds.get(values.dtype.kind, "text")


def _numeric_names(found: list[Column]) -> list[str]:
    """Names of the columns that look like numbers, and do more than count the rows."""
    names = []
    for column in found:
        first = [str(value) for value in column.values[:MIN_ROWS]]
        kind = column.values.dtype.kind
        looks_numeric = kind in "iuf" or (kind == "O" and is_number(first[0]))
        if looks_numeric and not _count_up(first):
            names.append(column.name)
    return names[:MAX_COLUMNS]


def _count_up(texts: list[str]) -> bool:
    """Whether each of these is the number that follows the one before."""
    if not all(map(is_number, texts)):
        return False
    numbers = list(map(float, texts))
    return all(following == number + 1 for number, following in pairwise(numbers))


def _require_finite(path: Path, column: Column, numbers: NDArray[np.float64]) -> None:
    """Require numbers of a size that can be squared."""
    missing = np.isnan(numbers)
    if missing.any():
        row = int(missing.argmax())
        count = int(missing.sum())
        if count == len(numbers):
            raise ValueError(f"{path}, column {column.name!r}: no row has a value. Leave the column out.")
        raise ValueError(
            f"{path}, row {row + 1}, column {column.name!r}: there is no value, as in {count} of {len(numbers)} rows. "
            f"{REMOVE_ROWS}"
        )
    too_large = np.abs(numbers) > MAX_VALUE
    if too_large.any():
        row = int(too_large.argmax())
        text = str(column.values[row]).strip()
        is_infinite = text.lstrip("+-").lower() in INFINITE
        what = "is infinite" if is_infinite else f"is larger than {MAX_VALUE:g}"
        advice = "Remove such rows." if is_infinite else "Use another unit."
        raise ValueError(f"{path}, row {row + 1}, column {column.name!r}: {text:.40} {what}. {advice}")


def _require_spread(path: Path, name: str, numbers: NDArray[np.float64]) -> None:
    """Require a column that varies, by more than rounding."""
    spread = np.ptp(numbers)
    if spread == 0:
        raise ValueError(f"{path}, column {name!r}: all rows are {numbers[0]:g}, which has no density. Leave it out.")
    if spread < MIN_SPREAD * np.abs(numbers).max():
        raise ValueError(
            f"{path}, column {name!r}: its values differ by less than a rounding error of {numbers[0]:g}. "
            "Subtract a constant from it before it is saved."
        )
    if spread < LEAST_SPREAD:
        raise ValueError(f"{path}, column {name!r}: its values differ by {spread:.2g} at most. Use another unit.")


def _refuse_count(path: Path, name: str, numbers: NDArray[np.float64], chosen: list[Column]) -> None:
    """Refuse a column that counts the rows; the error names the others."""
    count = describe_count(numbers)
    if count is not None:
        others = _numeric_names(chosen)
        reason = f"{path}, column {name!r} {count}. Leave it out; or name it among the columns to use, if it is meant."
        raise FixableError(reason, Fix.CHOOSE_COLUMNS if others else None, columns=join_names(others))


def _label_values(path: Path, column: Column) -> NDArray[Any]:
    """Numbers where all are, else text."""
    texts = [str(value).strip() for value in column.values]
    if column.values.dtype.kind in "iuf":
        numbers = column.values.astype(np.float64)
        _require_finite(path, column, numbers)
        return numbers
    if all(map(is_number, texts)):
        return np.array([float(text) for text in texts])

    for row, text in enumerate(texts, start=1):
        if text.lower() in MISSING:
            raise ValueError(
                f"{path}, row {row}, label {column.name!r}: there is no value. Fill it in, such as 'none'."
            )
    return clean_labels(np.array(texts), f"{path}, label {column.name!r}")


def _notes(names: tuple[str, ...], rows: NDArray[np.float64]) -> tuple[str, ...]:
    """What to know before reading a density of these rows."""
    notes = []
    repeated = _count_repeated(rows)
    if repeated:
        notes.append(
            f"{repeated:,} of {len(rows):,} rows repeat an earlier one: "
            "a density that is narrow enough there has no upper bound."
        )
    lattices = [(name, find_lattice(values)) for name, values in zip(names, rows.T, strict=True)]
    steps = [f"{shorten(name)} in steps of {step:g}" for name, step in lattices if step is not None]
    if steps:
        notes.append(
            f"rounded values: {', '.join(steps)}. A density of values in steps has no upper bound: "
            "one far narrower than a step would score any number. Do not read more into it than the steps allow."
        )
    return tuple(notes)


def _count_repeated(rows: NDArray[np.float64]) -> int:
    """Rows that equal an earlier one."""
    # Half the time and memory of numpy.unique.
    ordered = rows[np.lexsort(rows.T)]
    return int((ordered[1:] == ordered[:-1]).all(axis=1).sum())


def describe_count(values: NDArray[np.float64]) -> str | None:
    """How a column, shape (N,), counts the rows, each number one more than the one before; None where it does not."""
    if len(values) < 2 or (np.diff(values) != 1).any():
        return None
    return f"counts the rows: {values[0]:.15g}, {values[1]:.15g} and so on"


def find_lattice(values: NDArray[np.floating[Any]]) -> float | None:
    """The step of a column whose values, shape (N,), are all multiples of one from the smallest; None without ties.

    Numbers of ordinary precision have few ties, so only a column with many can be called a lattice.
    """
    different = np.unique(values)
    if len(different) > LATTICE_TIES * len(values) or len(different) < 2:
        return None
    step = float(np.diff(different).min())
    multiples = (different - different[0]) / step
    off = np.abs(multiples - multiples.round()).max()
    # Decimal steps are rounded in binary.
    return float(f"{step:.6g}") if off < 1e-3 else None
