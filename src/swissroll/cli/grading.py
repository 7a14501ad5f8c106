"""The commands ``exercise check``, ``grade`` and ``rubric``: one solution, a class, and what is worth how much."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from swissroll import checks
from swissroll.cli.terminal import CommandError, Json, Quiet, note
from swissroll.report.shell import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from swissroll.exercise.grading import HandIn, Outcome
    from swissroll.exercise.rubric import Rubric

FAILED = 1
MAX_WORKERS = 64
SHOWN_MISTAKES = 10


def check(file: Path, /, *, as_json: Json = False) -> int:
    """Check a solution of the exercise, a notebook or a Python file, and say what is wrong with it, if anything.

    Its imports, functions, classes and constants are run in a process of its own; the rest of it is not. The exit code
    is 0 if all was checked and is right, and 1 otherwise.

    Parameters
    ----------
    file
        The .ipynb or .py file.
    as_json
        Print all that was found, as JSON.
    """
    from swissroll.exercise.submission import read_submission
    from swissroll.exercise.warm_process import Sandbox

    submission = read_submission(file)
    with _sandbox_errors(), Sandbox() as sandbox:
        sandbox.begin()  # It imports PyTorch while this process does.
        from swissroll.exercise.checking import check_subject
        from swissroll.exercise.sandbox import SandboxedSubject

        with SandboxedSubject(submission, sandbox) as subject:
            result = check_subject(subject)
            notes = [*submission.notes, *subject.problems]

    if as_json:
        print(json.dumps(result.to_json() | {"notes": notes}, indent=1))
    else:
        for one in notes:
            note(one)
        print(result)
    return 0 if result.passed and result.complete else FAILED


def grade(
    folder: Path,
    /,
    *,
    rubric: Path | None = None,
    out: Path = Path("grades.csv"),
    workers: int | None = None,
    gradescope: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Check all submissions in a folder, and write a table of points, pages to hand back, and a page of the class.

    The folder holds one .ipynb or .py file, or one folder, for each student. The same command goes on where it was
    stopped.

    Parameters
    ----------
    folder
        The folder of the submissions.
    rubric
        TOML file with the points; 'swissroll exercise rubric' prints one to edit.
    out
        The table of points; what else is written goes to a folder of the same name beside it.
    workers
        Number of processes; by default one for each core.
    gradescope
        Take the folder for that of one student, and write only this file: the results.json of Gradescope.
    """
    from swissroll.exercise.misconceptions import BY_ID
    from swissroll.exercise.rubric import Rubric, read_rubric

    read = Rubric() if rubric is None else read_rubric(rubric, BY_ID)
    if gradescope is not None:
        return _grade_one(folder, read, gradescope)
    if out.is_dir():
        raise CommandError(f"{out} is a folder.", "Name a file for the table: --out grades.csv")
    if not out.suffix:
        raise CommandError(
            f"{out} has no ending.", f"Name a file for the table: --out {quote(out.with_suffix('.csv'))}"
        )
    if out.with_suffix("").resolve() == folder.resolve():
        # What lies beside the table would be taken for a student when the grading goes on.
        raise CommandError(
            f"{out}: its pages would lie among the submissions.", "Name the table otherwise: --out grades.csv"
        )
    return _grade_class(folder, read, out, _number_of_workers(workers), quiet=quiet)


def rubric() -> int:
    """Print the default rubric, a TOML file to edit: swissroll exercise rubric > rubric.toml"""  # noqa: D415
    from swissroll.exercise.rubric import default_text

    print(default_text(), end="")
    return 0


def _number_of_workers(workers: int | None) -> int:
    if workers is not None:
        checks.whole("--workers", workers, 1, MAX_WORKERS)
        return workers
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return min(cores, MAX_WORKERS)


def _grade_one(folder: Path, rubric: Rubric, path: Path) -> int:
    """Write the results.json of one student."""
    from swissroll.exercise.gradescope import results_json
    from swissroll.exercise.grading import check_file, count_points, find_hand_in
    from swissroll.exercise.warm_process import Sandbox
    from swissroll.runs.files import replace_file

    if not folder.is_dir():
        raise ValueError(f"{folder}: is not a folder. Name the one that the submission lies in.")
    hand_in = find_hand_in(folder)
    _require_writable(path.parent)
    with _sandbox_errors(), Sandbox() as sandbox:
        found = check_file(hand_in.path, sandbox)
    found["notes"] = [*hand_in.notes, *found["notes"]]

    outcome = count_points(found, rubric, student=hand_in.student)
    replace_file(path, results_json(outcome).encode())
    print(f"{outcome.total:g} of {rubric.total:g} points")
    print(path)
    return 0


def _grade_class(folder: Path, rubric: Rubric, out: Path, workers: int, *, quiet: bool) -> int:
    from swissroll.exercise.grading import check_all, find_hand_ins, read_outcomes

    hand_ins = find_hand_ins(folder)
    beside = out.with_suffix("")
    for place in (out.parent, beside / "found", beside / "pages"):
        _require_writable(place)
    began = monotonic()
    with _sandbox_errors(), _progress(hand_ins, quiet=quiet) as show:
        checked = check_all(hand_ins, beside / "found", workers, show)
    seconds = monotonic() - began

    outcomes = read_outcomes(hand_ins, beside / "found", rubric)
    _write(outcomes, rubric, out, beside)
    print(_summary(outcomes))
    if checked and not quiet:
        print(f"{seconds / checked:.2f} s per submission, with {workers} processes", file=sys.stderr)
    for path in (out, beside / "canvas.csv", beside / "moodle.csv", beside / "pages", beside / "class.html"):
        print(path)
    return 0


def _require_writable(folder: Path) -> None:
    """Make a folder that results go to, and try it, before time is spent on the results."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"{folder}: nothing can be written there ({error.strerror}), so nothing was checked."
        raise CommandError(reason, "Name a place for the results that you may write to.") from None


def _write(outcomes: list[Outcome], rubric: Rubric, out: Path, beside: Path) -> None:
    from swissroll.exercise.class_page import render_class
    from swissroll.exercise.gradebook import canvas_csv, grades_csv, moodle_csv
    from swissroll.exercise.student_page import render_student
    from swissroll.runs.files import replace_file

    for one in outcomes:
        replace_file(beside / "pages" / f"{one.key}.html", _encode(render_student(one)), durable=False)
    replace_file(beside / "canvas.csv", _encode(canvas_csv(outcomes, rubric)))
    replace_file(beside / "moodle.csv", _encode(moodle_csv(outcomes, rubric)))
    replace_file(beside / "class.html", _encode(render_class(outcomes)))
    replace_file(out, _encode(grades_csv(outcomes)))


def _encode(text: str) -> bytes:
    """A file's name may hold bytes that no encoding knows."""
    return text.encode(errors="backslashreplace")


def _summary(outcomes: list[Outcome]) -> str:
    """How the class did, in a few lines."""
    from collections import Counter

    whole = sum(one.all_passed for one in outcomes)
    stopped = sum(bool(one.stops) or not one.check for one in outcomes)
    head = "1 submission" if len(outcomes) == 1 else f"{len(outcomes)} submissions"
    lines = [f"{head}: {whole} passed all checks, {len(outcomes) - whole} did not"]
    if stopped:
        lines.append(f"{stopped} of these could not be read, or had to be stopped: the column 'notes' says why")
    counts: Counter[str] = Counter()
    for one in outcomes:
        counts.update(found["id"] for found in one.misconceptions)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines += [f"{count:5d}  {identity}" for identity, count in ordered[:SHOWN_MISTAKES]]
    return "\n".join(lines)


@contextmanager
def _progress(hand_ins: list[HandIn], *, quiet: bool) -> Iterator[Callable[[int], object]]:
    from tqdm.auto import tqdm

    with tqdm(total=len(hand_ins), desc="Grading", unit=" submissions", disable=quiet, file=sys.stderr) as bar:
        yield bar.update


@contextmanager
def _sandbox_errors() -> Iterator[None]:
    """Tell in one line that nothing can be run here."""
    from swissroll.exercise.warm_process import SandboxError

    try:
        yield
    except SandboxError as error:
        raise CommandError(f"{error}.", "Give the same command again to go on.") from None
