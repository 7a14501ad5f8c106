"""A table of a million rows of three columns: what each command on it takes, in seconds and in memory.

    python -m benchmarks.million_rows              a million rows
    python -m benchmarks.million_rows 10000        as a trial

Each command is a process of its own, whose largest resident memory the system tells.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter

MAX_MIB = 2048
"""What each of them may take."""
COMMANDS = {
    "write": "data sample torus --out rows.csv -n",
    "check": "data check rows.csv",
    "train": "train --data rows.csv --hidden-dim 64 --activation silu --quiet --out run",
    "encode": "encode run --data rows.csv --out encoded.csv",
    "score": "score run --data rows.csv --out scores.csv",
    "sample": "sample run --out samples.csv -n",
}
"""By what they do; the number of rows follows a -n."""


def measure(command: list[str], folder: Path) -> tuple[int, float, float]:
    """Exit code, seconds and largest resident memory in MiB of a command."""
    began = perf_counter()
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "swissroll", *command],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, folder / "printed.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)],
    )
    _, status, used = os.wait4(process, 0)
    return os.waitstatus_to_exitcode(status), perf_counter() - began, used.ru_maxrss / 1024


def main() -> int:
    """Run them one after another; the exit code is 1 where one failed or took too much memory."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10**6
    is_right = True
    print(f"{count:,} rows of 3 columns")
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        for what, text in COMMANDS.items():
            words = text.split()
            if words[-1] == "-n":
                words.append(str(count))
            code, seconds, mib = measure(words, Path(name))
            print(f"{what:<8}  {seconds:8.1f} s  {mib:6.0f} MiB", flush=True)
            is_right &= code == 0 and mib < MAX_MIB
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
