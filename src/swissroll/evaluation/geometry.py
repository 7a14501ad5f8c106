"""Where points lie against the data's own curve.

The curve c(t) is known, so the distance of a point x to it, min over t of |x - c(t)|, is exact: at the nearest t the
derivative of the squared distance, (c(t) - x) . c'(t), is zero, or t is an end of a piece.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import stdev
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from swissroll import checks
from swissroll.data import Curve
from swissroll.data.curves import require_curve
from swissroll.evaluation.uncertainty import quantile_se
from swissroll.reproducibility.modes import ordinary_modes

GRID = 512
"""Points on each piece among which the nearest t is searched first."""
CANDIDATES = 4
"""Local minima of that search that are refined: the best one on the grid need not be the best between grid points."""
CHUNK = 2048
"""Points projected at a time, which bounds the memory."""
TOLERANCE = 0.05
"""Distance, in data units, within which a point counts as on the curve."""
BINS = 50
"""Equal bins in t for the coverage."""
FINE_GRID = 2**13
"""Points on the whole curve, from the nearest of which the distances in the tails are refined."""
STRAY = 5 / 16
"""Distance off the curve from which a point is a stray, in root-mean-square radii of the curve.

On the Swiss roll that is 0.2 data units, about half way to the next turn."""
NOISE_REACH = 5.0
"""Standard deviations of noise that a point may be farther off than that: a real point never is."""
NEWTON_STEPS = 60
"""Most steps of the search for a nearest t; bisection alone needs about as many."""


@dataclass(frozen=True, kw_only=True)
class Projection:
    """The nearest points of a curve.

    Attributes:
        distance: Euclidean distance to the curve, in data units, shape (N,), float64.
        t: Coordinate of the nearest point, shape (N,), float64.
    """

    distance: Tensor
    t: Tensor


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How a sample covers a curve. A name that ends in ``_se`` is the standard error of a number over the points.

    Attributes:
        n: Points in the sample.
        off_median: Median distance to the curve, in data units.
        off_median_se: Its standard error.
        off_p90: 90th percentile of the distance, in data units.
        off_p90_se: Its standard error.
        off_p99: 99th percentile of the distance, in data units, of ``n_tails`` points.
        off_p99_se: Its standard error.
        off_p999: 99.9th percentile of the distance, in data units, of ``n_tails`` points.
        off_p999_se: Its standard error.
        strays: Share of ``n_tails`` points that are strays: farther off the curve than :func:`stray_distance`.
        strays_se: Its standard error.
        n_tails: Points that the tails are seen in.
        coverage: Share of equal bins in t that hold a point within the tolerance of the curve; 1 is all.
        ks: Kolmogorov-Smirnov distance between t and the uniform distribution that data have, in [0, 1]; of all points.
        longest_gap: Longest stretch of t without a point within the tolerance, as a share of t's whole range.
    """

    n: int
    off_median: float
    off_median_se: float
    off_p90: float
    off_p90_se: float
    off_p99: float
    off_p99_se: float
    off_p999: float
    off_p999_se: float
    strays: float
    strays_se: float
    n_tails: int
    coverage: float
    ks: float
    longest_gap: float


@dataclass(frozen=True, kw_only=True)
class FitSpread:
    """How far several samples of one size differ in how they cover a curve: standard deviations.

    Attributes:
        coverage: As for :class:`Fit`.
        ks: As for :class:`Fit`.
        longest_gap: As for :class:`Fit`.
    """

    coverage: float
    ks: float
    longest_gap: float

    @classmethod
    def of(cls, fits: Sequence[Fit]) -> FitSpread:
        """The spread of at least two samples."""
        return cls(
            coverage=stdev(one.coverage for one in fits),
            ks=stdev(one.ks for one in fits),
            longest_gap=stdev(one.longest_gap for one in fits),
        )


@ordinary_modes()
def project(curve: Curve, points: Any) -> Projection:
    """Find the nearest point of a curve, for every point.

    A dense search gives a few candidates for each point. Newton's method, kept inside a candidate's grid cells by
    bisection, takes them to rounding error.

    Args:
        curve: The curve.
        points: Points, shape (N, D).

    Returns:
        Distances and coordinates, each of shape (N,). Where several points of the curve are nearest, one of them.

    Raises:
        ValueError: There are no points, or they are not finite, or not in the curve's D dimensions.
    """
    require_curve("curve", curve)
    x = checks.points("points", points, dim=curve.data_dim)
    parts = [_project(curve, part) for part in torch.split(x, CHUNK)]
    return Projection(
        distance=torch.cat([part.distance for part in parts]),
        t=torch.cat([part.t for part in parts]),
    )


def stray_distance(curve: Curve, noise: float = 0.0) -> float:
    """Distance off a curve, in data units, beyond which a point is a stray: 5/16 of the curve's radius, and the noise.

    The radius is the root-mean-square distance of the curve's points from their mean, so a curve that is twice as large
    has strays twice as far off.

    Args:
        curve: The curve.
        noise: Standard deviation of the noise that a point is meant to have, in data units; five of these are added.
    """
    require_curve("curve", curve)
    checks.real("noise", noise, 0, 1e6)
    return STRAY * _radius(curve) + NOISE_REACH * noise


@ordinary_modes()
def fit(
    curve: Curve,
    points: Any,
    *,
    tails: Any = None,
    noise: float = 0.0,
    tolerance: float = TOLERANCE,
    bins: int = BINS,
) -> Fit:
    """Measure how a sample covers a curve.

    Args:
        curve: The curve.
        points: Points, shape (N, D).
        tails: More points of the same kind, shape (M, D), in which rare ones are seen; by default ``points``.
        noise: Standard deviation of the noise that the points are meant to have, in data units, for the strays.
        tolerance: Distance within which a point counts as on the curve, in data units.
        bins: Equal bins in t for the coverage. A real sample of N points is expected to leave a share of about
            exp(-N / bins) of them empty.

    Raises:
        ValueError: As :func:`project` says, or tolerance, noise or bins is outside its range.
    """
    checks.real("tolerance", tolerance, 0, math.inf, open_low=True)
    checks.whole("bins", bins, 1, 10**6)

    nearest = project(curve, points)
    share = (nearest.t - curve.start) / (curve.stop - curve.start)
    on_curve = share[nearest.distance <= tolerance]
    occupied = torch.unique((on_curve * bins).long().clamp(0, bins - 1))
    gaps = [_longest_gap(on_curve, piece, curve) for piece in range(curve.pieces)]

    off = nearest.distance
    if tails is not None:
        off = _off_curve(curve, checks.points("tails", tails, dim=curve.data_dim))
    strays = (off > stray_distance(curve, noise)).double().mean().item()

    return Fit(
        n=len(share),
        off_median=nearest.distance.quantile(0.5).item(),
        off_median_se=quantile_se(nearest.distance, 0.5),
        off_p90=nearest.distance.quantile(0.9).item(),
        off_p90_se=quantile_se(nearest.distance, 0.9),
        off_p99=off.quantile(0.99).item(),
        off_p99_se=quantile_se(off, 0.99),
        off_p999=off.quantile(0.999).item(),
        off_p999_se=quantile_se(off, 0.999),
        strays=strays,
        strays_se=math.sqrt(strays * (1 - strays) / len(off)),
        n_tails=len(off),
        coverage=len(occupied) / bins,
        ks=_distance_to_uniform(share),
        longest_gap=max(gaps),
    )


@lru_cache(maxsize=64)
def _radius(curve: Curve) -> float:
    """Root-mean-square distance of a curve's points from their mean, in data units."""
    x = curve.position(curve.midpoints(FINE_GRID))
    return x.var(dim=0, correction=0).sum().sqrt().item()


def _off_curve(curve: Curve, x: Tensor) -> Tensor:
    """Distance to the curve, shape (N,), of many points (N, D), in a quarter of the time of :func:`project`.

    Newton's method starts at the nearest of many points of the curve alone. Where two places are about as near, it may
    take the farther one, which is farther by less than 1e-5 of the curve's length.
    """
    from scipy.spatial import KDTree

    edges = curve.intervals()
    per_piece = FINE_GRID // curve.pieces
    share = torch.linspace(0, 1, per_piece, dtype=torch.float64)
    grid = torch.lerp(edges[:, :1], edges[:, 1:], share).flatten()

    _, found = KDTree(curve.position(grid).numpy()).query(x.numpy())
    index = torch.from_numpy(found)
    first = index // per_piece * per_piece
    before = (index - 1).maximum(first)
    after = (index + 1).minimum(first + per_piece - 1)

    t = _refine(curve, x, grid[before], grid[index], grid[after])
    distance: Tensor = (curve.position(t) - x).norm(dim=1)
    return distance


def _project(curve: Curve, x: Tensor) -> Projection:
    low, t, high = _candidates(curve, x)
    repeated = x.repeat_interleave(CANDIDATES, dim=0)
    t = _refine(curve, repeated, low.flatten(), t.flatten(), high.flatten())

    distance = (curve.position(t) - repeated).norm(dim=1).view(-1, CANDIDATES)
    best = distance.argmin(dim=1, keepdim=True)
    return Projection(
        distance=distance.gather(1, best)[:, 0],
        t=t.view(-1, CANDIDATES).gather(1, best)[:, 0],
    )


def _candidates(curve: Curve, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The best local minima of the distance on a grid, with their grid neighbours; each of shape (N, CANDIDATES)."""
    edges = curve.intervals()
    share = torch.linspace(0, 1, GRID, dtype=torch.float64)
    grid = torch.lerp(edges[:, :1], edges[:, 1:], share).flatten()
    distance = torch.cdist(x, curve.position(grid), compute_mode="donot_use_mm_for_euclid_dist")

    # A minimum of a piece is no higher than its neighbours; beyond the ends the distance counts as infinite.
    by_piece = distance.view(len(x), curve.pieces, GRID)
    padded = pad(by_piece, (1, 1), value=math.inf)
    before_lower = padded[..., 1:-1] <= padded[..., :-2]
    after_lower = padded[..., 1:-1] <= padded[..., 2:]
    minimum = (before_lower & after_lower).flatten(1)
    height, index = distance.masked_fill(~minimum, math.inf).topk(CANDIDATES, largest=False)

    # Where there are fewer minima than candidates, the rest stay where they are.
    reach = height.isfinite().long()
    first = index // GRID * GRID
    before = (index - reach).maximum(first)
    after = (index + reach).minimum(first + GRID - 1)
    return grid[before], grid[index], grid[after]


def _refine(curve: Curve, x: Tensor, low: Tensor, t: Tensor, high: Tensor) -> Tensor:
    """Take each t to the minimum of its distance within [low, high]; all of shape (M,), x of shape (M, D)."""
    tolerance = 1e-14 * (curve.stop - curve.start)
    for _ in range(NEWTON_STEPS):
        slope, curvature = _derivatives(curve, x, t)
        low = torch.where(slope < 0, t, low)
        high = torch.where(slope >= 0, t, high)

        # Newton's step where it goes towards a minimum and stays within the bracket, or else half of the bracket.
        newton = t - slope / curvature
        safe = (curvature > 0) & (newton >= low) & (newton <= high)
        moved = torch.where(safe, newton, (low + high) / 2)

        converged = bool(((moved - t).abs() <= tolerance).all())
        t = moved
        if converged:
            break
    return t


@torch.enable_grad()
def _derivatives(curve: Curve, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """First and second derivative of half the squared distance at t, each of shape (M,)."""
    t = t.detach().requires_grad_()
    half = (curve.position(t) - x).square().sum() / 2
    (slope,) = torch.autograd.grad(half, t, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), t)
    return slope.detach(), curvature


def _distance_to_uniform(share: Tensor) -> float:
    """Kolmogorov-Smirnov distance between numbers in [0, 1], shape (N,), and the uniform distribution."""
    n = len(share)
    ordered = share.sort().values
    rank = torch.arange(n, dtype=share.dtype)

    # The empirical distribution function jumps from rank / n to (rank + 1) / n at each number.
    below = ordered - rank / n
    above = (rank + 1) / n - ordered
    return torch.maximum(below, above).max().item()


def _longest_gap(share: Tensor, piece: int, curve: Curve) -> float:
    """Longest stretch of one piece without a number of ``share``; a closed piece goes round."""
    low = piece / curve.pieces
    high = (piece + 1) / curve.pieces
    own = share[(share >= low) & (share < high)].sort().values
    if len(own) == 0:
        return high - low

    inner = own.diff().max().item() if len(own) > 1 else 0.0
    at_start = own[0].item() - low
    at_end = high - own[-1].item()
    outer = at_start + at_end if curve.closed else max(at_start, at_end)
    return max(inner, outer)
