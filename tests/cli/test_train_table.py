"""``train`` and ``sweep`` on a table. Oracles: one line for what cannot be, and the uninterrupted run's bytes."""

import math
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import swissroll
from swissroll.cli.app import main
from swissroll.data import Points
from swissroll.runs.run import load
from swissroll.runs.training import advance

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(60, 2)) * [300.0, 0.01] + [5.0, -1.0]
SMALL = ["--hidden-dim", "4", "--depth", "1", "--latent-dim", "1", "--batch-size", "100", "--quiet"]
PLAIN = ["--engine", "torch", "--device", "cpu"]


@pytest.fixture(autouse=True)
def _in_folder_with_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("points.npy", ROWS)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "none.npy"], "none.npy is not there. Name a file that holds a table."),
        (["--data", "points.npy", "--columns", "x1,y"], "has no column 'y'"),
        (["--data", "points.npy", "--label", "kind"], "has no column 'kind'"),
        (["--data", "points.npy", "--dataset", "swiss_roll"], "--data and --dataset both say where points come from"),
        (["--data", "points.npy", "--noise", "0"], "--data and --noise both say where points come from"),
        (["--columns", "x1"], "columns is of a table, and data names none"),
        (["--data", "points.npy", "--solution", "mine.py"], "trained on a dataset, not on a table"),
        (["--data", "points.npy", "--held-out", "0.95"], "held_out must be a finite number above 0 and at most 0.9"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = call(capsys, "train", *arguments, "--steps", "2", *SMALL, *PLAIN)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_column_that_is_constant_among_the_training_rows_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.full((20, 2), 2.0)
    rows[:, 0] = np.arange(20) ** 2
    held_out = Points.of(ROWS[:20], seed=42).held_out_rows
    rows[held_out[0], 1] = 3.0
    np.save("points.npy", rows)
    code, _, err = call(capsys, "train", "--data", "points.npy", "--seed", "42", "--steps", "1", *SMALL, *PLAIN)
    assert code == 2
    assert "column 'x2': all 18 training rows are 2; only held-out rows differ" in err
    assert err.count("\n") == 1


def test_a_table_that_changed_is_refused_by_report_and_resume(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "train", "--data", "points.npy", "--steps", "2", *SMALL, *PLAIN)[0] == 0
    np.save("points.npy", ROWS + 1)
    for arguments in (["report", "runs/001"], ["evaluate", "runs/001"]):
        code, _, err = call(capsys, *arguments)
        assert code == 2
        assert "is not the table that this run was begun with" in err
        assert err.count("\n") == 1
    Path("points.npy").unlink()
    code, _, err = call(capsys, "report", "runs/001")
    assert code == 2
    assert "is gone, which holds the rows of this run. Put it back, or write into config.toml" in err


def test_the_terminal_speaks_of_rows_and_columns(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "train", "--data", "points.npy", "--steps", "2", *SMALL, *PLAIN)
    assert code == 0
    for words in ("54 and 6", "held-out rows against draws, energy test", "decoder sigma, implied, x2"):
        assert words in out
    assert "curve" not in out
    assert "data units" not in out


def test_the_bar_and_the_terminal_tell_of_rows_that_others_get(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A fast machine is done before the bar would be drawn again.
    monkeypatch.setattr("swissroll.cli.train.time", lambda: math.inf)
    loud = [word for word in SMALL if word != "--quiet"]
    code, _, err = call(capsys, "train", "--data", "points.npy", "--steps", "300", *loud, *PLAIN, "--out", "run")
    assert code == 0
    assert "note: the page holds 60 rows of points.npy, which anybody can read who gets the file." in err

    # The bar's distortions are those of history.csv, in the units of the table.
    shown = [float(text) for text in re.findall(r"distortion (-?[0-9.]+)", err)]
    log_volume = np.log(load("run").standardization.scale).sum()  # type: ignore[union-attr]
    of_table = load("run").history["distortion"] + log_volume
    assert shown
    assert all(np.abs(of_table - value).min() < 0.006 for value in shown)
    assert np.abs(log_volume) > 1


def test_a_run_that_was_killed_ends_in_the_same_bytes(tmp_path: Path) -> None:
    arguments = ["train", "--data", "points.npy", "--steps", "500", "--snapshot-every", "100", *SMALL, *PLAIN]
    started = [sys.executable, "-m", "swissroll", *arguments, "--out", "killed"]
    process = subprocess.Popen(started, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    # Killed while it trains, at whatever step: the end must be the same.
    snapshot = tmp_path / "killed/snapshots/step-000000100.safetensors"
    while process.poll() is None and not snapshot.exists():
        time.sleep(0.01)
    process.kill()
    process.wait()

    killed = load("killed")
    for _ in advance(killed):
        pass
    whole = swissroll.train(killed.config, tmp_path / "whole")
    assert killed.status == "finished"
    assert Path("killed/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()
    assert whole.history["loss"].tolist() == killed.history["loss"].tolist()


def test_a_sweep_is_over_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sweep", "--data", "points.npy", "--columns", "x1,x2", "--beta", "0.01,0.1", "--seeds", "1"]
    settings = ["--steps", "2", "--hidden-dim", "4", "--depth", "1", "--latent-dim", "1", "--workers", "1", "--quiet"]
    code, _, err = call(capsys, *command, *settings, *PLAIN, "--dry-run")
    assert (code, err) == (0, "")
    code, out, err = call(capsys, *command, *settings, *PLAIN)
    assert (code, err) == (0, "")
    # Of columns with units of their own.
    page = Path("sweeps/001/report.html").read_text(encoding="utf-8")
    assert "w2: W2 to real points, standard deviations" in out
    assert "W2 to real points, standard deviations" in page
    for told in (out, page):
        assert "data units" not in told
        assert "coloured by t" not in told
    runs = list(Path("sweeps/001/runs").iterdir())
    assert [load(run).config.columns for run in runs] == ["x1,x2"] * 2
    assert "data_digest" in Path("sweeps/001/sweep.toml").read_text(encoding="utf-8")

    code, _, err = call(capsys, "sweep", "--data", "points.npy", "--dataset", "moons", *settings)
    assert code == 2
    assert "--data and --dataset both say where points come from" in err
