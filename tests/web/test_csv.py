"""Pasted tables: what is right is read, what is wrong is said with its row and column."""

import csv
import io
import random

import numpy as np
import pytest

from tests.web.javascript import needs_node, run_script

pytestmark = needs_node

READ = """
const { CsvError, likelyColumns, pointsOf, readTable } = await load("csv.js");
answer(input.map((text) => {
  try {
    const table = readTable(text);
    const points = pointsOf(table, likelyColumns(table));
    return { names: table.names, dims: points.dims, values: Array.from(points.values) };
  } catch (error) {
    return error instanceof CsvError ? { message: error.message } : { wrong: String(error.stack) };
  }
}));
"""

POINTS = [0.5, 1.0, -2.0, 3e-3, 4.0, 5.25]
GOOD = {
    "comma": "x,y\n0.5,1\n-2,3e-3\n4,5.25\n",
    "no head": "0.5,1\n-2,.003\n4.,5.25",
    "windows and a byte order mark": "\ufeffx,y\r\n0.5, 1\r\n-2,3E-3\r\n\r\n4,+5.25\r\n",
    "tab": "x\ty\n0.5\t1\n-2\t3e-3\n4\t5.25",
    "names in angle brackets": "<OPEN>,<HIGH>\n0.5,1\n-2,3e-3\n4,5.25",
    "semicolons and decimal commas": "x;y\n0,5;1\n-2;3e-3\n4;5,25",
    "spaces": "  0.5 1\n -2   0.003\n  4 5.25\n",
    "comments and empty lines": "# mine\n\n0.5,1\n# more\n-2,3e-3\n4,5.25\n\n",
    "quotes": '"x","y, in ""m"""\n"0.5","1"\n-2,"3e-3"\n4,5.25',
    "a column of names": "name,x,y\na,0.5,1\nb,-2,3e-3\nc,4,5.25",
    "other columns": "x,y,name,date\n0.5,1,a,2020-01-01\n-2,3e-3,b,\n4,5.25,c,x",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_tables_as_people_paste_them_are_read(text: str) -> None:
    [found] = run_script(READ, [text])
    assert found["dims"] == 2
    assert found["values"] == POINTS


@pytest.mark.parametrize("cells", [["0,125", "1,250", "250"], ["1,250", "3,5", "250"], ["1,250", "2,125", "3"]])
def test_decimal_commas_before_three_digits_are_read(cells: list[str]) -> None:
    [found] = run_script(READ, ["".join(f"{cell};{row}\n" for row, cell in enumerate(cells))])
    assert found["values"][::2] == [float(cell.replace(",", ".")) for cell in cells]


def test_a_decimal_comma_far_down_is_read() -> None:
    [found] = run_script(READ, ["".join(f"{row};2\n" for row in range(40)) + "1,5;3\n"])
    assert found["values"][-2:] == [1.5, 3]


def test_a_table_is_read_as_pythons_csv_module_reads_it() -> None:
    source = random.Random(3)  # noqa: S311
    rows = [[source.uniform(-9, 9) for _ in range(3)] for _ in range(200)]
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([['a "b"', "c,d", "e"], *rows])
    [found] = run_script(READ, [text.getvalue()])
    assert found["names"] == ['a "b"', "c,d", "e"]
    assert found["values"] == [value for row in rows for value in row]


BAD = {
    "empty": ("", "There is no row of numbers here."),
    "a head alone": ("x,y\n", "There are 0 rows of numbers; a data set needs at least 3."),
    "one row": ("1,2\n", "There is 1 row of numbers"),
    "one column": ("1\n2\n3\n", "The table has one column"),
    "text in a cell": ("x,y\n1,2\n3,many\n5,6", 'Row 3, column 2: "many" is not a number.'),
    "an empty cell": ("1,2\n3,\n5,6", "Row 2, column 2: the cell is empty."),
    "a missing value": ("1,2\nNA,4\n5,6", 'Row 2, column 1: "NA" stands for a missing value.'),
    "not a number": ("1,2\n3,nan\n5,6", 'Row 2, column 2: "nan" stands for a missing value.'),
    "infinite": ("1,2\n3,4\n-inf,6", 'Row 3, column 1: "-inf" is not a finite number.'),
    "beyond all units": ("1,2\n3,1e999\n5,6", 'Row 2, column 2: "1e999" is larger than 1000000000000.'),
    "a row too short": ("1,2,3\n4,5\n6,7,8", "Row 2: there are 2 cells, and the first row has 3"),
    "a row too long": ("x,y\n1,2\n3,4,5\n6,7", "Row 3: there are 3 cells, and the head has 2"),
    "decimal commas between commas": ('1,2\n"3,5",4\n5,6', 'Row 2, column 1: "3,5" has a decimal comma.'),
    "an open quote": ('1,2\n"3,4\n5,6', "Row 2: a double quote is not closed."),
    "a formula": ("1,2\n3,=A1+1\n5,6", 'Row 2, column 2: "=A1+1" is a formula.'),
    "a unit": ("1,2\n3,40 %\n5,6", 'Row 2, column 2: "40 %" has a unit.'),
    "thousands": ("1;2\n3;1 000\n5;6", 'Row 2, column 2: "1 000" has marks between thousands.'),
    "commas between thousands": (
        "pop\tarea\n1,234\t1\n999\t2\n2,500\t3\n850\t4\n12,000\t5",
        'Row 2, column 1: "1,234" has commas between thousands. Remove them',
    ),
    "millions": ("1;1,234,567\n2;1,5\n3;2", 'Row 1, column 2: "1,234,567" has commas between thousands.'),
    "thousands with a point": ("1;1,234\n2;1.5\n3;2", 'Row 1, column 2: "1,234" has commas between thousands.'),
    "thousands in quotes": ('"1,234",5\n2,4\n5,6', 'Row 1, column 1: "1,234" has commas between thousands.'),
    "one cell in a row": ("1,2\n3\n5,6", "Row 2: there is 1 cell, and the first row has 2"),
    "a date": ("1,2\n3,2020-01-31\n5,6", 'Row 2, column 2: "2020-01-31" looks like a date.'),
    "hexadecimal": ("1,2\n3,0x10\n5,6", 'Row 2, column 2: "0x10" is not a number.'),
    "the same point": ("1,2\n1,2\n1,2\n1,2", "All points are the same one."),
    "a workbook": ("PK\x03\x04...", "This is a workbook or an archive"),
    "bytes": ("1,2\n\x00\x01\n", "This is no text in UTF-8."),
    "a web page": ("<!doctype html><table>", "This is a web page or XML"),
    "a marked web page": ("\ufeff\n<HTML lang='en'>", "This is a web page or XML"),
    "JSON": ("[[1, 2], [3, 4]]", "This is JSON, not a table."),
    "too many columns": (",".join("1" * 101) + "\n", "Row 1: there are more than 100 columns."),
    "too many rows": ("1,2\n" * 50_001, "The table has more than 50,000 rows."),
    "too long": ("1,2\n" * 500_001, "The text is longer than 2 million characters."),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    [found] = run_script(READ, [text])
    assert found["message"].startswith(message)
    assert found["message"].endswith((".", "0.5, 1.2"))


def test_hostile_texts_end_in_points_or_a_sentence() -> None:
    source = random.Random(14)  # noqa: S311
    parts = ["1", ",", ";", "\t", "\n", '"', "e", ".", "-", " ", "\r", "\0", "<script>", "__proto__", "=cmd|", "NaN"]
    parts += ["1e5", "😀", "\u202e", "\ufeff", "#", "x", "1,2\n", "3;4\n", "9" * 400]
    texts = ["".join(source.choices(parts, k=source.randint(1, 200))) for _ in range(1000)]
    texts += ['"' * 10**6, "," * 10**6, " " * 10**6, "\n" * 10**6, "1" * 10**6, "1 " * 10**6, "a" * 3 * 10**6]
    outcomes = run_script(READ, texts)
    assert [outcome for outcome in outcomes if "wrong" in outcome] == []


def test_points_are_fitted_to_about_one_and_thinned_evenly() -> None:
    script = """
    const { fitPoints, sayFitted } = await load("own_points.js");
    const values = Float64Array.from({ length: 24_000 }, (_, i) => (i % 2 ? 1000 + i : -i));
    const fitted = fitPoints({ dims: 2, values }, "mine");
    answer({ ...fitted, said: sayFitted(fitted) });
    """
    found = run_script(script)
    values = found["values"]
    assert len(values) == 10_000
    assert max(map(abs, values)) == pytest.approx(1, abs=1e-3)
    assert sum(values[::2]) / 5000 == pytest.approx(0, abs=1e-3)
    assert found["left"] == 7000
    assert "5,000 points of 2 coordinates" in found["said"]
    assert "7,000 more were left out" in found["said"]


STANDARDIZE = """
const { sayStandardized, standardizeRows } = await load("own_points.js");
const { rows, columns, seed } = input;
try {
  const values = Float64Array.from(rows.flat());
  const found = standardizeRows({ dims: columns.length, values, columns }, "mine", seed);
  answer({ ...found, said: sayStandardized(found) });
} catch (error) {
  answer({ message: error.message });
}
"""


def test_each_column_of_a_table_is_standardised_by_itself() -> None:
    """Oracle: numpy."""
    source = np.random.default_rng(5)
    rows = np.stack([1700 + 100 * source.normal(size=199), 0.3 + 1e-3 * source.normal(size=199)], 1)
    found = run_script(STANDARDIZE, {"rows": rows.tolist(), "columns": ["height", "share"], "seed": 0})
    scale = rows.std(axis=0)
    np.testing.assert_allclose(found["units"]["mean"], rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found["units"]["scale"], scale, rtol=1e-9)
    assert found["units"]["log_volume"] == pytest.approx(np.log(scale).sum())
    standard = np.reshape(found["values"], (-1, 2))
    np.testing.assert_allclose(standard, (rows - rows.mean(axis=0)) / scale, atol=1e-6)
    assert "held_out" not in found
    assert found["said"].startswith("199 rows.")
    assert "None is held out" in found["said"]


def test_a_tenth_of_a_table_is_held_out_by_the_seed_and_standardised_by_the_others() -> None:
    rows = np.stack([np.arange(400.0), 1000 + np.sin(np.arange(400.0))], 1)
    first, again, other = (
        run_script(STANDARDIZE, {"rows": rows.tolist(), "columns": ["a", "b"], "seed": seed}) for seed in (3, 3, 4)
    )
    assert first == again
    assert first["held_out"] != other["held_out"]
    assert first["said"].startswith("360 rows.")
    assert "The model is measured on 40 more, which are held out." in first["said"]
    mean, scale = (np.array(first["units"][name]) for name in ("mean", "scale"))
    trained, apart = (np.reshape(first[name], (-1, 2)) * scale + mean for name in ("values", "held_out"))
    np.testing.assert_allclose(mean, trained.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(scale, trained.std(axis=0), rtol=1e-5)
    assert sorted(np.round([*trained[:, 0], *apart[:, 0]]).tolist()) == list(range(400))
    assert apart[:, 0].min() < 100
    assert apart[:, 0].max() > 300


def test_a_link_of_a_table_has_the_rows_that_are_held_out() -> None:
    script = """
    const { encodeLink, decodeLink } = await load("link.js");
    const { initialState } = await load("store.js");
    const { standardizeRows } = await load("own_points.js");
    const values = Float64Array.from({ length: 500 }, (_, at) => Math.sin(at * at));
    const points = standardizeRows({ dims: 2, values, columns: ["a", "b"] }, "mine", 5);
    const given = decodeLink(encodeLink({ ...initialState(), points })).points;
    const numbers = ({ values, held_out, units }) => ({ values: [...values], held_out: [...held_out], units });
    answer([numbers(points), numbers(given)]);
    """
    points, given = run_script(script)
    assert len(points["held_out"]) == 50
    assert given == points


def test_a_column_of_one_value_is_refused_as_the_package_does() -> None:
    [found] = run_script(READ, ["a,b,name\n1,7,x\n2,7,y\n3,7,z"])
    assert found["message"] == "Column 2: 7 stands in all rows, which has no density. Choose another column."
    [found] = run_script(READ, ["a,always 7,b\n1,7,3\n2,7,1\n3,7,2"])
    assert found["names"] == ["a", "always 7", "b"]
    assert found["values"] == [1, 3, 2, 1, 3, 2]

    found = run_script(STANDARDIZE, {"rows": [[k, k == 7] for k in range(400)], "columns": ["a", "b"], "seed": 0})
    assert "message" not in found
    rows = [[k, 0] for k in range(400)]
    found = run_script(STANDARDIZE, {"rows": rows, "columns": ["a", "b"], "seed": 0})
    assert found["message"].startswith("b is 0 in all training rows")


def test_a_name_of_a_column_can_stand_in_a_link() -> None:
    """A link writes no half of a letter, and gives a name as it is shown."""
    script = """
    const { encodeLink, decodeLink } = await load("link.js");
    const { initialState } = await load("store.js");
    const { pointsOf, readTable } = await load("csv.js");
    const { standardizeRows } = await load("own_points.js");
    const rows = pointsOf(readTable(input), [0, 1]);
    const points = standardizeRows(rows, "mine", 0);
    const link = encodeLink({ ...initialState(), points });
    answer({ names: rows.columns, given: decodeLink(link).points });
    """
    names = ["😀" * 60, "a\u202eb" + "😀" * 39]
    found = run_script(script, f"{names[0]},{names[1]}\n1,20\n2,30\n4,30\n")
    assert found["names"] == ["😀" * 40, "a?b" + "😀" * 37]
    assert found["given"]["units"]["columns"] == found["names"]
