"""Many runs: planned from a few axes, computed by many processes, compiled into one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swissroll.lazy import LazyNames

if TYPE_CHECKING:
    from swissroll.sweep.analysis.conclusions import conclusions as conclusions
    from swissroll.sweep.analysis.results import Table as Table
    from swissroll.sweep.analysis.results import read_table as read_table
    from swissroll.sweep.analysis.statistics import Interval as Interval
    from swissroll.sweep.analysis.statistics import PairedDifference as PairedDifference
    from swissroll.sweep.analysis.statistics import paired_difference as paired_difference
    from swissroll.sweep.plan import Sweep as Sweep
    from swissroll.sweep.plan import read_sweep as read_sweep
else:
    _public = LazyNames(
        __name__,
        {
            "analysis.conclusions": ["conclusions"],
            "analysis.results": ["Table", "read_table"],
            "analysis.statistics": ["Interval", "PairedDifference", "paired_difference"],
            "plan": ["Sweep", "read_sweep"],
        },
    )
    __all__ = _public.names
    __getattr__ = _public.load
