"""The evidence of very many points under one model: the first level of the grid is decoded once, and shared.

:mod:`swissroll.evaluation.quadrature` lays a grid for each few hundred points, and evaluates all of its first level for
each of them. Here points that lie near one another go together, and look only into the cells that may hold mass of one
of them. The cells left out have the same upper bound as there: e^-18 of the evidence of each of these points.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from swissroll.evaluation import quadrature
from swissroll.evaluation.prior_on_grid import bound_cells, box_of, log_prior
from swissroll.evaluation.quadrature import LEFT_OUT, Integral, Tree
from swissroll.model.vae import VAE

MANY_POINTS = 2049
"""Points from which neighbours are near enough for it to pay."""
GROUP = 1024
"""Most points that go together."""
MAX_DECODED = 2**14
"""Cells decoded at a time."""


@torch.no_grad()
def integrate_many(
    model: VAE, x: Tensor, sigma: float, *, tolerance: float, progress: Callable[[int], object] = lambda _: None
) -> Integral:
    """As :func:`swissroll.evaluation.quadrature.integrate`, for so many points that neighbours are near.

    Arguments and errors as there.
    """
    grid = SharedGrid(model, sigma)
    count = len(x)
    found = Integral(
        log_p=torch.empty(count, dtype=torch.float64),
        error=torch.empty(count, dtype=torch.float64),
        spacing=torch.empty(count, dtype=torch.float64),
        mode=torch.empty(count, model.latent_dim, dtype=torch.float64),
    )
    for group in group_neighbours(x, GROUP):
        part = grid.integrate(x[group], tolerance)
        found.log_p[group] = part.log_p
        found.error[group] = part.error
        found.spacing[group] = part.spacing
        found.mode[group] = part.mode
        progress(len(group))
    return found


class SharedGrid:
    """The first level of a model's grid over the box of its prior, decoded.

    Args:
        model: A VAE with one or two latent dimensions.
        sigma: Decoder standard deviation.
    """

    def __init__(self, model: VAE, sigma: float) -> None:
        self.model = model
        self.sigma = sigma
        self.components = model.prior.components()
        self.low, self.high = box_of(model, self.components)

        roots, width = quadrature.halve_box(self.low, self.high)
        corners = quadrature.corners_of(model.latent_dim)
        self.width = width / 2
        self.kinds = len(corners)
        # Corner by corner, as in a tree.
        cells = (roots + corners[:, None] * self.width).flatten(0, 1)
        parts = torch.split(cells, MAX_DECODED)
        self.decoded = torch.cat([quadrature.decode(model, part) for part in parts])
        self.log_density = torch.cat([log_prior(model, part) for part in parts])
        self.radius = quadrature.radius_of(self.decoded, self.kinds)
        self.ceiling = bound_cells(self.components, cells, self.width, self.log_density, self.kinds)[0]

    def integrate(self, x: Tensor, tolerance: float) -> Integral:
        """The integral for points (N, D) that lie near one another."""
        if self._reaches(x):
            tree = Tree(self.model, self.components, x, self.sigma, self.low, self.high, self._matters(x))
            if not tree.leaks():
                tree.refine(tolerance)
                return tree.integral()
        return quadrature.integrate_part(self.model, self.components, x, self.sigma, tolerance)

    def _reaches(self, x: Tensor) -> bool:
        """Whether all points are encoded within the box, with room about them."""
        mu = self.model.encode(self.model.like_weights(x))[0].to("cpu", torch.float64)
        return bool(((mu - 1 >= self.low) & (mu + 1 <= self.high)).all())

    def _matters(self, x: Tensor) -> Tensor:
        """The coarsest cells that may hold mass of one of some points, shape (2^(L halvings),)."""
        middle = x.mean(dim=0)
        reach = (x - middle).norm(dim=1).max()
        distance = (self.decoded - middle).norm(dim=1)
        exponent = -2 * self.sigma**2

        # The least evidence of a point that is nowhere farther from the middle, by the midpoint rule, and the most of
        # p(x, z) that one may have in a cell; the constant of the decoder's noise is left out of both.
        least = (self.log_density + (distance + reach).square() / exponent).logsumexp(dim=0) + self.width.log().sum()
        nearest = (distance - reach - self.radius).clamp_min(0)
        most = self.ceiling + nearest.square() / exponent

        # A coarse cell matters where one of its children does.
        matters: Tensor = (most > least - LEFT_OUT).reshape(self.kinds, -1).any(dim=0)
        return matters


def group_neighbours(x: Tensor, size: int) -> list[Tensor]:
    """Indices of points (N, D) in groups of at most so many: each is halved across its widest coordinate."""
    groups = []
    waiting = [torch.arange(len(x))]
    while waiting:
        group = waiting.pop()
        if len(group) <= size:
            groups.append(group)
            continue
        points = x[group]
        widest = int((points.amax(dim=0) - points.amin(dim=0)).argmax())
        order = points[:, widest].argsort(stable=True)
        waiting.extend(torch.tensor_split(group[order], 2))
    return groups
