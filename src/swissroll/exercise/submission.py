"""What somebody handed in: a notebook or a Python file, and which of its statements are run.

Imports, functions, classes and constants are run; training, pictures and everything else are left out, so that a
notebook which trains for ten minutes is checked in seconds.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

MAX_FILE_BYTES = 64 << 20
MAX_CODE_CHARACTERS = 1_000_000
MAX_NOTES = 12
LARGE_FILE_BYTES = 10 << 20
"""From here on the size is worth a note: outputs make a notebook large, and they are not read."""

SHELL_LINE = re.compile(
    r"^([ \t]*)(?:[\w., ]+=[ \t]*)?[!%].*$|^([ \t]*)[\w.]+\?{1,2}[ \t]*$|^([ \t]*)\?{1,2}[\w.]+[ \t]*$", re.MULTILINE
)
"""A line that only a notebook understands: a shell command, a magic, or a question."""
CELL_MAGIC = re.compile(r"^\s*%%(\w+)")
PYTHON_CELL_MAGICS = ("time", "timeit", "capture", "prun")
"""Magics whose cell holds Python."""
PYTHON = ("python", "ipython", "python3")

SAFE_CALLS = {
    *("float", "int", "bool", "str", "len", "range", "list", "tuple", "dict", "set", "min", "max", "abs", "sum"),
    *("torch.device", "torch.cuda.is_available", "torch.backends.mps.is_available", "torch.manual_seed"),
    *("torch.tensor", "torch.as_tensor", "torch.zeros", "torch.ones", "torch.full", "torch.eye", "torch.arange"),
    *("torch.linspace", "torch.log", "torch.exp", "torch.sqrt", "torch.Generator"),
    *("numpy.array", "numpy.zeros", "numpy.ones", "numpy.full", "numpy.eye", "numpy.arange", "numpy.linspace"),
    *("numpy.log", "numpy.exp", "numpy.sqrt", "numpy.float32", "numpy.float64", "numpy.random.default_rng"),
    *("functools.partial", "torch.vmap", "torch.func.vmap"),
    # Noise that is drawn where the file is read: often a mistake, and one to be seen.
    *("torch.rand", "torch.randn", "torch.normal", "torch.empty", "torch.from_numpy"),
    *("numpy.random.rand", "numpy.random.randn", "numpy.random.normal", "numpy.random.standard_normal"),
}
"""Calls whose results count as constants, by their full names."""
SAFE_MODULES = ("math.", "torch.distributions.", "torch.nn.")
"""Modules all of whose calls do: they compute numbers, or make a distribution or a layer."""
SAFE_METHODS = {
    *("to", "cpu", "float", "double", "item", "exp", "log", "sqrt", "view", "reshape", "unsqueeze", "detach"),
    *("manual_seed", "normal_", "standard_normal", "normal"),
}
"""Methods of what such a call returned that do."""
USUAL_NAMES = {
    **{"np": "numpy", "nn": "torch.nn", "F": "torch.nn.functional", "Normal": "torch.distributions.Normal"},
    **{"partial": "functools.partial"},
}
"""What names stand for that no import explains, such as one with a star."""
LOOKED_AT_MODULES = {
    *("gc", "inspect", "ctypes", "subprocess", "socket", "multiprocessing", "threading", "signal", "importlib"),
    *("shutil", "requests", "urllib", "http", "pickle", "atexit"),
}
LOOKED_AT_NAMES = {
    *("_getframe", "f_back", "f_globals", "meta_path", "__globals__", "__subclasses__", "__builtins__", "fork"),
    *("_exit", "eval", "exec", "__import__", "system", "popen"),
}
"""Modules and names that a solution has no use for, and somebody who tries to trick the checker has."""


class SubmissionError(ValueError):
    """A file that holds nothing to check; says why in one line."""


class Cell(NamedTuple):
    """A piece of code and what it is called: ``cell 3``, or nothing in a file of Python."""

    name: str
    source: str


@dataclass(frozen=True)
class Submission:
    """The code of a submission.

    Attributes:
        name: The file's name.
        source: All code that could be read, one cell after the other.
        keep: Which statements of the source are run, by their place.
        starts: The first line of each cell in the source, with the cell's name.
        left_out: Names that are assigned by statements that are not run.
        notes: What there is to say of the file, one sentence each.
        look_at: Modules and names in it that a solution has no use for.
    """

    name: str
    source: str
    keep: list[int]
    starts: list[tuple[int, str]]
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    look_at: list[str] = field(default_factory=list)

    def place(self, line: int | None) -> str:
        """Where a line of the source is for its author: ``cell 3, line 2``."""
        if line is None:
            return ""
        within = line
        cell = ""
        for start, name in self.starts:
            if start <= line:
                within = line - start + 1
                cell = name
        return f"{cell}, line {within}" if cell else f"line {within}"


def read_submission(path: Path) -> Submission:
    """Read a notebook or a Python file. Nothing of it is run.

    Raises:
        SubmissionError: It holds no code that can be read.
        OSError: It cannot be opened.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        limit = f"at most {MAX_FILE_BYTES >> 20} MB are read"
        raise SubmissionError(
            f"{path.name} has {size / (1 << 20):.0f} MB; {limit}. Clear the outputs and save it again."
        )
    data = path.read_bytes()
    notes = []
    if size > LARGE_FILE_BYTES:
        notes.append(f"The file has {size / (1 << 20):.0f} MB. Its outputs were not read.")

    text = _decode(data, path.name)
    cells = list(_notebook_cells(text, path.name)) if path.suffix == ".ipynb" else [Cell("", text)]
    if not any(cell.source.strip() for cell in cells):
        raise SubmissionError(f"{path.name} holds no code.")
    return parse_cells(path.name, cells, notes)


def _decode(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SubmissionError(f"{name} is not a text in UTF-8. Save it again, and hand in that file.") from None
    if "\0" in text:
        raise SubmissionError(f"{name} is not a text. Save it again, and hand in that file.")
    return text


def _notebook_cells(text: str, name: str) -> Iterator[Cell]:
    """The code cells of a notebook, numbered as a person counts all cells."""
    if not text.strip():
        raise SubmissionError(f"{name} is empty.")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise SubmissionError(f"{name} is not a notebook. Save it again in Jupyter, and hand in that file.") from None
    cells = _cells_of(notebook)
    if cells is None:
        raise SubmissionError(f"{name} is not a notebook: it has no cells.")

    language = _language(notebook)
    if language and language not in PYTHON:
        raise SubmissionError(f"{name} is a notebook in {language}; only Python is checked.")
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            lines = source if isinstance(source, list) else [source]
            yield Cell(f"cell {number}", "".join(line for line in lines if isinstance(line, str)))


def _cells_of(notebook: Any) -> list[Any] | None:
    """A notebook's cells; None where it is none. Those from before 2015 have them in worksheets."""
    if not isinstance(notebook, dict):
        return None
    if isinstance(notebook.get("cells"), list):
        return list(notebook["cells"])
    if not isinstance(notebook.get("worksheets"), list):
        return None

    cells = []
    for sheet in notebook["worksheets"]:
        if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list):
            cells += sheet["cells"]
    return cells


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    if not isinstance(metadata, dict):
        return ""
    for key, entry in (("language_info", "name"), ("kernelspec", "language")):
        told = metadata.get(key)
        if isinstance(told, dict) and isinstance(told.get(entry), str):
            return str(told[entry]).lower()[:40]
    return ""


def parse_cells(name: str, cells: Iterable[Cell], notes: list[str]) -> Submission:
    """Choose what is run of some cells; those with a syntax error are left out, and the others are not."""
    parts: list[str] = []
    starts: list[tuple[int, str]] = []
    line = 1
    readable = 0
    notes = list(notes)
    for cell in cells:
        source, removed, problem = _readable(cell)
        where = f"{cell.name}: " if cell.name else ""
        if removed:
            notes.append(f"{where}{removed} left out: only Python is checked.")
        if problem:
            notes.append(f"{where}{problem} The cell was left out." if where else problem)
        else:
            readable += 1
        starts.append((line, cell.name))
        parts.append(source)
        line += source.count("\n") + 1
    if not readable:
        raise SubmissionError(f"{name}: {notes[-1]}" if notes else f"{name} holds no code.")

    source = "\n".join(parts)
    if len(source) > MAX_CODE_CHARACTERS:
        raise SubmissionError(
            f"{name} holds {len(source):,} characters of code; at most {MAX_CODE_CHARACTERS:,} are read."
        )
    statements = _parse(source).body
    imported = USUAL_NAMES | dict(_imported(statements))
    keep = []
    left_out: set[str] = set()
    for place, statement in enumerate(statements):
        if is_run(statement, imported):
            keep.append(place)
        else:
            left_out.update(_targets(statement))
    if len(notes) > MAX_NOTES:
        notes = [*notes[:MAX_NOTES], f"{len(notes) - MAX_NOTES} more such notes."]
    return Submission(name, source, keep, starts, sorted(left_out), notes, sorted(set(_looked_at(statements))))


def _readable(cell: Cell) -> tuple[str, str, str]:
    """A cell's Python, what was removed from it, and why there is none."""
    source = cell.source.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")
    magic = CELL_MAGIC.match(source)
    if magic is not None and magic[1] not in PYTHON_CELL_MAGICS:
        return _blank(source), f"a cell of %%{magic[1][:20]} was", ""

    problem = _problem(source)
    without = SHELL_LINE.sub(_replace_by_pass, source)
    if not problem:
        return source, "", ""
    if without == source or _problem(without):
        return _blank(source), "", problem
    return without, "shell commands and magics were", ""


def _replace_by_pass(line: re.Match[str]) -> str:
    """A statement that does nothing, with the line's indentation."""
    indentation = next((group for group in line.groups() if group is not None), "")
    return f"{indentation}pass"


def _problem(source: str) -> str:
    """Why a source is not Python; empty where it is."""
    try:
        _parse(source)
    except SubmissionError as error:
        return str(error)
    return ""


def _blank(source: str) -> str:
    """As many lines, and nothing on them."""
    return "\n" * source.count("\n")


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        line = f"line {error.lineno}: " if error.lineno else ""
        text = " ".join(str(error.msg).split())
        raise SubmissionError(f"{line}syntax error ({text}).") from None
    except (ValueError, RecursionError, MemoryError):
        raise SubmissionError("the code is nested too deeply to be read.") from None


def _imported(statements: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Names that imports define, each with the full name of what it stands for."""
    for node in ast.walk(ast.Module(statements, [])):
        if isinstance(node, ast.Import):
            yield from ((alias.asname, alias.name) for alias in node.names if alias.asname)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def is_run(statement: ast.stmt, imported: Mapping[str, str]) -> bool:
    """Whether a statement is run: an import, a function, a class, or a constant.

    Args:
        statement: The statement.
        imported: What names of modules and functions stand for.
    """
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return True
    if isinstance(statement, ast.Assign):
        return is_constant(statement.value, imported)
    if isinstance(statement, ast.AnnAssign):
        return statement.value is not None and is_constant(statement.value, imported)
    if isinstance(statement, ast.Pass):
        return True

    # An import that is tried, or a constant that depends on the machine.
    if isinstance(statement, ast.Try):
        bodies = [statement.body, statement.orelse, statement.finalbody]
        bodies += [handler.body for handler in statement.handlers]
        return all(is_run(one, imported) for one in chain.from_iterable(bodies))
    if isinstance(statement, ast.If):
        branches = [*statement.body, *statement.orelse]
        return is_constant(statement.test, imported) and all(is_run(one, imported) for one in branches)
    return False


def is_constant(value: ast.expr, imported: Mapping[str, str]) -> bool:
    """Whether an expression is made of constants, names and arithmetic; of calls, only those that are safe."""
    loops = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    for node in _evaluated(value):
        if isinstance(node, (*loops, ast.Await, ast.Yield, ast.YieldFrom)):
            return False
        if isinstance(node, ast.Call) and not _is_safe(node.func, imported):
            return False
    return True


def _is_safe(function: ast.expr, imported: Mapping[str, str]) -> bool:
    # The inner call of a chain is looked at by itself.
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
        return function.attr in SAFE_METHODS
    first, dot, rest = _dotted(function).partition(".")
    name = imported.get(first, first) + dot + rest
    return name in SAFE_CALLS or name.startswith(SAFE_MODULES)


def _evaluated(value: ast.expr) -> Iterator[ast.AST]:
    """What is evaluated with an expression: all of it but the insides of lambdas, which are functions."""
    waiting: list[ast.AST] = [value]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.args.defaults if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)


def _dotted(node: ast.expr) -> str:
    """A name with its dots, such as torch.nn.Linear; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _targets(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement assigns, such as those that are missed when it is not run."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _looked_at(statements: list[ast.stmt]) -> Iterator[str]:
    """Modules and names that a person should look at."""
    for node in ast.walk(ast.Module(statements, [])):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module.partition(".")[0]]
        elif isinstance(node, ast.Attribute) and node.attr in LOOKED_AT_NAMES:
            yield node.attr
        elif isinstance(node, ast.Name) and node.id in LOOKED_AT_NAMES:
            yield node.id
        yield from (name for name in names if name in LOOKED_AT_MODULES)
