"""How the page looks: on paper, in dark and in light colours, and with less motion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import expect

from tests.web.driver import SMALL, STILL, opened_page, wait_for_step, weights_hash

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


CUT_OFF = """() => [...document.querySelectorAll(".panel, .panel .head, .panel .description")]
    .filter(({ scrollHeight, clientHeight, scrollWidth, clientWidth }) =>
        scrollHeight > clientHeight + 1 || scrollWidth > clientWidth)
    .map(({ className }) => className)"""


@pytest.mark.parametrize("width", [700, 1280])
def test_paper_has_the_words_and_is_white(width: int, browser: Browser, address: str) -> None:
    window: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": "dark"}
    with opened_page(browser, address + STILL, **window) as page:
        wait_for_step(page, 1)
        digest = weights_hash(page)
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("#sidebar").is_hidden()
        assert digest in page.locator("#print-summary").inner_text()
        said = page.locator("#panel-latent .description")
        expect(said).to_contain_text("The prior is standard normal.")
        assert said.evaluate("(element) => element.getBoundingClientRect().height") > 10
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(34, 34, 34)"
        # Nothing is cut off, and pictures keep their shape.
        assert page.evaluate(CUT_OFF) == []
        assert page.locator("#panel-data canvas").first.evaluate("(e) => getComputedStyle(e).objectFit") == "contain"
        assert page.locator(".chip:visible input:not(:checked)").count() == 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def pictures(page: Page) -> list[str]:
    """The pixels of the planes of the data and of the latents, once what was asked for is drawn."""
    found: list[str] = page.evaluate("""async () => {
        for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
        const canvases = document.querySelectorAll("#panel-data canvas, #panel-latent canvas");
        return [...canvases].map((canvas) => canvas.toDataURL());
    }""")
    return found


def recolour(page: Page, scheme: Literal["light", "dark"]) -> None:
    """Change the colours of the window, and wait until the page has heard of it."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("(scheme) => document.documentElement.dataset.theme === scheme", arg=scheme)


@pytest.mark.parametrize("link", [f"{SMALL}&step=30", f"{SMALL}&step=30&components=3"])
def test_what_is_kept_of_a_picture_is_as_if_it_were_drawn_anew(link: str, browser: Browser, address: str) -> None:
    with opened_page(browser, address + link, color_scheme="dark") as page:
        wait_for_step(page, 30)
        density = page.get_by_label("density").first
        # Found together, and the last to be drawn.
        expect(page.locator("#panel-data .description")).to_contain_text("exact density p(x) of step 30 is drawn")
        expect(page.locator("#panel-latent .description")).to_contain_text("Its KL from the true posterior")
        first = pictures(page)
        recolour(page, "light")
        light = pictures(page)
        assert all(one != other for one, other in zip(first, light, strict=True))
        recolour(page, "dark")
        assert pictures(page) == first

        density.uncheck()
        without = pictures(page)
        assert (without[0] != first[0], without[1] == first[1]) == (True, True)
        density.check()
        assert pictures(page) == first


def test_with_less_motion_it_trains_and_nothing_slides(browser: Browser, address: str) -> None:
    with opened_page(browser, f"{address}#hidden_dim=8&depth=1&steps=200", reduced_motion="reduce") as page:
        page.wait_for_selector('.verdict[data-kind="stopped"]')
        wait_for_step(page, 200)
        expect(page.locator("#panel-curves .description")).to_contain_text("Step 200.")
        assert page.evaluate("""() => [...document.querySelectorAll("*")].every((element) => {
            const { animationName, transitionDuration } = getComputedStyle(element);
            return animationName === "none" && transitionDuration === "0s";
        })""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_word_of_a_pressed_button_is_read_under_the_pointer(
    scheme: Literal["light", "dark"], browser: Browser, address: str
) -> None:
    with opened_page(browser, address + STILL, color_scheme=scheme) as page:
        wait_for_step(page, 1)
        lecture = page.locator("#lecture")
        lecture.click()
        expect(lecture).to_have_attribute("aria-pressed", "true")
        page.mouse.move(2, 2)
        away = lecture.evaluate("(button) => getComputedStyle(button).backgroundColor")
        lecture.hover()
        # Its word has the colour that is meant for this background.
        assert lecture.evaluate("(button) => getComputedStyle(button).backgroundColor") == away
