"""Run the tutorial's notebook and keep what the documentation shows of it.

    python docs/make_pictures.py

A cell tagged ``picture:NAME`` leaves docs/pictures/NAME.png, one tagged ``output:NAME`` docs/output/NAME.txt.
"""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient
from PIL import Image

DOCS = Path(__file__).resolve().parent


def main() -> None:
    notebook = jupytext.read(DOCS.parent / "notebooks" / "tutorial.py")
    NotebookClient(notebook, kernel_name="python3", timeout=600).execute()
    for folder in ("pictures", "output"):
        (DOCS / folder).mkdir(exist_ok=True)
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            kind, name = tag.split(":")
            {"picture": keep_picture, "output": keep_output}[kind](cell, name)


def keep_picture(cell: Any, name: str) -> None:
    """Write a cell's only picture, with as many colours as it needs on a page."""
    (data,) = (o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {}))
    image = Image.open(BytesIO(base64.b64decode(data))).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(DOCS / "pictures" / f"{name}.png", optimize=True)


def keep_output(cell: Any, name: str) -> None:
    """Write what a cell printed."""
    text = "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
    (DOCS / "output" / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
