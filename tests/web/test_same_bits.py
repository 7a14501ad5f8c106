"""A run has the same bits in Node and in Chromium, whose pages are opened from a file.

The whole dozen settings over 1,000 steps, and Firefox too: python -m benchmarks.lab hashes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.lab import DOZEN, engine_page, run_in_node
from tests.web.conftest import Node

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STEPS = 40
JOBS = [{"settings": settings | {"steps": STEPS}, "steps": STEPS} for settings in DOZEN]


@pytest.fixture(scope="module")
def in_node(node: Node) -> list[dict[str, Any]]:  # noqa: ARG001 - skips where Node is missing
    return run_in_node(JOBS)


def test_the_dozen_are_the_same_to_the_bit(browser: Browser, in_node: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "engine.html"
    path.write_text(engine_page(JOBS), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_function("document.getElementById('result').textContent !== ''", timeout=120_000)
    in_chromium = json.loads(page.text_content("#result") or "")
    page.close()
    assert [found["hash"] for found in in_chromium] == [found["hash"] for found in in_node]
    assert len({found["hash"] for found in in_node}) == len(JOBS)
