"""What a loss amounts to as a negative ELBO: the decoder's noise and the true beta, in both conventions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from swissroll import checks
from swissroll.config import Reduction

LEAST_BETA = 1e-180
"""Least beta but for 0: the square of a smaller one's decoder sigma would not be a number."""


class Nats(NamedTuple):
    """The two terms of the negative ELBO.

    Attributes:
        rate: KL of q(z|x) from the prior, in nats per point.
        distortion: -E_q log p(x|z), in nats per point; nan for a decoder without noise, where it is not defined.
    """

    rate: float
    distortion: float


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

    def nats(self, mse: float, kl: float) -> Nats:
        """Rate and distortion in nats per point from the notebook's two averages.

        The distortion of a decoder without noise (beta 0) is not defined: nan.
        """
        return nats_of(mse, kl, self.data_dim, self.latent_dim, self.sigma)


def nats_of(mse: float, kl: float, data_dim: int, latent_dim: int, sigma: float) -> Nats:
    """The two terms in nats, from their averages over dimensions, at a decoder sigma."""
    rate = latent_dim * kl
    if sigma == 0:
        return Nats(rate, math.nan)
    squares = data_dim * mse / (2 * sigma**2)
    return Nats(rate, squares + log_normaliser(data_dim, sigma))


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
    ``true_beta = beta / (2 sigma^2)``. Where sigma is learned,
    ``true_beta`` is ``beta D / L`` for ``mean`` and beta for ``sum``.

    Args:
        beta: Weight of the KL term: 0, or from 1e-180 on.
        reduction: ``mean`` (the notebook) or ``sum``.
        data_dim: D, at least 1.
        latent_dim: L, at least 1.
        sigma: Read the loss at this decoder standard deviation; by default at the one where true_beta is 1.
        learned: The loss has the distortion at a learned sigma for its squared error; ``sigma`` is that one, where it
            is known already.

    Raises:
        ValueError: An argument is outside its range.
    """
    check_beta(beta)
    checks.one_of("reduction", reduction, ("mean", "sum"))
    checks.whole("data_dim", data_dim, 1, 10**9)
    checks.whole("latent_dim", latent_dim, 1, 10**9)
    checks.flag("learned", learned)
    # Weight of the rate beside the squared error summed over dimensions.
    weight = beta * (data_dim / latent_dim if reduction == "mean" else 1.0)

    if learned:
        known = math.nan if sigma is None else sigma
        return Translation(sigma=known, true_beta=weight, data_dim=data_dim, latent_dim=latent_dim)

    # Dividing by 2 sigma^2 makes the squared error a distortion; weight / (2 sigma^2) is then the true beta.
    variance = weight / 2
    if sigma is None:
        return Translation(sigma=math.sqrt(variance), true_beta=1.0, data_dim=data_dim, latent_dim=latent_dim)

    checks.real("sigma", sigma, 1e-100, 1e100)
    return Translation(sigma=sigma, true_beta=variance / sigma**2, data_dim=data_dim, latent_dim=latent_dim)


def check_beta(beta: float) -> None:
    """Require a weight of the KL term: 0, or one whose decoder has noise; raises ValueError otherwise."""
    checks.real("beta", beta, 0, 1e100)
    if 0 < beta < LEAST_BETA:
        raise ValueError(f"beta must be 0 or at least {LEAST_BETA:g}, or its decoder has no noise; got {beta!r}.")


def log_normaliser(dim: int, sigma: float) -> float:
    """D/2 log(2 pi sigma^2)."""
    return dim / 2 * (math.log(2 * math.pi) + 2 * math.log(sigma))
