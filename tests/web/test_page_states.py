"""Each state of the page, with the real engine: what it shows is so, is in its window, and leaves the console empty."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.web.driver import (
    SMALL,
    STILL,
    go_to,
    look_at_start,
    mute_regions,
    opened_page,
    pause,
    wait_for_step,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RUN = f"{SMALL}&step=20"
BREAKS = f"{SMALL}&lr=1000&beta=100&step=30"
TOOLS = ("story", "slow", "twin", "break", "sweep", "own", "export")


def click(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).first.click()


def in_turn(*actions: Callable[[Page], None]) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        for action in actions:
            action(page)

    return act


def wait(selector: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.wait_for_selector(selector)

    return act


def nothing(_: Page) -> None:
    """Leave the page as its link opens it."""


def select(selector: str, value: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.select_option(selector, value)

    return act


def press_on(selector: str, key: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).first.press(key)


def pause_once_it_trains(page: Page) -> None:
    """What is broken begins to train by itself, once it is there."""
    expect(page.locator("#play")).to_have_text("Pause")
    pause(page)


SLOWLY = select("#speed", "20")
NEXT = click("#tool-slow button.primary")
HAS_OTHER = wait("#tool-break .comparison")
STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    **{f"tool {tool}": (f"{STILL}&tool={tool}", nothing) for tool in TOOLS},
    **{f"lecture {panel}": (f"{STILL}&lecture=3&panel={panel}", nothing) for panel in ("data", "curves", "tools")},
    "one panel": (f"{STILL}&panel=latent", nothing),
    "a wrong link": (f"{STILL}&beta=-1", wait("#notes button")),
    "one latent": (f"{STILL}&latent_dim=1", nothing),
    "four latents": (f"{STILL}&latent_dim=4&plane=1,3", wait("select[name=axis-up]")),
    "three coordinates": (f"{STILL}&dataset=helix", wait("input[name=tilt]")),
    "learned variance": (f"{STILL}&decoder_variance=learned&beta=1", nothing),
    "no noise": (f"{STILL}&beta=0", nothing),
    "mixture prior": (f"{STILL}&components=5&reduction=sum", nothing),
    "a broken run": (BREAKS, wait('.verdict[data-kind="broke"]')),
    "all settings": (STILL, click("#knobs summary")),
    "help": (STILL, click("#help")),
    "a word": (STILL, in_turn(press_on("#tool-story .host", "Tab"), wait("#tip"))),
    "tour": (STILL, click("#tour")),
    "slow motion": (f"{STILL}&tool=slow", in_turn(NEXT, wait("#tool-slow [aria-current]"), *[NEXT] * 5)),
    "twin": (f"{STILL}&tool=twin", in_turn(click("#tool-twin .primary"), wait("#tool-twin .comparison"))),
    "break it": (
        f"{STILL}&tool=break",
        in_turn(SLOWLY, click("#tool-break .primary"), HAS_OTHER, pause_once_it_trains),
    ),
    "guess the bug": (
        f"{STILL}&tool=break",
        in_turn(SLOWLY, click("text=Guess the bug"), HAS_OTHER, click("text=A hint"), pause_once_it_trains),
    ),
    "sweep": (f"{STILL}&tool=sweep", in_turn(click("text=Train nine runs"), wait("table.sweep"))),
    "a bad table": (
        f"{STILL}&tool=own",
        in_turn(lambda page: page.fill("#own-text", "1,2\n3,x"), click("text=Train on this table"), wait(".wrong")),
    ),
    "exported": (f"{STILL}&tool=export", in_turn(click("[aria-label='Copy: Command']"), wait(".exports ~ textarea"))),
    "a snapshot": (RUN, look_at_start),
    "on paper": (STILL, lambda page: page.emulate_media(media="print")),
}
"""The states of the page, by name: its link, and what is done then."""
CROWDED = (
    "tool slow",
    "a broken run",
    "four latents",
    "three coordinates",
    "all settings",
    "slow motion",
    "guess the bug",
    "sweep",
)
"""Those with the most in them, which are looked at without axe-core too."""


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    """One page for all that needs no window of its own."""
    with opened_page(browser, address + STILL) as opened:
        yield opened


def open_state(page: Page, name: str) -> None:
    fragment, act = STATES[name]
    page.emulate_media(media="screen")
    go_to(page, fragment)
    # Not "0 of 1", as on its way there.
    expect(page.locator("#now-step")).to_have_text(re.compile(r"^[1-9][0-9]*$"))
    act(page)


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_state_fits_and_scrolls_by_keys_and_axe_finds_nothing(
    width: int, scheme: str, browser: Browser, address: str
) -> None:
    axe = os.environ.get("SWISSROLL_AXE")
    if not axe and (width, scheme) != (390, "dark"):
        pytest.skip("needs axe-core: npm install axe-core, and its axe.min.js named in SWISSROLL_AXE")

    script = Path(axe).read_text(encoding="utf-8") if axe else ""
    found = {}
    window: dict[str, Any] = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme}
    with opened_page(browser, address + STILL, **window) as page:
        for name in STATES if axe else CROWDED:
            open_state(page, name)
            violations = ["wider"] if page.evaluate("document.documentElement.scrollWidth") > width else []
            violations += mute_regions(page)
            if script:
                page.evaluate(script + ";0")
                violations += page.evaluate("axe.run().then(({violations}) => violations.map(({id}) => id))")
            if violations:
                found[name] = violations
    assert found == {}


def test_a_snapshot_is_shown_with_its_own_numbers(page: Page) -> None:
    go_to(page, RUN)
    wait_for_step(page, 20)
    # The first numbers are of few points.
    expect(page.locator("#tool-story")).to_contain_text("all of step 20 and the same 64 points")
    last = page.locator("#now-loss").inner_text()
    loss = page.locator("#tool-story .term b").first
    expect(loss).not_to_be_empty()
    at_end = loss.inner_text()

    look_at_start(page)
    expect(page.locator("#tool-story")).to_contain_text("all of step 0 and the same 64 points")
    expect(page.locator("#now-loss")).not_to_have_text(last)
    # No loss was computed before the first step.
    expect(loss).to_have_text("\u2013")
    page.locator("#back-to-now").click()
    expect(page.locator("#now-loss")).to_have_text(last)
    expect(loss).to_have_text(at_end)


def test_a_link_to_a_run_that_breaks_stands_still_and_says_where(page: Page) -> None:
    go_to(page, BREAKS)
    expect(page.locator(".verdict")).to_contain_text(re.compile(r"It broke at step \d+, in \w+"))
    expect(page.locator("#play")).to_have_text("Play")
    expect(page.locator("#now-step")).to_have_text(re.compile(r"^\d+$"))
    assert "was not finite at step" in page.locator("#notes").inner_text()


def test_a_knob_turned_while_the_run_stands_still_says_what_to_do(page: Page) -> None:
    go_to(page, RUN)
    wait_for_step(page, 20)
    expect(page.locator("#turned-words")).to_be_empty()
    page.locator("#number-beta").fill("0.5")
    page.keyboard.press("Enter")
    expect(page.locator("#turned-words")).to_have_text("Turned. Press Play to see what it does.")
    page.locator("#step").click()
    wait_for_step(page, 21)
    expect(page.locator("#turned-words")).to_be_empty()


def test_a_word_is_explained_by_pointer_and_by_keyboard(page: Page) -> None:
    go_to(page, STILL)
    wait_for_step(page, 1)
    # Hidden as long as nothing is known of the run.
    expect(page.locator("#tool-story .term").first).to_be_visible()
    tip = page.locator("#tip")
    page.locator("#panel-latent .chip", has_text="aggregate").hover()
    expect(tip).to_contain_text("One draw from every point's q(z|x).")
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()

    page.locator("#tool-story .host").focus()
    page.keyboard.press("Tab")
    expect(tip).to_contain_text("loss The number that training makes small")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.locator("#help").click()
    assert page.locator("#keys .glossary dt").count() >= 25


def test_axes_of_a_larger_latent_space_are_chosen(page: Page) -> None:
    go_to(page, f"{STILL}&latent_dim=3&plane=0,1")
    across = page.locator("select[name=axis-across]")
    across.select_option("2")
    page.wait_for_function("() => location.hash.includes('plane=2%2C1')")
    # The other axis makes room.
    page.locator("select[name=axis-up]").select_option("2")
    expect(across).to_have_value("1")
    assert page.locator('#panel-latent input[name="posterior"]').is_disabled()
    assert "two" in (page.locator('#panel-latent input[name="posterior"]').get_attribute("title") or "")
    expect(page.locator(".rates li")).to_have_count(3)
    expect(page.locator("#panel-curves .description")).to_contain_text("importance-weighted bound")


def test_axes_are_those_of_the_highest_rates_until_others_are_picked(page: Page) -> None:
    go_to(page, f"{SMALL}&latent_dim=4&step=300")
    wait_for_step(page, 300)
    # Rates are written beside these words, twice a second.
    expect(page.locator("#panel-curves .description")).to_contain_text("Step 300.")
    rates = page.locator(".rates li .number")
    expect(rates).to_have_count(4)
    carried = [float(text.split()[0].replace("\u2212", "-")) for text in rates.all_inner_texts()]
    first, second = sorted(sorted(range(4), key=lambda dim: -carried[dim])[:2])
    across, up = (page.locator(f"select[name=axis-{name}]") for name in ("across", "up"))
    expect(across).to_have_value(str(first))
    expect(up).to_have_value(str(second))
    assert "plane=" not in page.url

    picked = min(range(4), key=lambda dim: carried[dim])
    across.select_option(str(picked))
    page.get_by_role("button", name="Step", exact=True).click()
    wait_for_step(page, 301)
    expect(across).to_have_value(str(picked))
    page.wait_for_function("picked => location.hash.includes(`plane=${picked}`)", arg=picked)


def test_points_of_three_coordinates_are_turned(page: Page) -> None:
    go_to(page, f"{STILL}&dataset=helix")
    turn = page.locator("input[name=turn]")
    expect(turn).to_be_visible()
    before = float(turn.input_value())
    box = page.locator("#panel-data canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 100, steps=3)
    page.mouse.up()
    assert float(turn.input_value()) > before
    turn.press("ArrowLeft")
    assert page.locator('#panel-data input[name="density"]').is_disabled()


def test_a_learned_variance_is_said(page: Page) -> None:
    go_to(page, f"{STILL}&decoder_variance=learned&beta=1")
    learned = re.compile("The decoder has learned \u03c3 0[.][0-9]+; the true \u03b2 is 1[.]")
    expect(page.locator("#tool-story")).to_contain_text(learned)
    assert "True \u03b2 1" in page.locator("#beta-meaning").inner_text()


def test_a_twin_turns_with_the_run_but_for_its_own_knob(page: Page) -> None:
    go_to(page, f"{RUN}&tool=twin")
    wait_for_step(page, 20)
    page.locator("input[name=twin-value]").fill("0.3")
    page.locator("#tool-twin .primary").click()
    difference = page.locator("#tool-twin .difference")
    expect(difference).to_contain_text("Step 20.")
    for knob, value in (("beta", "0.02"), ("lr", "0.5")):
        page.locator(f"#number-{knob}").fill(value)
        page.keyboard.press("Enter")
        page.locator("#step").click()
    wait_for_step(page, 22)
    # Held-out points were measured last at step 20.
    expect(difference).to_contain_text("Step 20.")
    expect(difference).to_contain_text("Both are at step 22 now.")
    expect(page.locator("#tool-twin figcaption").last).to_have_text("Beta 0.3 in the place of 0.01")


def test_a_pair_that_is_ended_is_no_longer_described(page: Page) -> None:
    go_to(page, f"{RUN}&tool=break")
    wait_for_step(page, 20)
    broken = page.locator("#tool-break .description")
    page.locator("#speed").select_option("20")
    page.locator("#tool-break .primary").click()
    expect(broken).to_contain_text("All points of a batch share one draw")
    page.get_by_role("button", name="Mend it").click()
    expect(broken).to_have_text("Nothing is broken.")
    pause(page)

    twin = page.locator("#tool-twin .description")
    page.locator("#tab-twin").click()
    page.locator("#tool-twin .primary").click()
    expect(twin).to_contain_text("Beta")
    page.get_by_role("button", name="End it").click()
    expect(twin).to_have_text("No twin runs.")


def test_own_settings_are_not_called_a_question_in_a_lecture(page: Page) -> None:
    go_to(page, f"{STILL}&lecture=1&panel=data")
    expect(page.locator("#scene-words")).to_contain_text("Your own run.")
