"""What the lab's page begins with: the run's own numbers, within the page's bounds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from swissroll.config import Config
from swissroll.data.catalogue import DISTRIBUTIONS
from swissroll.report.lab_start import MAX_OF_SETTING, start_of_config, start_of_run
from tests.oracles import trained_run
from tests.web.javascript import needs_node, run_script

UNPACK = """
const { unpackStart } = await load("parts.js");
answer(await unpackStart(input));
"""


@needs_node
@pytest.mark.parametrize(("is_roomy", "levels"), [(True, 65_534), (False, 126)])
def test_the_page_reads_a_runs_weights(is_roomy: bool, levels: int, tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run", Config(steps=40, hidden_dim=16, components=3, snapshot_every=10, lr=0.01))
    start = start_of_run(run)
    if not is_roomy:
        start = start_of_run(run, room=len(start["weights"]["text"]) - 1)
    read = run_script(UNPACK, json.loads(json.dumps(start)))
    assert [snapshot["step"] for snapshot in read["snapshots"]] == [0, 10, 20, 30, 40]

    models = [run.snapshots[step].state_dict() for step in range(0, 40, 10)] + [run.model.state_dict()]
    for snapshot, model in zip(read["snapshots"], models, strict=True):
        assert list(snapshot["tensors"]) == list(model)
        for name, weights in model.items():
            tensor = snapshot["tensors"][name]
            assert tensor["shape"] == list(weights.shape)
            found = torch.tensor(tensor["values"]).view_as(weights)
            if snapshot["step"] == 40:
                assert torch.equal(found, weights)
            else:
                # Half a unit, which is the row's largest value in any of them, over the largest whole number.
                largest = torch.stack([other[name].abs() for other in models]).amax(0)
                unit = (largest.amax(-1, keepdim=True) if weights.ndim > 1 else largest.max()) / (levels / 2)
                assert ((found - weights).abs() <= 0.501 * unit).all()


@needs_node
def test_the_page_reads_a_runs_history(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run", Config(steps=40, hidden_dim=8, snapshot_every=10, eval_every=20))
    start = start_of_run(run)
    read = run_script(UNPACK, json.loads(json.dumps(start)))

    assert read["name"] == "run"
    assert read["settings"] == start_of_config(run.config)["settings"]
    assert read["history"]["step"] == list(range(1, 41))
    np.testing.assert_allclose(read["history"]["loss"], run.history.loss, rtol=1e-5)
    assert read["history"]["held_out_loss"][18] is None
    assert read["history"]["held_out_loss"][19] == pytest.approx(run.history.held_out_loss[19], rel=1e-5)


def test_weights_on_the_way_keep_within_their_room(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run", Config(steps=40, hidden_dim=16, snapshot_every=2))
    alone = start_of_run(run, room=0)["weights"]
    assert alone["steps"] == [40]

    room = int(1.4 * len(alone["text"]))
    found = start_of_run(run, room)["weights"]
    assert found["bits"] == 7
    assert 2 < len(found["steps"]) < 20
    assert found["steps"][0] == 2
    assert 0.7 * room < len(found["text"]) <= room


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
    assert found["datasets"] == list(DISTRIBUTIONS)
    bounds = found["bounds"]
    assert {name: bounds[name] for name in MAX_OF_SETTING} == MAX_OF_SETTING
    assert set(start_of_config(Config())["settings"]) == set(bounds) - {"mistake"}
