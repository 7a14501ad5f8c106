r"""One heavy-tailed cloud over all columns, which a model of a table stands before: a multivariate Student t.

    p(x) = C |S|^(-1/2) (1 + (x - m)^T S^-1 (x - m) / nu)^(-(nu + D) / 2)

Rows far from all others, and columns too many for a network and so few rows, are its business. m and S are those of the
largest likelihood, found by expectation maximisation; nu, and by how much S shrinks towards a multiple of the identity,
are those that rows left out of such a fit favour.

Sources: Liu and Rubin (1995), "ML estimation of the t distribution using EM and its extensions"; Smyth and Wolpert
(1998), "Stacked density estimation", for the weight of one density beside another, by rows that neither has seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from swissroll.data.standardization import Standardization
from swissroll.reproducibility.modes import ordinary_modes

FREEDOMS = (3, 8, 30)
"""Degrees of freedom that are tried: the fewer, the heavier the tails."""
SHRINKAGES = (0.0, 0.01, 0.1, 0.5)
"""Shares of the scatter that are replaced by a multiple of the identity."""
FOLDS = 5
ROUNDS = 20
"""Of expectation maximisation."""
MAX_FITTED_ROWS = 5000
"""Most rows that the cloud is fitted to; as many as these leave no doubt about its D (D + 3) / 2 numbers."""
STACKING_ROUNDS = 200


@dataclass(frozen=True)
class Background:
    """A multivariate Student t in data units.

    Attributes:
        standardization: The map to coordinates in which it is round and lies about 0.
        freedom: Degrees of freedom, nu.
    """

    standardization: Standardization
    freedom: int

    def log_density(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log density in nats, shape (N,), of rows of shape (N, D) in data units, each for itself."""
        y = self.standardization.standardize(rows)
        squares = np.zeros(len(y))
        for column in y.T:
            squares += column * column
        # One number after the other: the library's way through an array may touch the last bit.
        tails = np.array([math.log1p(square / self.freedom) for square in squares.tolist()])
        half = 0.5 * (self.freedom + y.shape[1])
        log_p: NDArray[np.float64] = self._log_constant() - half * tails - self.standardization.log_volume
        return log_p

    def draw(self, n: int, generator: Generator) -> NDArray[np.float64]:
        """Rows drawn from it, shape (n, D), in data units."""
        y = torch.randn(n, self.standardization.data_dim, generator=generator, dtype=torch.float64)
        # A chi-squared number is a sum of squared normal ones.
        normals = torch.randn(n, self.freedom, generator=generator, dtype=torch.float64)
        widths = (normals.square().sum(dim=1, keepdim=True) / self.freedom).rsqrt()
        return self.standardization.restore((y * widths).numpy())

    def _log_constant(self) -> float:
        dims = self.standardization.data_dim
        gammas = math.lgamma(0.5 * (self.freedom + dims)) - math.lgamma(0.5 * self.freedom)
        return gammas - 0.5 * dims * math.log(self.freedom * math.pi)


@dataclass(frozen=True)
class Cloud:
    """Its numbers in model coordinates.

    Attributes:
        mean: m, shape (D,).
        scatter: S, shape (D, D).
        freedom: nu.
    """

    mean: Tensor
    scatter: Tensor
    freedom: int

    def squares(self, x: Tensor) -> Tensor:
        """(x - m)^T S^-1 (x - m), shape (N,), of points of shape (N, D)."""
        y: Tensor = torch.linalg.solve_triangular(torch.linalg.cholesky(self.scatter), (x - self.mean).T, upper=False)
        return y.square().sum(dim=0)

    def log_density(self, x: Tensor) -> Tensor:
        """Log density in nats but for terms that depend on nu and D alone, shape (N,)."""
        half = 0.5 * (self.freedom + x.shape[1])
        gammas = math.lgamma(half) - math.lgamma(0.5 * self.freedom) - 0.5 * x.shape[1] * math.log(self.freedom)
        log_p: Tensor = gammas - half * torch.log1p(self.squares(x) / self.freedom) - 0.5 * torch.logdet(self.scatter)
        return log_p


@ordinary_modes(threads=1)
def fit_background(x: Tensor, standardization: Standardization, blur: tuple[float, ...]) -> Background:
    """The cloud that fits rows.

    Args:
        x: Training rows in the coordinates of ``standardization``, shape (N, D).
        standardization: The map from data units to these, column by column.
        blur: Resolution of each column, in these coordinates.
    """
    # Evenly from all of them: a table may be sorted.
    points = x[:: -(-len(x) // MAX_FITTED_ROWS)].double()
    freedom, shrinkage = _choose(points, blur)
    cloud = _fit(points, blur, freedom, shrinkage)

    # y = L^-1 (z - m), where S = L L^T, is round.
    inverse = torch.linalg.inv(torch.linalg.cholesky(cloud.scatter))
    scale = np.array(standardization.scale)
    mean = np.array(standardization.mean) + scale * cloud.mean.numpy()
    whitening = tuple(tuple(row) for row in torch.tril(inverse).tolist())
    return Background(replace(standardization, mean=tuple(mean.tolist()), whitening=whitening), freedom)


def _choose(x: Tensor, blur: tuple[float, ...]) -> tuple[int, float]:
    """Degrees of freedom and shrinkage that rows left out favour."""
    folds = torch.arange(len(x)) % FOLDS
    found: dict[tuple[int, float], float] = {}
    for freedom in FREEDOMS:
        for shrinkage in SHRINKAGES:
            total = 0.0
            for fold in range(FOLDS):
                cloud = _fit(x[folds != fold], blur, freedom, shrinkage)
                total += float(cloud.log_density(x[folds == fold]).sum())
            found[freedom, shrinkage] = total
    return max(found, key=lambda key: found[key])


def _fit(x: Tensor, blur: tuple[float, ...], freedom: int, shrinkage: float) -> Cloud:
    """The cloud of the largest likelihood, shrunk in each round."""
    rows, dims = x.shape
    resolution = torch.diag(torch.tensor(blur, dtype=torch.float64).square())
    weights = torch.ones(rows, dtype=torch.float64)
    for _ in range(ROUNDS):
        # m = sum w x / sum w,   S = sum w (x - m) (x - m)^T / N,   w = (nu + D) / (nu + squares)
        mean = (weights[:, None] * x).sum(dim=0) / weights.sum()
        centred = x - mean
        scatter = (weights[:, None] * centred).T @ centred / rows
        size = scatter.diagonal().mean()
        scatter = (1 - shrinkage) * scatter + shrinkage * size * torch.eye(dims, dtype=torch.float64) + resolution
        cloud = Cloud(mean, scatter, freedom)
        weights = (freedom + dims) / (freedom + cloud.squares(x))
    return cloud


def mix(log_densities: NDArray[np.float64], background: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """Log of (1 - w) p + w b, shape (N,), from the logarithms of p and b, each of shape (N,)."""
    mixed: NDArray[np.float64] = np.logaddexp(log_densities + math.log1p(-weight), background + math.log(weight))
    return mixed


def stack(log_densities: NDArray[np.float64], background: NDArray[np.float64]) -> float:
    """Weight of the background beside a model that makes rows which neither has seen likeliest, above 0 and below 1.

    Args:
        log_densities: The model's, of these rows, shape (N,), in nats.
        background: The background's, shape (N,).
    """
    weight = 0.5
    for _ in range(STACKING_ROUNDS):
        # Each row's share of the background; half a row on either side keeps the weight off 0 and 1.
        shares = 1 / (1 + np.exp(np.clip(log_densities - background, -600, 600)) * (1 - weight) / weight)
        weight = (float(shares.sum()) + 0.5) / (len(shares) + 1)
    return weight
