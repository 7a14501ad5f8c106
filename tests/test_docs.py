"""What the documentation's pages print is what their examples print."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = [page for page in sorted(DOCS.glob("*.md")) if "```pycon" in page.read_text(encoding="utf-8")]


def test_there_are_pages_with_examples() -> None:
    assert "conventions.md" in [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_print_what_it_shows(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    examples = "\n".join(re.findall(r"```pycon\n(.*?)```", text, flags=re.DOTALL))
    test = doctest.DocTestParser().get_doctest(examples, {}, page.name, str(page), 0)
    told: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert result.failed == 0, "".join(told)
    assert result.attempted > 0


def test_every_picture_is_shown_on_a_page_and_has_a_description() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    shown = {name: alt for alt, name in re.findall(r"!\[([^\]]*)\]\(pictures/([^)]+)\)", pages)}
    assert set(shown) == {path.name for path in (DOCS / "pictures").glob("*.png")}
    assert all(len(alt) > 20 for alt in shown.values())
