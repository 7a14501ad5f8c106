r"""What a trained model gives to a point: log p(x), how far the ELBO is below it, and why.

    log p(x)      = log of the integral over z of  p(z) N(x; decode(z), sigma^2 I)        evidence, in nats
    inference gap = log p(x) - ELBO = KL(q(z|x) || p(z|x))                                at least 0
                  = (best ELBO of any such Gaussian - ELBO)  + (log p(x) - that best ELBO)
                    what amortisation loses                    what the Gaussian family loses

Such Gaussians are diagonal, or have a full covariance where the model's posteriors have one.

With one or two latent dimensions and a prior that is a mixture of Gaussians, or smooth as a flow is, the integral is a
sum over a grid (:mod:`swissroll.evaluation.quadrature`), with an error of its own. Otherwise only a lower bound is in
reach (:mod:`swissroll.evaluation.importance`), and it is called a bound.

Source: Cremer, Li and Duvenaud (2018), "Inference suboptimality in variational autoencoders", section 3, for the split.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from swissroll import checks
from swissroll.evaluation import quadrature
from swissroll.evaluation.by_label import compute_by_label, is_of_several, join, join_records, mix_labels
from swissroll.evaluation.elbo import best_elbo, elbo
from swissroll.evaluation.importance import importance_bound
from swissroll.evaluation.shared_grid import MANY_POINTS, integrate_many
from swissroll.model.adapter import as_vae, measurable
from swissroll.model.posterior import Posterior
from swissroll.model.standardized import StandardizedVAE
from swissroll.model.vae import VAE
from swissroll.reproducibility.modes import ordinary_modes

EXACT_DIMS = 2
"""Most latent dimensions for which the evidence is exact."""
TOLERANCE = 1e-3
"""Default of the estimated error, in nats, at which a point's grid is fine enough."""
SIGMAS = (1e-100, 1e100)
"""Least and largest decoder standard deviation whose square and its inverse are numbers."""
MAX_DECODED = 2**13
"""Grid points decoded at a time."""
MAX_DENSITIES = 10**8
"""Most densities of a posterior on a grid."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Evidence of N points under a model, in nats per point; every tensor is float64 of shape (N,).

    Attributes:
        log_p: log p(x), or where ``bound`` is true the importance-weighted lower bound on it.
        error: Estimated error of ``log_p``: of the quadrature, or the standard error of the bound's K draws.
        elbo: E_q log p(x|z) - KL(q(z|x) || p(z)) at the encoder's q.
        inference_gap: ``log_p - elbo``; under a bound, at most the true gap.
        amortisation: Part of the gap that the best Gaussian found would close, a diagonal one where the model's
            posteriors are diagonal, so a lower bound (a finer search gained 0.001 nats on trained models); None where
            not asked for.
        family: The rest of the gap, ``log_p`` less that Gaussian's ELBO; None where not asked for.
        sigma: Decoder standard deviation that it was computed at, in data units.
        bound: Whether ``log_p`` is only a bound.
        spacing: Spacing of the finest latent grid used for a point; None for a bound.
        samples: K, draws per point; None where exact.
        gain: By how much the bound is above that of a tenth of the draws, shape (N,); None where exact.
    """

    log_p: Tensor
    error: Tensor
    elbo: Tensor
    inference_gap: Tensor
    amortisation: Tensor | None
    family: Tensor | None
    sigma: float
    bound: bool
    spacing: Tensor | None
    samples: int | None
    gain: Tensor | None = None

    @property
    def exact(self) -> bool:
        """Whether ``log_p`` is exact up to ``error``."""
        return not self.bound


def is_exact(model: nn.Module) -> bool:
    """Whether a model's evidence can be computed, not only bounded.

    It can with at most two latent dimensions and a prior that is a mixture of Gaussians, as the standard normal is, or
    smooth, as a flow is.
    """
    vae = model.vae if isinstance(model, StandardizedVAE) else as_vae(model)
    is_smooth = vae.prior.smooth or vae.prior.components() is not None
    return vae.latent_dim <= EXACT_DIMS and is_smooth


class Score(NamedTuple):
    """Log densities of N points, as tensors of float64 of shape (N,).

    Attributes:
        log_p: log p(x) in nats, or the importance-weighted bound on it.
        error: Estimated error of ``log_p``: of the quadrature, or the standard error of the bound's draws.
    """

    log_p: Tensor
    error: Tensor


@ordinary_modes()
def score(
    model: nn.Module,
    x: Tensor | NDArray[Any] | Sequence[Sequence[float]],
    *,
    sigma: float | None = None,
    tolerance: float = TOLERANCE,
    samples: int = 1000,
    generator: Generator | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Score:
    """Log p(x) and its error, for any number of points; the importance-weighted bound where :func:`is_exact` says no.

    From 2,049 points on, neighbours share a grid: some ten times as fast, and the same numbers within rounding.
    Arguments and errors as for :func:`measure_evidence`, which also says how far to trust it; ``progress`` is told how
    many more points are done. Of a conditional model without a label it is the sum over the labels of p(x|c) p(c).
    """
    options: dict[str, Any] = {"tolerance": tolerance, "samples": samples, "generator": generator}
    if isinstance(model, StandardizedVAE):
        found = score(model.vae, _standardize(model, x, sigma), progress=progress, **options)
        return Score(found.log_p - model.standardization.log_volume, found.error)

    vae, points, sigma = _check(model, x, sigma)
    _check_sampling(tolerance, samples, generator)
    if vae.label_count and vae.given_labels is None:
        # What is done for each label is no progress of its own.
        return Score(*mix_labels(vae, partial(score, x=points, sigma=sigma, **options)))
    if is_of_several(vae):
        options |= {"sigma": sigma, "progress": progress}
        by_label = compute_by_label(vae, points, partial(score, **options))
        return Score(*(join([(places, part[field]) for places, part in by_label]) for field in range(2)))
    if is_exact(vae):
        integrate = integrate_many if len(points) >= MANY_POINTS else quadrature.integrate
        integral = integrate(vae, points, sigma, tolerance=tolerance, progress=progress)
        return Score(_require_finite(integral.log_p, sigma), integral.error)

    bounds = []
    for part in torch.split(points, quadrature.POINTS):
        bounds.append(importance_bound(vae, part, _encode(vae, part), sigma, samples, generator))
        progress(len(part))
    log_p = torch.cat([bound.log_p for bound in bounds])
    return Score(_require_finite(log_p, sigma), torch.cat([bound.error for bound in bounds]))


def log_evidence(
    model: nn.Module,
    x: Tensor | NDArray[Any] | Sequence[Sequence[float]],
    *,
    sigma: float | None = None,
    tolerance: float = TOLERANCE,
    samples: int = 1000,
    generator: Generator | None = None,
) -> Tensor:
    """Log p(x) in nats, shape (N,), float64; the importance-weighted bound where it is not exact (:func:`is_exact`).

    Arguments and errors as for :func:`measure_evidence`, which also says how far to trust it.
    """
    return score(model, x, sigma=sigma, tolerance=tolerance, samples=samples, generator=generator).log_p


@ordinary_modes()
def measure_evidence(
    model: nn.Module,
    x: Tensor | NDArray[Any] | Sequence[Sequence[float]],
    *,
    sigma: float | None = None,
    gap_split: bool = False,
    tolerance: float = TOLERANCE,
    samples: int = 1000,
    generator: Generator | None = None,
) -> Evidence:
    """Evidence, ELBO and the gap between them, for each point.

    Args:
        model: A VAE, or any module with ``encode`` and ``decode`` (:mod:`swissroll.model.adapter`); or a
            :class:`swissroll.model.StandardizedVAE`, whose densities are those of rows in data units. Of a conditional
            model ``model.given(labels)``: then they are those of p(x|c).
        x: Points, shape (N, D), in data units: a tensor, an array or lists.
        sigma: Decoder standard deviation, in data units, above 0; by default ``model.decoder_sigma``. That of a table's
            model is its own.
        gap_split: Also find the best Gaussian of every point, which costs some 0.1 s per point at width 256.
        tolerance: Estimated error, in nats, at which a point's grid is fine enough; the true error was found at
            most half of it. Points for which memory does not allow that say so in ``error``.
        samples: K, draws per point for the bound; used only where the evidence is not exact.
        generator: Source of the bound's draws; PyTorch's global one by default.

    Raises:
        ValueError: sigma is missing or not in [1e-100, 1e100], x is not finite of shape (N, D), tolerance is not in
            [1e-5, 1000], samples is not in [2, 10^7], ``gap_split`` is asked where the evidence is not exact, or the
            result is not finite.
    """
    if isinstance(model, StandardizedVAE):
        inside = _standardize(model, x, sigma)
        options: dict[str, Any] = {"tolerance": tolerance, "samples": samples, "generator": generator}
        found = measure_evidence(model.vae, inside, gap_split=gap_split, **options)
        volume = model.standardization.log_volume
        return replace(found, log_p=found.log_p - volume, elbo=found.elbo - volume)

    vae, points, sigma = _check(model, x, sigma)
    _check_sampling(tolerance, samples, generator)
    checks.flag("gap_split", gap_split)
    if is_of_several(vae):
        options = {"tolerance": tolerance, "samples": samples, "generator": generator, "gap_split": gap_split}
        return join_records(compute_by_label(vae, points, partial(measure_evidence, sigma=sigma, **options)))

    if is_exact(vae):
        return _exact_evidence(vae, points, sigma, tolerance=tolerance, gap_split=gap_split)
    if gap_split:
        raise ValueError(f"gap_split needs {_what_exact_needs(vae)}.")
    return _bounded_evidence(vae, points, sigma, samples, generator)


def _exact_evidence(model: VAE, x: Tensor, sigma: float, *, tolerance: float, gap_split: bool) -> Evidence:
    """Evidence by quadrature."""
    integral = quadrature.integrate(model, x, sigma, tolerance=tolerance)
    log_p = _require_finite(integral.log_p, sigma)
    posterior = _encode(model, x)
    encoded = elbo(model, x, posterior, sigma)

    amortisation = None
    family = None
    if gap_split:
        # The encoder's own Gaussian is one of those that the best is sought among.
        best = torch.maximum(best_elbo(model, x, [posterior.mu, integral.mode], posterior, sigma), encoded)
        amortisation = best - encoded
        family = log_p - best

    return Evidence(
        log_p=log_p,
        error=integral.error,
        elbo=encoded,
        inference_gap=log_p - encoded,
        amortisation=amortisation,
        family=family,
        sigma=sigma,
        bound=False,
        spacing=integral.spacing,
        samples=None,
    )


def _bounded_evidence(model: VAE, x: Tensor, sigma: float, samples: int, generator: Generator | None) -> Evidence:
    """The importance-weighted bound in place of the evidence."""
    found = importance_bound(model, x, _encode(model, x), sigma, samples, generator)
    log_p = _require_finite(found.log_p, sigma)
    return Evidence(
        log_p=log_p,
        error=found.error,
        elbo=found.elbo,
        inference_gap=log_p - found.elbo,
        amortisation=None,
        family=None,
        sigma=sigma,
        bound=True,
        spacing=None,
        samples=samples,
        gain=found.gain,
    )


@ordinary_modes()
def posterior_on_grid(
    model: nn.Module, x: Any, *, sigma: float | None = None, size: int = 200, extent: float = 4.0
) -> tuple[Tensor, Tensor]:
    """The true posterior p(z|x) on a uniform grid, for pictures.

    Args:
        model: The model, one whose evidence :func:`is_exact`.
        x: Points, shape (N, D).
        sigma: Decoder standard deviation; by default ``model.decoder_sigma``.
        size: Grid points per axis, at least 2.
        extent: The grid covers [-extent, extent] on every axis.

    Returns:
        The axis, shape (size,), and densities, shape (N, size) or (N, size, size) with the first latent coordinate
        on axis 1. They are normalised by the evidence, not by the picture: where the grid cuts the posterior or is
        coarser than it, they do not sum to one.

    Raises:
        ValueError: As :func:`measure_evidence`; the evidence is not exact; or over 10^8 densities are asked for.
    """
    vae, points, sigma = _check(model, x, sigma)
    checks.whole("size", size, 2, 10**4)
    checks.real("extent", extent, 0, 1e6, open_low=True)
    dims = vae.latent_dim
    if is_of_several(vae):
        raise ValueError("A posterior on a grid is under one label for all points, and several were given.")
    if not is_exact(vae):
        raise ValueError(f"A posterior on a grid needs {_what_exact_needs(vae)}.")
    if len(points) * size**dims > MAX_DENSITIES:
        raise ValueError(f"{len(points)} points on {size}^{dims} grid points are over {MAX_DENSITIES:,}; pass fewer.")

    axis = torch.linspace(-extent, extent, size, dtype=torch.float64)
    z = torch.cartesian_prod(*[axis] * dims).reshape(-1, dims)

    # log p(z|x) = log p(x, z) - log p(x).
    log_density = log_evidence(vae, points, sigma=sigma).neg()[:, None].repeat(1, len(z))
    for part in torch.split(torch.arange(len(z)), MAX_DECODED):
        log_density[:, part] += quadrature.log_joint(vae, points, z[part], sigma)
    return axis, log_density.exp_().reshape(len(points), *[size] * dims)


def _check(model: object, x: Any, sigma: float | None) -> tuple[VAE, Tensor, float]:
    """The model as it is measured, the points as float64 on the CPU, and the sigma to use."""
    points = checks.points("x", x)
    vae = measurable(model, data_dim=points.shape[1])
    sigma = vae.decoder_sigma if sigma is None else sigma
    if sigma is None:
        raise ValueError("The evidence needs the decoder's standard deviation; pass sigma or set model.decoder_sigma.")
    checks.real("sigma", sigma, *SIGMAS)
    points = checks.points("x", points, dim=vae.data_dim)
    if sigma < quadrature.SHARP_SIGMA:
        vae = _in_double_precision(vae)
    return vae, points, float(sigma)


def _standardize(model: StandardizedVAE, x: Any, sigma: float | None) -> NDArray[np.float64]:
    """Rows in data units as the network of a table's model takes them, in double precision."""
    if sigma is not None:
        raise ValueError("The decoder of a table's model has a sigma in each column; leave sigma out.")
    return model.standardization.standardize(checks.points("x", x, dim=model.data_dim))


def _in_double_precision(model: VAE) -> VAE:
    """The model with the same weights in float64; itself, where its code takes no other precision than its own."""
    double: VAE = copy.deepcopy(model).double()
    with suppress(ValueError, RuntimeError), torch.no_grad():
        zeros = torch.zeros(1, model.data_dim, dtype=torch.float64)
        mu, _ = double.encode(zeros.to(double.device))
        double.decode(mu)
        return double
    return model


def _what_exact_needs(model: VAE) -> str:
    """What a model whose evidence is not exact lacks."""
    if model.latent_dim > EXACT_DIMS:
        return f"at most {EXACT_DIMS} latent dimensions; got {model.latent_dim}"
    return f"a prior that is a mixture of Gaussians, or smooth; got {type(model.prior).__name__}"


def _check_sampling(tolerance: float, samples: int, generator: Generator | None) -> None:
    checks.generator("generator", generator)
    checks.real("tolerance", tolerance, 1e-5, 1e3)
    checks.whole("samples", samples, 2, 10**7)


def _require_finite(log_p: Tensor, sigma: float) -> Tensor:
    """The log density, once it is known to be a number for every point."""
    finite = torch.isfinite(log_p)
    if not bool(finite.all()):
        raise ValueError(
            f"log p(x) at sigma={sigma:g} is not a finite number for {int((~finite).sum())} of {len(log_p)} points. "
            "Make sigma larger, leave out far points, or see whether the model's outputs are finite."
        )
    return log_p


@torch.no_grad()
def _encode(model: VAE, x: Tensor) -> Posterior:
    """q(z|x) in float64; a variance may be too small to be a number."""
    return model.posterior(model.like_weights(x)).cpu().double()
