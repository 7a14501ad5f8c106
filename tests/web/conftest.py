"""What the tests of the lab's engine share: its kernel in Node."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

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
