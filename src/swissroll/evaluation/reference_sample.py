"""Real points to measure samples against: each distance beside its noise floor.

Two finite samples of one distribution are not at distance zero. So each distance stands beside its noise floor: the
same distance between real points and as many other real points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from swissroll import checks
from swissroll.evaluation.distances import (
    BANDWIDTH,
    BLUR,
    NAMES,
    NEIGHBOURS,
    Array,
    c2st_accuracy,
    means_over_pairs,
    negative_kernel,
    root_of_contrast,
    sliced_wasserstein,
    wasserstein,
)

MAX_EXACT = 500
"""Most points in the exact W2 of a comparison: its time grows faster than the square of their number."""


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A distance to real points beside its noise floor.

    Attributes:
        value: The distance.
        noise_floor: The same distance between real points and other real points: its mean over several draws.
        noise_floor_sd: Its standard deviation over these draws.
        n: Points in each sample.
    """

    value: float
    noise_floor: float
    noise_floor_sd: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Distances:
    """A sample's distances to real points; the functions of :mod:`swissroll.evaluation.distances` say what each is.

    Attributes:
        w2: ``wasserstein``, in the points' units.
        sliced_w2: ``sliced_wasserstein``, in the points' units.
        energy: ``energy_distance``, in the square root of the points' units.
        mmd: ``mmd``, without unit.
        c2st: ``c2st_accuracy``, a share: 0.5 is chance, 1 is a perfect classifier.
    """

    w2: Distance
    sliced_w2: Distance
    energy: Distance
    mmd: Distance
    c2st: Distance


class ReferenceSample:
    """Real points to measure samples against, with the noise floor of every distance.

    Args:
        real: Real points, shape (N, D).
        real_again: Other real points, at least two samples of shape (N, D): the draws of the noise floors.
        exact: Most points in an exact W2; larger samples are thinned at random.
        blur: Noise of :func:`c2st_accuracy`, in the points' units.
        bandwidth: Kernel of :func:`mmd`, in the points' units.
        seed: Fixes directions, blur and thinning, the same ones for every sample.

    Attributes:
        noise_floors: Mean and standard deviation of each distance between real points, by its name.

    Raises:
        ValueError: A sample is empty, too small or not finite, they differ in D, or an argument is out of range.
    """

    def __init__(
        self,
        real: Any,
        real_again: Sequence[Any],
        *,
        exact: int = MAX_EXACT,
        blur: float = BLUR,
        bandwidth: float = BANDWIDTH,
        seed: int = 0,
    ) -> None:
        checks.whole("exact", exact, 1, 10**5)
        checks.whole("seed", seed, 0, 2**63 - 1)
        checks.real("blur", blur, 0, math.inf)
        checks.real("bandwidth", bandwidth, 0, math.inf, open_low=True)
        self.real = checks.points("real", real)
        others = _samples("real_again", real_again, dim=self.real.shape[1])
        self.exact = exact
        self.blur = blur
        self.bandwidth = bandwidth
        self.seed = seed
        self._own_means: dict[int, list[float]] = {}

        draws = [self.measure(sample) for sample in others]
        self.noise_floors = {}
        for name in NAMES:
            values = [draw[name][0] for draw in draws]
            self.noise_floors[name] = (float(np.mean(values)), float(np.std(values, ddof=1)))

    def compare(self, generated: Any) -> Distances:
        """Measure a sample, shape (M, D), against the real points."""
        measured = {}
        for name, (value, n) in self.measure(generated).items():
            mean, sd = self.noise_floors[name]
            measured[name] = Distance(value=value, noise_floor=mean, noise_floor_sd=sd, n=n)
        return Distances(**measured)

    def measure(self, sample: Any) -> dict[str, tuple[float, int]]:
        """Every distance of a sample to the real points, without noise floors: by name, value and number of points."""
        points = checks.points("sample", sample, dim=self.real.shape[1])
        n = min(len(points), len(self.real))
        few = min(n, self.exact)
        # Odd, and fewer than there are of one kind: a small table holds out a few rows only.
        neighbours = min(NEIGHBOURS, max(1, 2 * (n // 2) - 1))

        # Equal numbers, thinned at random: a decoded grid comes in order.
        x = self._thin(points, n)
        y = self._thin(self.real, n)

        energy, discrepancy = self._contrasts(x.numpy(), y.numpy())
        values = {
            "w2": wasserstein(x[:few], y[:few]),
            "sliced_w2": sliced_wasserstein(x, y, generator=self._generator()),
            "energy": energy,
            "mmd": discrepancy,
            "c2st": c2st_accuracy(x, y, neighbours=neighbours, blur=self.blur, generator=self._generator()),
        }
        return {name: (value, few if name == "w2" else n) for name, value in values.items()}

    def _contrasts(self, x: Array, y: Array) -> list[float]:
        """Energy distance and MMD of a sample and as many real points, whose own part is kept."""
        functions = (np.sqrt, negative_kernel(self.bandwidth))
        if len(y) not in self._own_means:
            self._own_means[len(y)] = means_over_pairs(y, y, *functions)

        cross = means_over_pairs(x, y, *functions)
        own_x = means_over_pairs(x, x, *functions)
        own_y = self._own_means[len(y)]
        return [root_of_contrast(*means) for means in zip(cross, own_x, own_y, strict=True)]

    def _generator(self) -> Generator:
        return Generator().manual_seed(self.seed)

    def _thin(self, points: Tensor, n: int) -> Tensor:
        order = torch.randperm(len(points), generator=self._generator())
        return points[order[:n]]


def compare(generated: Any, real: Any, real_again: Sequence[Any], **settings: Any) -> Distances:
    """Measure a sample against real points, with noise floors.

    Args:
        generated: Points, shape (N, D).
        real: Real points, shape (N, D).
        real_again: At least two other samples of real points, each of shape (N, D).
        **settings: As :class:`ReferenceSample` takes them; it also serves several samples at the price of one.

    Raises:
        ValueError: As :class:`ReferenceSample` says.
    """
    points = checks.points("generated", generated)
    reference = ReferenceSample(real, real_again, **settings)
    return reference.compare(checks.points("generated", points, dim=reference.real.shape[1]))


def _samples(name: str, values: Any, *, dim: int) -> list[Tensor]:
    """At least two samples of points: their spread is that of a noise floor."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) < 2:
        raise ValueError(f"{name} must hold at least 2 samples, for the spread of a noise floor.")
    return [checks.points(name, value, dim=dim) for value in values]
