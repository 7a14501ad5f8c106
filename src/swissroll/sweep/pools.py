"""Where groups are computed: what a pool of workers does, and the one of processes on this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import active_children, get_context
from typing import Any, Protocol

from swissroll.errors import FixableError
from swissroll.sweep.worker import compute_group, prepare

Files = dict[str, bytes]
"""The files of a run's folder, by name."""
FilesFuture = Future[list[Files]]
"""The files of each run of a group, once they are computed."""


class ClusterLostError(FixableError):
    """The scheduler of a cluster cannot be reached, or was lost."""


class Pool(Protocol):
    """Computes groups."""

    def max_in_flight(self) -> int:
        """Return how many groups should be in flight."""

    def submit(self, configs: list[dict[str, Any]]) -> FilesFuture:
        """Begin a group; see :func:`swissroll.sweep.worker.compute_group`."""

    def worker_died(self, error: BaseException) -> bool:
        """Whether an error means that a worker died, rather than that its work failed."""

    def check(self) -> None:
        """Raise :class:`ClusterLostError` where nothing will be computed any more."""

    def lost_error(self) -> ClusterLostError:
        """Make the error of a future that was cancelled."""

    def has_no_workers(self) -> bool:
        """Whether nobody is there to compute."""

    def close(self, *, now: bool) -> None:
        """End the workers that this pool started; at once, or when they are done."""


class LocalPool:
    """Processes on this machine, each with a queue of its own, so that a killed one takes along no more than its group.

    Args:
        workers: Number of processes.
        work: What they do with a group.
    """

    def __init__(self, workers: int, work: Callable[[list[dict[str, Any]]], list[Files]] = compute_group) -> None:
        self.workers = workers
        self.work = work
        self.idle: list[_Worker] = []
        self.busy: dict[FilesFuture, _Worker] = {}

    def max_in_flight(self) -> int:
        """One group per process."""
        return self.workers

    def submit(self, configs: list[dict[str, Any]]) -> FilesFuture:
        """Begin a group in a process that is free, or in a new one."""
        self._collect_idle()
        while True:
            worker = self.idle.pop() if self.idle else _Worker()
            with suppress(BrokenProcessPool):  # It was killed while it was idle.
                future = worker.executor.submit(self.work, configs)
                self.busy[future] = worker
                return future

    def _collect_idle(self) -> None:
        done = [future for future in self.busy if future.done()]
        for future in done:
            worker = self.busy.pop(future)
            if not isinstance(future.exception(), BrokenProcessPool):
                self.idle.append(worker)

    def worker_died(self, error: BaseException) -> bool:
        """Whether the process was killed."""
        return isinstance(error, BrokenProcessPool)

    def check(self) -> None:
        """Processes on this machine can be started at any time."""

    def lost_error(self) -> ClusterLostError:
        """Nothing cancels a local group."""
        return ClusterLostError("A group was cancelled.")

    def has_no_workers(self) -> bool:
        """Processes on this machine can be started at any time."""
        return False

    def close(self, *, now: bool) -> None:
        """End all processes; a Ctrl-C meanwhile is heard afterwards."""
        with _interrupts_held():
            for worker in [*self.idle, *self.busy.values()]:
                worker.end(now=now)


class _Worker:
    """A process of its own."""

    def __init__(self) -> None:
        self.executor = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=prepare)
        others = active_children()
        with _interrupts_held():
            self.executor.submit(os.getpid)  # Starts the process.
        self.processes = [process for process in active_children() if process not in others]

    def end(self, *, now: bool) -> None:
        if now:
            for process in self.processes:
                process.kill()
        self.executor.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started meanwhile ignore SIGINT from their first moment; this one gets it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
