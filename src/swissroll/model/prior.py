"""The prior p(z): standard normal, or a mixture of Gaussians whose parameters are learned or fitted.

A standard normal holds no parameters, so a VAE with it has the notebook's own ``state_dict``.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from swissroll import checks
from swissroll.config import MAX_COMPONENTS


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Log density of N(mu, exp(logvar)) in nats, summed over the last dimension; arguments broadcast."""
    scaled = (z - mu).square() * torch.exp(-logvar)
    return -0.5 * (scaled + logvar + math.log(2 * math.pi)).sum(dim=-1)


class StandardNormal(nn.Module):
    """N(0, I) over L latent dimensions."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats, shape (N,), of latents of shape (N, L)."""
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=-1)

    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw latents, shape (n, L), with the dtype and device of ``like``."""
        return torch.randn(n, self.latent_dim, generator=generator, dtype=like.dtype, device=like.device)


class Mixture(nn.Module):
    """A mixture of K Gaussians with diagonal covariances over L latent dimensions.

    Args:
        latent_dim: L, at least 1.
        components: K, at least 1.
        generator: Source of the initial means, drawn from N(0, I); PyTorch's global one by default. The initial
            log-variances are -2: components wider than the posteriors they are to cover are slow to shrink.

    Source: Tomczak and Welling (2018), "VAE with a VampPrior", section 3.1 (the mixture-of-Gaussians prior).
    """

    def __init__(self, latent_dim: int, components: int, *, generator: Generator | None = None) -> None:
        super().__init__()
        checks.whole("components", components, 1, MAX_COMPONENTS)
        self.latent_dim, self.components = latent_dim, components
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, latent_dim, generator=generator))
        self.logvars = nn.Parameter(torch.full((components, latent_dim), -2.0))

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats, shape (N,), of latents of shape (N, L)."""
        densities = log_normal(z.unsqueeze(-2), self.means, self.logvars)
        return torch.logsumexp(densities + self.logits.log_softmax(dim=0), dim=-1)

    @torch.no_grad()
    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw latents, shape (n, L), with the dtype and device of ``like``."""
        chosen = torch.multinomial(self.logits.softmax(dim=0), n, replacement=True, generator=generator)
        eps = torch.randn(n, self.latent_dim, generator=generator, dtype=like.dtype, device=like.device)
        return self.means[chosen] + torch.exp(0.5 * self.logvars[chosen]) * eps
