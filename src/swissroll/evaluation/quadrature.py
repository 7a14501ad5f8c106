r"""Integrals over one or two latent dimensions on a grid that is fine only where some point needs it.

A uniform grid of midpoints is refined by halving, level by level, as a tree: only cells where some unsettled point
may have mass get children. Every level gives a point the sum over a full uniform grid, since the cells left out are
those whose upper bound is e^-18 of the point's evidence. A level's grid is 2^L interleaved ones of twice its spacing;
the error is the largest difference of any of these, or of the level before, from the whole. It is about four times
too large, on purpose: a ReLU decoder has kinks, on which two grids can agree by luck. A point is settled where the
error is small enough and every cell that matters is narrow beside the decoder's and the prior's slopes. For smooth
integrands the error of such sums falls exponentially once the spacing is near the posterior's
standard deviation: Trefethen and Weideman (2014), "The exponentially convergent trapezoidal rule".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from swissroll.model.prior import Mixture
from swissroll.model.vae import VAE

MARGIN = 18.0
"""Nats below a point's evidence at which a cell's density is left out."""
HEAVY = 7.0
"""Nats below a point's evidence from which a cell must be fine before the point is settled."""
LEAK = math.log(1e-6)
"""Relative mass in the box's outermost cells, in nats, above which the box is widened."""
FLOOR = 4e-6
"""Error in nats that the cells left out and the edge of the box may hide."""
POINTS = 512
"""Points integrated at a time."""
FAMILIES = {1: 1024, 2: 512}
"""Cells whose children are evaluated at a time, by latent dimension."""
HALVINGS = {1: 8, 2: 6}
"""How often the box is halved to make the coarsest cells, by latent dimension; their children are the first level."""
MAX_CELLS = 2**20
MAX_PAIRS = 2**26
"""Where a level would hold more cells, or more pairs of a cell and a point, the refinement stops."""
LEVELS = 16
WIDENINGS = 6


@dataclass(frozen=True, kw_only=True)
class Integral:
    """Evidence by quadrature of N points.

    Attributes:
        log_p: log p(x) in nats, shape (N,).
        error: Estimated error of log_p, shape (N,).
        spacing: Spacing of the finest grid of each point, shape (N,).
        mode: Grid point of the highest p(x, z), shape (N, L).
    """

    log_p: Tensor
    error: Tensor
    spacing: Tensor
    mode: Tensor


@dataclass(frozen=True)
class _Block:
    """Some cells, shape (M, L), and the points, shape (P,), that may have mass in one of them."""

    cells: Tensor
    points: Tensor


@dataclass(frozen=True)
class _Bounds:
    """What the pruning needs of an evaluated block.

    Attributes:
        upper: Upper bound of log p(x, z) over a cell, shape (P, M), float32.
        coarse: Whether the decoder or the prior varies too much in a cell to trust its midpoint, shape (M,).
    """

    block: _Block
    upper: Tensor
    coarse: Tensor


def log_prior(model: VAE, z: Tensor) -> Tensor:
    """Log p(z), shape (M,), in float64 whatever the model's precision, differentiable in z of shape (M, L)."""
    return _component_densities(model, z).logsumexp(dim=-1)


@torch.no_grad()
def log_joint(model: VAE, x: Tensor, z: Tensor, sigma: float) -> Tensor:
    """Log p(x, z) in nats, shape (N, M), for points (N, D) and latents (M, L) in float64."""
    decoded = model.decode(z.to(model.fc_mu.weight)).to("cpu", torch.float64)
    constant = x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
    return _squares(x, decoded) / (-2 * sigma**2) + (log_prior(model, z) - constant)


@torch.no_grad()
def integrate(model: VAE, x: Tensor, sigma: float, *, tolerance: float) -> Integral:
    """Integrate p(z) N(x; decode(z), sigma^2 I) over the latent space, for points (N, D) in float64.

    Args:
        model: A VAE with one or two latent dimensions; its decoder runs in its own precision.
        x: Points, shape (N, D), float64.
        sigma: Decoder standard deviation, above 0.
        tolerance: Estimated error, in nats, at which a point is settled.
    """
    parts = [_integrate_part(model, part, sigma, tolerance) for part in torch.split(x, POINTS)]
    fields = ("log_p", "error", "spacing", "mode")
    return Integral(**{name: torch.cat([getattr(part, name) for part in parts]) for name in fields})


def _integrate_part(model: VAE, x: Tensor, sigma: float, tolerance: float) -> Integral:
    low, high = _box(model, x)
    tree = _Tree(model, x, sigma, low, high)
    for _ in range(WIDENINGS):
        if not tree.leaks():
            break
        low, high = low - (high - low) / 2, high + (high - low) / 2
        tree = _Tree(model, x, sigma, low, high)
    tree.refine(tolerance)
    return Integral(log_p=tree.log_p, error=tree.error, spacing=tree.spacing, mode=tree.mode)


class _Tree:
    """The grids of one set of points: after each level, the best estimate of every point."""

    def __init__(self, model: VAE, x: Tensor, sigma: float, low: Tensor, high: Tensor) -> None:
        self.model, self.x, self.sigma, self.low, self.high = model, x, sigma, low, high
        n, dims = len(x), model.latent_dim
        self.corners = torch.tensor(list(itertools.product((-0.5, 0.5), repeat=dims)))
        self.corners = self.corners.to(torch.float64)
        self.log_p, self.error, self.spacing = (torch.full((n,), math.inf, dtype=torch.float64) for _ in range(3))
        self.mode, self.settled = torch.zeros(n, dims, dtype=torch.float64), torch.zeros(n, dtype=torch.bool)
        roots, self.width = ((low + high) / 2)[None], high - low
        for _ in range(HALVINGS[dims]):
            # Parent by parent, so that cells that are near in the list are near in the plane.
            self.width = self.width / 2
            roots = (roots[:, None] + self.corners * self.width).flatten(0, 1)
        everyone = torch.arange(n)
        self.width = self.width / 2
        self._level([_Block(cells, everyone) for cells in torch.split(roots, FAMILIES[dims])])

    def leaks(self) -> bool:
        """Whether some point has mass at the edge of the box, judged on the first level."""
        lost = torch.full_like(self.log_p, -math.inf)
        for bounds in self.bounds:
            cells = bounds.block.cells
            edge = ((cells - self.low < 2 * self.width) | (self.high - cells < 2 * self.width)).any(dim=1)
            if bool(edge.any()):
                lost = torch.logaddexp(lost, bounds.upper[:, edge].double().logsumexp(dim=1))
        return bool((lost + self.width.log().sum() - self.log_p > LEAK).any())

    def refine(self, tolerance: float) -> None:
        """Halve the cells until every point is settled, or the next level would be too large."""
        for _ in range(LEVELS):
            self.settled |= (self.error < tolerance) & ~self._is_coarse()
            blocks = list(self._children())
            cells, pairs = sum(len(b.cells) for b in blocks), sum(len(b.cells) * len(b.points) for b in blocks)
            size = len(self.corners)
            if not blocks or size * cells > MAX_CELLS or size * pairs > MAX_PAIRS:
                break
            self.width = self.width / 2
            self._level(blocks)

    def _level(self, blocks: list[_Block]) -> None:
        """Evaluate the children of all cells and take over the sums of the points that are not settled."""
        n, kinds = len(self.x), len(self.corners)
        sums = torch.full((n, kinds), -math.inf, dtype=torch.float64)
        self.highest = torch.full((n,), -math.inf, dtype=torch.float64)
        self.bounds: list[_Bounds] = []  # Lets go of the last level first.
        self.bounds = [self._evaluate(block, sums) for block in blocks]
        new = ~self.settled
        volume = self.width.log().sum()
        log_p = sums.logsumexp(dim=1) + volume
        others = torch.cat([sums + volume + math.log(kinds), self.log_p[:, None]], dim=1)
        error = (others - log_p[:, None]).abs().amax(dim=1) + FLOOR
        self.log_p, self.error = torch.where(new, log_p, self.log_p), torch.where(new, error, self.error)
        self.spacing = torch.where(new, self.width.max(), self.spacing)

    def _evaluate(self, block: _Block, sums: Tensor) -> _Bounds:
        """Add a block's children to the sums, shape (N, 2^L), a column a corner of the parents; and bound them."""
        families, kinds, points = len(block.cells), len(self.corners), block.points
        # Corner by corner, so that the children of one corner are a column of the sums.
        cells = (block.cells + self.corners[:, None] * self.width).flatten(0, 1)
        decoded = self.model.decode(cells.to(self.model.fc_mu.weight)).to("cpu", torch.float64)
        squares = _squares(self.x[points], decoded)
        constant = self.x.shape[1] / 2 * math.log(2 * math.pi * self.sigma**2)
        joint = squares / (-2 * self.sigma**2) + (log_prior(self.model, cells) - constant)
        parts = joint.reshape(len(points), kinds, families).logsumexp(dim=2)
        sums[points] = torch.logaddexp(sums[points], parts)
        self._note_mode(points, joint, cells)
        siblings = decoded.reshape(kinds, families, -1)
        radius = 2 * (siblings - siblings.mean(dim=0)).norm(dim=2).amax(dim=0).repeat(kinds)
        ceiling, fine = _prior_bounds(self.model, cells, self.width)
        distance = (squares.float().sqrt() - radius.float()).clamp_min(0)
        upper = distance.square() / (-2 * self.sigma**2) + (ceiling - constant).float()
        return _Bounds(_Block(cells, points), upper, (radius > 2 * self.sigma) | ~fine)

    def _note_mode(self, points: Tensor, joint: Tensor, cells: Tensor) -> None:
        value, where = joint.max(dim=1)
        better = (value > self.highest[points]) & ~self.settled[points]
        self.highest[points[better]] = value[better]
        self.mode[points[better]] = cells[where[better]]

    def _is_coarse(self) -> Tensor:
        """Points, shape (N,), for which a cell that may matter is too wide to trust its midpoint."""
        found = torch.zeros_like(self.settled)
        for bounds in self.bounds:
            points, coarse = bounds.block.points, bounds.coarse
            heavy = bounds.upper[:, coarse] > (self.log_p[points, None] - HEAVY).float()
            found[points] |= heavy.any(dim=1)
        return found

    def _children(self) -> Iterator[_Block]:
        """The cells that may matter to some unsettled point, in blocks, each with those points."""
        for bounds in self.bounds:
            points = bounds.block.points
            alive = ~self.settled[points]
            keep = bounds.upper[alive] > (self.log_p[points[alive], None] - MARGIN).float()
            # Sibling by sibling, for the same reason as the roots.
            order = torch.arange(keep.shape[1]).reshape(len(self.corners), -1).T.flatten()
            kept = order[keep.any(dim=0)[order]]
            cells, keep, points = bounds.block.cells[kept], keep[:, kept], points[alive]
            # Neighbours lie together in a block, so that few points need all of it.
            size = FAMILIES[self.mode.shape[1]]
            for some, wanted in zip(torch.split(cells, size), torch.split(keep, size, dim=1), strict=True):
                near = wanted.any(dim=1)
                if bool(near.any()):
                    yield _Block(some, points[near])


def _squares(x: Tensor, decoded: Tensor) -> Tensor:
    """Squared distances, shape (N, M), of points (N, D) and decoded means (M, D)."""
    squares = torch.addmm(decoded.square().sum(dim=1), x, decoded.T, alpha=-2)
    return squares.add_(x.square().sum(dim=1, keepdim=True)).clamp_min_(0)


def _components(model: VAE) -> tuple[Tensor, Tensor, Tensor]:
    """The prior as a mixture, in float64: log-weights (K,), means (K, L) and standard deviations (K, L)."""
    prior = model.prior
    if not isinstance(prior, Mixture):
        zeros = torch.zeros(1, model.latent_dim, dtype=torch.float64)
        return zeros[:, 0], zeros, zeros + 1
    logits, means, logvars = (p.detach().to("cpu", torch.float64) for p in (prior.logits, prior.means, prior.logvars))
    return logits.log_softmax(dim=0), means, torch.exp(0.5 * logvars)


def _component_densities(model: VAE, z: Tensor, reach: Tensor | float = 0.0) -> Tensor:
    """Log of weight times density of each component, shape (M, K), at most ``reach`` a coordinate from z."""
    weights, means, stds = _components(model)
    scaled = ((z[:, None] - means).abs() - reach).clamp_min(0) / stds
    return weights - (0.5 * (scaled.square() + math.log(2 * math.pi)) + stds.log()).sum(dim=-1)


def _prior_bounds(model: VAE, cells: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
    """An upper bound of log p(z) over each cell, and whether cells are fine beside the components near them."""
    densities = _component_densities(model, cells, width / 2)
    ceiling = densities.logsumexp(dim=1)
    too_wide = (width > 1.5 * _components(model)[2]).any(dim=1)
    return ceiling, ~((densities > ceiling[:, None] - 12) & too_wide).any(dim=1)


def _box(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Corners, each (L,), of a box that holds six standard deviations of the prior and every encoded mean."""
    _, means, stds = _components(model)
    mu = model.encode(x.to(model.fc_mu.weight))[0].to("cpu", torch.float64)
    low, high = (means - 6 * stds).amin(dim=0), (means + 6 * stds).amax(dim=0)
    return torch.minimum(low, mu.amin(dim=0) - 1), torch.maximum(high, mu.amax(dim=0) + 1)
