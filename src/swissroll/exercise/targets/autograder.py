"""The autograder of a Gradescope assignment: a zip archive with setup.sh and run_autograder at its root.

It holds a copy of the running package, so that what grades there is what was tried here.
Source: Gradescope's autograder specifications and its folders /autograder/source, /submission and /results.
"""

from __future__ import annotations

import io
import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import swissroll
from swissroll.exercise.misconceptions import BY_ID
from swissroll.exercise.rubric import read_rubric

DISTRIBUTION = "swissroll-vae"
REQUIREMENT = re.compile(r"[\w.-]+")
SCRIPT = 0o755
FILE = 0o644
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive: the same package gives the same bytes."""

SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, when it builds the image: Python 3.11 or newer, and what the checker needs.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"

apt-get update -qq
# The older images have no such Python by default; newer ones call theirs python3.
apt-get install -y -qq python3.11-venv || apt-get install -y -qq python3-venv
python=$(command -v python3.11 || command -v python3)

"$python" -m venv "$root/venv"
# On Linux pip takes the PyTorch that also drives GPUs, several GB. To take the smaller one, name the index of
# CPU builds that pytorch.org shows: export PIP_EXTRA_INDEX_URL=...
"$root/venv/bin/pip" install --quiet -r "$root/source/requirements.txt"
"""

RUN = """\
#!/usr/bin/env bash
# Gradescope runs this for each submission: reads submission/, writes results/results.json.
root="${{AUTOGRADER_ROOT:-/autograder}}"
export PYTHONPATH="$root/source" OMP_NUM_THREADS=1
exec "$root/venv/bin/python" -m swissroll exercise grade "$root/submission" \\
    --gradescope "$root/results/results.json"{rubric}
"""


def autograder_bytes(rubric: Path | None = None) -> bytes:
    """The archive that Gradescope takes as a programming assignment's autograder.

    Args:
        rubric: A file of points, as ``swissroll exercise grade --rubric`` reads it; the default points without one.

    Raises:
        RubricError: The rubric is none that the autograder could use.
        OSError: It cannot be read.
    """
    if rubric is not None:
        read_rubric(rubric, BY_ID)
    option = "" if rubric is None else ' \\\n    --rubric "$root/source/rubric.toml"'
    written = io.BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as archive:
        _add(archive, "setup.sh", SETUP.encode(), SCRIPT)
        _add(archive, "run_autograder", RUN.format(rubric=option).encode(), SCRIPT)
        _add(archive, "requirements.txt", requirements().encode(), FILE)
        if rubric is not None:
            _add(archive, "rubric.toml", rubric.read_bytes(), FILE)
        for path in package_files():
            _add(archive, f"swissroll/{path.relative_to(_package()).as_posix()}", path.read_bytes(), FILE)
    return written.getvalue()


def requirements() -> str:
    """What the package needs, one line each, in the versions that are installed here."""
    try:
        needed = [line for line in requires(DISTRIBUTION) or [] if "extra ==" not in line]
    except PackageNotFoundError:
        # A checkout on the path that nobody installed.
        project = tomllib.loads((_package().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        needed = project["dependencies"]

    names = [REQUIREMENT.findall(line)[0] for line in needed]
    # A local part, such as +cpu, names a build that only its own index has.
    return "".join(f"{name}=={version(name).partition('+')[0]}\n" for name in names)


def package_files() -> list[Path]:
    """The files of the running package, in order."""
    found = [path for path in _package().rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted(found)


def _package() -> Path:
    return Path(swissroll.__file__).parent


def _add(archive: ZipFile, name: str, data: bytes, mode: int) -> None:
    entry = ZipInfo(name, EPOCH)
    entry.external_attr = mode << 16
    entry.compress_type = ZIP_DEFLATED
    archive.writestr(entry, data)
