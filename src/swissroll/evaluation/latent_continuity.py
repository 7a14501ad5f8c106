"""How the latent space follows the data's own curve: jumps, order and neighbourhoods.

The curve c(t) is known, so a point can be moved along it while the encoder's posterior mean is watched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from swissroll import checks
from swissroll.data import Curve
from swissroll.data.curves import require_curve
from swissroll.reproducibility.modes import ordinary_modes

Array = NDArray[np.float64]

JUMP = 10.0
"""A step of the posterior mean that is this many times a typical one is a jump."""
WINDOW = 21
"""Steps around a step whose median is what is typical there."""
NEIGHBOURS = 10
"""Size of the neighbourhoods of trustworthiness."""


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


@ordinary_modes()
def continuity(
    mu: Any, t: Any, *, curve: Curve | None = None, jump: float = JUMP, neighbours: int = NEIGHBOURS
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
    along = checks.points("t", checks.numbers("t", t).reshape(-1, 1))[:, 0]
    if len(along) != len(mean):
        raise ValueError(f"t must have as many entries as mu has points, {len(mean)}; got {len(along)}.")
    if curve is not None:
        require_curve("curve", curve)

    along, order = along.sort()
    mean = mean[order]
    piece = torch.zeros(len(along), dtype=torch.long)
    if curve is not None:
        piece = curve.piece(along)

    jumps, jump_fraction = _jumps(mean.numpy(), along.numpy(), piece.numpy(), curve, jump)
    return Continuity(
        jumps=jumps,
        jump_fraction=jump_fraction,
        monotonicity=_monotonicity(mean.numpy(), along.numpy(), piece.numpy()),
        trustworthiness=_trustworthiness(_distances_along(along, piece, curve), mean, neighbours),
    )


def _jumps(mean: Array, t: Array, piece: NDArray[np.int64], curve: Curve | None, jump: float) -> tuple[int, float]:
    """Number of jumps and their share of the path's length, for means in the order of t."""
    closed = curve is not None and curve.closed
    paths = [_path(mean[piece == number], t[piece == number], curve) for number in np.unique(piece)]
    overall = np.median(np.concatenate([path.speeds for path in paths]))

    count = 0
    jumped = []
    for path in paths:
        fast = path.speeds > jump * np.maximum(_running_median(path.speeds, closed=closed), overall)
        jumped.append(path.lengths[fast].sum())

        # Neighbouring fast steps are one jump, across the seam of a closed piece too.
        before_first = closed and fast[-1:].any()
        begins = fast & ~np.append(before_first, fast[:-1])
        count += int(begins.sum())

    total = float(sum(path.lengths.sum() for path in paths))
    fraction = float(sum(jumped)) / total if total > 0 else 0.0
    return count, fraction


class _Path(NamedTuple):
    """The steps of the posterior mean along one piece: their lengths, and these per unit of t, each of shape (S,)."""

    lengths: Array
    speeds: Array


def _path(mean: Array, t: Array, curve: Curve | None) -> _Path:
    """The path of the means of one piece, in the order of t; back to the start where the piece is closed."""
    if curve is not None and curve.closed:
        round_trip = (curve.stop - curve.start) / curve.pieces
        mean = np.vstack([mean, mean[:1]])
        t = np.append(t, t[0] + round_trip)

    lengths = np.linalg.norm(np.diff(mean, axis=0), axis=1)
    steps = np.diff(t)
    if not steps.any():
        return _Path(lengths, lengths)

    # Close neighbours say little about speed, and equal ones nothing: a step counts as at least a typical one.
    typical = np.median(steps[steps > 0])
    return _Path(lengths, lengths / np.maximum(steps, typical))


def _running_median(speeds: Array, *, closed: bool) -> Array:
    """Median of the WINDOW steps around each step; at the ends mirrored, or for a closed piece continued."""
    around = np.pad(speeds, WINDOW // 2, mode="wrap" if closed else "symmetric")
    median: Array = np.median(sliding_window_view(around, WINDOW), axis=1)
    return median


def _monotonicity(mean: Array, t: Array, piece: NDArray[np.int64]) -> float:
    """The best |Spearman's rho| of each piece, averaged by its points."""
    average = 0.0
    for number in np.unique(piece):
        own = mean[piece == number]
        rank = _ranks(t[piece == number])
        if len(own) < 3:
            continue

        # Candidates: each latent axis, and the direction whose values fit the ranks best by least squares.
        centred = own - own.mean(axis=0)
        direction = np.linalg.lstsq(centred, rank, rcond=None)[0]
        candidates = np.column_stack([centred, centred @ direction])
        best = max(abs(_correlation(_ranks(values), rank)) for values in candidates.T)

        average += len(own) / len(mean) * best
    return min(average, 1.0)


def _ranks(values: Array) -> Array:
    """Centred ranks, ties averaged."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2
    ranks: Array = middle[place] - (len(values) + 1) / 2
    return ranks


def _correlation(a: Array, b: Array) -> float:
    """Correlation of two centred series; 0 where one of them is constant."""
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


def _trustworthiness(along: Tensor, latents: Tensor, neighbours: int) -> float:
    """Trustworthiness of latents, shape (N, L), for points at these distances along the curve, shape (N, N).

    Written here because scikit-learn's takes longer to import than all of a run's measurements take.

    Source: Venna and Kaski (2001), "Neighborhood preservation in nonlinear projection methods", equation 1.
    """
    n = len(latents)
    distances = torch.cdist(latents, latents, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = _without_self(distances).topk(neighbours, largest=False).indices

    # rank[i, j] is r(i, j): j is the r-th nearest to i along the curve.
    rank = _without_self(along).argsort(dim=1, stable=True).argsort(dim=1) + 1

    # 1 - 2 / (n k (2n - 3k - 1)) * sum over i, and over its k nearest latents j, of max(r(i, j) - k, 0).
    excess = (rank.gather(1, nearest) - neighbours).clamp_min(0).sum().item()
    largest = n * neighbours * (2 * n - 3 * neighbours - 1)
    return 1 - excess * 2 / largest


def _without_self(distances: Tensor) -> Tensor:
    """Distances, shape (N, N), with every point infinitely far from itself."""
    return distances.clone().fill_diagonal_(math.inf)


def _distances_along(t: Tensor, piece: Tensor, curve: Curve | None) -> Tensor:
    """How far apart points are along the curve, in t, shape (N, N); points of different pieces are far apart."""
    distance = (t[:, None] - t).abs()
    if curve is None:
        return distance

    whole = curve.stop - curve.start
    if curve.closed:
        other_way = (whole / curve.pieces - distance).abs()
        distance = torch.minimum(distance, other_way)
    return distance + whole * (piece[:, None] != piece)
