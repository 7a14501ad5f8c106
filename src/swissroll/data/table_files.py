"""Files of tables as columns: text by pandas, NPY and NPZ by NumPy, Parquet by pandas and pyarrow.

Nothing is dropped, filled in or guessed: text stays text until :mod:`swissroll.data.table` looks at it, and what cannot
be read is refused in one line.
"""

from __future__ import annotations

import codecs
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from swissroll import checks
from swissroll.data.cells import is_number, looks_like_number
from swissroll.data.column_names import clean_name
from swissroll.data.delimiters import WHITE_SPACE, count_fields, find_delimiter, first_lines
from swissroll.data.text_files import decode
from swissroll.errors import Fix, FixableError

MAX_VALUE = 1e100
"""Largest number, so that its square is one too."""
MAX_LINE = 2**24
"""Longest line of a text, in bytes."""
MAX_FILE_COLUMNS = 1000
"""Most columns of a file, from which those to use are chosen: a file of more mostly is a table on its side."""


class Column(NamedTuple):
    """One column of a file.

    Attributes:
        name: From its header, as it can be shown, or x1, x2, ... where it has none.
        values: Shape (N,): numbers, truth values or dates of NumPy, or objects, which are text.
    """

    name: str
    values: NDArray[Any]


def read_columns(path: Path, content: bytes) -> list[Column]:
    """The columns of a file, by what its name ends in.

    Args:
        path: What messages call it.
        content: Its bytes.

    Raises:
        ValueError: The file cannot be read as a table.
    """
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise ValueError(f"{path} is empty: it needs a row for each point.")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path}: a table is one of {', '.join(READERS)}. Rename it, or save it as CSV.")
    return [Column(clean_name(column.name), column.values) for column in reader(path, content)]


def _read_text(path: Path, content: bytes) -> list[Column]:
    text = decode(path, content)
    delimiter = find_delimiter(text)
    _require_few_columns(path, max(count_fields(first_lines(text), delimiter), default=0))
    _require_short_lines(path, content)
    return _read_plain_numbers(content, delimiter) or _read_cells(path, text, delimiter)


def _require_short_lines(path: Path, content: bytes) -> None:
    """Require lines that can be read in a moment, whatever they hold."""
    line = 0
    while len(content) - line > MAX_LINE:
        end = max(content.rfind(end, line, line + MAX_LINE + 1) for end in (b"\n", b"\r"))
        if end < 0:
            number = max(content.count(end, 0, line) for end in (b"\n", b"\r")) + 1
            raise ValueError(
                f"{path}, line {number} has over {MAX_LINE:,} bytes. Give each row of the table a line of its own, "
                "and leave out what is no number."
            )
        line = end + 1


def _require_few_columns(path: Path, count: int) -> None:
    """Require a number of columns that can be read in a moment, and that somebody can choose among."""
    if count > MAX_FILE_COLUMNS:
        raise ValueError(
            f"{path} has over {MAX_FILE_COLUMNS:,} columns. Save those to use alone; or where rows and columns are "
            "exchanged, its transpose."
        )


def _read_plain_numbers(content: bytes, delimiter: str) -> list[Column] | None:
    """The columns of a text, read by pandas at once; None where a cell is anything but a plain number that can be used.

    Columns whose first cell is no number stay text. Nothing is read here that :func:`_read_cells` refuses, and what it
    reads has the same bits; it is only some ten times as fast, and holds no string for each cell.
    """
    pandas = import_pandas()
    options = {
        "sep": delimiter,
        "header": None,
        "keep_default_na": False,
        "na_filter": False,
        "skip_blank_lines": False,
        "skipinitialspace": True,
    }
    # Ends of lines behind the last row; a row of empty cells is left to the other way.
    lines = content.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n")
    try:
        head = pandas.read_csv(BytesIO(lines), nrows=2, dtype=object, **options).to_numpy(dtype=object)
        names = _header(head[0])
        first = head[0 if names is None else 1]
        kinds = {place: np.float64 if is_number(str(cell).strip()) else object for place, cell in enumerate(first)}
        frame = pandas.read_csv(
            BytesIO(lines),
            dtype=kinds,
            skiprows=0 if names is None else 1,
            **_exact_parsing(pandas),
            **options,
        )
    except (ValueError, IndexError):
        return None

    if frame.shape[1] != len(first):
        return None
    columns = []
    for place in range(len(first)):
        values = frame[place].to_numpy()
        # Pandas fills up a line that ends early.
        is_number_column = kinds[place] is np.float64
        is_plain = (np.abs(values) <= MAX_VALUE) if is_number_column else (values != "")
        if not is_plain.all():
            return None
        columns.append(Column(f"x{place + 1}" if names is None else names[place], values))
    return columns


def _exact_parsing(pandas: Any) -> dict[str, str]:
    """What makes pandas read each number as Python itself does, to the last bit; from 3.1 on it always does."""
    release = tuple(map(int, pandas.__version__.split(".")[:2]))
    return {} if release >= (3, 1) else {"float_precision": "round_trip"}


def _read_cells(path: Path, text: str, delimiter: str) -> list[Column]:
    """The columns of a text with every cell as it was written."""
    cells = _split_cells(path, text, delimiter)
    names = _header(cells[0])
    rows = cells if names is None else cells[1:]
    if names is None:
        names = [f"x{number}" for number in range(1, cells.shape[1] + 1)]
    if len(rows) == 0:
        raise ValueError(f"{path} has a header and no rows. It needs a row for each point.")
    return [Column(name, rows[:, place]) for place, name in enumerate(names)]


def _split_cells(path: Path, text: str, delimiter: str) -> NDArray[Any]:
    """The cells of a table as text, shape (lines, D); every line must have as many."""
    pandas = import_pandas()
    try:
        # Every line is a row of text here, so that pandas drops, fills and guesses nothing.
        frame = pandas.read_csv(
            StringIO(text),
            sep=delimiter,
            header=None,
            dtype=object,
            keep_default_na=False,
            na_filter=False,
            skip_blank_lines=False,
            skipinitialspace=True,
        )
    except pandas.errors.ParserError as error:
        raise ValueError(f"{path}{_explain_parser(str(error), delimiter)}") from None

    cells: NDArray[Any] = frame.to_numpy(dtype=object)
    blank = (cells == "").all(axis=1)
    lines = len(cells)
    while lines and blank[lines - 1]:
        lines -= 1
    if blank[:lines].any():
        line = int(blank[:lines].argmax()) + 1
        raise ValueError(f"{path}, line {line} is empty. Remove it, or fill it in.")

    # Pandas fills up a line that ends early: its last cell is empty, as it is where nothing stands behind a delimiter.
    if (cells[:lines, -1] == "").any():
        # A lone carriage return ends a line here as it does there.
        for line, found in enumerate(count_fields(StringIO(text, newline=None), delimiter)[:lines], start=1):
            if found != cells.shape[1]:
                raise ValueError(f"{path}{_wrong_count(line, found, cells.shape[1], delimiter)}")
    return cells[:lines]


def _explain_parser(reason: str, delimiter: str) -> str:
    counted = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason)
    if counted is not None:
        expected, line, found = map(int, counted.groups())
        return _wrong_count(line, found, expected, delimiter)
    if "EOF inside string" in reason:
        return ": a quotation mark is opened and never closed. Close it, or remove it."
    return f" cannot be read: {reason.strip()}."


def _wrong_count(line: int, found: int, expected: int, delimiter: str) -> str:
    shown = {"\t": "tab", WHITE_SPACE: "space"}.get(delimiter, repr(delimiter))
    return (
        f", line {line} has {checks.amount(found, 'field')}, and line 1 has {expected}, "
        f"with the delimiter {shown}. "
        "Give all lines as many; a field that holds the delimiter needs quotation marks."
    )


def _header(first: NDArray[Any]) -> list[str] | None:
    """The names in the first line; None where it is a row of the table: one is a number."""
    words = [str(cell).strip() for cell in first]
    if any(looks_like_number(word) for word in words):
        return None
    words[0] = words[0].lstrip("# ")
    return [word or f"column {place}" for place, word in enumerate(words, start=1)]


def _read_npy(path: Path, content: bytes) -> list[Column]:
    if not content.startswith(b"\x93NUMPY"):
        raise ValueError(f"{path} is not the NumPy file that its name says. Write it with numpy.save.")
    return _array_columns(path, _load_numpy(path, content))


def _read_npz(path: Path, content: bytes) -> list[Column]:
    if not zipfile.is_zipfile(BytesIO(content)):
        raise ValueError(f"{path} is not the NumPy archive that its name says. Write it with numpy.savez.")
    archive = _load_numpy(path, content)
    _require_few_columns(path, len(archive.files))
    arrays = {name: _member(path, archive, name) for name in archive.files}
    if not arrays:
        raise ValueError(f"{path} holds no array. Write it with numpy.savez.")
    if len(arrays) == 1:
        return _array_columns(path, next(iter(arrays.values())))

    lengths = {array.shape for array in arrays.values()}
    if len(lengths) != 1 or len(next(iter(lengths))) != 1:
        raise ValueError(
            f"{path} holds several arrays: {', '.join(arrays)}. Save the table alone, or each column as an array."
        )
    return [Column(name, array) for name, array in arrays.items()]


def _load_numpy(path: Path, content: bytes) -> Any:
    """What a NumPy file holds; nothing that is pickled is loaded."""
    try:
        return np.load(BytesIO(content), allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise _numpy_error(path, error) from None


def _member(path: Path, archive: Any, name: str) -> Any:
    try:
        return archive[name]
    except (ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise _numpy_error(path, error) from None


def _numpy_error(path: Path, error: Exception) -> ValueError:
    if "Header info length" in str(error):
        return ValueError(f"{path} has names of too many columns. Save those to use alone, as a plain array.")
    if "pickle" in str(error):
        return ValueError(
            f"{path} holds pickled objects, which are never loaded: they could run code. "
            "Save numbers: numpy.save(path, array.astype(float))."
        )
    return ValueError(f"{path} is cut short or damaged. Write it again.")


def _array_columns(path: Path, array: Any) -> list[Column]:
    names = array.dtype.names
    if names is not None and array.ndim == 1:
        _require_few_columns(path, len(names))
        return [Column(name, array[name]) for name in names]
    if array.ndim != 2:
        raise ValueError(
            f"{path} holds an array of shape {array.shape}. A table has a row for each point: shape (N, D)."
        )
    _require_few_columns(path, array.shape[1])
    return [Column(f"x{place + 1}", array[:, place]) for place in range(array.shape[1])]


def _read_parquet(path: Path, content: bytes) -> list[Column]:
    pandas = import_pandas()
    with _parquet_errors(path):
        from pyarrow.parquet import read_metadata

        count = read_metadata(BytesIO(content)).num_columns
    _require_few_columns(path, count)
    with _parquet_errors(path):
        frame = pandas.read_parquet(BytesIO(content))
    return [Column(str(name), _plain(pandas, frame.iloc[:, place])) for place, name in enumerate(frame.columns)]


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise FixableError(f"{path}: Parquet needs pyarrow, which is not installed.", Fix.INSTALL_PANDAS) from None
    except (ValueError, OSError):
        raise ValueError(f"{path} is not a whole Parquet file. Write it again.") from None


def _plain(pandas: Any, series: Any) -> NDArray[Any]:
    """A column of pandas as one of NumPy; missing numbers are NaN."""
    kind = pandas.api.types
    if kind.is_bool_dtype(series.dtype) or kind.is_datetime64_any_dtype(series.dtype):
        return np.asarray(series.to_numpy())
    if kind.is_numeric_dtype(series.dtype):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(series.astype(object).to_numpy(dtype=object))


def import_pandas() -> Any:
    """Pandas, which reads text and Parquet.

    Raises:
        FixableError: It is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError:
        raise FixableError("reading a table needs pandas, which is not installed.", Fix.INSTALL_PANDAS) from None
    return pandas


READERS: dict[str, Callable[[Path, bytes], list[Column]]] = {
    ".csv": _read_text,
    ".tsv": _read_text,
    ".txt": _read_text,
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".parquet": _read_parquet,
}
"""What reads a file, by what its name ends in."""
