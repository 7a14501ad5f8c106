"""A real Dask cluster of separate processes: a worker killed, the scheduler killed, and the same table in the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swissroll.sweep.pools import ClusterLostError, ClusterPool

pytest.importorskip("distributed")
COMMAND = [sys.executable, "-m", "swissroll", "sweep", "--quiet"]
FLAGS = ["--hidden-dim", "4,5,6,7,8,9", "--steps", "40", "--seeds", "2", "--engine", "torch", "--device", "cpu"]


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.file = folder, folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.workers: list[subprocess.Popen[bytes]] = []
        while not self.file.exists():
            time.sleep(0.05)
        self.address: str = json.loads(self.file.read_text(encoding="utf-8"))["address"]

    def _start(self, kind: str, *flags: str, **more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + kind, *flags, "--scheduler-file", str(self.file)]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=os.environ | more)

    def add_worker(self, **environment: str) -> None:
        flags = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        self.workers.append(self._start("worker", *flags, **environment))

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    started = Cluster(tmp_path / "cluster")
    started.add_worker()
    started.add_worker()
    yield started
    started.close()


def begin(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_runs(folder: Path, least: int, process: subprocess.Popen[str]) -> None:
    while len(list((folder / "runs").glob("[0-9a-f]*"))) < least:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_a_cluster_that_loses_a_worker_and_its_scheduler_ends_in_the_same_table(
    cluster: Cluster, tmp_path: Path
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    process = begin(*FLAGS, "--out", str(there), "--cluster", cluster.address)
    wait_for_runs(there, 1, process)
    cluster.workers[0].kill()
    wait_for_runs(there, 6, process)
    cluster.scheduler.kill()
    out, err = process.communicate()
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert f"The scheduler at {cluster.address} was lost." in err
    assert f"go on with: swissroll sweep --out {there} --cluster {cluster.address}" in err
    kept = len(list((there / "runs").glob("[0-9a-f]*")))
    assert 6 <= kept < 12
    local: Any = [begin("--out", str(there), "--workers", "1"), begin(*FLAGS, "--out", str(here), "--workers", "1")]
    for process in local:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        assert "runs finished          12" in out
    assert (there / "table.csv").read_bytes() == (here / "table.csv").read_bytes()


def test_an_absent_scheduler_is_one_line_and_leaves_no_folder(tmp_path: Path) -> None:
    process = begin("--beta", "0.1,0.2", "--out", str(tmp_path / "sweep"), "--cluster", "tcp://127.0.0.1:9")
    out, err = process.communicate()
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert "No scheduler answers at tcp://127.0.0.1:9" in err
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("address", ["x", "tcp://", "127.0.0.1", "tcp://127.0.0.1:99999", "http://a b:1", "[::1:8786"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must be a scheduler's address"):
        ClusterPool(address)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "tls://localhost:9", "tcp://[::1]:9"])
def test_where_nobody_listens_there_is_no_scheduler(address: str) -> None:
    with pytest.raises(ClusterLostError, match="No scheduler answers"):
        ClusterPool(address)


def test_a_worker_with_other_versions_is_named(cluster: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "other" / "numpy-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n", encoding="utf-8")
    cluster.add_worker(PYTHONPATH=str(other.parent))
    pool = ClusterPool(cluster.address)
    while pool.size() < 3:
        time.sleep(0.1)
    ((difference, workers),) = pool.strangers().items()
    pool.close(now=True)
    assert (difference, len(workers)) == (f"numpy 0.0.1 (here {np.__version__})", 1)
    out, err = begin(*FLAGS, "--out", str(tmp_path / "sweep"), "--cluster", cluster.address).communicate()
    assert f"1 of its workers ({workers[0]}) have {difference}; runs may differ there, or fail." in err
    assert "runs finished          12" in out


def test_a_stopped_worker_is_named_after_a_while(cluster: Cluster) -> None:
    pool = ClusterPool(cluster.address)
    while pool.size() < 2:
        time.sleep(0.1)
    cluster.workers[0].send_signal(signal.SIGSTOP)
    found = pool.strangers()
    pool.close(now=True)
    assert [(told, len(workers)) for told, workers in found.items()] == [("given no answer", 1)]


def test_a_cluster_without_workers_is_told_and_waited_for(cluster: Cluster, tmp_path: Path) -> None:
    for worker in cluster.workers:
        worker.kill()
    process = begin("--hidden-dim", "4,5", "--steps", "5", "--seeds", "1", "--engine", "torch", "--device", "cpu",
                    "--out", str(tmp_path / "sweep"), "--cluster", cluster.address)  # fmt: skip
    assert process.stderr is not None
    told = f"{cluster.address} has no workers. To start some: dask worker {cluster.address} --nthreads 1"
    assert process.stderr.readline() == f"swissroll: note: {told}\n"
    cluster.add_worker()
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "runs finished           2" in out


@pytest.mark.parametrize(
    ("banner", "told"), [(b"", "gave no answer in 2 s"), (b"SSH-2.0-OpenSSH_9.6\r\n" * 9, "does not talk as one")]
)
def test_what_answers_and_is_no_scheduler_is_told(banner: bytes, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swissroll.sweep.pools.CONNECT_SECONDS", 2)
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def greet() -> None:
        held = []
        with contextlib.suppress(OSError):
            while True:
                held.append(server.accept()[0])
                held[-1].sendall(banner)

    threading.Thread(target=greet, daemon=True).start()
    with pytest.raises(ClusterLostError, match=rf"127.0.0.1:{port} \(what listens there {told}") as caught:
        ClusterPool(f"tcp://127.0.0.1:{port}")
    server.close()
    assert str(caught.value).endswith(f"To start one: dask scheduler --host 127.0.0.1 --port {port}")
