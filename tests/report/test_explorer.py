"""The part of a run's page that decodes under the pointer: it gives PyTorch's points, in a real browser."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page

from swissroll.config import Config
from swissroll.report import colours
from swissroll.report.explorer import MAX_EMBEDDED_WEIGHTS, explorer_data
from swissroll.report.page import render
from swissroll.report.scene import Scene
from swissroll.runs.evaluate import evaluate
from swissroll.runs.run import Run
from tests.oracles import Opened, trained_run

pytestmark = pytest.mark.usefixtures("few_points")


def trained(folder: Path, **settings: Any) -> Run:
    return trained_run(folder, Config(**({"steps": 20, "hidden_dim": 16} | settings)))


def write_page_without_pictures(run: Run) -> None:
    """Write the page of a run without drawing its figures, which takes most of a report's time."""
    page = render(run, Scene.of_run(run), {}, evaluate(run))
    (run.folder / "report.html").write_text(page, encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, few_points: None) -> Run:  # noqa: ARG001
    """A run with the notebook's width, and its page."""
    found = trained(tmp_path_factory.mktemp("explored") / "run", hidden_dim=256)
    write_page_without_pictures(found)
    return found


def hover(page: Page, across: float, down: float) -> tuple[list[float], list[float]]:
    """Move over the latent plane; returns z and the point that the page decodes."""
    plane = page.locator("#latent-plane")
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
    readout = page.locator("#explorer-readout")
    return json.loads(readout.get_attribute("data-z") or ""), json.loads(readout.get_attribute("data-x") or "")


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "tanh", "latent_dim": 4},
        {"activation": "elu", "latent_dim": 1},
        {"activation": "silu"},
        {"activation": "softplus"},
        {"activation": "leaky_relu", "depth": 0},
        {"dataset": "helix"},
    ],
    ids=str,
)
def test_hover_decodes_as_torch_does_for_every_activation(
    settings: dict[str, Any], tmp_path: Path, opened: Opened
) -> None:
    run = trained(tmp_path / "run", **settings)
    write_page_without_pictures(run)
    check_hover(run, opened)


def test_hover_decodes_as_torch_does(run: Run, opened: Opened) -> None:
    check_hover(run, opened)


def check_hover(run: Run, opened: Opened) -> None:
    with opened(run.folder) as page:
        for across, down in [(0.5, 0.5), (0.1, 0.2), (0.83, 0.4), (0.31, 0.95)]:
            z, x = hover(page, across, down)
            full = torch.zeros(1, run.config.latent_dim)
            plane = json.loads(page.locator("#explorer-data").text_content() or "")["plane"]
            for dim, value in zip(plane, z, strict=True):
                full[0, dim] = value if run.config.latent_dim > 1 else z[0]
            expected = run.model.decode(full)[0].tolist()
            assert x == pytest.approx(expected, abs=1e-5)


def test_a_large_decoder_is_interpolated_and_the_page_stays_small(tmp_path: Path, opened: Opened) -> None:
    run = trained(tmp_path / "run", hidden_dim=1024, steps=2)
    write_page_without_pictures(run)
    assert sum(weights.numel() for weights in run.model.decoder.parameters()) > MAX_EMBEDDED_WEIGHTS
    assert (run.folder / "report.html").stat().st_size < 5e5

    with opened(run.folder) as page:
        z, x = hover(page, 0.37, 0.64)
        assert x == pytest.approx(run.model.decode(torch.tensor([z]))[0].tolist(), abs=2e-3)
        assert "interpolated" in page.inner_text("body")


def test_a_tap_does_what_hovering_does(run: Run, opened: Opened) -> None:
    with opened(run.folder) as page:
        hovered = hover(page, 0.7, 0.3)
    with opened(run.folder, has_touch=True) as page:
        plane = page.locator("#latent-plane")
        plane.scroll_into_view_if_needed()
        box = plane.bounding_box()
        assert box is not None
        page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"])
        readout = page.locator("#explorer-readout")
        tapped = [json.loads(readout.get_attribute(name) or "") for name in ("data-z", "data-x")]
        assert tapped[0] == pytest.approx(hovered[0], abs=0.02)
        assert tapped[1] == pytest.approx(hovered[1], abs=0.05)
        assert tapped[0] != [0, 0]


@pytest.mark.parametrize(("width", "height"), [(390, 660), (1000, 800)])
def test_both_planes_and_the_readout_fit_into_one_window(width: int, height: int, run: Run, opened: Opened) -> None:
    with opened(run.folder, viewport={"width": width, "height": height}) as page:
        names = ("#latent-plane", "#data-plane", "#explorer-readout")
        boxes = [page.locator(name).bounding_box() for name in names]
        latent, data, readout = (box for box in boxes if box is not None)
        assert readout["y"] + readout["height"] - min(latent["y"], data["y"]) < height
        assert min(latent["width"], data["width"]) > 0.4 * min(width, 832)
        assert page.evaluate("document.documentElement.scrollWidth") == width


LINES_OF = """name => {
    const text = document.getElementById("explorer-readout").firstChild;
    const range = document.createRange();
    const start = text.data.search(new RegExp(`\\\\b${name}\\\\s=`));
    range.setStart(text, start);
    range.setEnd(text, text.data.indexOf(")", start) + 1);
    return new Set([...range.getClientRects()].map((box) => box.top)).size;
}"""


@pytest.mark.parametrize("width", [320, 390])
def test_a_narrow_page_breaks_no_line_within_a_latent_or_its_point(width: int, run: Run, opened: Opened) -> None:
    with opened(run.folder, viewport={"width": width, "height": 660}) as page:
        assert [page.evaluate(LINES_OF, name) for name in ("z", "x")] == [1, 1]


def test_arrow_keys_move_the_point(run: Run, opened: Opened) -> None:
    with opened(run.folder) as page:
        page.focus("#latent-plane")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        assert json.loads(page.locator("#explorer-readout").get_attribute("data-z") or "") == [0.1, 0.1]


def test_points_without_a_coordinate_have_no_hues(run: Run) -> None:
    coloured = Scene.of_run(run)
    plain = Scene(run.config, run.model, sample=coloured.held_out._replace(coordinate=None))

    assert explorer_data(coloured)["hues"] is not None
    assert explorer_data(plain)["hues"] is None


def test_the_page_draws_with_the_colours_of_the_figures(run: Run) -> None:
    script = (files("swissroll") / "web" / "explorer.js").read_text(encoding="utf-8")
    assert re.findall("#[0-9a-fA-F]{3,8}\\b", script) == []
    found = explorer_data(Scene.of_run(run))["colours"]
    assert (found["data"], found["posterior"]) == (colours.DATA, colours.POSTERIOR)
    assert found["coordinate"] == colours.COORDINATE_STOPS
