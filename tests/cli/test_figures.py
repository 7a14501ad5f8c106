"""The command figures as a person types it, on a run and on a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from swissroll.cli.app import main
from swissroll.report.figures import FIGURES
from tests.oracles import SMALL, trained_run
from tests.sweep.analysis.oracles import trained_sweep

pytestmark = pytest.mark.usefixtures("few_points")


def call(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["figures", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out.splitlines(), err


def test_a_runs_figures_are_files_and_their_names_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my run"
    trained_run(folder, SMALL)
    code, lines, err = call(str(folder), "--format", "svg", "--quiet", capsys=capsys)

    assert (code, err) == (0, "")
    paths = [folder / "figures" / f"{name}.svg" for name in FIGURES if name not in ("columns", "labels")] + [
        folder / "figures/film.gif"
    ]
    assert lines == [*map(str, paths), "", f"as pixels: swissroll figures '{folder}' --format png"]
    assert sorted((folder / "figures").iterdir()) == sorted(paths)


def test_a_sweeps_figures_go_where_they_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "sweep"
    trained_sweep(folder, beta=[0.001, 0.1])
    out = tmp_path / "paper"
    code, lines, _ = call(str(folder), "--out", str(out), "--dpi", "60", "--quiet", capsys=capsys)

    assert code == 0
    names = ("rate_and_error", "beta", "latent_spaces", "generated_points", "learning_curves")
    assert lines[:5] == [str(out / f"{name}.pdf") for name in names]
    assert not (folder / "figures").exists()


def test_what_cannot_be_drawn_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, err = call(str(tmp_path), capsys=capsys)
    assert (code, lines) == (2, [])
    assert "is not a run: it holds no config.toml" in err

    trained_sweep(tmp_path / "sweep", runs=0, beta=[0.001, 0.1])
    code, lines, err = call(str(tmp_path / "sweep"), capsys=capsys)
    assert (code, lines) == (2, [])
    assert f"none of its runs is finished. To continue it: swissroll sweep --out {tmp_path / 'sweep'}" in err

    (tmp_path / "sweep" / "sweep.toml").unlink()
    (tmp_path / "sweep" / "groups.json").write_text("[]")
    code, lines, err = call(str(tmp_path / "sweep"), capsys=capsys)
    assert (code, lines) == (2, [])
    assert "holds a sweep's runs, but its sweep.toml is gone. Put back" in err

    code, lines, err = call(str(tmp_path), "--dpi", "2.5", capsys=capsys)
    assert (code, lines) == (2, [])
    assert "--dpi must be a whole number" in err
