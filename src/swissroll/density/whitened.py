r"""A decoder whose noise has a full covariance: a VAE behind a linear map of its points that is trained with it.

    y = W x,   W lower triangular with a positive diagonal
    p(x|z) = N(x; W^-1 decode(z), sigma^2 (W^T W)^-1)        log p(x) = log p(y) + sum_j log W_jj

So columns that go together, or that are noisier than others, need no latent of their own. Without latents such a model
is the Gaussian of the data's mean and covariance. After training W becomes part of the standardization, and what is
left is a plain VAE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from swissroll.data.standardization import Standardization
from swissroll.model.loss import Loss
from swissroll.model.terms import LossTerms
from swissroll.model.vae import VAE

START_SIGMA = 0.3
"""Decoder standard deviation to start from, in standard deviations of the columns."""


class WhitenedVAE(VAE):
    """A VAE with the map W; its networks know y alone.

    Args:
        arguments: As of :class:`swissroll.VAE`; the decoder's variance is learned.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, learned_variance=True, **keywords)
        with torch.no_grad():
            self.get_parameter("decoder_logvar").fill_(2 * np.log(START_SIGMA))
        self.log_diagonal = nn.Parameter(torch.zeros(self.data_dim))
        self.off_diagonal = nn.Parameter(torch.zeros(self.data_dim, self.data_dim))

    def whitening(self) -> Tensor:
        """W, shape (D, D): each column less a sum of those before it, over a standard deviation of its own."""
        unit = torch.eye(self.data_dim) + torch.tril(self.off_diagonal, -1)
        return self.log_diagonal.exp()[:, None] * unit

    def whiten(self, x: Tensor) -> Tensor:
        """Whitened points y, shape (B, D)."""
        return x @ self.whitening().T

    def log_volume(self) -> Tensor:
        """What log p(y) lacks of log p(x): log det W, a scalar."""
        return self.log_diagonal.sum()

    def without_map(self) -> VAE:
        """The plain VAE of y."""
        plain = VAE(
            self.latent_dim,
            self.hidden_dim,
            data_dim=self.data_dim,
            depth=self.depth,
            activation=self.activation,
            components=len(self.get_parameter("prior.logits")),
            learned_variance=True,
            generator=Generator(),
        )
        weights = self.state_dict()
        plain.load_state_dict({name: weights[name] for name in plain.state_dict()})
        return plain

    def standardization_after(self, before: Standardization) -> Standardization:
        """The map from data units to y, where x is what a standardization of each column made."""
        matrix = self.whitening().detach().double().numpy()
        return replace(before, whitening=tuple(tuple(row) for row in matrix.tolist()))


@dataclass(frozen=True, kw_only=True)
class WhitenedLoss(Loss):
    """The loss of a :class:`WhitenedVAE`: the negative ELBO of x in nats per point, with sums over dimensions.

    Attributes:
        blur: Standard deviation of noise that is added to x, a number for each column, so that a decoder whose own
            noise is far narrower does not pay. It is the resolution that rows are modelled at.
    """

    blur: tuple[float, ...] = ()

    def evaluate(
        self, model: VAE, x: Tensor, *, generator: Generator | None = None, beta: float | None = None
    ) -> LossTerms[Tensor]:
        """As :meth:`swissroll.model.loss.Loss.evaluate`, for x before the map."""
        if not isinstance(model, WhitenedVAE):
            raise ValueError("WhitenedLoss is that of a WhitenedVAE.")
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        blurred = x + noise * torch.tensor(self.blur, dtype=x.dtype)
        terms = super().evaluate(model, model.whiten(blurred), generator=generator, beta=beta)
        return terms._replace(loss=terms.loss - model.log_volume())
