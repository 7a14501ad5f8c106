r"""The density of a model with one or two latents as one fixed sum, so that a row's score depends on that row alone.

    p(x) = sum_k w_k integral N(z; m_k, diag s_k^2) N(x; decode(z), sigma^2 I) dz
         ~ sum_j v_j N(x; decode(z_j), sigma^2 I)            z_j on a uniform grid about each m_k, of spacing h_k

The sum of a smooth function over a uniform grid has an error that falls exponentially with 1/h once h is near the
function's width: Trefethen and Weideman (2014), "The exponentially convergent trapezoidal rule". Here the widths are
s_k, and sigma divided by the slope of the decoder. The prior beyond seven standard deviations of its Gaussians (3e-12
of it for each latent) is left out.

The error. The grid is 2^L interleaved grids of twice the spacing, each with a sum of its own. The largest difference of
any of them from the whole is the error that is told. It is far above the true one: at twice the spacing the error is
the fourth root of what it is, as long as it is small.

Every row is computed for itself, by operations on arrays whose shape depends on the model alone: no library's way to
cut a batch into blocks touches a row's bits.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swissroll.model.vae import VAE

REACH = 7.0
"""Standard deviations of each Gaussian of the prior that its grid reaches."""
SPACING = 0.8
"""Spacing of a grid, in the smaller of the prior's and the decoder's widths."""
SLOPE_POINTS = 25
"""Points per latent at which the decoder's slope is found, within four standard deviations."""
SLOPE_REACH = 4.0
MAX_NODES = 400_000
"""Most nodes of all grids together: with more, the spacings are widened, which the error shows."""
LEAST_WEIGHT = -0.5 * REACH**2 - 1.0
"""Log of a node's weight beside the largest of its Gaussian, below which it is left out."""
MAX_DECODED = 2**15
"""Nodes decoded at a time."""


@dataclass(frozen=True)
class Nodes:
    """A mixture of M equally wide Gaussians that is a model's density, in model coordinates, float64.

    Attributes:
        centres: Decoded nodes, column by column, shape (D, M).
        log_weights: Logarithms of their weights, shape (M,).
        groups: Where each of the 2^L interleaved grids begins among the nodes, and M at last.
        sigma: Standard deviation of each Gaussian.
    """

    centres: NDArray[np.float64]
    log_weights: NDArray[np.float64]
    groups: tuple[int, ...]
    sigma: float

    def log_density(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log density in nats and its error, each of shape (N,), of rows of shape (N, D)."""
        log_p = np.empty(len(rows))
        error = np.empty(len(rows))
        squares = np.empty_like(self.log_weights)
        part = np.empty_like(self.log_weights)
        for index, row in enumerate(rows):
            # |x - c|^2, column by column.
            squares.fill(0.0)
            for value, column in zip(row.tolist(), self.centres, strict=True):
                np.subtract(column, value, out=part)
                np.multiply(part, part, out=part)
                np.add(squares, part, out=squares)
            np.multiply(squares, -0.5 / self.sigma**2, out=squares)
            np.add(squares, self.log_weights, out=squares)
            log_p[index], error[index] = self._sum(squares, part)
        constant = 0.5 * len(self.centres) * math.log(2 * math.pi * self.sigma**2)
        return log_p - constant, error

    def _sum(self, exponents: NDArray[np.float64], memory: NDArray[np.float64]) -> tuple[float, float]:
        """Log of the sum of the exponentials, and the largest difference of an interleaved grid's from it."""
        highest = float(exponents.max())
        np.subtract(exponents, highest, out=memory)
        np.exp(memory, out=memory)
        kinds = len(self.groups) - 1
        sums = [float(memory[a:b].sum()) for a, b in itertools.pairwise(self.groups)]
        total = sum(sums)

        # Each has a cell 2^L times as large.
        logs = [math.log(part * kinds / total) if part > 0 else math.inf for part in sums]
        return highest + math.log(total), max(map(abs, logs))


@torch.no_grad()
def make_nodes(model: VAE, sigma: float) -> Nodes:
    """The nodes of a model.

    Args:
        model: A VAE with one or two latents whose prior is a mixture of Gaussians, in float64 on the CPU.
        sigma: Decoder standard deviation, in model coordinates.
    """
    prior = model.prior.components()
    if prior is None:
        raise ValueError("A sum over nodes needs a prior that is a mixture of Gaussians.")
    gaussians = list(zip(prior.log_weights.tolist(), prior.means, prior.stds, strict=True))
    spacings = [_spacing(model, mean, std, sigma) for _, mean, std in gaussians]

    # The number of nodes is proportional to the product of the widths over the spacings.
    count = sum(float((2 * REACH * std / h).prod()) for (_, _, std), h in zip(gaussians, spacings, strict=True))
    wider = max(1.0, count / MAX_NODES) ** (1 / model.latent_dim)

    kinds = 2**model.latent_dim
    latents: list[list[Tensor]] = [[] for _ in range(kinds)]
    weights: list[list[Tensor]] = [[] for _ in range(kinds)]
    for (log_weight, mean, std), spacing in zip(gaussians, spacings, strict=True):
        z, log_v, kind = _grid(mean, std, spacing * wider)
        for index in range(kinds):
            latents[index].append(z[kind == index])
            weights[index].append(log_v[kind == index] + log_weight)

    sizes = [sum(map(len, parts)) for parts in weights]
    z = torch.cat([torch.cat(parts) for parts in latents])
    log_weights = torch.cat([torch.cat(parts) for parts in weights])
    decoded = torch.cat([model.decode(part) for part in torch.split(z, MAX_DECODED)])
    return Nodes(
        centres=np.ascontiguousarray(decoded.numpy().T),
        log_weights=log_weights.numpy(),
        groups=(0, *itertools.accumulate(sizes)),
        sigma=sigma,
    )


def _spacing(model: VAE, mean: Tensor, std: Tensor, sigma: float) -> Tensor:
    """Spacing of the grid about a Gaussian of the prior, in each latent, shape (L,)."""
    axis = torch.linspace(-SLOPE_REACH, SLOPE_REACH, SLOPE_POINTS, dtype=torch.float64)
    points = torch.cartesian_prod(*[axis] * len(mean)).reshape(-1, len(mean))
    decoded = model.decode(mean + std * points).reshape(*[SLOPE_POINTS] * len(mean), -1)

    spacing = torch.empty_like(std)
    for dim in range(len(mean)):
        step = (axis[1] - axis[0]) * std[dim]
        slope = decoded.diff(dim=dim).norm(dim=-1).max() / step
        spacing[dim] = SPACING * torch.minimum(std[dim], sigma / slope)
    return spacing


def _grid(mean: Tensor, std: Tensor, spacing: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes about a Gaussian, shape (M, L), logs of its mass in their cells, and which interleaved grid each is of."""
    axes = []
    for dim in range(len(mean)):
        count = math.ceil(float(REACH * std[dim] / spacing[dim]))
        axes.append(torch.arange(-count, count + 1, dtype=torch.float64))
    steps = torch.cartesian_prod(*axes).reshape(-1, len(mean))
    offset = steps * spacing

    # log of N(z; m, s^2) times the volume of a cell
    scaled = offset / std
    log_mass = -0.5 * (scaled.square() + math.log(2 * math.pi)).sum(dim=1) + (spacing / std).log().sum()
    parity = steps.remainder(2)
    kind = (parity * 2.0 ** torch.arange(len(mean))).sum(dim=1)

    kept = -0.5 * scaled.square().sum(dim=1) > LEAST_WEIGHT
    return (mean + offset)[kept], log_mass[kept], kind[kept]
