"""What a cell of a table is: a number, a word for a missing one, or what to say of it."""

from __future__ import annotations

import re

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"
"""Hyphens, dashes and the minus of typesetting, which no program reads as one."""
READS_COMMAS = "To read decimal commas: pandas.read_csv(..., sep=';', decimal=',')."
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "-", "--", ".", "?", *DASHES})
"""Words for a value that is not there, in lower case."""
INFINITE = frozenset({"inf", "infinity"})
TO_MINUS = str.maketrans(dict.fromkeys(DASHES, "-"))
BEFORE_DIGIT = re.compile(rf"([{DASHES}])\s*\.?\d")
WITH_COMMA = re.compile(r"[+-]?[\d.]*\d,\d+(,\d+)*(\.\d+)?([eE][+-]?\d+)?")
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?|\d{1,2}:\d{2}(:\d{2})?.*")
WITH_UNIT = re.compile(r"[^\d\s]{0,3}\s*[+-]?\d[\d.,]*\s*[^\d\s]{0,8}")


def is_number(text: str) -> bool:
    """Whether a cell is a finite or infinite number; a word for a missing one is none."""
    try:
        value = float(text)
    except ValueError:
        return False
    return value == value and "_" not in text


def looks_like_number(text: str) -> bool:
    """Whether a cell is a number, or would be one with an ASCII minus and a decimal point."""
    plain = text.translate(TO_MINUS)
    return is_number(plain) or WITH_COMMA.fullmatch(plain) is not None


def find_dash(text: str) -> str | None:
    """The dash that stands for the minus of a number, with or without a unit; None where there is none."""
    plain = text.translate(TO_MINUS)
    is_meant = is_number(plain) or WITH_UNIT.fullmatch(plain)
    found = BEFORE_DIGIT.search(text)
    return found[1] if is_meant and found else None


def describe_cell(text: str) -> tuple[str, str]:
    """What a cell is that is no number, and what to do about that."""
    dash = find_dash(text)
    if dash is not None:
        return f"has the dash U+{ord(dash):04X} for a minus", "Write an ASCII minus '-' there."
    if WITH_COMMA.fullmatch(text):
        return "has a comma", f"Write decimal points, and nothing between thousands. {READS_COMMAS}"
    if DATE.fullmatch(text):
        return "is a date or a time", "Turn it into a number, such as days since the first one."
    if text.lower() in ("true", "false", "yes", "no"):
        return "is a truth value", "Leave the column out, or name it as the label."
    if WITH_UNIT.fullmatch(text):
        return "is a number with a sign or a unit", "Write the number alone."
    return "is text", "Correct it, or remove the row."
