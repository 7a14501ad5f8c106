"""A trained run used as a person types it: encode, reconstruct, score and sample, and what is wrong in one line."""

from __future__ import annotations

import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import swissroll
from swissroll.cli.app import main
from swissroll.cli.table_file import write_table
from swissroll.config import Config
from swissroll.data import read_table
from swissroll.runs.run import create
from tests.oracles import trained_run

pandas = pytest.importorskip("pandas")
TINY = Config(steps=30, hidden_dim=8, depth=1, batch_size=32, eval_every=30, snapshot_every=30)
X = np.random.default_rng(5).normal(size=(60, 2)) * (3.0, 200.0) + (1.0, 1e4)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and four runs: of a curve, of the table, with three latents, and one without noise."""
    folder = tmp_path_factory.mktemp("use")
    frame = pandas.DataFrame({"kind": ["red", "blue"] * 30, "b": X[:, 1], "n": X[:, 0] ** 2, "a": X[:, 0]})
    frame.to_csv(folder / "points.csv", index=False)
    trained_run(folder / "curve", TINY)
    trained_run(folder / "table", replace(TINY, data=str(folder / "points.csv"), columns="a,b"))
    trained_run(folder / "three", replace(TINY, latent_dim=3))
    trained_run(folder / "flat", replace(TINY, beta=0.0))
    create(folder / "untrained", TINY)
    return folder


@pytest.fixture
def call(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command where the runs lie; what it is told to write goes to a folder that is emptied before."""
    monkeypatch.chdir(runs)
    shutil.rmtree(runs / "out", ignore_errors=True)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--quiet"])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def read(path: str) -> tuple[list[str], np.ndarray]:
    """Names and numbers of a table that was written."""
    frame = pandas.read_csv(path, sep="\t" if path.endswith("tsv") else ",")
    return list(frame.columns), frame.to_numpy()


def model_of(name: str) -> Any:
    return swissroll.load(name).model


def test_encode_writes_the_posterior_of_each_row(call: Any) -> None:
    code, out, err = call("encode", "table", "--data", "points.csv", "--out", "out/z.csv")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "out/z.csv: mean and standard deviation of 2 latents, for 60 rows of points.csv"
    assert out.splitlines()[1] == "Next: swissroll reconstruct table --data points.csv --out out/reconstructed.csv"
    names, found = read("out/z.csv")
    assert names == ["z1", "z1_sd", "z2", "z2_sd"]
    with torch.no_grad():
        mu, logvar = model_of("table").encode(torch.from_numpy(X))
    np.testing.assert_allclose(found[:, [0, 2]], mu, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[:, [1, 3]] ** 2, logvar.exp(), rtol=1e-5)


def test_reconstruct_gives_rows_back_in_units_of_the_data(call: Any) -> None:
    assert call("reconstruct", "table", "--data", "points.csv", "--out", "out/back.csv")[0] == 0
    names, found = read("out/back.csv")
    assert names == ["a", "b"]
    np.testing.assert_allclose(found, model_of("table").reconstruct(X), rtol=1e-6)


def test_score_is_the_log_density_in_units_of_the_data(call: Any) -> None:
    few = X[:3]
    pandas.DataFrame({"b": few[:, 1], "a": few[:, 0]}).to_csv("few.csv", index=False)
    code, out, err = call("score", "table", "--data", "few.csv", "--out", "out/scores.csv")
    assert (code, err) == (0, "")
    assert "log p(x) by quadrature, in nats; mean " in out
    names, found = read("out/scores.csv")
    assert names == ["log_density", "error"]
    expected = swissroll.log_evidence(model_of("table"), few)
    np.testing.assert_allclose(found[:, 0], expected, atol=2e-3)
    assert (found[:, 1] < 1e-3).all()


def test_scores_above_two_latents_are_called_bounds(call: Any) -> None:
    Path("six.csv").write_text("x2,x1\n" + "0.1,0.2\n0.3,-0.2\n" * 3)
    code, out, _ = call("score", "three", "--data", "six.csv", "--out", "out/scores.csv")
    names, found = read("out/scores.csv")
    assert (code, names, len(found)) == (0, ["log_density_bound", "error"], 6)
    assert "importance-weighted lower bounds" in out
    assert call("score", "three", "--data", "six.csv", "--out", "out/again.csv")[0] == 0
    np.testing.assert_array_equal(read("out/again.csv")[1], found)


def test_sample_draws_from_p_of_x_twice_the_same(call: Any) -> None:
    for name, flags in {"a": (), "b": (), "c": ("--seed", "3"), "d": ("--no-noise",)}.items():
        assert call("sample", "table", "-n", "400", *flags, "--out", f"out/{name}.csv")[0] == 0
    names, drawn = read("out/a.csv")
    assert names == ["a", "b"]
    np.testing.assert_array_equal(read("out/b.csv")[1], drawn)
    assert (read("out/c.csv")[1] != drawn).all()
    # The decoder's noise, in each column, is what the two differ by.
    sigma = model_of("table").decoder_sigma.numpy()
    noise = (drawn - read("out/d.csv")[1]) / sigma
    np.testing.assert_allclose(noise.std(axis=0), 1, atol=0.12)


def test_rows_of_the_run_itself_stand_before_the_results(call: Any) -> None:
    code, out, _ = call("reconstruct", "table", "--out", "out/back.csv")
    names, found = read("out/back.csv")
    assert (code, names) == (0, ["a", "b", "a_reconstructed", "b_reconstructed"])
    assert out.startswith("out/back.csv: decoded means of the posteriors' means, for 6 held-out rows of ")
    nearest = np.abs(X[None] - found[:, None, :2]).max(axis=2).min(axis=1)
    assert (nearest < 1e-3).all()


def test_rows_of_the_run_itself_are_written_as_they_stand_in_its_table(call: Any) -> None:
    rows = np.round(X, 2)
    pandas.DataFrame(rows, columns=["a", "b"]).to_csv("short.csv", index=False)
    trained_run(Path("short"), replace(TINY, data="short.csv", columns="a,b"))
    assert call("encode", "short", "--out", "out/z.csv")[0] == 0
    held_out = {tuple(row) for row in read("out/z.csv")[1][:, :2].tolist()}
    assert len(held_out) == 6
    assert held_out < {tuple(row) for row in rows.tolist()}


@pytest.mark.parametrize("command", ["reconstruct", "sample"])
def test_numbers_that_were_computed_in_single_precision_have_no_more_digits(command: str, call: Any) -> None:
    arguments = ("-n", "400") if command == "sample" else ("--data", "points.csv")
    assert call(command, "table", *arguments, "--out", "out/x.csv")[0] == 0
    cells = [line.split(",") for line in Path("out/x.csv").read_text().splitlines()[1:]]
    # Ten digits of numbers that are a few of their column's deviations from 0, and 12 of those near 10,000.
    assert np.median([len(a.lstrip("-0.")) for a, _ in cells]) <= 11
    assert np.median([len(b) for _, b in cells]) <= 13


@pytest.mark.parametrize("command", ["encode", "sample"])
def test_a_file_of_single_precision_is_read_again_to_the_bit(command: str, call: Any) -> None:
    for ending in ("csv", "npy"):
        assert call(command, "curve", "--out", f"out/x.{ending}")[0] == 0
    exact = np.load("out/x.npy")
    assert exact.dtype == np.float32
    np.testing.assert_array_equal(read("out/x.csv")[1].astype(np.float32), exact)
    cells = Path("out/x.csv").read_text().replace("\n", ",").split(",")
    shortest = sum(len(np.format_float_positional(value, unique=True)) for value in exact.ravel())
    assert sum(map(len, cells)) - len("".join(cells[: exact.shape[1]])) <= shortest


@pytest.mark.parametrize("ending", ["csv", "tsv", "npy", "parquet"])
def test_every_format_holds_the_same_numbers(ending: str, call: Any) -> None:
    assert call("encode", "curve", "--out", f"out/z.{ending}")[0] == 0
    assert call("encode", "curve", "--out", "out/again.csv")[0] == 0
    path = Path(f"out/z.{ending}")
    found = np.load(path) if ending == "npy" else read_table(path).rows
    np.testing.assert_array_equal(found.astype(np.float32), read("out/again.csv")[1].astype(np.float32))
    assert len(list(Path("out").iterdir())) == 2


def test_columns_can_be_named_where_they_are_called_otherwise(call: Any) -> None:
    pandas.DataFrame({"n": X[:, 0], "c": X[:, 0], "d": X[:, 1]}).to_csv("others.csv", index=False)
    code, _, err = call("reconstruct", "table", "--data", "others.csv", "--out", "out/back.csv")
    assert code == 2
    assert err == (
        "swissroll: others.csv has no column 'a': the run has a, b, and the table n, c, d. "
        "Name the columns that stand for them, in that order, with --columns.\n"
    )
    arguments = ("reconstruct", "table", "--data", "others.csv", "--columns", "c,d", "--out", "out/back.csv")
    assert call(*arguments)[0] == 0
    np.testing.assert_allclose(read("out/back.csv")[1], model_of("table").reconstruct(X), rtol=1e-6)


def test_a_single_row_is_enough(call: Any) -> None:
    Path("one.csv").write_text("0.5,-0.25\n")
    assert call("encode", "curve", "--data", "one.csv", "--out", "out/z.csv")[0] == 0
    assert read("out/z.csv")[1].shape == (1, 4)


WRONG = {
    "is not a run: it holds no config.toml. To make one": ("encode", "gone", "--out", "out/z.csv"),
    "nothing is trained yet. To resume it": ("score", "untrained", "--out", "out/z.csv"),
    "has no noise, so p(x) has no density. Train a run": ("score", "flat", "--out", "out/z.csv"),
    "Or leave the noise out: --no-noise": ("sample", "flat", "--out", "out/z.csv"),
    "tables are .csv, .tsv, .npy, .parquet. Name such": ("encode", "curve", "--out", "out/z.xlsx"),
    "points.csv already exists. Move it away": ("encode", "curve", "--out", "points.csv"),
    "gone.csv is not there. Name a file": ("score", "curve", "--data", "gone.csv", "--out", "out/z.csv"),
    "empty.csv is empty": ("score", "curve", "--data", "empty.csv", "--out", "out/z.csv"),
    "nan.csv, row 2, column 'x2': there is no value": ("encode", "curve", "--data", "nan.csv", "--out", "out/z.csv"),
    "no column 'x1': the run has x1, x2, and the table kind": (
        *("encode", "curve", "--data", "points.csv", "--out", "out/z.csv"),
    ),
    "--columns names 1 column, and the run has 2: a, b": (
        *("encode", "table", "--data", "points.csv", "--columns", "a", "--out", "out/z.csv"),
    ),
    "column 'kind': 60 of 60 rows are not numbers": (
        *("encode", "table", "--data", "points.csv", "--columns", "kind,a", "--out", "out/z.csv"),
    ),
    "--columns names columns of a table. Name the table": ("encode", "table", "--columns", "a,b", "--out", "out/z.csv"),
    "--count must be a whole number from 1 to 100000000; got 0": ("sample", "curve", "-n", "0", "--out", "out/z.csv"),
    "got 1000000000000": ("sample", "curve", "-n", "1000000000000", "--out", "out/z.csv"),
    "points.csv: File exists": ("encode", "curve", "--out", "points.csv/z.csv"),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_one_line_and_leaves_nothing(message: str, call: Any) -> None:
    Path("empty.csv").write_bytes(b"")
    Path("nan.csv").write_text("x1,x2\n1,2\n3,nan\n")
    code, out, err = call(*WRONG[message])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not Path("out").exists()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full after so many bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("ending", ["csv", "npy", "parquet"])
def test_a_full_disk_is_one_line_and_leaves_no_file(ending: str, call: Any) -> None:
    with files_of_at_most(4096):
        code, out, err = call("sample", "curve", "-n", "4000", "--out", f"out/x.{ending}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"out/x.{ending}: File too large. Make room on that disk, then: swissroll sample curve" in err
    assert list(Path("out").iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "npy", "parquet"])
def test_ctrl_c_in_the_middle_leaves_no_file(ending: str, tmp_path: Path) -> None:
    def stopped() -> Iterator[np.ndarray]:
        yield X
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_table(tmp_path / f"x.{ending}", ["a", "b"], stopped(), 120)
    assert list(tmp_path.iterdir()) == []


def test_parts_are_one_table(tmp_path: Path) -> None:
    for ending in ("csv", "npy", "parquet"):
        path = tmp_path / f"x.{ending}"
        write_table(path, ["a,1", "b"], iter([X[:25], X[25:]]), 60)
        found = np.load(path) if ending == "npy" else read_table(path).rows
        np.testing.assert_array_equal(found, X)
    assert read_table(tmp_path / "x.csv").columns == ("a,1", "b")
