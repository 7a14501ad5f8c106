"""A trained model before its background, as a density of rows in data units; every row is computed for itself.

    p(x) = (1 - w) p_model(x) + w p_background(x)

The weight w is the one that rows held out favour.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from swissroll.density import rowwise
from swissroll.density.background import Background, mix
from swissroll.density.scoring import make_scorer
from swissroll.evaluation.evidence import EXACT_DIMS
from swissroll.model.standardized import StandardizedVAE
from swissroll.reproducibility.modes import ordinary_modes


class Density:
    """A model's density.

    Args:
        model: The trained model, in float64 on the CPU, with the map to data units.
        background: What lies behind it.
        weight: Share of the background, w.
        seed: Decides the draws of log densities that are bounds.

    Attributes:
        is_exact: Whether log densities are exact but for an error that is told; else they are lower bounds.
    """

    def __init__(self, model: StandardizedVAE, background: Background, weight: float, seed: int) -> None:
        sigma = model.vae.decoder_sigma
        if sigma is None:
            raise ValueError("A density needs a model whose decoder's noise is known.")
        self.model = model
        self.background = background
        self.weight = weight
        self.seed = seed
        self.is_exact = model.latent_dim <= EXACT_DIMS
        with ordinary_modes(threads=1):
            self._scorer = make_scorer(model.vae, sigma, seed)

    @ordinary_modes(threads=1)
    def encode(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Posterior means, shape (N, L), of rows of shape (N, D)."""
        return rowwise.encode_means(self.model.vae, self.model.standardization.standardize(rows))

    @ordinary_modes(threads=1)
    def decode(self, latents: NDArray[np.float64]) -> NDArray[np.float64]:
        """Decoded rows, shape (N, D), of latents of shape (N, L)."""
        return self.model.standardization.restore(rowwise.decode(self.model.vae, latents))

    def log_density(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log density in nats in data units and its error, each of shape (N,), of rows of shape (N, D)."""
        of_model, error = self.log_density_of_model(rows)
        log_p = mix(of_model, self.background.log_density(rows), self.weight)
        share = np.exp(of_model + math.log1p(-self.weight) - log_p)

        # The background alone has no error, and that of the model may be infinite there.
        shared = np.multiply(error, share, out=np.zeros_like(error), where=share > 0)
        return log_p, shared

    @ordinary_modes(threads=1)
    def log_density_of_model(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same of the model without its background."""
        standardization = self.model.standardization
        log_p, error = self._scorer.log_density(standardization.standardize(rows))
        return log_p - standardization.log_volume, error

    @ordinary_modes(threads=1)
    def draw(self, n: int, generator: torch.Generator) -> NDArray[np.float64]:
        """Rows drawn from the density, shape (n, D)."""
        drawn: NDArray[np.float64] = self.model.sample(n, noise=True, generator=generator).numpy()
        behind = torch.rand(n, generator=generator, dtype=torch.float64).numpy() < self.weight
        return np.where(behind[:, None], self.background.draw(n, generator), drawn)
