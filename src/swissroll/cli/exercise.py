"""The commands ``exercise new`` and ``exercise build``: the exercise as notebooks, and as an autograder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cyclopts import App

from swissroll.cli.grading import check, grade, rubric
from swissroll.cli.terminal import CommandError
from swissroll.report.shell import quote

Target = Literal["plain", "solution", "nbgrader", "otter"]

exercise = App(name="exercise", help="Hand out the exercise, check a solution, grade submissions.")
for command in (check, grade, rubric):
    exercise.command(command)


@exercise.command
def new(folder: Path = Path(), /, *, target: Target = "plain") -> int:
    """Write the exercise as a notebook: for students, with its solution, or for a grading tool.

    Parameters
    ----------
    folder
        Where it goes; it is made where it is not there.
    target
        plain is the student's notebook, solution the instructor's. nbgrader and otter are the source notebooks from
        which those tools make the student's version.
    """
    from swissroll.exercise.notebooks import notebook_bytes, read_cells, source_text
    from swissroll.exercise.targets.nbgrader import make_nbgrader
    from swissroll.exercise.targets.otter import make_otter
    from swissroll.exercise.targets.people import make_plain, make_solution
    from swissroll.runs.files import replace_file

    makers = {"plain": make_plain, "solution": make_solution, "nbgrader": make_nbgrader, "otter": make_otter}
    path = folder / PLACES[target]
    if path.exists():
        advice = f"Move it away, or name another folder: swissroll exercise new FOLDER --target {target}"
        raise CommandError(f"{path} already exists.", advice)

    made = makers[target](read_cells(source_text()))
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, notebook_bytes(made))
    print(f"{path}\n\nNext: {_next_step(target, folder, path)}")
    return 0


PLACES = {
    "plain": "exercise.ipynb",
    "solution": "solution.ipynb",
    "nbgrader": "source/exercise/exercise.ipynb",
    "otter": "exercise.ipynb",
}
"""Where each notebook goes in the folder; nbgrader wants it in folders of its course and its assignment."""


def _next_step(target: Target, folder: Path, path: Path) -> str:
    if target == "nbgrader":
        return f"cd {quote(folder)} && nbgrader generate_assignment exercise"
    if target == "otter":
        return f"otter assign {quote(path)} {quote(folder / 'dist')}"
    if target == "solution":
        return f"jupyter lab {quote(path)}"
    return f"open {quote(path)} in Jupyter. To check it: swissroll exercise check {quote(path)}"


@exercise.command
def build(*, target: Literal["gradescope"], out: Path = Path("gradescope.zip"), rubric: Path | None = None) -> int:
    """Build what a grading service runs.

    Parameters
    ----------
    target
        gradescope is a zip archive with setup.sh and run_autograder, and a copy of this package.
    out
        The archive.
    rubric
        A file of points for each check, which goes into the archive; the default points without one.
    """
    from swissroll.exercise.targets.autograder import autograder_bytes
    from swissroll.runs.files import replace_file

    out.parent.mkdir(parents=True, exist_ok=True)
    makers = {"gradescope": autograder_bytes}
    replace_file(out, makers[target](rubric))
    print(f"{out}\n\nNext: in Gradescope, make a programming assignment and upload {quote(out)} as its autograder.")
    return 0
