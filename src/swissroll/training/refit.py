"""Fit a mixture prior to what an encoder does, with encoder and decoder as they are.

    q(z)  = E_x q(z|x)                              the aggregate posterior, which the decoder was trained on
    p(z)  = sum_k w_k N(z; m_k, diag s_k^2)         fitted to draws from q(z) by expectation maximisation

Where the prior has mass that q(z) lacks, the decoder was never told what to do, and its samples stray. At fixed encoder
and decoder the ELBO depends on the prior through -KL(q(z) || p(z)) alone, so a closer prior makes it better and leaves
the rest.

Sources: Hoffman and Johnson (2016), "ELBO surgery", for the decomposition; Ghosh et al. (2020), "From variational to
deterministic autoencoders", section 4, for fitting a mixture to the latents after training; Arthur and Vassilvitskii
(2007), "k-means++", for the start.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from swissroll import checks
from swissroll.config import Config
from swissroll.data import Distribution, labels_of, open_distribution
from swissroll.model.prior import Components, Mixture
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng
from swissroll.reproducibility.modes import ordinary_modes

DRAWS = 20_000
"""Draws from the aggregate posterior that the mixture is fitted to, some 40 for each of the most Gaussians."""
TOLERANCE = 1e-4
"""Gain of the mean log density in a round, in nats, below which expectation maximisation ends."""
MAX_ROUNDS = 100
PROGRESS_ROUNDS = 10
"""Rounds of it between two calls of ``progress``."""
CLUSTERED_DRAWS = 5000
"""Draws that the clusters are found in, which it starts from."""
CLUSTER_ROUNDS = 10
"""Rounds of k-means."""
MIN_VARIANCE = 1e-6
"""Added to each component's variance: one on a single draw would have a density without bound."""
MAX_ENCODED_POINTS = 2000
"""Points that are encoded at once."""

Progress = Callable[[int], object]
"""Called with the rounds of the fit that were done since the last call; with 0 before the first."""


def show_nothing(_: int) -> None:
    """The progress of somebody who does not want to see it."""


@ordinary_modes()
def refit_prior(
    model: VAE,
    config: Config,
    *,
    components: int,
    distribution: Distribution | None = None,
    progress: Progress = show_nothing,
) -> Mixture:
    """The mixture of Gaussians that fits a model's aggregate posterior; the model stays as it is.

    The fit starts from clusters, not from the mixture that a model was trained with: a component that lies where
    nothing is encoded takes many rounds to come back.

    Args:
        model: A VAE with trained weights, on the CPU.
        config: The settings that it was trained with; their seed decides the draws.
        components: K, Gaussians in the mixture.
        distribution: What the points come from; the config's by default.
        progress: See :data:`Progress`.

    Raises:
        NotFiniteError: The encoder gives numbers that are not finite.
    """
    generator = rng.generator(config.seed, "repair")
    z = aggregate_draws(model, distribution or open_distribution(config), DRAWS, generator)
    start = cluster(z[:CLUSTERED_DRAWS], components, generator=generator)
    return fit_mixture(z, start, progress=progress)


@torch.no_grad()
def aggregate_draws(model: VAE, distribution: Distribution, n: int, generator: Generator) -> Tensor:
    """Draw from an aggregate posterior: points as training draws them, one draw from q(z|x) each; (n, L), float64.

    Raises:
        NotFiniteError: A draw is not finite.
    """
    x, coordinate = distribution.sample(n, generator=generator)
    labels = labels_of(distribution, coordinate) if model.label_count else None

    parts = []
    for start in range(0, n, MAX_ENCODED_POINTS):
        part = slice(start, start + MAX_ENCODED_POINTS)
        given = model if labels is None else model.given(labels[part])
        parts.append(given.posterior(x[part]).draw(model, generator=generator))
    return checks.points("posterior draws", torch.cat(parts))


@torch.no_grad()
def fit_mixture(z: Tensor, start: Components, *, progress: Progress = show_nothing) -> Mixture:
    """Fit a mixture of Gaussians with diagonal covariances by maximum likelihood: expectation maximisation.

    Args:
        z: Latents, shape (N, L), float64.
        start: The mixture to start from, K Gaussians.
        progress: See :data:`Progress`.
    """
    fitted = start
    squares = z.square()
    reached = -math.inf

    progress(0)
    for rounds in range(1, MAX_ROUNDS + 1):
        # p(z) = sum_k w_k N(z; m_k, diag s_k^2), and each component's share of it, which needs one exponential.
        joint = _joint_log_density(z, squares, fitted)
        highest = joint.amax(dim=1, keepdim=True)
        shares = torch.exp(joint - highest)
        total = shares.sum(dim=1, keepdim=True)

        before = reached
        reached = (highest + total.log()).mean().item()
        if reached - before < TOLERANCE:
            break
        fitted = _weighted_mixture(z, squares, shares / total)
        if rounds % PROGRESS_ROUNDS == 0:
            progress(PROGRESS_ROUNDS)
    return _as_prior(fitted)


def cluster(z: Tensor, components: int, *, generator: Generator) -> Components:
    """A mixture to start from: one Gaussian for each cluster that some rounds of k-means find.

    Args:
        z: Latents, shape (N, L), float64.
        components: K, at most N.
        generator: Source of the first centres.
    """
    # Each centre is a latent, drawn in proportion to the squared distance from the centres before.
    centres = z[torch.randint(len(z), (1,), generator=generator)]
    while len(centres) < components:
        distance = torch.cdist(z, centres).amin(dim=1)
        # Where latents are fewer than centres, any will do.
        weights = distance.square() + torch.finfo(z.dtype).tiny
        centres = torch.cat([centres, z[torch.multinomial(weights, 1, generator=generator)]])

    members = _members(z, centres)
    for _ in range(CLUSTER_ROUNDS):
        centres = _weighted_mixture(z, z.square(), members).means
        members = _members(z, centres)
    return _weighted_mixture(z, z.square(), members)


def _members(z: Tensor, centres: Tensor) -> Tensor:
    """For each latent a 1 at its nearest centre, shape (N, K)."""
    nearest = torch.cdist(z, centres).argmin(dim=1)
    return nn.functional.one_hot(nearest, len(centres)).to(z.dtype)


def _joint_log_density(z: Tensor, squares: Tensor, mixture: Components) -> Tensor:
    """Log w_k N(z; m_k, diag s_k^2), shape (N, K), by matrix products: no array of N K L numbers is made."""
    log_weights, means, stds = mixture
    precision = stds.pow(-2)

    # (z - m)^2 / s^2 = z^2 / s^2 - 2 z m / s^2 + m^2 / s^2, summed over L.
    distance = squares @ precision.T - 2 * z @ (means * precision).T + (means.square() * precision).sum(dim=1)
    log_volume = stds.log().sum(dim=1) + 0.5 * z.shape[1] * math.log(2 * math.pi)
    return log_weights - 0.5 * distance - log_volume


def _weighted_mixture(z: Tensor, squares: Tensor, shares: Tensor) -> Components:
    """The mixture whose components have the moments of the latents, each in its share; shares of shape (N, K)."""
    # A component that no latent belongs to has a weight without a logarithm, and no mean.
    sizes = shares.sum(dim=0) + torch.finfo(z.dtype).tiny
    means = shares.T @ z / sizes[:, None]
    variances = (shares.T @ squares / sizes[:, None] - means.square()).clamp_min(0) + MIN_VARIANCE
    return Components(log_weights=(sizes / sizes.sum()).log(), means=means, stds=variances.sqrt())


def _as_prior(mixture: Components) -> Mixture:
    # A generator of its own: what the prior starts from is not kept, and the caller's randomness is left alone.
    prior = Mixture(mixture.means.shape[1], len(mixture.means), generator=Generator())
    prior.logits.copy_(mixture.log_weights)
    prior.means.copy_(mixture.means)
    prior.logvars.copy_(2 * mixture.stds.log())
    return prior
