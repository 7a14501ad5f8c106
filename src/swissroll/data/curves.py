"""Curves that points are drawn from, each with its own coordinate t."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from swissroll import checks


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A parametric curve in data space and the uniform distribution of its coordinate.

    Attributes:
        name: How a config names it.
        data_dim: D, coordinates of a point.
        start: Smallest t.
        stop: Largest t.
        coordinate: Maps u, uniform on [0, 1), to t on [start, stop).
        position: Maps t, shape (N,), to points, shape (N, D).
    """

    name: str
    data_dim: int
    start: float
    stop: float
    coordinate: Callable[[Tensor], Tensor]
    position: Callable[[Tensor], Tensor]

    def sample(
        self,
        n: int,
        *,
        noise: float = 0.0,
        generator: Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> tuple[Tensor, Tensor]:
        """Draw points and their coordinates.

        Args:
            n: Number of points, at least 1.
            noise: Standard deviation of Gaussian noise added to every coordinate, in data units.
            generator: Source of randomness; PyTorch's global one by default.
            device: Where to draw; the generator's device.

        Returns:
            Points, shape (n, D), and t, shape (n,).

        Raises:
            ValueError: n or noise is outside its range.
        """
        checks.whole("n", n, 1, 10**9)
        checks.real("noise", noise, 0, 1e3)
        t = self.coordinate(torch.rand(n, generator=generator, device=device))
        x = self.position(t)
        if noise > 0:
            x = x + noise * torch.randn(x.shape, generator=generator, device=device)
        return x, t


def _swiss_roll(t: Tensor) -> Tensor:
    return torch.stack([t * torch.cos(t), t * torch.sin(t)], dim=1) / 15.0


CURVES = {
    "swiss_roll": Curve(
        name="swiss_roll",
        data_dim=2,
        start=1.5 * math.pi,
        stop=4.5 * math.pi,
        # In the notebook's order, which decides the last bit.
        coordinate=lambda u: 1.5 * math.pi * (1 + 2 * u),
        position=_swiss_roll,
    ),
}


def generate_swiss_roll(n_samples: int = 1000) -> Tensor:
    """Draw points of the 2-D Swiss roll with PyTorch's global generator, as the notebook does.

    t is uniform on [1.5 pi, 4.5 pi) and a point is (t cos t, t sin t) / 15.

    Args:
        n_samples: Number of points, at least 1.

    Returns:
        Points, shape (n_samples, 2), float32, in data units.

    Raises:
        ValueError: n_samples is not a whole number of at least 1.
    """
    checks.whole("n_samples", n_samples, 1, 10**9)
    return CURVES["swiss_roll"].sample(n_samples)[0]
