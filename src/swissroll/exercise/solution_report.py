"""What a report says of a run with somebody's solution: what the checker found, and the right run beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from swissroll.evaluation.evaluation import Evaluation
from swissroll.evaluation.uncertainty import with_error
from swissroll.exercise.checking import CheckResult, check_subject
from swissroll.exercise.side_by_side import Side, draw_side_by_side
from swissroll.exercise.solution_run import SolutionRun
from swissroll.exercise.subject import LocalSubject
from swissroll.report.html import template, vector_uri
from swissroll.report.scene import Scene
from swissroll.report.style import house_style
from swissroll.runs.evaluate import evaluate
from swissroll.runs.run import Run


@dataclass(frozen=True)
class Comparison:
    """A run with a solution, what the checker says of its code, and the right run.

    Attributes:
        run: The run.
        evaluation: What its model is worth.
        right: The right run; None where it has no weights yet.
        right_evaluation: What the right model is worth.
        result: What the checker found.
    """

    run: SolutionRun
    evaluation: Evaluation
    right: Run | None
    right_evaluation: Evaluation | None
    result: CheckResult

    @cached_property
    def sides(self) -> list[Side]:
        """The solution's run, and the right one."""
        sides = [_side("this solution", self.run, self.evaluation)]
        if self.right is not None and self.right_evaluation is not None:
            sides.append(_side("the right run", self.right, self.right_evaluation))
        return sides

    @property
    def evaluations(self) -> list[Evaluation]:
        """What the models of both sides are worth."""
        return [self.evaluation] if self.right_evaluation is None else [self.evaluation, self.right_evaluation]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Names and numbers, one for each side."""
        return [
            ("nats above the bound", *(side.above for side in self.sides)),
            ("squared error of posterior means", *map(_error, self.evaluations)),
            ("KL from the prior [nats]", *map(_rate, self.evaluations)),
        ]

    def __str__(self) -> str:
        head = ("", *(side.name for side in self.sides))
        widths = [max(len(row[place]) for row in (head, *self.rows)) for place in range(len(head))]
        lines = []
        for row in (head, *self.rows):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([*lines, "", "What the checker says of the code:", str(self.result)])

    def to_html(self) -> str:
        """A section for the report."""
        with house_style():
            picture = vector_uri(draw_side_by_side(self.sides))
        return template("solution.html").render(comparison=self, picture=picture)


def compare(run: SolutionRun, evaluation: Evaluation) -> Comparison:
    """Check the code of a run's solution, and measure the right run, as far as it is trained.

    Args:
        run: The run.
        evaluation: What its model is worth.
    """
    result = check_subject(LocalSubject(run.solution.found))
    right = run.right
    trained = right.status in ("finished", "stopped", "diverged")
    return Comparison(run, evaluation, right if trained else None, evaluate(right) if trained else None, result)


def _side(name: str, run: Run, evaluation: Evaluation) -> Side:
    evidence = None if evaluation.metrics is None else evaluation.metrics.evidence
    return Side(name=name, scene=Scene.of_run(run), evidence=evidence)


def _error(evaluation: Evaluation) -> str:
    if evaluation.metrics is None:
        return "-"
    found = evaluation.metrics.reconstruction
    return with_error(found.posterior_mean_mse, found.posterior_mean_mse_se)


def _rate(evaluation: Evaluation) -> str:
    if evaluation.metrics is None:
        return "-"
    return with_error(evaluation.metrics.latent.rate, evaluation.metrics.latent.rate_se)
