"""The commands ``report``, ``evaluate`` and ``repair``: what a trained run is worth, printed and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from swissroll.cli.terminal import FittingBar, Quiet, disk_errors_with, free_folder, note
from swissroll.config import REPAIR_COMPONENTS
from swissroll.report.commands import advice_line, resume_command
from swissroll.report.shell import quote

if TYPE_CHECKING:
    from swissroll.evaluation.evaluation import Evaluation
    from swissroll.evaluation.metrics import Metrics
    from swissroll.exercise.solution_report import Comparison
    from swissroll.runs.run import Run


def report(folder: Path, /, *, quiet: Quiet = False) -> int:
    """Draw a run's figures and write its report again.

    Parameters
    ----------
    folder
        The run's folder.
    """
    from swissroll.exercise.solution_run import open_run

    run = open_run(folder)
    with disk_errors_with(lambda: f"swissroll report {quote(folder)}"):
        report_run(run, quiet=quiet)
    _say_unfinished(run)
    return 0


def evaluate(folder: Path, /, *, quiet: Quiet = False) -> int:
    """Measure all that a run's model is worth, print it, and write the run's report again.

    Parameters
    ----------
    folder
        The run's folder; metrics.json is written there.
    """
    from swissroll.exercise.solution_run import open_run

    run = open_run(folder)
    with disk_errors_with(lambda: f"swissroll evaluate {quote(folder)}"):
        report_run(run, tables=True, quiet=quiet)
    _say_unfinished(run)
    return 0


def repair(
    folder: Path, /, *, out: Path | None = None, components: int = REPAIR_COMPONENTS, quiet: Quiet = False
) -> int:
    """Copy a run with a mixture prior fitted to its aggregate posterior, without training, and report the copy.

    Parameters
    ----------
    folder
        The run's folder; it stays as it is.
    out
        New folder for the copy; the run's own with -repaired behind it by default, or -repaired-2, ....
    components
        Gaussians in the mixture, 1 to 500.
    """
    from swissroll.runs.fit_prior import repair as write_repaired
    from swissroll.runs.run import load

    run = load(folder)
    copy = out or free_folder(Path(f"{_with_name(folder)}-repaired"))
    with FittingBar(quiet=quiet) as bar:
        repaired = write_repaired(run, copy, components=components, progress=bar)

    # The copy is whole by now.
    with disk_errors_with(lambda: f"swissroll report {quote(copy)}"):
        report_run(repaired, quiet=quiet)
    return 0


def _with_name(folder: Path) -> Path:
    """The folder as it was given, unless its last part is no name, such as '.'."""
    if folder.name in ("", ".."):
        return folder.resolve()
    return folder


def report_run(run: Run, *, tables: bool = False, quiet: bool) -> None:
    """Evaluate a run once, and show that in metrics.json, in the report and on the terminal.

    Args:
        run: A run with weights.
        tables: Print all metrics, too.
        quiet: Show no bar.
    """
    from tqdm.auto import tqdm

    from swissroll.evaluation.metrics import PARTS
    from swissroll.evaluation.tables import summary_rows
    from swissroll.report.figures import FIGURES
    from swissroll.report.page import require_writable, write_metrics, write_report
    from swissroll.runs.evaluate import evaluate as evaluate_run

    require_writable(run.folder)
    total = len(PARTS) + len(FIGURES) + 1
    # The bar appears with the first part: an error before it is one line alone.
    with tqdm(total=total, desc="Measuring", unit=" parts", disable=quiet, delay=1e-3) as bar:
        evaluation = evaluate_run(run, progress=lambda _: bar.update())
        bar.update(len(PARTS) - bar.n)
        write_metrics(run, evaluation)

        bar.set_description("Drawing")
        comparison = _comparison(run, evaluation)
        sections = [] if comparison is None else [comparison.to_html()]
        path = write_report(run, evaluation, progress=lambda _: bar.update(), sections=sections)
        # Some runs lack a figure.
        bar.update(total - bar.n)

    _print_pairs([*summary_rows(evaluation), ("diagnosis", evaluation.diagnosis.name)])
    if tables and evaluation.metrics is not None:
        _print_tables(evaluation.metrics)
    print_diagnosis(run, evaluation)
    if comparison is not None:
        print(f"\n{comparison}")
    print(f"\nreport: {path}")
    _note_held_rows(run)


def _note_held_rows(run: Run) -> None:
    """Tell that a report with the lab in it holds rows of a table."""
    from swissroll.report.lab_start import beyond_the_page
    from swissroll.report.lab_table import held_rows_sentence

    told = held_rows_sentence(run.config)
    if told and not beyond_the_page(run.config, run.network):
        note(told)


def _comparison(run: Run, evaluation: Evaluation) -> Comparison | None:
    """The right run beside one that was trained with a solution to the exercise."""
    from swissroll.exercise.solution_report import compare
    from swissroll.exercise.solution_run import SolutionRun

    return compare(run, evaluation) if isinstance(run, SolutionRun) else None


def _say_unfinished(run: Run) -> None:
    """Name the command that goes on with a run that was stopped, was killed, or lost its end."""
    from swissroll.runs.files import read_state

    if run.status not in ("stopped", "unfinished"):
        return
    why = "it is not finished"
    if read_state(run.folder).get("status") == "finished":
        why = "its model.safetensors is gone"
    done = f"measured after {run.step:,} of {run.config.steps:,} steps"
    print(f"{done}; {why}; go on with: {resume_command(run.folder)}")


def _print_pairs(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _print_tables(metrics: Metrics) -> None:
    from swissroll.evaluation.tables import (
        MODEL_HEAD,
        TABLES_NOTE,
        generated_head,
        generated_rows,
        model_rows,
        text,
    )

    print(f"\n{text(MODEL_HEAD, model_rows(metrics))}\n\n{text(generated_head(metrics), generated_rows(metrics))}")
    print(f"\n{TABLES_NOTE}")


def print_diagnosis(run: Run, evaluation: Evaluation) -> None:
    """Print what ails a run's model, and what to try where something does."""
    from swissroll.evaluation.wording import checked_text, evidence_text

    found = evaluation.diagnosis
    print(f"\n{found.name}: {evidence_text(found.evidence)}.")
    prefix = "to try: " if found.advice.is_a_try else ""
    print(f"{prefix}{advice_line(found.advice, run.folder, run.config)}")
    if found.checked:
        print(checked_text(found))
