"""What points come from: the one door through which a run gets its data.

A distribution draws points. Where its geometry is known exactly it has a curve, and then a model is also measured
against that curve; where it has none, everything that needs one is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Generator, Tensor, device

from swissroll import checks
from swissroll.data.curves import Curve, require_curve

VARIANCE_POINTS = 2**14
"""Even points along a curve whose mean square is its variance."""


class Sample(NamedTuple):
    """Points that were drawn.

    Attributes:
        points: Shape (N, D), in data units.
        coordinate: What colours a point in pictures, such as its t along a curve, shape (N,); None where there is
            nothing of the kind.
    """

    points: Tensor
    coordinate: Tensor | None


@runtime_checkable
class Distribution(Protocol):
    """What points come from.

    Attributes:
        name: How messages and pictures call it.
        data_dim: D, coordinates of a point.
        curve: The noiseless curve that its points lie on or near; None where none is known.
        noise: Standard deviation of the Gaussian noise about that curve, in data units.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def data_dim(self) -> int: ...  # noqa: D102

    @property
    def curve(self) -> Curve | None: ...  # noqa: D102

    @property
    def noise(self) -> float: ...  # noqa: D102

    @property
    def variance(self) -> float:
        """Variance of the points, averaged over coordinates, in squared data units."""

    def sample(self, n: int, *, generator: Generator | None = None, device: device | str = "cpu") -> Sample:
        """Draw n points.

        Args:
            n: Number of points, at least 1.
            generator: Source of randomness; PyTorch's global one by default.
            device: Where to draw; the generator's device.
        """


@dataclass(frozen=True)
class NoisyCurve:
    """Points uniform in a curve's coordinate, with Gaussian noise about them: a :class:`Distribution`.

    Args:
        curve: The curve.
        noise: Standard deviation of the noise in every coordinate, in data units, at most 1000.

    Raises:
        ValueError: The noise is outside its range.
    """

    curve: Curve
    noise: float = 0.0

    def __post_init__(self) -> None:
        require_curve("curve", self.curve)
        checks.real("noise", self.noise, 0, 1e3)

    @property
    def name(self) -> str:
        """The curve's name."""
        return self.curve.name

    @property
    def data_dim(self) -> int:
        """D, coordinates of a point."""
        return self.curve.data_dim

    @property
    def variance(self) -> float:
        """Variance of the points, averaged over coordinates, in squared data units.

        Exact to the rounding of a fine sum along the curve.
        """
        x = self.curve.position(self.curve.midpoints(VARIANCE_POINTS))

        # Var(curve + noise) = Var(curve) + noise^2, in each coordinate.
        return x.var(dim=0, correction=0).mean().item() + self.noise**2

    def sample(self, n: int, *, generator: Generator | None = None, device: device | str = "cpu") -> Sample:
        """Draw n points and their coordinates t; as :meth:`Distribution.sample` says.

        Raises:
            ValueError: n is outside its range.
        """
        points, t = self.curve.sample(n, noise=self.noise, generator=generator, device=device)
        return Sample(points, t)
