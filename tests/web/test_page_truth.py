"""Numbers and words of the page belong together: of one step, with its knobs, and adding up as they stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.web.driver import (
    SMALL,
    go_to,
    look_at_start,
    opened_page,
    pause,
    play,
    step,
    wait_for_any_step,
    wait_for_step,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

RUN = f"{SMALL}&step=60"
ELBO = "\u2212ELBO"
CAPTION = "#tool-story .sums + p"


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    with opened_page(browser, address + RUN) as opened:
        yield opened


def read_sums(page: Page) -> tuple[str, dict[str, list[float]]]:
    """The caption, and of each row its whole and its parts with their signs, all read at one moment."""
    caption, rows = page.evaluate("""() => {
        const seen = (element) => !element.closest("[hidden]") && !element.hidden;
        const [...cells] = document.querySelector("#tool-story .sums").children;
        const rows = [];
        for (let k = 0; k < cells.length; k += 3) {
            if (!seen(cells[k])) continue;
            const parts = [...cells[k + 2].querySelectorAll(".part")].filter(seen)
                .map((part) => [part.textContent.trim()[0], part.querySelector("b").textContent]);
            rows.push([cells[k].textContent, cells[k + 1].querySelector("b").textContent, parts]);
        }
        return [document.querySelector("#tool-story .sums + p").textContent, rows];
    }""")

    def number(text: str) -> float:
        return float(text.replace("\u2212", "-"))

    signs = {"=": 1.0, "+": 1.0, "\u2212": -1.0}
    found = {
        name: [number(whole), *(signs[sign] * number(part) for sign, part in parts)] for name, whole, parts in rows
    }
    return caption, found


def check_sums(page: Page) -> str:
    """Every row adds up in the digits that stand there; the caption."""
    caption, rows = read_sums(page)
    check_rows(rows)
    return caption


def check_rows(rows: dict[str, list[float]]) -> None:
    assert len(rows) >= 2
    for name, (whole, *parts) in rows.items():
        assert whole == pytest.approx(sum(parts), abs=1e-9), (name, rows)
    elbo = rows[ELBO]
    evidence = next(values for name, values in rows.items() if name.startswith("\u2212log p"))
    assert evidence[1] == elbo[0]
    assert evidence[0] <= elbo[0]


def wait_for_sums(page: Page, number: int) -> None:
    """Wait for all numbers of a step: the first ones are of few points, and those of all take their place."""
    expect(page.locator(CAPTION)).to_be_visible()
    expect(page.locator(CAPTION)).to_contain_text(re.compile(f"all of step {number:,} and the same (64|256) "))


@pytest.mark.parametrize(
    "settings", ["", "&latent_dim=1", "&latent_dim=3", "&components=3", "&decoder_variance=learned"]
)
def test_all_numbers_of_a_step_add_up_on_the_page(settings: str, page: Page) -> None:
    go_to(page, RUN + settings)
    wait_for_step(page, 60)
    wait_for_sums(page, 60)
    check_sums(page)
    _, rows = read_sums(page)
    expect(page.locator("#now-loss")).to_have_text(f"{rows[ELBO][0]:.3f}".replace("-", "\u2212"))


def test_numbers_add_up_at_each_moment_of_a_run(page: Page) -> None:
    go_to(page, f"{SMALL}&steps=100000&step=1")
    wait_for_sums(page, 1)
    page.locator("#speed").select_option("100")
    play(page)
    captions: set[str] = set()
    while len(captions) < 4:
        caption, rows = read_sums(page)
        # Sums of long ago are hidden.
        if rows:
            check_rows(rows)
            captions.add(caption)
        page.wait_for_timeout(100)
    pause(page)
    wait_for_sums(page, step(page))


def test_what_is_exact_is_of_the_step_at_which_a_run_stands_still(page: Page) -> None:
    go_to(page, f"{SMALL}&steps=100000&step=1")
    wait_for_any_step(page)
    # So slow that it does not stop by itself.
    page.locator("#speed").select_option("500")
    for _ in range(3):
        play(page)
        page.wait_for_timeout(150)
        pause(page)
        number = step(page)
        expect(page.locator("#panel-data .description")).to_contain_text(
            f"The exact density p(x) of step {number} is drawn"
        )
        expect(page.locator("#panel-latent .description")).to_contain_text("Its KL from the true posterior is")
        wait_for_sums(page, number)
        # With the verdict behind it.
        expect(page.locator("#announcer")).to_contain_text(re.compile(rf"step {number}\. \w", re.IGNORECASE))

    look_at_start(page)
    expect(page.locator("#panel-data .description")).to_contain_text("The exact density p(x) of step 0 is drawn")
    wait_for_sums(page, 0)
    page.locator("#branch").click()
    expect(page.locator("#branch")).to_be_disabled()
    for _ in range(2):
        page.locator("#step").click()
    wait_for_step(page, 2)
    expect(page.locator("#panel-data .description")).to_contain_text("The exact density p(x) of step 2 is drawn")


def test_a_verdict_that_is_known_before_a_pause_is_told_with_it(page: Page) -> None:
    go_to(page, f"{SMALL}&steps=100000&step=1")
    expect(page.locator(".verdict")).to_have_attribute("data-kind", "says")
    verdict = page.locator(".verdict > span").first.inner_text()
    # Paused before a step is taken: there is nothing new to find.
    page.locator("#play").evaluate("(button) => { button.click(); button.click(); }")
    expect(page.locator("#announcer")).to_have_text(f"Paused at step 1. {verdict}")


def test_a_knob_that_is_turned_while_a_run_stands_still_changes_numbers_and_words_at_once(page: Page) -> None:
    go_to(page, RUN)
    wait_for_step(page, 60)
    wait_for_sums(page, 60)
    check_sums(page)
    _, before = read_sums(page)
    page.locator("#number-beta").fill("0.5")
    page.keyboard.press("Enter")

    # sigma^2 = beta D / (2 L) = 0.5 / 2.
    expect(page.locator("#tool-story .story .story")).to_contain_text("noise \u03c3 = 0.5")
    loss, error, beta, kl = (float(text) for text in page.locator("#tool-story .term b").all_text_contents())
    assert beta == 0.5
    assert loss == pytest.approx(error + beta * kl, rel=5e-3)
    wait_for_sums(page, 60)
    check_sums(page)
    _, after = read_sums(page)
    assert after[ELBO] != before[ELBO]
    expect(page.locator("#panel-data .description")).to_contain_text("The exact density p(x) of step 60 is drawn")


def test_labels_are_those_of_the_run_whose_numbers_are_shown(page: Page) -> None:
    go_to(page, RUN)
    wait_for_step(page, 60)
    error = page.locator("#tool-story .of-error")
    expect(error).to_contain_text("mean over 2 coordinates")
    page.locator("#knobs summary").click()
    page.locator("#knob-reduction").select_option("sum")
    # The run begins again: no loss was computed yet, and its name is the new one.
    expect(error).to_contain_text("sum over 2 coordinates")
    expect(error.locator("b")).to_have_text("\u2013")
    wait_for_sums(page, 0)


def test_an_annealed_beta_is_said_as_it_is_now(page: Page) -> None:
    go_to(page, f"{SMALL}&beta=0.01&beta_start=1&steps=1000&step=60")
    wait_for_step(page, 60)
    # beta_start^left beta^(1 - left), with left = 1 - 60 / (0.7 * 1000).
    left = 1 - 60 / 700
    now = 0.01 ** (1 - left)
    meaning = page.locator("#tool-story .story .story")
    expect(meaning).to_contain_text(f"Beta is {now:.3g} now")
    expect(meaning).to_contain_text(f"the true \u03b2 is {now / 0.01:.3g}")
    expect(page.locator(CAPTION)).to_contain_text(f"True \u03b2 {now / 0.01:.3g} asks for another encoder")
    check_sums(page)
