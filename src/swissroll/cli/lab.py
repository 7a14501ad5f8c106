"""The ``lab`` command: the page in one file that trains without a server, written and opened."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from swissroll.cli.terminal import note

FILE = Path("lab") / "lab.html"
"""Where the page goes, unless it is told."""


def lab(
    *,
    out: Path | None = None,
    browser: Annotated[bool, Parameter(negative="--no-browser")] = True,
) -> int:
    """Write the lab, a page in one file that trains in the browser and needs no network, and open it.

    Parameters
    ----------
    out
        File to write; lab/lab.html by default.
    browser
        Open the page in the browser.
    """
    from swissroll.report.lab import lab_page, write_lab

    path = out or FILE
    write_lab(path, lab_page())
    is_open = browser and _open(path)

    print(f"lab: {path}")
    print("It is one file, and needs no network: copy it, mail it, or put it on a course's page.")
    if not is_open:
        print("Next: open it in a browser.")
    return 0


def _open(path: Path) -> bool:
    """Open a page in the user's browser; returns whether there was one."""
    # Without a screen, a browser for terminals would take this one.
    has_screen = sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
    if not has_screen and "BROWSER" not in os.environ:
        note("there is no screen to open a browser on.")
        return False
    return webbrowser.open(path.resolve().as_uri())
