"""The knobs: what is typed and cannot be read is answered by what to write, and goes once a value is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.web.driver import STILL, opened_page, wait_for_step
from tests.web.javascript import needs_node, run_script

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@needs_node
@pytest.mark.parametrize(
    ("name", "text", "value", "like"),
    [
        ("beta", "0,02", 0.01, "0.02"),
        ("beta", "", 0.01, "0.01"),
        ("lr", "many", 0.001, "0.001"),
        ("steps", "1,000", 500, "500"),
        ("beta_start", "x", None, "one, or nothing"),
    ],
)
def test_what_is_no_number_is_answered_by_what_to_write(name: str, text: str, value: float | None, like: str) -> None:
    script = """
    const { numberOf, sayUnread } = await load("controls.js");
    answer({ isRead: !Number.isNaN(numberOf(input.text)), said: sayUnread(input.name, input.text, input.value) });
    """
    found = run_script(script, {"name": name, "text": text, "value": value})
    assert not found["isRead"]
    assert f"write {like}" in found["said"]


@needs_node
def test_a_message_about_a_knob_goes_once_a_value_is_taken_and_others_stay() -> None:
    script = """
    const { attempt } = await load("controls.js");
    const { createStore } = await load("store.js");
    const store = createStore();
    const seen = [];
    const see = (act) => seen.push([attempt(store, act), store.get().notes]);
    store.set({ notes: ["of a link"] });
    see(() => {});
    see(() => store.set({ notes: ["refused"] }));
    see(() => store.set({ notes: ["refused again"] }));
    see(() => {});
    answer(seen);
    """
    taken = [[True, ["of a link"]], [False, ["refused"]], [False, ["refused again"]], [True, []]]
    assert run_script(script) == taken


def test_a_refused_knob_has_its_value_back(browser: Browser, address: str) -> None:
    with opened_page(browser, f"{address}{STILL}") as page:
        wait_for_step(page, 1)
        beta = page.locator("#number-beta")
        kept = beta.input_value()
        for text, said in (("0,02", "write 0.02"), ("-3", "at least 0"), ("", f"write {kept}")):
            beta.fill(text)
            beta.press("Enter")
            expect(page.locator("#notes")).to_contain_text(said)
            expect(beta).to_have_value(kept)
        beta.fill("0.5")
        beta.press("Enter")
        expect(page.locator("#notes")).to_be_empty()
        expect(beta).to_have_value("0.5")

        page.locator("#knobs summary").click()
        steps = page.locator("#knob-steps")
        kept = steps.input_value()
        for text in ("-3", ""):
            steps.fill(text)
            steps.press("Enter")
            expect(page.locator("#notes")).to_contain_text("steps")
            expect(steps).to_have_value(kept)
        steps.fill("700")
        steps.press("Enter")
        expect(page.locator("#notes")).to_be_empty()
