r"""What a VAE minimises: the two terms of its loss, in two conventions, and how these translate.

For a point x with D coordinates, q(z|x) = N(mu, diag exp(logvar)) over L latent dimensions, and a decoder
p(x|z) = N(decode(z), sigma^2 I), in nats:

    rate        R = KL(q(z|x) || N(0, I))    = 1/2 sum_j (mu_j^2 + exp(logvar_j) - 1 - logvar_j)
    distortion  T = -E_q log p(x|z)          = |x - x'|^2 / (2 sigma^2) + D/2 log(2 pi sigma^2)
    ELBO          = -(T + R)                <= log p(x)

The notebook averages over dimensions: ``mean`` = |x - x'|^2 / D + beta R / L.
The textbook sums:                     ``sum``  = |x - x'|^2     + beta R.
Both are a negative ELBO up to a constant and a factor, for the sigma that :func:`translate` gives. Where sigma is
learned, T takes the place of the squared error: ``T / D + beta R / L`` or ``T + beta R``, at beta 1 the negative ELBO
itself (for ``mean`` where L = D, and divided by D).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from swissroll import checks
from swissroll.config import Reduction

FARTHEST = 690.0
"""Log-variances are told as no further from 0 than that."""


def reconstruction_mse(recon_x: Tensor, x: Tensor) -> Tensor:
    """Mean squared error over points and dimensions, in squared data units; a scalar."""
    return torch.mean((recon_x - x) ** 2)


def mean_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """The KL term averaged over points and latent dimensions (the notebook's convention), in nats; a scalar.

    The order of the operations is the notebook's, so that training keeps its bits.
    """
    return -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))


def rate(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence of q(z|x) = N(mu, exp(logvar)) from the prior N(0, I), in nats.

    Args:
        mu: Means, shape (B, L).
        logvar: Log-variances, shape (B, L).

    Returns:
        One divergence a point, shape (B,): summed over L, not averaged.

    Source: Kingma and Welling (2014), appendix B.
    """
    return -0.5 * (1 + logvar - mu.pow(2) - torch.exp(logvar)).sum(dim=-1)


def distortion(recon_x: Tensor, x: Tensor, sigma: float) -> Tensor:
    """-log N(x; recon_x, sigma^2 I), in nats.

    Args:
        recon_x: Decoded means, shape (B, D).
        x: Points, shape (B, D).
        sigma: Decoder standard deviation, in data units, above 0.

    Returns:
        One distortion a point, shape (B,): summed over D. With recon_x decoded from a draw of q(z|x) it is an
        unbiased one-sample estimate of -E_q log p(x|z).

    Raises:
        ValueError: sigma is not above 0, or the points differ in D.
    """
    if recon_x.shape[-1] != x.shape[-1]:
        raise ValueError(f"recon_x and x must have the same D; got {recon_x.shape[-1]} and {x.shape[-1]}.")
    checks.real("sigma", sigma, 1e-100, 1e100)
    squares = (recon_x - x).square().sum(dim=-1)
    return squares / (2 * sigma**2) + _log_normaliser(x.shape[-1], sigma)


def elbo(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, sigma: float) -> Tensor:
    """Evidence lower bound -(distortion + rate) a point, in nats, shape (B,). Arguments as above."""
    return -(distortion(recon_x, x, sigma) + rate(mu, logvar))


def mean_distortion(mse: Tensor, logvar: Tensor) -> Tensor:
    """Distortion over D, in nats, of a mean squared error at a decoder log-variance; a scalar."""
    return 0.5 * (mse * torch.exp(-logvar) + logvar + math.log(2 * math.pi))


def combine(error: Tensor, kl: Tensor, *, beta: float, reduction: Reduction, dims: tuple[int, int]) -> Tensor:
    """The loss of a batch from its two averaged terms.

    Args:
        error: Squared error averaged over points and dimensions; where the decoder's variance is learned,
            :func:`mean_distortion`.
        kl: KL term averaged over points and latent dimensions.
        beta: Its weight.
        reduction: Average both over dimensions, or sum them.
        dims: D and L.
    """
    if reduction == "mean":
        return error + beta * kl
    return dims[0] * error + beta * (dims[1] * kl)


def sigma_of(logvar: float) -> float:
    """Standard deviation of a log-variance, kept where its square is a number: at most 1e152; nan of nan."""
    return math.exp(max(-FARTHEST, min(FARTHEST, logvar)) / 2) if not math.isnan(logvar) else logvar


@dataclass(frozen=True, kw_only=True)
class Translation:
    """What a loss amounts to as a negative ELBO with a Gaussian decoder.

    Attributes:
        sigma: Decoder standard deviation, in data units, at which the loss weighs the rate by ``true_beta``; nan where
            it is learned and not known yet.
        true_beta: Weight of the rate in nats against the distortion in nats; 1 is the ELBO itself.
        data_dim: D.
        latent_dim: L.
    """

    sigma: float
    true_beta: float
    data_dim: int
    latent_dim: int

    def nats(self, mse: float, kl: float) -> tuple[float, float]:
        """Rate and distortion in nats a point from the notebook's two averages.

        The distortion of a decoder without noise (beta 0) is not defined: nan.
        """
        if self.sigma == 0:
            return self.latent_dim * kl, math.nan
        squares = self.data_dim * mse / (2 * self.sigma**2)
        return self.latent_dim * kl, squares + _log_normaliser(self.data_dim, self.sigma)


def translate(
    beta: float,
    reduction: Reduction,
    data_dim: int,
    latent_dim: int,
    *,
    sigma: float | None = None,
    learned: bool = False,
) -> Translation:
    """Say which decoder noise and which true beta a loss amounts to.

    Multiplying ``mean`` by ``D / (2 sigma^2)`` gives ``|x - x'|^2 / (2 sigma^2) + true_beta R`` with
    ``true_beta = beta D / (2 L sigma^2)``; for ``sum`` the factor is ``1 / (2 sigma^2)`` and
    ``true_beta = beta / (2 sigma^2)``. Where sigma is learned, it is ``beta D / L`` for ``mean``, and beta for ``sum``.

    Args:
        beta: Weight of the KL term, at least 0.
        reduction: ``mean`` (the notebook) or ``sum``.
        data_dim: D, at least 1.
        latent_dim: L, at least 1.
        sigma: Read the loss at this decoder standard deviation; by default at the one where true_beta is 1.
        learned: The loss has the distortion at a learned sigma for its squared error; ``sigma`` is that one, where it
            is known already.

    Raises:
        ValueError: An argument is outside its range.
    """
    checks.real("beta", beta, 0, 1e100)
    checks.one_of("reduction", reduction, ("mean", "sum"))
    checks.whole("data_dim", data_dim, 1, 10**9)
    checks.whole("latent_dim", latent_dim, 1, 10**9)
    weight = beta * (data_dim / latent_dim if reduction == "mean" else 1.0)
    if learned:
        known = math.nan if sigma is None else sigma
        return Translation(sigma=known, true_beta=weight, data_dim=data_dim, latent_dim=latent_dim)
    variance = weight / 2
    if sigma is None:
        return Translation(sigma=math.sqrt(variance), true_beta=1.0, data_dim=data_dim, latent_dim=latent_dim)
    checks.real("sigma", sigma, 1e-100, 1e100)
    return Translation(sigma=sigma, true_beta=variance / sigma**2, data_dim=data_dim, latent_dim=latent_dim)


def _log_normaliser(dim: int, sigma: float) -> float:
    return dim / 2 * (math.log(2 * math.pi) + 2 * math.log(sigma))
