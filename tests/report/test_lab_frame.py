"""The lab in a notebook's cell: a frame that holds the page, and lets it out to nothing."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import swissroll
from swissroll import Lab
from swissroll.config import Config
from swissroll.report.lab import lab_page
from swissroll.report.lab_start import start_of_config
from tests.oracles import trained_run


def test_a_cell_shows_the_page_of_a_config_and_it_trains(tmp_path: Path, browser: Browser) -> None:
    config = Config(hidden_dim=8, steps=3000)
    lab = Lab(config, height=700)
    shown = lab._repr_html_()
    attributes = dict(re.findall(r'(\w+)="([^"]*)"', shown))
    assert html.unescape(attributes["srcdoc"]) == lab.to_html() == lab_page(start_of_config(config))
    assert attributes["sandbox"] == "allow-scripts allow-downloads"
    assert attributes["height"] == "700"

    (tmp_path / "notebook.html").write_text(shown)
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto((tmp_path / "notebook.html").as_uri())
    frame = page.frames[-1]
    frame.wait_for_function("() => Number(document.getElementById('now-step')?.textContent.replace(/\\D/g, '')) > 20")
    context.close()


def test_a_run_is_taken_and_saved(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run", Config(steps=4, hidden_dim=8))
    assert Lab(swissroll.load(run.folder)).save(tmp_path / "lab.html").read_text() == Lab(run).to_html()


@pytest.mark.parametrize("wrong", [7, [], {"beta": 0.1}, "runs/001"])
def test_something_else_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"start must be a run, such as .*, or a config, or None; got"):
        Lab(wrong)  # type: ignore[arg-type]


def test_a_config_is_shown_without_matplotlib() -> None:
    """In a first cell it says that it builds a cache of fonts, above the page."""
    code = "import sys, swissroll; swissroll.Lab(swissroll.Config()); print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
