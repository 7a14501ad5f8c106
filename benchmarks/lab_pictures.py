"""The lab's pictures in headless Chromium, opened from a file: how often they are painted, and how soon.

- Frames: animation frames in which the panel of the data was drawn, over some seconds of training at full speed.
- Truth: messages with a new density, or a new posterior of the chosen point, over the same seconds.
- Hover: from the time stamp of a move of the pointer to the task after the frame that shows where it decodes to.
- First picture: from the start of the navigation, in a new context of a browser that runs already.

Beside the lab, in the same minute, pages that do next to nothing: one that asks for animation frames alone, one that
draws as many dots as the lab's two panels, as circles, and this one again beside two workers that only count, as the
lab trains in one and finds the truth in another. What they reach is what this machine allows.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from swissroll.report.lab import lab_page

CHROMIUM = "/usr/bin/chromium"
WATCH = (Path(__file__).resolve().parent / "lab_watch.js").read_text(encoding="utf-8")
TRIES = 5
SECONDS = 6.0
"""Of each try, after the first ones, in which code is compiled."""
WARM_UP = 3.0
MOVES = 80
"""Moves of the pointer in each try."""
LINK = "#hidden_dim=64&steps=100000"
COUNTS = """[
    watch.painted.length,
    new Set(watch.steps).size,
    watch.truths.density.length,
    watch.truths.posterior.length,
    Number(document.getElementById("now-step").textContent.replace(/\\D/g, "")),
]"""
RATES = ("painted frames/s while training", "of them with new steps", "densities/s", "posteriors/s", "steps/s")
EMPTY = """<!doctype html><title>Frames</title><script>
globalThis.watch = { frames: 0 };
const count = () => { watch.frames += 1; requestAnimationFrame(count); };
requestAnimationFrame(count);
</script>"""
PAINTS = """<!doctype html><title>Marks</title>
<canvas width="480" height="300"></canvas><canvas width="480" height="300"></canvas>
<script>
globalThis.watch = { frames: 0, hovers: [] };
const contexts = [...document.querySelectorAll("canvas")].map((canvas) => canvas.getContext("2d"));
const colours = Array.from({ length: 24 }, (_, k) => `hsl(${15 * k} 80% 50%)`);
const count = "for (let n = 0; ; ) n += 1;";
if (location.hash === "#workers")
  for (let k = 0; k < 2; k++) new Worker(URL.createObjectURL(new Blob([count])));
let moved = [];
addEventListener("pointermove", (event) => moved.push(event.timeStamp));
const draw = () => {
  watch.frames += 1;
  const shown = moved;
  moved = [];
  setTimeout(() => watch.hovers.push(...shown.map((at) => performance.now() - at)));
  for (const context of contexts) {
    context.clearRect(0, 0, 480, 300);
    for (const colour of colours) {
      context.beginPath();
      for (let k = 0; k < 2000 / 24; k++) {
        const x = 480 * Math.random();
        const y = 300 * Math.random();
        context.moveTo(x + 2, y);
        context.arc(x, y, 2, 0, 2 * Math.PI);
      }
      context.fillStyle = colour;
      context.fill();
    }
  }
  requestAnimationFrame(draw);
};
requestAnimationFrame(draw);
</script>"""


def print_pictures() -> None:
    """Measure and print all of it, a line each: the median of the tries, and each try."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        addresses = _write_pages(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        found: dict[str, list[float]] = {}
        others: list[float] = []
        for _ in range(TRIES):
            with _others_share(others):
                for name, value in _measure_once(browser, addresses):
                    found.setdefault(name, []).append(value)
        browser.close()

    cores = os.cpu_count()
    print(
        f"{TRIES} tries; other processes took {median(others):.2f} of {cores} cores (median), {max(others):.2f} at most"
    )
    for name, values in found.items():
        tries = ", ".join(f"{value:.4g}" for value in values)
        print(f"{name:70} {median(values):8.4g}   ({tries})", flush=True)


def _write_pages(folder: Path) -> dict[str, str]:
    pages = {"lab": lab_page(), "empty": EMPTY, "paints": PAINTS}
    addresses = {}
    for name, text in pages.items():
        path = folder / f"{name}.html"
        path.write_text(text, encoding="utf-8")
        addresses[name] = path.as_uri()
    return addresses


def _measure_once(browser: Browser, addresses: dict[str, str]) -> Iterator[tuple[str, float]]:
    with _opened(browser, addresses["empty"]) as page:
        yield "an empty page, frames/s", _per_second(page, "watch.frames")
    for link, words in (("", "2 x 2,000 dots"), ("#workers", "these beside two workers that count")):
        with _opened(browser, addresses["paints"] + link) as page:
            yield f"{words}, frames/s", _per_second(page, "watch.frames")
            yield from _measure_hover(page, words, "canvas")

    with _opened(browser, addresses["lab"]) as page:
        _wait_for(page, "watch.firstOfModel !== null")
        yield "first picture after opening, ms", page.evaluate("watch.first")
        yield "first picture of the model after opening, ms", page.evaluate("watch.firstOfModel")

    with _opened(browser, addresses["lab"] + LINK) as page:
        _wait_for(page, "watch.truths.posterior.length > 3")
        time.sleep(WARM_UP)
        yield from _measure_training(page)
        yield from _measure_hover(page, "lab", "#panel-latent canvas")


def _measure_training(page: Page) -> Iterator[tuple[str, float]]:
    before, began = page.evaluate(COUNTS), time.perf_counter()
    time.sleep(SECONDS)
    after, seconds = page.evaluate(COUNTS), time.perf_counter() - began
    rates = [(b - a) / seconds for a, b in zip(before, after, strict=True)]
    yield from zip((f"lab, width 64: {name}" for name in RATES), rates, strict=True)


def _measure_hover(page: Page, words: str, canvas: str) -> Iterator[tuple[str, float]]:
    box = page.locator(canvas).first.bounding_box()
    if box is None:
        raise RuntimeError(f"There is no {canvas}.")
    before = page.evaluate("watch.hovers.length")
    for move in range(MOVES):
        angle = 2 * math.pi * move / 31
        x = box["x"] + box["width"] * (0.25 + 0.1 * math.cos(angle))
        page.mouse.move(x, box["y"] + box["height"] * (0.5 + 0.2 * math.sin(angle)))
        time.sleep(0.037)
    time.sleep(0.3)
    times = sorted(page.evaluate("watch.hovers")[before:])
    yield f"{words}: moves of the pointer that were painted", len(times)
    yield f"{words}: from the move to its picture, median, ms", median(times)
    yield f"{words}: from the move to its picture, 95th percentile, ms", times[math.ceil(0.95 * len(times)) - 1]


def _wait_for(page: Page, condition: str) -> None:
    """Ask until something holds: the page's policy forbids Playwright's own way, which makes code of text."""
    while not page.evaluate(condition):
        time.sleep(0.1)


def _per_second(page: Page, expression: str) -> float:
    time.sleep(0.5)
    before, began = page.evaluate(expression), time.perf_counter()
    time.sleep(SECONDS / 3)
    after, seconds = page.evaluate(expression), time.perf_counter() - began
    return float(after - before) / seconds


@contextmanager
def _opened(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(WATCH if "lab.html" in address else "")
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


@contextmanager
def _others_share(shares: list[float]) -> Iterator[None]:
    """Add how many cores other processes took meanwhile, on average."""
    own = psutil.Process()

    def used() -> float:
        return sum(sum(process.cpu_times()[:4]) for process in [own, *own.children(recursive=True)])

    all_before, own_before, began = _busy(), used(), time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    shares.append(max(0.0, (_busy() - all_before) - (used() - own_before)) / seconds)


def _busy() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)


if __name__ == "__main__":
    print_pictures()
