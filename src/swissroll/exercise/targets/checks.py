"""The checks of the two tasks, as tools that grade by exceptions want them."""

from __future__ import annotations

from swissroll.exercise.notebooks import Cell
from swissroll.exercise.questions import QUESTIONS

TASK_PARTS = {"task-1": ("reparameterize", "heads", "forward"), "task-2": ("kl", "error", "objective")}
"""Parts of a solution that each check asks about."""
TASK_POINTS = {
    task: round(sum(question.points for question in QUESTIONS if question.part in parts))
    for task, parts in TASK_PARTS.items()
}
"""What each task is worth. These tools give the points of a check all or none."""


def raising_check(cell: Cell) -> str:
    """The code of a check that raises an exception unless all of it is passed.

    Args:
        cell: A check of the source: one call.
    """
    # Imported here, so that no function called 'check' in a submission takes its place.
    return f"from swissroll import check\n\n{cell.source}.raise_if_failed()"
