"""The tutorial runs in a notebook, and there every picture is shown exactly once."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from tests.kernels import add_kernel, run_notebook

ROOT = Path(__file__).resolve().parents[1]
TUTORIAL = ROOT / "notebooks" / "tutorial.py"
# With which engines every step is taken, as a reader does, separated by commas. With the others a tenth is.
IN_FULL = os.environ.get("SWISSROLL_TUTORIAL_IN_FULL", "").split(",")
# What the two commands without arguments then do: as many pictures after a tenth of the steps.
FEWER_STEPS = (
    "import swissroll as s; s.train_vae.__defaults__ = (100, 128, 1e-3, 0.01); "
    "s.train_vae_with_visualization.__defaults__ = (100, 128, 1e-3, 0.01, 10); "
    # And fewer steps take the engine that many would.
    "import swissroll.training.build as b; b.XLA_START_FLOPS = 0"
)
ENGINES = {"with JAX": "", "without JAX": "import sys; sys.modules['jax'] = None"}
"""What a kernel does first, so that the long runs of a notebook take each engine."""
Run = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a notebook on a kernel of this interpreter and return its code cells."""
    folder = tmp_path_factory.mktemp("jupyter")
    for kernel, engine in ENGINES.items():
        in_full = kernel in IN_FULL
        first = [line for line in (engine, "" if in_full else FEWER_STEPS) if line]
        add_kernel(folder, kernel_name(kernel), {"SWISSROLL_QUICK": "0" if in_full else "1"}, first)

    def run(notebook: Any, kernel: str = "with JAX") -> list[Any]:
        return run_notebook(notebook, folder, kernel_name(kernel), allow_errors=True)

    return run


def kernel_name(engine: str) -> str:
    return engine.replace(" ", "-").lower()


def pictures(cell: Any) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.outputs)


def failures(cells: list[Any]) -> list[str]:
    return [f"{o.ename}: {o.evalue}" for cell in cells for o in cell.outputs if o.output_type == "error"]


@pytest.fixture(scope="module", params=ENGINES)
def tutorial(run: Run, request: pytest.FixtureRequest) -> list[Any]:
    if request.param == "with JAX":
        pytest.importorskip("jax", exc_type=ImportError)
    return run(jupytext.read(TUTORIAL), request.param)


def test_every_cell_of_the_tutorial_runs(tutorial: list[Any]) -> None:
    assert failures(tutorial) == []
    assert all(cell.execution_count for cell in tutorial)


def test_every_picture_of_the_tutorial_is_shown_once(tutorial: list[Any]) -> None:
    for cell in tutorial:
        drawn = cell.source.count("plt.show()")
        drawn += sum(
            cell.source.count(f"\n{name}(") for name in ("visualize_reconstructions", "visualize_latent_space")
        )
        drawn += cell.source.startswith(("visualize_reconstructions(", "visualize_latent_space("))
        # Before, every hundred of a thousand steps, after.
        drawn += 12 * cell.source.count("train_vae_with_visualization()")
        assert pictures(cell) == drawn, cell.source
    assert sum(map(pictures, tutorial)) > 20


def test_each_cell_that_the_documentation_shows_has_what_it_shows(tutorial: list[Any]) -> None:
    for cell in tutorial:
        for kind, _, _ in (tag.partition(":") for tag in cell.metadata.get("tags", [])):
            printed = "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
            assert pictures(cell) == 1 if kind == "picture" else printed, cell.source


def test_the_tutorial_calls_the_notebooks_functions_as_the_notebook_does(tutorial: list[Any]) -> None:
    source = "\n".join(cell.source for cell in tutorial)
    for line in (
        "model, losses, device = train_vae()",
        "visualize_reconstructions(model)",
        "visualize_latent_space(model)",
        "model, losses, device = train_vae_with_visualization()",
    ):
        assert f"\n{line}\n" in f"\n{source}\n"
    assert "compute_vae_loss(model, x, beta)" in source


def test_the_tutorial_writes_nothing_to_stderr_but_progress(tutorial: list[Any]) -> None:
    for cell in tutorial:
        text = "".join(o.text for o in cell.outputs if o.get("name") == "stderr")
        assert all(not line.strip() or "Training VAE" in line for line in text.replace("\r", "\n").split("\n")), text


def test_the_tutorial_uses_every_name_that_it_imports() -> None:
    tree = ast.parse(TUTORIAL.read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert {name.split(".")[0] for name in imported} <= used


SHOWN = {
    # Every name of the notebook, called as it calls it.
    "data = generate_swiss_roll(n_samples=10000); assert data.shape == (10000, 2)": 0,
    "output, _, _ = VAE()(generate_swiss_roll(5)); assert output.shape == (5, 2)": 0,
    "assert VAE(2, 32).fc_mu.in_features == 32": 0,
    "compute_vae_loss(VAE(), generate_swiss_roll(128), 0.01).backward()": 0,
    "model, losses, device = train_vae(n_steps=3)": 0,
    "model, losses, device = train_vae_with_visualization(n_steps=2, viz_interval=1)": 4,
    "visualize_reconstructions(model)": 1,
    "visualize_latent_space(model, n_points=1000)": 1,
    # A figure that is a cell's result, or is not, or is looked at again.
    "visualize_latent_space(model, 9)": 1,
    "kept = visualize_latent_space(model, 9)": 1,  # Its value is assigned.
    "kept": 1,  # And looked at again, later.
    "kept = None": 0,
    "again = visualize_reconstructions(model, 9)\nagain": 1,  # Looked at in the cell that made it.
    "visualize_reconstructions(model, 9)\n1": 1,  # Not the cell's result.
    "[visualize_latent_space(model, 9) for _ in range(2)][0]": 2,
    "display(again)": 1,
    "result = train_vae_with_visualization(4, viz_interval=2, hidden_dim=8)": 4,
    "result.figures[0]": 1,
    "train_vae_with_visualization(2, viz_interval=5, hidden_dim=8)": 2,
    "list(train_vae_with_visualization(1, viz_interval=5, hidden_dim=8))[2]": 2,
}


@pytest.mark.parametrize(
    "first", ["", "%matplotlib inline\nimport matplotlib.pyplot as plt\n"], ids=["plain", "inline"]
)
def test_a_figure_is_shown_once_where_it_is_made_and_again_where_it_is_asked_for(run: Run, first: str) -> None:
    sources = [f"{first}from swissroll import *", *SHOWN]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])  # type: ignore[no-untyped-call]
    cells = run(notebook)
    assert failures(cells) == []
    assert {cell.source: pictures(cell) for cell in cells[1:]} == SHOWN
