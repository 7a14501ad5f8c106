"""Open the lab with a run in a cell of JupyterLab, in Chromium, and keep what the documentation shows of it.

    python docs/make_jupyter_picture.py JUPYTER

JUPYTER is the command of a JupyterLab whose environment has swissroll: `pip install jupyterlab` in one of its own. It
leaves docs/pictures/lab-jupyter.png.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import swissroll

PICTURE = Path(__file__).resolve().parent / "pictures" / "lab-jupyter.png"
CHROMIUM = "/usr/bin/chromium"
WINDOW = {"width": 1300, "height": 900}
HEIGHT = 648
TIMEOUT_MS = 300_000
STEPS = 2000
"""Steps of the run that goes into the page."""
TRAINED = 1000
"""Steps that the page then takes by itself."""
SPEED = "100"
"""Steps per second, so that it still trains."""
COLOURS = 250
CODE = 'import swissroll\n\nswissroll.Lab(swissroll.load("roll"), height=700)'
HAS_STEPS = "steps => Number(document.getElementById('now-step').textContent.replace(/\\D/g, '')) >= steps"


def main() -> None:
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_notebook(Path(folder))
        swissroll.train(swissroll.Config(hidden_dim=64, beta=0.02, steps=STEPS), Path(folder) / "roll")
        port = free_port()
        quiet = ["--no-browser", "--allow-root", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
        server = subprocess.Popen([sys.argv[1], "lab", *quiet, f"--port={port}"], stderr=subprocess.DEVNULL)  # noqa: S603
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for_server(address)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]
            page.set_default_timeout(TIMEOUT_MS)
            page.goto(f"{address}/lab/tree/roll.ipynb")
            keep_picture(page)
            browser.close()
        finally:
            server.terminate()
            server.wait()


def write_notebook(folder: Path) -> None:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "lab",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": CODE,
    }
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "roll.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_server(address: str) -> None:
    for _ in range(120):
        try:
            urlopen(f"{address}/api").close()  # noqa: S310  It is our own server.
        except URLError:
            time.sleep(0.5)
        else:
            return
    raise RuntimeError(f"JupyterLab does not answer at {address}.")


def keep_picture(page: Page) -> None:
    """Run the cell, train on in its page, and keep the cell as it looks meanwhile."""
    page.locator(".jp-Cell .cm-content").first.click()
    # The column of files takes the width that the page needs.
    page.keyboard.press("Escape")
    page.keyboard.press("Control+b")
    # Shift and Enter would open a second cell below.
    page.keyboard.press("Control+Enter")
    lab = page.frame_locator(".jp-OutputArea iframe")
    lab.locator("#notes button").click()
    lab.locator("#speed").select_option(SPEED)
    lab.locator("#play").click()
    frame = page.locator(".jp-OutputArea iframe").element_handle().content_frame()
    if frame is None:
        raise RuntimeError("The cell shows no page.")
    frame.wait_for_function(HAS_STEPS, arg=STEPS + TRAINED)

    box = page.locator(".jp-Cell").first.bounding_box()
    if box is None:
        raise RuntimeError("The cell is out of sight.")
    clip = {"x": box["x"], "y": box["y"], "width": min(1200, box["width"]), "height": HEIGHT}
    image = Image.open(BytesIO(page.screenshot(clip=clip))).convert("RGB")  # type: ignore[arg-type]
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
