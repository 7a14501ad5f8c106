"""The page on a phone: what is in its small window, and what is never covered there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.web.driver import STILL, is_in_sight, opened_page, wait_for_step

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_on_a_phone_the_first_picture_is_in_the_first_screen_and_strips_say_where_they_go_on(
    browser: Browser, address: str
) -> None:
    with opened_page(browser, address + STILL, viewport={"width": 390, "height": 844}) as page:
        wait_for_step(page, 1)
        picture = page.locator("#panel-data canvas").bounding_box()
        buttons = page.locator("#transport").bounding_box()
        assert picture is not None
        assert buttons is not None
        assert picture["y"] + picture["height"] <= buttons["y"]

        questions = page.locator("#presets ol")
        expect(questions).to_have_attribute("data-more", "end")
        page.locator("[data-preset=best]").click()
        expect(questions).to_have_attribute("data-more", "start")
        # The question of a lecture's scene, too, is brought to sight.
        page.locator("[data-preset=first]").evaluate("(button) => button.click()")
        expect(questions).to_have_attribute("data-more", "end")

        toggles = page.locator("#panel-data .toggles")
        expect(toggles).to_have_attribute("data-more", "end")
        page.locator("#panel-data input[name=noise]").focus()
        expect(toggles).to_have_attribute("data-more", "start")


def test_what_the_tour_speaks_of_is_in_sight_on_a_phone(browser: Browser, address: str) -> None:
    with opened_page(browser, address + STILL, viewport={"width": 390, "height": 844}) as page:
        wait_for_step(page, 1)
        page.locator("#tour").click()
        hidden = []
        for number in range(1, 9):
            if not is_in_sight(page.locator(".toured h2, .toured button").first):
                hidden.append(number)
            page.locator("#tour-card .primary").click()
        assert hidden == []


HIDES_ITS_FOCUS = """() => {
    const focused = document.activeElement;
    const { left, right, top, bottom } = focused.getBoundingClientRect();
    const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    const isSeen = seen && (focused.contains(seen) || seen.contains(focused));
    return focused === document.body ? null : isSeen ? "" : focused.id || focused.ariaLabel || focused.className;
}"""


def test_what_has_the_focus_is_in_sight_on_a_phone(browser: Browser, address: str) -> None:
    window: dict[str, Any] = {"viewport": {"width": 390, "height": 844}}
    with opened_page(browser, f"{address}{STILL}&tool=export", **window) as page:
        wait_for_step(page, 1)
        hidden = []
        for _ in range(150):
            page.keyboard.press("Tab")
            found = page.evaluate(HIDES_ITS_FOCUS)
            if found is None:
                break
            hidden.append(found)
        assert len(hidden) > 60
        assert set(hidden) == {""}
