"""Tables of points: one row a student, for a person, for Canvas and for Moodle."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from io import StringIO

from swissroll.exercise.grading import Outcome
from swissroll.exercise.questions import QUESTIONS
from swissroll.exercise.rubric import Rubric

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""A cell that begins so may be run as a formula by a spreadsheet.

Source: OWASP, CSV injection.
"""
CANVAS_FILE = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_\d+_.+")
"""How Canvas names the files of a download of all submissions: name, the student's id, the submission's, the file."""
MOODLE_FOLDER = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?.*")
"""How Moodle names the folders of such a download: name, the participant's number."""


def grades_csv(outcomes: list[Outcome]) -> str:
    """All that is known of each student, one row each."""
    head = ["number", "student", "total", "out_of", "all_checked", "all_passed"]
    head += [question.id for question in QUESTIONS]
    rows = [[*head, "misconceptions", "look_at", "notes"]]
    for one in outcomes:
        notes = [one.found["line"], *one.found["notes"], *one.stops]
        rows.append([
            str(one.number),
            one.student,
            f"{one.total:g}",
            f"{one.rubric.total:g}",
            _word(bool(one.check.get("complete"))),
            _word(one.all_passed),
            *(f"{one.points[question.id]:g}" for question in QUESTIONS),
            " ".join(found["id"] for found in one.misconceptions),
            " ".join(one.found["look_at"]),
            " ".join(note for note in notes if note),
        ])  # fmt: skip
    return write_csv(rows)


def canvas_csv(outcomes: list[Outcome], rubric: Rubric) -> str:
    """What Canvas's gradebook imports: its head, the row of points possible, and one row a student.

    A student is found by the id in the name of a downloaded file, or by what the file is called as login.
    """
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", rubric.title],
        ["    Points Possible", "", "", "", "", f"{rubric.total:g}"],
    ]
    for one in outcomes:
        found = CANVAS_FILE.fullmatch(one.student)
        name, number, login = (found["name"], found["id"], "") if found else (one.student, "", one.student)
        rows.append([name, number, "", login, "", f"{one.total:g}"])
    return write_csv(rows)


def moodle_csv(outcomes: list[Outcome], rubric: Rubric) -> str:
    """What Moodle imports: an assignment's grading worksheet, or a file of grades with its columns mapped."""
    rows = [["Identifier", "Full name", "ID number", "Grade", "Maximum grade", "Feedback comments"]]
    for one in outcomes:
        found = MOODLE_FOLDER.fullmatch(one.student)
        identifier = f"Participant {found['id']}" if found else ""
        name = found["name"] if found else one.student
        number = "" if found else one.student
        rows.append([identifier, name, number, f"{one.total:g}", f"{rubric.total:g}", feedback(one)])
    return write_csv(rows)


def feedback(outcome: Outcome) -> str:
    """What a student is told in a gradebook: a few sentences."""
    if outcome.found["line"]:
        return str(outcome.found["line"])
    if outcome.all_passed:
        return "All checks passed."

    sentences = [f"{one['name']}: {one['hint']}" for one in outcome.misconceptions]
    passed = sum(value is True for value in outcome.passed.values())
    return " ".join([f"{passed} of {len(QUESTIONS)} checks passed.", *outcome.unnamed, *sentences])


def write_csv(rows: Iterable[list[str]]) -> str:
    """Rows as a CSV text, in which no cell is a formula."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([defuse(cell) for cell in row])
    return text.getvalue()


def defuse(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe goes in front of what could be one."""
    printable = "".join(character if character.isprintable() else " " for character in cell)
    is_formula = cell.lstrip(" ").startswith(DANGEROUS) or printable.lstrip(" ").startswith(DANGEROUS)
    return f"'{printable}" if is_formula else printable


def _word(value: bool) -> str:
    return "yes" if value else "no"
