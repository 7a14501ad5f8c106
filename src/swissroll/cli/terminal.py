"""What the commands share: exit codes, notes, new folders, and the command lines of what helps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any, TextIO

from cyclopts import Parameter

from swissroll.cli.streams import STANDARD_OUTPUT
from swissroll.config import Config, read_origin, versions
from swissroll.errors import Fix, FixableError
from swissroll.report.commands import flag
from swissroll.report.shell import quote
from swissroll.runs.errors import LockedError
from swissroll.runs.folder import lock, numbered

Flag = Annotated[bool, Parameter(negative="")]
Json = Annotated[bool, Parameter(name="--json", negative="")]
Quiet = Annotated[bool, Parameter(negative="", help="Show no progress bars. Results, notes and errors are printed.")]

# Exit codes.
DIVERGED = 1
BROKEN_PIPE = 128 + 13
"""What a shell says of a tool that ended at SIGPIPE."""
BAD_INPUT = 2
INTERRUPTED = 130

PLANNER_SECONDS = 0.05
"""Time between two looks whether another command has planned its sweep."""
SILENT_WAIT_SECONDS = 3.0
"""Longest such wait that needs no word."""
DATA_REACH = 1.0
"""About how far the data are from their centre, in data units."""
INSTALL_JAX = "pip install 'jax>=0.8'"
"""JAX by its own name: the name of this package on the index is another project's."""
FIXES = {
    Fix.CHOOSE_ANOTHER_FOLDER: "Choose another folder with --out.",
    Fix.CHOOSE_ANOTHER_FILE: "Choose another file with --out, or move this one away.",
    Fix.RESUME_OR_CHOOSE_ANOTHER_FOLDER: (
        "Choose another folder with --out, or resume that run: swissroll train --resume {folder}"
    ),
    Fix.TRAIN_A_RUN: "To make one: swissroll train",
    Fix.RESUME: "To resume it: swissroll train --resume {folder}",
    Fix.TRAIN_AGAIN_ON_ANOTHER_DEVICE: (
        "Resume it where there is one, or train again: swissroll train --config {path} --device auto"
    ),
    Fix.MOVE_AND_RESUME: "Move {move} away, then: swissroll train --resume {folder}",
    Fix.MOVE_AND_TRY_AGAIN: "Move {move} away, and give the same swissroll command again.",
    Fix.COPY_HISTORY: "It is the original's; to copy it again: cp {origin}/history.csv {path}",
    Fix.TRAIN_AGAIN: (
        "Put back a copy of it. Or train again in a new folder, and leave this one as it is: "
        "swissroll train --config {path}"
    ),
    Fix.PUT_BACK_CONFIG: "Put it back; {report} lists the settings, and 'swissroll train --help' their names.",
    Fix.CORRECT_CONFIG: "Correct it; {report} lists the settings, and 'swissroll train --help' their names.",
    Fix.NAME_TOML_FILE: "Name an existing TOML file with --config.",
    Fix.CORRECT_TOML_FILE: "Correct it, or name another with --config.",
    Fix.OPEN_WITH_SOLUTION: ("This command does not take it; 'swissroll report {folder}' does, and runs that code."),
    Fix.TRAIN_WITH_PRIOR: "To train another with such a prior from its first step on: swissroll train --config {path}",
    Fix.MOVE_AND_REPAIR_ORIGINAL: (
        "Move {move} away, then repair the original again: "
        "swissroll repair {origin} --components {components} --out {move}"
    ),
    Fix.START_A_SWEEP: "To make one: swissroll sweep",
    Fix.START_SWEEP_FROM_FILE: "To start it: swissroll sweep --config {path}",
    Fix.CONTINUE_SWEEP: "To continue it: swissroll sweep --out {folder}",
    Fix.REPORT_SWEEP: "To write its report: swissroll sweep --out {folder}",
    Fix.MOVE_AND_CONTINUE_SWEEP: (
        "Move {move} away, and it is computed again, to the same bits: swissroll sweep --out {folder}"
    ),
    Fix.VARY_A_SETTING: "Name what to vary, such as --beta 0.001,0.01,0.1",
    Fix.CORRECT_SWEEP: (
        "Correct it; or move it away, and give the same command as when the sweep was begun, with --out {folder}"
    ),
    Fix.RESTORE_SWEEP_OR_CHOOSE_ANOTHER_FOLDER: (
        "Put back the sweep.toml of these runs, give the flags that they were begun with, "
        "or choose another folder with --out."
    ),
    Fix.LEAVE_OUT_OR_CHOOSE_ANOTHER_FOLDER: "Leave out {flag}, or choose another folder with --out.",
    Fix.LEAVE_PRIOR: "Choose --no-refit-prior (in a sweep --refit-prior false), or more --components.",
    Fix.INSTALL_JAX: f"To install it: {INSTALL_JAX}. Or choose --engine torch.",
    Fix.INSTALL_ZUKO: "To install it: pip install 'zuko>=1.4'. Or choose --prior gaussians.",
    Fix.MEND_JAX: "Mend that, or choose --engine torch.",
    Fix.PUT_BACK_TABLE: (
        "Put it back, or write into config.toml (a sweep's sweep.toml), as data, where it is now. "
        "To train on another table: swissroll train --data"
    ),
    Fix.RESTORE_TABLE: "Put back the old one; or train again on this one: swissroll train --data {path}",
    Fix.CHOOSE_COLUMNS: "Choose the columns to use: --columns {columns}",
    Fix.INSTALL_PANDAS: (
        "To install it: pip install 'pandas>=2.2.2' 'pyarrow>=16'. Or save the table as NPY, which needs neither."
    ),
    Fix.INSTALL_ONNX: "To install it: pip install 'onnx>=1.18' 'onnxscript>=0.7'. Or choose --format torch.",
    Fix.INSTALL_DASK: "To install it: pip install 'distributed>=2025.1'. Or leave out --cluster.",
    Fix.START_SCHEDULER: "To start one: dask scheduler --host {host} --port {port}",
    Fix.NAME_ALL_VALUES: "To add runs beside it, name all values: {flag} {values}",
}
"""What helps, as the command line says it. A word in braces is a fact of the error, quoted for a shell."""


def fix_line(error: FixableError) -> str:
    """What helps, with the command to run; empty where nothing is known to."""
    if isinstance(error, CommandError):
        return error.advice
    if error.fix is None:
        return ""

    words = {name: quote(value) for name, value in error.facts.items()}
    if "setting" in error.facts:
        words["flag"] = flag(str(error.facts["setting"]))
    return FIXES[error.fix].format(**words)


class CommandError(FixableError):
    """Something that stopped a command, and what to do about that, with the command to type then."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.advice = advice


@contextmanager
def disk_errors_with(command: Callable[[], str]) -> Iterator[None]:
    """Turn an error of a file, such as that of a full disk, into one that says how to go on: with this command.

    Args:
        command: Makes the command when it is needed.
    """
    try:
        yield
    except OSError as error:
        # Those of the streams are not of a disk.
        if isinstance(error, BrokenPipeError) or error.filename in (None, STANDARD_OUTPUT):
            raise
        is_full = error.errno in (ENOSPC, EDQUOT, EFBIG)
        remedy = "Make room on that disk" if is_full else "Make it a file that may be written"
        raise CommandError(f"{error.filename}: {error.strerror}.", f"{remedy}, then: {command()}") from None


def reason_of(error: ValueError) -> str:
    """What was wrong, without what helps."""
    return error.reason if isinstance(error, FixableError) else str(error)


def next_folder(parent: Path) -> Path:
    """parent/001, or the next number that is free."""
    taken = numbered(parent)
    last = int(taken[0].name) if taken else 0
    return parent / f"{last + 1:03d}"


def free_folder(path: Path) -> Path:
    """The path, or with -2, -3, ... behind it the first that is free."""
    found = path
    number = 2
    while found.exists():
        found = Path(f"{path}-{number}")
        number += 1
    return found


@contextmanager
def new_folder(parent: Path) -> Iterator[Path]:
    """Make parent/001, or the next number that is free; it is removed if it is left empty.

    Two commands at once get two.
    """
    parents = [] if parent.is_dir() else [parent]
    parent.mkdir(parents=True, exist_ok=True)

    # Another process may take the same number first.
    while True:
        folder = next_folder(parent)
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            break

    try:
        yield folder
    finally:
        for path in (folder, *parents):
            remove_if_empty(path)


@contextmanager
def sole_planner(parent: Path) -> Iterator[None]:
    """Keep other commands from planning in a folder; waits for one that does. The folder goes if it is left empty."""
    with ExitStack() as held:
        is_told = False
        is_new = False
        began = monotonic()
        while True:
            # One that holds nothing but a lock was made by the command that is waited for.
            is_new = is_new or not parent.is_dir() or holds_lock_alone(parent)
            try:
                parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(lock(parent))
                break
            except (LockedError, FileNotFoundError):
                # It may have removed the folder, too.
                sleep(PLANNER_SECONDS)
            if not is_told and monotonic() - began > SILENT_WAIT_SECONDS:
                note(f"another command plans a sweep in {parent}; this one waits for it.")
                is_told = True

        try:
            yield
        finally:
            if is_new:
                remove_if_empty(parent)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds nothing, or nothing but a lock."""
    with suppress(OSError):
        if holds_lock_alone(folder):
            (folder / ".lock").unlink()
        folder.rmdir()


def holds_lock_alone(folder: Path) -> bool:
    """Whether a folder is there and has a lock in it, and nothing else."""
    with suppress(OSError):
        return [path.name for path in folder.iterdir()] == [".lock"]
    return False


def note(text: str) -> None:
    """Print something that is not an error, on stderr."""
    print(f"swissroll: note: {text}", file=sys.stderr)


def note_loud(noise: float) -> None:
    """Tell that noise hides the data."""
    if noise > DATA_REACH:
        note(f"noise {noise:g} hides the data, which reach about {DATA_REACH:g}.")


def note_table(config: Config) -> None:
    """Tell what to know before reading a density of a config's table."""
    if config.data is None:
        return
    from swissroll.data.own_table import open_table

    for told in open_table(config).notes:
        note(told)


def without_refit(values: dict[str, Any]) -> dict[str, Any]:
    """Settings of a preset or file for runs without a mixture: its fit after training gives way, with a note."""
    if not values.get("refit_prior"):
        return values
    note("with 0 components there is no mixture to fit again: refit_prior is off.")
    return values | {"refit_prior": False}


def note_versions(path: Path, recorded: dict[str, str]) -> None:
    """Tell which versions a file of settings was written under, where they differ from this machine's."""
    now = versions(xla=True)
    changed = []
    for name, version in recorded.items():
        if now.get(name, version) != version:
            changed.append(f"{name} {version} (now {now[name]})")
    if changed:
        note(f"{path} was written under {', '.join(changed)}; bits may differ. For the same bits, use those versions.")


def note_origin(path: Path) -> None:
    """Tell what a file of settings says of the run that it is of, and the settings do not."""
    origin = read_origin(path)
    if origin:
        note(f"{path}: {origin}")


class FittingBar:
    """Shows the rounds of a prior's fit, which it is called with; the bar appears with the first call.

    Args:
        quiet: Show no bar.
        delay: Seconds that the fit may take without a bar.
        stream: Where the bar goes; stderr by default.
    """

    def __init__(self, *, quiet: bool, delay: float = 0.0, stream: TextIO | None = None) -> None:
        self.quiet = quiet
        self.delay = delay
        self.stream = stream
        self._bar: Any = None

    def __enter__(self) -> FittingBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            # It may converge before the last round that is allowed.
            self._bar.total = self._bar.n
            self._bar.close()

    def __call__(self, rounds: int) -> None:
        """Show that so many rounds were done since the last call."""
        from tqdm.auto import tqdm

        from swissroll.training.refit import MAX_ROUNDS

        if self._bar is None:
            self._bar = tqdm(
                total=MAX_ROUNDS,
                desc="Fitting the prior",
                unit=" rounds",
                delay=self.delay,
                disable=self.quiet,
                file=self.stream,
            )
        self._bar.update(rounds)
