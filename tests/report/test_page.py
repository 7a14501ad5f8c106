"""The report as its reader meets it: opened in a real browser, with no network."""

import html
import re
import shlex
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from PIL import Image

import swissroll
from swissroll.cli.app import main
from swissroll.cli.runs import print_diagnosis
from swissroll.config import Config
from swissroll.evaluation.advice import Action, Advice
from swissroll.evaluation.tables import summary_rows
from swissroll.report.colours import DATA, GRID, REFERENCE
from swissroll.report.figures import available
from swissroll.report.film import film_gif
from swissroll.report.page import render, write_report
from swissroll.report.scene import Scene
from swissroll.runs.evaluate import evaluate
from swissroll.runs.fit_prior import repair
from swissroll.runs.run import Run
from tests.oracles import Opened, empty_pictures, trained_run

pytestmark = pytest.mark.usefixtures("few_points")


def trained(folder: Path, **settings: Any) -> Run:
    return trained_run(folder, Config(**({"steps": 40, "hidden_dim": 16, "snapshot_every": 10} | settings)))


def page_without_pictures(run: Run, scene: Scene | None = None) -> str:
    """A run's page with empty addresses in place of its figures, which take most of a report's time."""
    scene = scene or Scene.of_run(run)
    return render(run, scene, empty_pictures(scene), evaluate(run))


def all_text(page: str) -> str:
    """All words of a page that a person reads or hears: captions, tables and alternative texts."""
    without_code = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    without_pictures = re.sub(r'src="[^"]*"', "", without_code)
    return html.unescape(without_pictures)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, few_points: None) -> Run:  # noqa: ARG001
    """A run with the notebook's width, and its report."""
    found = trained(tmp_path_factory.mktemp("reported") / "run", hidden_dim=256)
    write_report(found)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_picture_loads_with_its_alternative_text(scheme: Any, run: Run, opened: Opened) -> None:
    with opened(run.folder, color_scheme=scheme) as page:
        pictures = page.locator("img").all()
        assert len(pictures) == len(available(Scene.of_run(run))) + 1
        for picture in pictures:
            assert picture.evaluate("i => i.complete && i.naturalWidth > 0")
            assert len(picture.get_attribute("alt") or "") > 30
        ink = page.evaluate("getComputedStyle(document.body).color")
        assert (int(re.findall(r"\d+", ink)[0]) > 128) == (scheme == "dark")


def test_the_page_shows_the_numbers_that_were_measured(run: Run) -> None:
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    for name, value in summary_rows(evaluate(run)):
        assert f'<th scope="row">{name}</th><td>{value}</td>' in page
    assert "<strong>sigma = 0.0707</strong>" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


@pytest.mark.parametrize(("latent_dim", "flat"), [(1, False), (2, True)])
def test_captions_speak_of_planes_and_ellipses_only_where_they_are(latent_dim: int, flat: bool, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", latent_dim=latent_dim)
    page = page_without_pictures(run)
    assert ("ellipse" in page) == flat
    assert ("grid on [-2, 2]²" in page) == flat
    assert ("against t, with one standard deviation" in page) == (not flat)


def test_the_same_run_has_the_same_report_to_the_last_byte(run: Run) -> None:
    before = (run.folder / "report.html").read_bytes()
    write_report(swissroll.load(run.folder))
    assert (run.folder / "report.html").read_bytes() == before


def test_a_picture_and_the_diagnosis_come_first_then_numbers_and_then_settings_folded(run: Run) -> None:
    page = page_without_pictures(run)
    places = [page.index(mark) for mark in ("Diagnosis:", "<img", "<table", "<details", "<dl", 'class="lab"')]
    assert places == sorted(places)
    folded = re.findall(r"<details>.*?</details>", page, flags=re.DOTALL)
    assert len(folded) == 1
    # A share that is held out is of a table's rows, and this run has none.
    settings = [name for name, value in vars(run.config).items() if value is not None and name != "held_out"]
    assert folded[0].count("<dt>") == len(settings)


@pytest.mark.parametrize("name", ["my run", "it's"])
def test_the_command_that_makes_a_run_again_works_as_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(tmp_path / name, steps=5)
    page = all_text(page_without_pictures(run))
    (holder, command) = re.findall(r"In the folder that holds <code>(.*?)</code>: <code>(.*?)</code>", page)[0]
    assert holder == name

    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(command)
    assert program == "swissroll"
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--quiet"])
    assert ended.value.code == 0
    again = swissroll.load(tmp_path / f"{name}-again")
    assert again.model.fc_mu.weight.equal(run.model.fc_mu.weight)


def test_a_repaired_copy_names_the_command_that_repairs_its_original(tmp_path: Path) -> None:
    run = trained(tmp_path / "my run", steps=5)
    copy = repair(run, tmp_path / "copy", components=2)
    text = all_text(page_without_pictures(copy))
    command = "swissroll repair 'my run' --components 2 --out copy-again"
    assert f"In the folder that holds <code>my run</code>: <code>{command}</code>" in text
    assert "Trained for 5 steps, then its prior was fitted." in text
    assert "of 5 steps" not in text


def test_only_what_can_be_tried_is_told_as_something_to_try(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    evaluation = evaluate(run)
    scene = Scene.of_run(run)
    pictures = empty_pictures(scene)
    well = replace(evaluation, diagnosis=replace(evaluation.diagnosis, advice=Advice(action=Action.NOTHING)))
    for found, is_told in ((evaluation, True), (well, False)):
        print_diagnosis(run, found)
        assert ("to try: " in capsys.readouterr().out) is is_told
        assert ("To try: " in render(run, scene, pictures, found)) is is_told


def test_the_film_has_the_colours_of_the_figures_and_no_ground(run: Run) -> None:
    with Image.open(BytesIO(film_gif(Scene.of_run(run)))) as film:
        frame = film.convert("RGBA")
    found = frame.getcolors(100)
    assert found is not None
    seen = {pixel for _, pixel in found if isinstance(pixel, tuple) and pixel[3] > 0}
    assert len(found) == len(seen) + 1
    drawn = {tuple(round(255 * part) for part in to_rgba(colour)) for colour in (DATA, GRID, REFERENCE)}
    assert seen == drawn


def test_the_letters_of_the_animation_are_large(run: Run) -> None:
    """Its grey has a contrast of 3 to 1 with both pages: enough for bold letters of 14 points (WCAG 2.2, 1.4.3)."""
    with Image.open(BytesIO(film_gif(Scene.of_run(run)))) as film:
        pixels = np.array(film.convert("RGBA"))
        scale = film.width / 340
    is_grey = (pixels == [round(255 * part) for part in to_rgba(REFERENCE)]).all(axis=-1)
    words = is_grey.any(axis=1).nonzero()[0]
    # From the top of the title to its bottom; an upper-case letter takes 0.73 of the size of this font.
    end = np.flatnonzero(np.diff(words) > 1)[0]
    assert words[end] - words[0] >= scale * 0.73 * 14 * 96 / 72


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_scrolls_sideways_has_a_shadow_where_more_is_hidden(scheme: Any, run: Run, opened: Opened) -> None:
    with opened(run.folder, viewport={"width": 390, "height": 800}, color_scheme=scheme) as page:
        scrolling = "e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === 'auto'"
        scrolled = page.evaluate(f"[...document.querySelectorAll('body *')].filter({scrolling}).map(e => e.className)")
        assert len(scrolled) > 8
        assert set(scrolled) == {"wide"}

        content = '<div class="wide" id="probe" style="height: 60px"><div style="width: 2000px"></div></div>'
        page.evaluate("content => document.body.insertAdjacentHTML('afterbegin', content)", content)
        probe = page.locator("#probe")
        for place, expected in ((0, (False, True)), (500, (True, True)), (2000, (True, False))):
            probe.evaluate("(e, place) => e.scrollLeft = place", place)
            shades = np.array(Image.open(BytesIO(probe.screenshot())).convert("L"), dtype=float)[20]
            paper = shades[len(shades) // 2]
            assert (abs(shades[1] - paper) > 30, abs(shades[-2] - paper) > 30) == expected


def test_the_animation_has_one_frame_per_snapshot(run: Run) -> None:
    with Image.open(BytesIO(film_gif(Scene.of_run(run)))) as film:
        assert getattr(film, "n_frames", 1) == len(run.snapshots) == 5


def test_captions_speak_of_a_coordinate_only_where_there_is_one(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    coloured = Scene.of_run(run)
    plain = Scene(run.config, run.model, run.snapshots, run.history, coloured.held_out._replace(coordinate=None))

    assert "coloured by" in all_text(page_without_pictures(run, coloured))
    assert "coloured by" not in all_text(page_without_pictures(run, plain))


@pytest.mark.parametrize(
    ("components", "caption"), [(0, "dashed rings"), (1, "dashed rings"), (3, "the prior's components")]
)
def test_the_caption_says_how_the_prior_is_drawn(components: int, caption: str, tmp_path: Path) -> None:
    text = all_text(page_without_pictures(trained(tmp_path / "run", components=components)))
    assert {name for name in ("dashed rings", "the prior's components") if name in text} == {caption}


@pytest.mark.parametrize(
    "settings",
    [
        {"beta": 0.0},
        {"latent_dim": 1},
        {"latent_dim": 6, "reduction": "sum"},
        {"noise": 0.1, "depth": 0},
        {"lr": 10.0},
        {"noise": 10.0, "depth": 0},
        {"noise": 10.0, "beta": 0.0, "batch_size": 1, "latent_dim": 50},
    ],
    ids=str,
)
def test_every_kind_of_run_has_a_page_without_nan(settings: dict[str, Any], tmp_path: Path) -> None:
    text = all_text(page_without_pictures(trained(tmp_path / "run", steps=5, **settings)))

    # The last heading is there: the text is that of the whole page.
    assert "The aggregate posterior against the prior" in text
    assert not re.search(r"\b(nan|inf)\b", text, flags=re.IGNORECASE)
