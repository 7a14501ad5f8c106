"""Batches that a loss is computed of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


class Shape(NamedTuple):
    """A batch's: points, data dimensions, latent dimensions."""

    batch: int
    data: int
    latent: int


class Case(NamedTuple):
    """Arguments of one loss: tensors of shape (B, D), (B, D), (B, L), (B, L), and beta."""

    recon: Tensor
    x: Tensor
    mu: Tensor
    head: Tensor
    beta: float


BASE = Shape(2, 2, 2)


def filled(shape: Shape, *, x: float, recon: float, mu: float, head: float, beta: float) -> Case:
    """A case whose numbers are all alike."""
    points = (shape.batch, shape.data)
    latents = (shape.batch, shape.latent)
    return Case(
        torch.full(points, recon), torch.full(points, x), torch.full(latents, mu), torch.full(latents, head), beta
    )


def generic_case(beta: float, *, unit_interval: bool) -> Case:
    """A case of three points whose numbers all differ."""
    generator = torch.Generator().manual_seed(5)
    x = torch.rand((3, 2), generator=generator) * 0.4 + 0.3
    recon = torch.rand((3, 2), generator=generator) * 0.4 + 0.3
    if not unit_interval:
        x = x * 4 - 2
        recon = recon * 4 - 2
    mu = torch.rand((3, 2), generator=generator) * 2 - 0.8
    head = torch.rand((3, 2), generator=generator) + 0.4
    return Case(recon, x, mu, head, beta)
