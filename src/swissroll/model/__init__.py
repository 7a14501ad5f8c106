"""The model: a VAE, its prior p(z), and the loss that training descends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swissroll.lazy import LazyNames

if TYPE_CHECKING:
    from swissroll.model.loss import Loss as Loss
    from swissroll.model.loss import LossTerms as LossTerms
    from swissroll.model.loss import Translation as Translation
    from swissroll.model.prior import Components as Components
    from swissroll.model.prior import Mixture as Mixture
    from swissroll.model.prior import Prior as Prior
    from swissroll.model.prior import StandardNormal as StandardNormal
    from swissroll.model.prior import make_prior as make_prior
    from swissroll.model.vae import VAE as VAE
else:
    _public = LazyNames(
        __name__,
        {
            "loss": ["Loss", "LossTerms", "Translation"],
            "prior": ["Components", "Mixture", "Prior", "StandardNormal", "make_prior"],
            "vae": ["VAE"],
        },
    )
    __all__ = _public.names
    __getattr__ = _public.load
