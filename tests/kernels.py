"""Kernels of this interpreter, to run notebooks on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from nbclient import NotebookClient


def add_kernel(folder: Path, name: str, settings: Mapping[str, str], lines: Iterable[str] = ()) -> None:
    """Put a kernel's description into a folder of Jupyter's.

    Args:
        folder: The folder; ``run_notebook`` is told it.
        name: The kernel's name.
        settings: Its environment, beside one thread (two kernels that spin for each other's cores take minutes) and the
            path of this interpreter.
        lines: Code that it runs first.
    """
    spec = folder / "kernels" / name
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    argv += [f"--IPKernelApp.exec_lines={line}" for line in lines]
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path), **settings}
    description = {"argv": argv, "display_name": name, "language": "python", "env": environment}
    (spec / "kernel.json").write_text(json.dumps(description), encoding="utf-8")


def run_notebook(notebook: Any, folder: Path, kernel: str, *, allow_errors: bool) -> list[Any]:
    """Run a notebook, and return its code cells.

    Raises:
        CellExecutionError: A cell failed, and that was not allowed.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        NotebookClient(notebook, kernel_name=kernel, timeout=1800, allow_errors=allow_errors).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
