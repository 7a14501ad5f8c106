"""The built pages need nothing but their folder, and nothing on them is out of reach."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from docs.fill import linked_pages

DOCS = Path(__file__).resolve().parents[2] / "docs"
NAMES = ["index", *linked_pages((DOCS / "index.md").read_text(encoding="utf-8"))]
# What is wider than the place that it is in, which then has to scroll; and whether it does.
TOO_WIDE = """() => [...document.querySelectorAll("article table, article pre")].flatMap(box => {
    const place = box.tagName === "TABLE" ? box.parentElement : box;
    if (place.scrollWidth <= place.clientWidth + 1) return [];
    return [[box.textContent.trim().slice(0, 40), ["auto", "scroll"].includes(getComputedStyle(place).overflowX)]];
})"""
# Formulas in a line of text that end beyond the screen.
CUT_FORMULAS = """() => [...document.querySelectorAll("math")]
  .filter((formula) => !formula.closest(".table-wrapper, div.math"))
  .filter((formula) => [...formula.querySelectorAll("*")].some((e) => e.getBoundingClientRect().right > innerWidth))
  .map((formula) => formula.textContent.replace(/\\s+/g, " "))"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built as `make docs` builds them."""
    pytest.importorskip("furo", reason="needs the documentation's tools: pip install -c constraints.txt -e '.[docs]'")
    folder = tmp_path_factory.mktemp("html")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def screen(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_built_page_asks_the_network_for_nothing_and_fits_the_screen(name: str, built: Path, screen: Page) -> None:
    asked: list[str] = []
    told: list[str] = []
    screen.on("request", lambda request: asked.append(request.url))
    screen.on("console", lambda message: told.append(message.text))
    screen.set_viewport_size({"width": 1280, "height": 900})
    screen.goto((built / f"{name}.html").as_uri())
    assert all(url.startswith("file:") for url in asked)
    assert told == []

    assert screen.evaluate("document.documentElement.scrollWidth") <= 1280
    assert [text for text, _ in screen.evaluate(TOO_WIDE) if "$ " not in text] == []
    screen.set_viewport_size({"width": 390, "height": 800})
    assert screen.evaluate("document.documentElement.scrollWidth") <= 390
    assert all(scrolls for _, scrolls in screen.evaluate(TOO_WIDE))
    assert screen.evaluate(CUT_FORMULAS) == []


def test_formulas_and_names_are_built(built: Path) -> None:
    assert (built / "conventions.html").read_text(encoding="utf-8").count("<math") > 30
    assert 'id="swissroll.VAE.sample"' in (built / "api.html").read_text(encoding="utf-8")
    assert not list(built.rglob("*mathjax*"))
