"""Curves that points are drawn from, each with its own coordinate t.

A curve has one piece (the roll, the helix) or several (two moons); t runs through the pieces one after the other, each
taking an equal share of its range, so that one number names a point and t is uniform whatever the shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Generator, Tensor

from swissroll import checks
from swissroll.reproducibility.modes import ordinary_modes


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
        pieces: Number of pieces; each takes an equal share of [start, stop).
        closed: Whether each piece ends where it starts.
    """

    name: str
    data_dim: int
    start: float
    stop: float
    coordinate: Callable[[Tensor], Tensor]
    position: Callable[[Tensor], Tensor]
    pieces: int = 1
    closed: bool = False

    def __reduce__(self) -> Any:
        # Copied and pickled by name: functions of a module's own have none.
        if CURVES.get(self.name) is self:
            return _named, (self.name,)
        return super().__reduce__()

    def piece(self, t: Tensor) -> Tensor:
        """Which piece each t lies on, whole numbers from 0, shape (N,)."""
        share = (t - self.start) * (self.pieces / (self.stop - self.start))
        return share.floor().clamp(0, self.pieces - 1).long()

    def intervals(self) -> Tensor:
        """First and last t of every piece, shape (pieces, 2), float64.

        The last one is the largest number that still belongs to its piece.
        """
        edges = torch.linspace(self.start, self.stop, self.pieces + 1, dtype=torch.float64)
        last = torch.nextafter(edges[1:], edges[:-1])
        return torch.stack([edges[:-1], last], dim=1)

    def midpoints(self, n: int) -> Tensor:
        """Evenly spread t, shape (n,), float64: the middles of n equal parts of [start, stop)."""
        checks.whole("n", n, 1, 10**9)
        u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
        return self.start + (self.stop - self.start) * u

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
        u = torch.rand(n, generator=generator, device=device, dtype=torch.float32)
        t = self.coordinate(u)
        x = self.position(t)

        if noise > 0:
            x = x + noise * torch.randn(x.shape, generator=generator, device=device, dtype=torch.float32)
        return x, t


def _named(name: str) -> Curve:
    return CURVES[name]


def _swiss_roll(t: Tensor) -> Tensor:
    """An Archimedean spiral of one and a half turns, of radius t / 15; t is the angle."""
    return torch.stack([t * torch.cos(t), t * torch.sin(t)], dim=1) / 15.0


def _moons(t: Tensor) -> Tensor:
    """Two half circles of radius 2/3 that reach into one another; the whole part of t is the moon."""
    lower, share = _split(t, 2)
    x = torch.cos(math.pi * share)
    y = torch.sin(math.pi * share)

    # The lower moon is the upper one turned by half a circle about (1/2, 1/4).
    turn = 1 - 2 * lower
    return torch.stack([turn * (x - 0.5), turn * (y - 0.25)], dim=1) / 1.5


def _circles(t: Tensor) -> Tensor:
    """Circles of radius 0.8 and 0.4 about the origin, as many points on each; the whole part of t is the circle."""
    inner, turns = _split(t, 2)
    angle = 2 * math.pi * turns
    radius = 0.8 - 0.4 * inner
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)


def _spirals(t: Tensor) -> Tensor:
    """Three Archimedean arms of three quarters of a turn; the whole part of t is the arm."""
    arm, share = _split(t, 3)
    angle = 2 * math.pi / 3 * arm + 1.5 * math.pi * share
    radius = 0.15 + 0.85 * share
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)


def _rings(t: Tensor) -> Tensor:
    """Circles of radius 0.9, 0.6 and 0.3 about the origin, as many points on each; the whole part of t is the ring."""
    ring, turns = _split(t, 3)
    angle = 2 * math.pi * turns
    radius = 0.9 - 0.3 * ring
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)


def _s_curve(t: Tensor) -> Tensor:
    """An S of two arcs of radius 1/2.4, each of three quarters of a turn, that meet at t = 0; t is the angle."""
    bend = torch.sign(t) * (torch.cos(t) - 1)
    return torch.stack([torch.sin(t), bend], dim=1) / 2.4


def _sine(t: Tensor) -> Tensor:
    """Two periods of a sine of height 0.55; t runs along the first axis."""
    return torch.stack([0.9 * t, 0.55 * torch.sin(2 * math.pi * t)], dim=1)


def _helix(t: Tensor) -> Tensor:
    """Three turns of radius 0.6 that climb from -0.9 to 0.9; t is the angle."""
    return torch.stack([0.6 * torch.cos(t), 0.6 * torch.sin(t), (0.3 / math.pi) * t], dim=1)


def _split(t: Tensor, pieces: int) -> tuple[Tensor, Tensor]:
    """Whole part of t, at most pieces - 1, and the rest, in [0, 1]."""
    piece = t.floor().clamp(0, pieces - 1)
    return piece, t - piece


def _pieces(name: str, pieces: int, position: Callable[[Tensor], Tensor], *, closed: bool = False) -> Curve:
    """A plane curve of several pieces with t in [0, pieces): its whole part is the piece."""
    return Curve(
        name=name,
        data_dim=2,
        start=0.0,
        stop=float(pieces),
        coordinate=lambda u: pieces * u,
        position=position,
        pieces=pieces,
        closed=closed,
    )


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
    "moons": _pieces("moons", 2, _moons),
    "circles": _pieces("circles", 2, _circles, closed=True),
    "spirals": _pieces("spirals", 3, _spirals),
    "rings": _pieces("rings", 3, _rings, closed=True),
    "s_curve": Curve(
        name="s_curve",
        data_dim=2,
        start=-1.5 * math.pi,
        stop=1.5 * math.pi,
        coordinate=lambda u: 1.5 * math.pi * (2 * u - 1),
        position=_s_curve,
    ),
    "sine": Curve(
        name="sine",
        data_dim=2,
        start=-1.0,
        stop=1.0,
        coordinate=lambda u: 2 * u - 1,
        position=_sine,
    ),
    "helix": Curve(
        name="helix",
        data_dim=3,
        start=-3 * math.pi,
        stop=3 * math.pi,
        coordinate=lambda u: 3 * math.pi * (2 * u - 1),
        position=_helix,
    ),
}


@lru_cache
def piece_of(curve: Curve, piece: int) -> Curve:
    """One piece of a curve, from 0, as a curve; the same one each time, so that what is known of it can be kept."""
    checks.whole("piece", piece, 0, curve.pieces - 1)
    start, stop = curve.intervals()[piece].tolist()
    return replace(
        curve,
        name=f"{curve.name}, piece {piece}",
        start=start,
        stop=stop,
        coordinate=lambda u: curve.coordinate((u + piece) / curve.pieces),
        pieces=1,
    )


def require_curve(name: str, value: object) -> None:
    """Require a curve; raises ValueError otherwise."""
    checks.instance(name, value, Curve, "a curve, such as swissroll.data.CURVES['swiss_roll']")


@ordinary_modes()
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
