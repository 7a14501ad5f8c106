"""The lab in a run's report: the run's own end, which decodes as PyTorch does, in a real browser."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Frame, Page

from swissroll.config import Config
from swissroll.report.page import MAX_PAGE_CHARACTERS, render
from swissroll.report.scene import Scene
from swissroll.runs.evaluate import evaluate
from swissroll.runs.run import Run
from tests.oracles import Opened, trained_run

pytestmark = pytest.mark.usefixtures("few_points")

IS_AT_STEP = "step => document.getElementById('now-step')?.textContent === String(step)"
HAS_DECODED = "() => document.querySelector('#panel-latent .readout')?.textContent.includes('decodes to')"


def run_with_page(folder: Path, pictures: dict[str, str] | None = None, **settings: Any) -> Run:
    """A trained run with its page; without its figures, whose drawing takes most of a report's time."""
    run = trained_run(folder, Config(**({"steps": 20, "hidden_dim": 16, "snapshot_every": 5} | settings)))
    page = render(run, Scene.of_run(run), pictures or {}, evaluate(run))
    (folder / "report.html").write_text(page, encoding="utf-8")
    return run


def lab_of(page: Page, step: int) -> Frame:
    """The frame of the lab, once it shows the run's step."""
    page.locator("iframe.lab").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('iframe.lab')")
    frame = page.frames[-1]
    frame.wait_for_function(IS_AT_STEP, arg=step)
    return frame


def decoded(frame: Frame) -> tuple[list[float], list[float]]:
    """The latent and the point that the page reads out."""
    frame.wait_for_function(HAS_DECODED)
    text = frame.inner_text("#panel-latent .readout").replace("\u2212", "-")
    tuples = re.findall(r"\(([^)]*)\)", text)
    z, x = ([float(value) for value in values.split(",")] for values in tuples)
    return z, x


@pytest.mark.parametrize(
    "settings",
    [{"hidden_dim": 32}, {"activation": "silu", "components": 3}, {"latent_dim": 1}, {"dataset": "helix"}],
    ids=str,
)
def test_hover_decodes_as_torch_does(settings: dict[str, Any], tmp_path: Path, opened: Opened) -> None:
    run = run_with_page(tmp_path / "run", **settings)
    with opened(run.folder) as page:
        frame = lab_of(page, 20)
        canvas = frame.locator("#panel-latent canvas").first
        canvas.hover(position={"x": 60, "y": 60})
        z, x = decoded(frame)
        assert x == pytest.approx(run.model.decode(torch.tensor([z]))[0].tolist(), abs=3e-3)
        assert frame.get_attribute("#timeline input", "max") is not None


def test_a_run_beyond_the_lab_says_so(tmp_path: Path) -> None:
    run = run_with_page(tmp_path / "run", latent_dim=5)
    page = (run.folder / "report.html").read_text()
    assert "The lab computes latent_dim up to 4; here it is 5." in page
    assert "<iframe" not in page


def test_the_labs_weights_take_what_the_pictures_leave(tmp_path: Path) -> None:
    # As much as those of a default run take.
    pictures = {"film": "x" * 830_000}
    run = run_with_page(tmp_path / "run", pictures, hidden_dim=256, snapshot_every=1)
    assert MAX_PAGE_CHARACTERS - 200_000 < (run.folder / "report.html").stat().st_size < 2_500_000
