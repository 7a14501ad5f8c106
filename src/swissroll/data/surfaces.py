"""Surfaces in space that points are drawn from, each with its own two coordinates.

A model with two latent dimensions can unroll the Swiss roll in space, but not the torus, which has no map to the plane.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from swissroll import checks
from swissroll.data.curves import CURVES, Curve
from swissroll.data.densities import add_noise
from swissroll.data.distribution import NoisyCurve, Sample


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A parametric surface in data space and the distribution of its two coordinates.

    Attributes:
        name: How a config names it.
        data_dim: D, coordinates of a point.
        coordinate_names: Of the two coordinates; the first one colours pictures.
        variance: Variance of its points, averaged over coordinates, in squared data units.
        coordinates: Maps u, uniform on [0, 1)^2, shape (N, 2), to the two coordinates, shape (N, 2).
        position: Maps the two coordinates, shape (N, 2), to points, shape (N, D).
    """

    name: str
    data_dim: int
    coordinate_names: tuple[str, str]
    variance: float
    coordinates: Callable[[Tensor], Tensor]
    position: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class NoisySurface:
    """Points of a surface, with Gaussian noise about them: a :class:`swissroll.data.Distribution`.

    Args:
        surface: The surface.
        noise: Standard deviation of the noise in every coordinate, in data units, at most 1000.

    Raises:
        ValueError: The noise is outside its range.
    """

    surface: Surface
    noise: float = 0.0

    def __post_init__(self) -> None:
        checks.instance("surface", self.surface, Surface, "a surface, such as swissroll.data.SURFACES['torus']")
        checks.real("noise", self.noise, 0, 1e3)

    @property
    def name(self) -> str:
        """The surface's name."""
        return self.surface.name

    @property
    def data_dim(self) -> int:
        """D, coordinates of a point."""
        return self.surface.data_dim

    @property
    def coordinate_name(self) -> str:
        """What the coordinate that colours a point is called."""
        return self.surface.coordinate_names[0]

    @property
    def curve(self) -> Curve | None:
        """None: points lie on a surface, near no curve."""
        return None

    @property
    def variance(self) -> float:
        """Variance of the points, averaged over coordinates, in squared data units."""
        return self.surface.variance + self.noise**2

    def sample(self, n: int, *, generator: Generator | None = None, device: torch.device | str = "cpu") -> Sample:
        """Draw n points and the first of their coordinates, as :meth:`swissroll.data.Distribution.sample` says.

        Raises:
            ValueError: n is outside its range.
        """
        points, coordinates = self.sample_coordinates(n, generator=generator, device=device)
        return Sample(points, coordinates[:, 0])

    def sample_coordinates(
        self, n: int, *, generator: Generator | None = None, device: torch.device | str = "cpu"
    ) -> tuple[Tensor, Tensor]:
        """Draw n points, shape (n, D), and both of their coordinates, shape (n, 2).

        Raises:
            ValueError: n is outside its range.
        """
        checks.whole("n", n, 1, 10**9)
        u = torch.rand(n, 2, generator=generator, device=device, dtype=torch.float32)
        coordinates = self.surface.coordinates(u)
        points = add_noise(self.surface.position(coordinates), self.noise, generator)
        return points, coordinates


HEIGHT = 1.4
"""Height of the Swiss roll in space: the usual 21, divided by 15 as the roll is."""
TORUS_RADIUS = 0.7
"""Radius of the circle in the middle of the torus's tube."""
TUBE_RADIUS = 0.3
KEPLER_STEPS = 20
"""Newton steps of the equation of the tube's angle; a few reach rounding error."""


def _roll_coordinates(u: Tensor) -> Tensor:
    """Angle t of the roll and height, both uniform."""
    t = CURVES["swiss_roll"].coordinate(u[:, 0])
    height = HEIGHT * (u[:, 1] - 0.5)
    return torch.stack([t, height], dim=1)


def _roll_position(coordinates: Tensor) -> Tensor:
    """The roll of the plane in the first and the last coordinate, the height between them."""
    t, height = coordinates.unbind(dim=1)
    across = CURVES["swiss_roll"].position(t)
    return torch.stack([across[:, 0], height, across[:, 1]], dim=1)


def _torus_coordinates(u: Tensor) -> Tensor:
    """Angles around the torus and around its tube, such that points are uniform by area."""
    around = 2 * math.pi * u[:, 0]
    target = 2 * math.pi * u[:, 1]
    ratio = TUBE_RADIUS / TORUS_RADIUS

    # Area grows with the distance from the axis, R + r cos a.
    # So a solves Kepler's equation, a + (r / R) sin a = 2 pi u.
    angle = target
    for _ in range(KEPLER_STEPS):
        miss = angle + ratio * torch.sin(angle) - target
        angle = angle - miss / (1 + ratio * torch.cos(angle))
    return torch.stack([around, angle], dim=1)


def _torus_position(coordinates: Tensor) -> Tensor:
    around, angle = coordinates.unbind(dim=1)
    from_axis = TORUS_RADIUS + TUBE_RADIUS * torch.cos(angle)
    height = TUBE_RADIUS * torch.sin(angle)
    return torch.stack([from_axis * torch.cos(around), from_axis * torch.sin(around), height], dim=1)


SURFACES = {
    "swiss_roll_3d": Surface(
        name="swiss_roll_3d",
        data_dim=3,
        coordinate_names=("t", "height"),
        # Two coordinates of the roll, and a uniform one.
        variance=(2 * NoisyCurve(CURVES["swiss_roll"]).variance + HEIGHT**2 / 12) / 3,
        coordinates=_roll_coordinates,
        position=_roll_position,
    ),
    "torus": Surface(
        name="torus",
        data_dim=3,
        coordinate_names=("around", "tube"),
        # E |x|^2 = R^2 + 2 r^2 for points that are uniform by area.
        variance=(TORUS_RADIUS**2 + 2 * TUBE_RADIUS**2) / 3,
        coordinates=_torus_coordinates,
        position=_torus_position,
    ),
}
"""The surfaces by name."""
