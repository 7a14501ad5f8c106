"""A sweep on a Dask cluster whose processes are killed at random, against the same sweep left in peace.

A scheduler and three workers, each a process. While the sweep runs, a worker picked at random is killed with SIGKILL
every few seconds and another one started. When half of the runs are on disk, client and scheduler are killed, too; a
new scheduler, new workers and a new client go on, and workers go on dying. In the end each run must be there once and
the table must equal, byte for byte, that of the same sweep computed on this machine without a disturbance.

Run it with ``python benchmarks/chaos.py``; it takes some minutes. The exit code is 1 where the tables differ.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep

from swissroll.sweep.plan import read_sweep

SWEEP = [sys.executable, "-m", "swissroll", "sweep", "--quiet"]
WIDTHS = ",".join(str(width) for width in range(8, 28, 2))


class Cluster:
    """A scheduler and its workers, each a process; their logs go to one file."""

    def __init__(self, folder: Path, workers: int) -> None:
        folder.mkdir()
        self.log, self.file = folder / "log", folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        while not self.file.exists():
            sleep(0.1)
        self.address: str = json.loads(self.file.read_text(encoding="utf-8"))["address"]
        self.workers = [self._worker() for _ in range(workers)]

    def _start(self, kind: str, *flags: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", str(self.file), *flags]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.log.parent)

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")

    def kill_one(self, chance: random.Random) -> None:
        """Kill a worker, and start another one."""
        index = chance.randrange(len(self.workers))
        kill(self.workers[index])
        self.workers[index] = self._worker()

    def close(self) -> None:
        """Kill all that is left."""
        for process in (self.scheduler, *self.workers):
            kill(process)


def kill(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def on_disk(folder: Path) -> list[str]:
    return [path.name for path in (folder / "runs").glob("[0-9a-f]*")]


def disturb(folder: Path, flags: list[str], args: argparse.Namespace, chance: random.Random) -> None:
    """Compute a sweep among kills, in two acts."""
    killed = 0
    for act in (1, 2):
        cluster = Cluster(folder.parent / f"cluster{act}", args.workers)
        command = [*SWEEP, *(flags if act == 1 else []), "--out", str(folder), "--cluster", cluster.address]
        client, began = subprocess.Popen(command, stdout=subprocess.PIPE, text=True), monotonic()
        due = monotonic() + chance.uniform(*args.every)
        while client.poll() is None and not (act == 1 and 2 * len(on_disk(folder)) >= args.runs):
            sleep(0.05)
            if monotonic() > due:
                cluster.kill_one(chance)
                killed += 1
                due = monotonic() + chance.uniform(*args.every)
        there = len(on_disk(folder))
        print(f"act {act}: {there} runs on disk after {monotonic() - began:.0f} s, {killed} workers killed", flush=True)
        if act == 1:
            kill(client)
            print("client and scheduler killed", flush=True)
        else:
            print(f"client ended with exit code {client.returncode}", flush=True)
        cluster.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0, help="of the kills")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--engine", default="torch", choices=["torch", "xla"])
    parser.add_argument("--every", type=float, nargs=2, default=(10.0, 25.0), help="seconds between kills, from and to")
    args = parser.parse_args()
    args.runs = 100
    flags = ["--hidden-dim", WIDTHS, "--latent-dim", "1,2", "--steps", str(args.steps), "--seeds", "5"]
    flags += ["--engine", args.engine, "--device", "cpu"]
    with tempfile.TemporaryDirectory() as name:
        peace, chaos = Path(name, "peace"), Path(name, "chaos")
        began = monotonic()
        subprocess.run([*SWEEP, *flags, "--out", str(peace)], check=True, stdout=subprocess.PIPE)
        print(f"undisturbed, on this machine: {len(on_disk(peace))} runs in {monotonic() - began:.0f} s", flush=True)
        disturb(chaos, flags, args, random.Random(args.seed))  # noqa: S311 - no secret
        once = sorted(on_disk(chaos)) == sorted(read_sweep(chaos).names()) and len(on_disk(chaos)) == args.runs
        equal = (peace / "table.csv").read_bytes() == (chaos / "table.csv").read_bytes()
        size = (chaos / "table.csv").stat().st_size
    print(f"every run present once: {once}; tables of {size:,} bytes equal: {equal}")
    return 0 if once and equal else 1


if __name__ == "__main__":
    sys.exit(main())
