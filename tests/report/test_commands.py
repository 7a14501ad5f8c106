"""Commands about a run have the run's own settings: typed, they do what the sentence around them says."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swissroll.cli.app import main
from swissroll.config import PRESETS, Config
from swissroll.evaluation.advice import Action, Advice
from swissroll.evaluation.wording import advice_text
from swissroll.report.commands import advice_line, preset_flags, repair_command
from swissroll.runs.run import load

FOLDER = Path("my runs/a")
NOTEBOOK = Config()
MOONS = Config(dataset="moons", noise=0.05)


@pytest.mark.parametrize(
    ("advice", "config", "line"),
    [
        (
            Advice(action=Action.FIT_PRIOR, preset="best"),
            NOTEBOOK,
            (
                "Fit the prior to the aggregate posterior, in training with --preset best, or now with: "
                "swissroll repair 'my runs/a'"
            ),
        ),
        (
            Advice(action=Action.FIT_PRIOR, preset="best"),
            MOONS,
            (
                "Fit the prior to the aggregate posterior, in training with "
                "--preset best --dataset moons --noise 0.05, or now with: swissroll repair 'my runs/a'"
            ),
        ),
        (
            Advice(action=Action.FIT_PRIOR),
            replace(MOONS, components=50),
            "Fit the prior to the aggregate posterior: swissroll repair 'my runs/a' --components 50",
        ),
        (
            Advice(action=Action.FINISH_RUN),
            MOONS,
            "Finish this run first: swissroll train --resume 'my runs/a'",
        ),
        (
            Advice(action=Action.TRAIN_PRESET, preset="best"),
            MOONS,
            (
                "The prior is fitted already; train a decoder with it: "
                "swissroll train --preset best --dataset moons --noise 0.05"
            ),
        ),
        (
            Advice(action=Action.NOTHING, preset="best-long"),
            NOTEBOOK,
            "Nothing ails this model. For a sharper one: swissroll train --preset best-long",
        ),
        (Advice(action=Action.NOTHING), MOONS, "Nothing ails this model."),
        (Advice(setting="beta", factor=0.1), MOONS, "Divide beta by ten."),
    ],
)
def test_an_action_is_a_command_here_alone(advice: Advice, config: Config, line: str) -> None:
    assert advice_line(advice, FOLDER, config) == line
    in_python = advice_text(advice)
    assert "swissroll" not in in_python
    assert "--" not in in_python


def without_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swissroll.cli.train.train_run", lambda *_, **__: 0)
    monkeypatch.setattr("swissroll.cli.train.report_run", lambda *_, **__: None)


OTHERS: dict[str, Any] = {"beta": 0.1, "latent_dim": 3, "decoder_variance": "learned", "beta_start": 0.5, "seed": 7}


LEARNED = Config(decoder_variance="learned", beta=1.0, steps=300)


@pytest.mark.parametrize("preset", ["best", "best-long"])
@pytest.mark.parametrize(
    "config", [NOTEBOOK, MOONS, replace(MOONS, **OTHERS), LEARNED, Config(reduction="sum", steps=20_000)]
)
def test_a_recipe_is_of_the_same_run_in_all_that_it_leaves_open(
    preset: str, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_training(monkeypatch)
    of_a_sweep = replace(config, threads=1, snapshot_every=config.steps, device="cpu", engine="torch")
    flags = preset_flags(preset, of_a_sweep)
    with pytest.raises(SystemExit, match="0"):
        main(["train", *shlex.split(flags), "--engine", "torch", "--out", str(tmp_path / "run")])
    found = replace(load(tmp_path / "run").config, threads=None, device="auto", engine="auto")
    expected = replace(config, **PRESETS[preset])
    # Longer than the recipe is as the run was; and a learned sigma has the weight of the rate that the person chose.
    expected = replace(expected, steps=max(config.steps, expected.steps))
    if config.decoder_variance != "fixed":
        expected = replace(expected, beta=config.beta, beta_start=config.beta_start)
    assert found == expected


@pytest.mark.parametrize(("components", "flags"), [(0, ""), (20, ""), (5, " --components 5")])
def test_a_repair_fits_as_many_gaussians_as_the_run_has(components: int, flags: str) -> None:
    assert repair_command(Path("a"), Config(components=components)) == f"swissroll repair a{flags}"
