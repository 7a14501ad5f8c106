"""The ``lab`` command: the page in one file that trains without a server, written and opened."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from swissroll.cli.terminal import CommandError, note

FILE = Path("lab") / "lab.html"
"""Where the page goes that begins with no run, unless it is told."""


def lab(
    folder: Path | None = None,
    /,
    *,
    data: Path | None = None,
    columns: str | None = None,
    label: str | None = None,
    out: Path | None = None,
    browser: Annotated[bool, Parameter(negative="--no-browser")] = True,
) -> int:
    """Write the lab, a page in one file that trains in the browser and needs no network, and open it.

    Parameters
    ----------
    folder
        Folder of a run to begin with: its settings, its weights, and its snapshots on the timeline.
    data
        Table of your own to begin with, in the place of a run: the page trains on its rows.
    columns
        Names of two or three columns of the table, with commas between them; all but the label by default.
    label
        Name of a column of the table that colours the pictures; it may be text.
    out
        File to write; lab/lab.html by default, with a run lab.html in the run's folder.
    browser
        Open the page in the browser.
    """
    from swissroll.report.lab import lab_page, write_lab

    _require_one_start(folder, data, columns=columns, label=label)
    path = out or (FILE if folder is None else folder / "lab.html")
    start, held_rows = _start(folder, data, columns, label)
    write_lab(path, lab_page(start))
    if held_rows:
        note(held_rows)
    is_open = browser and _open(path)

    print(f"lab: {path}")
    print("It is one file, and needs no network: copy it, mail it, or put it on a course's page.")
    if not is_open:
        print("Next: open it in a browser.")
    elif folder is None:
        print("Next: swissroll train, which keeps a run in a folder; then swissroll lab with that folder.")
    return 0


def _require_one_start(folder: Path | None, data: Path | None, **of_table: str | None) -> None:
    """Refuse a run together with a table, and settings of a table without one."""
    if folder is not None and data is not None:
        raise CommandError(f"{folder} is a run, which has its own data.", "Leave out the folder, or --data.")
    for name, value in of_table.items():
        if value is not None and data is None:
            raise CommandError(f"--{name} is of a table of your own.", "Name its file with --data.")


def _start(
    folder: Path | None, data: Path | None, columns: str | None, label: str | None
) -> tuple[dict[str, Any] | None, str]:
    """What the page begins with, and what to say of rows that it holds."""
    from swissroll.report.lab_start import config_of_table, start_of_config, start_of_run
    from swissroll.report.lab_table import held_rows_sentence
    from swissroll.runs.run import load

    if folder is not None:
        run = load(folder)
        run.require_whole()
        return start_of_run(run), held_rows_sentence(run.config)
    if data is not None:
        config = config_of_table(data, columns, label)
        return start_of_config(config), held_rows_sentence(config)
    return None, ""


def _open(path: Path) -> bool:
    """Open a page in the user's browser; returns whether there was one."""
    # Without a screen, a browser for terminals would take this one.
    has_screen = sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
    if not has_screen and "BROWSER" not in os.environ:
        note("there is no screen to open a browser on.")
        return False
    return webbrowser.open(path.resolve().as_uri())
