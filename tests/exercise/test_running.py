"""The exercise runs in a notebook: as it is handed out up to what is to do, and solved to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from swissroll.exercise.notebooks import notebook_bytes, read_cells, source_text
from swissroll.exercise.targets.people import make_plain, make_solution
from tests.kernels import add_kernel, run_notebook

CELLS = read_cells(source_text())
KERNELS = {"here": "", "without-swissroll": "import sys; sys.modules['swissroll'] = None"}
# A hundredth of the steps: all trainings of the solution take four minutes of one core.
QUICK = {"SWISSROLL_QUICK": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
# The data, the loss, reconstructions, decoded latents, and one of each experiment.
PICTURES = 8


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Jupyter's with both kernels."""
    folder = tmp_path_factory.mktemp("jupyter")
    for kernel, line in KERNELS.items():
        add_kernel(folder, kernel, QUICK, [line] if line else [])
    return folder


def opened(made: dict[str, Any]) -> Any:
    """A notebook as Jupyter opens it."""
    return nbformat.reads(notebook_bytes(made).decode(), as_version=4)  # type: ignore[no-untyped-call]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def stopped_at(cells: list[Any]) -> Any:
    (cell,) = (cell for cell in cells if any(output.output_type == "error" for output in cell.outputs))
    return cell


def printed(cell: Any) -> str:
    texts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(texts)


def test_a_student_is_told_what_is_next_in_one_line_and_goes_on(jupyter: Path) -> None:
    notebook = opened(make_plain(CELLS))
    places = {cell.id: place for place, cell in enumerate(notebook.cells)}
    solved = {cell["id"]: "".join(cell["source"]) for cell in make_solution(CELLS)["cells"]}
    with kernel_of(notebook, jupyter) as client:
        failure = run_from(0, client)
        assert failure == "ToDo: Task 1: write reparameterize, in place of this line."
        cell = stopped_at(code_cells(notebook))
        assert cell.source.startswith("untrained = VAE()")
        (output,) = cell.outputs
        assert output.traceback == ["TO DO: Task 1: write reparameterize, in place of this line."]
        checked = code_cells(notebook)[code_cells(notebook).index(cell) - 1]
        assert checked.source == "check(VAE)"
        assert "written" in printed(checked)

        # As students do, with one kernel: write a cell, run it and what follows.
        for name, written, expected in (
            (
                "model",
                solved["model"],
                "Task 2: write the KL term, in place of this line, and give it the name kl_loss.",
            ),
            ("loss", solved["loss"], "predict first: 'KL, from before training to its end' is None; "),
            (
                "predict-1",
                solved["predict-1"].replace('"more",\n', '"bigger",\n'),
                "predict first: 'KL, from before training to its end' is 'bigger'; write 'more', 'less', 'same' or",
            ),
        ):
            notebook.cells[places[name]].source = written
            assert run_from(places[name], client).startswith(f"ToDo: {expected}")


@contextmanager
def kernel_of(notebook: Any, folder: Path) -> Iterator[NotebookClient]:
    """A kernel that stays while a notebook's cells are changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        client = NotebookClient(notebook, kernel_name="here", timeout=1800)
        with client.setup_kernel():
            yield client


def run_from(place: int, client: NotebookClient) -> str:
    """Run a notebook from a cell on until one fails, and say how."""
    try:
        for index, cell in list(enumerate(client.nb.cells))[place:]:
            client.execute_cell(cell, index)
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    return ""


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_solved_exercise_runs_to_its_end(kernel: str, jupyter: Path) -> None:
    cells = run_notebook(opened(make_solution(CELLS)), jupyter, kernel, allow_errors=False)
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
