"""Tools that grade, where they are installed: they are asked as a course asks them, by their commands."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from swissroll.exercise.notebooks import read_cells, source_text
from swissroll.exercise.targets.people import make_plain, make_solution

CELLS = read_cells(source_text())
RIGHT = {cell["id"]: "".join(cell["source"]) for cell in make_solution(CELLS)["cells"]}
HANDED_OUT = {cell["id"]: "".join(cell["source"]) for cell in make_plain(CELLS)["cells"]}
# One draw for the whole batch, and the variance where the standard deviation belongs.
WRONG = RIGHT["model"].replace("torch.randn_like(std)", "torch.randn(std.shape[-1])").replace("0.5 * logvar", "logvar")


def tool(command: str, distribution: str) -> Path:
    """The command of a tool, or a skipped test that says what to install."""
    found = shutil.which(command)
    if found is None:
        pytest.skip(
            f"needs {distribution}, in an environment with swissroll and first on the path: pip install {distribution}"
        )
    return Path(found)


def run(command: list[str | Path], folder: Path) -> str:
    """Run a tool in a folder; returns what it printed."""
    # A twentieth of the steps: tools run whole notebooks.
    environment = os.environ | {"SWISSROLL_QUICK": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    # Its own environment's packages, and not those of the tests.
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def write_submission(notebook: dict[str, Any], model: str, loss: str) -> dict[str, Any]:
    """What a student hands in: the notebook that a tool handed out, with the two tasks written."""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if source.startswith("class VAE("):
            cell["source"] = model
        if source.startswith("def compute_vae_loss("):
            cell["source"] = loss
    return notebook
