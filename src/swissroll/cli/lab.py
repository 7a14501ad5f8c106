"""The ``lab`` command: the page in one file that trains without a server, written and opened."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from swissroll.cli.terminal import note

FILE = Path("lab") / "lab.html"
"""Where the page goes that begins with no run, unless it is told."""


def lab(
    folder: Path | None = None,
    /,
    *,
    out: Path | None = None,
    browser: Annotated[bool, Parameter(negative="--no-browser")] = True,
) -> int:
    """Write the lab, a page in one file that trains in the browser and needs no network, and open it.

    Parameters
    ----------
    folder
        Folder of a run to begin with: its settings, its weights, and its snapshots on the timeline.
    out
        File to write; lab/lab.html by default, with a run lab.html in the run's folder.
    browser
        Open the page in the browser.
    """
    from swissroll.report.lab import lab_page, write_lab

    path = out or (FILE if folder is None else folder / "lab.html")
    write_lab(path, lab_page(None if folder is None else _start_of(folder)))
    is_open = browser and _open(path)

    print(f"lab: {path}")
    print("It is one file, and needs no network: copy it, mail it, or put it on a course's page.")
    if not is_open:
        print("Next: open it in a browser.")
    elif folder is None:
        print("Next: swissroll train, which keeps a run in a folder; then swissroll lab with that folder.")
    return 0


def _start_of(folder: Path) -> dict[str, Any]:
    """What the page of a run begins with."""
    from swissroll.report.lab_start import start_of_run
    from swissroll.runs.run import load

    run = load(folder)
    run.require_whole()
    return start_of_run(run)


def _open(path: Path) -> bool:
    """Open a page in the user's browser; returns whether there was one."""
    # Without a screen, a browser for terminals would take this one.
    has_screen = sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
    if not has_screen and "BROWSER" not in os.environ:
        note("there is no screen to open a browser on.")
        return False
    return webbrowser.open(path.resolve().as_uri())
