"""Time contenders in turns: each in a process of its own, all warm before the first round, one timing each a round.

A machine whose speed drifts then slows all of a round alike, and ratios within a round hold.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.contenders import PEERS

ROOT = Path(__file__).resolve().parents[1]
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PATIENCE = 120.0
"""Seconds that a contender may take to get ready; a timing may take as long."""
Say = Callable[[str], None]


class Results:
    """JSON lines, each on disk as soon as it is known; a case that was finished is not run again."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.rows = path, read_results(path)
        finished = {row["case"] for row in self.rows if row["kind"] == "finished"}
        kept = [row for row in self.rows if row["case"] in finished]
        if len(kept) < len(self.rows):
            path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        self.finished, self.rows = finished, kept

    def write(self, row: dict[str, Any]) -> None:
        """Add a row."""
        self.rows.append(row)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def finish(self, case: str) -> None:
        """Say that all of a case's rows are there."""
        self.finished.add(case)
        self.write({"case": case, "kind": "finished"})


def read_results(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines, the last of which may be cut off."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A contender in a comparison.

    Attributes:
        label: What it is called there.
        name: Which contender of :data:`benchmarks.contenders.MAKERS`.
        width: Units in each hidden layer.
        batch: Points in a step.
        models: Models that it trains at once, in each process.
        workers: Processes that it shares them among by itself.
        cores: One process for each, held to that core; None is one process that may use all.
        seconds: How long a timing should be.
        steps: Steps of a timing, where they are not to fill a time.
    """

    label: str
    name: str
    width: int = 256
    batch: int = 128
    models: int = 1
    workers: int = 1
    cores: tuple[int, ...] | None = None
    seconds: float = 1.0
    steps: int = 0


class Team:
    """The processes of one entry, and of others like it after that."""

    def __init__(self, entry: Entry) -> None:
        self.entry, self.cores = entry, entry.cores or (None,)
        python = str(PEERS_PYTHON if entry.name in PEERS else sys.executable)
        self.processes = [
            subprocess.Popen(
                [python, "-m", "benchmarks.worker"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in self.cores
        ]

    def get_ready(self, entry: Entry) -> list[dict[str, Any]]:
        """Let the processes get ready for an entry; their answers."""
        self.entry = entry
        task = {k: v for k, v in asdict(entry).items() if k != "cores"}
        for process, core in zip(self.processes, self.cores, strict=True):
            _tell(process, json.dumps(task | {"core": core}))
        return [_answer(process) for process in self.processes]

    def time(self) -> dict[str, Any]:
        """Let all of them go at once; the time of the slowest, and the memory of all."""
        for process in self.processes:
            _tell(process, "go")
        answers = [_answer(process) for process in self.processes]
        if missing := [answer["missing"] for answer in answers if "missing" in answer]:
            return {"kind": "missing", "why": missing[0]}
        seconds = max(answer["seconds"] for answer in answers)
        return {"kind": "timing", "seconds": seconds, "peak_mib": sum(answer["peak_mib"] for answer in answers)}

    def end(self) -> None:
        """End the processes."""
        for process in self.processes:
            with suppress(OSError, subprocess.TimeoutExpired):
                process.communicate(timeout=5)
            if process.poll() is None:
                process.kill()
                process.wait()


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for.
    with suppress(BrokenPipeError):  # Its missing answer tells.
        process.stdin.write(line + "\n")
        process.stdin.flush()


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101 - it was asked for.
    readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
    line = process.stdout.readline() if readable else ""
    if not line:
        why = f"it ended with exit code {process.wait()}" if readable else f"no answer in {PATIENCE:.0f} s"
        return {"missing": why}
    answer: dict[str, Any] = json.loads(line)
    return answer


class Comparison:
    """Timings in turns, filed under a case.

    Args:
        case: What the rows are filed under.
        results: Where they go.
        say: Tells the reader of the progress.
        teams: Processes to use again, by the entry's name; filled, and not ended, where it is given.
    """

    def __init__(self, case: str, results: Results, say: Say, teams: dict[str, Team] | None = None) -> None:
        self.case, self.results, self.say, self.kept = case, results, say, teams

    def run(self, entries: Sequence[Entry], *, rounds: int, budget: float, least: int = 2) -> None:
        """Get all entries ready, then time each once a round.

        Args:
            entries: Who takes part; those that cannot are named with the reason, and left out.
            rounds: Most rounds.
            budget: Seconds after which no round begins once there were ``least``.
            least: Fewest rounds.
        """
        began = monotonic()
        teams = [team for entry in entries if (team := self._ready(entry))]
        try:
            for index in range(rounds):
                if index >= least and monotonic() - began > budget:
                    break
                turn = index % max(1, len(teams))
                for team in [*teams[turn:], *teams[:turn]]:
                    self._write(label=team.entry.label, round=index, **team.time())
                self.say(f"{self.case}: round {index + 1} of {rounds}")
        finally:
            if self.kept is None:
                for team in teams:
                    team.end()
        self.results.finish(self.case)

    def _ready(self, entry: Entry) -> Team | None:
        kept = self.kept if self.kept is not None else {}
        team = kept.get(entry.name) or Team(entry)
        answers = team.get_ready(entry)
        if missing := [answer["missing"] for answer in answers if "missing" in answer]:
            self._write(kind="missing", label=entry.label, why=missing[0])
            self.say(f"{self.case}: left out {entry.label}: {missing[0]}")
            kept.pop(entry.name, None)
            team.end()
            return None
        kept[entry.name] = team
        answer = answers[0] | {"model_steps": sum(a["steps"] for a in answers) * entry.models}
        del answer["steps"]
        self._write(kind="entry", **asdict(entry), **answer)
        self.say(f"{self.case}: {entry.label} is ready" + (f" ({answer['way']})" if answer["way"] else ""))
        return team

    def _write(self, **row: Any) -> None:
        self.results.write({"case": self.case, **row})


@dataclass(frozen=True)
class Bench:
    """What every part of the measurements gets.

    Attributes:
        results: Where rows go.
        quick: Fewer rounds and shorter timings.
        say: Tells the reader of the progress.
        deadline: When no new case begins, on the clock of :func:`time.monotonic`.
    """

    results: Results
    quick: bool
    say: Say
    deadline: float

    def wants(self, case: str) -> bool:
        """Whether a case is to be measured: it was not before, and there is time."""
        if case in self.results.finished:
            return False
        late = monotonic() > self.deadline
        if late:
            self.say(f"{case}: left for the next time, there is none left")
        return not late

    def compare(
        self, case: str, entries: Sequence[Entry], *, rounds: int, budget: float, least: int = 2,
        teams: dict[str, Team] | None = None,
    ) -> None:  # fmt: skip
        """Time entries in turns, if the case is wanted; see :class:`Comparison`."""
        if self.wants(case):
            Comparison(case, self.results, self.say, teams).run(entries, rounds=rounds, budget=budget, least=least)
