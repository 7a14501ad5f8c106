"""What a reader takes away from the page, saved by its own buttons: it opens elsewhere, and is the same run.

Oracles: the package, which trains and loads it, and a second page.
"""

from __future__ import annotations

import csv
import re
import runpy
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from safetensors import safe_open
from safetensors.torch import load_file
from torch.distributions import Normal

import swissroll
from swissroll.cli.app import main
from swissroll.config import read_config
from swissroll.model.translation import translate
from swissroll.model.vae import VAE
from swissroll.runs.run import load
from tests.web.driver import SMALL, is_in_sight, notes, opened_page, saved, wait_for_step, weights_hash
from tests.web.test_recipes import config_of_command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STEPS = 12
RUN = f"{SMALL}&beta=0.02&steps={STEPS}&step={STEPS}&turns=5:lr:0.01&tool=export"
PER_COORDINATE = "squared data units per coordinate"
TEXTS = ("Link", "Command", "lab.toml", "Python script", "Points as CSV")


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A run of a few steps that stands still, with the tool of exports open."""
    with opened_page(browser, address + RUN, permissions=["clipboard-read", "clipboard-write"]) as opened:
        wait_for_step(opened, STEPS)
        yield opened


@pytest.mark.parametrize("label", TEXTS)
def test_what_is_copied_is_what_is_saved(label: str, page: Page, tmp_path: Path) -> None:
    text = saved(page, f"Save: {label}", tmp_path).read_text(encoding="utf-8")

    page.get_by_role("button", name=f"Copy: {label}", exact=True).click()
    told = page.locator("#tool-export .told")
    told.get_by_text(f"{label} is copied").wait_for()
    assert is_in_sight(told)
    assert page.evaluate("navigator.clipboard.readText()") == text
    assert page.locator("#tool-export textarea").input_value() == text


def test_saved_link_gives_the_run_again(page: Page, browser: Browser, tmp_path: Path) -> None:
    link = saved(page, "Save: Link", tmp_path).read_text(encoding="utf-8")
    with opened_page(browser, link) as other:
        wait_for_step(other, STEPS)
        assert weights_hash(other) == weights_hash(page)


def test_button_and_key_copy_a_link_and_say_that_it_leads_to_a_file(page: Page) -> None:
    for way in ("button", "key"):
        page.evaluate("navigator.clipboard.writeText('')")
        if way == "button":
            page.locator("#copy-link").click()
        else:
            page.keyboard.press("c")
        page.wait_for_function("() => navigator.clipboard.readText().then((text) => text.includes('turns=5:lr:0.01'))")
        assert "send the file as well" in notes(page)
        page.locator("#notes button").click()


def test_without_a_clipboard_the_text_is_selected(browser: Browser, address: str) -> None:
    with opened_page(browser, address + RUN) as page:
        wait_for_step(page, STEPS)
        # As in a frame of a notebook, or where the reader refused.
        page.evaluate("""() => {
            Object.defineProperty(navigator, "clipboard", { value: undefined });
            document.execCommand = () => false;
        }""")
        page.get_by_role("button", name="Copy: Command", exact=True).click()
        page.get_by_text("Copy the text that is selected.").wait_for()
        selected = "(e) => e.value.slice(e.selectionStart, e.selectionEnd)"
        assert page.locator("#tool-export textarea").evaluate(selected).startswith("swissroll train ")

        page.locator("#copy-link").click()
        assert "The link is in the address bar." in notes(page)
        assert "turns=5:lr:0.01" in page.url


@pytest.mark.usefixtures("few_points", "no_pictures")
def test_saved_config_trains_the_run_and_says_what_differs(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(page, "Save: lab.toml", tmp_path)
    assert path.name == "lab.toml"
    assert "# lr was turned to 0.01 after step 5; here it stays." in path.read_text()

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["train", "--config", "lab.toml", "--engine", "torch", "--out", "run", "--quiet"])
    assert end.value.code == 0
    assert "engine and random generator are not" in capsys.readouterr().err
    run = load(tmp_path / "run")
    assert (run.config.hidden_dim, run.config.depth, run.config.beta, run.step) == (8, 1, 0.02, STEPS)


def test_saved_command_and_script_are_the_saved_config(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = read_config(saved(page, "Save: lab.toml", tmp_path))
    command = saved(page, "Save: Command", tmp_path).read_text()
    assert command.endswith("\n")
    script = saved(page, "Save: Python script", tmp_path)
    assert config_of_command(command) == config

    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(script))
    assert names["config"] == config
    assert f"mean of the last {STEPS} steps, in nats per point:\ndistortion " in capsys.readouterr().out


def test_saved_weights_encode_the_saved_points_as_the_page_does(page: Page, tmp_path: Path) -> None:
    points = np.loadtxt(saved(page, "Save: Points as CSV", tmp_path), delimiter=",", skiprows=1)
    assert points.shape == (2000, 3)
    tensors = load_file(saved(page, "Save: weights as safetensors", tmp_path))
    model = VAE(2, 8, depth=1)
    model.load_state_dict(tensors)

    # Words follow the run once a second.
    expect(page.locator("#panel-latent .description")).to_contain_text(f"Step {STEPS}.")
    said = page.locator("#panel-latent .description").text_content() or ""
    pattern = r"For point (\d+) the encoder says mean (.*?) and standard deviation (.*?)\. "
    number, mean, std = re.findall(pattern, said)[0]
    x = torch.tensor(points[int(number) - 1, :2], dtype=torch.float32)
    mu, logvar = model.encode(x[None])
    of_page = [[float(value.replace("\u2212", "-")) for value in text.split(",")] for text in (mean, std)]
    assert mu[0].tolist() == pytest.approx(of_page[0], abs=0.006)
    assert (0.5 * logvar[0]).exp().tolist() == pytest.approx(of_page[1], abs=0.006)


def test_saved_weights_say_which_run_they_are_of(page: Page, tmp_path: Path) -> None:
    with safe_open(saved(page, "Save: weights as safetensors", tmp_path), framework="pt") as file:
        said = file.metadata()
    config = read_config(saved(page, "Save: lab.toml", tmp_path))
    for name, value in asdict(config).items():
        if name in said and name != "steps":
            assert said[name] in (str(value), str(value).lower(), f"{value:g}" if isinstance(value, float) else "")
    assert set(said) >= {"dataset", "noise", "seed", "batch_size", "lr", "beta", "reduction", "hidden_dim", "posterior"}
    assert (said["step"], said["turns"], said["own_points"]) == (str(STEPS), "5:lr:0.01", "none")
    assert said["swissroll"] == swissroll.__version__
    assert "sigma 0.1," in said["conventions"]


def test_saved_curves_agree_with_what_the_loss_says_of_them(page: Page, tmp_path: Path) -> None:
    with saved(page, "Save: Curves as CSV", tmp_path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, STEPS + 1))
    # Held-out points are measured now and then, and at the end.
    assert rows[1]["held_out_loss (squared data units per coordinate)"] == ""
    assert float(rows[-1]["held_out_rate (nats per point)"]) > 0

    noise = Normal(0.0, translate(0.02, "mean", 2, 2).sigma)
    for row in rows:
        mse, rate = (float(row[f"{name}"]) for name in (f"mse ({PER_COORDINATE})", "rate (nats per point)"))
        # Twice the log density of an error whose square is the mean over two coordinates.
        distortion = -2 * noise.log_prob(torch.tensor(mse).sqrt()).item()
        assert float(row["distortion (nats per point)"]) == pytest.approx(distortion, rel=1e-4)
        assert float(row[f"loss ({PER_COORDINATE})"]) == pytest.approx(mse + 0.02 * rate / 2, rel=1e-4)


def test_saved_measures_are_those_that_the_page_says(page: Page, tmp_path: Path) -> None:
    expect(page.locator("#panel-curves .description")).to_contain_text("of amortisation")
    expect(page.locator(".verdict")).to_contain_text("Under-trained.")
    # The first numbers are of few points, and words follow twice a second.
    elbo_of_all = page.locator("#now-loss").inner_text()
    expect(page.locator("#panel-curves .description")).to_contain_text(f"ELBO {elbo_of_all} nats")
    with saved(page, "Save: Measures as CSV", tmp_path).open(encoding="utf-8", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert (last["step"], last["is_exact"], last["diagnosis"]) == (str(STEPS), "true", "under-trained")
    said = (page.locator("#panel-curves .description").text_content() or "").replace("\u2212", "-")
    number = r"(\S+) nats"
    found = re.findall(
        f"ELBO {number}, distortion {number}, rate {number}.*evidence: {number}.*bound: {number}"
        f".*gap of {number} is {number} of the family and {number} of am",
        said,
    )
    elbo_and_evidence = ("neg_elbo", "distortion", "rate", "neg_log_evidence", "lower_bound")
    parts_of_gap = ("inference_gap", "family_gap", "amortisation_gap")
    of_file = {name.removesuffix(" (nats per point)"): value for name, value in last.items()}
    for name, value in zip((*elbo_and_evidence, *parts_of_gap), found[0], strict=True):
        # What is said is rounded, and sums are added up from what was rounded.
        assert float(of_file[name]) == pytest.approx(float(value), abs=4e-3 + 1e-5 * abs(float(value)))

    # The file has the numbers whole: they add up.
    saved_numbers = {name: float(of_file[name]) for name in (*elbo_and_evidence, *parts_of_gap)}
    elbo = saved_numbers["distortion"] + saved_numbers["rate"]
    assert saved_numbers["neg_elbo"] == pytest.approx(elbo, rel=1e-9)
    assert saved_numbers["neg_log_evidence"] == pytest.approx(elbo - saved_numbers["inference_gap"], rel=1e-9)
    assert 0 < float(of_file["standard_error"]) < 1


@pytest.mark.parametrize("panel", ["data", "latent", "curves"])
def test_saved_picture_is_the_panel_on_its_ground(panel: str, page: Page, tmp_path: Path) -> None:
    page.get_by_label("Panel to save as a picture").select_option(panel)
    picture = Image.open(saved(page, "Save: PNG of a panel", tmp_path))

    canvas = page.locator(f"#panel-{panel} canvas").first.bounding_box()
    assert canvas is not None
    assert picture.size == pytest.approx((canvas["width"], canvas["height"]), abs=2)
    colours = picture.convert("RGB").getcolors(2**20)
    assert colours is not None
    assert len(colours) > 20
    assert max(colours)[1] == (255, 255, 255)
