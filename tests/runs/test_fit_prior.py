"""A prior fitted after training, judged by scikit-learn's own score and by what the copy leaves alone."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import swissroll
from swissroll.cli.app import main
from swissroll.cli.terminal import fix_line
from swissroll.config import Config, read_origin
from swissroll.data import CURVES
from swissroll.errors import Fix
from swissroll.evaluation.metrics import measure
from swissroll.model.prior import Mixture
from swissroll.report.figures import draw
from swissroll.report.page import render
from swissroll.report.scene import Scene
from swissroll.runs.errors import RunError
from swissroll.runs.evaluate import evaluate
from swissroll.runs.files import save_end
from swissroll.runs.fit_prior import repair
from swissroll.runs.run import Run, create
from swissroll.runs.training import advance
from swissroll.training.build import translation_of

SMALL = Config(steps=400, hidden_dim=64, lr=3e-3, snapshot_every=150, eval_every=200)


def trained(folder: Path, config: Config = SMALL, stop: int | None = None) -> Run:
    records = advance(create(folder, config))
    for record in records:
        if record.step == stop:
            break
    records.close()
    return swissroll.load(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("repair") / "run")


@pytest.fixture(scope="module")
def repaired(run: Run) -> Run:
    return repair(run, run.folder.with_name("copy"), components=12)


def contents(folder: Path) -> dict[Path, bytes]:
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def aggregate_c2st(run: Run) -> float:
    sigma = translation_of(run.config).sigma
    return measure(run.model, CURVES["swiss_roll"], sigma=sigma, seed=1).latent.aggregate.c2st.value


def test_the_copy_comes_back_as_a_finished_run_with_its_history(run: Run, repaired: Run) -> None:
    found = swissroll.load(repaired.folder)
    assert found.status == "finished"
    assert "fitted after training" in found.message
    assert found.config.components == 12
    assert isinstance(found.model.prior, Mixture)
    assert (found.folder / "history.csv").read_bytes() == (run.folder / "history.csv").read_bytes()
    assert list(found.snapshots) == [0, 150, 300, 400]
    assert torch.equal(found.snapshots[400].prior.get_parameter("means"), found.model.prior.means)


def test_encoder_and_decoder_keep_every_bit_at_every_snapshot(run: Run, repaired: Run) -> None:
    pairs = [(run.model, repaired.model), *((m, repaired.snapshots[step]) for step, m in run.snapshots.items())]
    for before, after in pairs:
        for key, value in before.state_dict().items():
            assert torch.equal(after.state_dict()[key], value), key


def test_a_test_tells_the_aggregate_posterior_from_the_prior_no_more(run: Run, repaired: Run) -> None:
    before, after = aggregate_c2st(run), aggregate_c2st(repaired)
    assert before > 0.6
    assert after < 0.55


def test_a_mixture_is_fitted_anew_and_the_same_way_twice(repaired: Run, tmp_path: Path) -> None:
    before = contents(repaired.folder)
    first, second = (repair(repaired, tmp_path / name, components=3) for name in "ab")
    assert first.model.prior.get_parameter("means").shape == (3, 2)
    assert contents(first.folder) == contents(second.folder)
    # The run that was trained, not the copy.
    assert first.repaired_from == repaired.repaired_from
    assert repaired.repaired_from in read_origin(first.folder / "config.toml")
    assert contents(repaired.folder) == before


def test_a_copy_says_what_it_was_made_from_and_cannot_be_trained(
    run: Run, repaired: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert swissroll.load(repaired.folder).repaired_from == str(run.folder.resolve())
    assert run.repaired_from == ""
    page = render(repaired, Scene.of_run(repaired), {}, evaluate(repaired))
    assert "swissroll repair run --components 12" in page
    assert "train --config" not in page
    for command in (["train", "--resume", str(repaired.folder)], ["repair", str(repaired.folder / "absent")]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 2
    assert f"from its first step on: swissroll train --config {repaired.folder / 'config.toml'}\n" in err


def test_a_copy_whose_state_is_lost_is_not_trained_over(repaired: Run, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(repaired.folder, folder)
    (folder / "state.json").unlink()
    with pytest.raises(RunError, match="was repaired and cannot be trained"):
        next(advance(swissroll.load(folder)))
    assert (folder / "model.safetensors").read_bytes() == (repaired.folder / "model.safetensors").read_bytes()


def test_damaged_weights_of_a_copy_are_to_be_made_by_repair_again(repaired: Run, tmp_path: Path) -> None:
    shutil.copytree(repaired.folder, tmp_path / "copy")
    (tmp_path / "copy/model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(RunError, match=r"Move .* away, then repair the original again"):
        _ = swissroll.load(tmp_path / "copy").model


@pytest.mark.parametrize("left", [0, 1, 200])
def test_a_run_whose_history_is_short_is_not_repaired(run: Run, tmp_path: Path, left: int) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    lines = (run.folder / "history.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "run/history.csv").write_text("".join(lines[:left]), encoding="utf-8")
    with pytest.raises(RunError, match="does not hold the 400 steps") as caught:
        repair(swissroll.load(tmp_path / "run"), tmp_path / "copy", components=2)
    assert caught.value.fix == Fix.TRAIN_AGAIN
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_weights_that_are_not_finite_are_not_repaired(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    weights = {k: v.clone() for k, v in run.model.state_dict().items()}
    weights["fc_mu.bias"][0] = torch.nan
    copy = swissroll.load(tmp_path / "run")
    save_end(copy.folder, copy.config, weights, step=400, status="finished")
    with pytest.raises(RunError, match="not finite"):
        repair(swissroll.load(copy.folder), tmp_path / "copy", components=2)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("stage", ["refit_prior", "save_snapshot", "save_end"])
def test_what_interrupts_a_repair_leaves_nothing(
    run: Run, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        # A kill here would leave what there is now: no folder of the copy's name.
        assert not (tmp_path / "copy").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(f"swissroll.runs.fit_prior.{stage}", stop)
    with pytest.raises(SystemExit) as ended:
        main(["repair", str(run.folder), "--components", "2", "--out", str(tmp_path / "copy")])
    assert ended.value.code == 130
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err.splitlines()[-1].startswith("swissroll: stopped. The run is as it was")


def test_a_file_in_the_way_of_a_copy_is_not_called_a_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError) as caught:
        repair(run, tmp_path / "file", components=2)
    assert str(caught.value) == f"{tmp_path / 'file'} already exists and is not a folder. Choose another folder."
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / ".lock").touch()
    with pytest.raises(RunError, match="already exists"):
        repair(run, tmp_path / "hidden", components=2)
    (tmp_path / "empty").mkdir()
    assert repair(run, tmp_path / "empty", components=2).status == "finished"


def test_a_stopped_run_is_repaired_where_it_stopped(tmp_path: Path) -> None:
    stopped = trained(tmp_path / "run", SMALL, stop=20)
    before = contents(stopped.folder)
    copy = repair(stopped, tmp_path / "copy", components=2)
    assert list(copy.snapshots) == [0, 20]
    assert copy.snapshots[0].fc_mu.weight.equal(stopped.snapshots[0].fc_mu.weight)
    assert contents(stopped.folder) == before


@pytest.mark.parametrize("components", [0, -1, 501, 2.0])
def test_a_number_of_components_out_of_range_is_refused(run: Run, tmp_path: Path, components: Any) -> None:
    with pytest.raises(ValueError, match="components must be a whole number from 1 to 500"):
        repair(run, tmp_path / "copy", components=components)
    assert not (tmp_path / "copy").exists()


def test_what_cannot_be_repaired_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="already exists"):
        repair(run, run.folder, components=2)
    with pytest.raises(RunError, match="lies in the run that is copied"):
        repair(run, run.folder / "copy", components=2)
    with pytest.raises(RunError, match="not trained yet"):
        repair(create(tmp_path / "new", SMALL), tmp_path / "copy")
    diverged = trained(tmp_path / "stopped", SMALL, stop=5)
    (diverged.folder / "state.json").write_text('{"status": "diverged"}', encoding="utf-8")
    with pytest.raises(RunError, match="diverged"):
        repair(diverged, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_the_film_of_a_copy_shows_its_training(repaired: Run) -> None:
    titles = [ax.get_title() for ax in draw("film", Scene.of_run(swissroll.load(repaired.folder))).axes]
    assert titles == ["before training", "step 150", "step 300", "step 400"]


def test_the_command_writes_a_copy_beside_the_run_and_reports_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reported: list[Path] = []
    monkeypatch.setattr("swissroll.cli.runs.report_run", lambda run, **_: reported.append(run.folder))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run.folder, "run")
    before = contents(Path("run"))
    for _ in range(3):
        with pytest.raises(SystemExit) as ended:
            main(["repair", "run/", "--components", "5", "--quiet"])
        assert ended.value.code == 0
    assert reported == [Path("run-repaired"), Path("run-repaired-2"), Path("run-repaired-3")]
    assert swissroll.load("run-repaired").config.components == 5
    assert contents(Path("run")) == before
    assert capsys.readouterr() == ("", "")


def test_what_helps_a_damaged_copy_names_its_original_as_the_copy_was_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run.folder, "my run")
    copy = repair(swissroll.load("my run"), "copy", components=2)
    (copy.folder / "model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(RunError) as caught:
        _ = swissroll.load("copy").model
    assert fix_line(caught.value).endswith("swissroll repair 'my run' --components 2 --out copy")


def test_what_is_refused_is_one_line_without_a_bar(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["repair", str(run.folder), "--components", "501"])
    assert capsys.readouterr().err == "swissroll: components must be a whole number from 1 to 500; got 501.\n"


def test_a_copys_settings_say_that_they_train_another_model(
    run: Run, repaired: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = repaired.folder / "config.toml"
    note = read_origin(path)
    assert note.startswith(f"This run is a repaired copy of {run.folder.resolve()}, trained with components=0;")
    assert "These settings train another model, which has 12 Gaussians from its first step on." in note
    assert repaired.config.refit_prior
    out = str(tmp_path / "again")
    with pytest.raises(SystemExit) as ended:
        main(["train", "--config", str(path), "--steps", "1", "--quiet", "--out", out])
    assert ended.value.code == 0
    assert f"swissroll: note: {path}: {note}" in capsys.readouterr().err.splitlines()
    assert read_origin(Path(out) / "config.toml") == ""


def test_a_copy_of_a_mixture_is_what_its_settings_train(tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain", replace(SMALL, steps=30, components=4))
    copy = repair(plain, tmp_path / "copy", components=4)
    again = trained(tmp_path / "again", copy.config)
    assert "train the original again" in read_origin(copy.folder / "config.toml")
    for name, value in copy.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name


def test_a_copy_of_a_run_with_a_flow_has_gaussians_in_its_place(tmp_path: Path) -> None:
    pytest.importorskip("zuko")
    trained = swissroll.train(Config(prior="flow", hidden_dim=4, depth=1, steps=2, batch_size=8), tmp_path / "run")
    copy = repair(trained, tmp_path / "copy", components=2)
    assert (copy.config.prior, copy.config.components) == ("gaussians", 2)
    assert isinstance(copy.network.prior, Mixture)
    assert "trained with a flow; its 2 Gaussians" in read_origin(copy.folder / "config.toml")
