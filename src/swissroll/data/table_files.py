"""Files of tables as columns: text by pandas, NPY and NPZ by NumPy, Parquet by pandas and pyarrow.

Nothing is dropped, filled in or guessed: text stays text until :mod:`swissroll.data.table` looks at it, and what cannot
be read is refused in one line.
"""

from __future__ import annotations

import codecs
import csv
import re
import zipfile
from collections.abc import Callable, Iterable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from swissroll.errors import Fix, FixableError

LOOKED_AT = 50
"""Lines in which the delimiter is found."""
LOOKED_AT_CHARACTERS = 2**20
"""Characters among which those lines are looked for."""
MAX_FIELD = 2**31 - 1
"""Characters of a field: the most that Python's reader of CSV can be told on every system."""
DELIMITERS = (";", "\t", "|", ",")
"""Those that are looked for, the surest first: a comma may also be a decimal one."""
WHITE_SPACE = r"\s+"
MAX_VALUE = 1e100
"""Largest number, so that its square is one too."""
MAGIC = {
    b"PK\x03\x04": "is a zip archive or a workbook",
    b"\x1f\x8b": "is compressed",
    b"%PDF": "is a PDF",
    b"PAR1": "is a Parquet file",
    b"\x93NUMPY": "is a NumPy file",
}
"""How files that are no text begin."""
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
WEB_PAGE = re.compile(rb"\s*<(!--|(!doctype|\?xml|html|head|meta|title|body|table|div|script|svg)\b)", re.IGNORECASE)
"""How a page begins. A name in angle brackets, such as <DATE> in exchange data, begins none."""


class Column(NamedTuple):
    """One column of a file.

    Attributes:
        name: From its header, or x1, x2, ... where it has none.
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
    return reader(path, content)


def _read_text(path: Path, content: bytes) -> list[Column]:
    text = _decode(path, content)
    delimiter = find_delimiter(text)
    return _read_plain_numbers(content, delimiter) or _read_cells(path, text, delimiter)


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


def _decode(path: Path, content: bytes) -> str:
    """Text of a file in UTF-8, with or without a mark."""
    for magic, what in MAGIC.items():
        if content.startswith(magic):
            raise ValueError(f"{path} {what}, not the text that its name says. Save the table as CSV.")
    if content.startswith(UTF_16_MARKS):
        raise ValueError(f"{path} is text in UTF-16. Save it as UTF-8.")
    if b"\0" in content:
        raise ValueError(f"{path} is a binary file, or text in UTF-16. Save the table as CSV in UTF-8.")
    if WEB_PAGE.match(content.removeprefix(codecs.BOM_UTF8)):
        raise ValueError(f"{path} is a web page, not a table. Download the file itself.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise ValueError(f"{path}, line {line}: the byte 0x{byte:02x} is not UTF-8. Save the file as UTF-8.") from None


def find_delimiter(text: str) -> str:
    """The delimiter of a table: the one that cuts its first lines into as many fields each, or a comma.

    White space, of any length, is one where nothing else is.
    """
    lines = [line for line in _first_lines(text) if line.strip()]
    for delimiter in DELIMITERS:
        counts = set(_count_fields(lines, delimiter))
        if len(counts) == 1 and counts != {1}:
            return delimiter

    # One short or long line hides no delimiter that all lines have.
    for delimiter in DELIMITERS:
        if all(delimiter in line for line in lines):
            return delimiter
    words = {len(line.split()) for line in lines}
    if len(words) == 1 and words != {1}:
        return WHITE_SPACE
    return ","


def _first_lines(text: str) -> list[str]:
    """The lines in which the delimiter is found; the rest of a long text is not cut into lines."""
    lines = text[:LOOKED_AT_CHARACTERS].splitlines()
    is_cut = len(text) > LOOKED_AT_CHARACTERS and 1 < len(lines) <= LOOKED_AT
    return lines[: min(LOOKED_AT, len(lines) - is_cut)]


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
        for line, found in enumerate(_count_fields(StringIO(text, newline=None), delimiter)[:lines], start=1):
            if found != cells.shape[1]:
                raise ValueError(f"{path}{_wrong_count(line, found, cells.shape[1], delimiter)}")
    return cells[:lines]


def _count_fields(lines: Iterable[str], delimiter: str) -> list[int]:
    """Fields in each line of a table, however long one is: a cell may hold a country's border."""
    if delimiter == WHITE_SPACE:
        return [len(line.split()) for line in lines]
    usual = csv.field_size_limit(MAX_FIELD)
    try:
        return [len(fields) for fields in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)]
    finally:
        csv.field_size_limit(usual)


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
        f", line {line} has {found} field{'s' if found != 1 else ''}, and line 1 has {expected}, "
        f"with the delimiter {shown}. "
        "Give all lines as many; a field that holds the delimiter needs quotation marks."
    )


def _header(first: NDArray[Any]) -> list[str] | None:
    """The names in the first line; None where it is a row of the table, which has a number."""
    words = [str(cell).strip() for cell in first]
    if any(is_number(word) for word in words):
        return None
    words[0] = words[0].lstrip("# ")
    return [word or f"column {place}" for place, word in enumerate(words, start=1)]


def is_number(text: str) -> bool:
    """Whether a cell is a finite or infinite number; a word for a missing one is none."""
    try:
        value = float(text)
    except ValueError:
        return False
    return value == value and "_" not in text


def _read_npy(path: Path, content: bytes) -> list[Column]:
    if not content.startswith(b"\x93NUMPY"):
        raise ValueError(f"{path} is not the NumPy file that its name says. Write it with numpy.save.")
    return _array_columns(path, _load_numpy(path, content))


def _read_npz(path: Path, content: bytes) -> list[Column]:
    if not zipfile.is_zipfile(BytesIO(content)):
        raise ValueError(f"{path} is not the NumPy archive that its name says. Write it with numpy.savez.")
    archive = _load_numpy(path, content)
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
    except (ValueError, OSError, EOFError) as error:
        raise _numpy_error(path, error) from None


def _member(path: Path, archive: Any, name: str) -> Any:
    try:
        return archive[name]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _numpy_error(path, error) from None


def _numpy_error(path: Path, error: Exception) -> ValueError:
    if "pickle" in str(error):
        return ValueError(
            f"{path} holds pickled objects, which are never loaded: they could run code. "
            "Save numbers: numpy.save(path, array.astype(float))."
        )
    return ValueError(f"{path} is cut short or damaged. Write it again.")


def _array_columns(path: Path, array: Any) -> list[Column]:
    names = array.dtype.names
    if names is not None and array.ndim == 1:
        return [Column(name, array[name]) for name in names]
    if array.ndim != 2:
        raise ValueError(
            f"{path} holds an array of shape {array.shape}. A table has a row for each point: shape (N, D)."
        )
    return [Column(f"x{place + 1}", array[:, place]) for place in range(array.shape[1])]


def _read_parquet(path: Path, content: bytes) -> list[Column]:
    pandas = import_pandas()
    try:
        frame = pandas.read_parquet(BytesIO(content))
    except ImportError:
        raise FixableError(f"{path}: Parquet needs pyarrow, which is not installed.", Fix.INSTALL_PANDAS) from None
    except (ValueError, OSError):
        raise ValueError(f"{path} is not a whole Parquet file. Write it again.") from None
    return [Column(str(name), _plain(pandas, frame.iloc[:, place])) for place, name in enumerate(frame.columns)]


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
