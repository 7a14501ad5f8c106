"""What a text is, where its name says that it is a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from swissroll.data.text_files import decode

PATH = Path("points.csv")
OTHERS = {
    "records": ('[{"a": 1, "b": 2}, {"a": 3, "b": 4}]', "is JSON"),
    "columns": ('{"a": [1, 2], "b": [3, 4]}', "is JSON"),
    "lines": ('{"a": 1}\n{"a": 2}\n', "is JSON"),
    "nested rows": ("[\n  [1.5, 2],\n  [3, 4]\n]", "is JSON"),
    "numbers": ("[-1.5e-3, 2]", "is JSON"),
    "a long line": ("[" + "1," * 10**6 + "1]", "is JSON"),
    "a notebook": ('{\n "cells": []}', "is JSON"),
    "xml": ('<?xml version="1.0"?>\n<rows><row a="1"/></rows>', "is XML"),
    "xhtml": ('<?xml version="1.0"?>\n<!DOCTYPE html><html></html>', "is a web page"),
    "a dump": ("-- dump of 2024\n\nCREATE TABLE a (b INT);\nINSERT INTO a VALUES (1);\n", "is SQL"),
    "rows of a dump": ("insert into a values (1, 2);\n", "is SQL"),
    "a query": ("SELECT a, b\nFROM c WHERE a > 1;\n", "is SQL"),
    "a script": ("#!/usr/bin/env python3\nprint(1)\n", "is Python code"),
    "imports": ("import numpy as np\n\nx = 1\n", "is Python code"),
    "imports of names": ("# a remark\nfrom a.b import c, d\n", "is Python code"),
    "a module": ('"""What it does."""\n\nimport json\nimport csv\n', "is Python code"),
    "a function": ("def f(x, y):\n    return x\n", "is Python code"),
}
TABLES = {
    "units": "[m],[s]\n1,2\n",
    "words of other kinds": "import export\n1 2\n",
    "one such word": "import a\n1 2\n",
    "a choice": "select,from,create,table\n1,2,3,4\n",
    "quotation marks": '"""a"" b",c\n1,2\n',
    "remark": "# a, b\n1,2\n",
    "sets": "{a},{b}\n1,2\n",
    "class": "class,x,definition\n1,2,3\n",
}


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("case", OTHERS)
def test_a_text_of_another_kind_is_named(case: str, mark: str) -> None:
    content, what = OTHERS[case]
    with pytest.raises(ValueError, match=rf"^points\.csv {what}, not a table\. [A-Z]") as caught:
        decode(PATH, (mark + content).encode())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", TABLES)
def test_a_table_is_no_text_of_another_kind(case: str) -> None:
    assert decode(PATH, TABLES[case].encode()) == TABLES[case]
