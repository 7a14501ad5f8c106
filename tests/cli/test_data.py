"""The command data as a person types it: its list, its tables, its pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swissroll.cli.app import main
from swissroll.config import Config
from swissroll.data import DISTRIBUTIONS, open_distribution
from swissroll.reproducibility import rng


def call(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["data", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def expected(name: str, n: int, noise: float = 0.0) -> np.ndarray:
    source = open_distribution(Config.from_dict({"dataset": name, "noise": noise}))
    return source.sample(n, generator=rng.generator(42, "data")).points.numpy()


def test_counts_of_one_have_no_plural(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.csv"
    path.write_text("a,kind\n" + "".join(f"{n * n},x\n" for n in range(60)))
    _, out, _ = call("check", str(path), "--label", "kind", capsys=capsys)
    assert out.startswith(f"{path}: 60 rows of 1 column\n")
    assert out.endswith("label kind: 1 different value\n")


def test_the_list_names_every_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call("list", capsys=capsys)
    assert (code, err) == (0, "")
    listed = [line.split()[:2] for line in out.splitlines()[1:-2]]
    assert listed == [[name, str(entry.make(0.0).data_dim)] for name, entry in DISTRIBUTIONS.items()]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".npy"])
def test_a_sample_is_a_table_with_the_exact_points(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / f"points{suffix}"
    code, out, _ = call("sample", "torus", "-n", "50", "--noise", "0.1", "--out", str(path), capsys=capsys)
    assert (code, out) == (0, f"{path}: 50 points of torus in the columns x1, x2, x3\n")

    delimiter = {".csv": ",", ".tsv": "\t", ".npy": ""}[suffix]
    rows = np.load(path) if not delimiter else np.loadtxt(path, delimiter=delimiter, skiprows=1, dtype=np.float32)
    np.testing.assert_array_equal(rows, expected("torus", 50, 0.1))


def test_a_sample_without_a_file_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call("sample", "helix", "-n", "3", "--coordinate", capsys=capsys)
    head, *rows = out.splitlines()
    assert (code, err, head, len(rows)) == (0, "", "x1,x2,x3,t", 3)
    np.testing.assert_array_equal(np.loadtxt(rows, delimiter=",", dtype=np.float32)[:, :3], expected("helix", 3))


@pytest.mark.parametrize("name", ["pinwheel", "torus", "sine"])
def test_a_picture_is_drawn_and_its_file_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"{name}.png"
    code, out, _ = call("show", name, "-n", "200", "--out", str(path), capsys=capsys)
    assert (code, out) == (0, f"{path}\n\nNext: swissroll train --dataset {name}\n")
    assert np.ptp(np.asarray(Image.open(path).convert("L"))) > 100


def test_a_table_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    path = tmp_path / "points.csv"
    call("sample", "moons", "-n", "40", "--coordinate", "--out", str(path), capsys=capsys)
    code, out, err = call("check", str(path), "--columns", "x2,x1", "--label", "t", capsys=capsys)
    lines = out.splitlines()
    assert (code, err, lines[0]) == (0, "", f"{path}: 40 rows of 2 columns")
    x = expected("moons", 40)
    assert [line.split()[0] for line in lines[2:4]] == ["x2", "x1"]
    assert float(lines[2].split()[1]) == pytest.approx(float(x[:, 1].min()), rel=1e-5)
    assert lines[4] == "label t: 40 different values"

    code, out, err = call("check", str(path), "--columns", "x1,x9", capsys=capsys)
    assert (code, out) == (2, "")
    assert err == f"swissroll: {path} has no column 'x9'. It has: x1, x2, t, piece.\n"


def test_a_long_name_is_shown_by_its_beginning_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    question = "How often did you:\n" + "walk, " * 25
    path = tmp_path / "points.csv"
    rows = [f"{row % 7},{row**2 % 11 / 3},{row % 3}" for row in range(40)]
    path.write_text(f'"{question}","b, {question}","kind {question}"\n' + "\n".join(rows))
    code, out, err = call("check", str(path), "--label", f"kind {question}".strip(), capsys=capsys)
    assert code == 0
    shown = ["How often did you: walk, wa…", "b, How often did you: walk,…"]
    assert [line[:28] for line in out.splitlines()[2:4]] == shown
    assert max(map(len, out.splitlines()[1:])) < 100
    (note,) = [line for line in err.splitlines() if "rounded" in line]
    assert "How often did you: walk, wa… in steps of 1" in note


def test_a_table_says_what_pandas_is_needed_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    path = tmp_path / "points.csv"
    path.write_text("a\n1\n")
    code, out, err = call("check", str(path), capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "needs pandas, which is not installed. To install it: pip install 'pandas>=2.2.2' 'pyarrow>=16'." in err


WRONG = {
    "must be one of": ("sample", "rol"),
    "already exists": ("sample", "moons", "--out", "THERE.csv"),
    "tables are .csv, .tsv, .npy": ("sample", "moons", "--out", "points.xlsx"),
    "pictures are .png or .svg": ("show", "moons", "--out", "moons.jpg"),
    "--count must be a whole number from 1": ("sample", "moons", "-n", "0"),
    "noise must be a finite number": ("show", "moons", "--noise", "-1"),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_one_line(
    message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "THERE.csv").touch()
    code, out, err = call(*WRONG[message], capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err or "Choose from" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["THERE.csv"]
