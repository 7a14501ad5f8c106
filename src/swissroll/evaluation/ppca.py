"""The best evidence of a linear decoder, in closed form: what a linear VAE comes to.

Source: Tipping and Bishop (1999), "Probabilistic principal component analysis".
"""

from __future__ import annotations

import math
from typing import Any

import torch

from swissroll import checks
from swissroll.evaluation.evidence import SIGMAS
from swissroll.reproducibility.modes import ordinary_modes


@ordinary_modes()
def ppca_evidence(covariance: Any, latent_dim: int, sigma: float) -> float:
    """Best mean log evidence of a linear-Gaussian model with a fixed sigma, in nats per point.

    The optimum keeps those of the ``latent_dim`` leading axes whose variance is above sigma^2 and models every other
    one as noise.

    Args:
        covariance: Of the data about its mean, shape (D, D), in squared data units.
        latent_dim: L, at least 1.
        sigma: Decoder standard deviation, in data units, above 0.

    Source: Tipping and Bishop (1999), equations 4 and 15, with sigma given instead of fitted.
    """
    checks.whole("latent_dim", latent_dim, 1, 10**6)
    checks.real("sigma", sigma, *SIGMAS)
    square = checks.points("covariance", covariance)
    if len(square) != square.shape[1] or not torch.allclose(square, square.T):
        raise ValueError(f"covariance must be a symmetric matrix of shape (D, D); got shape {tuple(square.shape)}.")
    variances = torch.linalg.eigvalsh(square).flip(0)

    # The model's variance along each axis.
    modelled = torch.full_like(variances, sigma**2)
    modelled[:latent_dim] = variances[:latent_dim].clamp_min(sigma**2)

    # E log N(x; 0, diag m) = -sum of (log(2 pi m) + v / m) / 2, for data of variance v along each axis.
    per_axis = (2 * math.pi * modelled).log() + variances / modelled
    return float(-0.5 * per_axis.sum())
