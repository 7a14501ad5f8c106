"""Tables of one's own: what is read, and forty files that are refused in one line."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swissroll.data.table import Table, find_lattice, read_table

pandas = pytest.importorskip("pandas")
X = np.random.default_rng(0).normal(size=(30, 2))
ROWS = [f"{a!r},{b!r}" for a, b in X.tolist()]


def text(*lines: str, header: str | None = "a,b") -> bytes:
    """A file of these lines, under a header."""
    return "\n".join([*([] if header is None else [header]), *lines, ""]).encode()


def read(folder: Path, content: bytes, name: str = "points.csv", **options: Any) -> Table:
    path = folder / name
    path.write_bytes(content)
    return read_table(path, **options)


def changed(row: int, cells: str) -> bytes:
    """The right file with another row, counted from 1."""
    lines = list(ROWS)
    lines[row - 1] = cells
    return text(*lines)


def saved(write: Callable[..., None], *values: Any, **named: Any) -> bytes:
    file = io.BytesIO()
    write(file, *values, **named)
    return file.getvalue()


def column(*values: str, name: str = "c") -> bytes:
    """The right file with another column behind it, whose values repeat."""
    lines = [f"{row},{values[place % len(values)]}" for place, row in enumerate(ROWS)]
    return text(*lines, header=f"a,b,{name}")


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


WRONG: dict[str, tuple[bytes, str, dict[str, Any]]] = {
    # Cells.
    "missing": (changed(17, "1.5,"), "row 17, column 'b': there is no value, as in 1 of 30 rows. Remove", {}),
    "word for missing": (changed(3, "NA,2"), "row 3, column 'a': there is no value", {}),
    "nan": (changed(3, "2,nan"), "row 3, column 'b': there is no value", {}),
    "infinite": (changed(4, "-inf,2"), "row 4, column 'a': -inf is infinite. Remove such rows", {}),
    "overflow": (changed(4, "1e999,2"), "row 4, column 'a': 1e999 is larger than 1e+100. Use another unit", {}),
    "huge": (changed(9, "1e200,2"), "row 9, column 'a': 1e200 is larger than 1e+100", {}),
    "text cell": (changed(5, "1,abc"), "row 5, column 'b': 'abc' is text. Correct it, or remove", {}),
    "unit": (changed(5, "1,12 cm"), "row 5, column 'b': '12 cm' is a number with a sign or a unit", {}),
    "percent": (changed(5, "1,12%"), "'12%' is a number with a sign or a unit. Write the number alone", {}),
    "currency": (changed(5, "$12,3"), "row 5, column 'a': '$12' is a number with a sign", {}),
    "underscore": (changed(5, "1,1_000"), "row 5, column 'b': '1_000' is", {}),
    "thousands": (changed(6, '1,"1,234.5"'), "row 6, column 'b': '1,234.5' has a comma. Write decimal points", {}),
    "minus of typesetting": (
        changed(5, "1,\u22122.5"),
        "has the dash U+2212 for a minus. Write an ASCII minus '-'",
        {},
    ),
    "dash of a power": (changed(5, "1,2e\u20135"), "has the dash U+2013 for a minus. Write an ASCII minus '-'", {}),
    "minus before a unit": (changed(5, "1,\u22122 cm"), "has the dash U+2212 for a minus. Write an ASCII", {}),
    "minus and comma": (changed(6, '1,"\u22121,5"'), "has the dash U+2212 for a minus. Write an ASCII", {}),
    "a range": (changed(5, "1,5\u201310"), "is text. Correct it", {}),
    "dash alone": (changed(3, "\u2014,2"), "row 3, column 'a': there is no value", {}),
    "minuses without a header": (
        text(*["\u2212" + row.replace(",", ",\u2212") for row in ROWS], header=None),
        "column 'x1': 30 of 30 rows are not numbers; row 1, '\u2212",
        {},
    ),
    "commas without a header": (
        text(*[row.replace(",", ";").replace(".", ",") for row in ROWS], header=None),
        "30 of 30 rows are not numbers; row 1, '",
        {},
    ),
    "date cell": (changed(7, "1,2024-05-01"), "row 7, column 'b': '2024-05-01' is a date or a time. Turn it", {}),
    "units row": (changed(1, "cm,kg"), "row 1, column 'a': 'cm' is text", {}),
    # Columns.
    "decimal commas": (
        text(*[row.replace(",", ";").replace(".", ",") for row in ROWS], header="a;b"),
        "nothing between thousands. To read decimal commas: pandas.read_csv(..., sep=';', decimal=',').",
        {},
    ),
    "category": (column("red", "blue"), "column 'c': 30 of 30 rows are not numbers; row 1, 'red', is text", {}),
    "choose": (column("red"), "Choose the columns to use: a,b.", {}),
    "choose with a comma": (
        column("red").replace(b"a,b", b'"height, mm",b'),
        'Choose the columns to use: "height, mm",b.',
        {},
    ),
    "choose beside row numbers": (
        text(*[f"{place},{row},red" for place, row in enumerate(ROWS)], header="id,a,b,c"),
        "Choose the columns to use: a,b.",
        {"columns": ["a", "c"]},
    ),
    "dates beside decimal commas": (
        text(*[f"{place};2024-01-01;{place % 7},25" for place in range(30)], header="id;when;height"),
        "row 1, '2024-01-01', is a date or a time. Other columns have commas in their numbers, such as 'height': write",
        {"columns": ["when"]},
    ),
    "no column of numbers": (text(*["x,y"] * 30), "row 1, 'x', is text. Correct it, or remove the row.", {}),
    "a number as a name": (
        text(*ROWS, header="a,9"),
        "row 1, column 'x1': 'a' is text. Correct it, or remove the row. If the first line is meant as names",
        {},
    ),
    "dates": (column("2024-01-01", "2024-01-02"), "row 1, '2024-01-01', is a date or a time", {}),
    "truth values": (column("True", "False"), "row 1, 'True', is a truth value", {}),
    "constant": (column("3"), "column 'c': all rows are 3, which has no density. Leave it out", {}),
    "empty column": (column(""), "column 'c': no row has a value. Leave the column out.", {}),
    "below rounding": (
        column("1e15", "1000000000000000.1"),
        "column 'c': its values differ by less than a rounding error of 1e+15. Subtract",
        {},
    ),
    "a unit far too large": (
        column("1e-200", "2e-200", "4e-200"),
        "column 'c': its values differ by 3e-200 at most",
        {},
    ),
    "row numbers": (
        text(*[f"{place},{row}" for place, row in enumerate(ROWS)], header=",a,b"),
        "column 'column 1' counts the rows: 0, 1 and so on. Leave it out",
        {},
    ),
    "row numbers beside others": (
        text(*[f"{place},{row},red" for place, row in enumerate(ROWS)], header="id,a,b,c"),
        "if it is meant. Choose the columns to use: a,b.",
        {"label": "c"},
    ),
    "duplicate header": (text(*ROWS, header="a,a"), "columns 1 and 2 are both called 'a'. Rename one", {}),
    "a name too long": (
        text(*ROWS, header=f"{'h' * 200_000},b"),
        "the name of column 1 has 200,000 characters; at most 200 are allowed. Shorten it",
        {},
    ),
    "trailing delimiters": (
        text(*[f"{row}," for row in ROWS], header="a,b,"),
        "column 'column 3': no row has a value. Leave the column out.",
        {},
    ),
    # Lines.
    "short line": (changed(8, "1.0"), "line 9 has 1 field, and line 1 has 2, with the delimiter ','", {}),
    "long line": (changed(8, "1,2,3"), "line 9 has 3 fields, and line 1 has 2", {}),
    "blank line": (changed(8, ""), "line 9 is empty. Remove it", {}),
    "open quote": (changed(8, '"1,2'), "a quotation mark is opened and never closed", {}),
    "comment": (changed(8, "# a remark"), "line 9 has 1 field,", {}),
    "wrong delimiter": (
        text(*[row.replace(",", ":") for row in ROWS], header="a:b"),
        "is text. The file has one column: separate fields by a comma",
        {},
    ),
    "too few rows": (text(*ROWS[:7]), "has 7 rows; a density needs at least 20. Collect more", {}),
    "no rows": (text(), "has a header and no rows", {}),
    "too many columns": (
        text(
            *[",".join(map(repr, row)) for row in np.random.default_rng(1).normal(size=(30, 51)).tolist()], header=None
        ),
        "has 51 columns; at most 50 can be used. Choose some",
        {},
    ),
    # Files.
    "empty": (b"", "points.csv is empty: it needs a row", {}),
    "blank": (b" \n\n", "points.csv is empty", {}),
    "binary": (bytes(range(256)) * 4, "is a binary file, or text in UTF-16. Save the table as CSV", {}),
    "utf-16": (text(*ROWS).decode().encode("utf-16"), "is text in UTF-16. Save it as UTF-8", {}),
    "utf-16 without a mark": (text(*ROWS).decode().encode("utf-16-le"), "or text in UTF-16", {}),
    "latin-1": (text(*ROWS, header="höhe,b").decode().encode("latin-1"), "line 1: the byte 0xf6 is not UTF-8", {}),
    "workbook": (zipped(), "is a zip archive or a workbook, not the text that its name says", {}),
    "compressed": (gzip.compress(text(*ROWS)), "is compressed, not the text", {}),
    "only a mark of UTF-8": (b"\xef\xbb\xbf\n", "points.csv is empty: it needs a row", {}),
    "web page": (b"<!doctype html><title>404</title>", "is a web page, not a table. Download the file itself", {}),
    "marked web page": (b"\xef\xbb\xbf\n<HTML lang='en'>,b", "is a web page, not a table. Download", {}),
    # Names.
    "unknown column": (text(*ROWS), "has no column 'aa'. Did you mean 'a'? It has: a, b", {"columns": ["aa"]}),
    "unknown label": (text(*ROWS), "has no column 'kind'", {"label": "kind"}),
    "column twice": (text(*ROWS), "columns names 'a' twice. Name it once", {"columns": ["a", "a"]}),
    "no columns": (text(*ROWS), "columns must be a list of names", {"columns": []}),
    "label with a gap": (column("red", ""), "row 2, label 'c': there is no value", {"label": "c"}),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    content, message, options = WRONG[case]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        read(tmp_path, content, **options)
    found = str(caught.value)
    assert message in found
    assert found.startswith((str(tmp_path / "points.csv"), "columns "))
    assert "\n" not in found
    assert found.endswith(".")
    assert "none of these" not in found
    assert len(found) < 320 + len(str(tmp_path))


OTHER_FILES: dict[str, tuple[str, bytes, str]] = {
    "pickled": (
        "a.npy",
        saved(lambda f: np.save(f, np.array([[{}]], dtype=object), allow_pickle=True)),
        "holds pickled",
    ),
    "pickled in npz": (
        "a.npz",
        saved(lambda f: np.savez(f, x=np.array([[{}]], dtype=object))),
        "holds pickled objects",
    ),
    "no npy": ("a.npy", b"abc", "is not the NumPy file that its name says"),
    "cut npy": ("a.npy", saved(lambda f: np.save(f, X))[:200], "is cut short or damaged"),
    "npy that claims more than memory": (
        "a.npy",
        saved(lambda f: np.save(f, X)).replace(b"(30, 2), }" + b" " * 13, b"(10000000000000, 2), }" + b" "),
        "is cut short or damaged",
    ),
    "one axis": ("a.npy", saved(lambda f: np.save(f, X[:, 0])), "holds an array of shape (30,)"),
    "complex": (
        "a.npy",
        saved(lambda f: np.save(f, X * 1j)),
        "column 'x1' holds complex numbers. A table needs columns of numbers.",
    ),
    "text npy": ("a.npy", saved(lambda f: np.save(f, X.astype("U9"))), "column 'x1' holds text"),
    "no array": ("a.npz", saved(np.savez), "holds no array. Write it with numpy.savez."),
    "several arrays": ("a.npz", saved(lambda f: np.savez(f, x=X, y=X[:, 0])), "holds several arrays: x, y. Save"),
    "nan npy": ("a.npy", saved(lambda f: np.save(f, np.where(X > 1, np.nan, X))), "there is no value"),
    "no parquet": ("a.parquet", b"abc", "is not a whole Parquet file"),
    "ending": ("a.xlsx", b"abc", "a table is one of .csv, .tsv"),
}


@pytest.mark.parametrize("case", OTHER_FILES)
def test_a_wrong_file_of_another_kind_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    name, content, message = OTHER_FILES[case]
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        read(tmp_path, content, name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_in_angle_brackets_are_no_web_page(tmp_path: Path) -> None:
    assert read(tmp_path, text(*ROWS, header="<OPEN>,<HIGH>")).columns == ("<OPEN>", "<HIGH>")


def test_the_note_on_rounded_values_stands_alone(tmp_path: Path) -> None:
    steps = [f"{k % 4 / 10},{k % 7 + k / 1000}" for k in range(40)]
    (note,) = read(tmp_path, text(*steps)).notes
    assert note.startswith("rounded values: a in steps of 0.1. A density of values in steps has no upper bound: one")
    assert "either" not in note


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is a folder\. Name a file"):
        read_table(tmp_path)
    with pytest.raises(ValueError, match=r"is not there\. Name a file"):
        read_table(tmp_path / "gone.csv")


WRITTEN = {
    "commas": ("a.csv", text(*ROWS)),
    "tabs": ("a.tsv", text(*[row.replace(",", "\t") for row in ROWS], header="a\tb")),
    "semicolons": ("a.csv", text(*[row.replace(",", ";") for row in ROWS], header="a;b")),
    "bars": ("a.txt", text(*[row.replace(",", " | ") for row in ROWS], header="a | b")),
    "spaces": ("a.txt", text(*["  " + row.replace(",", "   ") for row in ROWS], header="a b")),
    "line ends of Windows": ("a.csv", text(*ROWS).replace(b"\n", b"\r\n")),
    "line ends of old Macs": ("a.csv", text(*ROWS).replace(b"\n", b"\r")),
    "a mark of UTF-8": ("a.csv", b"\xef\xbb\xbf" + text(*ROWS)),
    "blank lines at the end": ("a.csv", text(*ROWS) + b"\n\n"),
    "quotation marks": ("a.csv", text(*[f'"{row.replace(",", chr(34) + "," + chr(34))}"' for row in ROWS])),
    "a header of NumPy": ("a.csv", text(*ROWS, header="# a,b")),
    "a structured array": ("a.npy", saved(lambda f: np.save(f, X.view([("a", "f8"), ("b", "f8")])[:, 0]))),
    "arrays by name": ("a.npz", saved(lambda f: np.savez(f, a=X[:, 0], b=X[:, 1]))),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_every_way_of_writing_gives_the_same_numbers(case: str, tmp_path: Path) -> None:
    name, content = WRITTEN[case]
    found = read(tmp_path, content, name)
    np.testing.assert_array_equal(found.rows, X)
    assert found.columns == ("a", "b")
    assert found.notes == ()


@pytest.mark.parametrize("case", ["csv", "npy", "npz"])
def test_columns_without_a_header_are_numbered(case: str, tmp_path: Path) -> None:
    content = {
        "csv": text(*ROWS, header=None),
        "npy": saved(lambda f: np.save(f, X)),
        "npz": saved(lambda f: np.savez(f, x=X)),
    }[case]
    found = read(tmp_path, content, f"a.{case}")
    np.testing.assert_array_equal(found.rows, X)
    assert found.columns == ("x1", "x2")


def test_parquet_keeps_names_and_refuses_what_is_no_number(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    frame = pandas.DataFrame(
        {"a": X[:, 0], "n": np.arange(30)[::-1], "when": pandas.Timestamp("2024-01-01"), "ok": True}
    )
    frame.to_parquet(path)
    found = read_table(path, ["a", "n"])
    np.testing.assert_array_equal(found.rows, np.column_stack([X[:, 0], np.arange(30)[::-1]]))
    with pytest.raises(ValueError, match=r"column 'when' holds dates. Choose the columns to use: a,n"):
        read_table(path, ["a", "when"])
    with pytest.raises(ValueError, match="column 'ok' holds truth values"):
        read_table(path, ["a", "ok"])

    frame["whole"] = pandas.array([1, None, *range(28)], dtype="Int64")
    frame.to_parquet(path)
    with pytest.raises(ValueError, match="row 2, column 'whole': there is no value"):
        read_table(path, ["a", "whole"])


def test_columns_come_in_the_order_of_their_names_and_a_label_stays_apart(tmp_path: Path) -> None:
    content = column("red", "blue")
    both = read(tmp_path, content, label="c")
    assert both.columns == ("a", "b")
    assert both.label is not None
    assert both.label[:3].tolist() == ["red", "blue", "red"]
    turned = read(tmp_path, content, columns=["b", "a"])
    np.testing.assert_array_equal(turned.rows, X[:, ::-1])
    numbered = read(tmp_path, column("1", "2.5"), label="c")
    assert numbered.label is not None
    assert numbered.label[:2].tolist() == [1.0, 2.5]


def test_a_column_that_counts_is_used_where_it_is_named(tmp_path: Path) -> None:
    content = text(*[f"{place},{row}" for place, row in enumerate(ROWS)], header="n,a,b")
    assert read(tmp_path, content, columns=["n", "a"]).rows[:, 0].tolist() == list(range(30))


def test_repeated_rows_and_a_lattice_are_said_and_kept(tmp_path: Path) -> None:
    rounded = X.round(1)
    lines = [f"{a},{b}" for a, b in [*rounded.tolist(), *rounded.tolist()]]
    found = read(tmp_path, text(*lines))
    assert len(found.rows) == 60
    repeated, lattice = found.notes
    different = {(a + 0.0, b + 0.0) for a, b in rounded.tolist()}
    assert repeated.startswith(f"{60 - len(different)} of 60 rows repeat an earlier one")
    assert lattice.startswith("rounded values: a in steps of 0.1, b in steps of 0.1.")
    assert "no upper bound" in lattice


@pytest.mark.parametrize("step", [1.0, 0.1, 2.5, 1e-3, 60.0])
def test_a_lattice_has_its_step(step: float) -> None:
    whole = np.random.default_rng(2).integers(-20, 20, size=400)
    assert find_lattice(whole * step + 7) == pytest.approx(step, rel=1e-6)


def test_ordinary_numbers_are_no_lattice() -> None:
    assert find_lattice(np.random.default_rng(3).normal(size=1000)) is None
    assert find_lattice(np.repeat(np.random.default_rng(3).normal(size=100), 5)) is None


def test_the_digest_is_of_the_file(tmp_path: Path) -> None:
    first, second = (read(tmp_path, content).digest for content in (text(*ROWS), changed(1, "1,2")))
    assert len(first) == 64
    assert first != second


MOVING = "\x1b[31m\u202e\u2066\u2069\x07"


def test_no_name_and_no_label_moves_a_cursor_or_turns_a_line(tmp_path: Path) -> None:
    rows = [f"{row},red{MOVING}x" for row in ROWS]
    content = text(*rows, header=f"a,b{MOVING}z,kind{MOVING}")
    table = read(tmp_path, content, label=f"kind{MOVING}")
    assert table.columns == ("a", "b [31m    z")
    assert table.label_name == "kind [31m"
    assert table.label is not None
    assert set(table.label.tolist()) == {"red [31m    x"}

    # As they are shown, they can be typed.
    assert read(tmp_path, content, columns=[table.columns[1]], label=table.label_name).columns == table.columns[1:]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (text(*ROWS, header=f"a{MOVING},b"), {"columns": ["c"]}),
        (text(*ROWS, header=f"a,b{MOVING}"), {"columns": [f"q{MOVING}"]}),
        (text(*[f"{row},red" for row in ROWS], header=f"a,b{MOVING},c"), {}),
        (text(*ROWS, header=f"a{MOVING},a{MOVING}"), {}),
        (changed(5, f"1,2{MOVING}"), {}),
    ],
)
def test_no_message_moves_a_cursor_or_turns_a_line(content: bytes, options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - all are refused, each for a reason of its own
        read(tmp_path, content, **options)
    assert str(caught.value).isprintable()


def test_labels_that_would_look_alike_are_refused(tmp_path: Path) -> None:
    content = text(
        *[f"{row},{'a b' if place % 2 else 'a' + chr(7) + 'b'}" for place, row in enumerate(ROWS)], header="a,b,c"
    )
    with pytest.raises(ValueError, match=r"label 'c': two values both look like 'a b'\. Rename one"):
        read(tmp_path, content, label="c")
