"""The ``swissroll`` command: parses, calls, prints. Results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import gc
import io
import json
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TextIO

from cyclopts import App, Argument, ArgumentCollection, CycloptsError, Parameter
from cyclopts.config import Dict

from swissroll.cli.sweep import sweep
from swissroll.cli.terminal import BAD_INPUT, DIVERGED, INTERRUPTED, Flag, fix_line, next_folder, note, note_versions
from swissroll.config import PRESETS, Config, read_values, versions
from swissroll.errors import FixableError

if TYPE_CHECKING:
    from swissroll.evaluation.metrics import Metrics
    from swissroll.runs.run import Run
    from swissroll.training.loop import Record

Flat = Annotated[Config, Parameter(name="*")]
LONG_WORD = re.compile(r"(\S{100})\S{60,}(\S{40})")
"""A name that would push what follows it out of sight."""
UNUSED = re.compile(r"^Unused Tokens: \[(.*)\]\.?$", re.DOTALL)
AFTER_STOP = {
    "train": "Nothing was trained.",
    "report": "The run is as it was; the same command draws it anew.",
    "evaluate": "The run is as it was; the same command measures it anew.",
    "repair": "The run is as it was; where its copy is there, it is whole, and 'swissroll report' draws it.",
}
"""What Ctrl-C leaves, by command."""


def _settings_from_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Take what --config or --preset says for every setting that the command line leaves open."""
    for argument in arguments:
        if argument.hint in (Path, Path | None) and any(not token.value.strip() for token in argument.tokens):
            raise ValueError(f"{argument.name.lower()} is empty; name a path.")
    if commands == ("sweep",):  # Its settings are lists; it reads them itself.
        return
    given = {a.name: a.tokens[0].value for a in arguments if a.tokens}
    for argument in arguments:
        _refuse_fractions(argument)
    if "--resume" in given and (others := sorted(given.keys() - {"--resume", "--quiet"})):
        raise ValueError(f"--resume goes on with the run's own settings; leave out {', '.join(others)}.")
    if "--config" in given and "--preset" in given:
        raise ValueError("--config and --preset both choose settings; leave out one of them.")
    values = PRESETS.get(given.get("--preset", "notebook"), {})
    if "--config" in given:
        values = _read_settings(Path(given["--config"]))
    Dict(values, use_commands_as_keys=False)(app, commands, arguments)


def _refuse_fractions(argument: Argument) -> None:
    """Cyclopts would round 2.4 to 2 where a whole number is asked for."""
    whole = argument.hint in (int, int | None)
    for token in argument.tokens:
        if whole and not re.fullmatch(r"[+-]?\d{1,30}", token.value):
            raise ValueError(f"{argument.name} must be a whole number; got {token.value!r}.")


def _read_settings(path: Path) -> dict[str, Any]:
    values, recorded = read_values(path)
    note_versions(path, recorded)
    return values


app = App(
    name="swissroll",
    help="A laboratory for variational autoencoders on data that a person can see.",
    version=lambda: versions()["swissroll"],
    version_flags=["--version"],
    config=_settings_from_file,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)


@app.command
def train(
    config: Flat = Config(),  # noqa: B008 - frozen
    *,
    settings: Annotated[Path | None, Parameter(name="--config")] = None,  # noqa: ARG001 - read before parsing
    preset: Literal["notebook", "best", "best-long"] = "notebook",  # noqa: ARG001 - read before parsing
    out: Path | None = None,
    resume: Path | None = None,
    quiet: Flag = False,
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
    quiet
        Show no progress.
    """
    from swissroll.runs.run import load, refuse_repaired

    if resume is not None:
        run = load(resume)
        refuse_repaired(run)
        if run.status == "finished":
            print(f"{resume} is finished already.", file=sys.stderr)
    else:
        run = _create(out, config)
    try:
        done = run.status == "finished"
        status = 0 if done else train_run(run, quiet=quiet)
        _report(run.folder, evidence=done and _has_evidence(run.folder), quiet=quiet)
    except KeyboardInterrupt:
        if (ended := load(run.folder).status) in ("finished", "diverged"):
            print(f"stopped; the run is {ended}, to draw it: swissroll report {run.folder}")
            return INTERRUPTED
        status = INTERRUPTED
    if status == INTERRUPTED:
        print(f"stopped; go on with: swissroll train --resume {run.folder}")
    return status


@app.command
def report(folder: Path, /, *, quiet: Flag = False) -> int:
    """Draw a run's figures and write its report again.

    Parameters
    ----------
    folder
        The run's folder.
    quiet
        Show no progress.
    """
    _report(folder, evidence=_has_evidence(folder), quiet=quiet)
    _say_unfinished(folder)
    return 0


@app.command
def evaluate(folder: Path, /, *, quiet: Flag = False) -> int:
    """Measure all that a run's model is worth, evidence included, and write its report again.

    Parameters
    ----------
    folder
        The run's folder; metrics.json is written there.
    quiet
        Show no progress.
    """
    _report(folder, evidence=True, tables=True, quiet=quiet)
    _say_unfinished(folder)
    return 0


@app.command
def repair(folder: Path, /, *, out: Path | None = None, components: int = 20, quiet: Flag = False) -> int:
    """Copy a run with a mixture prior fitted to its aggregate posterior, without training, and report the copy.

    Parameters
    ----------
    folder
        The run's folder; it stays as it is.
    out
        New folder for the copy; the run's own with -repaired behind it by default.
    components
        Gaussians in the mixture, 1 to 500.
    quiet
        Show no progress.
    """
    from tqdm.auto import tqdm

    from swissroll.runs.fit_prior import MAX_ROUNDS
    from swissroll.runs.fit_prior import repair as write_repaired
    from swissroll.runs.run import load

    beside = folder if folder.name not in ("", "..") else folder.resolve()
    run, copy = load(folder), out or Path(f"{beside}-repaired")
    # The fit brings the bar: what is refused before it is one line alone.
    with tqdm(total=MAX_ROUNDS, desc="Fitting", unit=" rounds", disable=quiet, delay=1e-3) as bar:

        def show(rounds: int) -> None:
            if not bar.update(rounds):
                bar.refresh()

        repaired = write_repaired(run, copy, components=components, progress=show)
        bar.total = bar.n  # It converged before the most rounds.
    _report(repaired.folder, evidence=_has_evidence(folder), quiet=quiet)
    return 0


app.command(sweep)


@app.command
def selftest() -> int:
    """Compute known answers, a line each, in under a minute; the exit code is 1 if any is wrong."""
    from swissroll.selftest import selftest as found_all

    return 0 if found_all(lambda line: print(line, flush=True)) else 1


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    # Imports make hundreds of thousands of objects that stay; looking through them for garbage took 0.5 s of a run.
    gc.set_threshold(100_000, 20, 100)
    with suppress(ValueError):  # Batch systems end with it: leave nothing half-written. Only a main thread may say so.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    """Run a command; returns the exit code."""
    try:
        status = app(arguments, exit_on_error=False, print_error=False)
    except KeyboardInterrupt:
        command = (sys.argv[1:] if arguments is None else arguments)[:1]
        print(" ".join(["swissroll: stopped.", *(AFTER_STOP[c] for c in command if c in AFTER_STOP)]), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return DIVERGED
    except Exception as error:
        told = _explain(error)
        if told is None:
            raise
        return _complain(*told)
    return status if isinstance(status, int) else 0


def _explain(error: Exception) -> tuple[str, str] | None:
    """What was wrong, and what helps; None for a defect of this program, which needs its traceback."""
    if isinstance(error, CycloptsError):
        return UNUSED.sub(r"the command takes no \1; leave that out.", str(error)), ""
    if isinstance(error, OSError):
        reason = f"{error.filename or 'file'}: {error.strerror or error}."
        return reason, "Check that it may be read and written, and that the disk has room."
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _ran_out_of_memory(error)):
        return "not enough memory.", "Make the network or the batch smaller."
    if isinstance(error, FixableError):
        return error.reason, fix_line(error)
    if isinstance(error, ValueError):
        return str(error), ""
    return None


def _complain(reason: str, fix: str = "") -> int:
    """Say in one line what was wrong and what helps; a command in it stays whole."""
    line = LONG_WORD.sub(r"\1...\2", " ".join(reason.split()))
    advice = " ".join(fix.splitlines())
    print(f"swissroll: {line} {advice}".rstrip(), file=sys.stderr)
    return BAD_INPUT


def _ran_out_of_memory(error: RuntimeError) -> bool:
    return "alloc" in str(error) or "out of memory" in str(error).lower()


def _create(folder: Path | None, config: Config) -> Run:
    from swissroll.runs.files import FolderTakenError
    from swissroll.runs.run import create
    from swissroll.training.build import choose_device, xla_is_here, xla_pays

    faster = config.engine == "auto" and xla_pays(config) and not xla_is_here()
    if faster and choose_device(config.device).type == "cpu":
        note("with JAX this run is faster: pip install 'swissroll[xla]'.")
    if folder is not None:
        return create(folder, config)
    while True:  # Another process may take the same number first.
        with suppress(FolderTakenError):
            return create(next_folder(Path("runs")), config)


def train_run(run: Run, *, quiet: bool, stream: TextIO | None = None) -> int:
    """Train to the end, or to Ctrl-C, or to a number that is not finite; returns the exit code.

    Args:
        run: A run's folder, as :func:`swissroll.runs.run.create` makes it.
        quiet: Show no bar.
        stream: Where the bar goes; stderr by default.
    """
    from swissroll.runs.run import advance, load
    from swissroll.training.loop import DivergedError

    bar, problem = None, ""
    with _stop_on_interrupt() as stopping:
        try:
            with closing(advance(run)) as records:
                for record in records:
                    bar = bar or _bar(run, record.step - 1, stream, quiet=quiet)
                    _show(bar, record)
                    if stopping:
                        break
        except DivergedError as error:
            problem = str(error)
        finally:
            if bar:
                bar.close()
    if problem:
        print(f"swissroll: {problem}", file=sys.stderr)
        return DIVERGED
    if stopping and load(run.folder).status != "finished":
        print("Stopped. Drawing what there is; Ctrl-C again leaves that out.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _bar(run: Run, done: int, stream: TextIO | None, *, quiet: bool) -> Any:
    from tqdm.auto import tqdm

    stream = stream or sys.stderr
    often = 0.1 if stream.isatty() else 2.0
    return tqdm(
        initial=done,
        total=run.config.steps,
        desc="Training",
        unit=" steps",
        mininterval=often,
        disable=quiet,
        file=stream,
    )


def _show(bar: Any, record: Record) -> None:
    """Bring the bar to a record; its text is made only when the bar is about to be drawn."""
    if bar.disable:
        return
    if bar.n - bar.last_print_n + 1 >= bar.miniters and time() - bar.last_print_t >= bar.mininterval:
        terms = record.train
        text = f"loss {terms.loss:.4f}, rate {terms.rate:.2f}, distortion {terms.distortion:.2f}"
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


def _report(folder: Path, *, evidence: bool = False, tables: bool = False, quiet: bool) -> None:
    """Measure a run, write metrics.json and the report, print what it came to, and say what to do next."""
    from tqdm.auto import tqdm

    from swissroll.evaluation.metrics import PARTS
    from swissroll.report.figures import available
    from swissroll.report.page import require_writable, summarize, write_metrics, write_report
    from swissroll.report.scene import Scene
    from swissroll.runs.examine import examine
    from swissroll.runs.run import load

    run = load(folder)
    run.require_whole()
    require_writable(run.folder)
    figures = available(Scene.of_run(run))
    with tqdm(total=len(PARTS) + len(figures) + 1, desc="Measuring", unit=" parts", disable=quiet) as bar:
        examined = examine(run, evidence=evidence, progress=lambda _: bar.update())
        bar.update(len(PARTS) - bar.n)
        write_metrics(run, examined)
        bar.set_description("Drawing")
        path = write_report(run, examined, progress=lambda _: bar.update())
    metrics, diagnosis = examined
    _print_pairs([*summarize(run).rows(), ("diagnosis", diagnosis.name)])
    if tables and metrics is not None:
        _print_tables(metrics)
    print(f"\n{diagnosis.name}: {diagnosis.evidence}.\nto try: {diagnosis.advice}\n\nreport: {path}")


def _say_unfinished(folder: Path) -> None:
    """Name the command that goes on with a run that was stopped, was killed, or lost its end."""
    from swissroll.runs.run import load

    run = load(folder)
    if run.status in ("stopped", "unfinished"):
        lost = run.step == run.config.steps and not (folder / "model.safetensors").exists()
        why = "its model.safetensors is gone" if lost else "it is not finished"
        told = f"measured after {run.step:,} of {run.config.steps:,} steps; {why}"
        print(f"{told}; go on with: swissroll train --resume {folder}")


def _has_evidence(folder: Path) -> bool:
    """Whether the run was evaluated before, so that its report keeps what it showed."""
    try:
        found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return bool(found["metrics"]["evidence"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _print_tables(metrics: Metrics) -> None:
    from swissroll.evaluation.tables import GENERATED_HEAD, MODEL_HEAD, generated_rows, model_rows, text

    print(f"\n{text(MODEL_HEAD, model_rows(metrics))}\n\n{text(GENERATED_HEAD, generated_rows(metrics))}")


def _print_pairs(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name:<{width}}  {value:>10}" for name, value in rows))


if __name__ == "__main__":
    main()
