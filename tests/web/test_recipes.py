"""What the page exports is the same run elsewhere. Oracle: the package, which reads and trains it."""

import ast
import re
import runpy
import shlex
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

import swissroll
from swissroll.cli.app import app
from swissroll.config import PRESETS, Config, read_config
from swissroll.model.translation import translate
from swissroll.model.vae import VAE
from swissroll.report.commands import OF_A_MACHINE
from tests.web.javascript import needs_node, run_script

pytestmark = needs_node

EXPORT = """
const { command, configToml, pythonScript } = await load("recipes.js");
const { DEFAULTS } = await load("settings.js");
const empty = { points: null, turns: [], step: 0, version: "0.0.1" };
const recipe = { ...empty, ...input, settings: { ...DEFAULTS, ...input.settings } };
if (recipe.points) recipe.points.values = Float32Array.from(recipe.points.values);
answer({ toml: configToml(recipe), command: command(recipe), script: pythonScript(recipe) });
"""
SETTINGS: list[dict[str, Any]] = [
    {},
    {"hidden_dim": 256, "beta": 1e-12, "lr": 1.0, "noise": 1e-7},
    {"dataset": "helix", "reduction": "sum", "decoder_variance": "learned", "beta": 1.0, "seed": 2**53 - 1},
    PRESETS["best"] | {"steps": 300},
    PRESETS["best-long"] | {"activation": "tanh", "latent_dim": 1, "depth": 0},
]


def export(**recipe: Any) -> dict[str, str]:
    found: dict[str, str] = run_script(EXPORT, {"settings": {}} | recipe)
    return found


def config_of_command(line: str) -> Config:
    """The settings that the command line itself makes of a command."""
    words = shlex.split(line, comments=True)
    assert words[:2] == ["swissroll", "train"]
    _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    config: Config = bound.arguments.get("config", Config())
    return config


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: " ".join(map(str, settings.values())))
def test_config_command_and_script_say_the_pages_settings(settings: dict[str, Any], tmp_path: Path) -> None:
    wanted = Config(**({"hidden_dim": 64, "steps": 20_000} | settings))
    found = export(settings=settings)

    path = tmp_path / "lab.toml"
    path.write_text(found["toml"])
    assert read_config(path) == wanted
    assert config_of_command(found["command"]) == wanted

    names: dict[str, Any] = {}
    lines = found["script"].partition("run = train")[0]
    exec(compile(lines, "lab_run.py", "exec"), names)  # noqa: S102  Running it is what a reader does.
    assert names["config"] == wanted


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: " ".join(map(str, settings.values())))
def test_every_export_names_each_setting_that_decides_a_run(settings: dict[str, Any]) -> None:
    """So that another version's defaults do not change the run."""
    found = export(settings=settings, version="0.0.1")
    of_a_table = {"data", "columns", "label", "held_out", "data_digest"}
    deciding = {field.name for field in fields(Config)} - {*OF_A_MACHINE, *of_a_table}

    calls = [node for node in ast.walk(ast.parse(found["script"])) if isinstance(node, ast.Call)]
    keywords = next(node.keywords for node in calls if getattr(node.func, "id", "") == "Config")
    assert {keyword.arg for keyword in keywords} == deciding

    # What is not there cannot be said in TOML or on a command line.
    absent = {name for name in ("beta_start", "max_error") if settings.get(name) is None}
    values = tomllib.loads(found["toml"])
    assert values.keys() - {"origin", "versions"} == deciding - absent
    assert values["versions"] == {"swissroll": "0.0.1"}
    flags = {word.removeprefix("--").removeprefix("no-").replace("-", "_") for word in found["command"].split()}
    assert deciding - absent <= flags
    assert "swissroll 0.0.1" in found["command"]
    assert "swissroll 0.0.1" in found["script"]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: " ".join(map(str, settings.values())))
def test_every_export_says_which_sigma_its_loss_has(settings: dict[str, Any]) -> None:
    config = Config(**settings)
    data_dim = 3 if config.dataset == "helix" else 2
    is_learned = config.decoder_variance == "learned"
    meaning = translate(config.beta, config.reduction, data_dim, config.latent_dim, learned=is_learned)
    for text in export(settings=settings).values():
        if is_learned:
            said = float(re.findall(r"is learned; the true beta, of rate against distortion, is (\S+)\.\n", text)[0])
            assert said == pytest.approx(meaning.true_beta, rel=1e-3)
        else:
            said = float(re.findall(r"p\(x\|z\) has the sigma (\S+), and the true beta, .* is 1\.", text)[0])
            assert said == pytest.approx(meaning.sigma, rel=1e-3)


@pytest.mark.parametrize("dims", [0, 2, 3], ids=["built-in data", "plane", "space"])
def test_exported_script_trains(
    dims: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"hidden_dim": 8, "steps": 12, "lr_schedule": "cosine", "noise": 0.01, "mistake": "shared_noise"}
    points = None
    if dims:
        points = {"dims": dims, "values": np.linspace(-1, 1, 20 * dims).tolist(), "name": "mine"}
    script = tmp_path / "lab_run.py"
    script.write_text(export(settings=settings, points=points)["script"])

    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script))
    printed = capsys.readouterr().out
    assert "mean of the last 12 steps, in nats per point:\ndistortion " in printed
    assert "nan" not in printed


def test_a_mistake_and_own_points_are_told() -> None:
    points = {"dims": 2, "values": [0, 0, 1, 1, 0.1, 0.5], "name": "mine"}
    found = export(settings={"mistake": "shared_noise"}, points=points)
    assert "# The page trained with the mistake shared_noise; here it is right." in found["toml"]
    said = "# The page trained on mine, which this does not have: it trains on swiss_roll instead."
    assert said in found["toml"]
    assert said in found["command"]
    assert config_of_command(found["command"]).data is None
    assert "[0.1, 0.5]," in found["script"]


def test_a_script_on_a_pasted_table_has_its_rows_and_its_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.stack([1700 + 100 * np.sin(np.arange(40)), 0.3 + 0.01 * np.cos(np.arange(40))], axis=1)
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    units = {"columns": ["height", "share"], "mean": mean.tolist(), "scale": scale.tolist(), "log_volume": 0}
    points = {"dims": 2, "values": ((rows - mean) / scale).ravel().tolist(), "name": "mine", "units": units}
    found = export(settings={"hidden_dim": 8, "steps": 12}, points=points)
    assert "noise and sigma are in standard deviations of its columns" in found["toml"]

    (tmp_path / "lab_run.py").write_text(found["script"])
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path("lab_run.py")
    np.testing.assert_allclose(names["rows"], rows, rtol=1e-6)
    np.testing.assert_allclose(names["points"], (rows - mean) / scale, atol=1e-5)
    of_model = np.mean([record.train.distortion for record in names["last"]])
    said = float(re.findall(r"distortion (\S+),", capsys.readouterr().out)[0])
    assert said == pytest.approx(of_model + np.log(scale).sum(), abs=6e-4)


def test_the_command_on_a_pasted_table_trains_on_its_points_as_they_are_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As printed, beside the file that the page saves."""
    rows = np.stack([1700 + 100 * np.sin(np.arange(30)), 0.3 + 0.01 * np.cos(np.arange(30))], axis=1)
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    units = {"columns": ['height, "mm"', "share"], "mean": mean.tolist(), "scale": scale.tolist(), "log_volume": 0}
    points = {"dims": 2, "values": ((rows - mean) / scale).ravel().tolist(), "name": "mine", "units": units}
    found = export(settings={"hidden_dim": 8, "steps": 3, "noise": 0.1}, points=points)
    save = """
    const { pointsCsv } = await load("written_tables.js");
    answer(pointsCsv({ ...input, points: Float32Array.from(input.values), coordinate: null }, 2));
    """
    (tmp_path / "points.csv").write_text(run_script(save, points))
    (tmp_path / "lab.toml").write_text(found["toml"])
    assert '# First save "Points as CSV" from the page as points.csv in this folder.' in found["command"]
    assert "here a tenth of them is held out" in found["command"]
    assert "# The page added noise 0.1; here there is none." in found["command"]

    wanted = config_of_command(found["command"])
    assert (wanted.data, wanted.held_out, wanted.hidden_dim) == ("points.csv", 0.1, 8)
    assert read_config(tmp_path / "lab.toml") == wanted
    monkeypatch.chdir(tmp_path)
    assert len(swissroll.train(wanted, tmp_path / "run").history) == 3

    few = export(points=points | {"values": points["values"][:38]})
    assert config_of_command(few["command"]).data is None
    assert "it trains on swiss_roll instead" in few["command"]


def test_a_run_on_a_table_names_its_file(tmp_path: Path) -> None:
    recipe: dict[str, Any] = {"data": "mine.csv", "columns": "it's a,b", "label": "kind", "held_out": 0.25}
    points = {"dims": 2, "values": [0, 0, 1, 1], "name": "mine.csv", "recipe": recipe}
    found = export(settings={"noise": 0.5}, points=points)
    wanted = Config(**({"hidden_dim": 64, "steps": 20_000} | recipe))

    assert config_of_command(found["command"]) == wanted
    (tmp_path / "lab.toml").write_text(found["toml"])
    assert read_config(tmp_path / "lab.toml") == wanted
    assert "# Run it in the folder that holds mine.csv." in found["toml"]
    assert "# The page added noise 0.5; here there is none." in found["toml"]
    names: dict[str, Any] = {}
    exec(compile(found["script"].partition("run = train")[0], "lab_run.py", "exec"), names)  # noqa: S102
    assert names["config"] == wanted


def test_points_go_through_csv_unchanged() -> None:
    script = """
    const { pointsCsv } = await load("written_tables.js");
    const { pointsOf, readTable } = await load("csv.js");
    const begin = { points: Float32Array.from(input), coordinate: Float32Array.from([0, 0.1, 1]) };
    const text = pointsCsv(begin, 2);
    answer({ text, values: Float32Array.from(pointsOf(readTable(text), [0, 1]).values) });
    """
    values = np.array([1 / 3, -2e-8, 0.1, 12345.678, -0.0, 3e10], dtype=np.float32)
    found = run_script(script, values.tolist())
    assert found["text"].startswith("x1,x2,t\n0.33333334,-2e-8,0\n")
    np.testing.assert_array_equal(np.array(found["values"], dtype=np.float32), values)


def test_weights_open_in_the_package(tmp_path: Path) -> None:
    model = VAE(2, 8, components=3)
    tensors = {}
    for name, weights in model.state_dict().items():
        tensors[name] = {"shape": list(weights.shape), "values": weights.flatten().tolist()}
    script = """
    const { writeSafetensors } = await load("safetensors.js");
    for (const tensor of Object.values(input)) tensor.values = Float32Array.from(tensor.values);
    answer(writeSafetensors(input, { format: "pt", step: "7" }));
    """
    path = tmp_path / "lab-model.safetensors"
    path.write_bytes(bytes(run_script(script, tensors)))

    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt", "step": "7"}
        opened = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  It is no dict.
    VAE(2, 8, components=3).load_state_dict(opened)
    torch.testing.assert_close(opened, dict(model.state_dict()), rtol=0, atol=0)
