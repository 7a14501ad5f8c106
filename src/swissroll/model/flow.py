r"""A normalizing flow as the prior p(z), trained with the encoder and the decoder.

    log p(z) = log N(f(z); 0, I) + log |det df/dz|       f: a neural spline flow, autoregressive, of three transforms

It has a density and is drawn from, as any prior, and bends to what the encoder does without being told how many parts
that has. The flow itself is zuko's.

Sources: Durkan, Bekasov, Murray and Papamakarios (2019), "Neural spline flows"; Chen et al. (2017), "Variational lossy
autoencoder", section 3.2, for an autoregressive flow as the prior of a VAE.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import Generator, Tensor

from swissroll import checks
from swissroll.errors import Fix, FixableError
from swissroll.model.latents import lend_to_global
from swissroll.model.prior import Prior

TRANSFORMS = 3
"""Transforms of the flow, each with a network of its own."""
HIDDEN_UNITS = (64, 64)
"""Units in the hidden layers of each of these networks."""


class Flow(Prior):
    """A neural spline flow over L latent dimensions; needs zuko.

    Args:
        latent_dim: L, at least 1.
        generator: Source of the initial weights; PyTorch's global one by default.

    Raises:
        ValueError: zuko is not installed.
    """

    smooth = True

    def __init__(self, latent_dim: int, *, generator: Generator | None = None) -> None:
        super().__init__(latent_dim)
        checks.generator("generator", generator)
        zuko = import_zuko()
        # It draws its weights from PyTorch's global generator.
        with nullcontext() if generator is None else lend_to_global(generator):
            self.flow: Any = zuko.flows.NSF(latent_dim, transforms=TRANSFORMS, hidden_features=HIDDEN_UNITS)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats, shape (N,), of latents of shape (N, L)."""
        # Its networks take numbers of their own precision alone.
        density: Tensor = self.flow().log_prob(z.to(self._dtype))
        return density.to(z.dtype)

    @torch.no_grad()
    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw latents, shape (n, L), with the dtype and device of ``like``."""
        eps = torch.randn(n, self.latent_dim, generator=generator, dtype=like.dtype, device=like.device)
        drawn: Tensor = self.flow().transform.inv(eps.to(self._dtype))
        return drawn.to(like.dtype)

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype


def import_zuko() -> Any:
    """The library of flows; raises FixableError where it is not installed."""
    try:
        import zuko
    except ModuleNotFoundError as error:
        if error.name != "zuko":
            raise
        raise FixableError("prior 'flow' needs zuko, which is not installed.", Fix.INSTALL_ZUKO) from None
    return zuko
