"""The two terms of a VAE's loss on points, in both conventions that :mod:`swissroll.model.loss` explains.

They are a squared error and a KL averaged over dimensions, as in the notebook, or distortion and rate in nats.
"""

from __future__ import annotations

import math
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from swissroll import checks
from swissroll.model.translation import log_normaliser

MAX_LOGVAR = 690.0
"""Log-variances further from 0 are read as this far: their exponential is no longer a number."""

Value = TypeVar("Value")


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
        One divergence per point, shape (B,): summed over L, not averaged.

    Raises:
        ValueError: The shapes differ, or a number is not finite.

    Source: Kingma and Welling (2014), appendix B.
    """
    mu, logvar = _same_shape(mu=mu, logvar=logvar)
    return _require_finite("rate", kl_per_point(mu, logvar))


def kl_per_point(mu: Tensor, logvar: Tensor) -> Tensor:
    """As :func:`rate`, unchecked."""
    return -0.5 * (1 + logvar - mu.pow(2) - torch.exp(logvar)).sum(dim=-1)


def distortion(recon_x: Tensor, x: Tensor, sigma: float) -> Tensor:
    """-log N(x; recon_x, sigma^2 I), in nats.

    Args:
        recon_x: Decoded means, shape (B, D).
        x: Points, shape (B, D).
        sigma: Decoder standard deviation, in data units, above 0.

    Returns:
        One distortion per point, shape (B,): summed over D. With recon_x decoded from a draw of q(z|x) it is an
        unbiased one-sample estimate of -E_q log p(x|z).

    Raises:
        ValueError: sigma is not in [1e-100, 1e100], the shapes differ, or a number is not finite.
    """
    checks.real("sigma", sigma, 1e-100, 1e100)
    recon_x, x = _same_shape(recon_x=recon_x, x=x)
    return _require_finite("distortion", distortion_per_point(recon_x, x, sigma))


def distortion_per_point(recon_x: Tensor, x: Tensor, sigma: float) -> Tensor:
    """As :func:`distortion`, unchecked; arguments broadcast."""
    squares = (recon_x - x).square().sum(dim=-1)

    # -log N(x; m, sigma^2 I) = |x - m|^2 / (2 sigma^2) + D/2 log(2 pi sigma^2)
    return squares / (2 * sigma**2) + log_normaliser(x.shape[-1], sigma)


def elbo(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, sigma: float) -> Tensor:
    """Evidence lower bound -(distortion + rate) per point, in nats, shape (B,).

    Arguments and errors are those of :func:`distortion` and :func:`rate`, with the same number of points in all.
    """
    if len(checks.points("mu", mu)) != len(checks.points("x", x)):
        raise ValueError(f"mu must be of as many points as x, {len(x)}; got {len(mu)}.")
    return -(distortion(recon_x, x, sigma) + rate(mu, logvar))


def _same_shape(**tensors: Any) -> tuple[Tensor, Tensor]:
    """Two arguments as tensors; arrays and lists become float64, and gradients flow through tensors.

    Raises:
        ValueError: They are not finite numbers of one shape, (B, dimensions).
    """
    found = []
    for name, value in tensors.items():
        checked = checks.points(name, value)
        is_real = isinstance(value, Tensor) and value.is_floating_point() and not value.is_inference()
        found.append(value if is_real else checked)

    first, second = found
    if first.shape != second.shape:
        names = " and ".join(tensors)
        raise ValueError(f"{names} must have the same shape; got {tuple(first.shape)} and {tuple(second.shape)}.")
    return first, second


def _require_finite(name: str, values: Tensor) -> Tensor:
    if not bool(torch.isfinite(values).all()):
        raise checks.NotFiniteError(
            f"{name} is not a finite number in {values.dtype}; pass smaller numbers.", name=name
        )
    return values


def mean_distortion(mse: Any, logvar: Any, library: Any = torch) -> Any:
    """Distortion divided by D, in nats, of a mean squared error at a decoder log-variance; a scalar.

    Args:
        mse: Squared error averaged over points and dimensions.
        logvar: Log-variance of p(x|z).
        library: Whose arrays these are: torch, or jax.numpy.
    """
    return 0.5 * (mse * library.exp(-logvar) + logvar + math.log(2 * math.pi))


def least_mean_distortion(mse: Any, library: Any = torch) -> Any:
    """As :func:`mean_distortion` at the log-variance where it is least, that of sigma^2 = mse; a scalar.

    Source: Rybkin, Daniilidis and Levine (2021), "Simple and Effective VAE Training with Calibrated Decoders",
    equation 6.
    """
    return 0.5 * (1 + math.log(2 * math.pi) + library.log(mse))


def sigma_of(logvar: float) -> float:
    """Standard deviation of a log-variance, kept where its square is a number: at most 1e152; nan of nan."""
    if math.isnan(logvar):
        return logvar
    bounded = max(-MAX_LOGVAR, min(MAX_LOGVAR, logvar))
    return math.exp(bounded / 2)


class LossTerms(NamedTuple, Generic[Value]):
    """A loss on some points and what it is made of; each a float, or a scalar tensor.

    Attributes:
        loss: What the optimizer descends.
        mse: Squared error averaged over points and dimensions, in squared data units.
        kl: KL term averaged over points and latent dimensions, in nats.
        decoder_logvar: Log-variance of p(x|z) where beta does not decide it, else None.
    """

    loss: Value
    mse: Value
    kl: Value
    decoder_logvar: Value | None = None

    def present(self) -> list[Value]:
        """The values that are there: three, or four where beta does not decide the decoder's variance."""
        return [value for value in self if value is not None]
