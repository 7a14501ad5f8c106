"""Snapshots of a run: each is read when it is asked for, so that very many take no memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import swissroll
from swissroll.config import Config
from swissroll.report.figures import draw
from swissroll.report.film import film_gif
from swissroll.report.scene import Scene
from swissroll.runs.errors import RunError
from swissroll.runs.run import Run
from swissroll.runs.snapshots import MAX_FRAMES, film_steps
from tests.oracles import trained_run

STEPS = 3 * MAX_FRAMES


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with three times as many snapshots as a film has frames."""
    config = Config(steps=STEPS, hidden_dim=4, batch_size=4, eval_every=STEPS, snapshot_every=1)
    return trained_run(tmp_path / "run", config)


def damage(run: Run, step: int) -> None:
    (run.folder / f"snapshots/step-{step:09d}.safetensors").write_bytes(b"x")


def test_a_report_reads_no_snapshot_but_those_that_it_draws(run: Run) -> None:
    drawn = film_steps(run.snapshots)
    assert len(run.snapshots) == STEPS + 1
    assert (len(drawn), drawn[0], drawn[-1]) == (MAX_FRAMES, 0, STEPS)

    for step in set(range(STEPS)) - set(drawn):
        damage(run, step)
    whole = swissroll.load(run.folder)
    whole.require_whole()
    assert film_gif(Scene.of_run(whole)).startswith(b"GIF89a")
    assert len(draw("film", Scene.of_run(whole)).axes) == 6


@pytest.mark.parametrize("place", [0, MAX_FRAMES // 2, MAX_FRAMES - 1])
def test_damage_of_a_snapshot_that_is_drawn_is_found_before_anything_is_measured(run: Run, place: int) -> None:
    damage(run, film_steps(run.snapshots)[place])
    with pytest.raises(RunError, match="damaged"):
        swissroll.load(run.folder).require_whole()


def test_a_snapshot_is_a_model_of_its_own_each_time(run: Run) -> None:
    first = run.snapshots[0]
    again = run.snapshots[0]
    assert torch.equal(first.fc_mu.weight, again.fc_mu.weight)
    assert first is not again
    assert 7 in run.snapshots
    assert STEPS + 1 not in run.snapshots
    assert repr(run.snapshots) == f"<{len(run.snapshots)} snapshots, of steps 0 to {STEPS}>"
