"""What the pages of a run and of a sweep are both made with: pictures as files and addresses, and templates."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from io import StringIO
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, Template
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from swissroll.report.colours import (
    DATA,
    GENERATED,
    GRID,
    POSTERIOR,
    RECONSTRUCTION,
    REFERENCE,
    TRUE_POSTERIOR,
    WORDS,
)
from swissroll.report.style import INK, house_style

UNSAFE_IN_ADDRESS = re.compile(r"[^\w ;/?:@&=+$,.!~*'()<>-]+", re.ASCII)
"""Characters that are quoted in an address that holds a picture."""
SVG_STYLE = (
    "<style>svg{color:#222}text{font-family:system-ui,sans-serif!important}"
    "@media(prefers-color-scheme:dark){svg{color:#ddd}}@media print{svg{color:#000}}</style>"
)
"""Colours of the text on light, dark and printed pages, which a picture does not inherit from its page."""


def template(name: str) -> Template:
    """A template of the folder ``web``, by its file name."""
    return _environment().get_template(name)


@lru_cache
def _environment() -> Environment:
    loader = PackageLoader("swissroll", "web")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals["word"] = {
        "data": WORDS[DATA],
        "generated": WORDS[GENERATED],
        "grid": WORDS[GRID],
        "posterior": WORDS[POSTERIOR],
        "reconstruction": WORDS[RECONSTRUCTION],
        "reference": WORDS[REFERENCE],
        "true_posterior": WORDS[TRUE_POSTERIOR],
    }
    return environment


def gif_uri(animation: bytes) -> str:
    """The address of a GIF that holds the GIF itself."""
    return "data:image/gif;base64," + base64.b64encode(animation).decode()


def vector_uri(figure: Figure) -> str:
    """The address of an SVG that holds the SVG itself.

    Its text has the colour of the reader's light or dark page, and its background is transparent.
    """
    file = StringIO()
    figure.patch.set_visible(False)

    with house_style():
        if figure.get_layout_engine():
            figure.draw_without_rendering()  # A layout is found in two rounds.
        # Unlike savefig, this draws once.
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})

    svg = file.getvalue().replace(INK, "currentColor")
    without_prolog = svg[svg.index("<svg") :]
    styled = without_prolog.replace("<defs>", SVG_STYLE + "<defs>", 1)

    return "data:image/svg+xml," + UNSAFE_IN_ADDRESS.sub(lambda found: quote(found[0]), styled)
