"""The command as a person types it: in a process of its own, judged by its output, exit code and folder."""

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import swissroll
from swissroll.cli.app import main
from swissroll.config import HELP, Config
from swissroll.evaluation.uncertainty import with_error
from swissroll.runs.files import replace_file, save_end
from swissroll.runs.folder import lock
from swissroll.runs.history import HEADER
from swissroll.runs.run import create
from swissroll.runs.training import advance
from swissroll.sweep.plan import FIELDS
from tests.oracles import wait_for_end

# Numbers and pictures are not what these tests are about.
pytestmark = pytest.mark.usefixtures("few_points", "no_pictures")

QUICK = ["--steps", "20", "--hidden-dim", "8", "--quiet"]


def run_command(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "swissroll", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def call(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_train_writes_a_folder_and_ends_with_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run_command("train", *QUICK[:-1], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Training" in done.stderr
    lines = done.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[:8]] == [
        "steps", "training time", "loss", "reconstruction MSE, posterior draw, squared data units",
        "rate, nats per point", "KL from the prior per latent dimension, nats per point", "distortion, nats per point",
        "decoder sigma, implied, data units",
    ]  # fmt: skip
    assert lines[-1] == "report: runs/001/report.html"
    names = {p.name for p in (tmp_path / "runs/001").iterdir()}
    assert names >= {"config.toml", "history.csv", "model.safetensors", "snapshots", "report.html"}
    monkeypatch.chdir(tmp_path)
    assert call(["train", *QUICK], capsys)[1].splitlines()[-1] == "report: runs/002/report.html"


# The width of a terminal is asked for once in a process: each text has one of its own, which need not start.
HELPS = """
import json, os, sys
from pathlib import Path
from swissroll.cli.app import main

for number, (command, columns) in enumerate(json.load(sys.stdin)):
    if os.fork() == 0:
        os.environ["COLUMNS"] = columns
        sys.stdout = Path(str(number)).open("w", encoding="utf-8")
        main([command, "--help"])
    assert os.wait()[1] == 0
"""
Help = tuple[str, str]
"""A command, and the columns of the terminal that its help is shown on."""
WIDE = "300"
COMMANDS = ["train", "report", "evaluate", "figures", "repair", "sweep"]
# Rich wrapped for ever at 0, 1 and 2, filled the memory with blanks at a million, and cannot read the last two.
WIDTHS = {"0": 40, "2": 40, "1000000": 500, "9" * 5000: 500, "²": 500}
"""Columns that a terminal claims to have, and the longest line that a help has there."""


@pytest.fixture(scope="module")
def helps(tmp_path_factory: pytest.TempPathFactory) -> dict[Help, str]:
    """The texts of help, of processes that are forked from one."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    folder = tmp_path_factory.mktemp("helps")
    asked: list[Help] = [(command, WIDE) for command in COMMANDS] + [("train", width) for width in WIDTHS]
    line = [sys.executable, "-c", HELPS]
    environment = os.environ | {"TERM": "xterm"}
    subprocess.run(line, input=json.dumps(asked), cwd=folder, env=environment, text=True, check=True, timeout=300)
    texts = [(folder / str(number)).read_text(encoding="utf-8") for number in range(len(asked))]
    return dict(zip(asked, texts, strict=True))


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_help_has_the_text_of_each_setting(command: str, helps: dict[Help, str]) -> None:
    settings = FIELDS if command == "sweep" else tuple(HELP)
    assert [name for name in settings if HELP[name] not in helps[command, WIDE]] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_quiet_means_the_same_in_every_command(command: str, helps: dict[Help, str]) -> None:
    assert "--quiet  " in helps[command, WIDE]
    assert "Show no progress bars. Results, notes and errors are printed." in helps[command, WIDE]


@pytest.mark.parametrize("columns", WIDTHS)
def test_help_ends_at_any_width_of_the_terminal(columns: str, helps: dict[Help, str]) -> None:
    lines = helps["train", columns].splitlines()
    assert len(lines) > 30
    assert max(map(len, lines)) <= WIDTHS[columns]


def test_help_does_not_wait_for_torch(tmp_path: Path) -> None:
    code = (
        "import sys, swissroll, swissroll.cli.app as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'matplotlib', 'numpy'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)


def test_config_file_repeats_a_run_and_flags_win_over_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(["train", *QUICK, "--beta", "0.02", "--out", "a"], capsys)[0] == 0
    assert call(["train", "--config", "a/config.toml", "--quiet", "--out", "b"], capsys)[0] == 0
    assert Path("a/model.safetensors").read_bytes() == Path("b/model.safetensors").read_bytes()
    assert call(["train", "--config", "a/config.toml", "--beta", "0.5", "--quiet", "--out", "c"], capsys)[0] == 0
    assert swissroll.load("c").config.beta == 0.5
    assert swissroll.load("c").config.hidden_dim == 8


BAD = [
    (["--steps", "-3"], "steps must be a whole number from 1"),
    (["--steps", "many"], "--steps"),
    (["--beta", "nan"], "beta must be a finite number of at least 0"),
    (["--beta=-1"], "beta must be"),
    (["--lr", "inf"], "lr must be a finite number above 0"),
    (["--latent-dim", "0"], "latent_dim must be a whole number from 1"),
    (["--activation", "rellu"], "--activation"),
    (["--stepz", "3"], "Did you mean --steps"),
    (["surplus"], "surplus"),
    (["--out", "/proc/nowhere"], "Choose another folder with --out"),
    (["--config", "absent.toml"], "Name an existing TOML file"),
    (["--config", "unknown.toml"], "unknown key 'betta'. Did you mean 'beta'?"),
    (["--resume", "absent"], "is not a run"),
    (["--latent-dim", "2.4"], "--latent-dim must be a whole number"),
    (["--seed", "9007199254740993.0"], "--seed must be a whole number"),
    (["--beta", "1e-323"], "beta must be 0 or at least 1e-12"),
    (["--batch-size", "1000000", "--hidden-dim", "4096"], "Make the network or the batch smaller"),
    (["--resume", "absent", "--batch_size", "64"], "leave out --batch-size"),
    (["--out", "bad\udcffname"], "not valid UTF-8"),
    (["--resume", "absent", "--out", "elsewhere"], "leave out --out"),
    (["--resume", "two\nlines"], "two lines is not a run"),
    (["--out", ""], "--out is empty; name a path"),
    (["--resume", " "], "--resume is empty; name a path"),
    (["--noise", "1000"], "noise must be a finite number of at least 0 and at most 10"),
    (["--resume", "a" * 240], f"a...{40 * 'a'} is not a run"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(a)[:60] for a, _ in BAD])
def test_bad_input_is_one_line_exit_code_2_and_no_folder(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("unknown.toml").write_text("betta = 1\n", encoding="utf-8")
    code, out, err = call(["train", *arguments], capsys)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert message in err
    assert [p.name for p in tmp_path.iterdir()] == ["unknown.toml"]


@pytest.mark.parametrize("text", ["q" * 100_000, "q w " * 25_000], ids=["a word", "many words"])
@pytest.mark.parametrize("file", ["key", "value", "versions"])
def test_a_message_is_bounded_whatever_it_quotes(
    file: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"key": f'"{text}" = 1', "value": f'dataset = "{text}"', "versions": f'versions = "{text}"'}[file]
    (tmp_path / "settings.toml").write_text(line)
    for arguments in (
        ["train", "--config", str(tmp_path / "settings.toml")],
        ["train", "--config", text],
        ["train", "--steps", text],
        ["train", text],
        [text],
    ):
        code, out, error = call(arguments, capsys)
        assert code == 2
        assert out == ""
        assert len(error) < 2100


def test_an_unwritable_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, _, err = call(["train", *QUICK, "--out", str(tmp_path / "file/run")], capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be written" in err


def test_a_truncated_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    assert call(["train", *QUICK, "--out", str(folder)], capsys)[0] == 0
    (folder / "state.json").unlink()
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    (folder / "checkpoint.safetensors").write_bytes(whole[:1000])
    code, _, err = call(["train", "--resume", str(folder)], capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "checkpoint.safetensors: damaged" in err


NUMBERS = st.one_of(st.integers(-5, 40), st.floats(), st.sampled_from(["", "x", "1e3", "--", "\t", "0x3", "None"]))
FLAGS = st.sampled_from(
    ["--steps", "--beta", "--lr", "--latent-dim", "--hidden-dim", "--depth", "--noise", "--seed", "--batch-size",
     "--snapshot-every", "--eval-every", "--threads", "--activation", "--reduction", "--device", "--dataset"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(given_flags=st.dictionaries(FLAGS, NUMBERS, min_size=1, max_size=4))
def test_any_flags_are_taken_or_refused_in_one_line(
    given_flags: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Stops short of training: what is taken makes a folder with a config, what is refused makes nothing."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    arguments = ["train", *(word for k, v in given_flags.items() for word in (k, str(v))), "--out", str(folder)]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr("swissroll.cli.train.train_run", lambda *_, **__: 0)
        patch.setattr("swissroll.cli.train.report_run", lambda *_, **__: None)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
    assert ended.value.code in (0, 2)
    if ended.value.code == 2:
        assert err.getvalue().count("\n") == 1
        assert not folder.exists()
    else:
        assert tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    assert out.getvalue() == ""


def test_ctrl_c_ends_a_run_with_what_it_has(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "swissroll.cli.app",
        "train",
        "--steps",
        "1000000",
        "--hidden-dim",
        "8",
        "--out",
        "run",
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    history = tmp_path / "run/history.csv"
    while not history.exists() or history.stat().st_size < 1000:
        assert process.poll() is None
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    out, err = wait_for_end(process)
    assert process.returncode == 130
    assert "Stopped." in err
    assert out.splitlines()[-2:] == ["report: run/report.html", "stopped; go on with: swissroll train --resume run"]
    run = swissroll.load(tmp_path / "run")
    assert run.status == "stopped"
    assert len(run.history) > 0


def test_evaluate_prints_the_metrics_with_their_bounds_and_keeps_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert call(["train", *QUICK, "--out", str(folder)], capsys)[0] == 0
    first = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    code, out, err = call(["evaluate", str(folder), "--quiet"], capsys)
    assert (code, err) == (0, "")
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert found == first
    evidence = found["metrics"]["evidence"]
    assert evidence["lower_bound"] <= evidence["neg_log_evidence"]
    assert out.splitlines()[-1] == f"report: {folder / 'report.html'}"
    assert out.splitlines()[-4].startswith("to try: ")
    assert out.splitlines()[-3] == found["diagnosis"]["checked"]
    shown = [
        with_error(evidence["neg_log_evidence"], evidence["numerical_error"] + evidence["neg_log_evidence_se"]),
        with_error(evidence["lower_bound"], evidence["lower_bound_error"]),
        with_error(found["loss"], found["loss_se"]),
    ]
    assert [text for text in shown if text not in out] == []
    assert f"  {found['diagnosis']['name']}\n" in out
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert [text for text in shown if text not in report] == []
    assert call(["report", str(folder), "--quiet"], capsys)[0] == 0
    again = (folder / "report.html").read_text(encoding="utf-8")
    assert [text for text in shown if text not in again] == []
    assert call(["train", "--resume", str(folder), "--quiet"], capsys)[0] == 0
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8")) == found


def test_presets_set_what_they_name_and_flags_win(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "run")
    arguments = ["train", *QUICK, "--preset", "best", "--components", "3", "--out", folder]
    assert call(arguments, capsys)[0] == 0
    config = swissroll.load(folder).config
    assert (config.activation, config.lr, config.components, config.steps) == ("silu", 1e-2, 3, 20)


def test_a_presets_fit_of_the_prior_gives_way_where_there_is_no_mixture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "run")
    best = ["train", *QUICK, "--preset", "best", "--components", "0", "--out", folder]
    code, _, err = call([*best, "--refit-prior"], capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "--no-refit-prior" in err
    code, _, err = call(best, capsys)
    assert code == 0
    assert "refit_prior is off" in err
    assert not swissroll.load(folder).config.refit_prior


def test_divergence_is_one_line_with_its_step_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(["train", *QUICK, "--lr", "1e5", "--out", str(tmp_path / "run")], capsys)
    assert code == 1
    assert err.count("\n") == 1
    assert "not finite at step" in err
    assert "report.html" in out


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its report; to be copied before it is changed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.raises(SystemExit):
        main(["train", *QUICK, "--out", str(folder)])
    return folder


def test_a_users_settings_of_the_drawing_library_neither_stop_a_command_nor_speak(
    finished: Path, tmp_path: Path
) -> None:
    """A backend that is not there, and a folder that cannot be written."""
    (tmp_path / "file").touch()
    environment = os.environ | {"MPLBACKEND": "nosuch", "MPLCONFIGDIR": str(tmp_path / "file" / "folder")}
    command = [sys.executable, "-m", "swissroll", "figures", str(finished), "--out", str(tmp_path / "a"), "--quiet"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


def weights_not_finite(folder: Path) -> None:
    run = swissroll.load(folder)
    weights = {k: torch.full_like(v, torch.nan) for k, v in run.model.state_dict().items()}
    save_end(run.folder, run.config, weights, step=20, status="finished")


def cut_history(folder: Path) -> None:
    (folder / "history.csv").write_text(HEADER, encoding="utf-8")


def put_file(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
    (folder / name).write_text("", encoding="utf-8")


def put_folder(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()


def edit_state(folder: Path, status: str) -> None:
    path = folder / "state.json"
    path.write_text(path.read_text(encoding="utf-8").replace("finished", status), encoding="utf-8")


DAMAGE: list[tuple[Callable[[Path], object], str]] = [
    (
        weights_not_finite,
        "again at step 1, and ends in the same bits. Move FOLDER/model.safetensors away, then: swissroll train",
    ),
    (
        cut_history,
        "leave this one as it is: swissroll train --config FOLDER/config.toml",
    ),
    (lambda f: (f / "history.csv").unlink(), "FOLDER/history.csv is missing. Put back a copy of it."),
    (
        lambda f: (f / "config.toml").write_text("beta = ", encoding="utf-8"),
        "Correct it; FOLDER/report.html lists the settings",
    ),
    (lambda f: edit_state(f, "diverged"), "it says 'diverged', and the weights have seen 20 of 20 steps"),
    (lambda f: edit_state(f, "stopped"), "Move FOLDER/state.json away, and give the same swissroll command again"),
    (lambda f: edit_state(f, "fine"), "'fine' is none of finished, stopped, diverged"),
    (
        lambda f: (f / "state.json").write_text("{", encoding="utf-8"),
        "Move FOLDER/state.json away, and give the same swissroll command again",
    ),
    (lambda f: (f / "config.toml").unlink(), "Put it back; FOLDER/report.html lists the settings"),
    (lambda f: put_folder(f, "state.json"), "state.json: damaged"),
    (
        lambda f: (f / "snapshots/step-000000000.safetensors").write_bytes(b"x"),
        "does without it. Move FOLDER/snapshots/step-000000000.safetensors away",
    ),
    (lambda f: put_folder(f, "report.html"), "report.html: is a folder, where a file is to be. Move it away"),
    (lambda f: put_folder(f, "metrics.json"), "metrics.json: is a folder"),
]


@pytest.mark.parametrize("command", ["evaluate", "report"])
@pytest.mark.parametrize(("damage", "message"), DAMAGE, ids=[str(i) for i in range(len(DAMAGE))])
def test_damage_is_one_line_before_anything_is_measured(
    damage: Callable[[Path], object], message: str, command: str, tmp_path: Path, finished: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    capsys.readouterr()
    damage(folder)
    monkeypatch.setattr("swissroll.evaluation.evaluation.measure", None)
    code, out, err = call([command, str(folder)], capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message.replace("FOLDER", str(folder)) in err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train", "Nothing was trained"),
        ("evaluate run", "measures it again"),
        ("report run", "draws it again"),
        ("exercise grade class", "the same command goes on"),
    ],
)
def test_ctrl_c_says_what_it_leaves(
    command: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("swissroll.exercise.solution_run.load", stop)
    monkeypatch.setattr("swissroll.runs.run.create", stop)
    monkeypatch.setattr("swissroll.exercise.grading.find_hand_ins", stop)
    code, _, err = call(command.split(), capsys)
    assert (code, err.count("\n")) == (130, 1)
    assert message in err


@pytest.mark.parametrize(
    ("steps", "told"), [(60, "to draw it: swissroll report run"), (61, "go on with: swissroll train")]
)
def test_ctrl_c_while_a_run_is_drawn_names_its_folder(
    steps: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        if steps > 60:  # As a second Ctrl-C in training would leave it.
            (tmp_path / "run" / "model.safetensors").unlink()
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("swissroll.report.page.write_report", stop)
    code, out, _ = call(["train", "--steps", str(steps), "--hidden-dim", "4", "--quiet", "--out", "run"], capsys)
    assert code == 130
    assert told in out


def test_a_sweep_is_not_taken_for_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sweep").mkdir()
    Path("sweep/sweep.toml").write_text("beta = [0.1, 0.2]\nseeds = 2\n", encoding="utf-8")
    code, _, err = call(["report", "sweep"], capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "sweep is a sweep, and its runs are in sweep/runs. To write its report: swissroll sweep --out sweep\n" in err
    code, _, err = call(["train", "--config", "sweep/sweep.toml"], capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "To start it: swissroll sweep --config sweep/sweep.toml\n" in err


def test_a_batch_systems_signal_leaves_a_run_to_go_on_with(tmp_path: Path) -> None:
    flags = ["train", "--steps", "1000000", "--hidden-dim", "8", "--engine", "torch", "--out", "run", "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "swissroll", *flags], cwd=tmp_path)
    history = tmp_path / "run/history.csv"
    while not history.exists() or history.stat().st_size < 1000:
        assert process.poll() is None
        os.sched_yield()
    process.terminate()
    assert process.wait() == 128 + signal.SIGTERM
    assert not [path for path in (tmp_path / "run").rglob("*") if path.suffix == ".tmp"]
    assert swissroll.load(tmp_path / "run").status in ("stopped", "unfinished")


def test_a_file_that_cannot_be_replaced_is_named_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"directory: '.*/report\.html'$"):
        replace_file(tmp_path / "report.html", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_file_that_finds_no_room_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "swissroll", "train", "--steps", "20", "--hidden-dim", "128", "--out", "run"]
    limited = ["sh", "-c", 'ulimit -f 200 && exec "$0" "$@"', *command]
    done = subprocess.run(limited, cwd=tmp_path, capture_output=True, text=True, check=False)
    told = f"swissroll: run/snapshots/step-000000000.safetensors: {os.strerror(errno.EFBIG)}. "
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"{told}Make room on that disk, then: swissroll train --resume run"
    assert [path.name for path in (tmp_path / "run" / "snapshots").iterdir()] == []


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk that is nearly full: no file may grow beyond a size."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("command", "size", "name", "again"),
    [
        (["report", "my run"], 20_000, "my run/report.html", "swissroll report 'my run'"),
        (["evaluate", "my run"], 1000, "my run/metrics.json", "swissroll evaluate 'my run'"),
        (["train", "--out", "b"], 100, "b", "Choose another folder with --out."),
        (
            ["train", "--steps", "900", "--hidden-dim", "4", "--out", "c"],
            40_000,
            "c/history.csv",
            "swissroll train --resume c",
        ),
        (["sweep", "--beta", "0.1"], 10, "sweeps/001/sweep.toml", "the same swissroll sweep command again"),
    ],
)
def test_a_full_disk_names_the_file_and_the_way_on(
    command: list[str], size: int, name: str, again: str, finished: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, "my run")
    capsys.readouterr()
    with files_of_at_most(size):
        code, _, err = call([*command, "--quiet"], capsys)
    last = err.splitlines()[-1]
    assert code == 2
    assert last.startswith(f"swissroll: {name}: ")
    assert os.strerror(errno.EFBIG) in last
    assert last.endswith(again)
    assert not Path("b").exists()
    assert not Path("sweeps").exists()


def test_train_names_the_unfinished_run_of_the_same_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # As a kill before the first checkpoint leaves it.
    create(Path("runs/001"), Config(steps=20, hidden_dim=8))
    code, _, err = call(["train", *QUICK], capsys)
    told = "runs/001 is the same run, unfinished; to go on with it instead: swissroll train --resume runs/001"
    assert (code, err) == (0, f"swissroll: note: {told}\n")
    assert call(["train", *QUICK, "--lr", "0.1"], capsys)[2] == ""
    with lock(Path("runs/001")):
        assert call(["train", *QUICK], capsys)[2] == ""


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_a_run_that_is_not_finished_is_said_to_go_on(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    records = advance(create(folder, Config(steps=60, hidden_dim=8)))
    next(records)
    records.close()
    step = swissroll.load(folder).step
    told = f"measured after {step} of 60 steps; it is not finished; go on with: swissroll train --resume {folder}"
    code, out, _ = call([command, str(folder), "--quiet"], capsys)
    assert (code, out.splitlines()[-1]) == (0, told)
