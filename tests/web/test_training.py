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
