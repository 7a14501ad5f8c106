"""Words on the page stand apart: on canvases, where nothing lays them out, and beside one another in its panels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.web.driver import SMALL, STILL, go_to, opened_page, wait_for_step

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WATCH = (Path(__file__).parent / "words.js").read_text(encoding="utf-8")
LARGE = f"{SMALL}&beta=3e-5&step=1"
"""A run whose numbers have many digits: its posterior is far from the true one, and much wider."""
LINKS = {
    "a run as it opens": STILL,
    "large numbers": LARGE,
    "large numbers on a line": f"{LARGE}&latent_dim=1",
    "four latents": f"{LARGE}&latent_dim=4",
    "knobs that were turned": f"{SMALL}&step=40&turns=5:beta:0.1_6:lr:0.01_7:beta:0.5_38:beta:0.01_39:lr:0.001",
    "a lecture": f"{LARGE}&lecture=1&panel=latent",
    "a lecture of curves": f"{LARGE}&lecture=1&panel=curves",
}


@pytest.fixture(scope="module", params=[1280, 390])
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    window: dict[str, Any] = {"viewport": {"width": request.param, "height": 844}}
    with opened_page(browser, address + STILL, script=WATCH, **window) as opened:
        yield opened


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_words_do_not_run_together(link: str, page: Page) -> None:
    go_to(page, link)
    wait_for_step(page, int(link.partition("step=")[2].partition("&")[0]))
    # The true posterior is drawn last.
    if "latent_dim=4" not in link:
        expect(page.locator("#panel-latent .description")).to_contain_text("Its KL from the true posterior")
    page.locator("#panel-latent canvas").first.press("ArrowRight")
    page.locator("#panel-curves canvas").first.press("ArrowLeft")
    assert page.evaluate("clashes()") == []


EXPLAINED = {
    "data": ("coordinate", "reconstructions", "residuals", "mesh", "density", "samples", "noise"),
    "latent": ("means", "ellipses", "prior", "aggregate", "posterior"),
    "curves": ("held_out", "train", "exact", "gap"),
}
"""Toggles whose word is explained, by panel."""
IS_APART = """(panel) => {
    const tip = document.getElementById("tip").getBoundingClientRect();
    const row = document.querySelector(`#panel-${panel} .toggles`).getBoundingClientRect();
    return tip.top >= row.bottom || tip.bottom <= row.top;
}"""
LEAVES_THE_RIGHT = """(panel) => {
    const tip = document.getElementById("tip").getBoundingClientRect();
    const picture = document.querySelector(`#panel-${panel} canvas`).getBoundingClientRect();
    return tip.right < picture.left + 0.6 * picture.width;
}"""


@pytest.mark.parametrize("panel", EXPLAINED)
def test_an_explanation_covers_no_word_of_its_row_and_no_key(panel: str, page: Page) -> None:
    go_to(page, STILL)
    wait_for_step(page, 1)
    tip = page.locator("#tip")
    for name in EXPLAINED[panel]:
        page.locator(f"#panel-{panel} .chip:has([name={name}])").hover()
        expect(tip).to_be_visible()
        assert page.evaluate(IS_APART, panel), name
        # Keys and what is read out are at the right. On a phone a word takes the whole width.
        assert page.evaluate("innerWidth < 900") or page.evaluate(LEAVES_THE_RIGHT, panel), name
        page.mouse.move(2, 2)
        expect(tip).to_be_hidden()
