"""The gallery of misconceptions: each entry trains from the right run's start, and the page shows what there is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from docs import misconceptions as gallery
from swissroll.exercise.misconceptions import BY_ID, CATALOGUE
from swissroll.exercise.misconceptions.source import solution, wrong_solution
from swissroll.exercise.side_by_side import draw_small

SMALL = dataclasses.replace(gallery.CONFIG, steps=3, hidden_dim=6)
PICTURES = Path(gallery.PICTURES)


@pytest.mark.usefixtures("few_points")
def test_a_mistake_is_drawn_once_and_shown_beside_the_right_run(tmp_path: Path) -> None:
    entry = BY_ID["noise-shared-by-batch"]
    right = gallery.outcome("right", solution(), tmp_path, tmp_path, SMALL)
    wrong = gallery.outcome(entry.id, wrong_solution(entry), tmp_path, tmp_path, SMALL)
    assert wrong == gallery.outcome(entry.id, "is not read again", tmp_path, tmp_path, SMALL)
    assert float(right.above.split()[0]) > 0
    assert right != wrong

    page = gallery.page(CATALOGUE, tmp_path, right)
    assert page.startswith(f"1 of the catalogue's {len(CATALOGUE)} mistakes")
    assert f"| the right run: {right.above} nats above the bound | this mistake: {wrong.above}" in page
    assert f"misconceptions/{entry.id}.png" in page


@pytest.mark.usefixtures("few_points")
def test_runs_that_draw_the_same_share_a_picture_and_the_page_says_so(tmp_path: Path) -> None:
    first, second, harmless = (BY_ID[name] for name in ("beta-on-both", "beta-unused", "eval-returns-mean"))
    right = gallery.outcome("right", solution(), tmp_path, tmp_path, SMALL)
    gallery.outcome(first.id, wrong_solution(first), tmp_path, tmp_path, SMALL)
    gallery.outcome(second.id, wrong_solution(first), tmp_path, tmp_path, SMALL)
    gallery.outcome(harmless.id, wrong_solution(harmless), tmp_path, tmp_path, SMALL)
    assert {path.stem for path in tmp_path.glob("*.png")} == {"right", first.id}

    page = gallery.page(CATALOGUE, tmp_path, right)
    assert f"The picture is that of `{first.id}`, to the last pixel." in page
    assert page.count(f"misconceptions/{first.id}.png") == 2
    assert "1 gives the right run's picture and number" in page


@pytest.mark.usefixtures("few_points")
def test_a_run_that_ran_away_is_seen_from_afar() -> None:
    far = solution(heads="mu = self.fc_mu(h) + 1000\nlogvar = self.fc_logvar(h)\nreturn mu, logvar")
    figure = draw_small(gallery.trained(far, SMALL))
    data, latents = figure.axes
    assert data.get_title().startswith("generated")
    assert "±" not in data.get_title()
    assert "q(z|x) (±1," in latents.get_title()
    assert latents.get_xlim()[1] > 1000


def test_code_that_cannot_be_trained_is_told_in_words(tmp_path: Path) -> None:
    code = solution(total="loss = recon_loss + beta * kl_loss\nreturn loss.item()")
    found = gallery.outcome("number", code, tmp_path, tmp_path, SMALL)
    assert "the loss is a float, not a tensor" in found.problem
    assert not (tmp_path / "number.png").exists()


def test_the_committed_pictures_are_light_and_are_shown() -> None:
    page = (gallery.DOCS / "misconceptions.md").read_text(encoding="utf-8")
    names = {path.stem for path in PICTURES.glob("*.png")}
    assert "right" in names
    for name in names:
        path = PICTURES / f"{name}.png"
        assert path.stat().st_size < 40_000
        assert f"pictures/misconceptions/{name}.png" in page
        assert name == "right" or name in BY_ID
        with Image.open(path) as image:
            assert image.width <= 400
