"""What the linter cannot hold of how code reads: one idea a line, in the package's own source.

Oracle: the syntax trees that Python itself makes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "swissroll"
FILES = sorted(SOURCE.rglob("*.py"))


def nested_conditionals(tree: ast.AST) -> Iterator[int]:
    """Lines of conditional expressions that hold another one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp):
            inner = [part for child in ast.iter_child_nodes(node) for part in ast.walk(child)]
            if any(isinstance(part, ast.IfExp) for part in inner):
                yield node.lineno


def double_comprehensions(tree: ast.AST) -> Iterator[int]:
    """Lines of comprehensions with two loops."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) and len(node.generators) > 1:
            yield node.lineno


def packed_assignments(tree: ast.AST) -> Iterator[int]:
    """Lines that assign several values to several names at once, where a line each would read better."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield node.lineno


RULES = {
    "x = a if p else b if q else c": nested_conditionals,
    "x = [f(a, b) for a in c for b in a]": double_comprehensions,
    "x, y = 1, 2": packed_assignments,
}


@pytest.mark.parametrize("example", RULES)
def test_no_line_holds_several_ideas(example: str) -> None:
    rule = RULES[example]
    assert list(rule(ast.parse(example))) == [1]
    found = [f"{path.relative_to(SOURCE)}:{line}" for path in FILES for line in rule(ast.parse(path.read_text()))]
    assert found == []
