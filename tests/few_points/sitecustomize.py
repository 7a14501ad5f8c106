"""Python runs this file first where its folder is on PYTHONPATH: the process measures models on few points.

So do processes that a test starts while ``tests.oracles.few_points_measured`` holds, and those that they start.
"""

from __future__ import annotations

import inspect
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

MODULE = "swissroll.evaluation.metrics"
POINTS = 100


class FewPoints(MetaPathFinder):
    """Changes the default of ``measure`` once its module is imported; nothing is imported before."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_change(module: ModuleType) -> None:
            execute(module)
            inspect.unwrap(module.measure).__kwdefaults__["n"] = POINTS

        spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, FewPoints())
