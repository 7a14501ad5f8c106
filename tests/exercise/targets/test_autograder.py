"""Gradescope's archive has the documented layout, and grades in a folder that looks like Gradescope's."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from swissroll.exercise.targets.autograder import autograder_bytes, requirements


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
