"""Text files read at once, held to the way that looks at every cell."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swissroll.data import table, table_files
from swissroll.data.table_files import read_columns

pandas = pytest.importorskip("pandas")
PATH = Path("points.csv")

# What people and programs write into cells; most of it is no number, and all of it is near one.
WORDS = """
    1 -2.5 +3 1e5 1E-3 .5 5. 9007199254740993 0.1000000000000000000000000000001 nan NaN NA inf -Infinity 1e400 1e200
    null - + . 1_000 1,5 0x10 0b1 1d5 1f 1L 1j 1e 1.5.2 --1 '1' True 2024-05-01 12:30 $12 12% word a;b
"""
# With white space, with quotation marks, and with digits of other scripts.
OTHERS = ["", " ", " 7", "8 ", "\t9", "1 2", "12 cm", '"1,234.5"', '"1"', '"1 "', "\u0661", "\uff10", "1\xa0", "1\x0b"]
CELLS = [*WORDS.split(), *OTHERS]


def read(content: bytes, monkeypatch: pytest.MonkeyPatch, *, at_once: bool) -> object:
    """Names and numbers of a file, or the message that refuses it."""
    with monkeypatch.context() as patched:
        if not at_once:
            patched.setattr(table_files, "_read_plain_numbers", lambda *_: None)
        try:
            columns = read_columns(PATH, content)
            return [c.name for c in columns], [table._numbers(PATH, c, columns).tolist() for c in columns]
        except ValueError as error:
            return str(error)


@pytest.fixture(scope="module")
def patch() -> pytest.MonkeyPatch:
    return pytest.MonkeyPatch()


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_read_or_refused_alike_both_ways(cell: str, place: int, patch: pytest.MonkeyPatch) -> None:
    rows = [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]]
    for row in (1, 2, 4):
        changed = [list(line) for line in rows]
        changed[row][place] = cell
        content = "\n".join(map(";".join, changed)).encode()
        assert read(content, patch, at_once=True) == read(content, patch, at_once=False)


TABLES = st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=3), min_size=1, max_size=5)


@settings(max_examples=60)
@given(
    rows=TABLES,
    delimiter=st.sampled_from([",", ";", "\t", " "]),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.text("\n\r ", max_size=3),
)
@example(rows=[["1", "2"], ["3"]], delimiter=",", end="\n", last="")
@example(rows=[["1", "2"], ["3", "4", "5"]], delimiter=",", end="\n", last="")
@example(rows=[["a", "b", "c"], ["1", "2"], ["3", "4"]], delimiter=",", end="\n", last="")
@example(rows=[["a"], ["1"], [""], ["2"]], delimiter=",", end="\n", last="\n\n")
@example(rows=[["1", "1"], ["1"]], delimiter=",", end="\n", last="\r ")
def test_a_table_is_read_or_refused_alike_both_ways(
    rows: list[list[str]], delimiter: str, end: str, last: str, patch: pytest.MonkeyPatch
) -> None:
    content = (end.join(map(delimiter.join, rows)) + last).encode()
    assert read(content, patch, at_once=True) == read(content, patch, at_once=False)


@settings(max_examples=60)
@given(st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=9))
def test_numbers_keep_their_bits_without_a_look_at_each_cell(numbers: list[float]) -> None:
    content = "\n".join(["a,b", *(f"{number!r},1" for number in numbers)]).encode()
    found = table_files._read_plain_numbers(content, ",")
    assert found is not None
    np.testing.assert_array_equal(found[0].values, np.array(numbers))
    assert [column.values.dtype.kind for column in found] == ["f", "f"]


def test_text_beside_numbers_leaves_the_numbers_fast(patch: pytest.MonkeyPatch) -> None:
    content = "a,kind\n" + "\n".join(f"{n}.5,{'red' if n % 2 else 'blue'}" for n in range(40))
    found = table_files._read_plain_numbers(content.encode(), ",")
    assert found is not None
    assert [column.values.dtype.kind for column in found] == ["f", "O"]
    assert found[1].values[:2].tolist() == ["blue", "red"]
    assert read(content.encode(), patch, at_once=True) == read(content.encode(), patch, at_once=False)


@pytest.mark.parametrize("border", ["POLYGON " + "1 2," * 40_000, "b" * 200_000])
def test_a_cell_may_be_longer_than_pythons_reader_takes(border: str, patch: pytest.MonkeyPatch) -> None:
    rows = "".join(f'{n}.5,"{border}",{n}\n' for n in range(3))
    columns = read_columns(PATH, f"a,border,c\n{rows}".encode())
    assert [column.name for column in columns] == ["a", "border", "c"]
    assert columns[2].values.tolist() == [0, 1, 2]

    # The last cell of a line is empty, so that its fields are counted.
    assert "there is no value" in str(read(f'"{border}",c\n1,2\n3,\n'.encode(), patch, at_once=False))


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("the whole table was read")


@pytest.mark.parametrize("end", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("count", [1001, 10**6])
def test_a_text_of_too_many_columns_is_not_read_whole(count: int, end: str, patch: pytest.MonkeyPatch) -> None:
    with patch.context() as patched:
        patched.setattr(table_files, "import_pandas", never)
        with pytest.raises(
            ValueError, match=r"^points\.csv has over 1,000 columns\. Save those to use alone"
        ) as caught:
            read_columns(PATH, (f"1{end}" * count + "2\n").encode() * 2)
    assert "\n" not in str(caught.value)


def test_a_thousand_columns_are_read() -> None:
    content = "\n".join([",".join(f"a{n}" for n in range(1000)), ",".join(map(str, range(1000)))]).encode()
    assert len(read_columns(PATH, content)) == 1000


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_that_is_too_long_is_not_read(end: str, patch: pytest.MonkeyPatch) -> None:
    content = f"a,b{end}1,2{end}".encode() * 3 + b"1" * (table_files.MAX_LINE + 1)
    with patch.context() as patched:
        patched.setattr(table_files, "import_pandas", never)
        with pytest.raises(ValueError, match=r"^points\.csv, line 7 has over 16,777,216 bytes\. Give each row"):
            read_columns(PATH, content)


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_long_files_of_short_lines_are_no_long_line(end: bytes, patch: pytest.MonkeyPatch) -> None:
    with patch.context() as patched:
        patched.setattr(table_files, "MAX_LINE", 7)
        assert len(read_columns(PATH, b"a,b" + (end + b"1.5,2.5") * 40)[0].values) == 40


def wide(kind: str) -> bytes:
    """A file of 1,001 columns."""
    file = BytesIO()
    if kind == "npy":
        np.save(file, np.zeros((2, 1001)))
    elif kind == "npz":
        np.savez(file, **{f"a{n}": np.zeros(2) for n in range(1001)})  # type: ignore[arg-type]
    else:
        pytest.importorskip("pyarrow")
        pandas.DataFrame(np.zeros((2, 1001)), columns=[f"a{n}" for n in range(1001)]).to_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["npy", "npz", "parquet"])
def test_another_file_of_too_many_columns_is_refused(kind: str, patch: pytest.MonkeyPatch) -> None:
    content = wide(kind)
    with patch.context() as patched:
        patched.setattr(pandas, "read_parquet", never)
        with pytest.raises(ValueError, match="has over 1,000 columns"):
            read_columns(Path(f"points.{kind}"), content)


def test_fields_beyond_a_header_of_numpy_are_refused_as_such() -> None:
    file = BytesIO()
    np.save(file, np.zeros(2, dtype=[(f"a{n}", float) for n in range(1001)]))
    with pytest.raises(ValueError, match=r"has names of too many columns\. Save those to use alone, as a plain array"):
        read_columns(Path("points.npy"), file.getvalue())
