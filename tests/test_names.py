"""The names that this project goes by: its distribution's, which is its own, and the command's.

On the package index, 'swissroll' is another project's. Nothing here may lead anybody to install that one.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

import swissroll
from swissroll.cli.terminal import FIXES
from swissroll.errors import Fix

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEXT = {".py", ".pyi", ".md", ".html", ".js", ".toml", ".txt", ".yml", ".cfg", ".ipynb", ""}
TAKEN = "swissroll"
FETCHES = re.compile(
    r"""(?:pip|pip3|pipx|uv|uvx|poetry|conda|mamba)\b(?![^\n`]*\buninstall\b)[^\n`]*\s['"]?swissroll(?![-_./\w])"""
    r"""|\bswissroll\[[a-z]""",
)
"""A command that would fetch the other project, and a requirement that names it."""


def strangers_in(text: str) -> list[str]:
    return [found[0] for found in FETCHES.finditer(text)]


@pytest.mark.parametrize(
    "line",
    [
        f"pip install {TAKEN}",
        f"python -m pip install -U '{TAKEN}[xla]'",
        f"uv pip install {TAKEN}==1.0.4",
        f"pip download {TAKEN}",
        f"its workers need {TAKEN}[xla,cluster]",
    ],
)
def test_a_command_that_fetches_the_other_project_is_seen(line: str) -> None:
    assert strangers_in(line)


@pytest.mark.parametrize(
    "line",
    [
        "pip install -e '.[xla]'",
        "pip install './swissroll_vae-0.2.0-py3-none-any.whl[xla]'",
        "pip install 'jax>=0.8'",
        "swissroll train",
    ],
)
def test_a_command_that_fetches_this_one_is_not(line: str) -> None:
    assert not strangers_in(line)


def test_no_file_names_a_command_that_fetches_the_other_project() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a clone")
    names = [name for name in listed.stdout.split("\0") if name and Path(name).suffix in TEXT]
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in names if (ROOT / name).is_file()}
    assert len(texts) > 100
    assert {name: found for name, text in texts.items() if (found := strangers_in(text))} == {}


def test_the_distribution_has_a_name_of_its_own_and_the_command_keeps_its() -> None:
    assert PROJECT["name"] == "swissroll-vae"
    assert list(PROJECT["scripts"]) == ["swissroll"]


def test_the_version_is_the_codes_own_whatever_is_installed() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "swissroll", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == swissroll.__version__


@pytest.mark.parametrize(("fix", "extra"), [(Fix.INSTALL_JAX, "xla"), (Fix.INSTALL_DASK, "cluster")])
def test_what_to_install_is_what_the_extra_asks_for(fix: Fix, extra: str) -> None:
    (requirement,) = PROJECT["optional-dependencies"][extra]
    assert f"pip install '{requirement}'." in FIXES[fix]


def test_what_to_install_for_tables_is_what_the_extra_asks_for() -> None:
    wanted = " ".join(f"'{requirement}'" for requirement in PROJECT["optional-dependencies"]["table"])
    assert f"pip install {wanted}." in FIXES[Fix.INSTALL_PANDAS]


def test_a_wheel_works_without_the_clone(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="needs hatchling: pip install hatchling")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(ROOT)]
    subprocess.run([*build, "--wheel-dir", str(tmp_path)], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"swissroll_vae-{swissroll.__version__}-py3-none-any.whl"

    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    packed = {path.relative_to(tmp_path / "unpacked") for path in (tmp_path / "unpacked/swissroll").rglob("*.*")}
    needed = {path.relative_to(ROOT / "src") for path in (ROOT / "src/swissroll").rglob("*.*")}
    assert {path for path in needed - packed if path.suffix != ".pyc"} == set()

    command = [sys.executable, "-m", "swissroll", "train", "--steps", "20", "--hidden-dim", "4", "--quiet"]
    environment = {"PYTHONPATH": str(tmp_path / "unpacked"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "report: runs/001/report.html"), done.stderr
