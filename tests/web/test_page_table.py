"""The page on a person's own table: begins with the run on it, shows its units, trains on, and links back to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from swissroll.config import Config
from swissroll.report.lab import lab_page
from swissroll.report.lab_start import start_of_run
from swissroll.runs.run import Run
from tests.oracles import trained_run
from tests.web.driver import opened_page, pause, play, saved, wait_for_step, weights_hash

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("pandas", reason="reads the table")

COLUMNS = ("height, mm", "share", "income")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on two columns far from 0 and of scales far apart."""
    folder = tmp_path_factory.mktemp("table")
    angle = np.random.default_rng(1).uniform(0, 6, 200)
    columns = [1700 + 100 * np.cos(angle), 0.3 + 0.01 * np.sin(angle), 1e6 * angle]
    kinds = np.where(angle < 3, "young", "old")
    lines = [f"{a:.1f};{b:.5f};{c:.0f};{kind}" for a, b, c, kind in zip(*columns, kinds, strict=True)]
    (folder / "people.csv").write_text("\n".join([";".join([*COLUMNS, "kind"]), *lines]), encoding="utf-8")
    of_rows: dict[str, Any] = {"data": str(folder / "people.csv"), "columns": '"height, mm",share', "label": "kind"}
    return trained_run(folder / "run", Config(steps=40, hidden_dim=8, depth=1, snapshot_every=20, **of_rows))


@pytest.fixture(scope="module")
def path(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lab") / "lab.html"
    path.write_text(lab_page(start_of_run(run)), encoding="utf-8")
    return path


def numbers(text: str) -> list[list[float]]:
    """The points that a read-out says."""
    plain = text.replace("\u2212", "-")
    return [[float(value) for value in values.split(",")] for values in re.findall(r"\(([^)]*)\)", plain)]


def test_points_are_read_out_in_the_units_of_the_table(browser: Browser, path: Path, run: Run) -> None:
    with opened_page(browser, path.as_uri()) as page:
        wait_for_step(page, 40)
        readout = page.locator("#panel-data .readout")
        expect(readout).to_contain_text("→")
        x, reconstructed = numbers(readout.inner_text())
        decoded = run.model.decode(run.model.encode(torch.tensor([x]))[0])[0]
        # Read out to a hundredth of a deviation, or finer.
        assert reconstructed == pytest.approx(decoded.tolist(), rel=0.001)
        cells = Path(run.config.data or "").read_text(encoding="utf-8").splitlines()[1:]
        rows = np.array([[float(cell) for cell in line.split(";")[:2]] for line in cells])
        assert (np.abs(rows - x) <= [0.06, 6e-6]).all(axis=1).any()

        rows_held = "The page holds the 180 training rows of people.csv, and the 20 held-out rows"
        expect(page.locator("#notes")).to_contain_text(rows_held)
        words = page.locator("#panel-data .description")
        expect(words).to_contain_text("180 rows of the columns height, mm, share, which reach")
        expect(page.locator("#panel-data .toggles")).to_contain_text("by kind")
        expect(page.locator("#tool-story")).to_contain_text("0.0707 standard deviations of the columns")
        assert page.locator("#knob-dataset option:checked").inner_text() == "people.csv"


def test_it_trains_on_and_every_tool_takes_its_rows(browser: Browser, path: Path) -> None:
    with opened_page(browser, path.as_uri()) as page:
        wait_for_step(page, 40)
        play(page)
        page.wait_for_function("() => Number(document.getElementById('now-step').textContent.replace(',', '')) > 41")
        pause(page)
        page.locator("#tab-twin").click()
        page.locator("#tool-twin .primary").click()
        expect(page.locator("#tool-twin .comparison")).to_be_visible()
        page.locator("#tab-sweep").click()
        page.get_by_role("button", name="Train nine runs").click()
        expect(page.locator("table.sweep td button").first).to_contain_text(re.compile(r"step \d|ELBO"))
        page.locator("#tab-slow").click()
        page.get_by_role("button", name="Next", exact=True).click()
        expect(page.locator("#tool-slow")).to_contain_text("in standard deviations of the columns")


def test_its_rows_leave_in_the_units_of_the_table(browser: Browser, path: Path, run: Run, tmp_path: Path) -> None:
    with opened_page(browser, path.as_uri()) as page:
        wait_for_step(page, 40)
        page.locator("#tab-export").click()
        lines = saved(page, "Save: Points as CSV", tmp_path).read_text().splitlines()
        assert lines[0] == '"height, mm",share'
        cells = {line.rsplit(";", 2)[0] for line in Path(run.config.data or "").read_text().splitlines()[1:]}
        written = {f"{float(line.split(',')[0]):.1f};{float(line.split(',')[1]):.5f}" for line in lines[1:]}
        assert written <= cells
        assert len(written) > 170

        command = saved(page, "Save: Command", tmp_path).read_text()
        assert "--data people.csv --columns '\"height, mm\",share' --label kind" in command
        assert str(Path(run.config.data or "").parent) not in path.read_text()


def test_a_link_gives_the_rows_their_units_and_the_weights_again(browser: Browser, path: Path) -> None:
    with opened_page(browser, path.as_uri()) as page:
        wait_for_step(page, 40)
        page.get_by_role("button", name="Same start").click()
        # The run before is shown until the new one is there.
        wait_for_step(page, 0)
        page.get_by_role("button", name="Step", exact=True).click()
        wait_for_step(page, 1)
        expected = weights_hash(page)
        page.wait_for_function("/step=1(&|$)/.test(location.hash) && location.hash.includes('units=')")
        address = page.url

    with opened_page(browser, address) as page:
        wait_for_step(page, 1)
        assert weights_hash(page) == expected
        expect(page.locator("#panel-data .description")).to_contain_text("rows of the columns height, mm, share")
