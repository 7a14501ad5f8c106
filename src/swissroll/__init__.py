"""A laboratory for variational autoencoders on data that a person can see.

Names are imported when first used, so that ``import swissroll`` does not wait for PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swissroll.config import Config
    from swissroll.evaluation.evidence import log_evidence
    from swissroll.evaluation.lower_bound import nll_lower_bound
    from swissroll.evaluation.lower_bound import nll_lower_bound as evidence_floor
    from swissroll.evaluation.metrics import measure
    from swissroll.model.loss import distortion, elbo, rate, translate
    from swissroll.model.vae import VAE
    from swissroll.notebook import (
        compute_vae_loss,
        generate_swiss_roll,
        train_vae,
        train_vae_with_visualization,
        visualize_latent_space,
        visualize_reconstructions,
    )
    from swissroll.runs.evaluate import evaluate, examine
    from swissroll.runs.run import Run, load, train
    from swissroll.training.build import build

_HOMES = {
    "Config": "config",
    "Run": "runs.run",
    "VAE": "model.vae",
    "build": "training.build",
    "compute_vae_loss": "notebook",
    "distortion": "model.loss",
    "elbo": "model.loss",
    "evaluate": "runs.evaluate",
    "examine": "runs.evaluate",
    "generate_swiss_roll": "notebook",
    "load": "runs.run",
    "log_evidence": "evaluation.evidence",
    "measure": "evaluation.metrics",
    "nll_lower_bound": "evaluation.lower_bound",
    "rate": "model.loss",
    "train": "runs.run",
    "train_vae": "notebook",
    "train_vae_with_visualization": "notebook",
    "translate": "model.loss",
    "visualize_latent_space": "notebook",
    "visualize_reconstructions": "notebook",
}

_OLD_NAMES = {"evidence_floor": "nll_lower_bound"}
"""Names of earlier versions, which keep working."""

__all__ = [
    "VAE",
    "Config",
    "Run",
    "build",
    "compute_vae_loss",
    "distortion",
    "elbo",
    "evaluate",
    "evidence_floor",
    "examine",
    "generate_swiss_roll",
    "load",
    "log_evidence",
    "measure",
    "nll_lower_bound",
    "rate",
    "train",
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
    home_name = _OLD_NAMES.get(name, name)
    if home_name not in _HOMES:
        raise AttributeError(f"module 'swissroll' has no attribute {name!r}")
    return getattr(import_module(f"swissroll.{_HOMES[home_name]}"), home_name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
