"""What the benchmarks time is the same training everywhere, and their arithmetic holds. Nothing is timed here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import swissroll
from benchmarks import tables
from benchmarks.network import PlainVAE, plain_loss, plain_roll, train_plain
from benchmarks.shapes import step_flops
from benchmarks.side_by_side import PEERS_PYTHON, ROOT, Results
from swissroll.config import Config
from swissroll.training.build import build, build_model
from swissroll.training.sampler import Sampler

BATCH = 128


def test_the_plain_loop_is_the_notebooks() -> None:
    torch.manual_seed(0)
    _, expected, _ = swissroll.train_vae(n_steps=5)
    torch.manual_seed(0)
    assert train_plain(PlainVAE(256), 5) == expected


def test_the_scan_by_hand_takes_the_steps_of_ours() -> None:
    pytest.importorskip("jax")
    import jax.numpy as jnp
    from jax import lax

    from benchmarks.scan import start, step

    config = Config(hidden_dim=32, steps=50, threads=1, device="cpu", engine="torch")
    model, draws = build_model(config), Sampler(config)
    linear = [m for m in [*model.encoder, model.fc_mu, model.fc_logvar, *model.decoder] if hasattr(m, "weight")]
    params = [(jnp.asarray(m.weight.detach().numpy().T), jnp.asarray(m.bias.detach().numpy())) for m in linear]
    drawn = jnp.asarray(draws.draw_points(50).numpy()), jnp.asarray(draws.draw_latent_noise(50).numpy())
    _, losses = lax.scan(step, start(params), drawn)
    expected = [record.train.loss for record in build(config)]
    np.testing.assert_allclose(np.asarray(losses), expected, rtol=1e-4)


def test_the_scan_by_hand_draws_points_of_the_roll() -> None:
    pytest.importorskip("jax")
    import jax

    from benchmarks.scan import draw

    points, eps = (np.asarray(drawn) for drawn in draw(jax.random.key(0), (4, 5000)))
    turned = np.hypot(points[..., 0], points[..., 1]) * 15  # A point's distance from the middle is its t.
    np.testing.assert_allclose(points[..., 0] * 15, turned * np.cos(turned), atol=1e-4)
    assert abs(turned.mean() / np.pi - 3) < 0.02
    assert abs(eps.mean()) < 0.02
    assert abs(eps.std() - 1) < 0.02


def test_ceilings_multiply_what_a_step_multiplies() -> None:
    pytest.importorskip("jax")
    import jax

    from benchmarks.ceiling import step_jax

    run = step_jax(32, BATCH)
    (scan,) = (cell.cell_contents for cell in run.__closure__ or () if hasattr(cell.cell_contents, "lower"))
    (state,) = (cell.cell_contents for cell in run.__closure__ or () if isinstance(cell.cell_contents, dict))
    text = scan.lower(jax.tree.map(lambda a: a, state["kept"])).compile().as_text()
    assert text.count(" dot(") == 3 * 9 - 1


@pytest.mark.parametrize("width", [8, 256])
def test_flops_of_a_step_are_those_that_pytorch_counts(width: int) -> None:
    model = PlainVAE(width)
    with FlopCounterMode(display=False) as counter:
        plain_loss(model, plain_roll(BATCH)).backward()
    assert step_flops(width, BATCH) == counter.get_total_flops()


def in_the_peers(code: str) -> Any:
    if not PEERS_PYTHON.exists():
        pytest.skip("the peers are not installed; 'make bench' does it")
    found = subprocess.run([PEERS_PYTHON, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(found.stdout.splitlines()[-1])


def test_lightning_takes_the_steps_of_the_plain_loop() -> None:
    code = """
import json, torch
from benchmarks.peers import train_lightning
torch.manual_seed(0)
print(json.dumps(train_lightning(32, 5)[1]))
"""
    torch.manual_seed(0)
    np.testing.assert_allclose(in_the_peers(code), train_plain(PlainVAE(32), 5), rtol=1e-5)


def test_pythaes_loss_is_the_notebooks() -> None:
    code = """
import json, torch
from benchmarks.network import PlainVAE, plain_roll
from benchmarks.peers import pythae_model
torch.manual_seed(0)
model, x = PlainVAE(32), plain_roll(128)
print(json.dumps(pythae_model(model)({"data": x}).loss.item()))
"""
    torch.manual_seed(0)
    model, x = PlainVAE(32), plain_roll(BATCH)
    assert in_the_peers(code) == pytest.approx(plain_loss(model, x).item(), rel=1e-6)


def test_results_of_an_interrupted_case_are_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results = Results(path)
    results.write({"case": "a", "kind": "timing"})
    results.finish("a")
    results.write({"case": "b", "kind": "timing"})
    with path.open("a", encoding="utf-8") as file:
        file.write('{"case": "b", "ki')
    again = Results(path)
    assert again.finished == {"a"}
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == again.rows
    assert {row["case"] for row in again.rows} == {"a"}


def test_ratios_are_taken_within_a_round() -> None:
    seconds = {"notebook": [1.0, 2.0, 4.0], "ours": [0.5, 1.0, 1.0]}
    rows: list[dict[str, Any]] = [
        {"case": "c", "kind": "entry", "label": label, "model_steps": 100} for label in seconds
    ]
    rows += [
        {"case": "c", "kind": "timing", "label": label, "round": i, "seconds": s, "peak_mib": 1.0}
        for label, times in seconds.items()
        for i, s in enumerate(times)
    ]
    case = tables.read_case(rows, "c")
    assert case.median("ours") == 100
    assert case.ratios("ours", "notebook") == [2, 2, 4]
    assert tables.spread([2, 2, 4]) == "2.00 (2.00 to 4.00)"
