"""The notebooks that a code host shows were made of the exercise's source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from swissroll.exercise.notebooks import notebook_bytes, read_cells, source_text
from swissroll.exercise.targets.people import make_plain, make_solution

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
CELLS = read_cells(source_text())


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
