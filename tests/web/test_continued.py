"""A run that goes on from weights alone: Adam's moments did not come with them.

Oracle: the same run that was never interrupted.
"""

from __future__ import annotations

import pytest

from tests.web.conftest import Node

SCRIPT = """
const { Training } = await load("training.js");
const sizes = { hidden_dim: 256, depth: 3, batch_size: 64 };
const settings = { ...sizes, reduction: "sum", beta: 0.02, lr: 0.003, steps: 10_000 };
const whole = new Training(kernel, settings);
whole.step(500);
const { step, generators } = whole.state();
const tensors = structuredClone(whole.network.tensors(whole.network.parameters));
const losses = (training, count) =>
  Array.from({ length: count }, () => {
    training.step(1);
    return training.terms().loss;
  });
const uninterrupted = losses(whole, 300);

const own = new Training(kernel, settings);
own.restore({ step, tensors });
own.generators.data.state = generators.data;
own.generators.noise.state = generators.noise;
const first = losses(own, 5);
const branch = new Training(kernel, settings);
branch.restore(own.state());
const continued = losses(own, 295);
const branched = losses(branch, 295);
answer({ uninterrupted, first, continued, branched });
"""


@pytest.fixture(scope="module")
def found(node: Node) -> dict[str, list[float]]:
    answered: dict[str, list[float]] = node(SCRIPT)
    return answered


def test_it_does_not_jump(found: dict[str, list[float]]) -> None:
    assert max(found["first"] + found["continued"]) < 1.1 * max(found["uninterrupted"])


def test_a_branch_of_it_goes_the_same_way(found: dict[str, list[float]]) -> None:
    assert found["branched"] == found["continued"]
