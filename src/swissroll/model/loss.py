r"""What a VAE minimises: the two terms of its loss, in two conventions, and how these translate.

For a point x with D coordinates, q(z|x) = N(mu, diag exp(logvar)) over L latent dimensions, and a decoder
p(x|z) = N(decode(z), sigma^2 I), in nats:

    rate        R = KL(q(z|x) || N(0, I))    = 1/2 sum_j (mu_j^2 + exp(logvar_j) - 1 - logvar_j)
    distortion  T = -E_q log p(x|z)          = |x - x'|^2 / (2 sigma^2) + D/2 log(2 pi sigma^2)
    ELBO          = -(T + R)                <= log p(x)

The notebook averages over dimensions: ``mean`` = |x - x'|^2 / D + beta R / L.
The textbook sums:                     ``sum``  = |x - x'|^2     + beta R.
Both are a negative ELBO up to a constant and a factor, for the sigma that
:func:`swissroll.translate` gives. Where sigma is
learned, T takes the place of the squared error: ``T / D + beta R / L`` or ``T + beta R``, at beta 1 the negative ELBO
itself (for ``mean`` where L = D, and divided by D).

A regulariser may stand beside these terms: the MMD of :mod:`swissroll.model.mmd`, at a weight of its own. What the two
terms mean in nats stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Generator, Tensor

from swissroll import checks
from swissroll.config import MAX_IMPORTANCE_SAMPLES, Config, DecoderVariance, Reduction
from swissroll.model.mmd import mmd_to_prior
from swissroll.model.terms import LossTerms, least_mean_distortion, mean_distortion, reconstruction_mse, sigma_of
from swissroll.model.translation import Nats, Translation, check_beta, nats_of, translate
from swissroll.model.weighted_bound import negative_bound

if TYPE_CHECKING:
    from swissroll.model.posterior import Posterior
    from swissroll.model.vae import VAE

TRACKED_STEPS = 100
"""Batches whose squared errors make up a batch-optimal variance, about."""
TRACKED_VARIANCES = (1e-8, 1e4)
"""Least and most variance that a largest error may lead to."""
MULTIPLIER_RATE = 0.05
"""Most that the logarithm of beta moves in a step where it is led by a largest error."""

SigmaOrigin = Literal["implied", "learned", "batch_optimal", "constrained"]
"""Where a decoder's sigma comes from: beta, its weight, the batches' squared errors, or a largest error."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A VAE's loss: how its two terms are computed, combined and translated.

    A loss of one's own is a subclass: :meth:`evaluate` is what training descends, the rest says what it means.

    Attributes:
        beta: Weight of the KL term, at least 0.
        data_dim: D.
        latent_dim: L.
        mmd_weight: Weight of the squared MMD between aggregate posterior and prior, at least 0.
        reduction: Average both terms over dimensions (the notebook) or sum them (the textbook).
        decoder_variance: What decides the decoder's variance: beta, a weight, or the batch's own squared error. In the
            last two cases the distortion at that variance takes the place of the squared error.
        free_bits: The KL term counts no less than this for each latent dimension, in nats.
        max_error: Root mean squared error per coordinate that beta is moved to, in data units; None where beta stays.
        importance_samples: K, draws from the posterior of each point; with several, the loss is their
            importance-weighted bound in the place of the ELBO.
    """

    beta: float
    data_dim: int
    latent_dim: int
    mmd_weight: float = 0.0
    reduction: Reduction = "mean"
    decoder_variance: DecoderVariance = "fixed"
    free_bits: float = 0.0
    max_error: float | None = None
    importance_samples: int = 1

    def __post_init__(self) -> None:
        check_beta(self.beta)
        checks.real("mmd_weight", self.mmd_weight, 0, 1e100)
        checks.whole("data_dim", self.data_dim, 1, 10**9)
        checks.whole("latent_dim", self.latent_dim, 1, 10**9)
        checks.one_of("reduction", self.reduction, ("mean", "sum"))
        checks.one_of("decoder_variance", self.decoder_variance, get_args(DecoderVariance))
        checks.real("free_bits", self.free_bits, 0, 1e6)
        if self.max_error is not None:
            checks.real("max_error", self.max_error, 0, 1e100, open_low=True)
        checks.whole("importance_samples", self.importance_samples, 1, MAX_IMPORTANCE_SAMPLES)
        if self.importance_samples > 1 and self.has_distortion and self.true_beta != 1:
            raise ValueError(f"Importance weights at a learned variance need a true beta of 1; got {self.true_beta:g}.")

    @classmethod
    def of(cls, config: Config, data_dim: int) -> Loss:
        """The loss that a config names, for data of D dimensions."""
        return cls(
            beta=config.beta,
            data_dim=data_dim,
            latent_dim=config.latent_dim,
            mmd_weight=config.mmd_weight,
            reduction=config.reduction,
            decoder_variance=config.decoder_variance,
            free_bits=config.free_bits,
            max_error=config.max_error,
            importance_samples=config.importance_samples,
        )

    @property
    def has_distortion(self) -> bool:
        """Whether the distortion takes the place of the squared error: the loss is in nats."""
        return self.decoder_variance != "fixed"

    @property
    def sigma_origin(self) -> SigmaOrigin:
        """Where the decoder's sigma comes from, in a word."""
        if self.max_error is not None:
            return "constrained"
        return "implied" if self.decoder_variance == "fixed" else self.decoder_variance

    @property
    def tracks_variance(self) -> bool:
        """Whether the model's ``tracked_logvar`` is moved by :meth:`next_logvar` after each step."""
        return self.decoder_variance == "batch_optimal" or self.max_error is not None

    def evaluate(
        self, model: VAE, x: Tensor, *, generator: Generator | None = None, beta: float | None = None
    ) -> LossTerms[Tensor]:
        """The loss of points, from one draw of each one's latent.

        Args:
            model: The VAE.
            x: Points, shape (B, D).
            generator: Source of the latent noise; PyTorch's global one by default.
            beta: Weight of the KL term in this step, where a schedule moves it.

        Returns:
            Scalars that gradients flow from.
        """
        posterior = model.posterior(x)
        if self.importance_samples > 1:
            return self._evaluate_bound(model, x, posterior, generator, self.beta if beta is None else beta)
        z = posterior.draw(model, generator=generator)

        # The KL first: the order in which gradients are added up decides their last bit.
        kl = posterior.mean_kl(model.prior, z)
        mse = reconstruction_mse(model.decode(z), x)

        tracked = self._require_tracked(model)
        weight: Any = beta
        if tracked is not None and self.max_error is not None:
            weight = self.beta_at(tracked)
        loss = self.value(mse, self._count_kl(model, posterior, kl), model.decoder_logvar, beta=weight)
        if self.mmd_weight:
            loss = loss + self.mmd_weight * mmd_to_prior(z, model.prior)

        return LossTerms(
            loss=loss,
            mse=mse,
            kl=kl,
            decoder_logvar=self.logvar_of(mse, model.decoder_logvar, tracked),
        )

    def _evaluate_bound(
        self, model: VAE, x: Tensor, posterior: Posterior, generator: Generator | None, beta: float
    ) -> LossTerms[Tensor]:
        """The loss of points by several draws of each one's latent; its terms are averages over the draws."""
        # Drawn in turn, so that the first ones are those of fewer.
        z = torch.stack([posterior.draw(model, generator=generator) for _ in range(self.importance_samples)])
        flat = z.flatten(0, 1)
        squares = (model.decode(flat).view(*z.shape[:2], -1) - x).square().sum(dim=-1)
        rates = posterior.log_prob(z) - model.prior.log_prob(flat).view(z.shape[:2])

        mse = squares.mean() / self.data_dim
        exact = posterior.closed_form_kl(model.prior)
        kl = (rates if exact is None else exact).mean() / self.latent_dim

        if model.decoder_logvar is not None:
            # T = |x - x'|^2 / (2 sigma^2) + D/2 log(2 pi sigma^2), and the loss is in nats.
            distortions = self.data_dim * mean_distortion(squares / self.data_dim, model.decoder_logvar)
            bound = negative_bound(distortions, rates)
        else:
            # D loss = |x - x'|^2 + weight R, and weight = 2 sigma^2 makes that 2 sigma^2 (T + R).
            weight = beta * (self.data_dim / self.latent_dim if self.reduction == "mean" else 1.0)
            bound = weight * negative_bound(squares / weight, rates)
        loss = bound / self.data_dim if self.reduction == "mean" else bound
        return LossTerms(loss=loss, mse=mse, kl=kl, decoder_logvar=model.decoder_logvar)

    def _require_tracked(self, model: VAE) -> Tensor | None:
        """The log-variance that a model tracks, where this loss needs one."""
        if self.tracks_variance and model.tracked_logvar is None:
            raise ValueError("This loss finds the decoder's variance: make its model as VAE(tracked_variance=True).")
        return model.tracked_logvar

    def _count_kl(self, model: VAE, posterior: Posterior, kl: Tensor) -> Tensor:
        """The KL term with its free bits; averaged over points and latent dimensions, in nats.

        Source: Kingma et al. (2016), "Improved variational inference with inverse autoregressive flow", equation 15.
        """
        if not self.free_bits:
            return kl
        of_dimensions = model.prior.kl_per_dimension(posterior.mu, posterior.logvar)
        if of_dimensions is None or posterior.factor is not None:
            # Without parts of its own for each dimension, the KL of all of them is one group.
            return kl.clamp_min(self.free_bits)
        # The mean over the batch is taken first: a point may cost less than the free bits.
        return of_dimensions.mean(dim=0).clamp_min(self.free_bits).mean()

    def logvar_of(self, mse: Any, learned: Any, tracked: Any, library: Any = torch) -> Any:
        """The decoder's log-variance in a step, for its :class:`LossTerms`; None where beta decides it.

        Args:
            mse: Squared error averaged over points and dimensions.
            learned: The log-variance that is a weight, or None.
            tracked: The one that is tracked, or None.
            library: Whose arrays these are: torch, or jax.numpy.
        """
        if self.decoder_variance == "batch_optimal":
            return library.log(mse)
        return learned if self.max_error is None else tracked

    def next_logvar(self, logvar: Any, mse: Any, step: Any, library: Any = torch) -> Any:
        """The log-variance that a model tracks, after a step.

        With a batch-optimal variance it is that of the squared errors of the last hundred batches or so. With a largest
        error it is the one that beta amounts to, and beta falls while the error is larger than that.

        Args:
            logvar: The log-variance before, a scalar.
            mse: Squared error of the step's batch, averaged over points and dimensions.
            step: Steps taken, this one included.
            library: Whose arrays these are: torch, or jax.numpy.

        Source: Rezende and Viola (2018), "Taming VAEs", algorithm 1, without its moving average: the multiplier itself
        averages.
        """
        if self.max_error is None:
            variance = library.exp(logvar)
            # Of the first steps it is the plain mean.
            share = 1 / library.clip(step, 1, TRACKED_STEPS)
            return library.log(variance + share * (mse - variance))

        # Ascent of log(1/beta) along (mse - error^2) / error^2.
        excess = mse / self.max_error**2 - 1
        moved = logvar - MULTIPLIER_RATE * library.clip(excess, -1, 1)
        return library.clip(moved, *map(math.log, TRACKED_VARIANCES))

    def beta_at(self, logvar: Any, library: Any = torch) -> Any:
        """The beta that amounts to a decoder's log-variance, where the true beta is 1."""
        # sigma^2 = beta D / (2 L), or beta / 2.
        weight = 2 * library.exp(logvar)
        return weight * (self.latent_dim / self.data_dim) if self.reduction == "mean" else weight

    def value(
        self,
        mse: Any,
        kl: Any,
        decoder_logvar: Any = None,
        *,
        beta: Any = None,
        library: Any = torch,
    ) -> Any:
        """The loss from its averaged terms; floats, or arrays of any library.

        Args:
            mse: Squared error averaged over points and dimensions.
            kl: KL term averaged over points and latent dimensions, as it counts.
            decoder_logvar: Log-variance of p(x|z), where it is learned.
            beta: As for :meth:`evaluate`.
            library: Whose arrays these are: torch, or jax.numpy.
        """
        weight = self.beta if beta is None else beta
        error = mse
        if self.decoder_variance == "batch_optimal":
            error = least_mean_distortion(mse, library)
        elif decoder_logvar is not None:
            error = mean_distortion(mse, decoder_logvar, library)

        if self.reduction == "mean":
            return error + weight * kl
        return self.data_dim * error + weight * (self.latent_dim * kl)

    def value_of_rate(self, *, mse: float, distortion: float, rate: float) -> float:
        """The loss of what was measured per point.

        Args:
            mse: Squared error averaged over points and dimensions, in squared data units.
            distortion: -E_q log p(x|z), in nats per point; used where the loss has it for the squared error.
            rate: KL of q(z|x) from the prior, in nats per point.
        """
        error = distortion if self.has_distortion else self.data_dim * mse

        if self.reduction == "mean":
            return error / self.data_dim + self.beta * rate / self.latent_dim
        return error + self.beta * rate

    @cached_property
    def translation(self) -> Translation:
        """What the loss amounts to; its sigma is nan where training finds it."""
        found = translate(self.beta, self.reduction, self.data_dim, self.latent_dim, learned=self.has_distortion)
        return found if self.max_error is None else replace(found, sigma=math.nan)

    @property
    def sigma(self) -> float:
        """Decoder standard deviation that the loss implies, in data units; nan where training finds it."""
        return self.translation.sigma

    @property
    def true_beta(self) -> float:
        """Weight of the rate in nats against the distortion in nats; 1 is the ELBO itself."""
        return self.translation.true_beta

    @property
    def mse_weight(self) -> float:
        """Weight of the squared error, averaged over dimensions, in a loss whose variance is fixed."""
        return 1.0 if self.reduction == "mean" else float(self.data_dim)

    def rate_weight(self, sigma: float) -> float:
        """Weight of the rate in nats beside the squared error averaged over dimensions, at a decoder sigma."""
        # true_beta R + D mse / (2 sigma^2), multiplied by 2 sigma^2 / D.
        return 2 * sigma**2 * self.true_beta / self.data_dim

    def at_sigma(self, sigma: float | None) -> Translation:
        """The translation with a sigma that training found, where it is known; as it is where beta decides sigma."""
        is_found = self.has_distortion or self.max_error is not None
        return replace(self.translation, sigma=sigma) if is_found and sigma is not None else self.translation

    def in_nats(self, terms: LossTerms[float]) -> Nats:
        """Rate and distortion of measured terms, at the decoder sigma that is implied, or that training found."""
        if terms.decoder_logvar is None:
            return self.translation.nats(terms.mse, terms.kl)
        return nats_of(terms.mse, terms.kl, self.data_dim, self.latent_dim, sigma_of(terms.decoder_logvar))
