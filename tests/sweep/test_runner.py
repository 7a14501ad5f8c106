"""A sweep on disk: its runs are those of 'swissroll train', and no kill at any moment changes what it ends in."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

import swissroll
from swissroll.runs.errors import RunError
from swissroll.runs.evaluate import examine
from swissroll.runs.folder import lock
from swissroll.runs.run import create
from swissroll.runs.training import advance
from swissroll.sweep.analysis.results import METRICS, read_table, with_new_keys, write_table
from swissroll.sweep.plan import read_sweep
from swissroll.sweep.pools import LocalPool
from swissroll.sweep.runner import GroupEnd, compute, define, open_sweep
from tests.oracles import wait_for_end
from tests.sweep.deadly_work import deadly

# What is measured is the same here and in the workers, and no more than the comparison needs.
pytestmark = pytest.mark.usefixtures("few_points")

BASE = {"hidden_dim": 4, "seeds": 1, "engine": "torch", "device": "cpu"}
TINY = BASE | {"steps": [20, 21, 22], "lr": [0.001, 1e6]}
ENDLESS = 10**9
"""Steps of a run that does not end: a sweep with one is always stopped in the middle."""
COMMAND = [sys.executable, "-m", "swissroll", "sweep", "--quiet", "--workers", "2"]
COMMAND += ["--hidden-dim", "4", "--seeds", "1", "--engine", "torch", "--device", "cpu", "--lr", "0.001"]
COMMAND += ["--steps", f"20,21,22,{ENDLESS}"]


def swept(folder: Path, values: dict[str, Any], pool: LocalPool) -> list[GroupEnd]:
    sweep = define(folder, values)
    with open_sweep(folder, sweep) as groups:
        ended = [found for found in compute(folder, sweep, groups, pool) if found]
    write_table(sweep, folder)
    return ended


@pytest.fixture(scope="module")
def pool(few_points: None) -> Iterator[LocalPool]:  # noqa: ARG001
    """Shared: each new process imports for seconds."""
    shared = LocalPool(1)
    yield shared
    shared.close(now=True)


def runs_in(folder: Path) -> set[str]:
    runs = folder / "runs"
    return {path.name for path in runs.iterdir() if path.name[0] != "."} if runs.is_dir() else set()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, pool: LocalPool) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "undisturbed"
    assert [ended.reason for ended in swept(folder, TINY, pool)] == [""] * 3
    return folder


def wait_for_runs(folder: Path, least: int, process: subprocess.Popen[str]) -> None:
    while len(runs_in(folder)) < least:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_each_run_is_on_disk_once_and_opens(undisturbed: Path) -> None:
    sweep = read_sweep(undisturbed)
    assert runs_in(undisturbed) == set(sweep.names())
    assert len(runs_in(undisturbed)) == 6
    for name, config in zip(sweep.names(), sweep.configs(), strict=True):
        run = swissroll.load(undisturbed / "runs" / name)
        assert run.config == config
        assert run.status == ("diverged" if config.lr == 1e6 else "finished")
        assert sorted(p.name for p in run.folder.iterdir()) == [
            "config.toml", "history.csv", "metrics.json", "model.safetensors", "state.json"
        ]  # fmt: skip
    assert not list((undisturbed / "runs").glob(".*"))


def test_a_run_equals_what_train_writes(undisturbed: Path, tmp_path: Path) -> None:
    name = next(read_sweep(undisturbed).names())
    run = swissroll.load(undisturbed / "runs" / name)
    again = create(tmp_path / "again", run.config)
    for _ in advance(again):
        pass
    for file in ("config.toml", "model.safetensors", "state.json"):
        assert (run.folder / file).read_bytes() == (again.folder / file).read_bytes()
    assert run.history.held_out_loss[-1] == again.history.held_out_loss[-1]
    assert run.history.loss.tolist() == again.history.loss.tolist()


def test_the_table_holds_what_examine_measures(undisturbed: Path) -> None:
    table = read_table(undisturbed)
    assert table.axes == {"steps": (20, 21, 22), "lr": (0.001, 1e6)}
    row = table.rows[0]
    metrics, diagnosis = examine(swissroll.load(undisturbed / "runs" / row.name))
    assert metrics is not None
    assert metrics.evidence is not None
    values = row.values
    assert row.diagnosis == diagnosis.name
    assert values["mse"] == metrics.reconstruction.mse
    assert values["neg_elbo"] == pytest.approx(values["rate"] + values["distortion"])
    assert values["loss"] == pytest.approx(values["mse"] + 0.01 * values["rate"] / 2)
    assert metrics.prior.fit is not None
    assert metrics.latent.continuity is not None
    assert values["off_p90"] == metrics.prior.fit.off_p90
    assert values["c2st"] == metrics.prior.distances.c2st.value
    assert values["aggregate_c2st"] == metrics.latent.aggregate.c2st.value
    assert values["jumps"] == metrics.latent.continuity.jumps
    assert values["above_lower_bound"] == metrics.evidence.above_lower_bound
    assert set(values) == set(METRICS)


def test_the_csv_has_a_row_a_run_and_says_which_diverged(undisturbed: Path) -> None:
    with (undisturbed / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == list(read_sweep(undisturbed).names())
    assert [*rows[0]][:7] == ["name", "status", "steps", "lr", "seed", "hidden_dim", "device"]
    for row, expected in zip(rows, read_table(undisturbed).rows, strict=True):
        assert {k: float(row[k]) for k in METRICS if row.get(k)} == expected.values
        assert (row["status"], row["seed"]) == (expected.status, str(expected.config.seed))
        assert float(row["sigma"]) == pytest.approx(0.0707107, rel=1e-5)
        diverged = float(row["lr"]) == 1e6
        assert (row["status"] == "diverged", row["loss"] == "", "not finite at step" in row["message"]) == (
            diverged,
        ) * 3


def test_killed_workers_and_a_killed_client_change_nothing(undisturbed: Path, tmp_path: Path, pool: LocalPool) -> None:
    folder = tmp_path / "killed"
    process = subprocess.Popen([*COMMAND, "--out", str(folder)], text=True)
    wait_for_runs(folder, 1, process)
    for worker in workers_of(process):
        worker.kill()
    wait_for_runs(folder, 2, process)
    orphans = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(orphans, timeout=60)
    assert not alive

    # A run that was half written, too, and a copy that somebody made.
    (folder / "runs" / ".0123456789abcdef.tmp").mkdir()
    (folder / "runs" / ".0123456789abcdef.tmp" / "state.json").touch()
    copy = folder / "runs" / f"{min(runs_in(folder))}-repaired"
    shutil.copytree(folder / "runs" / min(runs_in(folder)), copy)

    sweep = define(folder, {})
    with open_sweep(folder, sweep) as groups:
        ends = [group for group in groups if group.steps < ENDLESS]
        assert len(groups) - len(ends) == 1
        list(compute(folder, sweep, ends, pool))
    shutil.rmtree(copy)
    assert len(runs_in(folder)) == 3
    assert_same_files(folder, undisturbed)
    assert not list((folder / "runs").glob(".*"))


def assert_same_files(folder: Path, undisturbed: Path) -> None:
    """All runs of a sweep have the files of the undisturbed one, but for the times in their histories."""
    for name in runs_in(folder):
        for file in ("config.toml", "metrics.json", "model.safetensors", "state.json"):
            expected = (undisturbed / "runs" / name / file).read_bytes()
            assert (folder / "runs" / name / file).read_bytes() == expected


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children() if is_worker(child)]


def is_worker(child: psutil.Process) -> bool:
    try:
        return any("spawn_main" in word for word in child.cmdline())
    except psutil.NoSuchProcess:
        # A library's, which is gone already.
        return False


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    process = subprocess.Popen(
        [*COMMAND, "--out", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for_runs(folder, 1, process)
    # As a terminal does it: to the workers, too.
    os.killpg(process.pid, signal.SIGINT)
    out, err = wait_for_end(process)
    assert (process.returncode, err) == (130, "")
    assert f"of 4 runs are on disk; go on with: swissroll sweep --out {folder} --workers 2" in out
    assert_same_files(folder, undisturbed)


def test_two_interrupts_end_the_workers_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen([*COMMAND, "--out", str(tmp_path / "sweep")], stdout=subprocess.PIPE, text=True)
    while len(workers_of(process)) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    wait_for_end(process)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive


def test_what_cannot_be_computed_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "deadly"
    broken = LocalPool(2, deadly)
    ended = swept(folder, BASE | {"hidden_dim": [5, 6, 7]}, broken)
    broken.close(now=True)
    reasons = {found.group.indices[0]: found.reason for found in ended}
    assert reasons == {0: "their workers died several times; was memory short?", 1: "MemoryError: no room", 2: ""}
    assert [row.status for row in read_table(folder).rows] == ["missing", "missing", "diverged"]
    sweep = define(folder, {})
    with open_sweep(folder, sweep) as again:
        assert sorted(group.indices for group in again) == [(0,), (1,)]


def test_more_values_add_what_is_missing(undisturbed: Path, tmp_path: Path, pool: LocalPool) -> None:
    folder = tmp_path / "grown"
    swept(folder, BASE | {"steps": [20, 21], "lr": 0.001}, pool)
    before = {name: (folder / "runs" / name).stat().st_ino for name in runs_in(folder)}
    assert len(before) == 2
    ended = swept(folder, {"lr": [0.001, 1e6], "steps": 22}, pool)
    assert sum(len(found.group.missing) for found in ended) == 4
    assert {name: (folder / "runs" / name).stat().st_ino for name in before} == before
    assert (folder / "table.csv").read_bytes() == (undisturbed / "table.csv").read_bytes()
    assert swept(folder, {}, pool) == []


def test_a_sweep_keeps_the_versions_that_began_it(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    values = {"beta": [0.01, 0.1], "seeds": 2, "engine": "torch", "device": "cpu"}
    path.write_text(define(tmp_path / "new", values).to_toml({"swissroll": "0.1.0"}))
    for seeds in (3, 4):
        with open_sweep(tmp_path, define(tmp_path, {"seeds": seeds}), quiet=True):
            pass
        found = tomllib.loads(path.read_text())
        assert (found["seeds"], found["versions"]) == (seeds, {"swissroll": "0.1.0"})


def test_files_do_not_depend_on_threads(undisturbed: Path) -> None:
    config = read_sweep(undisturbed).config(0)
    plain = json.dumps({k: v for k, v in asdict(config).items() if v is not None})
    code = (
        "import json, sys, torch; torch.set_num_threads(2)\n"
        "from swissroll.sweep.worker import compute_group\n"
        "print(compute_group([json.loads(sys.argv[1])])[0]['metrics.json'].decode(), end='')"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, plain],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
    )
    name = next(read_sweep(undisturbed).names())
    assert told.stdout == (undisturbed / "runs" / name / "metrics.json").read_text(encoding="utf-8")


def test_two_clients_cannot_compute_one_sweep(undisturbed: Path) -> None:
    with (
        lock(undisturbed),
        pytest.raises(RunError, match="another process"),
        open_sweep(undisturbed, define(undisturbed, {})),
    ):
        pass


def test_a_damaged_run_is_refused_with_what_to_do(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(undisturbed, folder)
    name = next(read_sweep(folder).names())
    (folder / "runs" / name / "metrics.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"damaged .* Move .* away, then continue the sweep in"):
        read_table(folder)


def test_damaged_weights_in_a_sweep_are_refused_with_what_to_do(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(undisturbed, folder)
    run = folder / "runs" / next(read_sweep(folder).names())
    (run / "model.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match=f"Move {run} away, then continue the sweep in {folder}"):
        swissroll.load(run).model.eval()


def test_runs_without_their_sweep_toml_are_not_taken_for_anything_else(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lost"
    shutil.copytree(undisturbed, folder)
    (folder / "sweep.toml").unlink()
    with pytest.raises(ValueError, match=r"sweep.toml is gone\. Put back"):
        define(folder, {"beta": [0.1]})


def test_a_run_of_other_settings_that_was_copied_here_is_not_counted(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed, folder)
    first, second, *_ = sorted((folder / "runs").iterdir())
    shutil.rmtree(first)
    shutil.copytree(second, first)
    with pytest.raises(ValueError, match=f"{first}/model.safetensors: damaged .it is of other settings"):
        read_table(folder)


def test_a_definition_that_is_gone_is_made_again_by_the_flags_that_made_it(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lost"
    shutil.copytree(undisturbed, folder)
    (folder / "sweep.toml").unlink()
    with pytest.raises(ValueError, match=r"sweep.toml is gone\. Put back"):
        define(folder, {})
    with open_sweep(folder, define(folder, TINY)) as groups:
        assert groups == []
    assert (folder / "sweep.toml").read_bytes() == (undisturbed / "sweep.toml").read_bytes()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def called(status: str) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        path.write_text(path.read_text(encoding="utf-8").replace("finished", status), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    ("name", "harm", "told"),
    [
        ("model.safetensors", shortened, ": damaged"),
        ("model.safetensors", Path.unlink, " is missing"),
        ("history.csv", emptied, ": damaged .it does not reach step 20"),
        ("history.csv", shortened, ": damaged .it does not reach step 20"),
        ("history.csv", Path.unlink, " is missing"),
        ("config.toml", Path.unlink, " is missing"),
        ("state.json", called("stopped"), ": damaged .it says 'stopped' after 20 of 20 steps"),
        ("state.json", called("diverged"), ": damaged .it says 'diverged' after 20 of 20 steps"),
    ],
)
def test_a_run_that_lost_something_is_named(
    name: str, harm: Callable[[Path], None], told: str, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed, folder)
    run = folder / "runs" / next(read_sweep(folder).names())
    harm(run / name)
    with pytest.raises(ValueError, match=f"{run / name}{told}.* Move {run} away, then continue the sweep in {folder}"):
        read_table(folder)


def test_a_definition_that_does_not_name_its_runs_is_not_believed(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed, folder)
    (folder / "sweep.toml").write_text("", encoding="utf-8")
    with (
        pytest.raises(ValueError, match=r"sweep\.toml does not name 6 of the 6 runs"),
        open_sweep(folder, define(folder, {})),
    ):
        pass
    assert (folder / "table.csv").read_bytes() == (undisturbed / "table.csv").read_bytes()


def test_an_emptied_run_is_computed_again_and_a_half_one_is_named(
    undisturbed: Path, tmp_path: Path, pool: LocalPool
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed, folder)
    emptied, half = sorted((folder / "runs").iterdir())[:2]
    shutil.rmtree(emptied)
    emptied.mkdir()
    (half / "state.json").unlink()
    with pytest.raises(
        ValueError, match=f"{half} is not a complete run. Move {half} away, then continue the sweep in {folder}"
    ):
        swept(folder, TINY, pool)
    shutil.rmtree(half)
    swept(folder, TINY, pool)
    for run in (emptied, half):
        again = (undisturbed / "runs" / run.name / "model.safetensors").read_bytes()
        assert (run / "model.safetensors").read_bytes() == again


def test_a_definition_that_another_process_wrote_meanwhile_is_not_lost(tmp_path: Path, pool: LocalPool) -> None:
    folder = tmp_path / "sweep"
    small = {"hidden_dim": 4, "steps": 5, "seeds": 1, "engine": "torch", "device": "cpu"}
    seen = define(folder, small | {"lr": 0.01})
    swept(folder, small, pool)
    before = (folder / "sweep.toml").read_bytes()
    with pytest.raises(ValueError, match="changed by another process meanwhile"), open_sweep(folder, seen):
        pass
    assert (folder / "sweep.toml").read_bytes() == before
    with open_sweep(folder, define(folder, {"lr": [0.001, 0.01]})) as groups:
        assert len(groups) == 1


def test_a_sweep_does_not_grow_onto_what_is_not_here(undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    before = (undisturbed / "sweep.toml").read_bytes()
    with pytest.raises(ValueError, match="'mps' is not on this machine"):
        define(undisturbed, {"device": ["cpu", "mps"]})
    assert (undisturbed / "sweep.toml").read_bytes() == before


def test_a_kill_before_the_definition_is_written_leaves_a_folder_to_begin_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, values = tmp_path / "sweep", {"hidden_dim": [4, 5], "seeds": 1, "engine": "torch", "device": "cpu"}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("swissroll.runs.files.replace_file", killed)
        with pytest.raises(KeyboardInterrupt), open_sweep(folder, define(folder, values)):
            pass
    with open_sweep(folder, define(folder, values)) as groups:
        assert len(groups) == 2


def as_version_0_2(found: dict[str, Any]) -> dict[str, Any]:
    """What version 0.2 wrote: other names for three numbers, of which two have the other sign, and no errors."""
    metrics = found["metrics"]
    if metrics is None:
        return {name: found[name] for name in ("metrics", "diagnosis")}

    new = metrics["reconstruction"]
    metrics["reconstruction"] = {
        "mse": new["posterior_mean_mse"],
        "sampled_mse": new["mse"],
        "variance": new["variance"],
        "distortion": new["distortion"],
        "elbo": -new["neg_elbo"],
    }
    for name in ("rate_se", "rates_se"):
        del metrics["latent"][name]
    for name in ("grid", "prior", "noisy_prior"):
        fit = metrics[name]["fit"]
        fit["gap"] = fit.pop("longest_gap")

    evidence = metrics["evidence"]
    metrics["evidence"] = {
        "log_evidence": -evidence["neg_log_evidence"],
        "error": evidence["numerical_error"],
        "standard_error": evidence["neg_log_evidence_se"],
        "gap": evidence["inference_gap"],
        "above_lower_bound": evidence["above_lower_bound"],
    }
    return {name: found[name] for name in ("metrics", "diagnosis")}


def test_metrics_with_the_keys_of_earlier_versions_are_read_alike(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed, folder)
    for path in folder.glob("runs/*/metrics.json"):
        text = json.dumps(as_version_0_2(json.loads(path.read_text(encoding="utf-8"))))
        for new, old in (
            ("c2st", "two_sample"),
            ("jumps", "tears"),
            ("jump_fraction", "torn"),
            ("noise_floor", "floor"),
            ("noise_floor_sd", "floor_sd"),
        ):
            text = text.replace(f'"{new}":', f'"{old}":')
        path.write_text(text, encoding="utf-8")
        assert '"tears"' in text

    # The loss was not in the file: it is computed from its terms, in another precision.
    for found, expected in zip(read_table(folder).rows, read_table(undisturbed).rows, strict=True):
        assert found.values == pytest.approx(expected.values, rel=1e-5)


def test_the_names_that_meant_two_things_are_told_by_their_record() -> None:
    old = {
        "reconstruction": {"mse": 1, "sampled_mse": 2, "elbo": -3},
        "prior": {"fit": {"off_median": 4, "gap": 5}},
        "evidence": {"log_evidence": -6, "error": 7, "standard_error": 8, "gap": 9},
    }
    new = {
        "reconstruction": {"posterior_mean_mse": 1, "mse": 2, "neg_elbo": 3},
        "prior": {"fit": {"off_median": 4, "longest_gap": 5}},
        "evidence": {"neg_log_evidence": 6, "numerical_error": 7, "neg_log_evidence_se": 8, "inference_gap": 9},
    }
    assert with_new_keys(old) == new
    assert with_new_keys(new) == new
    without_noise = {"sampled_mse": 2, "elbo": None}
    assert with_new_keys(without_noise) == {"mse": 2, "neg_elbo": None}


def test_the_two_floors_of_version_0_1_have_names_of_their_own() -> None:
    old = {
        "evidence": {"floor": 1, "floor_error": 2, "above_floor": 3},
        "w2": [{"value": 0, "floor": 4, "floor_sd": 5}],
    }
    assert with_new_keys(old) == {
        "evidence": {"lower_bound": 1, "lower_bound_error": 2, "above_lower_bound": 3},
        "w2": [{"value": 0, "noise_floor": 4, "noise_floor_sd": 5}],
    }
