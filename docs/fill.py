"""Put into the pages what was printed elsewhere, so that a code host shows it in its place.

    python docs/fill.py

Between ``<!-- output/NAME -->`` and ``<!-- end -->`` stands docs/output/NAME: a table (.md) as it is, other text (.txt)
in a block. Between ``<!-- api -->`` and ``<!-- end -->`` stands a table of Python names; the names are written by hand,
and beside each goes the first line of its docstring.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
OUTPUT = re.compile(r"<!-- output/(\S+) -->\n.*?<!-- end -->", re.DOTALL)
API = re.compile(r"<!-- api -->\n.*?<!-- end -->", re.DOTALL)


def fill(page: str) -> str:
    """A page with its outputs and its table of names as they are now."""
    return API.sub(lambda found: name_table(api_names(found[0])), OUTPUT.sub(lambda found: output(found[1]), page))


def output(name: str, folder: Path = DOCS / "output") -> str:
    """One printed file between its markers."""
    printed = (folder / name).read_text(encoding="utf-8").strip("\n")
    shown = printed if name.endswith(".md") else f"```text\n{printed}\n```"
    return f"<!-- output/{name} -->\n\n{shown}\n\n<!-- end -->"


def api_names(table: str) -> list[str]:
    """The names in the first column of a table."""
    return re.findall(r"^\| `([\w.]+)", table, flags=re.MULTILINE)


def name_table(names: list[str]) -> str:
    """A table of names and what each is, between its markers."""
    rows = "\n".join(f"| `{name}` | {summary(name)} |" for name in names)
    return f"<!-- api -->\n\n| name | what it is |\n|---|---|\n{rows}\n\n<!-- end -->"


def summary(name: str) -> str:
    """The first sentence of a docstring, without the roles that only Sphinx knows."""
    paragraph = (inspect.getdoc(resolve(name)) or "").split("\n\n")[0].replace("\n", " ")
    sentence = re.split(r"(?<=\.) ", paragraph)[0]
    plain = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", sentence).replace("``", "`")
    return plain.replace("|", "\\|")


def resolve(name: str) -> Any:
    """What a dotted name names: 'swissroll.model.Prior.sample'."""
    parts = name.split(".")
    modules = 2 if parts[1] in PACKAGES else 1
    found: Any = import_module(".".join(parts[:modules]))
    for part in parts[modules:]:
        found = getattr(found, part)
    return found


PACKAGES = ("data", "model", "training", "evaluation", "runs", "report", "sweep")
"""The folders that have public names."""


def linked_pages(index: str) -> list[str]:
    """The pages that the first page links to, in its order."""
    return list(dict.fromkeys(re.findall(r"\]\((\w+)\.md\)", index)))


def fill_pages() -> None:
    """Fill every page."""
    for page in sorted(DOCS.glob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = fill(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(page)


if __name__ == "__main__":
    fill_pages()
