"""The command export as a person types it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import swissroll
from swissroll.cli.app import main
from swissroll.config import Config
from tests.oracles import trained_run


def call(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["export", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_a_run_is_exported_once_and_what_is_wrong_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trained_run(Path("run"), Config(steps=10, hidden_dim=4, depth=0, eval_every=10, snapshot_every=10))
    code, out, err = call("run", "--format", "torch", capsys=capsys)
    assert (code, err) == (0, "")
    names = [f"run/export/{name}" for name in ("encoder.pt2", "decoder.pt2", "model.json")]
    assert out.splitlines()[:3] == names
    assert out.splitlines()[-1].startswith(
        "Next, in Python: torch.export.load('run/export/encoder.pt2').module()(rows)"
    )
    x = torch.randn(5, 2)
    mean, _ = torch.export.load(names[0]).module()(x)
    torch.testing.assert_close(mean, swissroll.load("run").model.encode(x)[0])

    code, out, err = call("run", "--format", "torch", capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "run/export/encoder.pt2 already exists. Move it away, or choose another folder with --out." in err

    monkeypatch.setitem(sys.modules, "onnxscript", None)
    code, out, err = call("run", "--out", "other", capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "ONNX needs onnxscript, which is not installed. To install it: pip install 'onnx>=1.18'" in err
    assert not Path("other").exists()

    code, out, err = call("gone", capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "gone is not a run" in err
