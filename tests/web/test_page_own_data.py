"""Own data in the page: drawn by mouse and by keyboard, opened from files good and bad, and typed as functions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.web.driver import STILL, is_in_sight, opened_page, wait_for_step, weights_hash

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload, Page

BAD_TABLES = {
    "": "There is no row of numbers here.",
    "1,2\n3,x\n5,6\n7,8": "Row 2, column 2",
    "1,2\n3,nan\n5,6\n7,8": "Row 2, column 2",
    "1,2\n3,4": "There are 2 rows of numbers; a data set needs at least 3.",
    "1\n2\n3\n4": "column",
    "1,2\n3,4,5\n6,7\n8,9": "Row 2",
    "1,2\n1,2\n1,2\n1,2": "",
    "<script>alert(1)</script>": "",
    "=1+1,2\n3,4\n5,6\n7,8": "Row 1",
    "\x00\x01\x02": "",
}


@pytest.fixture(scope="module")
def shared(browser: Browser, address: str) -> Iterator[Page]:
    with opened_page(browser, f"{address}{STILL}&tool=own") as page:
        wait_for_step(page, 1)
        yield page


@pytest.fixture
def page(shared: Page) -> Page:
    """The page with the tool of own data open, on the built-in data."""
    back = shared.get_by_role("button", name="Back to the built-in data")
    if back.is_visible():
        back.click()
    shared.locator("#tool-own .told").evaluate("(element) => { element.textContent = 'nothing yet'; }")
    return shared


def own_points(page: Page) -> int:
    """How many own points the run trains on, in the words of the tool."""
    said = page.locator("#tool-own .description")
    expect(said).to_contain_text("The run trains on")
    return int(re.findall(r", (\d+) points", said.text_content() or "")[0])


def told(page: Page) -> str:
    """What the tool says, which must be in sight."""
    line = page.locator("#tool-own .told")
    expect(line).not_to_have_text("nothing yet")
    assert is_in_sight(line), line.inner_text()
    return line.inner_text()


def test_a_line_is_drawn_with_the_mouse(page: Page) -> None:
    page.get_by_role("button", name="Clear").click()
    box = page.locator(".drawing").bounding_box()
    assert box is not None
    assert is_in_sight(page.locator(".drawing"))
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 100, steps=5)
    page.mouse.move(box["x"] + 150, box["y"] + 40, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Train on this drawing").click()

    assert "Training on your drawing" in told(page)
    assert own_points(page) > 50
    # Points as far apart as the data's: at most 1 from the origin, and some as far.
    expect(page.locator("#panel-data .description")).to_contain_text(
        re.compile(r"of 2 coordinates, which reach (0\.\d+|1)")
    )
    page.wait_for_function("() => location.hash.includes('own=2.')")
    assert page.locator("#knob-dataset option:checked").inner_text() == "drawing"


def test_points_are_drawn_with_the_keyboard(page: Page) -> None:
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Train on this drawing").click()
    assert "at least three points" in told(page)

    canvas = page.locator(".drawing")
    canvas.focus()
    for key in ("Enter", "ArrowRight", "Enter", "ArrowUp", "Enter", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert canvas.get_attribute("aria-description") == "Pen at 0.15, 0.05."
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert own_points(page) == 4


def test_a_table_is_opened_from_a_file(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "<b>walk.csv"
    path.write_text("time,lat,lon,name\n" + "".join(f"{k},{k * k},{-k},a\n" for k in range(8)))
    page.locator("#own-file").set_input_files(path)
    page.locator("#own-column-x").select_option(label="lat")
    page.locator("#own-column-y").select_option(label="lon")
    page.get_by_role("button", name="Train on this table").click()
    assert told(page).startswith("Training on the points of <b>walk.csv: 8 rows. Inside the model each column has")
    assert own_points(page) == 8


def test_columns_of_unlike_scales_are_shown_in_their_units_and_go_into_a_link(browser: Browser, address: str) -> None:
    angle = [0.1 * k for k in range(240)]
    rows = [f"{1700 + 100 * math.cos(a):.1f},{0.3 + 0.01 * math.sin(a):.5f}" for a in angle]
    with opened_page(browser, f"{address}{STILL}&tool=own") as page:
        wait_for_step(page, 1)
        page.locator("#own-text").fill("\n".join(["height,share", *rows]))
        page.get_by_role("button", name="Train on this table").click()
        assert "height (mean 1" in told(page)
        expect(page.locator("#tool-own .description")).to_contain_text("is measured on 24 that are held out")
        expect(page.locator("#panel-data .description")).to_contain_text("216 rows of the columns height, share")
        wait_for_step(page, 0)
        page.get_by_role("button", name="Step", exact=True).click()
        wait_for_step(page, 1)

        # The first point of all, chosen by its key.
        page.locator("#panel-data canvas").first.press("Home")
        expect(page.locator("#panel-data .readout")).to_contain_text("x (")
        readout = page.locator("#panel-data .readout").inner_text()
        x, y = (float(value) for value in re.findall(r"x \(([^)]*)\)", readout)[0].split(", "))
        across, up = (x - 1700) / 100, (y - 0.3) / 0.01
        assert min(math.hypot(across - math.cos(a), up - math.sin(a)) for a in angle) < 0.02
        expected = weights_hash(page)
        page.wait_for_function("() => location.hash.includes('units=') && location.hash.includes('step=1')")
        link = page.url

    with opened_page(browser, link) as page:
        wait_for_step(page, 1)
        assert weights_hash(page) == expected
        expect(page.locator("#panel-data .description")).to_contain_text("216 rows of the columns height, share")


@pytest.mark.parametrize(("text", "sentence"), BAD_TABLES.items(), ids=range(len(BAD_TABLES)))
def test_what_is_wrong_with_a_file_is_said_in_sight(text: str, sentence: str, page: Page, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    page.locator("#own-file").set_input_files(path)
    # Once it is read, or the table before would be trained on.
    told(page)
    page.get_by_role("button", name="Train on this table").click()
    if sentence:
        assert sentence in told(page)
    else:
        assert told(page)
    assert page.locator("#tool-own script").count() == 0


def test_a_file_that_is_too_large_is_not_read(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"1,2\n" * 3_000_000)
    page.locator("#own-file").set_input_files(path)
    expect(page.locator("#tool-own .told")).to_contain_text("MB are read")
    page.locator("#own-file").set_input_files([])


def test_functions_of_t_become_points_and_a_wrong_one_is_told(page: Page) -> None:
    page.locator("#own-x").fill("cos(t)")
    page.locator("#own-y").fill("alert(t)")
    page.get_by_role("button", name="Train on this curve").click()
    assert "alert" in told(page)

    page.locator("#own-y").fill("sin(2 t)")
    page.locator("#own-z").fill("t / 5")
    page.get_by_role("button", name="Train on this curve").click()
    assert "1,000 points of 3 coordinates" in told(page)
    expect(page.locator("#panel-data .sides")).to_be_visible()


def test_a_sweep_trains_on_own_points_of_three_coordinates(page: Page) -> None:
    page.locator("#own-z").fill("t / 5")
    page.get_by_role("button", name="Train on this curve").click()
    page.locator("#tab-sweep").click()
    page.get_by_role("button", name="Train nine runs").click()
    expect(page.locator("table.sweep td button").first).to_contain_text(re.compile(r"step \d|ELBO"))
    page.locator("#tab-own").click()


HELD_READING = """() => {
    const read = Blob.prototype.text;
    window.waiting = [];
    Blob.prototype.text = function () {
        const text = new Promise((resolve) => {
            window.waiting.push(() => {
                resolve();
                return text;
            });
        }).then(() => read.call(this));
        return text;
    };
}"""
"""Files are read once a test says so: `waiting` has one function a file that is being read."""


def file_of(rows: int, name: str) -> FilePayload:
    text = "".join(f"{k},{k * k}\n" for k in range(rows))
    return {"name": name, "mimeType": "text/csv", "buffer": text.encode()}


def test_a_table_that_is_still_being_read_is_waited_for(browser: Browser, address: str) -> None:
    with opened_page(browser, f"{address}{STILL}&tool=own") as page:
        wait_for_step(page, 1)
        page.locator("#own-text").fill("0,1\n2,3\n4,6\n7,8\n")
        page.evaluate(HELD_READING)
        page.locator("#own-file").set_input_files(file_of(6, "six.csv"))
        page.get_by_role("button", name="Train on this table").click()
        page.evaluate("waiting[0]()")
        expect(page.locator("#tool-own .told")).to_contain_text("Training on the points of six.csv: 6 rows.")
        assert own_points(page) == 6


def test_of_two_files_the_one_chosen_last_is_the_table(browser: Browser, address: str) -> None:
    with opened_page(browser, f"{address}{STILL}&tool=own") as page:
        wait_for_step(page, 1)
        page.evaluate(HELD_READING)
        page.locator("#own-file").set_input_files(file_of(6, "six.csv"))
        page.locator("#own-file").set_input_files(file_of(9, "nine.csv"))
        page.evaluate("waiting[1]()")
        expect(page.locator("#tool-own .told")).to_have_text("nine.csv is read.")
        page.evaluate("waiting[0]()")
        page.get_by_role("button", name="Train on this table").click()
        assert own_points(page) == 9


def test_a_file_that_cannot_be_read_is_told_and_trains_nothing(browser: Browser, address: str) -> None:
    with opened_page(browser, f"{address}{STILL}&tool=own") as page:
        wait_for_step(page, 1)
        page.locator("#own-text").fill("0,1\n2,3\n4,6\n7,8\n")
        page.evaluate("() => { Blob.prototype.text = () => new Promise((_, refuse) => { window.refuse = refuse; }); }")
        page.locator("#own-file").set_input_files(file_of(6, "six.csv"))
        page.get_by_role("button", name="Train on this table").click()
        page.evaluate("refuse(new DOMException('gone', 'NotReadableError'))")
        expect(page.locator("#tool-own .told")).to_have_text("six.csv could not be read. Choose it again.")
        expect(page.locator("#tool-own .description")).to_have_text("The run trains on a built-in distribution.")
        # A browser says nothing when the file that stands there is chosen once more.
        expect(page.locator("#own-file")).to_have_value("")
