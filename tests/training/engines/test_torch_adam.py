"""Oracle: PyTorch's own optimizer."""

import subprocess
import sys

import pytest
import torch

from swissroll.training.engines.torch_adam import Adam


def network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 20), torch.nn.Tanh(), torch.nn.Linear(20, 2))


def descend(model: torch.nn.Module, optimizer: torch.optim.Adam | Adam, steps: int) -> torch.Tensor:
    x = torch.linspace(-1, 1, 30).reshape(10, 3)
    for _ in range(steps):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("fused", [True, False])
def test_steps_equal_those_of_pytorchs_class_to_the_last_bit(fused: bool) -> None:
    ours, theirs = network(), network()
    found = descend(ours, Adam(list(ours.parameters()), lr=0.01, fused=fused), 50)
    # None is the class's default: on the CPU, one parameter at a time.
    expected = descend(theirs, torch.optim.Adam(theirs.parameters(), lr=0.01, fused=fused or None), 50)
    assert torch.equal(found, expected)


def test_a_loaded_state_goes_on_as_if_never_left() -> None:
    whole, first, second = network(), network(), network()
    expected = descend(whole, Adam(list(whole.parameters()), lr=0.01, fused=True), 30)
    before, after = (Adam(list(m.parameters()), lr=0.01, fused=True) for m in (first, second))
    descend(first, before, 20)
    second.load_state_dict(first.state_dict())
    after.load_state(before.state())
    assert torch.equal(descend(second, after, 10), expected)


def test_no_state_begins_anew() -> None:
    model = network()
    optimizer = Adam(list(model.parameters()), lr=0.01, fused=True)
    expected = descend(model, optimizer, 5)
    model.load_state_dict(network().state_dict())
    optimizer.load_state({})
    assert torch.equal(descend(model, optimizer, 5), expected)


def test_a_step_does_not_wait_for_the_compiler() -> None:
    code = (
        "import sys\nfrom swissroll.config import Config\nfrom swissroll.training.build import build\n"
        "list(build(Config(steps=1, hidden_dim=8, engine='torch')))\n"
        "assert not {'torch._dynamo', 'sympy', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
