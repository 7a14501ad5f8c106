"""Contenders in a process of their own: one gets ready when it is named, then times its steps when it is told to.

    echo '{"name": "notebook", "width": 256, "seconds": 0.5}' | python -m benchmarks.worker

Every line that it reads is a contender to get ready, or "go"; it answers each with a JSON line. The end of its input
ends it.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import fields
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

from benchmarks.contenders import MAKERS, Contender, MissingError, Run, Setting, hold_to

GROWTH = 16
"""The most by which a timing grows while the number of steps that fill the time is looked for."""


def peak_mib() -> float:
    """This process's peak of resident memory, MiB; nan where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    found = [line for line in lines if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) / 1024 if found else float("nan")


def fill(run: Run, contender: Contender, seconds: float) -> tuple[int, float]:
    """The steps that take about so many seconds, tried once with just that number, and the seconds they took."""
    steps = _rounded(contender.first, contender.unit)
    took = run(steps)
    while True:
        wanted = _rounded(steps * min(GROWTH, seconds / max(took, 1e-9)), contender.unit)
        if 0.7 * steps <= wanted <= 1.4 * steps:
            return steps, took
        steps = wanted
        took = run(steps)


def _rounded(steps: float, unit: int) -> int:
    return max(1, round(steps / unit)) * unit


def get_ready(task: dict[str, Any]) -> tuple[Run, dict[str, Any]]:
    """Make the contender, take its first steps, choose its fastest way and the steps that fill the time."""
    start = perf_counter()
    names = {field.name for field in fields(Setting)}
    contender = MAKERS[task["name"]](Setting(**{k: v for k, v in task.items() if k in names}))
    imported = perf_counter() - start
    if task.get("steps"):
        (run,) = contender.ways.values()
        return run, {"way": "", "steps": task["steps"], "imported": imported, "first": float("nan")}
    several = len(contender.ways) > 1
    tried, first = {}, {}
    for way, run in contender.ways.items():
        start = perf_counter()
        run(_rounded(contender.first, contender.unit))
        first[way] = perf_counter() - start
        tried[way] = fill(run, contender, task["seconds"] / (2 if several else 1))
    best = min(tried, key=lambda way: tried[way][1] / tried[way][0])
    steps = _rounded(tried[best][0] * (2 if several else 1), contender.unit)
    told = {"way": best, "steps": steps, "imported": imported, "first": first[best]}
    return contender.ways[best], told


def serve(source: TextIO, sink: TextIO) -> None:
    """Answer every line of the source."""
    run: Run | None = None
    steps = 0
    for line in source:
        if line.strip() == "go" and run is not None:
            answer: dict[str, Any] = {"seconds": run(steps), "peak_mib": peak_mib()}
        else:
            run, answer = _ready(json.loads(line))
            steps = answer.get("steps", 0)
        print(json.dumps(answer), file=sink, flush=True)


def _ready(task: dict[str, Any]) -> tuple[Run | None, dict[str, Any]]:
    if task.get("core") is not None:
        hold_to(task["core"])
    try:
        return get_ready(task)
    except (MissingError, ImportError) as error:
        return None, {"missing": str(error)}


def main() -> None:
    """Keep stdout for the answers; what libraries print goes nowhere."""
    sink = os.fdopen(os.dup(1), "w", encoding="utf-8")
    if not os.environ.get("BENCH_VERBOSE"):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    serve(sys.stdin, sink)


if __name__ == "__main__":
    main()
