"""A solution's model, called on random points at random weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from swissroll.exercise.subject import Subject

LATENT_NAMES = (
    "latent_dim",
    "z_dim",
    "latent_size",
    "latent_dims",
    "latent",
    "n_latent",
    "dim_z",
    "latents",
    "num_latents",
)
HIDDEN_NAMES = ("hidden_dim", "hidden_size", "hidden", "h_dim", "width", "hidden_dims", "n_hidden")
LATENTS = 3
SEEDS = (1, 2, 3, 4)


def sizes_for(parameters: Sequence[str]) -> dict[str, int]:
    """Three latent dimensions, which are told from the data's two, and a narrow network, where they can be chosen."""
    sizes = {name: LATENTS for name in parameters if name.lower() in LATENT_NAMES}
    return sizes | {name: 64 for name in parameters if name.lower() in HIDDEN_NAMES}


class ModelMeter:
    """Calls a solution's model.

    Args:
        subject: The solution.
        parameters: Names of the arguments that its class takes.
        seed: Is added to every seed.
    """

    def __init__(self, subject: Subject, parameters: Sequence[str], seed: int = 0) -> None:
        self.subject = subject
        self.sizes = sizes_for(parameters)
        self.seed = seed

    def ask(self, x: Tensor, seed: int, **settings: Any) -> dict[str, Any]:
        """The answer to a request of the kind "model"."""
        request = {"kind": "model", "sizes": self.sizes, "seed": self.seed + seed, "x": x, "training": True, **settings}
        return self.subject.ask(request)

    def points(self, count: int, seed: int, spread: float = 1.0) -> Tensor:
        """Random points, shape (count, 2)."""
        return torch.randn((count, 2), generator=torch.Generator().manual_seed(self.seed + seed)) * spread


def failed(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is an error."""
    return "error" in answer
