"""What the lab's page begins with: the run's own numbers, within the page's bounds."""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from swissroll.config import Config, Dataset
from swissroll.report.lab_start import DATASETS, MAX_OF_SETTING, beyond_the_page, start_of_config, start_of_run
from tests.oracles import trained_run
from tests.web.javascript import needs_node, run_script

UNPACK = """
const { unpackStart } = await load("parts.js");
answer(unpackStart(input));
"""


@needs_node
def test_the_page_reads_a_runs_weights_and_history(tmp_path: Path) -> None:
    config = Config(steps=40, hidden_dim=8, components=3, snapshot_every=10, eval_every=20)
    run = trained_run(tmp_path / "run", config)
    start = start_of_run(run)
    read = run_script(UNPACK, json.loads(json.dumps(start)))

    assert read["name"] == "run"
    assert read["settings"] == start_of_config(run.config)["settings"]
    assert [snapshot["step"] for snapshot in read["snapshots"]] == [0, 10, 20, 30, 40]
    assert read["history"]["step"] == list(range(1, 41))
    np.testing.assert_allclose(read["history"]["loss"], run.history.loss, rtol=1e-5)
    assert read["history"]["held_out_loss"][18] is None
    assert read["history"]["held_out_loss"][19] == pytest.approx(run.history.held_out_loss[19], rel=1e-5)

    for snapshot in read["snapshots"]:
        is_end = snapshot["step"] == 40
        model = run.model if is_end else run.snapshots[snapshot["step"]]
        for name, weights in model.state_dict().items():
            tensor = snapshot["tensors"][name]
            assert tensor["shape"] == list(weights.shape)
            found = torch.tensor(tensor["values"]).view_as(weights)
            row_max = weights.abs().amax(-1, keepdim=True) if weights.ndim else weights.abs()
            assert ((found - weights).abs() <= (0 if is_end else row_max / 60_000)).all()


def test_weights_on_the_way_keep_within_their_room(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run", Config(steps=40, hidden_dim=16, snapshot_every=2))
    end = len(start_of_run(run, room=0)["snapshots"][0]["weights"])
    found = start_of_run(run, room=3 * end)["snapshots"]
    assert [snapshot["step"] for snapshot in found] == [0, 14, 26, 40]
    assert sum(len(snapshot["weights"] + snapshot.get("scales", "")) for snapshot in found) <= 3 * end


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_dim": 512}, "hidden_dim up to 256; here it is 512"),
        ({"latent_dim": 5}, "latent_dim up to 4; here it is 5"),
        ({"steps": 100_001}, "steps up to 100,000; here it is 100,001"),
    ],
)
def test_settings_beyond_the_page_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        start_of_config(Config(**settings))


@needs_node
def test_bounds_are_the_pages() -> None:
    script = """
    const { FIELDS } = await load("settings.js");
    const bounds = Object.fromEntries(Object.entries(FIELDS).map(([name, field]) => [name, field.high ?? null]));
    answer({ bounds, datasets: Object.keys(FIELDS.dataset.choices) });
    """
    found = run_script(script)
    assert found["datasets"] == list(DATASETS)
    bounds = found["bounds"]
    assert {name: bounds[name] for name in MAX_OF_SETTING} == MAX_OF_SETTING
    assert set(start_of_config(Config())["settings"]) == set(bounds) - {"mistake"}


def test_every_dataset_is_the_pages_or_is_named() -> None:
    others = set(get_args(Dataset)) - set(DATASETS)
    for name in others:
        assert beyond_the_page(Config(dataset=name)).endswith(f"here the data are {name}.")
