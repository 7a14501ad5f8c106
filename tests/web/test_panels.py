"""The lab's panels in a real browser, from one file and without a network, on a short run that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from swissroll.report.lab import lab_page
from tests.web.driver import SOON, opened_page, pause, play

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

STEPS = 150
SETTINGS = {"hidden_dim": 16, "depth": 2, "batch_size": 32, "steps": STEPS, "noise": 0.05}

DATA_TOGGLES = ("data", "coordinate", "reconstructions", "residuals", "mesh", "density", "samples", "noise")
LATENT_TOGGLES = ("means", "ellipses", "prior", "aggregate", "posterior")
DRAW_CURVES_EVERY = 100
CURVE_TOGGLES = ("held_out", "train", "exact", "gap")


class Lab:
    """An open page, and what is asked of it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def canvas(self, panel: str) -> Locator:
        return self.page.locator(f"#panel-{panel} canvas").first

    def picture(self, panel: str) -> str:
        """What is on a panel's canvas, once what was asked for is drawn."""
        self.settle(DRAW_CURVES_EVERY if panel == "curves" else 0)
        return str(self.canvas(panel).evaluate("(canvas) => canvas.toDataURL()"))

    def settle(self, every: int = 0) -> None:
        """Wait until what was asked for is drawn, of a picture that is drawn once in so many milliseconds."""
        self.page.evaluate(
            """async (every) => {
                const begun = await new Promise(requestAnimationFrame);
                while (await new Promise(requestAnimationFrame) - begun < every);
                await new Promise((done) => setTimeout(done, 20));
            }""",
            every,
        )

    def description(self, panel: str) -> str:
        return self.page.locator(f"#{panel} .description").text_content() or ""

    def readout(self, panel: str) -> Locator:
        return self.page.locator(f"#panel-{panel} .readout")

    def wait_for_text(self, selector: str, text: str) -> None:
        self.page.wait_for_function(
            "([selector, text]) => new RegExp(text).test(document.querySelector(selector).textContent)",
            arg=[selector, text],
            timeout=SOON,
        )

    def place(self, panel: str, across: float, down: float) -> tuple[float, float]:
        box = self.canvas(panel).bounding_box()
        assert box is not None
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    def open_tool(self, name: str) -> None:
        self.page.click(f"#tab-{name}")


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The page after its last step, with all that is exact computed."""
    file = tmp_path_factory.mktemp("lab") / "lab.html"
    file.write_text(lab_page({"settings": SETTINGS, "name": "short"}), encoding="utf-8")
    with opened_page(browser, file.as_uri()) as page:
        lab = Lab(page)
        page.wait_for_selector('.verdict[data-kind="stopped"]')
        lab.wait_for_text("#panel-curves .description", "amortisation")
        # What is found of earlier steps is told before, and of few points.
        lab.wait_for_text("#panel-data .description", rf"exact density p\(x\) of step {STEPS} is drawn")
        lab.wait_for_text("#panel-latent .description", "Its KL from the true posterior")
        lab.wait_for_text("#tool-story", f"all of step {STEPS} and the same 64 ")
        # Whatever trains from here on leaves time for the page, on a busy machine too.
        page.select_option("#speed", "20")
        yield lab


@pytest.mark.parametrize(
    ("panel", "toggle"),
    [
        *[("data", name) for name in DATA_TOGGLES],
        *[("latent", name) for name in LATENT_TOGGLES],
        *[("curves", name) for name in CURVE_TOGGLES],
    ],
)
def test_each_toggle_changes_the_picture_and_back(panel: str, toggle: str, lab: Lab) -> None:
    box = lab.page.locator(f'#panel-{panel} input[name="{toggle}"]')
    assert box.is_enabled()
    before = lab.picture(panel)
    was = box.is_checked()

    box.set_checked(not was)
    lab.page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).toDataURL() !== before",
        arg=[f"#panel-{panel} canvas", before],
        timeout=SOON,
    )

    box.set_checked(was)
    lab.page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).toDataURL() === before",
        arg=[f"#panel-{panel} canvas", before],
        timeout=SOON,
    )


def test_a_run_begins_with_a_point_chosen_and_its_true_posterior_shown(lab: Lab) -> None:
    lab.wait_for_text("#panel-latent .description", "Its KL from the true posterior is [0-9.]+ nats")
    assert "is chosen" in lab.description("panel-data")


def test_a_stopped_run_says_so(lab: Lab) -> None:
    lab.open_tool("story")
    verdict = lab.page.locator(".verdict")
    assert "It stopped by itself." in verdict.inner_text()
    assert str(STEPS) in verdict.inner_text()


def test_the_loss_is_the_sum_of_its_terms(lab: Lab) -> None:
    numbers = [float(text) for text in lab.page.locator("#tool-story .term b").all_text_contents()]
    loss, error, beta, kl = numbers
    assert loss == pytest.approx(error + beta * kl, abs=2e-3 * loss)


def test_each_latent_has_a_bar_with_its_rate(lab: Lab) -> None:
    bars = lab.page.locator(".rates li").all_inner_texts()
    assert len(bars) == 2
    assert all("nats" in bar for bar in bars)


def test_curves_are_read_by_keyboard(lab: Lab) -> None:
    lab.canvas("curves").focus()
    lab.page.keyboard.press("ArrowLeft")
    lab.wait_for_text("#panel-curves .readout", f"step {STEPS - 1}")
    # The evidence of the last step is known, and of few before it.
    lab.page.keyboard.press("ArrowRight")
    lab.wait_for_text("#panel-curves .readout", f"step {STEPS}.*gap")
    lab.page.keyboard.press("Escape")


def test_hover_decodes_and_a_line_is_decoded_along(lab: Lab) -> None:
    lab.page.mouse.move(*lab.place("latent", 0.2, 0.5))
    lab.wait_for_text("#panel-latent .readout", "decodes to")
    lab.wait_for_text("#panel-data .readout", "decoded")
    before = lab.picture("data")

    lab.page.mouse.down()
    lab.page.mouse.move(*lab.place("latent", 0.3, 0.35), steps=4)
    lab.page.mouse.up()
    lab.wait_for_text("#panel-latent .description", "line through the latent space is decoded")
    assert lab.picture("data") != before


def test_arrow_keys_move_the_latent_cursor_by_a_tenth(lab: Lab) -> None:
    canvas = lab.canvas("latent")
    canvas.focus()
    lab.page.keyboard.press("Escape")
    lab.page.keyboard.press("ArrowRight")
    lab.page.keyboard.press("ArrowUp")
    lab.wait_for_text("#panel-latent .readout", r"z \(0\.100, 0\.100\) decodes to")
    lab.page.keyboard.press("Escape")
    lab.settle()
    assert lab.readout("latent").inner_text() == ""


def test_arrow_keys_choose_another_point_and_escape_lets_it_go(lab: Lab) -> None:
    lab.canvas("data").focus()
    before = lab.readout("data").inner_text()
    lab.page.keyboard.press("Shift+ArrowRight")
    lab.wait_for_text("#panel-data .readout", "pinned")
    assert lab.readout("data").inner_text() != before
    lab.wait_for_text("#panel-latent .description", "Its KL from the true posterior")

    lab.page.keyboard.press("Escape")
    lab.settle()
    assert lab.readout("data").inner_text() == ""
    lab.page.mouse.move(*lab.place("data", 0.5, 0.5))
    lab.page.keyboard.press("ArrowRight")


def test_slow_motion_shows_which_gradient_is_missing_without_the_trick(lab: Lab) -> None:
    lab.open_tool("slow")
    tool = lab.page.locator("#tool-slow")
    tool.get_by_role("button", name="Next").click()
    lab.wait_for_text("#tool-slow .caption", "The encoder turns the point")
    for stage in ("Draw ε", "Decode", "Loss", "Backward", "gradient passes through"):
        tool.get_by_role("button", name="Next").click()
        lab.wait_for_text("#tool-slow .caption", stage)
    assert tool.locator(".arrow.back").count() >= 5
    assert not tool.locator(".cut.lit").count()

    tool.get_by_label("without the trick").check()
    lab.wait_for_text("#tool-slow .caption", "no gradient passes from z")
    assert tool.locator(".cut.lit").count()
    tool.get_by_label("without the trick").uncheck()

    lab.wait_for_text("#tool-slow .caption", "gradient passes through")
    tool.get_by_role("button", name="Next").click()
    lab.wait_for_text("#tool-slow .description", "Stage 7 of 7. Update")


def test_a_twin_has_the_same_steps_and_its_difference_is_said(lab: Lab) -> None:
    lab.open_tool("twin")
    lab.page.select_option('select[name="twin-knob"]', "beta")
    lab.page.fill('input[name="twin-value"]', "0.3")
    lab.page.click("#tool-twin >> text=Start")
    lab.wait_for_text("#tool-twin .description", rf"Beta 0\.3 in the place of 0\.01\. Step {STEPS}\. .ELBO .* nats")
    lab.page.click("#tool-twin >> text=End it")
    lab.page.wait_for_selector("#tool-twin .comparison", state="hidden")


def test_a_twin_without_a_change_does_not_differ(lab: Lab) -> None:
    lab.open_tool("twin")
    lab.page.fill('input[name="twin-value"]', "0.01")
    lab.page.click("#tool-twin >> text=Start")
    lab.wait_for_text("#tool-twin .description", rf"Step {STEPS}\..* \+0\.00 \(distortion \+0\.00, rate \+0\.00\)")
    lab.page.click("#tool-twin >> text=End it")


def test_a_twin_with_a_wrong_value_is_refused_in_words(lab: Lab) -> None:
    lab.open_tool("twin")
    lab.page.fill('input[name="twin-value"]', "-1")
    lab.page.click("#tool-twin >> text=Start")
    assert "beta must be" in lab.page.locator("#tool-twin .problem").inner_text()


def test_a_mistake_trains_beside_the_right_run(lab: Lab) -> None:
    lab.open_tool("break")
    lab.page.select_option('select[name="mistake"]', "no_noise")
    lab.page.click("#tool-break >> text=Break it")
    lab.wait_for_text("#tool-break .description", r"No noise is drawn\. Step \d+\. ")
    assert "z = mu" in lab.page.locator("#tool-break code.wrong").inner_text()
    lab.page.click("#tool-break >> text=Mend it")


def test_a_run_that_breaks_says_where_and_leaves_the_page_alive(lab: Lab) -> None:
    lab.open_tool("twin")
    lab.page.select_option('select[name="twin-knob"]', "lr")
    lab.page.fill('input[name="twin-value"]', "100000")
    lab.page.click("#tool-twin >> text=Start")
    lab.wait_for_text("#tool-twin .description", r"It broke at step \d+")
    lab.picture("curves")
    lab.page.click("#tool-twin >> text=End it")
    lab.page.select_option('select[name="twin-knob"]', "beta")


def test_the_game_goes_on_until_the_mistake_is_found_with_a_hint_after_each_guess(lab: Lab) -> None:
    lab.open_tool("break")
    # The first mistake that can be drawn: all points of a batch share one draw.
    lab.page.evaluate("Math.random = () => 0")
    lab.page.click("#tool-break >> text=Guess the bug")
    guess = lab.page.locator('select[name="guess"]')
    words = lab.page.locator("#tool-break .mistake")
    lab.page.wait_for_selector("#tool-break .comparison")

    wrong = ("half_missing", "none", "kl_sign", "no_trick", "no_noise")
    hints = ("How many random numbers", "in the draw of z", "All codes of a batch", "eps = torch.randn_like(std)")
    for number, name in enumerate(wrong, start=1):
        guess.select_option(name)
        lab.page.click("#tool-break >> text=That is it")
        assert f"That was guess {number}: try again." in words.inner_text()
        shown = min(number, len(hints))
        assert f"Hint {shown}. " in words.inner_text()
        assert all(hint in (words.text_content() or "") for hint in hints[:shown])
        assert not any(hint in (words.text_content() or "") for hint in hints[shown:])
        assert not words.locator("code.wrong").count()
        assert guess.locator("option:disabled").count() == number
        assert guess.input_value() not in wrong[:number]

    guess.select_option("shared_noise")
    lab.page.click("#tool-break >> text=That is it")
    assert "Right, with 6 guesses" in words.inner_text()
    assert "1 found with 6 guesses in all." in words.inner_text()
    assert "torch.randn(1, mu.shape[1])" in words.locator("code.wrong").inner_text()

    # The next mistake, which is not found but told.
    lab.page.click("#tool-break >> text=Guess the bug")
    lab.page.click("#tool-break >> text=Tell me")
    assert "It is \u201cThe variance stands where the standard deviation should\u201d." in words.inner_text()
    assert "1 found with 6 guesses in all." in words.inner_text()
    lab.page.click("#tool-break >> text=Mend it")


def test_a_still_cursor_decodes_anew_while_training_goes_on(lab: Lab) -> None:
    # What was broken before still trains, or has come to its end.
    pause(lab.page)
    lab.page.mouse.move(*lab.place("latent", 0.25, 0.3))
    lab.wait_for_text("#panel-latent .readout", "decodes to")
    lab.settle()
    before = lab.readout("latent").inner_text()
    described = lab.description("panel-latent")

    # Not by a click of the mouse, which stays where it is.
    lab.page.evaluate("document.getElementById('play').click()")
    lab.page.wait_for_function(
        "(before) => document.querySelector('#panel-latent .readout').textContent !== before",
        arg=before,
        timeout=SOON,
    )
    lab.page.wait_for_function(
        "(before) => document.querySelector('#panel-latent .description').textContent !== before",
        arg=described,
        timeout=SOON,
    )
    after = lab.readout("latent").inner_text()
    assert before.split(" decodes")[0] == after.split(" decodes")[0]


def test_a_twin_goes_on_with_the_run_beyond_its_last_step(lab: Lab) -> None:
    lab.open_tool("twin")
    lab.page.click("#tool-twin >> text=Start")
    pause(lab.page)
    play(lab.page)
    # It comes by earlier steps while it catches up.
    lab.page.wait_for_function(
        """(last) => {
            const { textContent } = document.querySelector("#tool-twin .description");
            return Number(/Step ([\\d,]+)\\./.exec(textContent)?.[1].replace(",", "")) > last;
        }""",
        arg=STEPS,
        timeout=SOON,
    )


@pytest.mark.parametrize(("tool", "begin", "end"), [("twin", "Start", "End it"), ("break", "Break it", "Mend it")])
def test_a_second_run_is_ended_while_it_catches_up(lab: Lab, tool: str, begin: str, end: str) -> None:
    lab.open_tool(tool)
    pause(lab.page)
    opened = lab.page.locator(f"#tool-{tool}")
    # At the first moment at which it can be ended.
    opened.get_by_role("button", name=end).evaluate("""(button) => {
        const watch = new MutationObserver(() => {
            if (button.disabled) return;
            watch.disconnect();
            button.click();
        });
        if (!button.disabled) button.click();
        watch.observe(button, { attributes: true, attributeFilter: ["disabled"] });
    }""")
    opened.get_by_role("button", name=begin).click()
    opened.locator(".comparison").wait_for(state="hidden")
    lab.page.wait_for_timeout(300)
    assert opened.locator(".problem").inner_text() == ""
    assert lab.page.locator("#play").inner_text().strip() == "Play"
