"""Numbers as text, case by case."""

import math

import pytest

from swissroll.sweep.analysis.formatting import (
    format_difference,
    format_number,
    format_setting,
    format_value,
    join_names,
)
from swissroll.sweep.analysis.paired_test import Interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (0.13849, "0.138"),
        (2.5, "2.50"),
        (71.96, "72.0"),
        (999.6, "1,000"),
        (1234.4, "1,234"),
        (3e-7, "3.00e-07"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert format_number(value) == text
    assert format_number(-value if value else math.nan) == (f"-{text}" if value else "-")


def test_an_interval_that_excludes_zero_never_looks_as_if_it_held_it() -> None:
    assert format_difference(Interval(mean=0.0482, low=0.0002, high=0.0962, n=3)) == "+0.0482 [+0.0002, +0.0962]"
    assert format_difference(Interval(mean=0.05, low=-0.0312, high=0.1312, n=3)) == "+0.050 [-0.031, +0.131]"
    assert format_difference(Interval(mean=5.0, low=-math.inf, high=math.inf, n=1)) == "-"
    assert format_difference(Interval(mean=0.5, low=0.5, high=0.5, n=3)).startswith("+0.5")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("", ""),
        ("a", "a"),
        ("ab", "a and b"),
        ("abc", "a, b and c"),
        ("abcdef", "a, b, c, d, e and f"),
        ("abcdefgh", "a, b, c, d, e, f and 2 more"),
    ],
)
def test_many_names_are_counted(names: str, text: str) -> None:
    assert join_names(list(names)) == text


def test_values_are_written_as_people_type_them() -> None:
    assert format_value((1, 0.001, None, "relu")) == "1, 0.001, none, relu"
    assert format_setting({"beta": 1e-4, "latent_dim": 2}) == "beta 0.0001, latent_dim 2"
