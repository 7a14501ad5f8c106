"""Rows that cannot be used are refused in one line that names row and column, and what can be is noted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from swissroll import VAEDensity
from swissroll.density.table import LEAST_BLUR, require_table_of_numbers, resolution
from tests.density.oracles import TINY, fitted, moons, of_moons

UNTRAINED = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def changed(row: int, column: int, value: Any) -> Any:
    rows: Any = moons().astype(object) if isinstance(value, str) else moons()
    rows[row, column] = value
    return rows


REFUSED = {
    "missing": (changed(17, 1, np.nan), r"row 17, column 1: the value is missing \(NaN\), as in 1 of 120 rows"),
    "infinite": (changed(3, 0, -np.inf), r"row 3, column 0: the value is infinite \(inf\)"),
    "too large": (changed(3, 0, 1e200), r"row 3, column 0: the value is larger than 1e\+100"),
    "text": (changed(5, 1, "tall"), r"row 5, column 1: 'tall' is text"),
    "constant": (np.column_stack([moons(), np.full(120, 7.0)]), r"column 2: all 120 rows are 7, which has no density"),
    "constant but for rounding": (
        moons() * 1e-14 + 1.0,
        r"column 1: the values differ by \S+ at most, which is rounding",
    ),
    "too small": (moons() * 1e-200, r"column 0: the values differ by \S+e-19\d at most\. Use another unit"),
    "masked": (np.ma.masked_greater(moons(), 1000.0), r"row \d+, column 0: the value is masked, as in \d+ of 120 rows"),
    "complex": (moons() + 1j, "Complex data not supported"),
    "structured": (np.zeros(30, dtype=[("a", float), ("b", float)]), "X is a structured array"),
    "one dimension": (moons()[:, 0], r"shape \(N, D\); got shape \(120,\)\. Reshape your data"),
    "three dimensions": (moons()[None], r"got shape \(1, 120, 2\)"),
    "a file's name": ("points.csv", "got a value of type str"),
    "nothing": (None, "got a value of type NoneType"),
    "lists of two lengths": ([[1.0, 2.0], [3.0]], "inhomogeneous"),
    "a number that is no float": ([[10**400, 1]] * 30, r"row 0, column 0: the value is larger than 1e\+100"),
    "text of NumPy's": (moons().astype(str), r"row 0, column 0: '[-.\d]+' is text"),
    "too many columns": (np.random.default_rng(0).normal(size=(60, 51)), r"51 columns; at most 50"),
    "too few rows": (moons(9), r"9 sample\(s\).*minimum of 10"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_rows_that_cannot_be_used_are_refused_in_one_line(name: str) -> None:
    rows, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        VAEDensity(**TINY).fit(rows)
    assert "\n" not in str(caught.value)


def test_columns_of_one_name_are_refused_in_one_line() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(moons(columns=3), columns=["a", "b", "a"])
    with pytest.raises(ValueError, match="two columns are called 'a'") as caught:
        VAEDensity(**TINY).fit(frame)
    assert "\n" not in str(caught.value)


def long_names() -> tuple[Any, str]:
    """A data frame of 120 rows, and the name of its last column: 200,000 characters in two lines."""
    pandas = pytest.importorskip("pandas")
    name = "volts\n" + "v" * 200_000
    return pandas.DataFrame(moons(), columns=["metres", name]), name


@pytest.mark.parametrize("kind", ["text", "constant", "missing", "twice", "dates"])
def test_a_long_name_is_cut_where_a_column_is_refused(kind: str) -> None:
    frame, name = long_names()
    if kind == "twice":
        frame.columns = [name, name]
    elif kind == "missing":
        frame.loc[4, name] = None
    else:
        frame[name] = {"text": "a", "constant": 1.0, "dates": np.datetime64("2020-01-01")}[kind]
    with pytest.raises(ValueError, match=r"'volts v+…'") as caught:
        VAEDensity(**TINY).fit(frame)
    assert len(str(caught.value)) < 300


@UNTRAINED
def test_a_long_name_is_cut_in_notes() -> None:
    frame, name = long_names()
    frame[name] = np.arange(120) % 7 * 0.5
    frame["place"] = np.arange(120)
    frame = frame.rename(columns={"place": name[:1000]})
    with pytest.warns(UserWarning) as caught:  # noqa: PT030 - each is looked at
        VAEDensity(**TINY).fit(frame)
    told = [str(each.message) for each in caught if "volts" in str(each.message)]
    assert len(told) == 2
    assert max(map(len, told)) < 300


def test_a_long_name_is_cut_where_rows_have_other_columns_than_those_fitted_to() -> None:
    pandas = pytest.importorskip("pandas")
    frame, _ = long_names()
    model: Any = fitted(pandas.DataFrame(moons(), columns=["metres", "volts"]))
    with pytest.raises(ValueError, match="feature names should match") as caught:
        model.score_samples(frame)
    assert len(str(caught.value)) < 2100


@pytest.mark.parametrize("kind", ["text", "dates", "missing"])
def test_a_column_of_a_frame_is_named(kind: str) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(moons(), columns=["metres", "volts"])
    if kind == "missing":
        frame.loc[4, "volts"] = None
        message = "row 4, column 'volts': the value is missing"
    elif kind == "text":
        frame["kind"] = ["a"] * 120
        message = "row 0, column 'kind': 'a' is text"
    else:
        frame["day"] = pandas.date_range("2020-01-01", periods=120)
        message = "column 'day' holds dates"
    with pytest.raises(ValueError, match=message):
        VAEDensity(**TINY).fit(frame)


def test_rows_to_score_are_checked_as_those_to_fit() -> None:
    with pytest.raises(ValueError, match="row 17, column 1: the value is missing"):
        of_moons().score_samples(changed(17, 1, np.nan))
    with pytest.raises(ValueError, match="2 features"):
        of_moons().score_samples(moons(columns=3))


@UNTRAINED
def test_rounded_values_are_noted_and_modelled_as_if_spread_over_a_step() -> None:
    rows = np.column_stack([moons()[:, 0], np.random.default_rng(0).integers(0, 9, 120) * 0.5])
    with pytest.warns(UserWarning, match=r"rounded values: column 1 in steps of 0\.5"):
        model = VAEDensity(**TINY).fit(rows)
    assert model.noise_scale_[1] > 0.5 / 12**0.5 / 2
    assert resolution(rows, np.array([1.0, 2.0])) == pytest.approx((LEAST_BLUR, 0.25 / 12**0.5))


@UNTRAINED
@pytest.mark.parametrize("first", [0, 1, 1_000_001])
@pytest.mark.parametrize("kind", ["array", "frame"])
def test_a_column_that_counts_the_rows_is_noted(kind: str, first: int) -> None:
    rows: Any = np.column_stack([moons()[:, 0], first + np.arange(120)])
    named = "column 1"
    if kind == "frame":
        pandas = pytest.importorskip("pandas")
        rows = pandas.DataFrame(rows, columns=["metres", "id"])
        named = "column 'id'"
    with pytest.warns(UserWarning, match=f"^{named} counts the rows: {first}, {first + 1} and so on"):
        VAEDensity(**TINY).fit(rows)


@UNTRAINED
@pytest.mark.filterwarnings("error::UserWarning")
def test_a_column_of_unequal_steps_is_not_said_to_count() -> None:
    VAEDensity(**TINY).fit(np.column_stack([moons()[:, 0], np.arange(120.0) ** 2]))


@UNTRAINED
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_columns_that_were_read_as_one_are_noted(delimiter: str) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(moons(), columns=["metres", f"volts{delimiter}amperes"])
    with pytest.warns(UserWarning, match=r"as if several columns were read as one\. .*sep="):
        VAEDensity(**TINY).fit(frame)


def test_a_minus_of_typesetting_is_told_from_other_text() -> None:
    with pytest.raises(ValueError, match=r"row 0, column 0: '\u22121.5' is text .* Write an ASCII minus '-' there"):
        require_table_of_numbers([["\u22121.5", 2.0]])


def test_a_decimal_comma_is_told_from_other_text() -> None:
    with pytest.raises(ValueError, match=r"row 5, column 1: '1,5' is text .*decimal=','"):
        VAEDensity(**TINY).fit(changed(5, 1, "1,5"))


@UNTRAINED
def test_few_rows_are_noted() -> None:
    with pytest.warns(UserWarning, match="12 rows are too few to check"):
        VAEDensity(**TINY).fit(moons(12))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latent_dim", 0),
        ("latent_dim", "evidense"),
        ("hidden_dim", 0),
        ("depth", 17),
        ("components", 0),
        ("max_steps", 0),
        ("batch_size", 1.5),
        ("learning_rate", 0.0),
        ("held_out", 0.6),
        ("calibration_samples", 10),
        ("verbose", "yes"),
    ],
)
def test_a_parameter_out_of_range_is_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        VAEDensity(**TINY | {name: value}).fit(moons())


@pytest.mark.parametrize("value", ["evidense", 0, None])
def test_a_wrong_number_of_latents_is_told_all_that_is_allowed(value: object) -> None:
    with pytest.raises(ValueError, match=r"latent_dim must be a whole number from 1 to 64, or 'evidence'; got"):
        VAEDensity(**TINY | {"latent_dim": value}).fit(moons())


@UNTRAINED
def test_no_message_about_a_frame_moves_a_cursor() -> None:
    pandas = pytest.importorskip("pandas")
    name = "a\x1b[31m\u202e"
    rows = np.random.default_rng(0).normal(size=(60, 2))
    density = VAEDensity(**TINY).fit(pandas.DataFrame(rows, columns=[name, "b"]))
    for wrong in (pandas.DataFrame(rows, columns=["b", name]), pandas.DataFrame(rows[:, :1], columns=["b"])):
        with pytest.raises(ValueError, match="feature names") as caught:
            density.transform(wrong)
        assert all(line.isprintable() for line in str(caught.value).split("\n"))
