"""What a million runs would take: measured at up to a hundred thousand, and drawn out from there.

    cluster      empty groups through a Dask scheduler and two workers
    processes    the same through two local processes
    bytes        what a finished run takes on disk, and on the wire between worker and client
    plan         time and memory of a client that plans so many runs
    table        time and memory of the table of so many finished runs
    page         the same of their report

An empty group has the settings of a real one and hands back as many bytes, but computes nothing.

    python -m benchmarks.million plan 1000
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.side_by_side import ROOT, Bench
from benchmarks.worker import peak_mib

GROUP = 32
"""Runs in a group."""
WINDOW = 8
"""Groups in flight, as the sweep's own loop has them on two workers."""
Row = dict[str, Any]


def nothing(configs: list[Row], size: int) -> list[bytes]:
    """An empty group: settings come, the bytes of its runs' files go, which no compression makes fewer."""
    return [os.urandom(size) for _ in configs]


def plain_configs(n: int) -> list[Row]:
    """The settings of a group, as they travel."""
    from swissroll.config import Config

    return [{k: v for k, v in asdict(Config(seed=seed)).items() if v is not None} for seed in range(n)]


def through(executors: list[Executor], groups: int, size: int) -> Row:
    """Send empty groups, a window of them in flight, and keep nothing that comes back."""
    configs, turns = plain_configs(GROUP), cycle(executors)
    flying: set[Future[list[bytes]]] = {next(turns).submit(nothing, configs, size) for _ in range(WINDOW)}
    wait(flying)  # The workers have started, and imported what they need.
    flying.clear()
    sent, start = 0, perf_counter()
    while sent < groups or flying:
        while sent < groups and len(flying) < WINDOW:
            flying.add(next(turns).submit(nothing, configs, size))
            sent += 1
        done, flying = wait(flying, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
    return {"groups": groups, "bytes": size, "seconds": perf_counter() - start, "peak_mib": peak_mib()}


def processes(groups: int, size: int) -> Row:
    """Through two local processes, each with a queue of its own."""
    pools: list[Executor] = [ProcessPoolExecutor(1, mp_context=get_context("spawn")) for _ in range(2)]
    row = through(pools, groups, size)
    for pool in pools:
        pool.shutdown()
    return row


def cluster(groups: int, size: int) -> Row:
    """Through a Dask scheduler and two workers."""
    from distributed import Client

    with dask(2) as scheduler, Client(scheduler_file=scheduler, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        return through([client.get_executor(pure=False)], groups, size)


@contextmanager
def dask(workers: int) -> Iterator[str]:
    """A scheduler and workers, each a process of its own; gives the file that names the scheduler's address."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    dask = str(Path(sys.executable).parent / "dask")
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "scheduler.json")
        commands = [[dask, "scheduler", "--scheduler-file", file, "--port", "0", "--no-dashboard", "--no-show"]]
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", folder]
        commands += [[dask, "worker", "--scheduler-file", file, *options]] * workers
        started = [
            subprocess.Popen(command, cwd=folder, env=os.environ | settings, stderr=subprocess.DEVNULL)
            for command in commands
        ]
        try:
            yield file
        finally:
            for process in started[::-1]:
                process.terminate()
                process.wait()


def run_files(width: int) -> dict[str, bytes]:
    """The files of one finished run of the notebook's 1,000 steps, as a sweep's worker hands them back."""
    from swissroll.config import Config
    from swissroll.sweep.worker import compute_group

    config = Config(hidden_dim=width, threads=1, device="cpu", engine="torch", snapshot_every=1000)
    values = {k: v for k, v in asdict(config).items() if v is not None}
    files: dict[str, bytes] = compute_group([values])[0]
    return files


def bytes_of_a_run(width: int) -> Row:
    """Bytes by file, and pickled as they travel, each way."""
    files = run_files(width)
    return {
        "width": width,
        "files": {name: len(data) for name, data in files.items()},
        "disk": sum(map(len, files.values())),
        "wire_back": len(pickle.dumps(files)),
        "wire_out": len(pickle.dumps(plain_configs(GROUP))) / GROUP,
    }


def define(runs: int) -> Any:
    """A sweep of so many runs: ten betas, two widths, the rest seeds."""
    from swissroll.sweep.extension import choose_device_and_engine
    from swissroll.sweep.plan import Sweep

    betas = [round(0.001 * 1.5**i, 6) for i in range(10)]
    return choose_device_and_engine(Sweep.of({"beta": betas, "hidden_dim": [32, 256], "seeds": max(1, runs // 20)}))


def plan(runs: int) -> Row:
    """Plan a new sweep's groups, its definition and its groups written; a small one comes first, for the imports."""
    planned(20)
    before = peak_mib()
    row = planned(runs)
    return {"runs": runs, **row} | _memory(before)


def planned(runs: int) -> Row:
    """Seconds, groups, and bytes written."""
    from swissroll.sweep.runner import open_sweep

    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "sweep"
        start = perf_counter()
        with open_sweep(folder, define(runs)) as groups:
            seconds = perf_counter() - start
            return {"groups": len(groups), "seconds": seconds, "written": (folder / "groups.json").stat().st_size}


def _memory(before: float) -> Row:
    return {"peak_mib": peak_mib(), "before_mib": before}


def finished_sweep(folder: Path, runs: int) -> Any:
    """A sweep's folder whose runs all have the numbers of one real run."""
    from swissroll.sweep.runner import open_sweep

    files = run_files(8)
    sweep = define(runs)
    with open_sweep(folder, sweep) as groups:
        for name in (name for group in groups for name in group.names):
            (folder / "runs" / name).mkdir()
            for file, data in files.items():
                (folder / "runs" / name / file).write_bytes(data)
    return sweep


def table(runs: int) -> Row:
    """Write the table of a finished sweep."""
    from swissroll.sweep.analysis.results import write_table

    with tempfile.TemporaryDirectory() as folder:
        sweep = finished_sweep(Path(folder) / "sweep", runs)
        before, start = peak_mib(), perf_counter()
        write_table(sweep, Path(folder) / "sweep")
        seconds = perf_counter() - start
        written = (Path(folder) / "sweep" / "table.csv").stat().st_size
    return {"runs": runs, "seconds": seconds, "written": written} | _memory(before)


def page(runs: int) -> Row:
    """Write the report of a finished sweep."""
    from swissroll.sweep.analysis.page import write_page

    with tempfile.TemporaryDirectory() as folder:
        finished_sweep(Path(folder) / "sweep", runs)
        before, start = peak_mib(), perf_counter()
        path = write_page(Path(folder) / "sweep")
        seconds = perf_counter() - start
        written = path.stat().st_size
    return {"runs": runs, "seconds": seconds, "written": written} | _memory(before)


QUESTIONS: dict[str, Callable[..., Row]] = {
    "cluster": cluster, "processes": processes, "bytes": bytes_of_a_run, "plan": plan, "table": table, "page": page,
}  # fmt: skip


def cases(*, quick: bool) -> list[tuple[str, list[int]]]:
    """What is asked, and with which numbers."""
    groups = 100 if quick else 500
    planned = [1000, 10_000] if quick else [1000, 10_000, 100_000]
    rows = [100] if quick else [100, 1000]
    return [
        *(("bytes", [width]) for width in (32, 256)),
        *((how, [groups, size]) for how in ("cluster", "processes") for size in (0, 120_000)),
        *(("plan", [runs]) for runs in planned),
        *((what, [runs]) for what in ("table", "page") for runs in rows),
    ]


def measure(bench: Bench) -> None:
    """Ask each question in a process of its own."""
    for what, numbers in cases(quick=bench.quick):
        case = " ".join(["million", what, *map(str, numbers)])
        if not bench.wants(case):
            continue
        command = [sys.executable, "-m", "benchmarks.million", what, *map(str, numbers)]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        said = found.stderr.strip().splitlines()
        if found.returncode:
            bench.results.write({"case": case, "kind": "missing", "label": case, "why": said[-1] if said else "?"})
            bench.say(f"{case}: left out: {said[-1] if said else found.returncode}")
        else:
            bench.results.write({"case": case, "kind": what, **json.loads(found.stdout.splitlines()[-1])})
            bench.say(f"{case}: done")
        bench.results.finish(case)


def main() -> None:
    """One question, its answer as a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=QUESTIONS)
    parser.add_argument("numbers", type=int, nargs="+")
    given = parser.parse_args()
    print(json.dumps(QUESTIONS[given.what](*given.numbers)))


if __name__ == "__main__":
    main()
