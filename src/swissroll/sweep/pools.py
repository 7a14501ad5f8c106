"""Where groups are computed: processes on this machine, or a Dask cluster; both by ``concurrent.futures`` futures."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import active_children, get_context
from time import monotonic
from typing import Any, Protocol

from swissroll.config import versions
from swissroll.sweep.worker import compute_group, prepare

Files = dict[str, bytes]
Result = Future[list[Files]]
ADDRESS = re.compile(r"(\w+://)?(?P<host>\[[^]/]+\]|[^]\s/:[]+):(?P<port>\d{1,5})", re.ASCII)
"""A scheduler's, with a host's name or number; one of IPv6 stands in brackets."""
CONNECT_SECONDS = 10
ANSWER_SECONDS = 5
"""Time in which a cluster's workers are to say which versions they have."""
ASK_SECONDS = 2.0
"""Time between two looks at a cluster."""
AHEAD = 4
"""Groups in flight for each thread of a cluster: one computed, the others on their way."""


class ClusterLostError(ValueError):
    """The scheduler of a cluster cannot be reached, or was lost."""


class Pool(Protocol):
    """Computes groups."""

    def room(self) -> int:
        """How many groups should be in flight."""

    def submit(self, configs: list[dict[str, Any]], evidence: bool) -> Result:
        """Begin a group; see :func:`swissroll.sweep.worker.compute_group`."""

    def died(self, error: BaseException) -> bool:
        """Whether an error means that a worker died, rather than that its work failed."""

    def check(self) -> None:
        """Raise :class:`ClusterLostError` where nothing will be computed any more."""

    def lost(self) -> ClusterLostError:
        """The error of a future that was cancelled."""

    def deserted(self) -> bool:
        """Whether nobody is there to compute."""

    def close(self, *, now: bool) -> None:
        """End the workers that this pool started; at once, or when they are done."""


class LocalPool:
    """Processes on this machine, each with a queue of its own, so that a killed one takes along no more than its group.

    Args:
        workers: Number of processes.
        work: What they do with a group.
    """

    def __init__(self, workers: int, work: Callable[[list[dict[str, Any]], bool], list[Files]] = compute_group) -> None:
        self.workers, self.work = workers, work
        self.idle: list[_Worker] = []
        self.busy: dict[Result, _Worker] = {}

    def room(self) -> int:
        """One group a process."""
        return self.workers

    def submit(self, configs: list[dict[str, Any]], evidence: bool) -> Result:
        """Begin a group in a process that is free, or in a new one."""
        self._collect()
        while True:
            worker = self.idle.pop() if self.idle else _Worker()
            with suppress(BrokenProcessPool):  # It was killed while it was idle.
                future = worker.executor.submit(self.work, configs, evidence)
                self.busy[future] = worker
                return future

    def _collect(self) -> None:
        for future in [future for future in self.busy if future.done()]:
            worker = self.busy.pop(future)
            if not isinstance(future.exception(), BrokenProcessPool):
                self.idle.append(worker)

    def died(self, error: BaseException) -> bool:
        """Whether the process was killed."""
        return isinstance(error, BrokenProcessPool)

    def check(self) -> None:
        """Processes on this machine can be started at any time."""

    def lost(self) -> ClusterLostError:
        """Nothing cancels a local group."""
        return ClusterLostError("A group was cancelled.")

    def deserted(self) -> bool:
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
        for process in self.processes if now else ():
            process.kill()
        self.executor.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started meanwhile are deaf to Ctrl-C from their first moment; this one hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ClusterPool:
    """The workers of a Dask cluster.

    Args:
        address: Of its scheduler, such as tcp://10.0.0.1:8786.

    Raises:
        ClusterLostError: There is no scheduler.
        ValueError: The address is none, or ``distributed`` is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise ValueError("--cluster needs Dask: pip install 'swissroll[cluster]', or leave it out.") from None
        parts = ADDRESS.fullmatch(address)
        if parts is None or int(parts["port"]) >= 2**16:
            raise ValueError(
                f"--cluster must be a scheduler's address, such as tcp://127.0.0.1:8786; got {address!r:.80}."
            )
        # What it would log is told in one line; each of its loggers has a level of its own.
        for name in list(logging.root.manager.loggerDict):
            if name.startswith("distributed"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
        self.address = address
        host, port = parts["host"].strip("[]"), int(parts["port"])
        try:
            _ask(address, host, port)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Of other versions, which strangers() tells in a line.
                self.client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            start = f"dask scheduler --host {host} --port {port}"
            raise ClusterLostError(
                f"No scheduler answers at {address} ({error!s:.80}). To start one: {start}"
            ) from None
        self.executor = self.client.get_executor(pure=False)
        self.asked, self.threads = -ASK_SECONDS, 0

    def size(self) -> int:
        """Threads of the cluster, as of a moment ago."""
        if monotonic() - self.asked >= ASK_SECONDS:
            self.check()
            try:
                self.threads = sum(self.client.nthreads().values())
            except OSError:
                raise self.lost() from None
            self.asked = monotonic()
        return self.threads

    def strangers(self) -> dict[str, list[str]]:
        """Workers that do not compute with this machine's versions, by what they have instead: their addresses."""
        here, found = versions(xla=True), defaultdict(list)
        try:
            asked = {a: self._on(a).submit(versions, xla=True) for a in self.client.nthreads()}
        except OSError:
            raise self.lost() from None
        wait(asked.values(), timeout=ANSWER_SECONDS)
        for address, future in asked.items():
            if not future.done() or future.cancelled():
                future.cancel()
                found["given no answer"].append(address)
            elif (there := future.exception() or future.result()) != here:
                found[_difference(there, here)].append(address)
        return dict(found)

    def _on(self, address: str) -> Executor:
        """An executor of one worker."""
        executor: Executor = self.client.get_executor(workers=[address], pure=False)
        return executor

    def room(self) -> int:
        """A few groups a thread of the cluster, so that a plan of any size needs little memory."""
        return AHEAD * max(1, self.size())

    def submit(self, configs: list[dict[str, Any]], evidence: bool) -> Result:
        """Send a group to the cluster."""
        future: Result = self.executor.submit(compute_group, configs, evidence)
        return future

    def died(self, error: BaseException) -> bool:
        """Whether several workers died under the group."""
        return type(error).__name__ == "KilledWorker"

    def check(self) -> None:
        """Whether the scheduler is there."""
        if self.client.status != "running":
            raise self.lost()

    def lost(self) -> ClusterLostError:
        """The scheduler cancels what is under way when it goes."""
        return ClusterLostError(f"The scheduler at {self.address} was lost.")

    def deserted(self) -> bool:
        """Whether the cluster has no workers."""
        return not self.size()

    def close(self, *, now: bool) -> None:
        """Leave the cluster, which stays."""
        del now
        with suppress(Exception):
            self.client.close(timeout=2)


def _ask(address: str, host: str, port: int) -> None:
    """Raise OSError, which says why, where no scheduler answers in time; unlike Dask's client, this hears Ctrl-C."""
    from distributed.core import rpc
    from distributed.security import Security

    async def identity() -> None:
        with_keys = Security().get_connection_args("client")
        async with asyncio.timeout(CONNECT_SECONDS), rpc(address, connection_args=with_keys) as scheduler:
            await scheduler.identity()

    socket.create_connection((host, port), CONNECT_SECONDS).close()  # Where nobody listens, this knows at once.
    try:
        asyncio.run(identity())
    except TimeoutError:
        raise OSError(f"what listens there gave no answer in {CONNECT_SECONDS} s") from None
    except (OSError, ValueError, TypeError, MemoryError) as error:
        raise OSError(f"what listens there does not talk as one: {error!s:.40}") from None


def _difference(there: Any, here: dict[str, str]) -> str:
    """What a worker has that this machine has not, from its versions, or from the error that it gave instead."""
    if not isinstance(there, dict):
        return f"no swissroll ({there!s:.80})"
    names = [name for name in (*here, *(there.keys() - here.keys())) if there.get(name) != here.get(name)]
    return ", ".join(f"{name} {there.get(name, 'missing')} (here {here.get(name, 'missing')})" for name in names)
