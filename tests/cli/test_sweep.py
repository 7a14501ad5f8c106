"""The sweep command as a person types it: what it takes, what it refuses in one line, what it prints."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swissroll.cli.app import main
from swissroll.cli.sweep_summary import MAX_TABLE_METRICS, size, span
from swissroll.cli.terminal import new_folder, sole_planner
from swissroll.report.shell import quote
from swissroll.runs.folder import lock
from swissroll.sweep.analysis.comparisons import headline_metrics
from swissroll.sweep.analysis.results import read_table
from swissroll.sweep.groups import read_groups
from swissroll.sweep.plan import read_sweep
from tests.sweep.analysis.oracles import trained_sweep

# What is measured and drawn is tested elsewhere.
pytestmark = pytest.mark.usefixtures("few_points", "no_pictures")

TINY = ["--steps", "20", "--hidden-dim", "4", "--engine", "torch", "--device", "cpu", "--workers", "1", "--quiet"]


def call(*arguments: str) -> tuple[int, str, str]:
    out = io.StringIO()
    err = io.StringIO()
    with pytest.raises(SystemExit) as ended, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        main(["sweep", *arguments])
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


def test_a_sweep_prints_its_table_and_a_second_call_adds_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*TINY, "--beta", "0.01,0.1", "--lr", "1e-3", "--seeds", "1")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["runs", "finished", "2"]
    assert [line.split()[:2] for line in lines if line[:2] == "0."] == [["0.01", "1"], ["0.1", "1"]]
    # The metrics of the conclusions, under the names of table.csv.
    (head,) = [line.split() for line in lines if line.startswith("beta ")]
    assert head == ["beta", "runs", *headline_metrics(read_table("sweeps/001"))[:MAX_TABLE_METRICS]]
    assert "table: sweeps/001/table.csv" in lines
    assert lines[-1] == "to add seeds: swissroll sweep --out sweeps/001 --workers 1 --seeds 5"

    Path("sweeps/001/table.csv").unlink()
    code, out, _ = call("--out", "sweeps/001", "--beta", "0.3", "--workers", "1", "--quiet")
    assert (code, out.splitlines()[0].split()) == (0, ["runs", "finished", "3"])
    with Path("sweeps/001/table.csv").open(encoding="utf-8", newline="") as file:
        assert [row["beta"] for row in csv.DictReader(file)] == ["0.01", "0.1", "0.3"]

    last = call(*TINY, "--dry-run")[1].splitlines()[-1]
    assert last == "Nothing was written. Without --dry-run, sweeps/002 holds the sweep."
    code, out, err = call("--out", "sweeps/001", "--steps", "40")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "name all values: --steps 20,40" in err


def test_the_same_command_goes_on_and_a_finished_one_is_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [*TINY, "--beta", "0.01,0.1", "--seeds", "2"]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("swissroll.sweep.pools.LocalPool.submit", interrupt)
        assert call(*command)[0] == 130

    # Neither a word of the plan nor the order of the flags matters; another value is another sweep.
    told = "swissroll: note: sweeps/001 is this sweep, unfinished (0 of 4 runs are on disk): it goes on. "
    again = ["--seeds", "0,1", "--seeds", "1", "--beta", "0.1,0.01", *TINY, "--dry-run"]
    assert call(*again[:2], *again[4:])[2].startswith(told)
    assert "sweeps/002 holds" in call(*command, "--lr", "0.01", "--dry-run")[1]

    # A copy of a run does not count, and another process's sweep is not taken.
    Path("sweeps/001/runs/copy").mkdir()
    Path("sweeps/001/runs/copy/state.json").write_text("{}", encoding="utf-8")
    with lock(Path("sweeps/001")):
        code, out, err = call(*command)
        assert (code, out) == (2, "")
        assert err == (
            "swissroll: sweeps/001 is being computed by another process. Wait for it to end. "
            "Choose another folder with --out.\n"
        )

    code, out, err = call(*command)
    assert (code, out.splitlines()[0].split()) == (0, ["runs", "finished", "4"])
    assert err == f"{told}To compute it again, name a new folder: --out sweeps/002\n"
    table = Path("sweeps/001/table.csv").read_bytes()

    code, out, err = call(*command)
    assert (code, out.splitlines()[0].split()) == (0, ["runs", "finished", "4"])
    assert "time" not in [line.split()[0] for line in out.splitlines() if line]
    assert err.startswith("swissroll: note: sweeps/001 is this sweep, and it is finished. To compute it again")
    assert Path("sweeps/001/table.csv").read_bytes() == table
    assert [path.name for path in Path("sweeps").glob("[!.]*")] == ["001"]


def test_two_equal_commands_at_once_compute_one_sweep(tmp_path: Path) -> None:
    # A sweep that does not end: the second command cannot come too late to meet it.
    flags = ["--beta", "0.1", "--seeds", "1", "--hidden-dim", "4", "--steps", "1000000000", "--engine", "torch"]
    command = [sys.executable, "-m", "swissroll", "sweep", *flags, "--device", "cpu", "--workers", "1", "--quiet"]
    both = [subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    deadline = time.monotonic() + 120
    while not any(process.poll() for process in both) and time.monotonic() < deadline:
        time.sleep(0.02)
    codes = [process.poll() for process in both]
    for process in both:
        process.kill()
    told = "".join(process.communicate()[1] for process in both)
    assert sorted(codes, key=str) == [2, None]
    assert "sweeps/001 is being computed by another process." in told
    assert [path.name for path in (tmp_path / "sweeps").glob("[!.]*")] == ["001"]


def test_a_sweep_waits_while_another_one_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swissroll.cli.terminal.SILENT_WAIT_SECONDS", 0.0)
    parent = tmp_path / "sweeps"
    told = io.StringIO()
    order = []

    def plan_second() -> None:
        with contextlib.redirect_stderr(told), sole_planner(parent):
            order.append("second")

    with sole_planner(parent):
        second = threading.Thread(target=plan_second)
        second.start()
        while not told.getvalue():
            time.sleep(0.01)
        order.append("first")
    second.join()
    assert order == ["first", "second"]
    assert told.getvalue() == f"swissroll: note: another command plans a sweep in {parent}; this one waits for it.\n"
    assert not parent.exists()


BAD = [
    (["--beta", "0.1,x"], "--beta must be numbers; got 'x'"),
    (["--beta", "0.1,,0.2"], "--beta must be values separated by commas; one of them is empty"),
    (["--beta", "0.1,nan"], "beta must be a finite number"),
    (["--noise", "0,05"], "'05' begins with a zero that says nothing. Where 0,05 was meant as one number, write 0.05"),
    (["--beta", "0,1,0,05"], "write 0.05"),
    (["--lr", "-00.1"], "begins with a zero"),
    (["--beta", "1_0,2"], "--beta must be numbers; got '1_0'"),
    (["--hidden-dim", "32,2.5"], "--hidden-dim must be whole numbers; got '2.5'"),
    (["--hidden-dim", "32,0"], "hidden_dim must be a whole number from 1"),
    (["--activation", "rellu"], "activation must be one of"),
    (["--seeds", "0"], "seeds must be a whole number from 1"),
    (["--seeds", "3", "--seed", "1"], "leave out one"),
    (["--seeds", "1000000", "--beta", "1,2"], "at most 1,000,000"),
    (["--threads", "2"], "--threads"),
    (["--stepz", "3"], "Did you mean --steps"),
    (["--hold", "lr"], "--hold"),
    (["--workers", "0", "--beta", "1"], "workers must be a whole number from 1"),
    (["--workers", str(max(8, 4 * (os.cpu_count() or 1)) + 1), "--beta", "1"], "workers must be a whole number from 1"),
    (["--workers", "2", "--cluster", "tcp://x:1"], "leave out one of them"),
    (["--config", "absent.toml"], "Name an existing TOML file"),
    (["--config", "unknown.toml"], "unknown key 'betta'. Did you mean 'beta'?"),
    (["--config", "unknown.toml", "--preset", "best"], "leave out one of them"),
    (["--out", "other"], "other exists and is not a sweep"),
    (["--out", "unknown.toml"], "exists and is not a sweep"),
    ([], "Name what to vary, such as --beta"),
    (["--out", "typo"], "typo is not a sweep yet"),
    (["--beta", "0.1", "--out", "/proc/nowhere"], "Choose another folder with --out"),
    (["--beta", "0.1", "--out", "bad\udcffname"], "Choose another folder with --out"),
    (["--batch-size", "1000000", "--hidden-dim", "8,4096"], "Make the network or the batch smaller"),
    (["--device", "mps", "--beta", "0.1"], "is not on this machine"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(a) or "nothing" for a, _ in BAD])
def test_bad_input_is_one_line_exit_code_2_and_no_folder(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("unknown.toml").write_text("betta = 1\n", encoding="utf-8")
    Path("other").mkdir()
    Path("other/notes.txt").write_text("mine", encoding="utf-8")
    code, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["notes.txt", "other", "unknown.toml"]


WORDS = st.one_of(st.integers(-3, 40), st.floats(), st.sampled_from(["", "x", "1e3", "--", "\t", "0x3", "None", "²"]))
LISTS = st.lists(WORDS, min_size=1, max_size=3).map(lambda words: ",".join(map(str, words)))
FLAGS = st.sampled_from(
    ["--steps", "--beta", "--lr", "--latent-dim", "--hidden-dim", "--noise", "--seed", "--seeds", "--batch-size",
     "--activation", "--reduction", "--dataset", "--engine", "--beta-start", "--hold"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(flags=st.dictionaries(FLAGS, LISTS, min_size=1, max_size=3))
def test_any_flags_are_planned_or_refused_in_one_line(
    flags: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cli") / "sweep"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("swissroll.sweep.cost.measured_rate", lambda: 1e11)
        code, out, err = call(*(f"{k}={v}" for k, v in flags.items()), "--dry-run", "--out", str(folder))
    assert code in (0, 2)
    notes = [line for line in err.splitlines() if line.startswith("swissroll: note: ")]
    assert (err.count("\n") - len(notes), out == "") == ((1, True) if code == 2 else (0, False))
    assert not folder.exists()


def test_a_dry_run_says_what_there_is_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    axes = ["--hidden-dim", "32,256,1024", "--beta", "0.1,0.2", "--seeds", "5"]
    code, out, _ = call(*axes, "--dry-run", "--workers", "2")
    assert code == 0
    pairs = dict(line.split("  ", 1) for line in out.splitlines()[:7])
    assert pairs["runs in all"].strip() == pairs["to compute"].strip() == "30"
    assert pairs["gradient steps"].strip() == "30,000"
    # Six times the matrices, a point: one product forward and two backward, each of a multiply and an add.
    weights = sum(2 * (3 * h) + 2 * (2 * h * h) + 3 * 2 * h - 2 * h for h in (32, 256, 1024))
    assert float(pairs["matrix products"].split()[0]) == pytest.approx(6 * 128 * weights * 10 * 1000, rel=0.06)
    assert [line.split()[:2] for line in out.splitlines() if line[:2] in ("32", "25", "10")] == [
        ["32", "10"], ["256", "10"], ["1024", "10"]
    ]  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_a_sweep_of_an_engine_that_is_gone_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "jax", None)
    Path("my sweep").mkdir()
    settings = 'beta = [0.1, 0.2]\nseeds = 1\nengine = "xla"\ndevice = "cpu"\n'
    Path("my sweep/sweep.toml").write_text(settings, encoding="utf-8")
    code, out, err = call("--out", "my sweep", "--workers", "1", "--quiet")
    assert (code, out) == (2, "")
    assert err == (
        "swissroll: my sweep cannot go on here: engine 'xla' needs JAX, which is not installed. "
        "To install it: pip install 'jax>=0.8'. "
        "Or begin another sweep here, with --engine torch --device auto and a new --out.\n"
    )


def test_a_definition_that_is_no_toml_is_told_with_what_helps_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/sweep.toml").write_text("beta = [0.1", encoding="utf-8")
    code, out, err = call("--out", "mine", "--quiet")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.endswith("give the same command as when the sweep was begun, with --out mine\n")


UNFITTED = "runs with 0 components have no mixture to fit again: refit_prior is off in those."
LOUD = "noise 5 hides the data, which reach about 1."
TWICE = "beta names 0.1 more than once; each value is taken once."


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--beta", "0,1"], ["--beta 0,1 is two values, 0 and 1; one number is written 0.1"]),
        (["--noise", "0,5"], ["--noise 0,5 is two values, 0 and 5; one number is written 0.5", LOUD]),
        (["--beta", "0.1,0.1"], [TWICE]),
        (["--beta", "0.1", "--beta", "1e-1,2.0"], [TWICE]),
        (["--beta", "0.1", "--seeds", "3,3,4"], ["seeds names 3 more than once; each value is taken once."]),
        (["--config", "my.toml"], ["activation names relu more than once; each value is taken once."]),
        (["--beta", "0.0,1.0", "--seeds", "1,2", "--hidden-dim", "4,8"], []),
        (["--components", "0,4", "--refit-prior", "true"], [UNFITTED]),
        (["--components", "0,4", "--preset", "best"], [UNFITTED]),
        (["--components", "0,4", "--refit-prior", "false"], []),
    ],
)
def test_what_may_not_be_meant_is_told(
    flags: list[str], told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("swissroll.sweep.cost.measured_rate", lambda: 1e11)
    Path("my.toml").write_text('activation = ["relu", "relu"]\n', encoding="utf-8")
    code, _, err = call(*flags, "--dry-run")
    assert (code, err.splitlines()) == (0, [f"swissroll: note: {line}" for line in told])


def test_a_file_gives_axes_and_flags_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text('beta = [0.1, 0.2]\nlr = 1\nseeds = 3\nhold = "sigma"\n', encoding="utf-8")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    # Ctrl-C before the first group: the definition is there.
    monkeypatch.setattr("swissroll.sweep.pools.LocalPool.submit", interrupt)
    code, out, _ = call("--config", "my.toml", *TINY, "--lr", "1e-3", "--seed", "8", "--out", "a")
    assert (code, out) == (130, "stopped; 0 of 2 runs are on disk; go on with: swissroll sweep --out a --workers 1\n")
    written = tomllib.loads(Path("a/sweep.toml").read_text(encoding="utf-8"))
    assert written.pop("versions")
    assert written == {
        "beta": [0.1, 0.2], "lr": 0.001, "seeds": [8], "hold": "sigma", "steps": 20, "hidden_dim": 4, "engine": "torch",
        "device": "cpu",
    }  # fmt: skip
    assert sorted(itertools.chain(*read_groups(Path("a")))) == sorted(read_sweep(Path("a")).names())


def test_times_and_sizes_are_for_people() -> None:
    assert [span(s) for s in (0.04, 12.3, 99.0, 240, 36_000)] == ["0.0 s", "12 s", "99 s", "4 min", "10 h"]
    assert [size(n) for n in (999, 1000, 12_345_678, 4e9, 5e15)] == ["999 B", "1 kB", "12.3 MB", "4 GB", "5e+03 TB"]


def test_a_new_folder_goes_again_where_nothing_comes_of_it(tmp_path: Path) -> None:
    parent = tmp_path / "sweeps"
    with new_folder(parent) as first, new_folder(parent) as second:
        assert [first.name, second.name] == ["001", "002"]
        (first / "file").touch()
    assert list(parent.iterdir()) == [first]
    (first / "file").unlink()
    first.rmdir()
    with new_folder(parent):
        pass
    assert parent.is_dir(), "It was there before."
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    with pytest.raises(FileExistsError), new_folder(tmp_path / "dangling"):
        pass


def test_runs_that_an_earlier_version_measured_are_named_with_what_they_lack(tmp_path: Path) -> None:
    first = next(iter(trained_sweep(tmp_path / "old", seeds=2).rows))
    path = tmp_path / "old" / "runs" / first.name / "metrics.json"
    found = json.loads(path.read_text())
    found["metrics"]["evidence"]["above_lower_bound"] = None
    del found["metrics"]["prior"]["fit"]["strays"]
    path.write_text(json.dumps(found))

    code, out, err = call("--out", str(tmp_path / "old"), "--quiet")
    assert (code, err) == (0, "")
    assert "above_lower_bound" not in out.split("mean ± standard deviation")[0]
    assert "neg_log_evidence" in out
    assert "1 of 2 finished runs (seed 0) lack strays and above_lower_bound" in out

    again = f"swissroll evaluate {quote(path.parent)}"
    assert again in out
    with pytest.raises(SystemExit, match="0"):
        main([*again.split()[1:], "--quiet"])
    assert "lack" not in call("--out", str(tmp_path / "old"), "--quiet")[1]
