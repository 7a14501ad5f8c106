"""A mistake that a run is trained with is the wrong line that the page shows: the gradients are autograd's of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from swissroll.config import Config
from swissroll.exercise.misconceptions import BY_ID
from tests.web.conftest import Node
from tests.web.torch_run import TRAINING_SCRIPT, torch_run

BETA = 0.3


@dataclass
class Parts:
    """What a student's lines see."""

    mu: Tensor
    logvar: Tensor
    eps: Tensor

    @property
    def std(self) -> Tensor:
        return torch.exp(0.5 * self.logvar)


def right_draw(parts: Parts) -> Tensor:
    return parts.mu + parts.eps * parts.std


def right_kl(parts: Parts) -> Tensor:
    return -0.5 * torch.mean(1 + parts.logvar - parts.mu.pow(2) - parts.logvar.exp())


DRAWS: dict[str, Callable[[Parts], Tensor]] = {
    "shared_noise": lambda p: p.mu + p.eps[:1] * p.std,
    "variance_as_std": lambda p: p.mu + p.eps * torch.exp(p.logvar),
    "no_noise": lambda p: p.mu,
    "no_trick": lambda p: right_draw(p).detach(),
}
KLS: dict[str, Callable[[Parts], Tensor]] = {
    "half_missing": lambda p: -torch.mean(1 + p.logvar - p.mu.pow(2) - p.logvar.exp()),
    "kl_sign": lambda p: 0.5 * torch.mean(1 + p.logvar - p.mu.pow(2) - p.logvar.exp()),
    "sum_for_mean": lambda p: -0.5 * torch.sum(1 + p.logvar - p.mu.pow(2) - p.logvar.exp()),
}
HEADS: dict[str, Callable[[Tensor], Tensor]] = {"relu_on_head": functional.relu}


@pytest.fixture(scope="module")
def answers(node: Node) -> dict[str, Any]:
    """The lab's loss and gradient with each mistake, of one batch."""
    run = torch_run(Config(hidden_dim=16, latent_dim=4, depth=2, activation="tanh", beta=BETA), 1)
    script = (
        TRAINING_SCRIPT
        + """
const { MISTAKES } = await load("mistakes.js");
const gradientOf = ({ id }) => {
  const mistaken = new Training(kernel, { ...input.settings, mistake: id });
  mistaken.network.loadTensors(input.weights);
  const { loss, gradient } = mistaken.gradients(points[0], noise[0]);
  return [id, { loss, gradient }];
};
answer({ gradients: Object.fromEntries(MISTAKES.map(gradientOf)), mistakes: MISTAKES });
"""
    )
    found: dict[str, Any] = node(script, run.to_lab())
    return found | {"run": run}


def test_the_mistakes_are_in_the_catalogue(answers: dict[str, Any]) -> None:
    assert {m["id"] for m in answers["mistakes"]} == {*DRAWS, *KLS, *HEADS}
    assert {m["catalogue"] for m in answers["mistakes"]} <= set(BY_ID)


@pytest.mark.parametrize("mistake", [*DRAWS, *KLS, *HEADS])
def test_a_mistake_descends_the_gradient_of_its_wrong_line(answers: dict[str, Any], mistake: str) -> None:
    run = answers["run"]
    mu, logvar = run.model.encode(run.points[0])
    head = HEADS.get(mistake)
    parts = Parts(head(mu) if head else mu, logvar, run.noise[0])
    z = DRAWS.get(mistake, right_draw)(parts)
    error = functional.mse_loss(run.model.decode(z), run.points[0])
    loss = error + BETA * KLS.get(mistake, right_kl)(parts)
    run.model.zero_grad()
    loss.backward()

    found = answers["gradients"][mistake]
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-5)
    for name, parameter in run.model.named_parameters():
        assert parameter.grad is not None
        values = torch.tensor(found["gradient"][name]["values"], dtype=torch.float32).reshape(parameter.shape)
        largest = parameter.grad.abs().max().item()
        torch.testing.assert_close(values, parameter.grad, rtol=1e-4, atol=1e-4 * largest)


def test_a_mistaken_run_is_measured_on_held_out_points_as_the_right_one(node: Node) -> None:
    script = """
const { Training } = await load("training.js");
const { MISTAKES } = await load("mistakes.js");
const settings = { hidden_dim: 8, depth: 1, batch_size: 16 };
const ids = MISTAKES.map(({ id }) => id).filter((id) => id !== "relu_on_head");
answer(ids.map((mistake) => {
  const mistaken = new Training(kernel, { ...settings, mistake });
  mistaken.step(5);
  const right = new Training(kernel, settings);
  right.network.loadTensors(mistaken.network.tensors(mistaken.network.parameters));
  const row = [mistaken.measure(), right.measure()].map(({ distortion, rate }) => [distortion, rate]);
  return { measured: row[0], expected: row[1] };
}));
"""
    found = node(script)
    assert len(found) == 7
    for row in found:
        assert row["measured"] == row["expected"]
