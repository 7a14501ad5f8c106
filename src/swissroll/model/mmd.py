r"""The maximum mean discrepancy between the aggregate posterior and the prior, a regulariser beside or without the KL.

    MMD^2(q, p) = E k(z, z') - 2 E k(z, w) + E k(w, w')      z, z' ~ q(z) = E_x q(z|x),   w, w' ~ p(z)
    k(a, b)     = exp(-|a - b|^2 / (2 h^2)),   h^2 = L / 4    so h = 0.5 for one latent and 0.71 for two

It pulls the latents of all points together towards the prior, and leaves each point's own posterior alone, where the KL
term pulls every single one. The estimate is unbiased: z and z' are the draws of two different points of the batch, and
the means over w are exact, as the prior is a mixture of Gaussians: E k(z, w) is a sum of Gaussians, too. An unbiased
estimate can be below 0.

Sources: Zhao, Song and Ermon (2019), "InfoVAE", section 4.2; Tolstikhin, Bousquet, Gelly and Schoelkopf (2018),
"Wasserstein auto-encoders", algorithm 2 (with beta 0); Gretton et al. (2012), "A kernel two-sample test", lemma 6, for
the unbiased estimate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from swissroll import checks

if TYPE_CHECKING:
    from swissroll.model.prior import Prior


def mmd_bandwidth(latent_dim: int) -> float:
    """Bandwidth h of the kernel: half the root of L, as distances between draws from the prior grow with it."""
    return 0.5 * math.sqrt(latent_dim)


def mmd_to_prior(z: Tensor, prior: Prior, bandwidth: float | None = None) -> Tensor:
    """Unbiased estimate of the squared MMD between the source of some latents and a prior; a scalar.

    Args:
        z: Independent latents, shape (B, L), B at least 2; gradients flow through.
        prior: N(0, I) or a mixture of Gaussians; gradients reach its parameters.
        bandwidth: h, by default :func:`mmd_bandwidth`.

    Raises:
        ValueError: The prior is no mixture of Gaussians, or there are fewer than two latents.
    """
    if len(z) < 2:
        raise ValueError(f"The MMD needs at least 2 latents; got {len(z)}.")
    if bandwidth is None:
        bandwidth = mmd_bandwidth(z.shape[1])
    checks.real("bandwidth", bandwidth, 0, 1e6, open_low=True)
    gaussians = prior.gaussians(z)
    if gaussians is None:
        raise ValueError(f"The MMD needs a prior that is a mixture of Gaussians; got {type(prior).__name__}.")
    weights, means, variances = gaussians
    square = bandwidth * bandwidth

    # E k(z, z'), over pairs of different points: k(z, z) is 1 each.
    count = len(z)
    among_latents = (_smoothed(z[:, None] - z, torch.zeros_like(z), square).sum() - count) / (count * (count - 1))

    # E k(z, w): the kernel, widened by the variance of each component.
    between = (_smoothed(z[:, None] - means, variances, square) @ weights).mean()

    # E k(w, w'), of pairs of components.
    pairs = _smoothed(means[:, None] - means, variances[:, None] + variances, square)
    within_prior = weights @ pairs @ weights

    return among_latents - 2 * between + within_prior


def _smoothed(difference: Tensor, variance: Tensor, square: float) -> Tensor:
    """E k(a, b) over L dimensions, for b - a normal with these means and variances, shapes (..., L), to (...)."""
    # In each dimension h / sqrt(h^2 + v) exp(-d^2 / (2 (h^2 + v))).
    wide = square + variance
    exponent = difference.square() / wide + (wide / square).log()
    return torch.exp(-0.5 * exponent.sum(dim=-1))
