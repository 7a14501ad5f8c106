"""Open the lab in Chromium and keep what the documentation shows of it.

    python docs/make_lab_pictures.py [NAME ...]

It leaves docs/pictures/lab.png, lab-phone.png, and a picture for each of STATES; with names, only those.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from swissroll.report.lab import lab_page

PICTURES = Path(__file__).resolve().parent / "pictures"
CHROMIUM = "/usr/bin/chromium"
STEPS = 2000
"""Steps after which the Swiss roll is learned at the page's own settings."""
SPEED = "20"
"""Steps per second."""
TIMEOUT_MS = 600_000
SETTLE_MS = 5000
COLOURS = 250
IS_AT_STEP = "step => document.getElementById('now-step').textContent.replace(/\\D/g, '') === String(step)"
HAS_STEPS = "steps => Number(document.getElementById('now-step').textContent.replace(/\\D/g, '')) >= steps"
RUN = "#hidden_dim=16&step=1200"


def slow_motion(page: Page) -> None:
    """Up to the moment at which the gradient comes through the draw."""
    for _ in range(6):
        page.click("#tool-slow .primary")
        page.wait_for_selector("#tool-slow [aria-current]")


def twin(page: Page) -> None:
    page.fill("input[name=twin-value]", "1")
    page.click("#tool-twin .primary")


def break_it(page: Page) -> None:
    page.select_option("select[name=mistake]", "relu_on_head")
    page.click("#tool-break .primary")
    page.wait_for_timeout(SETTLE_MS)
    page.click("#play")


def sweep(page: Page) -> None:
    page.click("text=Train nine runs")
    # As a function: the page's policy lets no text become code.
    page.wait_for_function(
        "() => [...document.querySelectorAll('.sweep button')].every(({ innerText }) => innerText.includes('ELBO'))"
    )


def draw(page: Page) -> None:
    """A heart, with the mouse."""
    box = page.locator(".drawing").bounding_box()
    if box is None:
        raise RuntimeError("The page shows no drawing plane.")
    left = [(0.5, 0.85), (0.15, 0.5), (0.15, 0.25), (0.35, 0.15), (0.5, 0.35)]
    places = [*left, *((1 - x, y) for x, y in left[-2:0:-1])]
    across = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*across[0])
    page.mouse.down()
    for place in (*across[1:], across[0]):
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def word(page: Page) -> None:
    page.hover("#panel-latent .chip:has-text('aggregate')")
    page.wait_for_timeout(1000)


def nothing(_: Page) -> None:
    """Show the page as its link opens it."""


STATES: dict[str, tuple[str, Callable[[Page], None], str]] = {
    "lab-slow-motion": (f"{RUN}&tool=slow", slow_motion, "#panel-tools"),
    "lab-twin": (f"{RUN}&tool=twin", twin, "#panel-tools"),
    "lab-break-it": (f"{RUN}&tool=break", break_it, "#panel-tools"),
    "lab-sweep": ("#hidden_dim=16&step=20&tool=sweep", sweep, "#panel-tools"),
    "lab-own-data": ("#hidden_dim=16&step=20&tool=own", draw, "#panel-tools"),
    "lab-helix": (f"{RUN}&dataset=helix", nothing, "#panel-data"),
    "lab-word": (f"{RUN}&latent_dim=3", word, "#panel-latent"),
    "lab-lecture": ("#beta=1e-05&step=600&lecture=5&panel=data", nothing, "body"),
}
"""By name: the link, what is done then, and what of the page is shown."""


def main() -> None:
    wanted = set(sys.argv[1:]) or {"lab", "lab-phone", *STATES}
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "lab.html"
        file.write_text(lab_page(), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, width, height, scheme in (("lab", 1280, 800, "light"), ("lab-phone", 390, 844, "dark")):
            if name in wanted:
                page = open_page(browser, file.as_uri(), width, height, scheme)
                keep_picture(page, name)
                page.context.close()
        for name in [name for name in STATES if name in wanted]:
            page = open_page(browser, file.as_uri() + STATES[name][0], 1280, 800, "light")
            keep_state(page, name)
            page.context.close()
        browser.close()


def open_page(browser: Browser, address: str, width: int, height: int, scheme: str) -> Page:
    context = browser.new_context(offline=True, viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(address)
    return page


def keep_picture(page: Page, name: str) -> None:
    """Train, choose a point, and keep the page as it looks then."""
    # Not faster than the truth is found, on a busy machine too: the picture shows the evidence all along.
    page.select_option("#speed", SPEED)
    page.wait_for_function(HAS_STEPS, arg=STEPS)
    page.click("#play")
    page.wait_for_timeout(SETTLE_MS)

    data = page.locator("#panel-data canvas").first
    box = data.bounding_box()
    if box is not None and name == "lab":
        data.click(position={"x": 0.5 * box["width"], "y": 0.78 * box["height"]})
        page.wait_for_timeout(SETTLE_MS)
    save(page.screenshot(), name)


def keep_state(page: Page, name: str) -> None:
    """Wait for the run of a link, do what the state asks for, and keep what is shown of it."""
    fragment, act, shown = STATES[name]
    page.wait_for_function(IS_AT_STEP, arg=fragment.partition("&step=")[2].partition("&")[0])
    act(page)
    page.wait_for_timeout(SETTLE_MS)
    save(page.locator(shown).screenshot(), name)


def save(screenshot: bytes, name: str) -> None:
    image = Image.open(BytesIO(screenshot)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
