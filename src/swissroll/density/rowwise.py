"""A network computed so that a row's bits do not depend on the rows beside it.

A library's product of matrices may add up a row in another order at another place of a batch. Here a layer is a sum of
columns times weights, in the order of the weights, by operations on single numbers. Rows come in blocks of one size, so
that no vector instruction ends in the middle of one.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swissroll.model.vae import VAE

BLOCK = 256
"""Rows computed at a time; a multiple of what any processor's vector instructions take."""


@torch.no_grad()
def encode_means(model: VAE, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posterior means, shape (N, L), of rows in model coordinates, shape (N, D); the model is in float64."""
    return _in_blocks([*model.encoder, model.fc_mu], rows)


@torch.no_grad()
def encode_logvars(model: VAE, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posterior log-variances, shape (N, L); as :func:`encode_means`."""
    return _in_blocks([*model.encoder, model.fc_logvar], rows)


@torch.no_grad()
def decode(model: VAE, latents: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decoded means in model coordinates, shape (N, D), of latents, shape (N, L); the model is in float64."""
    return _in_blocks(list(model.decoder), latents)


@torch.no_grad()
def decode_draws(model: VAE, latents: Tensor) -> Tensor:
    """Decoded means in model coordinates, shape (B, K, D), of K latents for each of B rows, shape (B, K, L), float64.

    A row's K latents are a product of matrices of their own, of the same shape for each row. Where K is a multiple of
    eight, these also begin at the same place of a cache line, and so their bits do not depend on the rows beside them.
    """
    rows = len(latents)
    for layer in model.decoder:
        if isinstance(layer, nn.Linear):
            latents = torch.baddbmm(layer.bias.expand(rows, 1, -1), latents, layer.weight.T.expand(rows, -1, -1))
        else:
            latents = layer(latents)
    return latents


def _in_blocks(layers: list[nn.Module], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    parts = []
    for start in range(0, len(rows), BLOCK):
        part = torch.zeros(BLOCK, rows.shape[1], dtype=torch.float64)
        some = torch.from_numpy(np.ascontiguousarray(rows[start : start + BLOCK]))
        part[: len(some)] = some
        for layer in layers:
            part = _sum_columns(layer, part) if isinstance(layer, nn.Linear) else layer(part)
        parts.append(part[: len(some)].numpy())
    return np.concatenate(parts)


def _sum_columns(layer: nn.Linear, rows: Tensor) -> Tensor:
    """A linear layer: its bias and, one after the other, each column times its weights."""
    total = layer.bias.expand(len(rows), -1).clone()
    for column, weights in zip(rows.T, layer.weight.T, strict=True):
        total += column[:, None] * weights
    return total
