"""A laboratory for variational autoencoders on data that a person can see.

Names are imported when first used, so that ``import swissroll`` does not wait for PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swissroll.lazy import LazyNames

if TYPE_CHECKING:
    from swissroll.config import Config as Config
    from swissroll.evaluation.evidence import log_evidence as log_evidence
    from swissroll.evaluation.lower_bound import nll_lower_bound as evidence_floor  # noqa: F401
    from swissroll.evaluation.lower_bound import nll_lower_bound as nll_lower_bound
    from swissroll.evaluation.metrics import measure as measure
    from swissroll.model.loss import distortion as distortion
    from swissroll.model.loss import elbo as elbo
    from swissroll.model.loss import rate as rate
    from swissroll.model.loss import translate as translate
    from swissroll.model.vae import VAE as VAE
    from swissroll.notebook import compute_vae_loss as compute_vae_loss
    from swissroll.notebook import generate_swiss_roll as generate_swiss_roll
    from swissroll.notebook import train_vae as train_vae
    from swissroll.notebook import train_vae_with_visualization as train_vae_with_visualization
    from swissroll.notebook import visualize_latent_space as visualize_latent_space
    from swissroll.notebook import visualize_reconstructions as visualize_reconstructions
    from swissroll.runs.evaluate import evaluate as evaluate
    from swissroll.runs.evaluate import examine as examine
    from swissroll.runs.run import Run as Run
    from swissroll.runs.run import load as load
    from swissroll.runs.run import train as train
    from swissroll.training.build import build as build

_PUBLIC = LazyNames(
    __name__,
    {
        "config": ["Config"],
        "evaluation.evidence": ["log_evidence"],
        "evaluation.lower_bound": ["nll_lower_bound"],
        "evaluation.metrics": ["measure"],
        "model.loss": ["distortion", "elbo", "rate", "translate"],
        "model.vae": ["VAE"],
        "notebook": [
            "compute_vae_loss",
            "generate_swiss_roll",
            "train_vae",
            "train_vae_with_visualization",
            "visualize_latent_space",
            "visualize_reconstructions",
        ],
        "runs.evaluate": ["evaluate", "examine"],
        "runs.run": ["Run", "load", "train"],
        "training.build": ["build"],
    },
)
_OLD_NAMES = {"evidence_floor": "nll_lower_bound"}
"""Names of earlier versions, which keep working."""

__all__ = sorted([*_PUBLIC.names, *_OLD_NAMES])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("swissroll")
    return _PUBLIC.load(_OLD_NAMES.get(name, name))


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
