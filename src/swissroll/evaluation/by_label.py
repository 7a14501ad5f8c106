"""Numbers of points that a conditional model computes label by label, joined in the order of the points.

Under one label a conditional model is an ordinary VAE, so what is known of those holds for each label alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from swissroll.data import Distribution, labels_of
from swissroll.model.vae import VAE

Found = TypeVar("Found")


def condition(model: VAE, distribution: Distribution, coordinate: Tensor | None) -> VAE:
    """A conditional model under the labels of points with these coordinates, shape (N,); any other one as it is.

    Raises:
        ValueError: The distribution has no labels, or more than the model.
    """
    if not model.label_count:
        return model
    return model.given(labels_of(distribution, coordinate))


def is_of_several(model: VAE) -> bool:
    """Whether a model was given a label of its own for each point."""
    return model.given_labels is not None and len(model.given_labels) > 1


def compute_by_label(model: VAE, x: Tensor, compute: Callable[[VAE, Tensor], Found]) -> list[tuple[Tensor, Found]]:
    """What is computed of the points of each label, x of shape (N, D), with their places among all.

    Raises:
        ValueError: The model was given another number of labels than there are points.
    """
    labels = model.given_labels
    if labels is None or len(labels) != len(x):
        given = 0 if labels is None else len(labels)
        raise ValueError(f"The model was given {given} labels, and there are {len(x)} points: give one label for each.")
    found = []
    for label in torch.unique(labels).tolist():
        places = (labels == label).nonzero()[:, 0].cpu()
        found.append((places, compute(model.given(label), x[places])))
    return found


def mix_labels(model: VAE, compute: Callable[[VAE], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Log p(x) of a conditional model and its error, shape (N,) each, from log p(x|c) and its error for each label."""
    if model.label_shares is None:
        raise ValueError("This model is not conditional.")
    log_p, error = map(torch.stack, zip(*map(compute, map(model.given, range(model.label_count))), strict=True))

    # p(x) = sum over c of p(c) p(x|c), and each label counts by its share of that sum.
    joint = log_p + model.label_shares.to(log_p).log()[:, None]
    mixed = joint.logsumexp(dim=0)
    return mixed, ((joint - mixed).exp() * error).sum(dim=0)


def join(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Numbers of the points of each label, with their places, as those of all points in order; shape (N, ...)."""
    places = torch.cat([part for part, _ in parts])
    return torch.cat([numbers for _, numbers in parts])[places.argsort()]


def join_records(parts: list[tuple[Tensor, Found]]) -> Found:
    """The record, a dataclass, of the points of each label as that of all; what is no tensor is the same for each."""
    first: Any = parts[0][1]
    joined: dict[str, Any] = {}
    for field in fields(first):
        values = [getattr(found, field.name) for _, found in parts]
        joined[field.name] = values[0]
        if isinstance(values[0], Tensor):
            joined[field.name] = join([(places, value) for (places, _), value in zip(parts, values, strict=True)])
    whole: Found = replace(first, **joined)
    return whole
