"""How cost grows: steps a second against width, batch, and runs that share a program."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.side_by_side import Bench, Entry, Team

WIDTHS = (8, 32, 128, 512, 1024)
BATCHES = (32, 128, 512, 2048)
RUNS = (1, 2, 4, 8, 16, 32, 64)
CONTENDERS = {"notebook": "notebook", "swissroll, torch": "ours-torch", "swissroll, xla": "ours-xla"}


def measure(bench: Bench) -> None:
    """A case a setting; processes stay from one to the next, but for those whose threads depend on the setting."""
    seconds, rounds = (0.15, 2) if bench.quick else (0.3, 3)
    plain = [Entry(label=label, name=name, seconds=seconds) for label, name in CONTENDERS.items()]
    one = Entry(label="swissroll, xla", name="batch-xla", cores=(0,), seconds=seconds)
    settings: dict[str, list[Entry]] = {}
    for width in WIDTHS[::2] if bench.quick else WIDTHS:
        settings[f"grow width {width}"] = [replace(entry, width=width) for entry in plain]
    for batch in BATCHES[::3] if bench.quick else BATCHES:
        settings[f"grow batch {batch}"] = [replace(entry, batch=batch) for entry in plain]
    for width, most in ((32, 64), (256, 16)):
        for runs in (runs for runs in (RUNS[::3] if bench.quick else RUNS) if runs <= most):
            settings[f"grow runs {runs} at {width}"] = [replace(one, width=width, models=runs)]
    teams: dict[str, Team] = {}
    try:
        for case, entries in settings.items():
            bench.compare(case, entries, rounds=rounds, budget=8, teams=teams)
            if alone := teams.pop("ours-xla", None):
                alone.end()
    finally:
        for team in teams.values():
            team.end()
