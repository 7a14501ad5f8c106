"""What a machine makes of settings: the fast engine where JAX starts, the reference engine where it does not."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from swissroll.cli.app import main
from swissroll.runs.run import load, make_folder
from swissroll.runs.training import advance
from swissroll.training.build import decide
from tests.oracles import SMALL, trained_run

LONG = replace(SMALL, steps=10**9, hidden_dim=4, device="cpu")
FAST = replace(SMALL, engine="xla", device="cpu", threads=1)


def break_jax(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an installation of JAX first on the path that fails when it is imported."""
    (folder / "broken/jax").mkdir(parents=True)
    (folder / "broken/jax/__init__.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(folder / "broken")
    monkeypatch.delitem(sys.modules, "jax", raising=False)


def call(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0), capsys.readouterr().err


BROKEN = [
    ("import jaxlib_of_another_version", "No module named 'jaxlib_of_another_version'"),
    ("raise RuntimeError('jaxlib is newer than jax\\nand so on')", "jaxlib is newer than jax"),
    ("raise AttributeError('module numpy has no attribute x')", "module numpy has no attribute x"),
    ("def devices(): raise RuntimeError(\"Unable to initialize backend 'tpu'\")", "initialize backend 'tpu'"),
]


@pytest.mark.parametrize(("code", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
def test_jax_that_does_not_start_is_one_line_and_no_folder(
    code: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    break_jax(code, tmp_path, monkeypatch)
    told = f"swissroll: JAX, which engine 'xla' needs, does not start: {reason}. Mend that, or choose --engine torch.\n"
    for command in (["train"], ["sweep", "--beta", "0.1,0.2"]):
        status, err = call([*command, "--steps", "20", "--engine", "xla"], capsys)
        assert (status, err.replace("Unable to ", "")) == (2, told)
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_auto_takes_the_other_engine_where_jax_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("", encoding="utf-8")
    break_jax("raise RuntimeError('no')", tmp_path, monkeypatch)
    assert decide(LONG).engine == "torch"

    long = ["train", "--steps", str(LONG.steps), "--hidden-dim", "4", "--device", "cpu", "--out", "taken"]
    first, second = call(long, capsys)[1].splitlines()
    assert first == (
        "swissroll: note: JAX, which engine 'xla' needs, does not start: no. "
        "The reference engine trains this run, which takes longer."
    )
    assert "taken already exists" in second


def test_a_run_of_the_fast_engine_goes_on_without_jax(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Oracle: the run that the reference engine makes of the same settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "jax", None)
    run = make_folder(Path("run"), FAST)
    settings = Path("run/config.toml").read_bytes()
    for record in advance(run):
        if record.step == 33:
            break

    status, err = call(["train", "--resume", "run", "--quiet"], capsys)
    assert status == 0
    assert err == (
        "swissroll: note: engine 'xla' needs JAX, which is not installed. "
        "run goes on with the reference engine; the last bits will differ.\n"
    )
    expected = trained_run(tmp_path / "expected", replace(FAST, engine="torch"))
    done = load("run")
    assert done.status == "finished"
    for name, value in expected.model.state_dict().items():
        assert torch.equal(done.model.state_dict()[name], value)
    assert Path("run/config.toml").read_bytes() == settings
    told = json.loads(Path("run/state.json").read_text(encoding="utf-8"))["message"]
    assert told.startswith("From step 34 on, engine 'torch' computed it.")


def test_a_run_of_a_device_that_is_not_here_says_how_to_train_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    make_folder(Path("my run"), replace(SMALL, device="mps"))
    status, err = call(["train", "--resume", "my run"], capsys)
    assert (status, err.count("\n")) == (2, 1)
    assert err.endswith("swissroll train --config 'my run/config.toml' --device auto\n")
