"""Run the statements of a submission, and say in plain values what went wrong and where.

The process that runs somebody's code loads this file by its path, so it imports the standard library alone.
"""

from __future__ import annotations
import __future__

import ast
import linecache
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType, TracebackType
from typing import Any, NoReturn

FILE = "<submission>"
"""What tracebacks call the code."""
MAX_PROBLEMS = 20
MAX_MESSAGE = 500


class TimeLimitError(BaseException):
    """The code used up its processor time. No 'except Exception' of its own stops this."""


def load(source: str, keep: list[int]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run the statements of a submission that are to be run.

    Args:
        source: Its code.
        keep: Which of its statements are run, by their place.

    Returns:
        The names that it defines, and what went wrong: one that fails does not keep the others from running.
    """
    module = ModuleType("submission")
    sys.modules["submission"] = module
    namespace = module.__dict__
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)

    problems: list[dict[str, Any]] = []
    flags = 0
    statements = ast.parse(source, FILE).body
    for place in keep:
        statement = statements[place]
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for one in statement.names:
                flags |= getattr(__future__, one.name).compiler_flag
            continue
        try:
            code = compile(ast.Module([statement], []), FILE, "exec", flags, dont_inherit=True)
            exec(code, namespace)  # noqa: S102  This is what the process is for.
        except TimeLimitError:
            raise
        except BaseException as error:
            if len(problems) < MAX_PROBLEMS:
                problems.append({"line": statement.lineno} | describe(error, without_line=statement.lineno))
    return namespace, problems


def describe(error: BaseException, without_line: int | None = None) -> dict[str, Any]:
    """What went wrong, as an answer.

    Args:
        error: What was raised.
        without_line: The line to name where none of the error's own is known.
    """
    name = type(error).__name__
    line = _line_of(error)
    try:
        message = " ".join(str(error).split())[:MAX_MESSAGE]
    except BaseException:  # Any class may have a __str__ of its own.
        message = ""

    if isinstance(error, TimeLimitError):
        name = "TimeLimit"
        line = _loop_line(error.__traceback__) or line
        message = "it did not come to an end in its time"
    elif isinstance(error, MemoryError):
        name = "MemoryLimit"
        message = "it asked for more memory than it may have"
    elif isinstance(error, SystemExit):
        message = "it ended the program (exit, quit or sys.exit)"
    return {"error": name, "message": message, "line": line or without_line}


def _line_of(error: BaseException) -> int | None:
    """The last line of the submission that the error passed through."""
    if isinstance(error, SyntaxError):
        return error.lineno
    lines = [line for _, line in _places(error.__traceback__)]
    return lines[-1] if lines else None


def _loop_line(traceback: TracebackType | None) -> int | None:
    """The first line of the outermost loop that was running: the one where the clock struck is a matter of chance."""
    source = "".join(linecache.getlines(FILE))
    loops = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.For | ast.While)]
    functions = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            functions[getattr(node, "name", "<lambda>"), node.lineno] = node.lineno

    first = None
    for code_line, line in _places(traceback):
        around = [loop.lineno for loop in loops if code_line <= loop.lineno <= line <= (loop.end_lineno or 0)]
        if around:
            return min(around)
        first = first or code_line
    return first


def _places(traceback: TracebackType | None) -> Iterator[tuple[int, int]]:
    """The frames of the submission in a traceback: the first line of the function, and the line that was reached."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == FILE:
            yield code.co_firstlineno, traceback.tb_lineno
        traceback = traceback.tb_next


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise TimeLimitError


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeLimitError in what runs here after so many seconds of processor time, again and again."""
    signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
