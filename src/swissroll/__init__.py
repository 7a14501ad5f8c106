"""A laboratory for variational autoencoders on data that a person can see.

Names are imported when first used, so that ``import swissroll`` does not wait for PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swissroll.config import Config
    from swissroll.doctor import examine
    from swissroll.evidence import log_evidence
    from swissroll.floor import evidence_floor
    from swissroll.metrics import measure
    from swissroll.notebook import (
        compute_vae_loss,
        generate_swiss_roll,
        train_vae,
        train_vae_with_visualization,
        visualize_latent_space,
        visualize_reconstructions,
    )
    from swissroll.objective import distortion, elbo, rate, translate
    from swissroll.run import Run, load
    from swissroll.training import build
    from swissroll.vae import VAE

_HOMES = {
    "Config": "config",
    "Run": "run",
    "VAE": "vae",
    "build": "training",
    "compute_vae_loss": "notebook",
    "distortion": "objective",
    "elbo": "objective",
    "evidence_floor": "floor",
    "examine": "doctor",
    "generate_swiss_roll": "notebook",
    "load": "run",
    "log_evidence": "evidence",
    "measure": "metrics",
    "rate": "objective",
    "train_vae": "notebook",
    "train_vae_with_visualization": "notebook",
    "translate": "objective",
    "visualize_latent_space": "notebook",
    "visualize_reconstructions": "notebook",
}

__all__ = [
    "VAE",
    "Config",
    "Run",
    "build",
    "compute_vae_loss",
    "distortion",
    "elbo",
    "evidence_floor",
    "examine",
    "generate_swiss_roll",
    "load",
    "log_evidence",
    "measure",
    "rate",
    "train_vae",
    "train_vae_with_visualization",
    "translate",
    "visualize_latent_space",
    "visualize_reconstructions",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("swissroll")
    if name not in _HOMES:
        raise AttributeError(f"module 'swissroll' has no attribute {name!r}")
    return getattr(import_module(f"swissroll.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
