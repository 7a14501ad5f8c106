"""Gradescope's archive has the documented layout, and grades in a folder that looks like Gradescope's."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from swissroll.exercise.targets.autograder import autograder_bytes, requirements
from tests.exercise.targets.tools import HANDED_OUT, RIGHT, WRONG

VISIBILITIES = {"hidden", "after_due_date", "after_published", "visible"}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}
TEST_KEYS = {
    "score",
    "max_score",
    "status",
    "name",
    "name_format",
    "number",
    "output",
    "output_format",
    "tags",
    "visibility",
    "extra_data",
}
TOP_KEYS = {
    "score",
    "execution_time",
    "output",
    "output_format",
    "test_output_format",
    "test_name_format",
    "visibility",
    "stdout_visibility",
    "extra_data",
    "tests",
    "leaderboard",
}
"""What Gradescope's specification names."""


@pytest.fixture(scope="module")
def autograder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as Gradescope has it at /autograder, with this interpreter where setup.sh makes one."""
    root = tmp_path_factory.mktemp("autograder")
    for name in ("submission", "results", "venv/bin"):
        (root / name).mkdir(parents=True)
    with ZipFile(io.BytesIO(autograder_bytes())) as archive:
        archive.extractall(root / "source")
    (root / "run_autograder").write_bytes((root / "source" / "run_autograder").read_bytes())
    python = root / "venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    for path in (python, root / "run_autograder"):
        path.chmod(0o755)
    metadata = {"users": [{"email": "a@example.org", "name": "A", "id": 1}], "assignment": {"total_points": "40.0"}}
    (root / "submission_metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    return root


def test_the_scripts_lie_at_the_root_and_may_be_run() -> None:
    with ZipFile(io.BytesIO(autograder_bytes())) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert {name for name in modes if "/" not in name} == {"setup.sh", "run_autograder", "requirements.txt"}
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert "swissroll/exercise/notebooks.py" in modes
    assert not any("__pycache__" in name for name in modes)


@pytest.mark.parametrize("script", ["setup.sh", "run_autograder"])
def test_a_script_is_one_that_bash_reads(script: str) -> None:
    with ZipFile(io.BytesIO(autograder_bytes())) as archive:
        text = archive.read(script)
    assert text.startswith(b"#!/usr/bin/env bash\n")
    assert b"\r" not in text
    subprocess.run(["bash", "-n"], input=text, check=True)


def test_the_same_package_gives_the_same_bytes() -> None:
    assert autograder_bytes() == autograder_bytes()


def test_it_installs_what_the_package_needs_and_no_extra() -> None:
    names = {line.partition("==")[0] for line in requirements().splitlines()}
    assert {"torch", "numpy", "cyclopts", "tqdm"} <= names
    assert not names & {"jax", "pytest", "distributed"}
    assert "+" not in requirements()


def test_a_rubric_goes_along(tmp_path: Path) -> None:
    rubric = tmp_path / "points.toml"
    rubric.write_text("[points]\n", encoding="utf-8")
    with ZipFile(io.BytesIO(autograder_bytes(rubric))) as archive:
        assert archive.read("rubric.toml") == rubric.read_bytes()
        assert b'--rubric "$root/source/rubric.toml"' in archive.read("run_autograder")


@pytest.mark.parametrize("kind", ["right", "wrong"])
def test_it_writes_results_that_gradescope_takes(kind: str, autograder: Path) -> None:
    # One is wrong, and not whole.
    model = {"right": RIGHT["model"], "wrong": WRONG}[kind]
    loss = {"right": RIGHT["loss"], "wrong": HANDED_OUT["loss"]}[kind]
    imports = "import torch\nfrom torch import nn\nclass ToDo(NotImplementedError): pass\n"
    (autograder / "submission" / "exercise.py").write_text(f"{imports}\n{model}\n\n{loss}\n", encoding="utf-8")
    results = autograder / "results" / "results.json"
    results.unlink(missing_ok=True)
    environment = os.environ | {"AUTOGRADER_ROOT": str(autograder)}
    done = subprocess.run(
        [autograder / "run_autograder"], env=environment, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

    found = json.loads(results.read_text(encoding="utf-8"))
    assert set(found) <= TOP_KEYS
    assert found.get("visibility", "visible") in VISIBILITIES
    assert found["tests"]
    for test in found["tests"]:
        assert set(test) <= TEST_KEYS
        assert test.get("status", "passed") in ("passed", "failed")
        assert test.get("output_format", "text") in FORMATS
        assert 0 <= test["score"] <= test["max_score"]
    total = sum(test["score"] for test in found["tests"])
    most = sum(test["max_score"] for test in found["tests"])
    assert {"right": total == most, "wrong": 0 < total < most / 2}[kind]
