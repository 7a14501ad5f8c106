"""The gallery of misconceptions: each entry trains from the right run's start, and the page shows what there is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from docs import misconceptions as gallery
from swissroll.exercise.misconceptions import BY_ID, CATALOGUE
from swissroll.exercise.misconceptions.source import solution, wrong_solution

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
