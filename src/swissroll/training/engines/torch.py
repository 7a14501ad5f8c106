"""The reference engine: PyTorch autograd and Adam, one gradient step at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from swissroll import rng
from swissroll.config import Reduction
from swissroll.model.loss import combine, mean_distortion, mean_kl, reconstruction_mse
from swissroll.model.prior import StandardNormal, log_normal
from swissroll.model.vae import VAE
from swissroll.training.engines.adam import Adam
from swissroll.training.engines.engine import State

BURST = 100
"""Most steps between two reads of a device that waits for each."""


def loss_terms(model: VAE, x: Tensor, noise: Generator | None) -> tuple[Tensor, Tensor]:
    """The two terms of the loss on points of shape (B, D), each averaged: squared error and KL.

    The KL from a standard normal prior is exact; from a mixture it is estimated without bias from the same draw of z.
    """
    if isinstance(model.prior, StandardNormal):
        recon_x, mu, logvar = model(x, generator=noise)
        return reconstruction_mse(recon_x, x), mean_kl(mu, logvar)
    mu, logvar = model.encode(x)
    z = model.reparameterize(mu, logvar, generator=noise)
    kl = (log_normal(z, mu, logvar) - model.prior.log_prob(z)).mean() / model.latent_dim
    return reconstruction_mse(model.decode(z), x), kl


def loss_row(
    model: VAE, x: Tensor, noise: Generator | None, *, beta: float, reduction: Reduction
) -> tuple[Tensor, Tensor]:
    """The loss of points of shape (B, D), and the row of numbers that tells of it.

    Returns:
        The loss, a scalar, and without gradient the loss, its squared error and KL, each averaged, shape (3,); where
        the decoder's variance is learned, its logarithm too, shape (4,).
    """
    mse, kl = loss_terms(model, x, noise)
    logvar = model.decoder_logvar
    error = mse if logvar is None else mean_distortion(mse, logvar)
    loss = combine(error, kl, beta=beta, reduction=reduction, dims=(model.data_dim, model.latent_dim))
    row = (loss, mse, kl) if logvar is None else (loss, mse, kl, logvar)
    return loss, torch.stack([value.detach() for value in row])


@torch.no_grad()
def measured_row(model: VAE, x: Tensor, *, beta: float, reduction: Reduction, seed: int) -> list[float]:
    """The row of points of shape (N, D), with latent noise that depends on the seed alone."""
    noise = rng.generator(seed, "evaluation noise", x.device)
    row: list[float] = loss_row(model, x, noise, beta=beta, reduction=reduction)[1].tolist()
    return row


class TorchEngine:
    """A model, its optimizer and its sources of randomness, and the step that moves them.

    Args:
        model: The VAE, already on its device.
        batch: Draws the points of one step, shape (B, D), on the model's device.
        beta: Weight of the KL term; with a schedule, the one that measurements use.
        reduction: The loss's convention.
        lr: Learning rate of Adam.
        schedule: Maps the steps already taken to the next step's learning rate and beta; both stay by default.
        noise: Source of the latent noise; PyTorch's global one by default.
        generators: Every generator that steps draw from, by name, so that a state can hold them; PyTorch's global
            ones by default.
        fused: Use PyTorch's fused Adam: faster, and equal to the plain one but for rounding.
        held_out: Points to measure on, shape (N, D), on the model's device.
        seed: Fixes the latent noise of the measurements.
    """

    def __init__(
        self,
        model: VAE,
        batch: Callable[[], Tensor],
        *,
        beta: float,
        reduction: Reduction = "mean",
        lr: float,
        schedule: Callable[[int], tuple[float, float]] | None = None,
        noise: Generator | None = None,
        generators: dict[str, Generator] | None = None,
        fused: bool = True,
        held_out: Tensor | None = None,
        seed: int = 0,
    ) -> None:
        self.model, self.batch, self.beta, self.reduction = model, batch, beta, reduction
        self.lr, self.schedule, self.noise, self.generators = lr, schedule, noise, generators or _global_generators()
        self.held_out, self.seed = held_out, seed
        self.steps_taken = 0
        self.parameters = list(model.parameters())
        # On the CPU, reading a loss is free; elsewhere each read makes the device wait.
        self.longest = 1 if self.parameters[0].device.type == "cpu" else BURST
        self.optimizer = Adam(self.parameters, lr=lr, fused=fused)

    def take(self, n: int, then: int = 0) -> list[list[float]]:  # noqa: ARG002 - works ahead of nothing
        """Take n steps; returns the row of each before its update."""
        measured = [self.step() for _ in range(n)]
        rows: list[list[float]] = [measured[0].tolist()] if n == 1 else torch.stack(measured).tolist()
        return rows

    def measure(self) -> list[float]:
        """The row of the held-out points, with latent noise that depends on the seed alone."""
        if self.held_out is None:
            return []
        return measured_row(self.model, self.held_out, beta=self.beta, reduction=self.reduction, seed=self.seed)

    def step(self) -> Tensor:
        """Take one gradient step; returns the row before it (:func:`loss_row`), unsynchronised."""
        measured = self.backward()
        self.update()
        return measured

    def update(self) -> None:
        """Move the weights by the gradient that :meth:`backward` left."""
        self.optimizer.step()
        self.steps_taken += 1

    def backward(self) -> Tensor:
        """Draw a batch and leave the gradient of its loss in the parameters; returns as :meth:`step` does."""
        lr, beta = self.schedule(self.steps_taken) if self.schedule else (self.lr, self.beta)
        self.optimizer.lr = lr
        loss, row = loss_row(self.model, self.batch(), self.noise, beta=beta, reduction=self.reduction)
        self.optimizer.zero_grad()
        loss.backward()
        return row

    def weights_are_finite(self) -> bool:
        """Whether every weight is a finite number."""
        return all(bool(torch.isfinite(p).all()) for p in self.parameters)

    def weights(self) -> State:
        """A copy of the model's weights, on the CPU."""
        return {k: v.detach().to("cpu", copy=True).contiguous() for k, v in self.model.state_dict().items()}

    def state(self) -> State:
        """A copy of all that the next steps depend on: weights, Adam's moments, generators."""
        state = {f"model.{k}": v for k, v in self.weights().items()}
        if self.steps_taken:
            state |= {f"optimizer.{k}": v.to("cpu", copy=True) for k, v in self.optimizer.state().items()}
        return state | {f"generator.{k}": g.get_state() for k, g in self.generators.items()}

    def load_state(self, state: State, step: int) -> None:
        """Go to a state, taken after ``step`` steps; raises KeyError or RuntimeError where it does not fit."""
        groups: dict[str, State] = {"model": {}, "optimizer": {}, "generator": {}}
        for key, value in state.items():
            group, name = key.split(".", 1)
            groups[group][name] = value
        self.model.load_state_dict(groups["model"])
        self.optimizer.load_state(groups["optimizer"])
        for name, generator in self.generators.items():
            generator.set_state(groups["generator"][name])
        self.steps_taken = step


def _global_generators() -> dict[str, Generator]:
    cuda = torch.cuda.default_generators if torch.cuda.is_initialized() else ()
    return {"global": torch.default_generator} | {f"cuda{i}": g for i, g in enumerate(cuda)}
