"""The reference engine: PyTorch autograd and Adam, one gradient step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Generator, Tensor

from swissroll.data import LabelledPoints
from swissroll.model.loss import Loss
from swissroll.model.terms import LossTerms
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.training.engines.engine import Source, State
from swissroll.training.engines.torch_adam import Adam

MAX_CHUNK = 100
"""Most steps between two reads of a device that waits for each read."""


@ordinary_modes()
def measure_loss(loss: Loss, model: VAE, x: Tensor | LabelledPoints, *, seed: int) -> LossTerms[float]:
    """The loss of points of shape (N, D), with latent noise that depends on the seed alone."""
    given, points = _take_labels(model, x)
    noise = rng.generator(seed, "evaluation noise", points.device)
    terms = loss.evaluate(given, points, generator=noise)
    return LossTerms(*torch.stack(terms.present()).tolist())


class TorchEngine:
    """A model, its optimizer and its sources of randomness, and the step that moves them.

    Args:
        model: The VAE, already on its device.
        batch: Draws the points of one step, shape (B, D), on the model's device; with their labels where the model is
            conditional.
        loss: What the steps descend; with a schedule, measurements use its own beta.
        lr: Learning rate of Adam.
        schedule: Maps the steps already taken to the next step's learning rate and beta; both stay by default.
        noise: Source of the latent noise; PyTorch's global one by default.
        generators: Every source of randomness that steps draw from, by name, so that a state can hold them; PyTorch's
            global generators by default.
        fused: Use PyTorch's fused Adam: faster, and equal to the plain one but for rounding.
        held_out: Points to measure on, shape (N, D), on the model's device; with labels as well.
        seed: Fixes the latent noise of the measurements.
    """

    def __init__(
        self,
        model: VAE,
        batch: Callable[[], Tensor | LabelledPoints],
        *,
        loss: Loss,
        lr: float,
        schedule: Callable[[int], tuple[float, float]] | None = None,
        noise: Generator | None = None,
        generators: Mapping[str, Source] | None = None,
        fused: bool = True,
        held_out: Tensor | LabelledPoints | None = None,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.batch = batch
        self.loss = loss
        self.lr = lr
        self.schedule = schedule
        self.noise = noise
        self.generators: Mapping[str, Source] = generators or _global_generators()
        self.held_out = held_out
        self.seed = seed
        self.steps_taken = 0
        self.parameters = list(model.parameters())
        self.optimizer = Adam(self.parameters, lr=lr, fused=fused)

        # On the CPU, reading a loss is free; elsewhere each read makes the device wait.
        self.max_chunk = 1 if self.parameters[0].device.type == "cpu" else MAX_CHUNK

    def run_steps(self, n: int, *, prefetch: int = 0) -> list[LossTerms[float]]:  # noqa: ARG002 - prefetches nothing
        """Take n steps; returns the loss of each one's batch before its update."""
        rows = [self.step() for _ in range(n)]

        # One read of the device for all; stacking a single row would cost more than reading it.
        values = [rows[0].tolist()] if n == 1 else torch.stack(rows).tolist()
        return [LossTerms(*row) for row in values]

    def measure(self) -> LossTerms[float] | None:
        """The loss of the held-out points, with latent noise that depends on the seed alone."""
        if self.held_out is None:
            return None
        return measure_loss(self.loss, self.model, self.held_out, seed=self.seed)

    def step(self) -> Tensor:
        """Take one gradient step.

        Returns:
            The :class:`LossTerms` before it, in a tensor of shape (3,) or (4,) that nobody has waited for.
        """
        terms = self.backward()
        self.update()
        self._track_variance(terms)
        return terms

    @torch.no_grad()
    def _track_variance(self, terms: Tensor) -> None:
        """Move the decoder's variance by the squared error of a step's batch, where the loss does so."""
        tracked = self.model.tracked_logvar
        if self.loss.tracks_variance and tracked is not None:
            step = torch.tensor(float(self.steps_taken))
            tracked.copy_(self.loss.next_logvar(tracked, LossTerms(*terms).mse, step))

    def backward(self) -> Tensor:
        """Draw a batch and leave the gradient of its loss in the parameters; returns as :meth:`step` does."""
        lr, beta = self.schedule(self.steps_taken) if self.schedule else (self.lr, self.loss.beta)
        self.optimizer.lr = lr
        model, points = _take_labels(self.model, self.batch())
        terms = self.loss.evaluate(model, points, generator=self.noise, beta=beta)

        self.optimizer.zero_grad()
        terms.loss.backward()

        return torch.stack([value.detach() for value in terms.present()])

    def update(self) -> None:
        """Move the weights by the gradient that :meth:`backward` left."""
        self.optimizer.step()
        self.steps_taken += 1

    def weights_are_finite(self) -> bool:
        """Whether every weight is a finite number."""
        return all(bool(torch.isfinite(p).all()) for p in self.parameters)

    def weights(self) -> State:
        """A copy of the model's weights, on the CPU."""
        return {k: v.detach().to("cpu", copy=True).contiguous() for k, v in self.model.state_dict().items()}

    def load_weights(self, weights: State) -> None:
        """Take other weights of the model; all else stays."""
        self.model.load_state_dict(weights)

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


def _take_labels(model: VAE, x: Tensor | LabelledPoints) -> tuple[VAE, Tensor]:
    """The model under the labels of points, and the points; without labels, both as they are."""
    if isinstance(x, LabelledPoints):
        return model.given(x.labels), x.points
    return model, x


def _global_generators() -> dict[str, Generator]:
    generators = {"global": torch.default_generator}
    if torch.cuda.is_initialized():
        generators |= {f"cuda{i}": generator for i, generator in enumerate(torch.cuda.default_generators)}
    return generators
