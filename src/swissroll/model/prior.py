r"""The prior p(z): standard normal, or a mixture of Gaussians whose parameters are learned or fitted.

A third one, a flow, is in :mod:`swissroll.model.flow`.

A prior is anything that has a density and can be drawn from; a new one is a subclass of :class:`Prior` with these two.

    KL(q(z|x) || p(z)) = E_q [ log q(z|x) - log p(z) ]

Where that has no closed form, one draw of z for each point estimates it without bias.
"""

from __future__ import annotations

import math
from typing import NamedTuple, get_args

import torch
from torch import Generator, Tensor, nn

from swissroll import checks
from swissroll.config import MAX_COMPONENTS, PriorFamily
from swissroll.model.terms import kl_per_point, mean_kl

MIN_LOGVAR = -1400.0
"""Log-variance below which a draw is the mean itself; its exponential is still a number in float64."""
START_LOGVAR = -2.0
"""Of a mixture's components: those wider than the posteriors that they are to cover are slow to shrink."""


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Log density of N(mu, exp(logvar)) in nats, summed over the last dimension; arguments broadcast."""
    scaled = (z - mu).square() * torch.exp(-logvar)
    return -0.5 * (scaled + logvar + math.log(2 * math.pi)).sum(dim=-1)


class Components(NamedTuple):
    """A density as a mixture of K Gaussians with diagonal covariances, float64, on the CPU.

    Attributes:
        log_weights: Logarithms of the weights, shape (K,).
        means: Shape (K, L).
        stds: Standard deviations, shape (K, L).
    """

    log_weights: Tensor
    means: Tensor
    stds: Tensor


class Prior(nn.Module):
    """A distribution of latents. Subclasses give ``log_prob`` and ``sample``.

    Args:
        latent_dim: L, dimensions of the latent space.

    Attributes:
        factorises: Whether p(z) is a product over the latent dimensions.
        smooth: Whether its log density is finite and changes by little over a hundredth of its width, so that a grid
            of one or two latent dimensions integrates it. A mixture of Gaussians says more: :meth:`components`.
    """

    factorises = False
    smooth = False

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        checks.whole("latent_dim", latent_dim, 1, 10**6)
        self.latent_dim = latent_dim

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats, shape (N,), of latents of shape (N, L)."""
        raise NotImplementedError

    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw latents, shape (n, L), with the dtype and device of ``like``."""
        raise NotImplementedError

    def components(self) -> Components | None:
        """The prior as a mixture of Gaussians, which exact integrals need; None where it is none."""
        return None

    def gaussians(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:  # noqa: ARG002 - there are none
        """Weights, shape (K,), means and variances, shape (K, L), of a mixture of Gaussians, as training moves them.

        With the dtype and device of ``like``; gradients reach the prior's parameters. None where it is no mixture.
        """
        return None

    def closed_form_kl(self, mu: Tensor, logvar: Tensor) -> Tensor | None:  # noqa: ARG002 - there is none
        """KL of N(mu, exp(logvar)) from the prior, in nats per point, shape (B,); None without a closed form."""
        return None

    def kl_per_dimension(self, mu: Tensor, logvar: Tensor) -> Tensor | None:  # noqa: ARG002 - there is none
        """KL of N(mu, exp(logvar)) from the prior by latent dimension, in nats, shape (B, L); None without parts."""
        return None

    def mean_kl(self, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """The KL term that training descends: averaged over points and latent dimensions, in nats; a scalar.

        Args:
            mu: Posterior means, shape (B, L).
            logvar: Posterior log-variances, shape (B, L).
            z: One draw from each posterior, shape (B, L).
        """
        return (log_normal(z, mu, logvar) - self.log_prob(z)).mean() / self.latent_dim

    def kl(self, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """KL of q(z|x) from the prior, averaged over points, in nats per point; a scalar. Arguments as above."""
        # A draw from a variance too small to be a number is the mean itself: 0 times a number is 0.
        scaled = (z - mu) * torch.exp(-0.5 * logvar.clamp_min(MIN_LOGVAR))
        log_q = -0.5 * (scaled.square() + logvar + math.log(2 * math.pi)).sum(dim=1)
        return (log_q - self.log_prob(z)).mean()


class StandardNormal(Prior):
    """N(0, I) over L latent dimensions.

    It holds no parameters, so a VAE with it has the notebook's own ``state_dict``.
    """

    factorises = True

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats, shape (N,), of latents of shape (N, L)."""
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=-1)

    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw latents, shape (n, L), with the dtype and device of ``like``."""
        return torch.randn(n, self.latent_dim, generator=generator, dtype=like.dtype, device=like.device)

    def components(self) -> Components:
        """One Gaussian, of weight 1."""
        zeros = torch.zeros(1, self.latent_dim, dtype=torch.float64)
        return Components(log_weights=zeros[:, 0], means=zeros, stds=zeros + 1)

    def gaussians(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One Gaussian, of weight 1."""
        zeros = torch.zeros(1, self.latent_dim, dtype=like.dtype, device=like.device)
        return zeros[:, 0] + 1, zeros, zeros + 1

    def closed_form_kl(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """KL of N(mu, exp(logvar)) from N(0, I), in nats per point, shape (B,)."""
        return kl_per_point(mu, logvar)

    def kl_per_dimension(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """KL of N(mu, exp(logvar)) from N(0, 1) by latent dimension, in nats, shape (B, L)."""
        # KL(N(mu, s^2) || N(0, 1)) = (mu^2 + s^2 - 1 - log s^2) / 2 for each latent dimension.
        return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)

    def mean_kl(self, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:  # noqa: ARG002 - exact without a draw
        """The notebook's KL term: exact, averaged over points and latent dimensions, in nats; a scalar."""
        return mean_kl(mu, logvar)

    def kl(self, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:  # noqa: ARG002 - exact without a draw
        """KL of q(z|x) from N(0, I), exact, averaged over points, in nats per point; a scalar."""
        return self.kl_per_dimension(mu, logvar).mean(dim=0).sum()


class Mixture(Prior):
    """A mixture of K Gaussians with diagonal covariances over L latent dimensions.

    Args:
        latent_dim: L, at least 1.
        components: K, at least 1.
        generator: Source of the initial means, drawn from N(0, I); PyTorch's global one by default.

    Source: Tomczak and Welling (2018), "VAE with a VampPrior", section 3.1 (the mixture-of-Gaussians prior).
    """

    def __init__(self, latent_dim: int, components: int, *, generator: Generator | None = None) -> None:
        super().__init__(latent_dim)
        checks.whole("components", components, 1, MAX_COMPONENTS)
        checks.generator("generator", generator)
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, latent_dim, generator=generator))
        self.logvars = nn.Parameter(torch.full((components, latent_dim), START_LOGVAR))

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats, shape (N,), of latents of shape (N, L)."""
        # p(z) = sum_k w_k N(z; m_k, diag s_k^2), with weights w = softmax(logits).
        densities = log_normal(z.unsqueeze(-2), self.means, self.logvars)
        return torch.logsumexp(densities + self.logits.log_softmax(dim=0), dim=-1)

    @torch.no_grad()
    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw latents, shape (n, L), with the dtype and device of ``like``."""
        weights = self.logits.softmax(dim=0)
        chosen = torch.multinomial(weights, n, replacement=True, generator=generator)
        eps = torch.randn(n, self.latent_dim, generator=generator, dtype=like.dtype, device=like.device)
        return self.means[chosen] + torch.exp(0.5 * self.logvars[chosen]) * eps

    def gaussians(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The K Gaussians: weights, shape (K,), means and variances, shape (K, L); gradients flow."""
        return self.logits.softmax(dim=0).to(like), self.means.to(like), self.logvars.exp().to(like)

    def components(self) -> Components:
        """The K Gaussians as they are now."""
        parameters = (self.logits, self.means, self.logvars)
        logits, means, logvars = (p.detach().to("cpu", torch.float64) for p in parameters)
        return Components(log_weights=logits.log_softmax(dim=0), means=means, stds=torch.exp(0.5 * logvars))


def make_prior(
    latent_dim: int, components: int, *, family: PriorFamily = "gaussians", generator: Generator | None = None
) -> Prior:
    """The prior with so many Gaussians, with 0 the standard normal one; or a flow. Arguments as for :class:`Mixture`.

    Raises:
        ValueError: An argument is outside its range, or a flow is asked for and zuko is not installed.
    """
    checks.whole("components", components, 0, MAX_COMPONENTS)
    checks.one_of("prior", family, get_args(PriorFamily))
    checks.generator("generator", generator)
    if family == "flow":
        from swissroll.model.flow import Flow

        return Flow(latent_dim, generator=generator)
    if components == 0:
        return StandardNormal(latent_dim)
    return Mixture(latent_dim, components, generator=generator)
