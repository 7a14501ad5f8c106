"""Two hundred steps of the lab beside PyTorch's, over random settings.

Both compute in float32 and round differently, and training can make a difference in the last bit grow without bound. So
where losses part, PyTorch is begun once more with each weight one unit in the last place away: what it does to itself,
the lab may do.
"""

from __future__ import annotations

import copy
import random

import pytest
import torch
from torch import Tensor

from swissroll.config import Config
from tests.web.conftest import Node
from tests.web.torch_run import STEPS_SCRIPT, TorchRun, torch_run

RUNS = 30
STEPS = 200
FIRST_STEPS = 20
TOLERANCE = 1e-4
FIRST_TOLERANCE = 1e-5


def random_config(seed: int) -> Config:
    draw = random.Random(seed)  # noqa: S311
    components = draw.choice([0, 0, 0, 5, 20])
    return Config(
        dataset=draw.choice(["swiss_roll", "moons", "circles", "spirals", "helix"]),
        noise=draw.choice([0.0, 0.05]),
        latent_dim=draw.randint(1, 4),
        hidden_dim=draw.choice([1, 7, 16, 32, 64]),
        depth=draw.randint(0, 4),
        activation=draw.choice(["relu", "leaky_relu", "elu", "silu", "softplus", "tanh"]),
        initialization=draw.choice(["default", "he"]),
        components=components,
        decoder_variance=draw.choice(["fixed", "fixed", "learned"]),
        beta=10 ** draw.uniform(-4, 0),
        beta_start=draw.choice([None, None, 0.5]),
        reduction=draw.choice(["mean", "sum"]),
        steps=STEPS,
        batch_size=draw.choice([3, 16, 64]),
        lr=10 ** draw.uniform(-4, -2),
        lr_schedule=draw.choice(["constant", "cosine"]),
        warmup=draw.choice([0, 30]),
        seed=seed,
    )


def deviation(found: Tensor, expected: Tensor) -> Tensor:
    """The largest relative difference up to each step."""
    # A learned variance lets a loss pass through 0: relative to its size near there.
    scale = expected.abs().clamp_min(0.01 * expected.abs().max())
    return ((found - expected).abs() / scale).cummax(0).values


def losses_from_one_ulp_away(config: Config) -> list[Tensor]:
    """PyTorch's losses from weights moved to the next number, up and down."""
    found = []
    for direction in (torch.inf, -torch.inf):
        run = torch_run(config, STEPS)
        for weight in run.model.parameters():
            weight.data = torch.nextafter(weight.data, torch.tensor(direction))
        found.append(run.losses(STEPS))
    return found


@pytest.fixture(scope="module")
def runs() -> list[TorchRun]:
    return [torch_run(random_config(seed), STEPS) for seed in range(RUNS)]


@pytest.fixture(scope="module")
def losses_of_lab(node: Node, runs: list[TorchRun]) -> list[list[float]]:
    """The lab's losses of each run; in one process, as Node takes longer to start than to train."""
    steps = STEPS_SCRIPT.replace("answer(", "all.push(")
    script = f"const inputs = input;\nconst all = [];\nfor (const input of inputs) {{\n{steps}\n}}\nanswer(all);"
    found: list[list[float]] = node(script, [run.to_lab() for run in runs])
    return found


@pytest.mark.parametrize("seed", range(RUNS))
def test_losses_are_those_of_torch(seed: int, runs: list[TorchRun], losses_of_lab: list[list[float]]) -> None:
    run = runs[seed]
    found = torch.tensor(losses_of_lab[seed])
    expected = copy.deepcopy(run).losses(STEPS)
    apart = deviation(found, expected)
    if apart[FIRST_STEPS - 1] <= FIRST_TOLERANCE and apart[-1] <= TOLERANCE:
        return

    own = torch.stack([deviation(losses, expected) for losses in losses_from_one_ulp_away(run.config)]).amax(0)
    print(f"{run.config}")
    print(f"lab {apart[FIRST_STEPS - 1]:.1e}, {apart[-1]:.1e}; torch {own[FIRST_STEPS - 1]:.1e}, {own[-1]:.1e}")
    assert apart[FIRST_STEPS - 1] <= max(FIRST_TOLERANCE, 2 * own[FIRST_STEPS - 1].item())
    assert apart[-1] <= max(TOLERANCE, 2 * own[-1].item())
