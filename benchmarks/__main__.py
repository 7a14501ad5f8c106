"""Run the measurements, one part after another, and write them as JSON lines as they come."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from benchmarks import engines, growth, million, quality, whole
from benchmarks.machine import machine
from benchmarks.side_by_side import PEERS_PYTHON, Bench, Results

PARTS: dict[str, Callable[[Bench], None]] = {
    "engines": engines.measure,
    "whole": whole.measure,
    "quality": quality.measure,
    "growth": growth.measure,
    "million": million.measure,
}
"""By name, in the order they run."""


def main() -> None:
    """Read the command line and run the parts asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 minutes, with more noise")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, help="goes on where it was; runs/bench/results.jsonl, or quick.jsonl")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--minutes", type=float, help="no new case begins after these; 40, or 2.5 with --quick")
    given = parser.parse_args()
    out = given.out or Path("runs/bench") / ("quick.jsonl" if given.quick else "results.jsonl")
    if given.fresh:
        out.unlink(missing_ok=True)
    began = monotonic()

    def say(line: str) -> None:
        print(f"{monotonic() - began:6.0f} s  {line}", file=sys.stderr, flush=True)

    minutes = given.minutes or (2.5 if given.quick else 40.0)
    bench = Bench(results=Results(out), quick=given.quick, say=say, deadline=began + 60 * minutes)
    if "machine" not in bench.results.finished:
        bench.results.write({"case": "machine", "kind": "machine", "quick": given.quick, **machine(PEERS_PYTHON)})
        bench.results.finish("machine")
    before = len(bench.results.rows)
    for part in given.parts:
        PARTS[part](bench)
    if len(bench.results.rows) == before:
        say("nothing was measured: all was before; --fresh begins anew")
    print(out)


if __name__ == "__main__":
    main()
