"""The ``swissroll`` command: parses, calls, prints. Results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import gc
import logging
import os
import re
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from cyclopts import App, Argument, ArgumentCollection, CycloptsError, Group, MissingArgumentError
from cyclopts.config import Dict

from swissroll import checks
from swissroll.cli.data import data
from swissroll.cli.exercise import exercise
from swissroll.cli.export import export
from swissroll.cli.figures import figures
from swissroll.cli.lab import lab
from swissroll.cli.lint import lint
from swissroll.cli.missing import say_missing
from swissroll.cli.runs import evaluate, repair, report
from swissroll.cli.streams import STANDARD_OUTPUT, drop_output, flush_output, prepare_streams
from swissroll.cli.sweep import sweep
from swissroll.cli.terminal import (
    BAD_INPUT,
    BROKEN_PIPE,
    INTERRUPTED,
    fix_line,
    note_origin,
    note_versions,
    without_refit,
)
from swissroll.cli.train import train
from swissroll.cli.use import encode, reconstruct, sample, score
from swissroll.config import PRESETS, read_values, versions
from swissroll.errors import FixableError

LONG_WORD = re.compile(r"(\S{100})\S{60,}(\S{40})")
"""A name that would push what follows it out of sight."""
UNUSED = re.compile(r"^Unused Tokens: \[(.*)\]\.?$", re.DOTALL)
WHOLE_NUMBER = re.compile(r"[+-]?\d{1,30}")
WIDTH = re.compile(r"[0-9]{1,9}")
MIN_WIDTH = 40
MAX_WIDTH = 500
AFTER_STOP = {
    "train": "Nothing was trained.",
    "report": "The run is as it was; the same command draws it again.",
    "figures": "The files that are there are whole; the same command writes them all again.",
    "evaluate": "The run is as it was; the same command measures it again.",
    **dict.fromkeys(("encode", "reconstruct", "sample", "score"), "No table was written."),
    "export": "The files that are there are whole; the same command with another --out writes them all.",
    "exercise grade": "What was checked is kept; the same command goes on.",
    "repair": "The run is as it was. If its copy is there, the copy is whole, and 'swissroll report' draws it.",
}
"""What Ctrl-C leaves, by command."""


def selftest() -> int:
    """Compute known answers, one per line, in under a minute; the exit code is 1 if any is wrong."""
    from swissroll.selftest import selftest as run_all

    if not run_all(lambda line: print(line, flush=True)):
        return 1
    print("Next: swissroll train")
    return 0


def _settings_from_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Take what --config or --preset says for every setting that the command line leaves open."""
    for argument in arguments:
        _refuse_empty_path(argument)
    # A sweep's settings are lists, which it reads itself.
    if commands == ("sweep",):
        return
    for argument in arguments:
        _refuse_fractions(argument)

    given = {argument.name: argument.tokens[0].value for argument in arguments if argument.tokens}
    others = sorted(given.keys() - {"--resume", "--quiet"})
    if "--resume" in given and others:
        raise ValueError(f"--resume goes on with the run's own settings; leave out {', '.join(others)}.")
    if "--config" in given and "--preset" in given:
        raise ValueError("--config and --preset both choose settings; leave out one of them.")

    for name in ("--dataset", "--noise"):
        if "--data" in given and name in given:
            raise ValueError(f"--data and {name} both say where points come from; leave out one of them.")
    if "--config" in given:
        values = _read_settings(Path(given["--config"]))
    else:
        values = PRESETS.get(given.get("--preset", "notebook"), {})
    names_no_mixture = given.get("--components", "").strip("+-0") == "" and "--components" in given
    if names_no_mixture and "--refit-prior" not in given:
        values = without_refit(values)
    Dict(values, use_commands_as_keys=False)(app, commands, arguments)


def _refuse_empty_path(argument: Argument) -> None:
    is_path = argument.hint in (Path, Path | None)
    if is_path and any(not token.value.strip() for token in argument.tokens):
        raise ValueError(f"{argument.name.lower()} is empty; name a path.")


def _refuse_fractions(argument: Argument) -> None:
    """Cyclopts would round 2.4 to 2 where a whole number is asked for."""
    is_whole = argument.hint in (int, int | None)
    for token in argument.tokens:
        if is_whole and not WHOLE_NUMBER.fullmatch(token.value):
            raise ValueError(f"{argument.name} must be a whole number; got {checks.short(token.value)}.")


def _read_settings(path: Path) -> dict[str, Any]:
    values, recorded = read_values(path)
    note_versions(path, recorded)
    note_origin(path)
    return values


# In this order: help sorts groups by their names otherwise.
GROUPS: dict[Group, tuple[Any, ...]] = {
    Group.create_ordered("Train and judge"): (train, report, evaluate, figures, repair, sweep),
    Group.create_ordered("Use a trained run"): (encode, reconstruct, sample, score, export),
    Group.create_ordered("Data, the lab and the exercise"): (data, lab, exercise, lint, selftest),
}
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
for title, commands in GROUPS.items():
    for command in commands:
        if isinstance(command, App):
            command.group = title
            app.command(command)
        else:
            app.command(command, group=title)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    # Imports make hundreds of thousands of objects that stay; looking through them for garbage took 0.5 s of a run.
    gc.set_threshold(100_000, 20, 100)

    # Batch systems end a job with it: leave nothing half-written. Only a main thread may set it.
    with suppress(ValueError):
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

    # Files are all that is drawn: a user's backend, which may not be on this machine, is never loaded.
    os.environ["MPLBACKEND"] = "agg"
    # Where its folder cannot be written, it takes another one, and says so in three lines.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    prepare_streams()
    _bound_width()
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _bound_width() -> None:
    """Give the help a width of 40 to 500: Rich wraps for ever where a word has no room, and pads lines to any width."""
    told = os.environ.get("COLUMNS")
    width = int(told) if told and WIDTH.fullmatch(told) else shutil.get_terminal_size().columns
    bounded = min(max(width, MIN_WIDTH), MAX_WIDTH)
    if told not in (None, str(bounded)) or width != bounded:
        os.environ["COLUMNS"] = str(bounded)


def _run(arguments: list[str]) -> int:
    """Run a command; returns the exit code."""
    try:
        status = app(arguments, exit_on_error=False, print_error=False)
        flush_output()
    except KeyboardInterrupt:
        left = AFTER_STOP.get(" ".join(arguments[:2])) or AFTER_STOP.get(" ".join(arguments[:1]), "")
        print(f"swissroll: stopped. {left}".rstrip(), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        drop_output()
        return BROKEN_PIPE
    except SystemExit as ended:
        # Rich, which prints the help, ends so where nobody reads it.
        return BROKEN_PIPE if ended.code == 1 else _code_of(ended)
    except Exception as error:
        explanation = _explain(error)
        if explanation is None:
            raise
        _complain(*explanation)
        return BAD_INPUT
    return status if isinstance(status, int) else 0


def _code_of(ended: SystemExit) -> int:
    return ended.code if isinstance(ended.code, int) else 0


def _explain(error: Exception) -> tuple[str, str] | None:
    """What was wrong, and what helps; None for a defect of this program, which needs its traceback."""
    if isinstance(error, CycloptsError):
        return _explain_usage(error)
    if isinstance(error, OSError) and error.filename == STANDARD_OUTPUT:
        drop_output()
        return f"{STANDARD_OUTPUT}: {error.strerror}.", "What went to folders is whole."
    if isinstance(error, OSError):
        reason = f"{error.filename or 'file'}: {error.strerror or error}."
        return reason, _advise_on_file(error)
    if isinstance(error, MemoryError) or _ran_out_of_memory(error):
        return "not enough memory.", "Make the network or the batch smaller."
    if isinstance(error, FixableError):
        return error.reason, fix_line(error)
    if isinstance(error, ValueError):
        return str(error), ""
    return None


def _advise_on_file(error: OSError) -> str:
    """What helps where a file could not be read or written."""
    if isinstance(error, FileNotFoundError):
        return "Check its name, and the folder that the command runs in."
    if isinstance(error, IsADirectoryError):
        return "It is a folder: name a file."
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return "It is a file: name a folder, or a file in one."
    if isinstance(error, PermissionError):
        return "Check that it may be read and written, or name another place."
    return "Check that it may be read and written, and that the disk has room."


def _explain_usage(error: CycloptsError) -> tuple[str, str]:
    """What is wrong with the words of a command line, and what helps."""
    if isinstance(error, MissingArgumentError):
        return say_missing(error)
    return UNUSED.sub(r"the command takes no \1; leave that out.", str(error)), ""


def _ran_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("alloc" in text or "out of memory" in text)


def _complain(reason: str, fix: str) -> None:
    """Say in one line what was wrong and what helps; a command in it stays whole."""
    line = checks.bounded(LONG_WORD.sub(r"\1...\2", " ".join(reason.split())))
    print(f"swissroll: {line} {fix}".rstrip(), file=sys.stderr)


if __name__ == "__main__":
    main()
