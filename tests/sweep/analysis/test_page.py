"""The report of sweeps as its reader meets it: of really trained runs, and opened in a real browser."""

import csv
import dataclasses
import json
import math
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context

from swissroll.report.html import vector_uri
from swissroll.report.page import write_metrics
from swissroll.report.plots import STYLE
from swissroll.runs.examine import examine
from swissroll.runs.files import pack
from swissroll.runs.run import load
from swissroll.sweep.analysis import figures as pictures
from swissroll.sweep.analysis import page
from swissroll.sweep.analysis.conclusions import conclusions, difference, number
from swissroll.sweep.analysis.gallery import CELLS, Gallery, gallery
from swissroll.sweep.analysis.page import parts, write_page
from swissroll.sweep.analysis.results import METRICS, Table, read_table, write_table
from swissroll.sweep.analysis.statistics import Interval
from swissroll.sweep.plan import Sweep, run_name
from swissroll.training.many import train_many
from tests.oracles import Opened
from tests.sweep.analysis.test_statistics import made

pytestmark = pytest.mark.usefixtures("few_points")

QUICK = {"steps": 30, "eval_every": 10, "hidden_dim": 8, "seeds": 2, "engine": "torch", "device": "cpu"}


def swept(folder: Path, runs: int | None = None, **values: Any) -> Table:
    """A sweep's folder with the first so many of its runs, trained one by one."""
    sweep = Sweep.of(QUICK | values)
    (folder / "runs").mkdir(parents=True)
    (folder / "sweep.toml").write_text(sweep.to_toml(), encoding="utf-8")
    for config in list(sweep.configs())[:runs]:
        run = folder / "runs" / run_name(config)
        run.mkdir()
        for name, data in pack(train_many([config])[0]).items():
            (run / name).write_bytes(data)
        write_metrics(load(run), examine(load(run)))
    write_table(sweep, folder)
    return read_table(folder)


def text_of(folder: Path) -> str:
    """The page without its pictures, style and script."""
    html = (folder / "report.html").read_text(encoding="utf-8")
    html = re.sub(r'src="data:[^"]*"', "", html)
    return re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, few_points: None) -> Table:  # noqa: ARG001
    """Three axes, one value of which diverges, and the page."""
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    found = swept(folder, latent_dim=[1, 2], beta=[0.001, 0.1], lr=[0.01, 1e4])
    assert write_page(folder) == folder / "report.html"
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_picture_loads_with_its_alternative_text(scheme: Any, table: Table, opened: Opened) -> None:
    with opened(table.folder, color_scheme=scheme) as found:
        images = found.locator("img").all()
        assert len(images) == len(parts(table)) == 7
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


def test_the_settings_table_holds_the_means_of_table_csv(table: Table) -> None:
    groups = defaultdict(list)
    with (table.folder / "table.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            groups[row["latent_dim"], row["beta"], row["lr"]].append(row["mse"])
    html = text_of(table.folder).split('<table class="settings">')[1]
    rows = re.findall(r"<tr>(.*?)</tr>", html.split("<tbody>")[1], flags=re.DOTALL)
    assert len(rows) == len(groups) == 8
    column = [re.sub("<.*?>", "", h) for h in re.findall(r"<th.*?</th>", html)].index(METRICS["mse"].label)
    for row, values in zip(rows, groups.values(), strict=True):
        key = re.findall(r'data-key="(.*?)"', row)[column]
        if all(values):
            assert float(key) == pytest.approx(np.mean([float(v) for v in values]))
        else:
            assert key == ""


def test_the_page_names_what_diverged_and_what_it_confounds(table: Table) -> None:
    text = text_of(table.folder)
    assert "16 runs of 8 settings: 8 finished, 8 diverged" in text
    assert "<strong>8 runs diverged</strong>" in text
    assert "latent_dim 1, beta 0.001, lr 10000, seed 0 and 1: The reconstruction term was not finite" in text
    assert "confounds two things" in text
    for latent in (1, 2):
        sigmas = ", ".join(f"{math.sqrt(beta / latent):.4f}" for beta in (0.001, 0.1))  # sigma² = beta D / 2L, D = 2
        assert f'<tr><th scope="row">{latent}</th><td>{sigmas}</td></tr>' in text
    assert not re.search(r"\b(nan|inf)\b", text, flags=re.IGNORECASE)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)


def test_the_frontier_is_that_of_the_runs_means(table: Table) -> None:
    means = {}
    with (table.folder / "table.csv").open(encoding="utf-8") as file:
        found = [row for row in csv.DictReader(file) if row["mse"]]
    for axes in {(r["latent_dim"], r["beta"], r["lr"]) for r in found}:
        rows = [r for r in found if (r["latent_dim"], r["beta"], r["lr"]) == axes]
        means[axes] = tuple(np.mean([float(r[name]) for r in rows]) for name in ("rate", "mse"))
    best = [a for a, (x, y) in means.items() if not any(u < x and v < y for u, v in means.values())]
    expected = [
        f"latent_dim {a}, beta {float(b):g}, lr {float(c):g}" for a, b, c in sorted(best, key=means.__getitem__)
    ]
    assert f"On the frontier, by rising rate: {'; '.join(expected)}." in text_of(table.folder)


def test_held_sigma_is_not_warned_of_and_axes_keep_the_quoted_beta(tmp_path: Path) -> None:
    table = swept(tmp_path / "sweep", latent_dim=[1, 2], beta=[0.01, 0.1], hold="sigma")
    write_page(table.folder)
    text = text_of(table.folder)
    assert "confounds" not in text
    assert not any("sigma" in line for line in conclusions(table) if line.startswith("latent_dim"))
    assert any("own sigma" in line for line in conclusions(table) if line.startswith("beta"))
    # The runs' own beta is scaled, and the page shows the one that was asked for.
    quoted = {(row.setting["beta"], row.config.latent_dim): row.config.beta for row in table.rows}
    assert quoted == {(beta, dim): pytest.approx(beta * dim / 2) for beta in (0.01, 0.1) for dim in (1, 2)}
    shown = text.split('<table class="settings">')[1]
    assert '<td data-key="0.01">' in shown
    assert '<td data-key="0.005">' not in shown
    assert "<strong>2 seeds</strong> tell only large differences from noise" in text


def test_a_sigma_that_all_runs_share_is_named(tmp_path: Path) -> None:
    table = swept(tmp_path / "sweep", latent_dim=[1, 2], beta=0.02, hold="sigma")
    write_page(table.folder)
    assert f'<code>sigma</code></th><td class="text">{math.sqrt(0.01):.4f}, in all runs' in text_of(table.folder)


def test_an_unfinished_sweep_says_what_is_missing(tmp_path: Path) -> None:
    table = swept(tmp_path / "sweep", runs=3, hidden_dim=[8, 16])
    write_page(table.folder)
    assert "1 of 4 runs are missing." in text_of(table.folder)
    assert conclusions(table)[0] == "4 runs of 2 settings: 3 finished, 1 missing."


def test_a_sweep_without_a_run_has_a_page(tmp_path: Path) -> None:
    table = swept(tmp_path / "sweep", runs=0, hidden_dim=[8, 16])
    write_page(table.folder)
    assert parts(table) == []
    assert "4 of 4 runs are missing." in text_of(table.folder)


def test_one_seed_concludes_nothing(tmp_path: Path) -> None:
    table = swept(tmp_path / "sweep", hidden_dim=[8, 16], seeds=1)
    write_page(table.folder)
    text = text_of(table.folder)
    assert "<strong>One seed.</strong>" in text
    assert " best" not in text.split("<h2>Conclusions</h2>")[1].split("<h2>Each axis")[0].replace("the best", "")
    assert len(conclusions(table)) == 2


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"beta": [0.0, 0.01]},
        {"dataset": ["moons", "helix"]},
        {"components": [0, 3]},
        {"activation": ["relu", "tanh"], "reduction": ["mean", "sum"], "latent_dim": [1, 3], "seeds": 1},
        {"lr": 1e4},
    ],
    ids=str,
)
def test_every_kind_of_sweep_has_a_page(values: dict[str, Any], tmp_path: Path) -> None:
    table = swept(tmp_path / "sweep", **values)
    drawn: list[str] = []
    write_page(table.folder, drawn.append)
    assert drawn == parts(table)
    assert not re.search(r"\b(nan|inf)\b", text_of(table.folder), flags=re.IGNORECASE)
    assert all(line.isprintable() for line in conclusions(table))


def many(seeds: int = 5) -> Table:
    """Numbers of ten thousand runs, without the runs."""
    rng = np.random.default_rng(0)
    names = ("mse", "rate", "neg_elbo", "off_p90", "w2", "c2st", "prior_c2st", "active")
    axes = {"latent_dim": tuple(range(1, 21)), "hidden_dim": tuple(range(1, 11)), "beta": (0.01, 0.1)}
    axes |= {"lr": (0.001, 0.002, 0.003, 0.004, 0.005)}
    return made(axes, lambda *_: dict(zip(names, rng.exponential(size=len(names)), strict=True)), seeds=seeds)


def test_ten_thousand_rows_stay_small() -> None:
    table = many()
    assert len(table.rows) == 10_000
    with rc_context(STYLE):
        drawn = {"rate and error": vector_uri(pictures.rate_and_error(table))}
        drawn["latent_dim"] = vector_uri(pictures.against_axis(table, "latent_dim"))
    html = page.render(table, drawn, Gallery(rows=[], shown=CELLS, total=2000))
    assert max(map(len, drawn.values())) > 1e5
    assert len(html) + 3 * len(drawn["latent_dim"]) < 10e6
    assert "The first 200 of 2,000 settings" in html
    assert f"{CELLS} of 2,000 settings" in html
    assert len(conclusions(table)) <= 12


def test_the_gallery_shows_each_setting_once_and_says_how_many(table: Table) -> None:
    found = gallery(table)
    cells = [cell for row in found.rows for cell in row if cell]
    assert (found.shown, found.total) == (8, 8)
    assert len({cell.setting.values for cell in cells}) == 8
    for cell in cells:
        assert (cell.scene is None) == (cell.setting.place["lr"] == 1e4)
        if cell.scene:
            assert cell.scene.config.latent_dim == cell.setting.place["latent_dim"]
            assert cell.scene.config.seed == 0


def test_learning_curves_end_at_the_runs_last_measurement(table: Table) -> None:
    figure = pictures.learning_curves(table)
    drawn = {round(float(np.asarray(line.get_ydata())[-1]), 9) for line in figure.axes[0].lines}
    first = [r for r in table.rows if r.status == "finished" and r.setting["beta"] == 0.001]
    ends = defaultdict(list)
    for row in first:
        history = (table.folder / "runs" / row.name / "history.csv").read_text().splitlines()
        head, last = history[0].split(","), history[-1].split(",")
        ends[row.setting["latent_dim"]].append(float(last[head.index("held_out_mse")]))
    assert drawn == {round(float(np.median(v)), 9) for v in ends.values()}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (0.13849, "0.138"), (2.5, "2.50"), (71.96, "72.0"), (1234.4, "1,234"), (3e-7, "3.00e-07")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text
    assert number(-value if value else math.nan) == (f"-{text}" if value else "-")


def test_an_interval_that_excludes_zero_never_looks_as_if_it_held_it() -> None:
    assert difference(Interval(mean=0.0482, low=0.0002, high=0.0962, n=3)) == "+0.0482 [+0.0002, +0.0962]"
    assert difference(Interval(mean=0.05, low=-0.0312, high=0.1312, n=3)) == "+0.050 [-0.031, +0.131]"
    assert difference(Interval(mean=5.0, low=-math.inf, high=math.inf, n=1)) == "-"
    assert difference(Interval(mean=0.5, low=0.5, high=0.5, n=3)).startswith("+0.5")


def test_metrics_json_and_the_page_agree_on_the_diagnosis(table: Table) -> None:
    row = next(r for r in table.rows if r.status == "finished")
    written = json.loads((table.folder / "runs" / row.name / "metrics.json").read_text(encoding="utf-8"))
    assert row.diagnosis == written["diagnosis"]["name"]
    assert row.diagnosis in text_of(table.folder)
    assert dataclasses.asdict(row)["setting"] == row.setting
