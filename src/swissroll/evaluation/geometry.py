"""Where points lie against the data's own curve, and how the latent space follows it.

The curve c(t) is known, so the distance of a point x to it, min over t of |x - c(t)|, is exact: at the nearest t the
derivative of the squared distance, (c(t) - x) . c'(t), is zero, or t is an end of a piece.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from swissroll import checks
from swissroll.data import Curve

Array = NDArray[np.float64]

GRID = 512
"""Points on each piece among which the nearest t is searched first."""
CANDIDATES = 4
"""Local minima of that search that are refined: the best on the grid need not be the best in between."""
CHUNK = 2048
"""Points projected at a time, which bounds the memory."""
TOLERANCE = 0.05
"""Distance, in data units, within which a point counts as on the curve."""
BINS = 50
JUMP = 10.0
WINDOW = 21
"""Steps around a step whose median is what is typical there."""
NEIGHBOURS = 10


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
    """How a sample covers a curve.

    Attributes:
        n: Points in the sample.
        off_median: Median distance to the curve, in data units.
        off_p90: 90th percentile of the distance, in data units.
        coverage: Share of equal bins in t that hold a point within the tolerance of the curve; 1 is all.
        ks: Kolmogorov-Smirnov distance between t and the uniform distribution that data have, in [0, 1]; of all points.
        gap: Longest stretch of t without a point within the tolerance, as a share of t's whole range.
    """

    n: int
    off_median: float
    off_p90: float
    coverage: float
    ks: float
    gap: float


@dataclass(frozen=True, kw_only=True)
class Continuity:
    """How the posterior mean moves when t moves along the curve.

    Attributes:
        jumps: Places where it moves more than ``jump`` times as far as is typical, both nearby (the median of 21 steps)
            and overall. A network is continuous, so a jump is a very fast, short stretch; neighbouring fast steps are
            one jump. Gradual stretching, as towards the tails of the prior, is none.
        jump_fraction: Share of its path's length that lies in jumps, in [0, 1].
        monotonicity: Size of Spearman's rho between t and the latent direction that follows t best, averaged over the
            pieces; 1 where t can be read off a straight line.
        trustworthiness: Share of latent neighbourhoods that are neighbourhoods along the curve, 1 at best
            (Venna and Kaski 2001).
    """

    jumps: int
    jump_fraction: float
    monotonicity: float
    trustworthiness: float


def project(curve: Curve, points: Any) -> Projection:
    """Find the nearest point of a curve, for every point.

    A dense search gives a few candidates each; Newton's method, kept inside the candidate's grid cells by bisection,
    takes them to rounding error.

    Args:
        curve: The curve.
        points: Points, shape (N, D).

    Returns:
        Distances and coordinates, each of shape (N,). Where several points of the curve are nearest, one of them.

    Raises:
        ValueError: The points are none, not finite, or not in the curve's D dimensions.
    """
    x = checks.points("points", points, dim=curve.data_dim)
    found = [_project(curve, part) for part in torch.split(x, CHUNK)]
    distance, t = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Projection(distance=distance, t=t)


def fit(curve: Curve, points: Any, *, tolerance: float = TOLERANCE, bins: int = BINS) -> Fit:
    """Measure how a sample covers a curve.

    Args:
        curve: The curve.
        points: Points, shape (N, D).
        tolerance: Distance within which a point counts as on the curve, in data units.
        bins: Equal bins in t for the coverage. A real sample of N points is expected to leave a share of about
            exp(-N / bins) of them empty.

    Raises:
        ValueError: As :func:`project` says, or tolerance or bins is outside its range.
    """
    checks.real("tolerance", tolerance, 0, math.inf, open_low=True)
    checks.whole("bins", bins, 1, 10**6)
    nearest = project(curve, points)
    share = (nearest.t - curve.start) / (curve.stop - curve.start)
    on = share[nearest.distance <= tolerance]
    hit = torch.unique((on * bins).long().clamp(0, bins - 1))
    return Fit(
        n=len(share),
        off_median=nearest.distance.quantile(0.5).item(),
        off_p90=nearest.distance.quantile(0.9).item(),
        coverage=len(hit) / bins,
        ks=_distance_to_uniform(share),
        gap=max(_gap(on, k, curve) for k in range(curve.pieces)),
    )


def continuity(
    mu: Any, t: Tensor, *, curve: Curve | None = None, jump: float = JUMP, neighbours: int = NEIGHBOURS
) -> Continuity:
    """Measure how continuously posterior means follow the curve's coordinate.

    Best asked of an even t (``curve.midpoints(n)``); steps between uneven ones are taken per unit of t.

    Args:
        mu: Posterior means, shape (N, L).
        t: Coordinates of their points, shape (N,), in any order.
        curve: Says where pieces begin and whether they close; by default t is one open piece.
        jump: A step this many times a typical one is a jump.
        neighbours: Size of the neighbourhoods of trustworthiness; below N / 2.

    Raises:
        ValueError: A shape is wrong, a number is not finite, or there are fewer than 2 * neighbours + 2 points.
    """
    checks.whole("neighbours", neighbours, 1, 10**6)
    checks.real("jump", jump, 1, math.inf)
    mean = checks.points("mu", mu, least=2 * neighbours + 2)
    along = checks.points("t", torch.as_tensor(t).reshape(-1, 1), least=len(mean))[:, 0]
    if len(along) != len(mean):
        raise ValueError(f"t must have as many entries as mu has points, {len(mean)}; got {len(along)}.")
    along, order = along.sort()
    mean = mean[order]
    piece = torch.zeros(len(along), dtype=torch.long) if curve is None else curve.piece(along)
    jumps, jump_fraction = _jumps(mean.numpy(), along.numpy(), piece.numpy(), curve, jump)
    return Continuity(
        jumps=jumps,
        jump_fraction=jump_fraction,
        monotonicity=_monotonicity(mean.numpy(), along.numpy(), piece.numpy()),
        trustworthiness=_trustworthiness(_apart(along, piece, curve), mean, neighbours),
    )


def _project(curve: Curve, x: Tensor) -> tuple[Tensor, Tensor]:
    low, t, high = _candidates(curve, x)
    repeated = x.repeat_interleave(CANDIDATES, dim=0)
    t = _refine(curve, repeated, low.flatten(), t.flatten(), high.flatten())
    distance = (curve.position(t) - repeated).norm(dim=1).view(-1, CANDIDATES)
    best = distance.argmin(dim=1, keepdim=True)
    return distance.gather(1, best)[:, 0], t.view(-1, CANDIDATES).gather(1, best)[:, 0]


def _candidates(curve: Curve, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The best local minima of the distance on a grid, with their grid neighbours; each of shape (N, CANDIDATES)."""
    edges = curve.intervals()
    share = torch.linspace(0, 1, GRID, dtype=torch.float64)
    grid = torch.lerp(edges[:, :1], edges[:, 1:], share).flatten()
    away = torch.cdist(x, curve.position(grid), compute_mode="donot_use_mm_for_euclid_dist")
    padded = pad(away.view(len(x), curve.pieces, GRID), (1, 1), value=math.inf)
    lowest = (padded[..., 1:-1] <= padded[..., :-2]) & (padded[..., 1:-1] <= padded[..., 2:])
    height, index = away.masked_fill(~lowest.flatten(1), math.inf).topk(CANDIDATES, largest=False)
    first = index // GRID * GRID
    # Where there are fewer minima than candidates, the rest stay where they are.
    reach = height.isfinite().long()
    before, after = (index - reach).maximum(first), (index + reach).minimum(first + GRID - 1)
    return grid[before], grid[index], grid[after]


def _refine(curve: Curve, x: Tensor, low: Tensor, t: Tensor, high: Tensor) -> Tensor:
    """Take each t to the minimum of its distance within [low, high]; all of shape (M,), x of shape (M, D)."""
    for _ in range(60):
        slope, curvature = _derivatives(curve, x, t)
        low, high = torch.where(slope < 0, t, low), torch.where(slope >= 0, t, high)
        newton = t - slope / curvature
        safe = (curvature > 0) & (newton >= low) & (newton <= high)
        moved = torch.where(safe, newton, (low + high) / 2)
        done = bool(((moved - t).abs() <= 1e-14 * (curve.stop - curve.start)).all())
        t = moved
        if done:
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
    ordered, n = share.sort().values, len(share)
    rank = torch.arange(n, dtype=share.dtype)
    return torch.maximum(ordered - rank / n, (rank + 1) / n - ordered).max().item()


def _gap(share: Tensor, piece: int, curve: Curve) -> float:
    """Longest stretch of one piece without a number of ``share``; a closed piece goes round."""
    low, high = piece / curve.pieces, (piece + 1) / curve.pieces
    own = share[(share >= low) & (share < high)].sort().values
    if len(own) == 0:
        return high - low
    inner = own.diff().max().item() if len(own) > 1 else 0.0
    first, last = own[0].item() - low, high - own[-1].item()
    return max(inner, first + last if curve.closed else max(first, last))


def _jumps(mean: Array, t: Array, piece: NDArray[np.int64], curve: Curve | None, jump: float) -> tuple[int, float]:
    """Number of jumps and their share of the path's length, for means in the order of t."""
    closed = curve is not None and curve.closed
    lengths, speeds, typical = [], [], []
    for k in np.unique(piece):
        own, along = mean[piece == k], t[piece == k]
        if closed and curve is not None:
            own, along = (
                np.vstack([own, own[:1]]),
                np.append(along, along[0] + (curve.stop - curve.start) / curve.pieces),
            )
        lengths.append(np.linalg.norm(np.diff(own, axis=0), axis=1))
        step = np.diff(along)
        # Close neighbours say little about speed, and equal ones nothing: a step counts as at least a typical one.
        speeds.append(lengths[-1] / np.maximum(step, np.median(step[step > 0])) if step.any() else lengths[-1])
        around = np.pad(speeds[-1], WINDOW // 2, mode="wrap" if closed else "symmetric")
        typical.append(np.median(sliding_window_view(around, WINDOW), axis=1))
    overall = np.median(np.concatenate(speeds))
    fast = [s > jump * np.maximum(usual, overall) for s, usual in zip(speeds, typical, strict=True)]
    begins = [f & ~np.append(closed and f[-1:].any(), f[:-1]) for f in fast]
    total = float(sum(x.sum() for x in lengths))
    jumped = float(sum(x[f].sum() for x, f in zip(lengths, fast, strict=True)))
    return int(sum(b.sum() for b in begins)), jumped / total if total > 0 else 0.0


def _monotonicity(mean: Array, t: Array, piece: NDArray[np.int64]) -> float:
    """The best |Spearman's rho| of each piece, averaged by its points."""
    best = 0.0
    for k in np.unique(piece):
        own = mean[piece == k]
        rank = _ranks(t[piece == k])
        if len(own) < 3:
            continue
        centred = own - own.mean(axis=0)
        along = centred @ np.linalg.lstsq(centred, rank, rcond=None)[0]
        candidates = np.column_stack([centred, along])
        best += len(own) / len(mean) * max(abs(_correlation(_ranks(c), rank)) for c in candidates.T)
    return min(best, 1.0)


def _ranks(values: Array) -> Array:
    """Centred ranks, ties averaged."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Array = (np.cumsum(count) - (count - 1) / 2)[place] - (len(values) + 1) / 2
    return ranks


def _correlation(a: Array, b: Array) -> float:
    """Correlation of two centred series; 0 where one of them is constant."""
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


def _trustworthiness(apart: Tensor, latents: Tensor, neighbours: int) -> float:
    """Trustworthiness of latents, shape (N, L), for points at these distances, shape (N, N).

    Written here because scikit-learn's takes longer to import than all of a run's measurements take.

    Source: Venna and Kaski (2001), "Neighborhood preservation in nonlinear projection methods", equation 1.
    """
    n = len(latents)
    distances = torch.cdist(latents, latents, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = _without_self(distances).topk(neighbours, largest=False).indices
    rank = _without_self(apart).argsort(dim=1, stable=True).argsort(dim=1) + 1
    excess = (rank.gather(1, nearest) - neighbours).clamp_min(0).sum().item()
    return 1 - excess * 2 / (n * neighbours * (2 * n - 3 * neighbours - 1))


def _without_self(distances: Tensor) -> Tensor:
    return distances.clone().fill_diagonal_(math.inf)


def _apart(t: Tensor, piece: Tensor, curve: Curve | None) -> Tensor:
    """How far apart points are along the curve, in t, shape (N, N); points of different pieces are far apart."""
    apart = (t[:, None] - t).abs()
    if curve is None:
        return apart
    whole = curve.stop - curve.start
    if curve.closed:
        apart = torch.minimum(apart, (whole / curve.pieces - apart).abs())
    return apart + whole * (piece[:, None] != piece)
