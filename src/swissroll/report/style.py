"""The settings of matplotlib under which every figure of the package is made and drawn, whatever a user's own are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from matplotlib import rc_context, rcdefaults, rcParams

INK = "#010203"
"""Stands for the reader's text colour; the report replaces it in vector pictures."""
STYLE: Any = {
    "font.size": 9,
    # A named font is found in one look-up; a family's fonts are looked up one by one for every word.
    "font.family": "DejaVu Sans",
    "axes.titlesize": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "axes.facecolor": "none",
    "figure.dpi": 130,
    # Fonts are embedded whole, as journals ask, and text stays text.
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "swissroll",
}
"""What differs from matplotlib's own defaults."""

_entered = ContextVar("entered", default=False)


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's defaults with :data:`STYLE`; a user's matplotlibrc and settings are back afterwards.

    Some settings are read where a figure is made and some where it is drawn, so both happen inside.
    """
    if _entered.get():
        yield
        return

    with rc_context():
        rcdefaults()
        rcParams.update(STYLE)
        token = _entered.set(True)
        try:
            yield
        finally:
            _entered.reset(token)
