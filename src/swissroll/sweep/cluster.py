"""The pool of a Dask cluster's workers."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import warnings
from collections import defaultdict
from concurrent.futures import Executor, wait
from contextlib import suppress
from time import monotonic
from typing import Any

from swissroll.config import versions
from swissroll.errors import Fix, FixableError
from swissroll.sweep.pools import ClusterLostError, FilesFuture
from swissroll.sweep.worker import compute_group

ADDRESS = re.compile(r"(\w+://)?(?P<host>\[[^]/]+\]|[^]\s/:[]+):(?P<port>\d{1,5})", re.ASCII)
"""A scheduler's, with a host's name or number; one of IPv6 stands in brackets."""
CONNECT_SECONDS = 10
ANSWER_SECONDS = 5
"""Time in which a cluster's workers are to say which versions they have."""
SIZE_SECONDS = 2.0
"""Time for which a count of the workers is believed."""
GROUPS_PER_THREAD = 4
"""Groups in flight for each thread of a cluster: one computed, the others on their way."""


class ClusterPool:
    """The workers of a Dask cluster.

    Args:
        address: Of its scheduler, such as tcp://10.0.0.1:8786.

    Raises:
        ClusterLostError: There is no scheduler.
        ValueError: This is not an address, or ``distributed`` is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise FixableError("A cluster needs Dask, which is not installed.", Fix.INSTALL_DASK) from None
        host, port = _parse(address)
        _quiet_logs()

        self.address = address
        try:
            _ask_identity(address, host, port)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Of other versions, which version_mismatches() tells in a line.
                self.client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = f"No scheduler answers at {address} ({error!s:.80})."
            raise ClusterLostError(reason, Fix.START_SCHEDULER, host=host, port=port) from None

        self.executor = self.client.get_executor(pure=False)
        self.counted_at = -SIZE_SECONDS
        self.threads = 0

    def size(self) -> int:
        """Threads of the cluster, as of a moment ago."""
        if monotonic() - self.counted_at >= SIZE_SECONDS:
            self.check()
            try:
                self.threads = sum(self.client.nthreads().values())
            except OSError:
                raise self.lost_error() from None
            self.counted_at = monotonic()
        return self.threads

    def version_mismatches(self) -> dict[str, list[str]]:
        """Workers that do not compute with this machine's versions, by what they have instead: their addresses."""
        asked = {}
        try:
            for address in self.client.nthreads():
                asked[address] = self._executor_of(address).submit(versions, xla=True)
        except OSError:
            raise self.lost_error() from None
        wait(asked.values(), timeout=ANSWER_SECONDS)

        here = versions(xla=True)
        mismatches = defaultdict(list)
        for address, future in asked.items():
            if not future.done() or future.cancelled():
                future.cancel()
                mismatches["given no answer"].append(address)
                continue
            there = future.exception() or future.result()
            if there != here:
                mismatches[_difference(there, here)].append(address)
        return dict(mismatches)

    def _executor_of(self, address: str) -> Executor:
        """An executor of one worker."""
        executor: Executor = self.client.get_executor(workers=[address], pure=False)
        return executor

    def max_in_flight(self) -> int:
        """A few groups per thread of the cluster, so that a plan of any size needs little memory."""
        return GROUPS_PER_THREAD * max(1, self.size())

    def submit(self, configs: list[dict[str, Any]]) -> FilesFuture:
        """Send a group to the cluster."""
        future: FilesFuture = self.executor.submit(compute_group, configs)
        return future

    def worker_died(self, error: BaseException) -> bool:
        """Whether several workers died under the group."""
        from distributed import KilledWorker

        return isinstance(error, KilledWorker)

    def check(self) -> None:
        """Raise :class:`ClusterLostError` where the scheduler is gone."""
        if self.client.status != "running":
            raise self.lost_error()

    def lost_error(self) -> ClusterLostError:
        """The scheduler cancels what is under way when it goes."""
        return ClusterLostError(f"The scheduler at {self.address} was lost.")

    def has_no_workers(self) -> bool:
        """Whether the cluster has no workers."""
        return not self.size()

    def close(self, *, now: bool) -> None:
        """Leave the cluster, which stays."""
        del now
        with suppress(Exception):
            self.client.close(timeout=2)


def _parse(address: str) -> tuple[str, int]:
    """The host and the port of an address."""
    parts = ADDRESS.fullmatch(address)
    if parts is None or int(parts["port"]) >= 2**16:
        raise ValueError(
            f"cluster must be the address of a scheduler, such as tcp://127.0.0.1:8786; got {address!r:.80}."
        )
    return parts["host"].strip("[]"), int(parts["port"])


def _quiet_logs() -> None:
    """What Dask would log is told in one line; each of its loggers has a level of its own."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _ask_identity(address: str, host: str, port: int) -> None:
    """Raise OSError, which says why, where no scheduler answers in time; unlike Dask's client, this hears Ctrl-C."""
    from distributed.core import rpc
    from distributed.security import Security

    async def ask() -> None:
        with_keys = Security().get_connection_args("client")
        async with asyncio.timeout(CONNECT_SECONDS), rpc(address, connection_args=with_keys) as scheduler:
            await scheduler.identity()

    # Where nobody listens, this knows at once.
    socket.create_connection((host, port), CONNECT_SECONDS).close()
    try:
        asyncio.run(ask())
    except TimeoutError:
        raise OSError(f"what listens there gave no answer in {CONNECT_SECONDS} s") from None
    except (OSError, ValueError, TypeError, MemoryError) as error:
        raise OSError(f"what listens there is not a scheduler: {error!s:.40}") from None


def _difference(there: Any, here: dict[str, str]) -> str:
    """What a worker has that this machine has not, from its versions, or from the error that it gave instead."""
    if not isinstance(there, dict):
        return f"no swissroll ({there!s:.80})"

    names = dict.fromkeys([*here, *there])
    differences = []
    for name in names:
        theirs = there.get(name, "missing")
        ours = here.get(name, "missing")
        if theirs != ours:
            differences.append(f"{name} {theirs} (here {ours})")
    return ", ".join(differences)
