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
    parser.add_argument("--out", type=Path, default=Path("runs/bench/results.jsonl"), help="goes on where it was")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    given = parser.parse_args()
    if given.fresh:
        given.out.unlink(missing_ok=True)
    began = monotonic()

    def say(line: str) -> None:
        print(f"{monotonic() - began:6.0f} s  {line}", file=sys.stderr, flush=True)

    bench = Bench(results=Results(given.out), quick=given.quick, say=say)
    if "machine" not in bench.results.finished:
        bench.results.write({"case": "machine", "kind": "machine", "quick": given.quick, **machine(PEERS_PYTHON)})
        bench.results.finish("machine")
    for part in given.parts:
        PARTS[part](bench)
    print(given.out)


if __name__ == "__main__":
    main()
