"""The ``train`` command: a run in its folder, with a bar, that Ctrl-C stops between two steps."""

from __future__ import annotations

import dataclasses
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

from cyclopts import Parameter

from swissroll.cli.runs import report_run
from swissroll.cli.terminal import (
    DIVERGED,
    INSTALL_JAX,
    INTERRUPTED,
    CommandError,
    FittingBar,
    Quiet,
    disk_errors_with,
    next_folder,
    note,
    note_loud,
    note_table,
    reason_of,
)
from swissroll.config import Config
from swissroll.report.commands import resume_command
from swissroll.report.shell import quote

if TYPE_CHECKING:
    from swissroll.runs.run import Run
    from swissroll.training.loop import Record

Flat = Annotated[Config, Parameter(name="*")]
RUNS = Path("runs")
"""Where a run goes whose folder is not named."""
MAX_RUNS_LOOKED_AT = 100
"""Most runs, the latest, among which the same one is looked for."""
TERMINAL_BAR_SECONDS = 0.1
FILE_BAR_SECONDS = 2.0
"""Time between two pictures of the bar where nobody looks at it, such as in a log."""

SILENT_FIT_SECONDS = 1.0
"""Longest fit of the prior at a training's end that needs no bar."""


def train(
    config: Flat = Config(),  # noqa: B008 - frozen
    *,
    settings: Annotated[Path | None, Parameter(name="--config")] = None,  # noqa: ARG001 - read before parsing
    preset: Literal["notebook", "best", "best-long"] = "notebook",  # noqa: ARG001 - read before parsing
    out: Path | None = None,
    resume: Path | None = None,
    solution: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Train a VAE, write its folder, and make its report.

    Parameters
    ----------
    settings
        TOML file with settings, such as a run's config.toml; those on the command line win.
    preset
        Recipe that decides the settings left open: the notebook's, a better one at the same cost, a long one.
    out
        New folder for the run; runs/001, runs/002, ... by default.
    resume
        Folder of a run that was stopped or killed, to go on with; its own settings hold.
    solution
        Notebook or Python file with a solution to the exercise: its reparameterize and compute_vae_loss train the VAE,
        and the right run with the same start, data and noise is trained and shown beside it. This runs the file's code
        on this machine as your own; for other people's code there is: swissroll exercise grade
    """
    run = _open(resume) if resume is not None else create_run(out, config, solution)
    try:
        with disk_errors_with(lambda: resume_command(run.folder)):
            status = _train_all(run, quiet=quiet)
            report_run(run, quiet=quiet)
    except KeyboardInterrupt:
        status = INTERRUPTED
        ended = run.status
        if ended in ("finished", "diverged"):
            print(f"stopped; the run is {ended}, to draw it: swissroll report {quote(run.folder)}")
            return INTERRUPTED

    if status == INTERRUPTED:
        print(f"stopped; go on with: {resume_command(run.folder)}")
    return status


def _train_all(run: Run, *, quiet: bool) -> int:
    """Train a run, and the right run beside one with a solution; returns the exit code."""
    status = 0 if run.status == "finished" else train_run(run, quiet=quiet)
    if status == INTERRUPTED:
        return status

    from swissroll.exercise.solution_run import SolutionRun

    if isinstance(run, SolutionRun) and run.right.status != "finished":
        return train_run(run.right, quiet=quiet, name="Right run") or status
    return status


def _open(folder: Path) -> Run:
    """The run to go on with."""
    from swissroll.exercise.solution_run import open_run
    from swissroll.runs.training import plan_to_go_on, refuse_repaired
    from swissroll.training.build import missing_for

    run = open_run(folder)
    refuse_repaired(run)
    if run.status == "finished":
        print(f"{folder} is finished already.", file=sys.stderr)
        return run

    missing = missing_for(run.config)
    if missing is not None and plan_to_go_on(run).engine != run.config.engine:
        note(f"{reason_of(missing)} {folder} goes on with the reference engine; the last bits will differ.")
    return run


def create_run(folder: Path | None, config: Config, solution: Path | None = None) -> Run:
    """Make a run's folder: the one that is named, or the next in runs/; with a solution's code where one is named."""
    from swissroll.runs.errors import FolderTakenError

    make = _maker(config, solution)
    note_loud(config.noise)
    note_table(config)
    if folder is not None:
        return make(folder)

    if solution is None:
        _note_same_unfinished(config)
    while True:
        # Another process may take the same number first.
        with suppress(FolderTakenError):
            return make(next_folder(RUNS))


def _maker(config: Config, solution: Path | None) -> Callable[[Path], Run]:
    """What makes the folder of a run."""
    if solution is None:
        from swissroll.runs.run import create

        _note_slower_engine(config)
        return lambda folder: create(folder, config)

    from swissroll.exercise.solution import SolutionError, read_solution
    from swissroll.exercise.solution_run import create_with_solution, settings_for_solution
    from swissroll.exercise.submission import SubmissionError

    settings = settings_for_solution(config)
    try:
        opened = read_solution(solution)
        opened.rehearse(settings)
    except (SolutionError, SubmissionError) as error:
        raise CommandError(str(error), f"To see why: swissroll exercise check {quote(solution)}") from None
    for told in opened.notes(settings):
        note(told)
    return lambda folder: create_with_solution(folder, settings, opened)


def _note_same_unfinished(config: Config) -> None:
    """Name the run of the same settings that was stopped or killed: to go on with it gives the same bits sooner."""
    from swissroll.runs.folder import lock, numbered
    from swissroll.runs.run import load
    from swissroll.training.build import decide

    settings = decide(config).config
    for folder in numbered(RUNS)[:MAX_RUNS_LOOKED_AT]:
        # One that is damaged, or that another process trains, is none to go on with.
        with suppress(ValueError), lock(folder):
            run = load(folder)
            if run.config == settings and run.status in ("stopped", "unfinished"):
                note(f"{folder} is the same run, {run.status}; to go on with it instead: {resume_command(folder)}")
                return


def _note_slower_engine(config: Config) -> None:
    """Say why the fast engine will not train a run that it would be faster for."""
    from swissroll.errors import Fix, FixableError
    from swissroll.training.build import choose_device, missing_for, xla_pays

    if config.engine != "auto" or not xla_pays(config) or choose_device(config.device).type != "cpu":
        return
    missing = missing_for(dataclasses.replace(config, engine="xla", device="cpu"))
    if missing is None:
        return
    if isinstance(missing, FixableError) and missing.fix is Fix.INSTALL_JAX:
        note(f"with JAX this run is faster: {INSTALL_JAX}")
        return
    note(f"{reason_of(missing)} The reference engine trains this run, which takes longer.")


def train_run(run: Run, *, quiet: bool, stream: TextIO | None = None, name: str = "Training") -> int:
    """Train to the end, or to Ctrl-C, or to a number that is not finite; returns the exit code.

    Args:
        run: A run's folder, as :func:`swissroll.runs.run.create` makes it.
        quiet: Show no bar.
        stream: Where the bar goes; stderr by default.
        name: What the bar is called.
    """
    from swissroll.training.loop import DivergedError

    with _stop_on_interrupt() as signals:
        try:
            _train_with_bar(run, signals, stream or sys.stderr, quiet=quiet, name=name)
        except DivergedError as error:
            print(f"swissroll: {error}", file=sys.stderr)
            return DIVERGED

    if signals and run.status != "finished":
        print("Stopped. Drawing what there is; Ctrl-C again leaves that out.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _train_with_bar(run: Run, signals: list[int], stream: TextIO, *, quiet: bool, name: str) -> None:
    """Train until the end or a signal."""
    from swissroll.runs.training import advance

    bar = None
    log_volume = _log_volume(run)
    fitting = FittingBar(quiet=quiet, delay=SILENT_FIT_SECONDS, stream=stream)
    try:
        with fitting, closing(advance(run, progress=fitting)) as records:
            for record in records:
                if bar is None:
                    bar = _make_bar(run, record.step - 1, stream, quiet=quiet, name=name)
                _show(bar, record, log_volume)
                if signals:
                    break
    finally:
        if bar is not None:
            bar.close()


def _make_bar(run: Run, done: int, stream: TextIO, *, quiet: bool, name: str) -> Any:
    from tqdm.auto import tqdm

    return tqdm(
        initial=done,
        total=run.config.steps,
        desc=name,
        unit=" steps",
        mininterval=TERMINAL_BAR_SECONDS if stream.isatty() else FILE_BAR_SECONDS,
        disable=quiet,
        file=stream,
    )


def _log_volume(run: Run) -> float:
    """What brings a distortion of a table's standardised rows into the table's units; 0 for other data."""
    from swissroll.data.own_table import open_table

    return 0.0 if run.config.data is None else open_table(run.config).standardization.log_volume


def _show(bar: Any, record: Record, log_volume: float) -> None:
    """Bring the bar to a record; its text is made only when the bar is about to be drawn."""
    if bar.disable:
        return
    is_due = bar.n - bar.last_print_n + 1 >= bar.miniters and time() - bar.last_print_t >= bar.mininterval
    if is_due:
        terms = record.train
        text = f"loss {terms.loss:.4f}, rate {terms.rate:.2f}, distortion {terms.distortion + log_volume:.2f}"
        bar.set_postfix_str(text, refresh=False)
    bar.update(record.step - bar.n)


@contextmanager
def _stop_on_interrupt() -> Iterator[list[int]]:
    """Collect the first Ctrl-C, for the loop to end between two steps; a second one interrupts at once."""
    signals: list[int] = []

    def stop(number: int, _: object) -> None:
        signals.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield signals
    finally:
        signal.signal(signal.SIGINT, before)
