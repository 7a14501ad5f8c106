"""Sphinx settings; `sphinx-build -W --keep-going -b html docs docs/_build/html` builds the pages.

The pages are plain Markdown, so that they can be read on a code host as they are. What only a built page can have is
added here while they are read: the order of the pages, and the reference in the place of the names in api.md.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

from swissroll import __version__
from swissroll.report.lab import lab_page, write_lab

sys.path.insert(0, str(Path(__file__).parent))
from fill import API, api_names, linked_pages, resolve

project = "swissroll"
author = "the swissroll developers"
copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "output"]

html_theme = "furo"
html_title = "swissroll"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
# MathML needs no script and no font from the network; browsers have drawn it since 2023.
html_math_renderer = "mathml"
LAB = re.compile(r"<!-- lab -->\n.*?<!-- end -->", re.DOTALL)
LAB_FRAME = """```{raw} html
<iframe class="lab" src="lab-page.html" title="The lab" loading="lazy"></iframe>
```"""
THIN_SPACE = '<mspace width="0.17em"></mspace>'

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False
napoleon_use_ivar = True


def write_inline_math(writer: Any, node: Any) -> None:
    """Write an inline formula."""
    writer.body.append(mathml(node.astext()))
    raise SkipNode


def write_math_block(writer: Any, node: Any) -> None:
    """Write a formula that has lines of its own."""
    writer.body.append(f'<div class="math">{mathml(node.astext(), as_block=True)}</div>')
    raise SkipNode


def mathml(formula: str, *, as_block: bool = False) -> str:
    """A formula for the browser; its lines end in \\cr, since code hosts turn two backslashes into one."""
    written = tex2mathml(re.sub(r"\\cr\b", r"\\\\", formula), as_block=as_block)

    # A thin space on both sides of a function's name, which browsers leave out.
    written = written.replace("<mo>&ApplyFunction;</mo>", THIN_SPACE)
    return re.sub(rf"(</(?:mi|mn|mfrac)>\s*)(<mi>\w+</mi>\s*{THIN_SPACE})", rf"\1{THIN_SPACE}\2", written)


def add_what_only_built_pages_have(_: Sphinx, page: str, source: list[str]) -> None:
    """Give the first page its order of pages, and the Python interface its reference."""
    if page == "index":
        # The picture of the lab gives way to the lab itself.
        source[0] = LAB.sub(LAB_FRAME, source[0])
        pages = "\n".join(linked_pages(source[0]))
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"
    if page == "api":
        source[0] = API.sub(lambda found: f"```{{eval-rst}}\n{reference(found[0])}\n```", source[0])


def reference(table: str) -> str:
    """The autodoc directives of a table of names: methods follow the name of their class."""
    names = api_names(table)
    owned = [name for name in names if name.rpartition(".")[0] in names]
    return "\n".join(directive(name, owned) for name in names if name not in owned)


def directive(name: str, owned: list[str]) -> str:
    """The directive of a function, or of a class with those methods that are named."""
    named = resolve(name)
    if not isinstance(named, type):
        return f".. autofunction:: {name}\n"
    kind = "autoexception" if issubclass(named, BaseException) else "autoclass"
    members = ", ".join(method.rpartition(".")[2] for method in owned if method.rpartition(".")[0] == name)
    return f".. {kind}:: {name}\n" + (f"   :members: {members}\n" if members else "")


def write_lab_page(app: Sphinx, error: Exception | None) -> None:
    """Put the lab beside the pages, which the first of them shows."""
    if error is None and app.builder.format == "html":
        write_lab(Path(app.outdir) / "lab-page.html", lab_page())


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("build-finished", write_lab_page)
    app.connect("source-read", add_what_only_built_pages_have)
    app.add_html_math_renderer("mathml", (write_inline_math, None), (write_math_block, None))
