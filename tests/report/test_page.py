"""The report as its reader meets it: opened in a real browser, with no network."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page

import swissroll
from swissroll.config import Config
from swissroll.report.explorer import MAX_EMBEDDED_WEIGHTS
from swissroll.report.figures import available
from swissroll.report.page import render, write_report
from swissroll.report.scene import Scene
from swissroll.runs.evaluate import evaluate
from swissroll.runs.run import Run
from tests.oracles import Opened, trained_run

pytestmark = pytest.mark.usefixtures("few_points")


def trained(folder: Path, **settings: Any) -> Run:
    return trained_run(folder, Config(**({"steps": 40, "hidden_dim": 16, "snapshot_every": 10} | settings)))


def reported(folder: Path, **settings: Any) -> Run:
    run = trained(folder, **settings)
    write_report(run)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, few_points: None) -> Run:  # noqa: ARG001
    """A run with the notebook's width, and its report."""
    return reported(tmp_path_factory.mktemp("reported") / "run", hidden_dim=256)


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
    (run.folder / "report.html").write_text(render(run, Scene.of_run(run), {}, evaluate(run)), encoding="utf-8")
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


def test_a_large_decoder_is_interpolated_and_the_report_stays_small(tmp_path: Path, opened: Opened) -> None:
    run = reported(tmp_path / "run", hidden_dim=1024, steps=2)
    assert sum(p.numel() for p in run.model.decoder.parameters()) > MAX_EMBEDDED_WEIGHTS
    assert (run.folder / "report.html").stat().st_size < 4e6
    with opened(run.folder) as page:
        z, x = hover(page, 0.37, 0.64)
        assert x == pytest.approx(run.model.decode(torch.tensor([z]))[0].tolist(), abs=2e-3)
        assert "interpolated" in page.inner_text("body")


def test_arrow_keys_move_the_point(run: Run, opened: Opened) -> None:
    with opened(run.folder) as page:
        page.focus("#latent-plane")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        assert json.loads(page.locator("#explorer-readout").get_attribute("data-z") or "") == [0.1, 0.1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_picture_loads_with_its_alternative_text(scheme: Any, run: Run, opened: Opened) -> None:
    with opened(run.folder, color_scheme=scheme) as page:
        pictures = page.locator("img").all()
        assert len(pictures) == len(available(Scene.of_run(run))) + 1
        for picture in pictures:
            assert picture.evaluate("i => i.complete && i.naturalWidth > 0")
            assert len(picture.get_attribute("alt") or "") > 30
        ink = page.evaluate("getComputedStyle(document.body).color")
        assert (int(re.findall(r"\d+", ink)[0]) > 128) == (scheme == "dark")


def test_the_summary_equals_the_end_of_the_history(run: Run) -> None:
    last = run.history[-1]
    terms = evaluate(run).summary.held_out
    assert (terms.loss, terms.mse, terms.rate) == (last.held_out_loss, last.held_out_mse, last.held_out_rate)
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert f"{terms.loss:.5f}" in page
    assert "<strong>sigma = 0.0707</strong>" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


@pytest.mark.parametrize(("latent_dim", "flat"), [(1, False), (2, True)])
def test_captions_speak_of_planes_and_ellipses_only_where_they_are(latent_dim: int, flat: bool, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", latent_dim=latent_dim)
    scene = Scene.of_run(run)
    page = render(run, scene, dict.fromkeys([*available(scene), "animation"], ""), evaluate(run))
    assert ("ellipse" in page) == flat
    assert ("grid on [-2, 2]²" in page) == flat
    assert ("against t, with one standard deviation" in page) == (not flat)


def test_the_same_run_has_the_same_report_to_the_last_byte(run: Run) -> None:
    files = [run.folder / "report.html", *sorted((run.folder / "figures").iterdir())]
    before = [file.read_bytes() for file in files]
    write_report(swissroll.load(run.folder))
    assert [file.read_bytes() for file in files] == before


def test_the_animation_has_a_frame_a_snapshot(run: Run) -> None:
    with Image.open(run.folder / "figures/film.gif") as film:
        assert getattr(film, "n_frames", 1) == len(run.snapshots) == 5


@pytest.mark.parametrize(
    "settings",
    [
        {"beta": 0.0},
        {"latent_dim": 1},
        {"latent_dim": 6, "reduction": "sum"},
        {"noise": 0.1, "depth": 0},
        {"lr": 10.0},
        {"noise": 10.0, "depth": 0},
        {"noise": 10.0, "beta": 0.0, "batch_size": 1, "latent_dim": 50},
    ],
    ids=str,
)
def test_every_kind_of_run_has_a_report(settings: dict[str, Any], tmp_path: Path) -> None:
    run = reported(tmp_path / "run", steps=5, **settings)
    assert (run.folder / "report.html").stat().st_size > 1e5
    assert "nan" not in (run.folder / "report.html").read_text(encoding="utf-8").split("<script")[0].split("data:")[0]
