"""Open the lab in Chromium and keep what the documentation shows of it.

    python docs/make_lab_pictures.py

It leaves docs/pictures/lab.png and docs/pictures/lab-phone.png.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from swissroll.report.lab import lab_page

PICTURES = Path(__file__).resolve().parent / "pictures"
CHROMIUM = "/usr/bin/chromium"
STEPS = 2000
"""Steps after which the Swiss roll is learned at the page's own settings."""
TIMEOUT_MS = 600_000
HAS_STEPS = "steps => Number(document.getElementById('now-step').textContent.replace(/\\D/g, '')) >= steps"


def main() -> None:
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "lab.html"
        file.write_text(lab_page(), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, width, height, scheme in (("lab", 1280, 800, "light"), ("lab-phone", 390, 844, "dark")):
            context = browser.new_context(
                offline=True, viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page = context.new_page()
            page.goto(file.as_uri())
            keep_picture(page, name)
            context.close()
        browser.close()


def keep_picture(page: Page, name: str) -> None:
    """Train, choose a point, and keep the page as it looks then."""
    page.wait_for_function(HAS_STEPS, arg=STEPS, timeout=TIMEOUT_MS)
    page.click("#play")
    page.wait_for_timeout(5000)

    data = page.locator("#panel-data canvas").first
    box = data.bounding_box()
    if box is not None and name == "lab":
        data.click(position={"x": 0.5 * box["width"], "y": 0.78 * box["height"]})
        page.wait_for_timeout(5000)

    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    image.quantize(192, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
