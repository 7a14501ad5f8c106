"""Somebody's submission, run in a process of its own, as something that laws can ask.

A warm process has PyTorch imported and forks for each submission. The fork has no law and no reference in it, and what
it answers is bytes that are checked. Where it runs out of time or memory, or ends itself, that is the answer to its
question, and the next question goes to a fresh fork.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from swissroll.checks import printable
from swissroll.exercise import wire
from swissroll.exercise.submission import Submission
from swissroll.exercise.warm_process import Limits, Sandbox

GRACE_SECONDS = 0.5
CHANNEL_CLOSED = 70
"""The exit code of a fork whose pipes are gone."""


class Fork:
    """A process that holds one submission, and the two pipes to it.

    Raises:
        SandboxError: It cannot be begun.
    """

    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        self.sandbox = sandbox
        self.pid, self.requests, self.answers = sandbox.start_fork(limits)
        os.set_blocking(self.requests, False)
        os.set_blocking(self.answers, False)

    def ask(self, request: Mapping[str, Any], seconds: float) -> Any:
        """Send a request and return the answer.

        Raises:
            wire.WireTimeoutError: It did not come in time.
            wire.WireError: What came is no answer to this request.
            EOFError: The process is gone.
        """
        nonce = secrets.token_hex(16)
        try:
            wire.send(self.requests, wire.pack({"nonce": nonce, "request": dict(request)}), seconds)
        except BrokenPipeError:
            raise EOFError from None
        reply = wire.receive(self.answers, seconds)
        if not isinstance(reply, dict) or reply.get("nonce") != nonce or not isinstance(reply.get("answer"), dict):
            raise wire.WireError("what came is no answer to what was asked")
        return reply["answer"]

    def end(self, grace_seconds: float = 0.0) -> int | None:
        """Close the pipes and kill it; see :meth:`Sandbox.end_fork`."""
        os.close(self.requests)
        os.close(self.answers)
        return self.sandbox.end_fork(self.pid, grace_seconds)


class SandboxedSubject:
    """A submission that laws can ask; see :class:`swissroll.exercise.subject.Subject`.

    Args:
        submission: What is run.
        sandbox: The warm process to use; one of its own by default.
        limits: What it may take.

    Attributes:
        problems: What went wrong when the code was run, one sentence each.
        confined: Names of the measures that this system has; see :mod:`swissroll.exercise.confinement`.
    """

    def __init__(self, submission: Submission, sandbox: Sandbox | None = None, limits: Limits | None = None) -> None:
        self.submission = submission
        self.limits = limits or Limits()
        self.problems: list[str] = []
        self.confined: list[str] = []
        self._sandbox = sandbox or Sandbox()
        self._owns_sandbox = sandbox is None
        self._fork: Fork | None = None
        self._refused: dict[str, dict[str, Any]] = {}
        self._lost_seconds = 0.0
        self._loaded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end_fork()
        if self._owns_sandbox:
            self._sandbox.close()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request; running out of time, say, is an answer, too.

        Raises:
            SandboxError: There is no process to ask.
        """
        kind = str(request.get("kind", ""))
        if kind in self._refused:
            return dict(self._refused[kind])
        if self._lost_seconds > self.limits.lost_seconds:
            return self._explain("TimeLimit", "too much time was lost before, so this was not asked")

        failed = self._load()
        if failed is not None:
            return failed
        answer = self._ask_fork(request, self.limits.wall_seconds)
        # What was too slow or too large once is so again, and each time costs everybody behind it in the queue.
        if answer.get("error") in ("TimeLimit", "Exited", "Protocol"):
            self._refused[kind] = answer
        return answer

    def _load(self) -> dict[str, Any] | None:
        """Run the submission in a fresh process where there is none; returns what went wrong, or nothing."""
        if "load" in self._refused:
            return dict(self._refused["load"])
        if self._fork is not None:
            return None
        self._fork = Fork(self._sandbox, self.limits)
        request = {"kind": "load", "source": self.submission.source, "keep": self.submission.keep}
        answer = self._ask_fork(request, 5 * self.limits.wall_seconds)
        if "error" in answer:
            self._refused["load"] = answer
            where = answer.get("where")
            self.problems.append(f"{where}: {answer['message']}." if where else f"{answer['message']}.")
            return answer

        if not self._loaded:
            self._loaded = True
            self.confined = [str(name) for name in _list(answer.get("confined"))][:20]
            self.problems = [self._problem(one) for one in _list(answer.get("problems")) if isinstance(one, dict)]
        return None

    def _ask_fork(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Ask the process; whatever keeps it from answering ends it."""
        assert self._fork is not None  # noqa: S101  It was begun.
        try:
            answer: dict[str, Any] = self._fork.ask(request, seconds)
        except wire.WireTimeoutError:
            self._lost_seconds += seconds
            self._end_fork()
            return self._explain("TimeLimit", "it did not come to an end in its time")
        except wire.WireError:
            self._end_fork()
            return self._explain("Protocol", "the code wrote into the checker's own channel")
        except EOFError:
            return self._explain(*self._reason_of_end())

        answer = self._place_errors(answer)
        # These leave a process in an unknown state.
        name = answer.get("error")
        if name in ("TimeLimit", "MemoryLimit", "SystemExit"):
            self._end_fork()
        if name == "TimeLimit":
            self._lost_seconds += self.limits.cpu_seconds
        return answer

    def _place_errors(self, value: Any) -> Any:
        """An answer whose errors say where they are in the file, and what this process does not allow."""
        if isinstance(value, list):
            return [self._place_errors(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "error" not in value:
            return {name: self._place_errors(one) for name, one in value.items()}

        line = value.get("line")
        name, message = _in_plain_words(printable(value["error"])[:80], printable(value.get("message", ""))[:500])
        missing = re.match(r"name '(\w+)' is not defined", message)
        # What the code needs may be there in the notebook, and is not here: that is no mistake in it.
        if name == "NameError" and missing and missing[1] in self.submission.left_out:
            name = "NotRun"
            message = (
                f"it needs {missing[1]}, and the checker does not run the line that makes it: "
                "write that line into the function or the class"
            )
        return value | self._explain(name, message, line if type(line) is int else None)

    def _reason_of_end(self) -> tuple[str, str]:
        """Why the process is gone."""
        # Its pipes may be closed a moment before it is gone.
        status = self._end_fork(grace_seconds=GRACE_SECONDS)
        if status is None:
            return "Protocol", "the code closed the checker's own channel"
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGXCPU:
                return "TimeLimit", "it used up the processor time of all questions"
            with suppress(ValueError):
                return "Exited", f"it made its process crash ({signal.Signals(number).name})"
            return "Exited", f"it made its process crash (signal {number})"
        if os.WEXITSTATUS(status) == CHANNEL_CLOSED:
            return "Protocol", "the code closed the checker's own channel"
        return "Exited", "it ended its own process (os._exit)"

    def _end_fork(self, grace_seconds: float = 0.0) -> int | None:
        fork = self._fork
        self._fork = None
        return None if fork is None else fork.end(grace_seconds)

    def _explain(self, name: str, message: str, line: int | None = None) -> dict[str, Any]:
        return {"error": name, "message": message, "line": line, "where": self.submission.place(line)}

    def _problem(self, found: dict[str, Any]) -> str:
        """What went wrong with one statement, as a sentence."""
        line = found.get("line")
        where = self.submission.place(line if type(line) is int else None)
        message = printable(found.get("message", ""))[:300]
        return f"{where}: {printable(found.get('error'))[:80]}: {message}".rstrip(": ") + "."


def _in_plain_words(name: str, message: str) -> tuple[str, str]:
    """An error's name and message; those that come from the limits say so."""
    if name in ("MemoryError", "MemoryLimit") or "allocate memory" in message:
        return "MemoryLimit", "it asked for more memory than it may have"
    if (name == "PermissionError" and message.startswith("[Errno 1]")) or "can't start new thread" in message:
        return name, "it tried to start a process or to open a connection, which is not allowed here"
    if name == "PermissionError":
        return name, f"it tried to use a file outside of its own folder ({message})"
    return name, message


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
