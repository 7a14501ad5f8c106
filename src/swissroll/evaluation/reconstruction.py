"""How well points come back from their latents."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from swissroll import checks
from swissroll.evaluation.uncertainty import standard_error
from swissroll.model.terms import distortion
from swissroll.model.vae import VAE


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """How well points come back. A name that ends in ``_se`` is the standard error of a mean over the points.

    Attributes:
        mse: Squared error of one decoded draw from each posterior, as in the loss, averaged over points and
            coordinates, in squared data units.
        mse_se: Its standard error.
        posterior_mean_mse: The same of the decoded posterior mean.
        posterior_mean_mse_se: Its standard error.
        variance: Variance of the data, averaged over coordinates: what a decoder that ignores z can reach.
        distortion: -E log p(x|z), in nats per point; None without decoder noise.
        distortion_se: Its standard error.
        neg_elbo: Negative ELBO, distortion + rate, in nats per point; None without decoder noise.
        neg_elbo_se: Its standard error.
    """

    mse: float
    mse_se: float
    posterior_mean_mse: float
    posterior_mean_mse_se: float
    variance: float
    distortion: float | None
    distortion_se: float | None
    neg_elbo: float | None
    neg_elbo_se: float | None


def measure_reconstruction(
    model: VAE, x: Tensor, mu: Tensor, z: Tensor, point_rates: Tensor, *, rate: float, variance: float, sigma: float
) -> Reconstruction:
    """Decode posterior means and one draw of each, shape (N, L), and compare both with the points, shape (N, D)."""
    mean = checks.points("reconstructions", model.decode(mu))
    drawn = checks.points("reconstructions", model.decode(z))
    mean_errors = (mean - x).square().mean(dim=1)
    errors = (drawn - x).square().mean(dim=1)

    # -ELBO = distortion + rate, both in nats per point.
    lost = distortion(drawn, x.double(), sigma) if sigma > 0 else None
    return Reconstruction(
        mse=errors.mean().item(),
        mse_se=standard_error(errors),
        posterior_mean_mse=mean_errors.mean().item(),
        posterior_mean_mse_se=standard_error(mean_errors),
        variance=variance,
        distortion=None if lost is None else lost.mean().item(),
        distortion_se=None if lost is None else standard_error(lost),
        neg_elbo=None if lost is None else lost.mean().item() + rate,
        neg_elbo_se=None if lost is None else standard_error(lost + point_rates),
    )
