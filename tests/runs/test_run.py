"""A run's folder: what is in it, and that no kill at any moment changes what it ends in."""

import errno
import math
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import swissroll
from swissroll.config import Config
from swissroll.report.scene import Scene
from swissroll.runs.errors import FolderTakenError, RunError
from swissroll.runs.files import metadata, read_tensors, save_tensors
from swissroll.runs.fit_prior import repair
from swissroll.runs.folder import lock
from swissroll.runs.run import create
from swissroll.runs.training import advance
from swissroll.training.build import build, decide, held_out_points, loss_of
from swissroll.training.loop import DivergedError, Training, evaluate_loss
from tests.oracles import SMALL, few_points_measured, trained_run

KILLS = int(os.environ.get("SWISSROLL_KILLS", "3"))
# The real command but for its report, which reads what is there and is tested elsewhere.
UNDISTURBED = (
    "import swissroll.cli.train as t; t.report_run = lambda *_, **__: None; from swissroll.cli.app import main; main()"
)
# The same with a checkpoint after every step, so that most kills fall into one.
COMMAND = f"import swissroll.runs.training as r; r.CHECKPOINT_SECONDS = 0; r.MAX_CHECKPOINT_SHARE = 1e9; {UNDISTURBED}"


def untimed(folder: Path) -> list[str]:
    lines = (folder / "history.csv").read_text(encoding="utf-8").splitlines()
    return [line.rpartition(",")[0] for line in lines]


def test_a_run_comes_back_from_its_folder(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run")
    expected = build(SMALL)
    losses = [record.train.loss for record in expected]
    assert run.status == "finished"
    assert run.config.steps == 60
    assert run.history.step.tolist() == list(range(1, 61))
    assert run.history.loss.tolist() == losses
    assert np.isfinite(run.history.held_out_loss).nonzero()[0].tolist() == [19, 39, 59]
    assert list(run.snapshots) == [0, 25, 50, 60]
    for key, value in expected.engine.weights().items():
        assert torch.equal(run.model.state_dict()[key], value)
        assert torch.equal(run.snapshots[60].state_dict()[key], value)
    assert not torch.equal(run.snapshots[0].fc_mu.weight, run.model.fc_mu.weight)


def test_its_config_makes_the_same_run_again(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run")
    again = trained_run(tmp_path / "again", run.config)
    assert (tmp_path / "run/config.toml").read_bytes() == (tmp_path / "again/config.toml").read_bytes()
    assert (tmp_path / "run/model.safetensors").read_bytes() == (tmp_path / "again/model.safetensors").read_bytes()
    assert untimed(run.folder) == untimed(again.folder)


def test_nothing_in_the_folder_is_pickled(tmp_path: Path) -> None:
    trained_run(tmp_path / "run")
    suffixes = {p.suffix for p in (tmp_path / "run").rglob("*") if p.is_file()}
    assert suffixes == {".toml", ".csv", ".safetensors", ".json", ""}
    assert load_file(tmp_path / "run/model.safetensors")


def test_a_closed_run_ends_cleanly_and_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = trained_run(tmp_path / "whole")
    run = create(tmp_path / "cut", SMALL)
    for record in advance(run):
        if record.step == 33:
            break
    cut = swissroll.load(run.folder)
    assert (cut.status, len(cut.history)) == ("stopped", 33)
    assert [record.step for record in advance(cut)] == list(range(34, 61))
    assert untimed(run.folder) == untimed(whole.folder)
    assert (run.folder / "model.safetensors").read_bytes() == (whole.folder / "model.safetensors").read_bytes()


def test_a_diverged_run_keeps_its_last_good_state(tmp_path: Path) -> None:
    run = create(tmp_path / "run", Config(steps=60, hidden_dim=16, lr=1e5))
    with pytest.raises(DivergedError):
        list(advance(run))
    run = swissroll.load(run.folder)
    assert run.status == "diverged"
    assert "learning rate was 100000" in run.message
    assert all(torch.isfinite(p).all() for p in run.model.parameters())


def test_an_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match="already exists"):
        create(tmp_path, SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_two_processes_cannot_train_one_folder(tmp_path: Path) -> None:
    run = create(tmp_path / "run", SMALL)
    first = advance(run)
    next(first)
    with pytest.raises(RunError, match="being trained by another process"):
        next(advance(run))
    first.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "checkpoint.safetensors").write_bytes(b"\x08" * 100), "damaged"),
        (lambda f: os.truncate(f / "checkpoint.safetensors", 5000), "damaged"),
        (lambda f: (f / "checkpoint.safetensors").write_bytes(b""), "damaged"),
        (
            lambda f: (f / "history.csv").write_text("step\n", encoding="utf-8"),
            "is shorter than the checkpoint",
        ),
        (lambda f: (f / "config.toml").write_text("beta = 3", encoding="utf-8"), "was changed since"),
    ],
)
def test_a_damaged_folder_is_refused_with_what_to_do(damage: object, message: str, tmp_path: Path) -> None:
    run = create(tmp_path / "run", SMALL)
    for record in advance(run):
        if record.step == 30:
            break
    damage(run.folder)  # type: ignore[operator]
    with pytest.raises(RunError, match=message) as caught:
        list(advance(run))
    assert "\n" not in str(caught.value)


def test_the_latest_weights_are_those_of_the_latest_checkpoint(tmp_path: Path) -> None:
    run = create(tmp_path / "run", SMALL)
    for record in advance(run):
        if record.step == 20:
            break
    stale = run.folder / "model.safetensors"
    older = stale.read_bytes()
    for record in advance(run):
        if record.step == 40:
            break
    stale.write_bytes(older)
    assert swissroll.load(run.folder).step == 40
    expected = load_file(run.folder / "checkpoint.safetensors")["model.fc_mu.weight"]
    assert torch.equal(swissroll.load(run.folder).model.fc_mu.weight, expected)


@pytest.mark.parametrize(
    ("stopped", "killed", "measured"),
    # Snapshots are of steps 0, 25 and 50; the checkpoint is of the step where the run was stopped before.
    [(None, 20, 0), (None, 40, 25), (None, 55, 50), (30, 40, 30), (30, 55, 50)],
)
def test_a_killed_run_is_its_latest_weights_with_their_history(
    stopped: int | None, killed: int, measured: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swissroll.runs.training.CHECKPOINT_SECONDS", 1e9)
    whole = trained_run(tmp_path / "whole", replace(SMALL, snapshot_every=1))
    run = create(tmp_path / "run", SMALL)
    if stopped:
        for record in advance(run):
            if record.step == stopped:
                break

    # What is on disk then is what a kill leaves: rows that are still in memory are not there.
    records = advance(run)
    while next(records).step < killed:
        pass
    shutil.copytree(run.folder, tmp_path / "killed")
    records.close()

    run = swissroll.load(tmp_path / "killed")
    assert (run.status, run.step) == ("unfinished", measured)
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, whole.snapshots[measured].state_dict()[name])
    run.require_whole()
    with few_points_measured():
        assert swissroll.evaluate(run).summary.steps == measured
    history = Scene.of_run(run).history
    assert history is not None
    assert len(history["step"]) == measured

    list(advance(run))
    assert untimed(run.folder) == untimed(whole.folder)


def test_a_finished_run_without_its_model_is_trained_again(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run")
    whole = (run.folder / "model.safetensors").read_bytes()
    (run.folder / "model.safetensors").unlink()
    assert swissroll.load(run.folder).status == "unfinished"
    with pytest.raises(RunError, match=r"has lost its weights, model.safetensors. Resuming computes them again"):
        repair(run, tmp_path / "repaired")
    assert len(list(advance(run))) == 60
    assert (run.folder / "model.safetensors").read_bytes() == whole


def test_settings_that_were_changed_after_training_are_refused(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run")
    path = run.folder / "config.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("beta = 0.01", "beta = 0.5"), encoding="utf-8")
    with pytest.raises(RunError, match=r"config\.toml was changed since"):
        _ = swissroll.load(run.folder).model


@pytest.mark.parametrize("line", ["zzz", "1,2", "5" + ",x" * 11, "inf" + ",1" * 11, "1e30" + ",1" * 11])
def test_a_damaged_history_is_refused_before_training_goes_on(line: str, tmp_path: Path) -> None:
    run = create(tmp_path / "run", SMALL)
    for record in advance(run):
        if record.step == 30:
            break
    path = run.folder / "history.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:5], line, *lines[6:]]) + "\n", encoding="utf-8")
    with pytest.raises(RunError, match=r"history\.csv: damaged"):
        next(advance(run))


def in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    built = Training.__init__

    def patched(self: Training, *arguments: object, **settings: object) -> None:
        built(self, *arguments, **settings)  # type: ignore[arg-type]
        self.engine.max_chunk = 100

    monkeypatch.setattr(Training, "__init__", patched)


@pytest.mark.parametrize("stop", [33, 55])
def test_chunks_are_kept_whole_when_a_run_is_closed(stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a device whose records come in chunks: no snapshot is lost, and the end is the same."""
    whole = trained_run(tmp_path / "whole")
    in_chunks(monkeypatch)
    run = create(tmp_path / "cut", SMALL)
    for record in advance(run):
        if record.step == stop:
            break
    for _ in advance(run):
        pass
    assert untimed(run.folder) == untimed(whole.folder)
    assert list(swissroll.load(run.folder).snapshots) == list(whole.snapshots)
    assert (run.folder / "model.safetensors").read_bytes() == (whole.folder / "model.safetensors").read_bytes()


def test_a_checkpoint_that_was_removed_restarts_the_run(tmp_path: Path) -> None:
    whole = trained_run(tmp_path / "whole")
    run = create(tmp_path / "run", SMALL)
    for record in advance(run):
        if record.step == 30:
            break
    (run.folder / "checkpoint.safetensors").unlink()
    assert len(list(advance(run))) == 60
    assert untimed(run.folder) == untimed(whole.folder)


def test_kills_at_random_moments_end_in_the_same_bytes(tmp_path: Path) -> None:
    """SIGKILL the real command again and again; weights and history equal those of a run never interrupted."""
    moments = random.Random(0)  # noqa: S311
    arguments = ["--steps", "1500", "--hidden-dim", "32", "--quiet", "--snapshot-every", "100", "--threads", "1"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([sys.executable, "-c", UNDISTURBED, "train", *arguments, "--out", str(whole)], check=True)
    kills = 0
    while kills < KILLS:
        began = (killed / "config.toml").exists()
        where = ["--resume", str(killed)] if began else [*arguments, "--out", str(killed)]
        process = subprocess.Popen([sys.executable, "-c", COMMAND, "train", *where], stdout=subprocess.DEVNULL)
        if kills:  # The first one is killed while it starts.
            wait_until_it_moves(killed, process)
        time.sleep(moments.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        kills += 1
    resume = ["--resume", str(killed)] if (killed / "config.toml").exists() else [*arguments, "--out", str(killed)]
    subprocess.run([sys.executable, "-c", UNDISTURBED, "train", *resume], check=True)
    print(f"{kills} kills")
    assert kills >= min(KILLS, 4)
    assert untimed(killed) == untimed(whole)
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert {p.name for p in (killed / "snapshots").iterdir()} >= {p.name for p in (whole / "snapshots").iterdir()}


def wait_until_it_moves(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait for the history to change: from then on the process trains."""
    path = folder / "history.csv"
    before = path.stat().st_mtime_ns if path.exists() else 0
    while process.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("settings", "threads"),
    [({}, 1), ({"hidden_dim": 512}, 7), ({"batch_size": 1024}, 7), ({"hidden_dim": 512, "threads": 2}, 2)],
)
def test_small_steps_take_one_thread(settings: dict[str, Any], threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert decide(Config(engine="torch", **settings)).threads == threads


@pytest.mark.parametrize("folder", [None, 3, ""])
def test_what_is_no_folder_is_not_opened(folder: Any) -> None:
    with pytest.raises(RunError, match="opened by its folder"):
        swissroll.load(folder)


def test_a_kill_before_the_checkpoint_is_removed_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swissroll.runs.training.CHECKPOINT_SECONDS", 0)
    run = create(tmp_path / "run", SMALL)
    kept = b""
    for _ in advance(run):
        path = run.folder / "checkpoint.safetensors"
        kept = path.read_bytes() if path.exists() else kept
    (run.folder / "checkpoint.safetensors").write_bytes(kept)
    assert swissroll.load(run.folder).step == SMALL.steps
    assert not list(advance(swissroll.load(run.folder)))
    assert not (run.folder / "checkpoint.safetensors").exists()


def test_files_have_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        run = create(tmp_path / "run", replace(SMALL, steps=2))
        list(advance(run))
    finally:
        os.umask(before)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in run.folder.rglob("*") if path.is_file()}
    assert set(found.values()) == {0o640}, found


def test_what_a_kill_left_half_written_goes(tmp_path: Path) -> None:
    run = create(tmp_path / "run", SMALL)
    records = advance(run)
    next(records)
    records.close()
    halves = [run.folder / name for name in (".tmpAbCdEf", "snapshots/.tmpGhIjKl", ".checkpoint.safetensors.7.tmp")]
    for half in halves:
        half.write_bytes(b"x")
    list(advance(run))
    assert not any(half.exists() for half in halves)


def test_a_run_that_diverges_while_it_is_closed_is_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_chunks(monkeypatch)
    run = create(tmp_path / "run", replace(SMALL, lr=1e5))
    records = advance(run)
    next(records)
    with pytest.raises(DivergedError):
        records.close()
    run = swissroll.load(run.folder)
    assert run.status == "diverged"
    assert "not finite at step" in run.message
    assert all(bool(torch.isfinite(p).all()) for p in run.model.parameters())


@pytest.mark.parametrize("often", [False, True])
def test_weights_that_are_not_finite_are_no_checkpoint(
    often: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = Training.__init__

    def poisoned(self: Training, *arguments: object, **settings: object) -> None:
        built(self, *arguments, **settings)  # type: ignore[arg-type]
        first = next(self.engine.model.parameters())
        first.register_hook(lambda gradient: gradient * math.nan if self.engine.steps_taken == 30 else gradient)

    monkeypatch.setattr(Training, "__init__", poisoned)
    if often:
        monkeypatch.setattr("swissroll.runs.training.CHECKPOINT_SECONDS", 0)
        monkeypatch.setattr("swissroll.runs.training.MAX_CHECKPOINT_SHARE", 1e9)
    run = create(tmp_path / "run", replace(SMALL, device="cpu"))
    records = advance(run)
    while next(records).step < 30:
        pass
    if not often:
        next(records)
    with pytest.raises(DivergedError, match="gradient was not finite at step 31"):
        next(records) if often else records.close()
    assert (swissroll.load(run.folder).status, swissroll.load(run.folder).step) == ("diverged", 30)


def test_a_checkpoint_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    run = create(tmp_path / "run", SMALL)
    records = advance(run)
    next(records)
    records.close()
    path = run.folder / "checkpoint.safetensors"
    stored = read_tensors(path)
    stored.tensors["model.fc_mu.bias"][0] = math.nan
    save_tensors(path, stored.tensors, metadata(run.config, stored.step))
    with pytest.raises(RunError, match=r"checkpoint\.safetensors: damaged .*not finite"):
        next(advance(run))


def test_a_run_that_is_being_trained_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swissroll.runs.training.CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr("swissroll.runs.training.MAX_CHECKPOINT_SHARE", 1e9)
    run = create(tmp_path / "run", replace(SMALL, device="cpu"))
    records = advance(run)
    for _ in range(5):
        next(records)

    def read_a_little_later(path: Path) -> Any:
        for _ in range(5):
            next(records)
        return read_tensors(path)

    with monkeypatch.context() as later:
        later.setattr("swissroll.runs.run.read_tensors", read_a_little_later)
        seen = swissroll.load(run.folder)
        seen.require_whole()
    assert seen.step > 5
    records.close()


def test_a_folder_that_another_process_is_making_is_taken(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    folder = tmp_path / "001"
    folder.mkdir()
    with lock(folder), pytest.raises(FolderTakenError):
        create(folder, SMALL)


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", missing)
    with pytest.raises(RunError, match="its file system has no locks"):
        create(tmp_path / "run", SMALL)


def without_gpu(cpus: list[Any], *names: str) -> list[Any]:
    if "cuda" in names:
        raise RuntimeError("no such backend")
    return cpus


def test_auto_never_names_an_engine_and_a_device_that_do_not_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine where PyTorch finds a GPU that JAX does not."""
    jax = pytest.importorskip("jax")
    cpus = jax.local_devices(backend="cpu")
    monkeypatch.setattr(jax, "devices", lambda *names: without_gpu(cpus, *names))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    decided = decide(Config(steps=10**6)).config
    assert (decided.device, decided.engine) == ("cuda", "torch")
    with pytest.raises(ValueError, match="no device 'cuda' here; choose device 'cpu' or engine 'torch'"):
        create(tmp_path / "run", Config(engine="xla"))
    assert not (tmp_path / "run").exists()


def test_weights_that_go_while_they_are_read_are_those_of_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = create(tmp_path / "run", SMALL)
    records = advance(run)
    next(records)
    records.close()
    stopped = swissroll.load(run.folder)

    def end_first(path: Path) -> Any:
        monkeypatch.setattr("swissroll.runs.run.read_tensors", read_tensors)
        list(advance(run))
        return read_tensors(path)

    monkeypatch.setattr("swissroll.runs.run.read_tensors", end_first)
    assert stopped.step == SMALL.steps


# Ends like a loss of power at the second word of the fit that follows the last step.
DIES_WHILE_FITTING = """
import os, signal, sys
from swissroll import load
from swissroll.runs import advance

heard = []
def die(rounds):
    heard.append(rounds)
    if len(heard) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
for _ in advance(load(sys.argv[1]), progress=die):
    pass
"""


def test_a_kill_while_the_prior_is_fitted_ends_in_the_same_bytes(tmp_path: Path) -> None:
    config = replace(SMALL, components=4, refit_prior=True)
    whole = trained_run(tmp_path / "whole", config)
    killed = create(tmp_path / "killed", config)
    ended = subprocess.run([sys.executable, "-c", DIES_WHILE_FITTING, str(killed.folder)], check=False)
    assert ended.returncode == -signal.SIGKILL
    killed = swissroll.load(killed.folder)
    assert killed.status == "unfinished"
    assert 60 not in killed.snapshots

    rounds: list[int] = []
    for _ in advance(killed, progress=rounds.append):
        pass
    assert rounds[0] == 0
    assert swissroll.load(killed.folder).status == "finished"
    assert untimed(killed.folder) == untimed(whole.folder)
    for name in ("model.safetensors", "snapshots/step-000000060.safetensors"):
        assert (killed.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_the_last_snapshot_and_the_last_measurement_are_of_the_fitted_prior(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run", replace(SMALL, components=4, refit_prior=True))
    for name, value in run.model.state_dict().items():
        assert torch.equal(run.snapshots[60].state_dict()[name], value)
    measured = evaluate_loss(
        run.model, held_out_points(run.config).points, loss=loss_of(run.config), seed=run.config.seed
    )
    assert run.history.held_out_loss[-1] == measured.loss
