"""Grade a folder of submissions: find them, check each in a process of its own, and keep what was found of each.

What was found of a student is one JSON file, written whole, without points: those are counted from it by a rubric. So a
grading that was killed goes on where it was, ends in the same bytes, and another rubric needs no second check.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import swissroll
from swissroll.errors import FixableError
from swissroll.exercise.evidence import Evidence, as_sentence, stops
from swissroll.exercise.misconceptions import BY_ID
from swissroll.exercise.questions import QUESTIONS
from swissroll.exercise.rubric import Rubric
from swissroll.exercise.submission import SubmissionError, read_submission
from swissroll.exercise.warm_process import Sandbox, SandboxError
from swissroll.runs.files import replace_file
from swissroll.sweep.pools import Files, LocalPool

VERSION = 1
"""Of the files that hold what was found."""
SUFFIXES = (".ipynb", ".py")
PASSED_OVER = ("__MACOSX", "__pycache__", "node_modules")
MAX_FILES_PER_STUDENT = 2000
MAX_TRIES = 3
MAX_NAME_BYTES = 80


class GradingError(FixableError):
    """A folder of submissions that cannot be graded."""


@dataclass(frozen=True)
class HandIn:
    """What one student handed in.

    Attributes:
        student: Who it is, as the file or folder is called.
        path: The file to check; None where there is none.
        notes: What there is to say of how it was found.
    """

    student: str
    path: Path | None
    notes: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """A name for this student's files: the student's own where it is one that any disk takes."""
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._@-]*", self.student) and len(self.student) <= MAX_NAME_BYTES:
            return self.student
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", self.student)[:MAX_NAME_BYTES].strip("-.")
        return f"{readable}-{_digest(self.student.encode(errors='surrogateescape'))[:10]}"


@dataclass(frozen=True)
class Outcome:
    """What was found of one student, with points.

    Attributes:
        number: A number that tells nothing of the name: the order is that of digests.
        student: Who it is.
        key: What this student's files are called.
        found: What :func:`check_file` found.
        points: Points of each question, by its id.
        rubric: What they were counted by.
    """

    number: int
    student: str
    key: str
    found: dict[str, Any]
    points: dict[str, float]
    rubric: Rubric

    @property
    def total(self) -> float:
        """All points together."""
        return round(sum(self.points.values()), 4)

    @property
    def check(self) -> dict[str, Any]:
        """What the checker said; empty where there was nothing to check."""
        return self.found["check"] or {}

    @property
    def passed(self) -> dict[str, bool | None]:
        """Whether each question was passed, by its id; None where it was not checked."""
        said = {one["law"]: one["passed"] for one in self.check.get("evidence", [])}
        return {question.id: said.get(question.id) for question in QUESTIONS}

    @property
    def all_passed(self) -> bool:
        """Whether all was checked, and all was passed."""
        return bool(self.check.get("complete")) and all(self.passed.values())

    @property
    def misconceptions(self) -> list[dict[str, Any]]:
        """The mistakes that were named."""
        return list(self.check.get("misconceptions", []))

    @property
    def evidence(self) -> list[Evidence]:
        """What each law saw."""
        values = self.check.get("evidence", [])
        return [Evidence(law=one["law"], passed=one["passed"], line=one["line"], facts=one["facts"]) for one in values]

    @property
    def stops(self) -> list[str]:
        """What kept checks from being made, a sentence each."""
        return stops(self.evidence)

    @property
    def unnamed(self) -> list[str]:
        """What no mistake that was named explains, a sentence each."""
        explained = set().union(*(one["laws"] for one in self.misconceptions))
        failed = [one for one in self.evidence if one.passed is False and one.law not in explained]
        return [*self.stops, *dict.fromkeys(as_sentence(one.line) for one in failed)]


def find_hand_ins(folder: Path) -> list[HandIn]:
    """One for each file and each folder in a folder, in the order of their names.

    Raises:
        GradingError: There is none.
    """
    if not folder.is_dir():
        raise GradingError(f"{folder}: is not a folder. Name the one that the submissions lie in.", folder=folder)
    entries = sorted(path for path in folder.iterdir() if not _is_passed_over(path))
    files = [path for path in entries if path.suffix in SUFFIXES and not path.is_dir()]
    folders = [path for path in entries if path.is_dir()]

    names = [path.stem for path in files] + [path.name for path in folders]
    found = []
    for path in files:
        student = path.name if names.count(path.stem) > 1 else path.stem
        found.append(_no_hand_in(student, path) or HandIn(student, path))
    for path in folders:
        none = _no_hand_in(path.name, path)
        if none:
            found.append(none)
            continue
        found.append(find_hand_in(path))
    if not found:
        reason = f"{folder}: holds no .ipynb or .py file, and no folder with one."
        raise GradingError(f"{reason} Put one file, or one folder, for each student there.", folder=folder)
    return sorted(found, key=lambda one: one.student)


def find_hand_in(folder: Path) -> HandIn:
    """The file to check of a student's folder: notebooks go first, and those that are called exercise."""
    found: list[Path] = []
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if number >= MAX_FILES_PER_STUDENT:
            break
        inside = path.relative_to(folder).parts
        if any(part.startswith(".") or part in PASSED_OVER for part in inside) or path.is_symlink():
            continue
        if path.is_file() and path.suffix in SUFFIXES:
            found.append(path)
    if not found:
        return HandIn(folder.name, None, ["The folder holds no .ipynb and no .py file."])

    found.sort(key=lambda path: (path.suffix != ".ipynb", "exercise" not in path.name.lower(), str(path)))
    notes = []
    if len(found) > 1:
        notes.append(f"{len(found)} files were handed in; {found[0].relative_to(folder)} was checked.")
    return HandIn(folder.name, found[0], notes)


def _no_hand_in(student: str, path: Path) -> HandIn | None:
    """What stands for a place that nothing is read from, so that nobody is lost: it may lead to anything."""
    if path.is_symlink():
        return HandIn(student, None, [f"{path.name} is a link, which is not followed. Put the file itself there."])
    if not (path.is_file() or path.is_dir()):
        return HandIn(student, None, [f"{path.name} is no ordinary file."])
    return None


def _is_passed_over(path: Path) -> bool:
    return path.name.startswith(".") or path.name in PASSED_OVER


def check_file(path: Path | None, sandbox: Sandbox) -> dict[str, Any]:
    """Check one file; whatever it holds, something is found of it.

    Args:
        path: The file; None where a student handed in none.
        sandbox: Where its code is run.

    Returns:
        Plain values: ``digest`` of the file, ``line`` where nothing could be checked and why, ``notes``, ``look_at``,
        and ``check``, which is what :meth:`swissroll.exercise.checking.CheckResult.to_json` says, or None.

    Raises:
        SandboxError: There is no process to run it in.
    """
    sandbox.begin()  # It imports PyTorch while this process does.
    from swissroll.exercise.checking import check_subject
    from swissroll.exercise.sandbox import SandboxedSubject

    found: dict[str, Any] = {
        "version": VERSION,
        "checker": swissroll.__version__,
        "digest": digest_of(path),
        "line": "",
        "notes": [],
        "look_at": [],
        "check": None,
    }
    if path is None:
        return found | {"line": "Nothing was handed in."}
    try:
        submission = read_submission(path)
    except SubmissionError as error:
        return found | {"line": str(error)}
    except OSError as error:
        return found | {"line": f"{path.name} cannot be read: {error.strerror}."}

    with SandboxedSubject(submission, sandbox) as subject:
        result = check_subject(subject)
        notes = [*submission.notes, *subject.problems]
    return found | {"notes": notes, "look_at": submission.look_at, "check": result.to_json()}


def check_hand_ins(orders: list[dict[str, Any]]) -> list[Files]:
    """What a worker process does: check files; returns the bytes that are to be kept of each."""
    _worker_sandbox().begin()
    import torch

    torch.set_num_threads(1)
    kept = []
    for order in orders:
        path = None if order["path"] is None else Path(order["path"])
        try:
            found = check_file(path, _worker_sandbox())
        except SandboxError:
            # Once more, with a new warm process: the last may have been killed.
            found = check_file(path, _worker_sandbox())
        found["notes"] = [*order["notes"], *found["notes"]]
        kept.append({"found.json": _to_bytes(found)})
    return kept


_SANDBOXES: list[Sandbox] = []


def _worker_sandbox() -> Sandbox:
    """The warm process of this worker, which lives as long as the worker."""
    if not _SANDBOXES:
        _SANDBOXES.append(Sandbox())
    return _SANDBOXES[0]


def digest_of(path: Path | None) -> str:
    """The SHA-256 of a file's bytes; empty where there is none or it cannot be read."""
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def check_all(
    hand_ins: list[HandIn], folder: Path, workers: int, progress: Callable[[int], object] = lambda _: None
) -> int:
    """Check every hand-in of which nothing is kept yet, in several processes.

    Args:
        hand_ins: What was handed in.
        folder: Where what is found is kept, one JSON file a student.
        workers: Number of processes.
        progress: Called with the number of hand-ins that are done since the last call.

    Returns:
        How many were checked now.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)  # A kill left it.
    waiting = [one for one in hand_ins if not is_kept(one, folder)]
    progress(len(hand_ins) - len(waiting))
    if not waiting:
        return 0

    pool = LocalPool(min(workers, len(waiting)), check_hand_ins)
    ended = False
    try:
        for hand_in, data in _check_in_pool(pool, waiting):
            replace_file(folder / f"{hand_in.key}.json", data)
            progress(1)
        ended = True
    finally:
        pool.close(now=not ended)
    return len(waiting)


def _check_in_pool(pool: LocalPool, hand_ins: list[HandIn]) -> Iterator[tuple[HandIn, bytes]]:
    """Check hand-ins, and yield each with its bytes as it is done."""
    waiting = [(one, 1) for one in reversed(hand_ins)]
    running: dict[Future[list[Files]], tuple[HandIn, int]] = {}
    while waiting or running:
        while waiting and len(running) < pool.max_in_flight():
            hand_in, tries = waiting.pop()
            order = {"path": None if hand_in.path is None else str(hand_in.path), "notes": hand_in.notes}
            running[pool.submit([order])] = (hand_in, tries)

        for future in wait(running, return_when=FIRST_COMPLETED).done:
            hand_in, tries = running.pop(future)
            error = future.exception()
            if error is None:
                yield hand_in, future.result()[0]["found.json"]
            elif pool.worker_died(error) and tries < MAX_TRIES:
                waiting.append((hand_in, tries + 1))
            elif isinstance(error, OSError | SandboxError):
                raise error
            else:
                yield hand_in, _to_bytes(_not_checked(hand_in, error))


def _not_checked(hand_in: HandIn, error: BaseException) -> dict[str, Any]:
    """What is kept where the checker itself failed: nobody else's grade is lost for it."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return {
        "version": VERSION,
        "checker": swissroll.__version__,
        "digest": digest_of(hand_in.path),
        "line": f"The checker failed on this file ({reason}). Look at it yourself.",
        "notes": hand_in.notes,
        "look_at": [],
        "check": None,
    }


def is_kept(hand_in: HandIn, folder: Path) -> bool:
    """Whether what this version of the checker finds of this very file is on disk."""
    try:
        found = json.loads((folder / f"{hand_in.key}.json").read_bytes())
        return (found["version"], found["checker"], found["digest"]) == (
            VERSION, swissroll.__version__, digest_of(hand_in.path),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_outcomes(hand_ins: list[HandIn], folder: Path, rubric: Rubric) -> list[Outcome]:
    """Read what is kept of each, and count points; in the order of the students' names."""
    by_digest = sorted(hand_ins, key=lambda one: _digest(one.student.encode(errors="surrogateescape")))
    numbers = {one.student: number for number, one in enumerate(by_digest, 1)}
    outcomes = []
    for one in hand_ins:
        found = json.loads((folder / f"{one.key}.json").read_bytes())
        outcomes.append(count_points(found, rubric, number=numbers[one.student], student=one.student, key=one.key))
    return outcomes


def count_points(
    found: dict[str, Any], rubric: Rubric, *, number: int = 1, student: str = "", key: str = ""
) -> Outcome:
    """Count the points of what was found of one student."""
    check = found["check"] or {}
    said = {one["law"]: one["passed"] for one in check.get("evidence", [])}
    points = {}
    for question in QUESTIONS:
        reasons = explaining(question.id, check.get("misconceptions", []))
        points[question.id] = rubric.score(question.id, said.get(question.id), [one["id"] for one in reasons])
    return Outcome(number, student, key, found, points, rubric)


def explaining(question: str, misconceptions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The named mistakes that explain why a question failed."""
    return [one for one in misconceptions if question in one.get("laws", [])]


def close_second(named: dict[str, Any]) -> str:
    """The name of a mistake that is about as probable as the one that was named; empty where there is none."""
    other = BY_ID.get(str(named.get("runner_up")))
    return "" if other is None else other.name


def _to_bytes(found: dict[str, Any]) -> bytes:
    return json.dumps(found, indent=1, sort_keys=True).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
