"""The lab in the cell of a notebook: the page in a frame of its own, which needs no server and no extension."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import Any

from swissroll import checks
from swissroll.config import Config
from swissroll.report.lab import lab_page, write_lab
from swissroll.report.lab_start import start_of_config, start_of_run
from swissroll.runs.run import Run

HEIGHT = 860
"""Height of the frame, in pixels: all panels are seen at once."""
ROOM = 3_000_000
"""Characters that a run's weights may take, which the notebook keeps with the cell."""
SANDBOX = "allow-scripts allow-downloads"
"""The page runs its script and saves files; it reaches nothing of the notebook that it lies in."""


class Lab:
    """The lab: a page that trains a VAE in the browser and shows the exact truth meanwhile.

    As the last line of a cell it shows itself there.

    Args:
        start: What it begins with: a run, or a config; by default the page's own settings.
        height: Height of the frame in a notebook, in pixels.

    Raises:
        RunError: The run is damaged, or nothing is trained yet.
        ValueError: An argument is something else, or the page does not compute such a model.
    """

    def __init__(self, start: Run | Config | None = None, *, height: int = HEIGHT) -> None:
        checks.whole("height", height, 200, 10_000)
        self.height = height
        self._page = _page_of(start)

    def to_html(self) -> str:
        """The page, as HTML."""
        return self._page

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page as one file, for a browser; returns where it lies.

        Raises:
            ValueError: Another file than a lab page lies there.
        """
        target = Path(path)
        write_lab(target, self._page)
        return target

    def __repr__(self) -> str:
        return "The lab: shown as the last line of a notebook's cell, or written with .save('lab.html')."

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="swissroll lab" sandbox="{SANDBOX}" width="100%" height="{self.height}" '
            f'style="border: 0" srcdoc="{escape(self._page)}"></iframe>'
        )


def _page_of(start: Any) -> str:
    if start is None:
        return lab_page()
    if isinstance(start, Config):
        return lab_page(start_of_config(start))

    checks.instance("start", start, Run, "a run, such as swissroll.load('runs/001'), or a config, or None")
    return lab_page(start_of_run(start, ROOM))
