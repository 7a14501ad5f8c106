"""Runs scripts beside the lab's modules in Node, which takes them as they are."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).resolve().parents[2] / "src" / "swissroll" / "web" / "lab"
PRELUDE = """
import { readFileSync } from "node:fs";
const load = (name) => import(%s + name);
const input = JSON.parse(readFileSync(0, "utf-8"));
const answer = (value) => process.stdout.write(JSON.stringify(value, (_, item) =>
  ArrayBuffer.isView(item) ? Array.from(item) : item));
"""
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node 20 or later: apt-get install nodejs")


def run_script(script: str, value: object = None) -> Any:
    """What a script answers. It has ``load`` for modules, ``input`` for the value, ``answer`` for what it returns."""
    source = PRELUDE % json.dumps(LAB.as_uri() + "/") + script
    command = ["node", "--input-type=module", "--eval", source]
    done = subprocess.run(command, input=json.dumps(value), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
