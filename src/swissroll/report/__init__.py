"""Pictures and pages of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swissroll.lazy import LazyNames

if TYPE_CHECKING:
    from swissroll.report.page import write_report as write_report
    from swissroll.report.scene import Scene as Scene
else:
    _public = LazyNames(
        __name__,
        {
            "page": ["write_report"],
            "scene": ["Scene"],
        },
    )
    __all__ = _public.names
    __getattr__ = _public.load
