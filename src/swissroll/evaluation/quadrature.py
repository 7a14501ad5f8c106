r"""Integrals over one or two latent dimensions, on a grid that is fine only where some point needs it.

The evidence of a point is a sum of p(x, z) over the midpoints of a uniform grid, times the volume of a cell. The grid
is refined by halving its cells, level by level, as a tree. Only cells where some unsettled point may have mass get
children. Still, every level gives a point the sum over a full uniform grid: the cells left out have an upper bound of
e^-18 of the point's evidence.

The error. The grid of a level is 2^L interleaved grids of twice its spacing, and each of these has a sum of its own.
The error is the largest difference of any of these sums, or of the level before, from the whole sum. It is about four
times too large, on purpose: a ReLU decoder has kinks, on which two grids can agree by luck.

A point is settled where this error is small enough, and every cell that matters is narrow beside the slopes of the
decoder and of the prior. For smooth integrands the error of such sums falls exponentially once the spacing is near the
posterior's standard deviation: Trefethen and Weideman (2014), "The exponentially convergent trapezoidal rule".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from swissroll.evaluation.prior_on_grid import bound_cells, box_of, log_prior
from swissroll.model.prior import Components
from swissroll.model.vae import VAE

LEFT_OUT = 18.0
"""Nats below a point's evidence at which a cell's density is left out."""
HEAVY = 7.0
"""Nats below a point's evidence from which a cell must be fine before the point is settled."""
LEAK = math.log(1e-6)
"""Relative mass in the box's outermost cells, in nats, above which the box is widened."""
HIDDEN_ERROR = 4e-6
"""Error in nats that the cells left out and the edge of the box may hide."""
POINTS = 512
"""Points integrated at a time."""
FAMILIES = {1: 1024, 2: 512}
"""Cells whose children are evaluated at a time, by latent dimension."""
HALVINGS = {1: 8, 2: 6}
"""How often the box is halved to make the coarsest cells, by latent dimension; their children are the first level."""
MAX_CELLS = 2**20
"""Most cells of a level: the refinement stops before it would hold more."""
MAX_PAIRS = 2**26
"""Most pairs of a cell and a point of a level: the refinement stops before it would hold more."""
MAX_LEVELS = 16
SHARP_SIGMA = 1e-4
"""Decoder standard deviation below which rounding counts: in float32 it is 1e-7 of a point."""
MAX_WIDENINGS = 6


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
    """Some cells by their midpoints, shape (M, L), and the points, shape (P,), that may have mass in one of them."""

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


@torch.no_grad()
def log_joint(model: VAE, x: Tensor, z: Tensor, sigma: float) -> Tensor:
    """Log p(x, z) in nats, shape (N, M), for points (N, D) and latents (M, L) in float64."""
    decoded = decode(model, z)
    squares = _squares_to_decoded(x, decoded, sigma)
    return _log_joint(squares, log_prior(model, z), x.shape[1], sigma)


@torch.no_grad()
def integrate(
    model: VAE, x: Tensor, sigma: float, *, tolerance: float, progress: Callable[[int], object] = lambda _: None
) -> Integral:
    """Integrate p(z) N(x; decode(z), sigma^2 I) over the latent space, for points (N, D) in float64.

    Args:
        model: A VAE with one or two latent dimensions, whose prior is a mixture of Gaussians or otherwise smooth; its
            decoder runs in its own precision.
        x: Points, shape (N, D), float64.
        sigma: Decoder standard deviation, above 0.
        tolerance: Estimated error, in nats, at which a point is settled.
        progress: Is told how many more points are done.

    Raises:
        ValueError: The prior is neither, and so has no bound over a cell.
    """
    components = model.prior.components()
    if components is None and not model.prior.smooth:
        raise ValueError("An integral over latents needs a prior that is a mixture of Gaussians, or smooth.")

    parts = []
    for part in torch.split(x, POINTS):
        parts.append(integrate_part(model, components, part, sigma, tolerance))
        progress(len(part))
    return Integral(
        log_p=torch.cat([part.log_p for part in parts]),
        error=torch.cat([part.error for part in parts]),
        spacing=torch.cat([part.spacing for part in parts]),
        mode=torch.cat([part.mode for part in parts]),
    )


def integrate_part(model: VAE, components: Components | None, x: Tensor, sigma: float, tolerance: float) -> Integral:
    """The integral for points that are few enough to be held together, on a grid of their own."""
    low, high = _box(model, components, x)
    tree = Tree(model, components, x, sigma, low, high)

    for _ in range(MAX_WIDENINGS):
        if not tree.leaks():
            break
        # Twice as wide, about the same middle.
        margin = (high - low) / 2
        low = low - margin
        high = high + margin
        tree = Tree(model, components, x, sigma, low, high)

    tree.refine(tolerance)
    return tree.integral()


def corners_of(dims: int) -> Tensor:
    """Where a cell's children lie: at its midpoint plus these corners, shape (2^L, L), times their width."""
    return torch.tensor(list(itertools.product((-0.5, 0.5), repeat=dims))).to(torch.float64)


def halve_box(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The coarsest cells of a box: their midpoints, shape (2^(L halvings), L), and their width, shape (L,)."""
    corners = corners_of(len(low))
    width = high - low
    cells = ((low + high) / 2)[None]
    for _ in range(HALVINGS[len(low)]):
        # Parent by parent, so that cells that are near in the list are near in the plane.
        width = width / 2
        cells = (cells[:, None] + corners * width).flatten(0, 1)
    return cells, width


class Tree:
    """The grids of one set of points: after each level, the best estimate of every point.

    Args:
        model: A VAE with one or two latent dimensions.
        components: Its prior as a mixture of Gaussians; None where it is none.
        x: Points, shape (N, D), float64.
        sigma: Decoder standard deviation.
        low: Lowest corner of the box, shape (L,).
        high: Highest corner of the box, shape (L,).
        matters: Which of the box's coarsest cells to look into at all, shape (2^(L halvings),); all by default.

    Attributes:
        log_p: Best estimate of log p(x), shape (N,).
        error: Its estimated error, shape (N,).
        spacing: Spacing of the grid that it comes from, shape (N,).
        mode: Grid point of the highest p(x, z), shape (N, L).
        settled: Which points are accurate enough, shape (N,).
        width: Width of the cells of the last level, shape (L,).
        bounds: What the pruning needs of the last level, block by block.
        highest: Highest log p(x, z) of the last level, shape (N,).
    """

    def __init__(
        self,
        model: VAE,
        components: Components | None,
        x: Tensor,
        sigma: float,
        low: Tensor,
        high: Tensor,
        matters: Tensor | None = None,
    ) -> None:
        self.model = model
        self.components = components
        self.x = x
        self.sigma = sigma
        self.low = low
        self.high = high
        count = len(x)
        dims = model.latent_dim
        self.corners = corners_of(dims)

        self.log_p = torch.full((count,), math.inf, dtype=torch.float64)
        self.error = torch.full((count,), math.inf, dtype=torch.float64)
        self.spacing = torch.full((count,), math.inf, dtype=torch.float64)
        self.mode = torch.zeros(count, dims, dtype=torch.float64)
        self.settled = torch.zeros(count, dtype=torch.bool)

        roots, width = halve_box(low, high)
        if matters is not None:
            roots = roots[matters]
        self.width = width / 2
        self._evaluate_level([_Block(cells, torch.arange(count)) for cells in torch.split(roots, FAMILIES[dims])])

    def integral(self) -> Integral:
        """What is found so far."""
        return Integral(log_p=self.log_p, error=self.error, spacing=self.spacing, mode=self.mode)

    def leaks(self) -> bool:
        """Whether some point has mass at the edge of the box, judged on the first level."""
        lost = torch.full_like(self.log_p, -math.inf)
        for bounds in self.bounds:
            cells = bounds.block.cells
            near_low = cells - self.low < 2 * self.width
            near_high = self.high - cells < 2 * self.width
            edge = (near_low | near_high).any(dim=1)
            if bool(edge.any()):
                lost = torch.logaddexp(lost, bounds.upper[:, edge].double().logsumexp(dim=1))

        # Log of (sum of the bounds times the volume of a cell) over the point's evidence.
        relative = lost + self.width.log().sum() - self.log_p
        return bool((relative > LEAK).any())

    def refine(self, tolerance: float) -> None:
        """Halve the cells until every point is settled, or the next level would be too large."""
        for _ in range(MAX_LEVELS):
            self.settled |= (self.error < tolerance) & ~self._is_coarse()
            blocks = list(self._children())
            if not blocks or self._is_too_large(blocks):
                break
            self.width = self.width / 2
            self._evaluate_level(blocks)

    def _is_too_large(self, parents: list[_Block]) -> bool:
        """Whether the children of these cells would be too many to hold."""
        children = len(self.corners)
        cells = children * sum(len(block.cells) for block in parents)
        pairs = children * sum(len(block.cells) * len(block.points) for block in parents)
        return cells > MAX_CELLS or pairs > MAX_PAIRS

    def _evaluate_level(self, parents: list[_Block]) -> None:
        """Evaluate the children of all cells and take over the sums of the points that are not settled."""
        count = len(self.x)
        kinds = len(self.corners)
        sums = torch.full((count, kinds), -math.inf, dtype=torch.float64)
        self.highest = torch.full((count,), -math.inf, dtype=torch.float64)
        self.bounds: list[_Bounds] = []  # Lets go of the last level before the next is made.
        self.bounds = [self._evaluate_block(block, sums) for block in parents]

        # Midpoint rule: log p(x) = log of the sum of p(x, z) over the cells + log of a cell's volume.
        volume = self.width.log().sum()
        log_p = sums.logsumexp(dim=1) + volume

        # The children at one corner are a grid of twice the spacing, whose cells have 2^L times the volume.
        interleaved = sums + volume + math.log(kinds)
        others = torch.cat([interleaved, self.log_p[:, None]], dim=1)
        error = (others - log_p[:, None]).abs().amax(dim=1) + HIDDEN_ERROR

        unsettled = ~self.settled
        self.log_p = torch.where(unsettled, log_p, self.log_p)
        self.error = torch.where(unsettled, error, self.error)
        self.spacing = torch.where(unsettled, self.width.max(), self.spacing)

    def _evaluate_block(self, block: _Block, sums: Tensor) -> _Bounds:
        """Add the children of a block's cells to the sums, shape (N, 2^L), one column per corner; and bound them."""
        points = block.points

        # Corner by corner, so that the children at one corner are a column of the sums.
        cells = (block.cells + self.corners[:, None] * self.width).flatten(0, 1)
        decoded = decode(self.model, cells)
        squares = _squares_to_decoded(self.x[points], decoded, self.sigma)
        log_density = log_prior(self.model, cells)
        joint = _log_joint(squares, log_density, self.x.shape[1], self.sigma)

        by_corner = joint.reshape(len(points), len(self.corners), len(block.cells))
        sums[points] = torch.logaddexp(sums[points], by_corner.logsumexp(dim=2))
        self._note_mode(points, joint, cells)
        return self._bound(_Block(cells, points), decoded, squares, log_density)

    def _bound(self, block: _Block, decoded: Tensor, squares: Tensor, log_density: Tensor) -> _Bounds:
        """Bound log p(x, z) over cells.

        Args:
            block: The cells.
            decoded: Their decoded midpoints, shape (M, D).
            squares: Squared distances of the points from these, shape (P, M).
            log_density: Log p(z) at the midpoints, shape (M,).
        """
        kinds = len(self.corners)
        radius = radius_of(decoded, kinds)

        # log p(x, z) <= max of log p(z) - (|x - decode(z)| - radius)^2 / (2 sigma^2) - D/2 log(2 pi sigma^2).
        ceiling, fine = bound_cells(self.components, block.cells, self.width, log_density, kinds)
        constant = log_constant(self.x.shape[1], self.sigma)
        distance = (squares.float().sqrt() - radius.float()).clamp_min(0)
        upper = distance.square() / (-2 * self.sigma**2) + (ceiling - constant).float()

        return _Bounds(block, upper, (radius > 2 * self.sigma) | ~fine)

    def _note_mode(self, points: Tensor, joint: Tensor, cells: Tensor) -> None:
        value, where = joint.max(dim=1)
        better = (value > self.highest[points]) & ~self.settled[points]
        self.highest[points[better]] = value[better]
        self.mode[points[better]] = cells[where[better]]

    def _is_coarse(self) -> Tensor:
        """Points, shape (N,), for which a cell that may matter is too wide to trust its midpoint."""
        found = torch.zeros_like(self.settled)
        for bounds in self.bounds:
            points = bounds.block.points
            threshold = (self.log_p[points, None] - HEAVY).float()
            heavy = bounds.upper[:, bounds.coarse] > threshold
            found[points] |= heavy.any(dim=1)
        return found

    def _children(self) -> Iterator[_Block]:
        """The cells that may matter to some unsettled point, in blocks, each with those points."""
        size = FAMILIES[self.model.latent_dim]
        for bounds in self.bounds:
            unsettled = ~self.settled[bounds.block.points]
            points = bounds.block.points[unsettled]
            threshold = (self.log_p[points, None] - LEFT_OUT).float()
            matters = bounds.upper[unsettled] > threshold

            # Sibling by sibling, for the same reason as the roots.
            order = torch.arange(matters.shape[1]).reshape(len(self.corners), -1).T.flatten()
            kept = order[matters.any(dim=0)[order]]
            cells = torch.split(bounds.block.cells[kept], size)

            # Neighbours lie together in a block, so that few points need all of it.
            for some, wanted in zip(cells, torch.split(matters[:, kept], size, dim=1), strict=True):
                near = wanted.any(dim=1)
                if bool(near.any()):
                    yield _Block(some, points[near])


def radius_of(decoded: Tensor, kinds: int) -> Tensor:
    """How far the decoder may move within a cell, shape (M,), from decoded midpoints (M, D), corner by corner."""
    # Twice the farthest sibling from the mean of the siblings.
    siblings = decoded.reshape(kinds, len(decoded) // kinds, -1)
    spread: Tensor = (siblings - siblings.mean(dim=0)).norm(dim=2)
    return 2 * spread.amax(dim=0).repeat(kinds)


def decode(model: VAE, z: Tensor) -> Tensor:
    """Decoded means, shape (M, D), float64 on the CPU, of latents (M, L)."""
    return model.decode(model.like_weights(z)).to("cpu", torch.float64)


def _squares_to_decoded(x: Tensor, decoded: Tensor, sigma: float) -> Tensor:
    """Squared distances, shape (N, M), of points (N, D) and decoded means (M, D), to be divided by sigma^2."""
    if sigma < SHARP_SIGMA:
        # The product below loses 1e-16 of |x|^2, which is not small beside sigma^2.
        return torch.cdist(x, decoded, compute_mode="donot_use_mm_for_euclid_dist").square_()

    # |x - m|^2 = |m|^2 - 2 x.m + |x|^2, as one matrix product; rounding may take it below 0.
    squares = torch.addmm(decoded.square().sum(dim=1), x, decoded.T, alpha=-2)
    return squares.add_(x.square().sum(dim=1, keepdim=True)).clamp_min_(0)


def _log_joint(squares: Tensor, log_prior: Tensor, data_dim: int, sigma: float) -> Tensor:
    """Log p(x, z), shape (N, M), from squared distances to decoded means, shape (N, M), and log p(z), shape (M,)."""
    # log p(x, z) = -|x - decode(z)|^2 / (2 sigma^2) - D/2 log(2 pi sigma^2) + log p(z).
    return squares / (-2 * sigma**2) + (log_prior - log_constant(data_dim, sigma))


def log_constant(data_dim: int, sigma: float) -> float:
    """Log of the normalising constant of N(m, sigma^2 I) in D dimensions: D/2 log(2 pi sigma^2)."""
    return data_dim / 2 * math.log(2 * math.pi * sigma**2)


def _box(model: VAE, components: Components | None, x: Tensor) -> tuple[Tensor, Tensor]:
    """Corners, each (L,), of a box that holds nearly all of the prior and every encoded mean."""
    mu = model.encode(model.like_weights(x))[0].to("cpu", torch.float64)

    prior_low, prior_high = box_of(model, components)
    low = torch.minimum(prior_low, mu.amin(dim=0) - 1)
    high = torch.maximum(prior_high, mu.amax(dim=0) + 1)

    return low, high
