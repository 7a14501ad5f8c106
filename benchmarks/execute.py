"""Execute the notebook's cells in a fresh kernel, as Jupyter would, and keep the result with its pictures.

python -m benchmarks.execute OUT.ipynb
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main() -> None:
    """Cells are what stands between two ``# %%`` lines."""
    source = Path(__file__).with_name("plain_cells.py").read_text(encoding="utf-8")
    texts = [text.strip() for text in source.split("# %%\n") if text.strip()]
    cells = [nbformat.v4.new_code_cell(text) for text in texts]  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, kernel_name="python3", timeout=600).execute()
    pictures = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    nbformat.write(notebook, sys.argv[1])  # type: ignore[no-untyped-call]
    print(f"{len(cells)} cells, {pictures} pictures")


if __name__ == "__main__":
    main()
