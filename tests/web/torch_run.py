"""The lab's oracle: the same steps by PyTorch, from given weights, points and noise."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from swissroll.config import Config
from swissroll.data import open_distribution
from swissroll.model.loss import Loss
from swissroll.model.terms import LossTerms, reconstruction_mse
from swissroll.model.vae import VAE
from swissroll.training.build import build_model
from swissroll.training.engines.torch_adam import Adam
from swissroll.training.loop import scheduled_lr_and_beta

TRAINING_SCRIPT = """
const { Training } = await load("training.js");
const training = new Training(kernel, input.settings);
training.network.loadTensors(input.weights);
const batches = ({ base64, steps }) => {
  const bytes = Buffer.from(base64, "base64");
  const floats = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const size = floats.length / steps;
  return Array.from({ length: steps }, (_, i) => floats.subarray(i * size, (i + 1) * size));
};
const points = batches(input.points);
const noise = batches(input.noise);
"""
"""Begins a run of the lab from PyTorch's weights, with its batches at hand."""
STEPS_SCRIPT = (
    TRAINING_SCRIPT
    + """
points.forEach((batch, step) => training.stepOn(batch, noise[step]));
answer(training.history.loss);
"""
)
"""Takes the steps; answers their losses."""
LAB_SETTINGS = (
    "activation",
    "batch_size",
    "beta",
    "beta_start",
    "components",
    "dataset",
    "decoder_variance",
    "depth",
    "hidden_dim",
    "latent_dim",
    "lr",
    "lr_schedule",
    "reduction",
    "steps",
    "warmup",
)


@dataclass
class TorchRun:
    """A model, its loss and its batches.

    Attributes:
        points: Shape (steps, B, D).
        noise: Shape (steps, B, L).
    """

    config: Config
    model: VAE
    loss: Loss
    points: Tensor
    noise: Tensor

    def terms(self, step: int, beta: float | None = None) -> LossTerms[Tensor]:
        """The loss of one step's batch, from its noise."""
        x = self.points[step]
        mu, logvar = self.model.encode(x)
        z = mu + self.noise[step] * torch.exp(0.5 * logvar)
        kl = self.model.prior.mean_kl(mu, logvar, z)
        mse = reconstruction_mse(self.model.decode(z), x)
        value = self.loss.value(mse, kl, self.model.decoder_logvar, beta=beta)
        return LossTerms(value, mse, kl, self.model.decoder_logvar)

    def gradient(self) -> dict[str, Tensor]:
        """The gradient of the first batch's loss, by name."""
        self.terms(0).loss.backward()
        return {name: p.grad for name, p in self.model.named_parameters() if p.grad is not None}

    def losses(self, steps: int) -> Tensor:
        """The losses of so many steps, before their updates."""
        optimizer = Adam(list(self.model.parameters()), lr=self.config.lr, fused=True)
        found = []
        for step in range(steps):
            optimizer.lr, beta = scheduled_lr_and_beta(self.config, step)
            optimizer.zero_grad()
            loss = self.terms(step, beta).loss
            loss.backward()
            optimizer.step()
            found.append(loss.detach())
        return torch.stack(found)

    def to_lab(self) -> dict[str, Any]:
        """What the lab needs to take the same steps, for Node."""
        settings = {name: getattr(self.config, name) for name in LAB_SETTINGS}
        weights = {
            name: {"shape": list(value.shape), "values": value.flatten().tolist()}
            for name, value in self.model.state_dict().items()
        }
        return {
            "settings": settings,
            "weights": weights,
            "points": _to_base64(self.points),
            "noise": _to_base64(self.noise),
        }


def _to_base64(batches: Tensor) -> dict[str, Any]:
    return {"base64": base64.b64encode(batches.numpy().tobytes()).decode(), "steps": len(batches)}


def torch_run(config: Config, steps: int, *, seed: int = 0) -> TorchRun:
    """A run of PyTorch's from the config's initial weights, with batches that the seed decides."""
    distribution = open_distribution(config)
    generator = torch.Generator().manual_seed(seed)
    batches = [distribution.sample(config.batch_size, generator=generator).points for _ in range(steps)]
    return TorchRun(
        config=config,
        model=build_model(config),
        loss=Loss.of(config, distribution.data_dim),
        points=torch.stack(batches),
        noise=torch.randn(steps, config.batch_size, config.latent_dim, generator=generator),
    )
