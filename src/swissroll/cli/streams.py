"""The standard streams, so that what is computed does not depend on who listens: one may be closed, full, or gone."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any

STANDARD_OUTPUT = "standard output"
"""What errors call it."""


class _Output(io.FileIO):
    """Standard output; its errors say what they are of, as those of a file do."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            # Of the same class: a broken pipe stays one.
            raise type(error)(error.errno, error.strerror, STANDARD_OUTPUT) from None


class _Lossy(io.FileIO):
    """Standard error: what cannot be shown is dropped, since it must not stop a training."""

    def write(self, data: Any, /) -> int:
        with suppress(OSError):
            return super().write(data)
        return len(memoryview(data).cast("B"))


def prepare_streams() -> None:
    """Make the three standard streams ones that can be written to, whatever this process was started with."""
    # A file that is opened later would take the number of a stream that is closed, and get what libraries print there.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)

    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, _nowhere("r" if name == "stdin" else "w"))

    # A stream that somebody put in their place, such as a test, stays.
    if sys.stdout is sys.__stdout__:
        sys.stdout = _wrap(_Output, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _wrap(_Lossy, sys.stderr)

    # A path may hold bytes that no encoding knows.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Write out what is left.

    Raises:
        OSError: Standard output cannot be written; what is left is dropped.
    """
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()
        raise


def drop_output() -> None:
    """Let nothing more go to a standard output that has failed: the interpreter would try, and complain."""
    if isinstance(getattr(getattr(sys.stdout, "buffer", None), "raw", None), _Output):
        sys.stdout = _nowhere("w")


def _wrap(kind: type[io.FileIO], stream: Any) -> Any:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    raw = kind(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        # Unbuffered, as PYTHONUNBUFFERED asks for: each line is seen at once.
        line_buffering=stream.line_buffering or stream.write_through,
    )


def _nowhere(mode: str) -> Any:
    return open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123  It lives as long as the process.
