"""The exercise runs in a notebook: as it is handed out up to what is to do, and solved to its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from swissroll.exercise.notebooks import notebook_bytes, read_cells, source_text
from swissroll.exercise.targets.people import make_plain, make_solution
from tests.kernels import add_kernel, run_notebook

CELLS = read_cells(source_text())
KERNELS = {"here": "", "without-swissroll": "import sys; sys.modules['swissroll'] = None"}
# A twentieth of the steps: all trainings of the solution take four minutes of one core.
QUICK = {"SWISSROLL_QUICK": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
# The data, the loss, reconstructions, decoded latents, and one of each experiment.
PICTURES = 8
Run = Callable[..., tuple[Any, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a notebook until a cell fails; returns its code cells and how that one failed."""
    folder = tmp_path_factory.mktemp("jupyter")
    for kernel, line in KERNELS.items():
        add_kernel(folder, kernel, QUICK, [line] if line else [])

    def run(made: dict[str, Any], kernel: str = "here") -> tuple[Any, str]:
        notebook = nbformat.reads(notebook_bytes(made).decode(), as_version=4)  # type: ignore[no-untyped-call]
        try:
            run_notebook(notebook, folder, kernel, allow_errors=False)
        except CellExecutionError as error:
            return code_cells(notebook), f"{error.ename}: {error.evalue}"
        return code_cells(notebook), ""

    return run


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def stopped_at(cells: list[Any]) -> Any:
    (cell,) = (cell for cell in cells if any(output.output_type == "error" for output in cell.outputs))
    return cell


def printed(cell: Any) -> str:
    texts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(texts)


def with_cells_solved(*names: str) -> dict[str, Any]:
    """The student's notebook after some of the work."""
    made, solved = make_plain(CELLS), make_solution(CELLS)
    made["cells"] = [
        right if right["id"] in names else cell for cell, right in zip(made["cells"], solved["cells"], strict=True)
    ]
    return made


def test_an_untouched_exercise_stops_at_the_first_task_with_one_line_that_says_what_to_do(run: Run) -> None:
    cells, failure = run(make_plain(CELLS))
    assert failure == "ToDo: Task 1: write reparameterize, in place of this line."
    cell = stopped_at(cells)
    assert cell.source.startswith("untrained = VAE()")
    (output,) = cell.outputs
    assert output.traceback == ["TO DO: Task 1: write reparameterize, in place of this line."]
    checked = cells[cells.index(cell) - 1]
    assert checked.source == "check(VAE)"
    assert "written" in printed(checked)


@pytest.mark.parametrize(
    ("solved", "todo"),
    [
        (("model",), "Task 2: write the KL term, in place of this line, and give it the name kl_loss."),
        (("model", "loss"), "predict first: 'KL, from before training to its end' is None; "),
    ],
)
def test_it_then_stops_at_what_is_next(solved: tuple[str, ...], todo: str, run: Run) -> None:
    _, failure = run(with_cells_solved(*solved))
    assert failure.startswith(f"ToDo: {todo}")


def test_a_prediction_that_is_no_answer_is_asked_for_again(run: Run) -> None:
    made = with_cells_solved("model", "loss", "predict-1")
    text = json.dumps(made).replace('\\"more\\",\\n', '\\"bigger\\",\\n')
    _, failure = run(json.loads(text))
    assert "is 'bigger'; write 'more', 'less', 'same' or a number." in failure


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_solved_exercise_runs_to_its_end(kernel: str, run: Run) -> None:
    cells, failure = run(make_solution(CELLS), kernel)
    assert failure == ""
    assert all(cell.execution_count for cell in cells)
    assert sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs) == PICTURES
    compared = [printed(cell) for cell in cells if "\ncompare(" in cell.source]
    assert len(compared) == 4
    assert all("Now explain" in text for text in compared)
    checks = [printed(cell) for cell in cells if cell.source.startswith("check(")]
    assert len(checks) == 2
    if kernel == "without-swissroll":
        assert all("the package swissroll is not installed" in text for text in checks)


def test_a_prediction_is_set_beside_what_was_measured() -> None:
    names: dict[str, Any] = {}
    (cell,) = (cell for cell in CELLS if "def in_words" in cell.source)
    exec(cell.source, names)  # noqa: S102
    words = [names["in_words"](1.0, after) for after in (1.3, 1.2, 1.0, 0.85, 0.7)]
    assert words == ["more", "same", "same", "same", "less"]
