"""A new file with a table of numbers: its name is checked before anything is computed; it is written whole or not."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO

from swissroll.cli.terminal import CommandError
from swissroll.report.shell import quote

DELIMITERS = {".csv": ",", ".tsv": "\t"}
ENDINGS = (*DELIMITERS, ".npy", ".parquet")


def require_new_table(path: Path) -> None:
    """Require the name of a table that can be written and is not there yet.

    Raises:
        CommandError: It ends in something else, or is there, or its folder is a file, or a library is missing.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise CommandError(f"{path}: tables are {', '.join(ENDINGS)}.", "Name such a file with --out.")
    if path.exists():
        raise CommandError(f"{path} already exists.", f"Move it away, or name another file than {quote(path)}.")
    if ending == ".parquet":
        _import_parquet(path)


def write_table(path: Path, columns: Sequence[str], parts: Iterable[Any], count: int) -> None:
    """Write a table part by part, so that memory holds one of them; the file appears when it is whole.

    Args:
        path: Where to; its ending decides the format, and its folder is made.
        columns: Names of the D columns; a .npy file has none.
        parts: Arrays of shape (n, D) of one precision, as they are made; or of objects, where a column is text.
        count: Rows of all parts together.
    """
    from swissroll.runs.files import replacing

    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as aside, aside.open("wb") as file, _writer(path, file, columns, count) as write:
        for part in parts:
            write(part)


def as_text(columns: Sequence[str], rows: Any, delimiter: str = ",") -> str:
    """A table as text, with a header."""
    return _line(columns, delimiter) + _rows_as_text(rows, delimiter)


@contextmanager
def _writer(path: Path, file: BinaryIO, columns: Sequence[str], count: int) -> Iterator[Callable[[Any], object]]:
    """What writes one part after another."""
    ending = path.suffix.lower()
    if ending == ".parquet":
        with _parquet_writer(path, file, columns) as write:
            yield write
    elif ending == ".npy":
        yield _NumpyWriter(file, count)
    else:
        delimiter = DELIMITERS[ending]
        file.write(_line(columns, delimiter).encode())
        yield lambda part: file.write(_rows_as_text(part, delimiter).encode())


class _NumpyWriter:
    """Writes the head of a .npy file before its first part."""

    def __init__(self, file: BinaryIO, count: int) -> None:
        self.file = file
        self.count = count
        self.has_head = False

    def __call__(self, part: Any) -> None:
        import numpy as np

        if not self.has_head:
            head = {"descr": part.dtype.str, "fortran_order": False, "shape": (self.count, part.shape[1])}
            np.lib.format.write_array_header_1_0(self.file, head)
            self.has_head = True
        self.file.write(np.ascontiguousarray(part).tobytes())


@contextmanager
def _parquet_writer(path: Path, file: BinaryIO, columns: Sequence[str]) -> Iterator[Callable[[Any], object]]:
    pyarrow, parquet = _import_parquet(path)
    open_writers: list[Any] = []

    def write(part: Any) -> None:
        table = pyarrow.table(dict(zip(columns, part.T, strict=True)))
        if not open_writers:
            open_writers.append(parquet.ParquetWriter(file, table.schema))
        open_writers[0].write_table(table)

    try:
        yield write
    finally:
        for writer in open_writers:
            writer.close()


def _import_parquet(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise CommandError(
            f"{path}: Parquet needs pyarrow, which is not installed.",
            "To install it: pip install 'pyarrow>=16'. Or name a file that ends in .csv or .npy.",
        ) from None
    return pyarrow, parquet


def _line(names: Sequence[str], delimiter: str) -> str:
    """The header; a name that holds the delimiter stands in quotation marks."""
    line = StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(names)
    return line.getvalue()


def _rows_as_text(rows: Any, delimiter: str) -> str:
    """Rows as lines of text that hold each number exactly, in as few digits as its precision allows."""
    columns = [map(_cell_writer(column, delimiter), column.tolist()) for column in rows.T]
    return "".join(delimiter.join(row) + "\n" for row in zip(*columns, strict=True))


def _cell_writer(column: Any, delimiter: str) -> Callable[[Any], str]:
    """What writes the cells of a column: as few digits as tell a number from others of its precision."""
    import numpy as np

    if isinstance(column[0], str):
        return lambda text: _line([text], delimiter).rstrip("\n")
    with np.errstate(over="ignore"):
        is_single = bool((column == column.astype(np.float32)).all())
    return _write_single if is_single else repr


def _write_single(number: float) -> str:
    """A number of single precision; a whole one without a point."""
    import numpy as np

    return str(np.float32(number)).removesuffix(".0")
