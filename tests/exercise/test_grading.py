"""A class of submissions, hostile ones among them: each has its row, in the same bytes however often it was killed.

Oracle: points that were counted by hand, and the bytes of a grading that nobody interrupted.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from swissroll.exercise.grading import GradingError, find_hand_in, find_hand_ins
from swissroll.exercise.questions import QUESTIONS
from tests.exercise.hostile import RIGHT, with_loss, with_sampler
from tests.exercise.test_submission import notebook

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SHARED_NOISE = RIGHT.replace("torch.randn_like(std)", "torch.randn(1, std.shape[1])")
# From generators that nobody has seeded.
UNSEEDED = "import random\nimport secrets\nimport numpy as np\n" + RIGHT.replace(
    "eps = torch.randn_like(std)",
    "noise = np.random.default_rng().normal(size=std.shape) + np.random.RandomState().normal(size=std.shape)\n"
    "        for seed in (random.Random().getrandbits(32), secrets.randbits(32)):\n"
    "            noise += np.random.RandomState(seed).normal(size=std.shape)\n"
    "        eps = torch.from_numpy(noise / 2).to(std.dtype)",
)
FILES: dict[str, str | bytes] = {
    "ada.py": RIGHT,
    "bob.ipynb": notebook("%matplotlib inline\n!pip install torch", RIGHT, "for i in range(10**9):\n    pass"),
    "carl.py": SHARED_NOISE,
    "dora.py": with_loss("while True:\n    pass"),
    "=1+1.py": with_sampler("import os\nos._exit(0)"),
    "fred.py": RIGHT + "\ndef f(:\n",
    "gina.ipynb": b"\x00\xff\x00",
    "hugo.py": with_loss("bytearray(1 << 34)"),
    "ida/exercise.ipynb": notebook(RIGHT),
    "ida/old.ipynb": notebook("1 / 0"),
    "jan/readme.txt": "I was ill.",
    "kim.py": UNSEEDED,
}


def make_class(folder: Path) -> None:
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "swissroll", "exercise", "grade", "class", "--out", str(folder / "grades.csv")]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the class and what its grading wrote."""
    folder = tmp_path_factory.mktemp("graded")
    make_class(folder / "class")
    done = subprocess.run(command(Path("whole")), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "11 submissions: 4 passed all checks, 7 did not"
    assert said[1] == "6 of these could not be read, or had to be stopped: the column 'notes' says why"
    assert "s per submission" in done.stderr
    return folder


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "whole/grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_nobody_is_lost(graded: Path) -> None:
    assert sorted(rows(graded)) == ["'=1+1", "ada", "bob", "carl", "dora", "fred", "gina", "hugo", "ida", "jan", "kim"]
    assert len({row["number"] for row in rows(graded).values()}) == 11


def test_right_ones_have_all_points_and_wrong_ones_the_others(graded: Path) -> None:
    table = rows(graded)
    whole = f"{sum(question.points for question in QUESTIONS):g}"
    assert {table[name]["total"] for name in ("ada", "bob", "ida", "kim")} == {whole}
    assert {table[name]["all_passed"] for name in ("ada", "bob", "ida", "kim")} == {"yes"}
    assert table["carl"]["reparameterize.independent"] == "0"
    assert table["carl"]["kl.formula"] == "4"
    assert table["carl"]["all_passed"] == "no"


def test_what_breaks_one_part_leaves_the_points_of_the_other(graded: Path) -> None:
    table = rows(graded)
    for name in ("dora", "hugo"):
        assert float(table[name]["reparameterize.independent"]) == 3
        assert float(table[name]["kl.formula"]) == 0
    assert float(table["'=1+1"]["reparameterize.independent"]) == 0
    assert float(table["'=1+1"]["kl.formula"]) == 4
    assert table["dora"]["notes"].startswith("compute_vae_loss was stopped at line ")
    assert "more memory" in table["hugo"]["notes"]


def test_what_cannot_be_read_has_its_line(graded: Path) -> None:
    table = rows(graded)
    assert table["fred"]["notes"] == f"fred.py: line {RIGHT.count(chr(10)) + 2}: syntax error (invalid syntax)."
    assert table["gina"]["notes"].startswith("gina.ipynb is not a text")
    assert table["jan"]["notes"] == "Nothing was handed in. The folder holds no .ipynb and no .py file."
    assert table["ida"]["notes"] == "2 files were handed in; exercise.ipynb was checked."
    assert {table[name]["total"] for name in ("fred", "gina", "jan")} == {"0"}


def test_a_grading_that_is_killed_goes_on_and_ends_in_the_same_bytes(graded: Path) -> None:
    found = graded / "killed/grades/found"
    process = subprocess.Popen(
        command(Path("killed")),
        cwd=graded,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    last = time.monotonic() + 120
    while len(list(found.glob("*.json"))) < 3 and process.poll() is None and time.monotonic() < last:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in found.glob("*.json")}
    assert 3 <= len(kept) < 10

    resumed = subprocess.run(command(Path("killed")), cwd=graded, capture_output=True, text=True, check=True)
    assert "s per submission" in resumed.stderr
    again = subprocess.run(command(Path("killed")), cwd=graded, capture_output=True, text=True, check=True)
    assert "s per submission" not in again.stderr
    assert contents(graded / "killed") == contents(graded / "whole")
    assert {name: (found / name).stat().st_mtime_ns for name in kept} == kept


def test_another_rubric_needs_no_second_check(graded: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (graded / "whole/grades/found").iterdir()}
    (graded / "rubric.toml").write_text('[points]\n"kl.formula" = 100\n')
    again = [*command(Path("whole")), "--rubric", "rubric.toml", "--quiet"]
    subprocess.run(again, cwd=graded, capture_output=True, check=True)
    assert rows(graded)["ada"]["out_of"] == f"{96 + sum(question.points for question in QUESTIONS):g}"
    after = {path.name: path.stat().st_mtime_ns for path in (graded / "whole/grades/found").iterdir()}
    assert before == after


def test_gradescope_has_one_student_and_its_results(graded: Path) -> None:
    line = [sys.executable, "-m", "swissroll", "exercise", "grade", "class/ida", "--gradescope", "out/results.json"]
    done = subprocess.run(line, cwd=graded, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads((graded / "out/results.json").read_text())
    assert results["score"] == sum(question.points for question in QUESTIONS)
    assert results["output"].startswith("All checks passed.")


def test_files_and_folders_are_found_and_what_is_none_is_passed_over(tmp_path: Path) -> None:
    for name in ("b.py", "a.ipynb", "a.py", ".hidden.py", "notes.txt", "__MACOSX/x.py", "z/deep/x.py", "z/.git/y.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1")
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    (tmp_path / "z/link.ipynb").symlink_to("/etc/passwd")
    assert [one.student for one in find_hand_ins(tmp_path)] == ["a.ipynb", "a.py", "b", "link", "z"]
    assert find_hand_in(tmp_path / "z").path == tmp_path / "z/deep/x.py"


def test_what_is_no_ordinary_file_is_not_read_and_nobody_is_lost(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "class").mkdir()
    (tmp_path / "class/ann.py").symlink_to("/etc/passwd")
    (tmp_path / "class/bob").symlink_to(tmp_path / "away")
    os.mkfifo(tmp_path / "class/eve.ipynb")
    found = find_hand_ins(tmp_path / "class")
    assert [(one.student, one.path) for one in found] == [("ann", None), ("bob", None), ("eve", None)]
    assert [len(one.notes) for one in found] == [1, 1, 1]


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 300, "Ünï", "con\nsole", "a b.c@d-e_f"])
def test_every_student_has_a_file_name_that_disks_take(name: str, tmp_path: Path) -> None:
    from swissroll.exercise.grading import HandIn

    key = HandIn(name, None).key
    assert "/" not in key
    assert not key.startswith(".")
    (tmp_path / f".{key}.json.12345678.tmp").write_text("x")
    assert (key == name) == (name == "a b.c@d-e_f")


def test_an_empty_folder_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(GradingError, match="Put one file, or one folder, for each student there"):
        find_hand_ins(tmp_path)
    with pytest.raises(GradingError, match="is not a folder"):
        find_hand_ins(tmp_path / "none")
