"""Opens the lab's page as people do, from one file and without a network, and asks it what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

SOON = 60_000
"""Milliseconds in which a step, a reply or a picture comes, on a busy machine too."""
SMALL = "#hidden_dim=8&depth=1"
"""A run whose steps take no time."""
STILL = f"{SMALL}&step=1"
"""A run that stands still, for what needs no training."""
expect.set_options(timeout=SOON)
HASH = re.compile("^[0-9a-f]{64}$")


@contextmanager
def opened_page(browser: Browser, address: str, script: str = "", **options: Any) -> Iterator[Page]:
    """A page with the network off, in which a script runs first; fails on any line in the console and any request."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
    context.set_offline(True)
    context.add_init_script(script)
    page = context.new_page()
    page.set_default_timeout(SOON)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else said.append(r.url))
    page.goto(address)
    wait_for_script(page)

    yield page

    context.close()
    assert said == []


def go_to(page: Page, fragment: str) -> None:
    """Open the page anew at a link."""
    address = page.url.split("#")[0]
    page.goto("about:blank")
    page.goto(address + fragment)
    wait_for_script(page)


def wait_for_script(page: Page) -> None:
    """The page's script is unpacked once the page is loaded: before that, nobody hears a key or a click."""
    page.locator("#tab-story").wait_for(state="attached")


def step(page: Page) -> int:
    """The step that the page shows."""
    return int(page.locator("#now-step").inner_text().replace(",", ""))


def wait_for_step(page: Page, number: int) -> None:
    expect(page.locator("#now-step")).to_have_text(f"{number:,}", timeout=SOON)


def wait_for_any_step(page: Page) -> None:
    expect(page.locator("#now-step")).not_to_have_text("0", timeout=SOON)


def play(page: Page) -> None:
    """Begin to train a run that stands still. The button stops one that trains, so it is read first."""
    expect(page.locator("#play")).to_have_text("Play")
    page.locator("#play").click()


def pause(page: Page) -> None:
    """Stop training; returns once the page stands still."""
    # Read and clicked at one moment: a run that stops by itself in between would be begun again.
    page.locator("#play").evaluate("(button) => button.textContent.trim() === 'Pause' && button.click()")
    expect(page.locator("#play")).to_have_text("Play")
    weights_hash(page)


def weights_hash(page: Page) -> str:
    """The SHA-256 of the weights, which a page shows once it stands still."""
    element = page.locator("#weights-hash")
    expect(element).to_have_attribute("data-hash", HASH, timeout=SOON)
    return element.get_attribute("data-hash") or ""


def look_at_start(page: Page) -> None:
    """Look at the first snapshot. The page asks for snapshots now and then, and a slider without any takes no key."""
    page.wait_for_selector("#timeline-range:enabled")
    page.locator("#timeline-range").press("Home")
    wait_for_step(page, 0)


def notes(page: Page) -> str:
    return page.locator("#notes").inner_text()


def is_in_sight(locator: Locator) -> bool:
    """Whether the middle of an element is what one sees there: inside the window, and with nothing over it."""
    return bool(
        locator.evaluate("""(element) => {
            const box = element.getBoundingClientRect();
            const seen = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
            return element.contains(seen);
        }""")
    )


def mute_regions(page: Page) -> list[str]:
    """Regions that scroll and which keys do not reach, or that take the focus and have no name."""
    found: list[str] = page.evaluate("""() => {
        const scrolls = (element) => {
            const { overflowX, overflowY } = getComputedStyle(element);
            const across = ["auto", "scroll"].includes(overflowX) && element.scrollWidth > element.clientWidth;
            const down = ["auto", "scroll"].includes(overflowY) && element.scrollHeight > element.clientHeight;
            return across || down;
        };
        const inner = "button, input, select, textarea, [tabindex]";
        const isReached = (element) =>
            [element, ...element.querySelectorAll(inner)].some(({ tabIndex }) => tabIndex >= 0);
        const nameOf = (element) => element.ariaLabel ??
            document.getElementById(element.getAttribute("aria-labelledby"))?.textContent ?? "";
        return [...document.querySelectorAll("body *")]
            .filter((element) => element.checkVisibility())
            .filter((element) => scrolls(element) ? !isReached(element) || !nameOf(element)
                : element.getAttribute("tabindex") === "0" && !element.matches("button") && !nameOf(element))
            .map((element) => `${element.tagName} ${element.id || element.className}`);
    }""")
    return found


def saved(page: Page, button: str, folder: Path) -> Path:
    """The file that a button saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path
