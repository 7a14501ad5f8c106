"""A real Dask cluster of separate processes: workers with other versions, none, killed ones, and a killed scheduler."""

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
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from swissroll.cli.app import main
from swissroll.cli.terminal import fix_line
from swissroll.runs.run import load
from swissroll.sweep.cluster import ClusterPool
from swissroll.sweep.pools import ClusterLostError
from swissroll.sweep.worker import compute_group
from tests.oracles import wait_for_end

pytest.importorskip("distributed")
# What is measured is the same here and in the workers, and no more than the comparison needs.
pytestmark = pytest.mark.usefixtures("few_points")

COMMAND = [sys.executable, "-m", "swissroll", "sweep", "--quiet"]
TINY = ["--hidden-dim", "4", "--seeds", "1", "--engine", "torch", "--device", "cpu"]
FLAGS = [*TINY, "--steps", "5,6,7"]
ENDLESS = 10**9
"""Steps of a run that does not end."""


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

    def add_worker(self, threads: int = 1, **environment: str) -> None:
        flags = ("--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        self.workers.append(self._start("worker", *flags, **environment))

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, few_points: None) -> Iterator[Cluster]:  # noqa: ARG001
    """Shared: its processes import for seconds. The last test kills its scheduler."""
    started = Cluster(tmp_path_factory.mktemp("dask") / "cluster")
    yield started
    started.close()


def begin(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_runs(folder: Path, least: int, process: subprocess.Popen[str]) -> None:
    while len(list((folder / "runs").glob("[0-9a-f]*"))) < least:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def wait_for_workers(pool: ClusterPool, number: int) -> None:
    while len(pool.client.nthreads()) != number:
        time.sleep(0.02)


def test_an_absent_scheduler_is_one_line_and_leaves_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sweep", "--quiet", *FLAGS, "--out", str(tmp_path / "sweep"), "--cluster", "tcp://127.0.0.1:9"])
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    assert "No scheduler answers at tcp://127.0.0.1:9" in err
    assert err.endswith("To start one: dask scheduler --host 127.0.0.1 --port 9\n")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("address", ["x", "tcp://", "127.0.0.1", "tcp://127.0.0.1:99999", "http://a b:1", "[::1:8786"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must be the address of a scheduler"):
        ClusterPool(address)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "tls://localhost:9", "tcp://[::1]:9"])
def test_where_nobody_listens_there_is_no_scheduler(address: str) -> None:
    with pytest.raises(ClusterLostError, match="No scheduler answers"):
        ClusterPool(address)


@pytest.mark.parametrize(
    ("banner", "told"), [(b"", "gave no answer in 1 s"), (b"SSH-2.0-OpenSSH_9.6\r\n" * 9, "is not a scheduler")]
)
def test_what_answers_and_is_no_scheduler_is_told(banner: bytes, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swissroll.sweep.cluster.CONNECT_SECONDS", 1 if banner == b"" else 60)
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    held: list[socket.socket] = []

    def greet() -> None:
        with contextlib.suppress(OSError):
            while True:
                held.append(server.accept()[0])
                held[-1].sendall(banner)

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    with pytest.raises(ClusterLostError, match=rf"127.0.0.1:{port} \(what listens there {told}") as caught:
        ClusterPool(f"tcp://127.0.0.1:{port}")

    # It ends the thread's accept. What is left open would be told of in another test.
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
    for end in (server, *held):
        end.close()
    assert fix_line(caught.value) == f"To start one: dask scheduler --host 127.0.0.1 --port {port}"


def test_an_error_of_the_work_is_no_death_of_a_worker() -> None:
    distributed = pytest.importorskip("distributed")
    pool = ClusterPool.__new__(ClusterPool)
    assert pool.worker_died(distributed.KilledWorker("task", None, None))
    assert not pool.worker_died(type("KilledWorker", (RuntimeError,), {})())


def test_a_cluster_without_workers_is_told_and_waited_for(cluster: Cluster, tmp_path: Path) -> None:
    process = begin(*FLAGS, "--out", str(tmp_path / "sweep"), "--cluster", cluster.address)
    assert process.stderr is not None
    told = f"{cluster.address} has no workers. To start some: dask worker {cluster.address} --nthreads 1"
    assert process.stderr.readline() == f"swissroll: note: {told}\n"
    cluster.add_worker()
    out, err = wait_for_end(process)
    assert (process.returncode, err) == (0, "")
    assert "runs finished           3" in out


def test_a_worker_with_other_versions_is_named(cluster: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "other" / "numpy-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n", encoding="utf-8")
    path = os.pathsep.join([str(other.parent), os.environ.get("PYTHONPATH", "")])
    cluster.add_worker(PYTHONPATH=path)
    pool = ClusterPool(cluster.address)
    wait_for_workers(pool, 2)
    ((difference, workers),) = pool.version_mismatches().items()
    pool.close(now=True)
    assert (difference, len(workers)) == (f"numpy 0.0.1 (here {np.__version__})", 1)

    process = begin(*FLAGS, "--out", str(tmp_path / "sweep"), "--cluster", cluster.address)
    assert process.stderr is not None
    told = f"1 of its workers ({workers[0]}) have {difference}; runs may differ there, or fail."
    assert process.stderr.readline() == f"swissroll: note: {told}\n"
    process.kill()
    wait_for_end(process)


def test_a_stopped_worker_is_named_after_a_while(cluster: Cluster) -> None:
    pool = ClusterPool(cluster.address)
    wait_for_workers(pool, 2)
    cluster.workers[1].send_signal(signal.SIGSTOP)
    found = pool.version_mismatches()
    cluster.workers[1].kill()
    wait_for_workers(pool, 1)
    pool.close(now=True)
    assert [len(workers) for told, workers in found.items() if told == "given no answer"] == [1]


def test_a_cluster_that_loses_a_worker_and_its_scheduler_ends_in_the_same_runs(
    cluster: Cluster, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    # One run never ends, so that the kills come while groups are in flight. A worker of several threads does the rest.
    cluster.add_worker(threads=4)
    pool = ClusterPool(cluster.address)
    wait_for_workers(pool, 2)
    pool.close(now=True)
    flags = [*TINY, "--steps", f"5,6,7,{ENDLESS}"]
    process = begin(*flags, "--out", str(there), "--cluster", cluster.address)
    wait_for_runs(there, 1, process)
    cluster.workers[0].kill()
    wait_for_runs(there, 3, process)
    cluster.scheduler.kill()

    out, err = wait_for_end(process)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert f"The scheduler at {cluster.address} was lost." in err
    assert "3 of 4 runs are on disk" in err
    assert f"go on with: swissroll sweep --out {there} --cluster {cluster.address}" in err

    for run in (there / "runs").iterdir():
        config = load(run).config
        plain = {name: value for name, value in asdict(config).items() if value is not None}
        expected = compute_group([plain])[0]
        for file in ("config.toml", "metrics.json", "model.safetensors", "state.json"):
            assert (run / file).read_bytes() == expected[file]
