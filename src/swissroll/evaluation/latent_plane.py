"""Which two of many latent dimensions are shown: the same in pictures, tables and files."""

from __future__ import annotations

import torch
from torch import Tensor


def rates(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL of each latent dimension of q(z|x) from N(0, 1), in nats, shape (N, L).

    Args:
        mu: Posterior means, shape (N, L).
        logvar: Posterior log-variances, shape (N, L).

    Source: Kingma and Welling (2014), appendix B.
    """
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def busiest_dims(mu: Tensor, logvar: Tensor) -> tuple[int, ...]:
    """The two latent dimensions of highest mean rate, in the order of their numbers, counted from 0; all of up to two.

    A grid in the plane of two dimensions that the decoder ignores would be decoded to one point.

    Args:
        mu: Posterior means, shape (N, L).
        logvar: Posterior log-variances, shape (N, L).
    """
    means = rates(mu.double(), logvar.double()).mean(dim=0).nan_to_num(0.0)

    # A stable sort keeps the order of dimensions with equal rates.
    highest = torch.argsort(means, descending=True, stable=True)[:2]
    return tuple(sorted(highest.tolist()))


def name_dims(dims: tuple[int, ...]) -> str:
    """Their names, such as 'z2 and z5', counted from 1."""
    return " and ".join(f"z{dim + 1}" for dim in dims)
