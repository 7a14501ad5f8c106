"""The pages can be read on a code host: plain Markdown, with its numbers, formulas, pictures and links."""

from __future__ import annotations

import doctest
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from docs.fill import API, api_names, fill, linked_pages

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
BLOCKS = {"console", "powershell", "python", "pycon", "text", "toml"}
"""Kinds of fenced blocks that every renderer shows as what they are."""
HEADINGS = {"h1", "h2", "h3"}
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


class Reader(HTMLParser):
    """What a page shows: its text outside of code, its links and pictures, and the anchors of its headings."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.headings: list[str] = []
        self.within: list[str] = []
        self.feed(MarkdownIt("gfm-like", {"linkify": False}).render(page.read_text(encoding="utf-8")))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        if tag in HEADINGS:
            self.headings.append("")
        self.within.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.within.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.within.pop() == tag

    def handle_data(self, data: str) -> None:
        if HEADINGS & set(self.within):
            self.headings[-1] += data
        if "code" not in self.within:
            self.text += data

    def anchors(self) -> set[str]:
        """As code hosts make them of headings."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in self.headings}


@every_page
def test_a_percentage_is_written_with_a_space(page: Path) -> None:
    assert re.findall(r".*\d%.*", Reader(page).text) == []


def formulas(page: Path) -> list[str]:
    """What stands between dollars, outside of code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"\$\$.+?\$\$|\$[^$]+\$", text, flags=re.DOTALL)


@every_page
def test_a_page_has_no_syntax_that_only_one_renderer_knows(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    fences = [line[3:] for line in text.splitlines() if line.startswith("```")]
    assert set(fences) <= BLOCKS | {""}
    shown = Reader(page).text
    assert not re.findall(
        r"\{[\w:]+\}`|^:::|\{(?:include|toctree|eval-rst|literalinclude)\}|:(?:func|class):", shown, flags=re.MULTILINE
    )


@every_page
def test_a_renderer_that_does_not_know_formulas_leaves_them_as_they_are(page: Path) -> None:
    # Code hosts find formulas after Markdown had its way with them: a backslash before punctuation is then gone.
    shown = " ".join(Reader(page).text.split())
    for formula in formulas(page):
        assert " ".join(formula.split()) in shown
        assert not re.search(r"\\[^A-Za-z\s]", formula), formula
        # Built pages would read \\frac32 as the number 32 above what follows.
        assert not re.search(r"frac(?!\{)", formula), formula


@every_page
def test_dollars_stand_where_a_code_host_sees_a_formula(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "`", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    inline = re.sub(r"\$\$.+?\$\$", "", text, flags=re.DOTALL)
    assert inline.count("$") == 2 * len(re.findall(r"(?<![\w$`])\$(?!\s)[^$]+(?<!\s)\$(?![\w$`])", inline))


@every_page
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for link in Reader(page).links:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in Reader(target).anchors(), link


def test_the_first_page_links_to_every_other_one() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert {*linked_pages(index), "index"} == {page.stem for page in DOCS.glob("*.md")}


@every_page
def test_a_page_shows_what_its_scripts_printed_and_what_docstrings_say(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert fill(text) == text, "run: python docs/fill.py"


def test_every_output_that_is_kept_stands_on_a_page() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    kept = {path.name for path in (DOCS / "output").iterdir()}
    assert set(re.findall(r"<!-- output/(\S+) -->", pages)) == kept


def test_a_table_of_names_says_what_each_is() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert len(API.findall(text)) > 5
    assert {"swissroll.VAE.sample", "swissroll.evaluate", "swissroll.sweep.Table"} <= set(api_names(text))
    assert "|  |" not in text


def test_every_picture_is_shown_on_a_page_and_has_a_description() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = {name: alt for alt, name in re.findall(r"!\[([^\]]*)\]\((?:docs/)?pictures/([^)]+)\)", pages)}
    pictures = DOCS / "pictures"
    assert set(shown) == {str(path.relative_to(pictures)) for path in pictures.rglob("*.png")}
    assert all(len(alt) > 20 for alt in shown.values())


WITH_EXAMPLES = [page for page in PAGES if "```pycon" in page.read_text(encoding="utf-8")]


def test_there_are_pages_with_examples() -> None:
    assert {"README.md", "conventions.md"} <= {page.name for page in WITH_EXAMPLES}


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_the_examples_of_a_page_print_what_it_shows(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    examples = "\n".join(re.findall(r"```pycon\n(.*?)```", text, flags=re.DOTALL))
    test = doctest.DocTestParser().get_doctest(examples, {}, page.name, str(page), 0)
    told: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert result.failed == 0, "".join(told)
    assert result.attempted > 0
