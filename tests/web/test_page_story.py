"""What happens, in words: they have room, are explained, and say nothing of what is over; and the page as a column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.web.driver import SMALL, STILL, go_to, opened_page, pause, wait_for_step

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WORDY = (
    "#hidden_dim=8&beta=1e-5&step=1500",
    "#hidden_dim=8&decoder_variance=learned&beta=2&step=400",
    "#hidden_dim=8&components=5&reduction=sum&step=300",
    "#hidden_dim=8&latent_dim=3&step=900",
)
"""Runs whose verdicts and sums are long."""


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    with opened_page(browser, address + STILL) as opened:
        yield opened


@pytest.mark.parametrize("link", WORDY)
def test_what_happens_has_room_for_its_words(link: str, page: Page) -> None:
    go_to(page, link)
    number = int(link.partition("step=")[2])
    wait_for_step(page, number)
    expect(page.locator("#tool-story")).to_contain_text(f"all of step {number:,} and the same 64 points")
    expect(page.locator(".verdict .advice")).not_to_be_empty()
    host = page.locator("#tool-story .host")
    # Whatever the verdict of this machine's rounding is, the longest one has room.
    page.locator(".verdict").evaluate("""(verdict) => {
        const line = parseFloat(getComputedStyle(verdict).lineHeight);
        verdict.style.minHeight = `${5 * line + 8}px`;
    }""")
    assert host.evaluate("(element) => element.scrollHeight - element.clientHeight") <= 0


def test_a_two_sample_test_is_explained_where_it_is_named(page: Page) -> None:
    go_to(page, WORDY[0])
    # The verdicts on the way there are written anew, and a word loses its focus then.
    wait_for_step(page, 1500)
    expect(page.locator("#tool-story")).to_contain_text("all of step 1,500 and the same 64 points")
    expect(page.locator(".verdict")).not_to_contain_text("That was at step")
    word = page.locator(".verdict .word", has_text="C2ST")
    expect(word).to_be_visible()
    word.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#tip")).to_contain_text("A test whether two sets of points can be told apart")


def test_the_cross_of_slow_motion_ends_with_it(page: Page) -> None:
    go_to(page, f"{STILL}&tool=slow")
    wait_for_step(page, 1)
    for _ in range(3):
        page.locator("#tool-slow .primary").click()
        expect(page.locator("#tool-slow [aria-current]")).to_be_visible()
    cross = re.compile(r"^z \(")
    expect(page.locator("#panel-latent .readout")).to_have_text(cross)
    page.locator("#tab-story").click()
    expect(page.locator("#panel-latent .readout")).not_to_have_text(cross)


def test_in_one_column_questions_come_first_and_keys_go_down_the_page(browser: Browser, address: str) -> None:
    with opened_page(browser, address + STILL, viewport={"width": 390, "height": 844}) as page:
        wait_for_step(page, 1)
        names = ["presets", "panel-data", "panel-latent", "panel-curves", "panel-tools", "knobs"]
        top_of = "id => document.getElementById(id).getBoundingClientRect().top"
        tops = [page.evaluate(top_of, name) for name in names]
        assert tops == sorted(tops)
        # As they are in the document, so are they reached by keys.
        found = page.evaluate("[...document.querySelectorAll('#presets, .panel, #knobs')].map(({ id }) => id)")
        assert found == names
        assert page.locator("#tabs").evaluate("({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth")

        page.set_viewport_size({"width": 1280, "height": 800})
        expect(page.locator("#sidebar #knobs")).to_be_visible()


@pytest.mark.parametrize("mistake", ["kl_sign", "sum_for_mean"])
def test_a_mistake_of_many_words_has_room(mistake: str, page: Page) -> None:
    go_to(page, f"{SMALL}&step=40&tool=break")
    wait_for_step(page, 40)
    page.locator("[name=mistake]").select_option(mistake)
    page.locator("#tool-break .primary").click()
    expect(page.locator("#tool-break .difference")).to_contain_text("Step ")
    pause(page)
    host = page.locator("#tool-break > .host")
    assert host.evaluate("(element) => element.scrollHeight - element.clientHeight") <= 0


def test_own_data_are_not_judged_before_the_first_step(page: Page) -> None:
    go_to(page, f"{SMALL}&step=1&tool=own")
    wait_for_step(page, 1)
    page.locator("#own-text").fill("1,2\n3,5\n5,6\n7,9")
    page.get_by_role("button", name="Train on this table").click()
    wait_for_step(page, 0)
    page.locator("#tab-story").click()
    expect(page.locator("#tool-story")).to_contain_text("Nats, all of step 0")
    assert page.locator(".verdict").inner_text().strip() == "Nothing is trained yet."
    assert page.locator('#panel-data input[name="coordinate"]').is_disabled()
