"""What the tests of the lab share: its kernel in Node, and its page as a file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from swissroll.report.lab import lab_page
from tests.web.javascript import LAB, run_script

PRELUDE = """
const LAB = %r;
const { loadKernel } = await load("kernel.js");
const kernel = await loadKernel(readFileSync(LAB + "/kernel.wasm"));
"""
"""Before each script: a kernel."""

Node = Callable[..., Any]


@pytest.fixture(scope="session")
def node() -> Node:
    """Runs a script beside the lab's modules and a ``kernel``; see :func:`tests.web.javascript.run_script`."""
    if shutil.which("node") is None:
        pytest.skip("needs Node 20 or later: apt-get install nodejs")

    def run(script: str, value: object = None) -> Any:
        return run_script(PRELUDE % str(LAB) + script, value)

    return run


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page as people open it: one file."""
    path = tmp_path_factory.mktemp("lab") / "lab.html"
    path.write_text(lab_page(), encoding="utf-8")
    return path.as_uri()
