"""What goes wrong in a solution, as an answer."""

from __future__ import annotations

import inspect
import traceback
from typing import Any

from .finding import Found


def as_answer(error: BaseException, found: Found) -> dict[str, Any]:
    """An error's type, message and line in the solution's own file."""
    files = files_of(found)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    message = " ".join(str(error).split())
    return {"error": type(error).__name__, "message": message[:500], "line": lines[-1] if lines else None}


def files_of(found: Found) -> set[str | None]:
    """The files that a solution's functions are in."""
    files = {_file_of(part) for part in (found.reparameterize, found.loss)}
    if found.vae is not None:
        files |= {_file_of(value) for value in vars(found.vae).values()}
    return files


def kind_of(value: Any) -> str:
    """A value's type, as a part of a sentence."""
    return "nothing (None)" if value is None else f"a {type(value).__name__}"


def _file_of(part: Any) -> str | None:
    code = getattr(inspect.unwrap(part) if callable(part) else part, "__code__", None)
    return getattr(code, "co_filename", None)
