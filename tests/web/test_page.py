"""The lab's page in a real browser, from a file and without a network: it trains, and each control does its work."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.driver import (
    SMALL,
    SOON,
    STILL,
    go_to,
    look_at_start,
    notes,
    opened_page,
    pause,
    play,
    step,
    wait_for_step,
    weights_hash,
)

OpenLab = Callable[..., AbstractContextManager[Page]]

PRESETS = ("first", "autoencoder", "notebook", "too_strong", "too_weak", "one_latent", "small_net", "best")
TOOLS = ("story", "slow", "twin", "break", "sweep", "own", "export")


@pytest.fixture(scope="module")
def shared(browser: Browser, address: str) -> Iterator[Page]:
    """A page that goes from link to link: to open another window takes as long as many a test."""
    with opened_page(browser, address + STILL) as page:
        yield page


@pytest.fixture
def open_lab(shared: Page, browser: Browser, address: str) -> OpenLab:
    """Opens the page anew at a link; in a window of its own where that is to be another one."""

    @contextmanager
    def opened(fragment: str = "", **options: Any) -> Iterator[Page]:
        if options:
            with opened_page(browser, address + fragment, **options) as page:
                yield page
        else:
            go_to(shared, fragment)
            yield shared

    return opened


def test_page_opens_training(open_lab: OpenLab) -> None:
    with open_lab() as page:
        # Looked at in the page, and at one moment: a run comes to its end.
        page.wait_for_function("""() => {
            const [step, play] = ["now-step", "play"].map((id) => document.getElementById(id).textContent.trim());
            return step !== "0" && play === "Pause";
        }""")
        expect(page.get_by_role("button", name="Can it learn the Swiss roll?")).to_have_attribute(
            "aria-pressed", "true"
        )
        assert page.locator("#knob-hidden_dim").input_value() == "64"


@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_no_wider_than_its_window(width: int, open_lab: OpenLab) -> None:
    with open_lab(STILL, viewport={"width": width, "height": 800}) as page:
        wait_for_step(page, 1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width == 1280:
            assert page.evaluate("document.documentElement.scrollHeight") <= 800


def test_what_a_thumb_presses_on_a_phone_is_44_px_high(open_lab: OpenLab) -> None:
    with open_lab(STILL, viewport={"width": 390, "height": 844}) as page:
        wait_for_step(page, 1)
        small = page.evaluate("""() => [...document.querySelectorAll("button, select, summary, .chip")]
            .filter((element) => element.offsetParent && element.getBoundingClientRect().height < 44)
            .map((element) => element.id || element.textContent)""")
    assert small == []


def test_every_question_begins_a_run_of_its_own(open_lab: OpenLab) -> None:
    with open_lab() as page:
        for name in PRESETS:
            button = page.locator(f"[data-preset={name}]")
            button.click()
            expect(button).to_have_attribute("aria-pressed", "true")
            expect(page.locator("#now-step")).not_to_have_text("0", timeout=SOON)
            assert notes(page) == ""


def test_same_start_repeats_a_run_and_a_new_start_does_not(open_lab: OpenLab) -> None:
    with open_lab(f"{SMALL}&step=40") as page:
        wait_for_step(page, 40)
        first = weights_hash(page)

        page.locator("#same-start").click()
        wait_for_step(page, 0)
        for number in range(1, 4):
            page.locator("#step").click()
            wait_for_step(page, number)
        again = weights_hash(page)

        page.locator("#new-start").click()
        wait_for_step(page, 0)
        for number in range(1, 4):
            page.locator("#step").click()
            wait_for_step(page, number)
        assert weights_hash(page) != again

    with open_lab(f"{SMALL}&step=3") as page:
        wait_for_step(page, 3)
        assert weights_hash(page) == again
    assert first != again


def test_two_pages_from_one_link_end_in_the_same_weights(open_lab: OpenLab) -> None:
    """The link of a run whose beta was turned by hand, at steps that nobody chose."""
    with open_lab("#hidden_dim=16&depth=1") as page:
        # So slow that it does not end before it is paused.
        page.locator("#speed").select_option("100")
        # A knob that is turned before the first step is no turn of a run, but its setting.
        expect(page.locator("#now-step")).not_to_have_text("0")
        for place in ("60", "130"):
            before = page.locator("#now-step").inner_text()
            page.locator("#knob-beta").fill(place)
            beta = page.locator("#number-beta").input_value()
            # A slider is read a few times a second, and two turns at one step are one.
            expect(page.locator("#panel-curves .description")).to_contain_text(f"beta was set to {beta}.")
            expect(page.locator("#now-step")).not_to_have_text(before)
        pause(page)
        expected = weights_hash(page)
        last = step(page)
        page.wait_for_function("(last) => location.hash.includes(`step=${last}`)", arg=last)
        fragment = "#" + page.url.partition("#")[2]

    assert fragment.count(":beta:") == 2
    with open_lab(fragment) as page:
        wait_for_step(page, last)
        assert weights_hash(page) == expected


def test_a_knob_that_rebuilds_begins_again_and_says_so(open_lab: OpenLab) -> None:
    with open_lab(f"{SMALL}&step=30") as page:
        wait_for_step(page, 30)
        assert "begin again" in page.locator("fieldset.rebuild legend").inner_text()

        page.locator("#knob-dataset").select_option("moons")

        wait_for_step(page, 0)
        assert page.locator("[aria-pressed=true][data-preset]").count() == 0


def test_mean_and_sum_are_one_objective(open_lab: OpenLab) -> None:
    with open_lab(f"{SMALL}&latent_dim=1&beta=0.02&step=1") as page:
        wait_for_step(page, 1)
        before = page.locator("#beta-meaning").inner_text()
        page.locator("#knobs summary").click()

        page.locator("#knob-reduction").select_option("sum")

        # mean: |x - x'|^2 / 2 + 0.02 R / 1, which is half of |x - x'|^2 + 0.04 R.
        expect(page.locator("#number-beta")).to_have_value("0.04")
        assert page.locator("#beta-meaning").inner_text() == before


@pytest.mark.parametrize(
    ("reduction", "beta", "sigma"),
    [("mean", "0.01", "0.0707"), ("mean", "2", "1"), ("sum", "0.5", "0.5")],
)
def test_slider_of_beta_says_which_noise_it_implies(reduction: str, beta: str, sigma: str, open_lab: OpenLab) -> None:
    # sigma^2 = beta D / (2 L) for mean, beta / 2 for sum.
    with open_lab(f"{SMALL}&reduction={reduction}&beta={beta}&step=1") as page:
        assert f"sigma {sigma}" in (page.locator("#knob-beta").get_attribute("aria-valuetext") or "")
        assert f"\u03c3 = {sigma}" in page.locator("#beta-meaning").inner_text()


def test_a_snapshot_is_looked_at_and_branched_from(open_lab: OpenLab) -> None:
    with open_lab(f"{SMALL}&steps=200&step=200") as page:
        wait_for_step(page, 200)
        timeline = page.locator("#timeline-range")
        # "No snapshots yet." stands there before: the slider has no other end then.
        expect(page.locator("#timeline-words")).to_contain_text("drag to look back", timeout=SOON)
        last = weights_hash(page)

        timeline.focus()
        page.keyboard.press("Home")
        expect(page.locator("#timeline-words")).to_contain_text("Looking at step 0")
        wait_for_step(page, 0)
        page.locator("#back-to-now").click()
        wait_for_step(page, 200)
        assert weights_hash(page) == last

        page.keyboard.press(",")
        expect(page.locator("#branch")).to_be_enabled()
        page.locator("#branch").click()
        expect(page.locator("#branch")).to_be_disabled()
        assert step(page) < 200
        # The same steps from there lead to the same weights: a branch is the run, not like it.
        play(page)
        wait_for_step(page, 200)
        assert weights_hash(page) == last


def test_a_branch_before_a_knob_was_turned_trains_with_the_knob_as_it_was(open_lab: OpenLab) -> None:
    with open_lab(f"{SMALL}&steps=200&step=200") as page:
        wait_for_step(page, 200)
        untouched = weights_hash(page)
    with open_lab(f"{SMALL}&steps=200&step=100") as page:
        wait_for_step(page, 100)
        began = page.locator("#number-beta").input_value()
        page.locator("#number-beta").fill("5")
        page.locator("#number-beta").press("Enter")
        page.locator("#step").click()
        wait_for_step(page, 101)
        look_at_start(page)
        page.locator("#branch").click()
        expect(page.locator("#number-beta")).to_have_value(began)
        play(page)
        wait_for_step(page, 200)
        assert weights_hash(page) == untouched
        # A finished run takes a step more, too.
        page.locator("#step").click()
        wait_for_step(page, 201)


def test_two_presses_leave_a_run_where_it_was(open_lab: OpenLab) -> None:
    with open_lab(f"{SMALL}&steps=20&step=20") as page:
        wait_for_step(page, 20)
        last = weights_hash(page)
        # At its last step a run is given more steps first: it is paused before it has them.
        page.locator("#play").evaluate("(button) => { button.click(); button.click(); }")
        page.wait_for_timeout(300)
        expect(page.locator("#play")).to_have_text("Play")
        assert step(page) == 20
        assert weights_hash(page) == last


ONE_WORKER = """
const Real = Worker;
let count = 0;
globalThis.Worker = function (address) {
    count += 1;
    return count === 1 ? new Real(address) : { postMessage() {}, terminate() {} };
};
"""
"""Leaves a page the worker that trains, and none that finds what is exact."""


def test_all_snapshots_are_offered_once_a_run_stands_still(browser: Browser, address: str) -> None:
    # Nothing more happens on the page then, which would make it ask again.
    with opened_page(browser, f"{address}{SMALL}&steps=200&step=200", script=ONE_WORKER) as page:
        wait_for_step(page, 200)
        expect(page.locator("#timeline-words")).to_contain_text("drag to look back")


def test_everything_is_reached_by_keyboard(open_lab: OpenLab) -> None:
    with open_lab(f"{SMALL}&step=2") as page:
        wait_for_step(page, 2)
        # It takes the focus once there are snapshots.
        page.wait_for_selector("#timeline-range:enabled")
        reached = set()
        for _ in range(150):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id"))
            if page.evaluate("document.activeElement === document.body"):
                break
        wanted = page.evaluate("""() => [...document.querySelectorAll("button, input, select, summary")]
            .filter((e) => e.id && e.checkVisibility() && !e.disabled && e.tabIndex >= 0).map((e) => e.id)""")
        assert set(wanted) <= reached

        page.keyboard.press("s")
        wait_for_step(page, 3)
        # So slow that it does not end before the second press.
        page.locator("#speed").select_option("20")
        page.keyboard.press("Space")
        expect(page.locator("#play")).to_have_text("Pause")
        page.keyboard.press("Space")
        expect(page.locator("#play")).to_have_text("Play")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()


def test_tabs_move_with_arrows_and_show_one_tool(open_lab: OpenLab) -> None:
    with open_lab(STILL) as page:
        page.locator("#tab-story").focus()
        for name in TOOLS[1:]:
            page.keyboard.press("ArrowRight")
            expect(page.locator(f"#tab-{name}")).to_be_focused()
            expect(page.locator(f"#tool-{name}")).to_be_visible()
            assert page.locator("[role=tabpanel]:visible").count() == 1


def test_tour_has_eight_stops_and_gives_the_focus_back(open_lab: OpenLab) -> None:
    with open_lab(STILL) as page:
        page.locator("#tour").click()
        for number in range(1, 9):
            expect(page.locator("#tour-title")).to_contain_text(f"{number} of 8")
            expect(page.locator(".toured")).to_have_count(1)
            page.locator("#tour-card .primary").click()
        expect(page.locator("#tour-card")).to_be_hidden()
        expect(page.locator("#tour")).to_be_focused()


def test_lecture_shows_one_panel_and_its_scenes_turn_like_slides(open_lab: OpenLab) -> None:
    with open_lab("#lecture=1&panel=latent&step=1") as page:
        expect(page.locator(".panel:visible")).to_have_count(1)
        page.keyboard.press("PageDown")
        expect(page.locator("#scene-words")).to_contain_text("2 of 8. And without the KL term?")
        page.locator("#scene-curves").click()
        expect(page.locator("#panel-curves")).to_be_visible()
        expect(page.locator("#panel-latent")).to_be_hidden()


@pytest.mark.parametrize(
    "fragment",
    ["#beta=-1&own=2.AAAA", "#%E0%A4%A&__proto__=1", "#" + "x" * 150_000, "#mistake=<b>&step=1e99&turns=1:beta:0_"],
)
def test_a_hostile_link_is_answered_by_a_sentence_and_the_page_trains(fragment: str, open_lab: OpenLab) -> None:
    with open_lab(fragment) as page:
        expect(page.locator("#notes")).to_contain_text(".")
        expect(page.locator("#now-step")).not_to_have_text("0", timeout=SOON)
        assert page.locator("#notes b").count() == 0


def test_small_sweep_trains_nine_runs_and_opens_one(open_lab: OpenLab) -> None:
    with open_lab(f"{SMALL}&tool=sweep&step=1") as page:
        wait_for_step(page, 1)
        said = "Beta 0.001, 0.01 and 0.1 with widths 2, 8 and 32, 1,500 steps each."
        expect(page.locator(".sweep-head")).to_contain_text(said)
        page.get_by_role("button", name="Train nine runs").click()
        cells = page.locator("table.sweep td button")
        expect(cells).to_have_count(9)
        # The decoder's noise is sqrt(D beta / (2 L)) where both losses are means, and here D = L = 2.
        heads = ["\u03b2 0.001, \u03c3 0.0224", "\u03b2 0.01, \u03c3 0.0707", "\u03b2 0.1, \u03c3 0.224"]
        expect(page.locator("table.sweep thead th")).to_have_text(heads)
        expect(cells.first).to_contain_text(re.compile("step|ELBO"), timeout=SOON)
        page.get_by_role("button", name="Open beta 0.1, width 8").click()
        expect(page.locator("#number-beta")).to_have_value("0.1")
