"""Make the two notebooks beside this file, which a code host shows: the student's, and the solution, run.

    python notebooks/build.py

Both come from exercise.py. The trainings of the solution take two minutes.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

from swissroll.exercise.notebooks import notebook_bytes, read_cells, source_text
from swissroll.exercise.targets.people import make_plain, make_solution

FOLDER = Path(__file__).resolve().parent
MAX_SECONDS_PER_CELL = 3600


def run_solution() -> nbformat.NotebookNode:
    """The solution with its outputs, and without what differs from machine to machine for no reason."""
    made = nbformat.reads(notebook_bytes(make_solution(read_cells(source_text()))).decode(), as_version=4)
    metadata = made.metadata.copy()
    NotebookClient(made, timeout=MAX_SECONDS_PER_CELL, kernel_name="python3", record_timing=False).execute()
    made.metadata = metadata
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = settle(cell.outputs)
    return made


def settle(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """A cell's outputs as a reader sees them in the end: of a progress bar, only its last state."""
    settled: list[nbformat.NotebookNode] = []
    for output in outputs:
        goes_on = output.get("name") == "stderr" and settled and settled[-1].get("name") == "stderr"
        if goes_on:
            settled[-1].text += output.text
        else:
            settled.append(output)

    for output in settled:
        if output.get("name") == "stderr":
            lines = [line.rpartition("\r")[2] for line in output.text.rstrip("\n\r").split("\n")]
            output.text = "\n".join(lines) + "\n"
    return settled


def main() -> None:
    """Write both notebooks."""
    (FOLDER / "exercise.ipynb").write_bytes(notebook_bytes(make_plain(read_cells(source_text()))))
    (FOLDER / "solution.ipynb").write_text(nbformat.writes(run_solution()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
