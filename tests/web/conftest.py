"""What the tests of the lab's page share: Node, which runs its modules as they are."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).resolve().parents[2] / "src" / "swissroll" / "web" / "lab"

PRELUDE = """
import { readFileSync } from "node:fs";
const LAB = %s;
const input = JSON.parse(readFileSync(0, "utf-8"));
const load = (name) => import("file://" + LAB + "/" + name);
const { loadKernel } = await load("kernel.js");
const kernel = await loadKernel(readFileSync(LAB + "/kernel.wasm"));
const answer = (value) => process.stdout.write(JSON.stringify(value, (_, item) =>
  ArrayBuffer.isView(item) ? Array.from(item) : item));
"""
"""Before each script: the lab's modules, a kernel, the test's `input`, and `answer`, which ends in the test."""

Node = Callable[..., Any]


@pytest.fixture(scope="session")
def node() -> Node:
    """Runs a script beside the lab's modules: ``node(script, input)`` returns what it answers."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs Node 20 or later: apt-get install nodejs")

    def run(script: str, value: object = None) -> Any:
        source = PRELUDE % json.dumps(str(LAB)) + script
        command = [program, "--input-type=module", "--eval", source]
        done = subprocess.run(
            command, check=False, input=json.dumps(value), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
