"""Distributions in the plane whose density is known exactly, each a small class.

All reach about as far as the curves do: within 1 of the origin, with a variance of about 0.2 in each coordinate. None
has a curve, so a model is measured on them without one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

from swissroll import checks
from swissroll.data.curves import Curve
from swissroll.data.distribution import Distribution, Sample
from swissroll.reproducibility.modes import ordinary_modes


@runtime_checkable
class HasDensity(Distribution, Protocol):
    """A distribution whose density is known exactly."""

    def log_density(self, points: Any) -> Tensor:
        """Log density at points (N, D), in nats, shape (N,), float64; minus infinity where no point can lie."""


@dataclass(frozen=True, kw_only=True)
class Gaussians:
    """A mixture of Gaussians; with one of them, a Gaussian.

    Gaussian noise only widens them, so the density stays exact with noise.

    Args:
        name: How messages and pictures call it.
        means: Of the Gaussians, K rows of D numbers.
        covariances: Of the Gaussians, K matrices of D by D, symmetric and positive definite.
        weights: Their shares, K numbers that sum to 1; equal ones by default.
        noise: Standard deviation of the noise in every coordinate, in data units, at most 1000.

    Raises:
        ValueError: A number is outside its range, or shapes or weights do not fit.
    """

    name: str
    means: Sequence[Sequence[float]]
    covariances: Sequence[Sequence[Sequence[float]]]
    weights: Sequence[float] | None = None
    noise: float = 0.0

    def __post_init__(self) -> None:
        checks.real("noise", self.noise, 0, 1e3)
        means = checks.points("means", self.means)
        count = len(means)
        covariances = checks.numbers("covariances", self.covariances)
        if covariances.shape != (count, self.data_dim, self.data_dim):
            wanted = (count, self.data_dim, self.data_dim)
            raise ValueError(f"covariances must have shape {wanted}; got shape {tuple(covariances.shape)}.")

        symmetric = torch.equal(covariances, covariances.mT)
        if not symmetric or torch.linalg.cholesky_ex(covariances).info.any():
            raise ValueError("covariances must be symmetric and positive definite.")

        shares = self._shares()
        sums_to_one = abs(float(shares.sum()) - 1) < 1e-9
        if shares.shape != (count,) or not sums_to_one or bool((shares <= 0).any()):
            found = checks.short(self.weights)
            raise ValueError(f"weights must be {count} numbers above 0 that sum to 1; got {found}.")

    @property
    def data_dim(self) -> int:
        """D, coordinates of a point."""
        return len(self.means[0])

    @property
    def coordinate_name(self) -> str:
        """What a point's coordinate is called."""
        return "component"

    @property
    def curve(self) -> Curve | None:
        """None: points lie near no curve."""
        return None

    @property
    def label_shares(self) -> tuple[float, ...]:
        """Share of each Gaussian, which labels its points."""
        return tuple(self._shares().tolist())

    @property
    def variance(self) -> float:
        """Variance of the points, averaged over coordinates, in squared data units; exact."""
        shares = self._shares()
        means, covariances = self._moments()
        centre = shares @ means

        # Var x = E Var(x | k) + Var E(x | k), in each coordinate.
        within = shares @ covariances.diagonal(dim1=1, dim2=2)
        between = shares @ (means - centre).square()
        return float((within + between).mean())

    @ordinary_modes()
    def log_density(self, points: Any) -> Tensor:
        """Log density at points (N, D), in nats, shape (N,), float64.

        Raises:
            ValueError: The points are not finite, or not in D dimensions.
        """
        x = checks.points("points", points, dim=self.data_dim)
        means, covariances = self._moments()
        gaussians = torch.distributions.MultivariateNormal(means, covariances, validate_args=False)
        by_component: Tensor = gaussians.log_prob(x[:, None, :])
        return (by_component + self._shares().log()).logsumexp(dim=1)

    def sample(self, n: int, *, generator: Generator | None = None, device: torch.device | str = "cpu") -> Sample:
        """Draw n points; the coordinate is the number of the Gaussian that each is from, counted from 0.

        Raises:
            ValueError: n is outside its range.
        """
        checks.whole("n", n, 1, 10**9)
        u = torch.rand(n, generator=generator, device=device, dtype=torch.float32)
        edges = self._shares().cumsum(dim=0)[:-1].to(device, torch.float32)
        component = torch.bucketize(u, edges, right=True)

        means, covariances = self._moments()
        scales = torch.linalg.cholesky(covariances).to(device, torch.float32)
        eps = torch.randn(n, self.data_dim, generator=generator, device=device, dtype=torch.float32)

        # x = m + L eps with L L^T = C.
        spread = (scales[component] @ eps[:, :, None])[:, :, 0]
        points = means.to(device, torch.float32)[component] + spread
        return Sample(points, component.to(torch.float32) if len(self.means) > 1 else None)

    def _shares(self) -> Tensor:
        """Share of each Gaussian, shape (K,), float64."""
        if self.weights is None:
            return torch.full((len(self.means),), 1 / len(self.means), dtype=torch.float64)
        return checks.numbers("weights", self.weights)

    def _moments(self) -> tuple[Tensor, Tensor]:
        """Means, shape (K, D), and covariances with the noise, shape (K, D, D), float64."""
        covariances = checks.numbers("covariances", self.covariances)
        white = self.noise**2 * torch.eye(self.data_dim, dtype=torch.float64)
        return checks.points("means", self.means), covariances + white


@dataclass(frozen=True, kw_only=True)
class Checkerboard:
    """Uniform on the eight black squares of a board of four by four, of side 0.4, about the origin.

    Args:
        noise: Standard deviation of the noise in every coordinate, in data units, at most 1000.

    Raises:
        ValueError: The noise is outside its range.
    """

    noise: float = 0.0

    def __post_init__(self) -> None:
        checks.real("noise", self.noise, 0, 1e3)

    @property
    def name(self) -> str:
        """The name that a config knows it by."""
        return "checkerboard"

    @property
    def data_dim(self) -> int:
        """Two."""
        return 2

    @property
    def coordinate_name(self) -> str:
        """What a point's coordinate is called."""
        return "square"

    @property
    def curve(self) -> Curve | None:
        """None: points lie near no curve."""
        return None

    @property
    def label_shares(self) -> tuple[float, ...]:
        """Share of each square, which labels its points."""
        return (1 / len(_corners()),) * len(_corners())

    @property
    def variance(self) -> float:
        """Variance of the points, averaged over coordinates, in squared data units; exact."""
        # Each coordinate alone is uniform on the board's whole side, of length s: its variance is s^2 / 12.
        return (BOARD * SQUARE) ** 2 / 12 + self.noise**2

    @ordinary_modes()
    def log_density(self, points: Any) -> Tensor:
        """Log density at points (N, 2), in nats, shape (N,), float64; minus infinity off the squares without noise.

        Raises:
            ValueError: The points are not finite, or not in two dimensions.
        """
        x = checks.points("points", points, dim=2)
        low = _corners()
        offset = x[:, None, :] - low

        # Each square is a product of two intervals, and so is what noise makes of it.
        if self.noise == 0:
            inside = (offset >= 0) & (offset < SQUARE)
            share = inside.double()
        else:
            share = torch.special.ndtr(offset / self.noise) - torch.special.ndtr((offset - SQUARE) / self.noise)
        in_any = share.prod(dim=2).sum(dim=1)
        return in_any.log() - math.log(len(low) * SQUARE**2)

    def sample(self, n: int, *, generator: Generator | None = None, device: torch.device | str = "cpu") -> Sample:
        """Draw n points; the coordinate is the number of the square that each is from, counted from 0.

        Raises:
            ValueError: n is outside its range.
        """
        checks.whole("n", n, 1, 10**9)
        low = _corners().to(device, torch.float32)
        square = torch.randint(len(low), (n,), generator=generator, device=device)
        within = torch.rand(n, 2, generator=generator, device=device, dtype=torch.float32)
        points = low[square] + SQUARE * within
        return Sample(add_noise(points, self.noise, generator), square.to(torch.float32))


BOARD = 4
"""Squares on a side of the checkerboard."""
SQUARE = 0.4
"""Side of its squares, in data units."""


def _corners() -> Tensor:
    """Lower left corners of the black squares, shape (8, 2), float64."""
    places = torch.cartesian_prod(torch.arange(BOARD), torch.arange(BOARD))
    black = places[places.sum(dim=1) % 2 == 0]
    return SQUARE * (black.double() - BOARD / 2)


@dataclass(frozen=True, kw_only=True)
class Pinwheel:
    """Five petals, Gaussians far from the origin, that a twist bends into a pinwheel.

    The twist turns each point about the origin by an angle that grows with its radius. It moves points along circles,
    so areas stay and the density at a point is that of the petals where it came from.

    Args:
        noise: Standard deviation of the noise in every coordinate, in data units, at most 1000.

    Raises:
        ValueError: The noise is outside its range.
    """

    noise: float = 0.0

    def __post_init__(self) -> None:
        checks.real("noise", self.noise, 0, 1e3)

    @property
    def name(self) -> str:
        """The name that a config knows it by."""
        return "pinwheel"

    @property
    def data_dim(self) -> int:
        """Two."""
        return 2

    @property
    def coordinate_name(self) -> str:
        """What a point's coordinate is called."""
        return "petal"

    @property
    def curve(self) -> Curve | None:
        """None: points lie near no curve."""
        return None

    @property
    def label_shares(self) -> tuple[float, ...]:
        """Share of each petal, which labels its points."""
        return _petals().label_shares

    @property
    def variance(self) -> float:
        """Variance of the points, averaged over coordinates, in squared data units; exact."""
        # A twist keeps every radius, and five petals balance one another: Var is the petals' own.
        return _petals().variance + self.noise**2

    @ordinary_modes()
    def log_density(self, points: Any) -> Tensor:
        """Log density at points (N, 2), in nats, shape (N,), float64.

        Raises:
            ValueError: The points are not finite, or not in two dimensions; or there is noise, with which the density
                has no closed form.
        """
        if self.noise > 0:
            raise ValueError("A pinwheel's density is known without noise only; leave the noise out.")
        return _petals().log_density(_twist(checks.points("points", points, dim=2), -TWIST))

    def sample(self, n: int, *, generator: Generator | None = None, device: torch.device | str = "cpu") -> Sample:
        """Draw n points; the coordinate is the number of the petal that each is from, counted from 0.

        Raises:
            ValueError: n is outside its range.
        """
        straight = _petals().sample(n, generator=generator, device=device)
        points = _twist(straight.points, TWIST)
        return Sample(add_noise(points, self.noise, generator), straight.coordinate)


PETALS = 5
TWIST = 2.5
"""Angle by which a pinwheel is turned at radius 1, in radians; it is proportional to the radius."""


def _twist(x: Tensor, angle: float) -> Tensor:
    """Turn points (N, 2) about the origin by an angle that is proportional to their radius."""
    turned = torch.view_as_complex(x.contiguous())
    radius = turned.abs()
    return torch.view_as_real(turned * torch.polar(torch.ones_like(radius), angle * radius))


def _petals() -> Gaussians:
    """The pinwheel before its twist: Gaussians on a circle, longer along the radius."""
    angles = [2 * math.pi * petal / PETALS for petal in range(PETALS)]
    covariances = tuple(turned_covariance(0.18, 0.05, angle) for angle in angles)
    return Gaussians(name="petals", means=_on_circle(0.6, PETALS), covariances=covariances)


def turned_covariance(along: float, across: float, angle: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Covariance of a Gaussian in the plane with these standard deviations along a direction and across it."""
    cos = math.cos(angle)
    sin = math.sin(angle)
    mixed = (along**2 - across**2) * cos * sin
    xx = (along * cos) ** 2 + (across * sin) ** 2
    yy = (along * sin) ** 2 + (across * cos) ** 2
    return ((xx, mixed), (mixed, yy))


def _on_circle(radius: float, count: int) -> tuple[tuple[float, float], ...]:
    """Even places on a circle about the origin, from angle 0 on."""
    angles = [2 * math.pi * place / count for place in range(count)]
    return tuple((radius * math.cos(angle), radius * math.sin(angle)) for angle in angles)


def gaussian(noise: float = 0.0) -> Gaussians:
    """One Gaussian, longer in one direction: all of it has a closed form."""
    covariance = turned_covariance(0.6, 0.2, math.pi / 6)
    return Gaussians(name="gaussian", means=((0.0, 0.0),), covariances=(covariance,), noise=noise)


def three_gaussians(noise: float = 0.0) -> Gaussians:
    """Three Gaussians of different weights and shapes."""
    return Gaussians(
        name="three_gaussians",
        means=((-0.5, -0.3), (0.45, -0.35), (0.1, 0.55)),
        covariances=(
            turned_covariance(0.25, 0.08, math.pi / 3),
            turned_covariance(0.12, 0.12, 0.0),
            turned_covariance(0.35, 0.06, -math.pi / 12),
        ),
        weights=(0.5, 0.3, 0.2),
        noise=noise,
    )


def eight_gaussians(noise: float = 0.0) -> Gaussians:
    """Eight equal, narrow Gaussians on a circle."""
    covariances = (turned_covariance(0.05, 0.05, 0.0),) * 8
    return Gaussians(name="eight_gaussians", means=_on_circle(0.63, 8), covariances=covariances, noise=noise)


def add_noise(points: Tensor, noise: float, generator: Generator | None) -> Tensor:
    """Points with Gaussian noise of this standard deviation in every coordinate."""
    if noise == 0:
        return points
    return points + noise * torch.randn(points.shape, generator=generator, device=points.device, dtype=points.dtype)
