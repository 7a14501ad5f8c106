r"""The posterior q(z|x) of a VAE: a Gaussian per point, whose covariance is diagonal or full.

    diagonal    z = mu + s * eps                      eps ~ N(0, I), s = exp(logvar / 2)
    full        z = mu + C eps,   C = diag(s) (I + U)     U strictly lower triangular

C is the Cholesky factor of the covariance C C^T. Its rows are scaled by s, so an entry of U says how two latents go
together whatever their scales are, and U = 0 is the diagonal posterior. For a prior that factorises,

    KL(q || p) = sum over j of KL(q_j || p_j)  +  TC(q),      TC(q) = sum over j of log sd(z_j) - log det C >= 0

with the marginals q_j, whose log-variances :meth:`swissroll.VAE.encode` gives, and their total correlation TC.

Sources: Kingma and Welling (2019), "An introduction to variational autoencoders", section 2.5.1, for the full
covariance; Watanabe (1960), "Information theoretical analysis of multivariate correlation", for the total correlation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Generator, Tensor

from swissroll.model.latents import Reparameterizes, draw_latents

if TYPE_CHECKING:
    from swissroll.model.prior import Prior


class Posterior(NamedTuple):
    """q(z|x) of B points.

    Attributes:
        mu: Means, shape (B, L).
        logvar: Log-variance of each latent, shape (B, L); of a full covariance, the logarithms of its diagonal.
        factor: Cholesky factor of a full covariance, shape (B, L, L); None where it is diagonal.
    """

    mu: Tensor
    logvar: Tensor
    factor: Tensor | None = None

    @classmethod
    def of_factor(cls, mu: Tensor, factor: Tensor) -> Posterior:
        """The posterior with a full covariance, from means, shape (B, L), and Cholesky factors, shape (B, L, L)."""
        # Var z_j = sum over k of C_jk^2.
        return cls(mu, factor.square().sum(dim=2).log(), factor)

    def draw(self, model: Reparameterizes, *, generator: Generator | None = None) -> Tensor:
        """One latent per point, shape (B, L), so that gradients reach the posterior.

        Args:
            model: Its own ``reparameterize`` draws from a diagonal posterior.
            generator: Source of the noise; PyTorch's global one by default.
        """
        if self.factor is None:
            return draw_latents(model, self.mu, self.logvar, generator=generator)
        # Drawn by shape: randn_like takes no generator.
        eps = torch.randn(self.mu.shape, generator=generator, dtype=self.mu.dtype, device=self.mu.device)
        return self.place(eps)

    def place(self, eps: Tensor) -> Tensor:
        """Mu + C eps, shape (..., B, L), of standard normal numbers of that shape."""
        if self.factor is None:
            return self.mu + eps * torch.exp(0.5 * self.logvar)
        return self.mu + (self.factor @ eps[..., None])[..., 0]

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density log q(z|x) in nats, shape (..., B), of latents of shape (..., B, L)."""
        if self.factor is None:
            scaled = (z - self.mu) * torch.exp(-0.5 * self.logvar)
        else:
            solved = torch.linalg.solve_triangular(self.factor, (z - self.mu)[..., None], upper=False)
            scaled = solved[..., 0]
        # log N(z; mu, C C^T) = -|C^-1 (z - mu)|^2 / 2 - L/2 log(2 pi) - log det C.
        constant = 0.5 * self.mu.shape[1] * math.log(2 * math.pi)
        return -0.5 * scaled.square().sum(dim=-1) - constant - self.log_determinant()

    def log_determinant(self) -> Tensor:
        """Log det C in nats, shape (B,): half of that of the covariance."""
        if self.factor is None:
            return 0.5 * self.logvar.sum(dim=-1)
        return self.factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)

    def total_correlation(self) -> Tensor:
        """KL of q(z|x) from the product of its marginals, in nats per point, shape (B,); 0 where it is diagonal."""
        return 0.5 * self.logvar.sum(dim=-1) - self.log_determinant()

    def entropy(self) -> Tensor:
        """Differential entropy in nats per point, shape (B,)."""
        # H = L/2 log(2 pi e) + log det C.
        return 0.5 * self.mu.shape[1] * math.log(2 * math.pi * math.e) + self.log_determinant()

    def closed_form_kl(self, prior: Prior) -> Tensor | None:
        """KL from a prior, in nats per point, shape (B,); None where it has no closed form."""
        if self.factor is None:
            return prior.closed_form_kl(self.mu, self.logvar)
        marginals = prior.closed_form_kl(self.mu, self.logvar) if prior.factorises else None
        return None if marginals is None else marginals + self.total_correlation()

    def kl_per_point(self, prior: Prior, z: Tensor) -> Tensor:
        """KL from a prior, in nats, shape (B,): exact, or by one draw z from each posterior, shape (B, L)."""
        exact = self.closed_form_kl(prior)
        return self.log_prob(z) - prior.log_prob(z) if exact is None else exact

    def mean_kl(self, prior: Prior, z: Tensor) -> Tensor:
        """The KL term that training descends: averaged over points and latent dimensions, in nats; a scalar.

        Args:
            prior: The prior; of a diagonal posterior it says itself how it averages.
            z: One draw from each posterior, shape (B, L).
        """
        if self.factor is None:
            return prior.mean_kl(self.mu, self.logvar, z)
        return self.kl_per_point(prior, z).mean() / prior.latent_dim

    def kl(self, prior: Prior, z: Tensor) -> Tensor:
        """KL from a prior averaged over points, in nats per point; a scalar. Arguments as above."""
        if self.factor is None:
            return prior.kl(self.mu, self.logvar, z)
        return self.kl_per_point(prior, z).mean()

    def at(self, index: Tensor | slice) -> Posterior:
        """The posteriors of some of the points."""
        factor = None if self.factor is None else self.factor[index]
        return Posterior(self.mu[index], self.logvar[index], factor)

    def double(self) -> Posterior:
        """The same in float64."""
        return self._of([part.double() for part in self.parts()])

    def cpu(self) -> Posterior:
        """The same on the CPU."""
        return self._of([part.cpu() for part in self.parts()])

    def parts(self) -> list[Tensor]:
        """The tensors that it is made of: two, or with a full covariance three."""
        return [part for part in self if part is not None]

    @staticmethod
    def _of(parts: list[Tensor]) -> Posterior:
        return Posterior(*parts)

    def covariance(self) -> Tensor:
        """Covariance matrices, shape (B, L, L)."""
        if self.factor is None:
            return torch.diag_embed(self.logvar.exp())
        return self.factor @ self.factor.mT


def cholesky_factor(scale_logvar: Tensor, lower: Tensor) -> Tensor:
    """C = diag(s) (I + U), shape (B, L, L).

    Args:
        scale_logvar: 2 log s, shape (B, L).
        lower: The entries of U, row by row, shape (B, L (L - 1) / 2).
    """
    latent_dim = scale_logvar.shape[1]
    rows, columns = torch.tril_indices(latent_dim, latent_dim, -1, device=lower.device)
    # Not len(lower), which an exported model would take for a constant.
    count = lower.shape[0]
    unscaled = torch.eye(latent_dim, dtype=lower.dtype, device=lower.device).repeat(count, 1, 1)
    unscaled[:, rows, columns] = lower
    return torch.exp(0.5 * scale_logvar)[:, :, None] * unscaled
