"""Models of PyTorch handed to the lab's truth, and moments of a training to hand over."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from swissroll.config import Config
from swissroll.model.vae import VAE
from swissroll.training.build import build

SCRIPT = """
const { FrozenModel } = await load("frozen_model.js");
const drive = (slices) => {
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
  }
};
const freeze = ({ settings, data_dim, sigma, weights }) => {
  const model = new FrozenModel(kernel, settings, data_dim);
  model.network.loadTensors(weights);
  model.load(model.network.parameters.slice(), sigma);
  return model;
};
"""
"""Makes a frozen model of what :func:`hand_over` gives, and runs what works in slices to its end."""


def hand_over(model: VAE, config: Config, sigma: float) -> dict[str, Any]:
    """A model as the script takes it."""
    weights = {
        name: {"shape": list(value.shape), "values": value.flatten().tolist()}
        for name, value in model.state_dict().items()
    }
    return {
        "settings": dataclasses.asdict(config),
        "data_dim": model.data_dim,
        "sigma": sigma,
        "weights": weights,
    }


def moments_of(config: Config, steps: list[int]) -> Iterator[VAE]:
    """Copies of a model that is trained, each after so many steps of it."""
    training = build(dataclasses.replace(config, steps=max(steps), engine="torch", device="cpu"))
    if 0 in steps:
        yield copy.deepcopy(training.engine.model)
    for record in training:
        if record.step in steps:
            yield copy.deepcopy(training.engine.model)


def tensor(values: Any) -> Tensor:
    """What a script answered, float64."""
    return torch.tensor(values, dtype=torch.float64)
