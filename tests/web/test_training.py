"""The lab's engine against PyTorch: same weights, points and noise in, same losses and gradients out."""

from __future__ import annotations

import pytest
import torch

from swissroll.config import Config
from tests.web.conftest import Node
from tests.web.torch_run import STEPS_SCRIPT, TRAINING_SCRIPT, torch_run

GRADIENT_SCRIPT = (
    TRAINING_SCRIPT
    + """
const { gradient, loss, mse, kl } = training.gradients(points[0], noise[0]);
answer({ gradient, loss, mse, kl });
"""
)


def test_the_notebooks_losses_are_those_of_torch(node: Node) -> None:
    run = torch_run(Config(hidden_dim=64), 200)
    found = torch.tensor(node(STEPS_SCRIPT, run.to_lab()))
    expected = run.losses(200)
    torch.testing.assert_close(found[:20], expected[:20], rtol=1e-5, atol=0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


CONFIGS = {
    "notebook": Config(hidden_dim=64),
    "leaky_relu": Config(hidden_dim=31, activation="leaky_relu"),
    "elu": Config(hidden_dim=32, activation="elu", latent_dim=1),
    "silu": Config(hidden_dim=30, activation="silu", latent_dim=3),
    "softplus": Config(hidden_dim=33, activation="softplus", dataset="helix"),
    "tanh": Config(hidden_dim=17, activation="tanh", reduction="sum", latent_dim=4),
    "learned": Config(hidden_dim=16, decoder_variance="learned", depth=1, beta=1),
    "mixture": Config(hidden_dim=16, components=7, depth=2, beta=0.5),
    "linear": Config(hidden_dim=16, depth=0, reduction="sum", decoder_variance="learned"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_are_those_of_autograd(node: Node, name: str) -> None:
    run = torch_run(CONFIGS[name], 1)
    found = node(GRADIENT_SCRIPT, run.to_lab())
    terms = run.terms(0)
    assert found["loss"] == pytest.approx(terms.loss.item(), rel=1e-6)
    assert found["mse"] == pytest.approx(terms.mse.item(), rel=1e-6)
    assert found["kl"] == pytest.approx(terms.kl.item(), rel=1e-6)

    expected = run.gradient()
    assert set(found["gradient"]) == set(expected)
    for parameter, gradient in expected.items():
        values = torch.tensor(found["gradient"][parameter]["values"]).reshape(gradient.shape)
        torch.testing.assert_close(values, gradient, rtol=1e-4, atol=1e-4 * gradient.abs().max().item())


BROKEN = {
    "reconstruction": """tensors["decoder.2.bias"].values.fill(1e30);""",
    # The variance overflows, its root does not.
    "KL": """tensors["decoder.0.weight"].values.fill(0); tensors["fc_logvar.bias"].values.fill(100);""",
    # Large weights that cancel in the log-variance, and do not in its gradient.
    "gradient": """
    tensors["encoder.0.weight"].values.fill(0);
    tensors["encoder.0.bias"].values.fill(1);
    tensors["fc_logvar.weight"].values.forEach((_, i, values) => { values[i] = i % 2 ? 2 ** 23 : -(2 ** 23); });
    tensors["fc_logvar.bias"].values.fill(85);
    tensors["decoder.0.weight"].values.fill(1e-18);
    """,
}
"""What makes each term the first that is no number."""


@pytest.mark.parametrize("term", BROKEN)
def test_what_is_not_finite_is_found_with_its_step_and_term(node: Node, term: str) -> None:
    script = """
    const { Training } = await load("training.js");
    const training = new Training(kernel, { hidden_dim: 8, depth: 1, steps: 100 });
    training.step(7);
    const tensors = training.network.tensors(training.network.parameters);
    BREAK
    training.network.loadTensors(tensors);
    const before = training.hash();
    try {
      training.step(5);
      answer(null);
    } catch ({ step, term, message }) {
      answer({ step, term, message, isKept: training.hash() === before, taken: training.taken });
    }
    """
    found = node(script.replace("BREAK", BROKEN[term]))
    assert found["term"] == term
    assert found["step"] == 8
    assert found["taken"] == 7
    assert found["isKept"]
    assert "at step 8" in found["message"]


def test_own_points_are_what_a_run_draws(node: Node) -> None:
    script = """
    const { Training } = await load("training.js");
    const points = { dims: 3, values: Float32Array.from({ length: 30 }, (_, i) => i) };
    const training = new Training(kernel, { hidden_dim: 4, depth: 1, batch_size: 5 }, { points });
    training.step(3);
    answer({ drawn: training.sample(1000, kernel.generator(1, "data")).points, rows: training.history.loss.length });
    """
    found = node(script)
    rows = torch.tensor(found["drawn"]).reshape(1000, 3)
    assert set(rows[:, 0].tolist()) == {3.0 * i for i in range(10)}
    assert torch.equal(rows[:, 1:], rows[:, :1] + torch.tensor([1.0, 2.0]))
    assert found["rows"] == 3


def test_a_timeline_stays_within_its_bounds_and_keeps_its_ends(node: Node) -> None:
    script = """
    const { Snapshots } = await load("snapshots.js");
    const take = (step, floats) => ({
      step,
      parameters: new Float32Array(floats),
      moments: new Float32Array(floats),
      secondMoments: new Float32Array(floats),
    });
    const snapshots = (floats, steps) => {
      const kept = new Snapshots();
      for (let step = 0; step <= steps; step++) kept.offer(step, () => take(step, floats));
      return kept.steps;
    };
    answer([snapshots(10, 20000), snapshots(1e6, 1000)]);
    """
    many, large = node(script)
    assert 150 <= len(many) <= 300
    assert len(large) * 12e6 <= 64 * 2**20
    for steps, last in ((many, 20000), (large, 1000)):
        assert steps[0] == 0
        assert steps == sorted(set(steps))
        assert last - steps[-1] < steps[1] - steps[0]
