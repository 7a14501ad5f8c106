"""A warm process that has PyTorch imported and forks for each submission.

This side needs no PyTorch: it can be begun first, and then both processes import what they need at the same time.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

CHILD = Path(__file__).with_name("child.py")
START_SECONDS = 120.0
ORDER_SECONDS = 60.0
MAX_ORDER_BYTES = 1 << 16
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""What PyTorch's libraries may need of the environment. The code sees none of it."""
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "LANG": "C.UTF-8",
}


class SandboxError(RuntimeError):
    """The process that runs submissions cannot be started, or was lost."""


@dataclass(frozen=True)
class Limits:
    """What a submission may take.

    Attributes:
        cpu_seconds: Seconds of processor time for one question; importing the code may take five times as many.
        wall_seconds: Seconds by the clock for one question, for code that waits.
        lost_seconds: Seconds by the clock that questions may run out of, all together. Then nothing more is asked.
        total_cpu_seconds: Seconds of processor time for all questions.
        memory_bytes: Memory beyond that of PyTorch.
        file_bytes: Size of a file that it writes.
    """

    cpu_seconds: float = 1.0
    wall_seconds: float = 20.0
    lost_seconds: float = 45.0
    total_cpu_seconds: int = 120
    memory_bytes: int = 1 << 30
    file_bytes: int = 16 << 20


class Forked(NamedTuple):
    """A process for one submission.

    Attributes:
        pid: Its number.
        requests: Where requests are written.
        answers: Where answers are read.
    """

    pid: int
    requests: int
    answers: int


class Sandbox:
    """The warm process; it is started when it is first needed, and again if it is lost."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._folder = ""
        self._is_ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, with all that it started."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._process = None
        self._control = None
        self._folder = ""
        self._is_ready = False

    def begin(self) -> None:
        """Start it where it does not run, and do not wait for it.

        Raises:
            SandboxError: This system has no such processes.
        """
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()

    def start_fork(self, limits: Limits) -> Forked:
        """Begin a process for one submission.

        Raises:
            SandboxError: This system has no such processes, or the warm one does not start.
        """
        self.begin()
        if not self._is_ready:
            self._reply(START_SECONDS)
            self._is_ready = True
        request_end, requests = os.pipe()
        answers, answer_end = os.pipe()
        try:
            reply = self._order({"do": "start"} | asdict(limits), [request_end, answer_end])
        except SandboxError:
            os.close(requests)
            os.close(answers)
            raise
        finally:
            os.close(request_end)
            os.close(answer_end)
        return Forked(int(reply["pid"]), requests, answers)

    def end_fork(self, pid: int, grace_seconds: float = 0.0) -> int | None:
        """Kill a process and wait for it.

        Args:
            pid: Its number.
            grace_seconds: How long to wait for it to end by itself.

        Returns:
            How it ended by itself, as os.waitpid says it; None where it had to be killed.
        """
        status = self._order({"do": "end", "pid": pid, "grace_seconds": grace_seconds})["status"]
        return None if status is None else int(status)

    def _start(self) -> None:
        if not hasattr(os, "fork") or not hasattr(socket, "send_fds"):
            reason = "submissions are run in processes that this system does not have"
            raise SandboxError(f"{reason}. Use Linux or macOS, or WSL on Windows.")
        self._folder = tempfile.mkdtemp(prefix="swissroll-")
        # Another user, as whom the code may run, must be able to come to the private folders below it.
        Path(self._folder).chmod(0o711)
        environment = ENVIRONMENT | {name: os.environ[name] for name in INHERITED if name in os.environ}
        environment |= {"HOME": self._folder, "TMPDIR": self._folder}

        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  The program is our own.
                [sys.executable, "-I", str(CHILD), str(theirs.fileno()), self._folder],
                env=environment,
                cwd=self._folder,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control = ours

    def _order(self, order: dict[str, Any], descriptors: list[int] | None = None) -> dict[str, Any]:
        assert self._control is not None  # noqa: S101  It is started.
        try:
            socket.send_fds(self._control, [json.dumps(order).encode()], descriptors or [])
        except OSError:
            self.close()
            raise SandboxError("the process that runs submissions was lost") from None
        return self._reply(ORDER_SECONDS)

    def _reply(self, seconds: float) -> dict[str, Any]:
        """The next line that the warm process sends."""
        assert self._control is not None  # noqa: S101  It is started.
        self._control.settimeout(seconds)
        line = b""
        try:
            while not line.endswith(b"\n"):
                part = self._control.recv(MAX_ORDER_BYTES)
                if not part:
                    raise ConnectionError
                line += part
        except OSError:
            self.close()
            raise SandboxError("the process that runs submissions does not start, or was lost") from None
        reply: dict[str, Any] = json.loads(line)
        return reply
