"""The page of a student and that of a class: what they say, what they never say, and that a phone shows them whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from swissroll.exercise.class_page import ClassPage, render_class
from swissroll.exercise.gradescope import results_json
from swissroll.exercise.grading import Outcome, count_points
from swissroll.exercise.misconceptions import BY_ID
from swissroll.exercise.questions import QUESTIONS
from swissroll.exercise.rubric import Rubric
from swissroll.exercise.student_page import render_student
from tests.exercise.found import MISTAKE, NOTHING, found_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OTHER = MISTAKE | {"id": "other", "name": "One draw of noise <b>for all</b>", "laws": ["reparameterize.independent"]}


def one(found: dict[str, Any], number: int = 1, student: str = "ada") -> Outcome:
    return count_points(found, Rubric(title="Lab 3"), number=number, student=student, key=student)


def a_class() -> list[Outcome]:
    """Twenty students: nine with one mistake, two of them with another one too, one who handed in nothing."""
    found = [found_of() for _ in range(10)]
    found += [found_of(failed=["kl.factor"], mistakes=[MISTAKE]) for _ in range(7)]
    both = ["kl.factor", "reparameterize.independent"]
    found += [found_of(failed=both, mistakes=[MISTAKE, OTHER]) for _ in range(2)]
    found.append(NOTHING)
    return [one(each, number, f"Secret Name {number}") for number, each in enumerate(found, 1)]


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html[html.index("<body>") :]).split())


def test_a_student_reads_what_was_thought_and_never_more_than_was_checked() -> None:
    said = text_of(render_student(one(found_of(failed=["kl.factor"], mistakes=[MISTAKE]))))
    for words in (
        MISTAKE["name"],
        MISTAKE["thought"],
        MISTAKE["effect"],
        MISTAKE["hint"],
        "What was seen of kl.factor.",
    ):
        assert str(words) in said
    assert f"{len(QUESTIONS) - 1} of {len(QUESTIONS)} checks passed." in said
    assert "38 of 40 points" in said

    assert "All checks passed." in text_of(render_student(one(found_of())))
    open_page = text_of(render_student(one(found_of(unchecked=["kl.zero"]))))
    assert "All checks passed" not in open_page
    assert f"{len(QUESTIONS) - 1} of {len(QUESTIONS)} checks passed. 1 could not be checked." in open_page
    assert "a.ipynb is empty." in text_of(render_student(one(NOTHING)))


def test_a_student_reads_at_the_top_what_was_stopped() -> None:
    found = found_of(failed=["kl.factor"], mistakes=[MISTAKE], stopped=["reparameterize.runs"])
    said = text_of(render_student(one(found)))
    assert said.index("What was seen of reparameterize.runs.") < said.index(str(MISTAKE["name"]))


def test_a_mistake_that_is_about_as_probable_is_named_too() -> None:
    close = MISTAKE | {"runner_up": "kl-no-half"}
    outcome = one(found_of(failed=["kl.factor"], mistakes=[close]))
    assert f"Or else {BY_ID['kl-no-half'].name}" in text_of(render_student(outcome))
    assert f"Or else: {BY_ID['kl-no-half'].name}." in results_json(outcome)
    assert "Or else" not in text_of(render_student(one(found_of(failed=["kl.factor"], mistakes=[MISTAKE]))))


def test_mistakes_are_counted_and_the_most_frequent_comes_first() -> None:
    page = ClassPage(a_class())
    assert [(mistake.id, mistake.makers, mistake.share) for mistake in page.mistakes] == [
        ("some-mistake", 9, 45.0), ("other", 2, 10.0),
    ]  # fmt: skip
    assert page.mistakes[0].examples == [11, 12, 13, 14, 15, 16, 17, 18]
    assert page.mistakes[0].more == 1
    assert sum(each.students for each in page.bins) == 20
    factor = next(row for row in page.questions if row.title == "The KL term has its factor, and no other")
    assert (factor.passed, factor.failed, factor.unchecked) == (10, 9, 1)


def test_the_class_page_names_nobody_and_escapes_all() -> None:
    html = render_class(a_class())
    assert "Secret" not in html
    assert "<b>for all</b>" not in html
    assert "&lt;b&gt;for all&lt;/b&gt;" in html
    evil = one(found_of(notes=["<script>alert(1)</script>"]))
    assert "<script>" not in render_student(evil)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("make", [lambda: render_class(a_class()), lambda: render_student(a_class()[-2])])
def test_nothing_sticks_out(make: Callable[[], str], width: int, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(make(), encoding="utf-8")
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()
