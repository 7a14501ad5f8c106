"""What a sampler is asked for depends on its loops, and never on the machine's speed.

Oracle: the loops as they are written, one body for each point or number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from swissroll.exercise.asking import Found, answer
from swissroll.exercise.laws.measured_sampler import (
    LINES_OF_A_LOOP,
    SAMPLE,
    SHAPES,
    SMALL,
    draw_sample,
    measure_sampler,
)
from swissroll.exercise.subject import LocalSubject


def at_once(mu: Tensor, logvar: Tensor) -> Tensor:
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def slow_but_at_once(mu: Tensor, logvar: Tensor) -> Tensor:
    for _ in range(50):
        torch.mm(torch.ones(200, 200), torch.ones(200, 200))
    return at_once(mu, logvar)


def by_distribution(mu: Tensor, logvar: Tensor) -> Tensor:
    noise = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    moved = torch.distributions.AffineTransform(mu, torch.exp(0.5 * logvar))
    z: Tensor = torch.distributions.TransformedDistribution(noise, [moved]).rsample()
    return z


def by_points(mu: Tensor, logvar: Tensor) -> Tensor:
    return torch.stack([at_once(m, v) for m, v in zip(mu, logvar, strict=True)])


def by_numbers(mu: Tensor, logvar: Tensor) -> Tensor:
    z = torch.zeros_like(mu)
    for row in range(mu.shape[0]):
        for column in range(mu.shape[1]):
            z[row, column] = mu[row, column] + torch.exp(0.5 * logvar[row, column]) * torch.randn(())
    return z


@pytest.mark.parametrize(
    ("sampler", "shape", "least", "most"),
    [
        (at_once, SHAPES[0], 0.0, 0.0),
        # Some fifty lines of torch.distributions, for a thousand points as for one.
        (by_distribution, SHAPES[0], 0.0, LINES_OF_A_LOOP),
        # For each point its own line and the sampler's, and four numbers in it.
        (by_points, SHAPES[0], 0.4, 0.6),
        # A line for each number, and the turns of two loops.
        (by_numbers, SMALL, 2.0, 4.0),
    ],
)
def test_loops_over_points_are_counted(
    sampler: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, int], least: float, most: float
) -> None:
    measured = measure_sampler(LocalSubject(Found(reparameterize=sampler)), seed=3)
    assert measured.error is None
    assert measured.shape == shape
    assert least <= measured.lines_per_number <= most


def test_a_slow_sampler_is_asked_for_the_same() -> None:
    subject = LocalSubject(Found(reparameterize=slow_but_at_once))
    measured = measure_sampler(subject, seed=3)
    assert measured.shape == SHAPES[0]
    # One large call, as of a sampler that is quick.
    assert draw_sample(subject, measured, 5, many_calls=False).shape == (SAMPLE // SHAPES[0][1], SHAPES[0][1])


def test_counting_leaves_the_tracer_as_it_was() -> None:
    call = {"mu": torch.zeros(4, 2), "head": torch.zeros(4, 2), "seed": 1, "counted": True}
    before = sys.gettrace()
    found = Found(reparameterize=by_points)
    one, again = answer(found, {"kind": "draw", "calls": [call, call | {"counted": False}]})["draws"]
    assert sys.gettrace() is before
    assert torch.equal(one["z"], again["z"])
    assert (one["lines"] > 4, again["lines"]) == (True, None)
