"""The notebooks that a code host shows were made of the exercise's source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from swissroll.exercise.notebooks import notebook_bytes, read_cells, source_text
from swissroll.exercise.targets.people import make_plain, make_solution

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
CELLS = read_cells(source_text())
MAX_BYTES = 1_500_000


def committed(name: str) -> Any:
    return json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))


def text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_the_committed_exercise_was_made_of_the_source() -> None:
    assert (NOTEBOOKS / "exercise.ipynb").read_bytes() == notebook_bytes(make_plain(CELLS)), "run: make notebooks"


def test_the_committed_solution_was_made_of_the_source() -> None:
    shown, made = committed("solution.ipynb"), make_solution(CELLS)
    for key in ("cell_type", "id", "metadata"):
        assert [cell[key] for cell in shown["cells"]] == [cell[key] for cell in made["cells"]], "run: make notebooks"
    assert [text(cell) for cell in shown["cells"]] == [text(cell) for cell in made["cells"]], "run: make notebooks"
    assert shown["metadata"] == made["metadata"]


def test_the_committed_solution_was_run_in_full_and_is_small() -> None:
    shown = committed("solution.ipynb")
    code = [cell for cell in shown["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    printed = "".join("".join(output.get("text", "")) for output in outputs)
    assert "1000/1000" in printed
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 7
    assert (NOTEBOOKS / "solution.ipynb").stat().st_size < MAX_BYTES
