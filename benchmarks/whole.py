"""From a cold shell to the pictures: `swissroll train` against executing the notebook's cells.

Both start a new Python, train the notebook's 1,000 steps at width 256, and end when their pictures are on disk. The
command's figures are those of its report, which shows more than the notebook. Memory is that of all processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil

from benchmarks.side_by_side import ROOT, Bench

BIN = Path(sys.executable).parent
COMMANDS = {
    "notebook, executed": [sys.executable, "-m", "benchmarks.execute", "executed.ipynb"],
    "swissroll train": [str(BIN / "swissroll"), "train", "--out", "run"],
}
EVERY = 0.05
"""Seconds between two looks at the memory."""


class Watch(threading.Thread):
    """The peak of the resident memory of a process and its children, MiB; shared pages count once a process."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process, self.peak, self.done = psutil.Process(pid), 0.0, threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self.done.wait(EVERY):
            self.peak = max(self.peak, self.now())

    def now(self) -> float:
        """MiB at this moment."""
        total = 0
        try:
            for process in [self.process, *self.process.children(recursive=True)]:
                total += process.memory_info().rss
        except psutil.NoSuchProcess:
            pass
        return total / 2**20


def once(command: list[str]) -> dict[str, Any]:
    """Run a command in an empty folder; its seconds and its peak of memory."""
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        watch = Watch(process.pid)
        watch.start()
        output, _ = process.communicate()
        seconds = perf_counter() - start
        watch.done.set()
        watch.join()
    if process.returncode:
        return {"why": output.strip().splitlines()[-1] if output.strip() else f"exit code {process.returncode}"}
    return {"seconds": seconds, "peak_mib": watch.peak}


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


def measure(bench: Bench) -> None:
    """Each command once a round; the first round, with files not in memory yet, does not count."""
    if not bench.wants("whole"):
        return
    for index in range(2 if bench.quick else 6):
        for label, command in COMMANDS.items():
            found = once(command)
            if index:
                kind = "missing" if "why" in found else "timing"
                bench.results.write({"case": "whole", "kind": kind, "label": label, "round": index - 1, **found})
            told = found.get("why") or f"{found['seconds']:.1f} s, {found['peak_mib']:.0f} MiB"
            bench.say(f"whole command: {label}: {told}" + ("" if index else " (warm-up)"))
    bench.results.finish("whole")
