"""The report of sweeps as its reader meets it: of really trained runs, and opened in a real browser."""

import html
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from swissroll.report.html import vector_uri
from swissroll.report.page import write_report
from swissroll.report.style import house_style
from swissroll.runs.run import load
from swissroll.sweep.analysis.axis_panels import draw_axis
from swissroll.sweep.analysis.blocks import settings
from swissroll.sweep.analysis.conclusions import conclusions
from swissroll.sweep.analysis.gallery import MAX_PANELS, Gallery, Panel
from swissroll.sweep.analysis.page import figure_names, render, write_page
from swissroll.sweep.analysis.rate_error import draw_rate_and_error
from swissroll.sweep.analysis.results import METRICS, Table
from tests.oracles import Opened
from tests.sweep.analysis.oracles import made_table, page_text, trained_sweep

pytestmark = pytest.mark.usefixtures("few_points")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_picture_loads_with_its_alternative_text(scheme: Any, table: Table, opened: Opened) -> None:
    with opened(table.folder, color_scheme=scheme) as found:
        images = found.locator("img").all()
        assert len(images) == len(figure_names(table)) == 7
        for image in images:
            assert image.evaluate("i => i.complete && i.naturalWidth > 0")
            assert len(image.get_attribute("alt") or "") > 30
        ink = found.evaluate("getComputedStyle(document.body).color")
        assert (int(re.findall(r"\d+", ink)[0]) > 128) == (scheme == "dark")


@pytest.mark.parametrize("width", [360, 1000])
def test_nothing_is_wider_than_the_window(width: int, table: Table, opened: Opened) -> None:
    with opened(table.folder) as found:
        found.set_viewport_size({"width": width, "height": 800})
        assert found.evaluate("document.documentElement.scrollWidth") <= width


def test_the_table_sorts_and_filters(table: Table, opened: Opened) -> None:
    with opened(table.folder) as found:
        heads = found.locator("table.settings th").all_inner_texts()
        column = heads.index(METRICS["mse"].label)
        cells = found.locator(f"table.settings tbody tr td:nth-child({column + 1})")

        def keys() -> list[str]:
            return [cell.get_attribute("data-key") or "" for cell in cells.all()]

        before = sorted(float(k) for k in keys() if k)
        assert len(before) == 4
        for expected in (before, before[::-1]):
            found.locator("table.settings th button").nth(column).click()
            assert [float(k) for k in keys() if k] == expected
            assert keys()[4:] == [""] * 4
        found.fill("#filter", "diverged")
        assert found.locator("table.settings tbody tr:visible").count() == 4
        # Whole words: 0.1 is not in 0.16, and 0.00 is not in 0.001.
        found.fill("#filter", "0.001")
        assert found.locator("table.settings tbody tr:visible").count() == 4
        found.fill("#filter", "0.00")
        assert found.locator("table.settings tbody tr:visible").count() == 0


def test_the_page_names_what_diverged_and_what_it_confounds(table: Table) -> None:
    text = page_text(table.folder)
    assert "16 runs of 8 settings: 8 finished, 8 diverged" in text
    assert "<strong>8 runs diverged</strong>" in text
    assert "latent_dim 1, beta 0.001, lr 10000, seed 0 and 1: The reconstruction term was not finite" in text
    assert "confounds two things" in text
    for latent in (1, 2):
        sigmas = ", ".join(f"{math.sqrt(beta / latent):.4f}" for beta in (0.001, 0.1))  # sigma² = beta D / 2L, D = 2
        assert f'<tr><th scope="row">{latent}</th><td>{sigmas}</td></tr>' in text
    assert not re.search(r"\b(nan|inf)\b", text, flags=re.IGNORECASE)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)


def test_on_a_narrow_screen_every_command_is_in_sight(table: Table, opened: Opened) -> None:
    with opened(table.folder, viewport={"width": 390, "height": 800}) as page:
        page.click("details.runs summary")
        commands = [code.bounding_box() for code in page.locator("details.runs code").all()]
        assert len(commands) == 16
        for box in commands:
            assert box is not None
            assert 0 <= box["x"] < box["x"] + box["width"] <= 390


def test_held_sigma_is_not_warned_of_and_axes_keep_the_quoted_beta(tmp_path: Path) -> None:
    table = trained_sweep(tmp_path / "sweep", latent_dim=[1, 2], beta=[0.01, 0.1], hold="sigma")
    write_page(table.folder)
    text = page_text(table.folder)
    assert "confounds" not in text
    assert not any("sigma" in line for line in conclusions(table) if line.startswith("latent_dim"))
    assert any("own sigma" in line for line in conclusions(table) if line.startswith("beta"))
    # The runs' own beta is scaled, and the page shows the one that was asked for.
    quoted = {(row.setting["beta"], row.config.latent_dim): row.config.beta for row in table.rows}
    for (beta, latent_dim), own in quoted.items():
        assert own == pytest.approx(beta * latent_dim / 2)
    shown = text.split('<table class="settings">')[1]
    assert '<td data-key="0.01">' in shown
    assert '<td data-key="0.005">' not in shown
    assert "<strong>2 seeds</strong> show only large differences" in text


def test_a_sigma_that_all_runs_share_is_named(tmp_path: Path) -> None:
    table = trained_sweep(tmp_path / "sweep", latent_dim=[1, 2], beta=0.02, hold="sigma")
    write_page(table.folder)
    assert f'<code>sigma</code></th><td class="text">{math.sqrt(0.01):.4f}, in all runs' in page_text(table.folder)


def test_an_unfinished_sweep_says_what_is_missing(tmp_path: Path) -> None:
    table = trained_sweep(tmp_path / "sweep", runs=3, hidden_dim=[8, 16])
    write_page(table.folder)
    assert "1 of 4 runs are missing." in page_text(table.folder)
    assert conclusions(table)[0] == "4 runs of 2 settings: 3 finished, 1 missing."


def test_a_sweep_without_a_run_has_a_page(tmp_path: Path) -> None:
    table = trained_sweep(tmp_path / "sweep", runs=0, hidden_dim=[8, 16])
    write_page(table.folder)
    assert figure_names(table) == []
    assert "4 of 4 runs are missing." in page_text(table.folder)


def test_one_seed_concludes_nothing(tmp_path: Path) -> None:
    table = trained_sweep(tmp_path / "sweep", hidden_dim=[8, 16], seeds=1)
    write_page(table.folder)
    text = page_text(table.folder)
    assert "<strong>One seed.</strong>" in text
    assert " best" not in text.split("<h2>Conclusions</h2>")[1].split("<h2>Each axis")[0].replace("the best", "")
    assert len(conclusions(table)) == 2


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"beta": [0.0, 0.01]},
        {"dataset": ["moons", "helix"]},
        {"dataset": "rings", "conditional": [False, True]},
        {"components": [0, 3]},
        {"activation": ["relu", "tanh"], "reduction": ["mean", "sum"], "latent_dim": [1, 3], "seeds": 1},
        {"lr": 1e4},
    ],
    ids=str,
)
def test_every_kind_of_sweep_has_a_page(values: dict[str, Any], tmp_path: Path) -> None:
    table = trained_sweep(tmp_path / "sweep", **values)
    drawn: list[str] = []
    write_page(table.folder, drawn.append)
    assert drawn == figure_names(table)
    assert not re.search(r"\b(nan|inf)\b", page_text(table.folder), flags=re.IGNORECASE)
    assert all(line.isprintable() for line in conclusions(table))


def many(seeds: int = 5) -> Table:
    """Numbers of ten thousand runs, without the runs."""
    rng = np.random.default_rng(0)
    names = ("mse", "rate", "w2")
    axes = {"latent_dim": tuple(range(1, 21)), "hidden_dim": tuple(range(1, 11)), "beta": (0.01, 0.1)}
    axes |= {"lr": (0.001, 0.002, 0.003, 0.004, 0.005)}
    return made_table(axes, lambda *_: dict(zip(names, rng.exponential(size=len(names)), strict=True)), seeds=seeds)


def test_ten_thousand_rows_stay_small() -> None:
    table = many()
    assert len(table.rows) == 10_000
    with house_style():
        drawn = {"rate and error": vector_uri(draw_rate_and_error(table))}
        drawn["latent_dim"] = vector_uri(draw_axis(table, "latent_dim"))
    panel = Panel(setting=settings(table)[0], title="", side="", row=None, folder=None)
    html = render(table, drawn, Gallery(rows=[[panel] * MAX_PANELS], total=2000))
    # A dot for every run.
    assert unquote(drawn["rate and error"]).count("<use ") >= 10_000
    # A page draws four axes against eight metrics. This one holds one axis against three, and that axis is the largest.
    figures = 4 * 8 / 3
    assert len(html) + (figures - 1) * len(drawn["latent_dim"]) < 10e6
    assert "The first 200 of 2,000 settings" in html
    assert f"{MAX_PANELS} of 2,000 settings" in html
    assert len(conclusions(table)) <= 12


def test_every_run_is_linked_by_its_setting_or_has_the_command_that_writes_its_report(
    tmp_path: Path, opened: Opened
) -> None:
    table = trained_sweep(tmp_path / "my sweep", beta=[0.01, 0.1], seeds=1)
    drawn, other = (table.folder / "runs" / row.name for row in table.rows)
    write_report(load(drawn))
    write_page(table.folder)
    text = page_text(table.folder)
    assert f'<td class="text">beta 0.01</td><td>{table.seeds[0]}</td>' in text
    assert f'<a href="runs/{drawn.name}/report.html">report</a>' in text
    assert html.unescape(text).count(f"swissroll report '{other}'") == 1
    with opened(table.folder) as page:
        page.click("details.runs summary")
        page.click("details.runs a")
        assert page.title().startswith("VAE run: swiss_roll, beta 0.01")
