"""Who computes the gradient steps: what :class:`swissroll.training.loop.Training` asks of an engine."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from swissroll.config import Reduction
from swissroll.model.vae import VAE

State = dict[str, Tensor]


class Engine(Protocol):
    """A model, its optimizer and its sources of randomness, and the steps that move them.

    Attributes:
        beta: Weight of the KL term that measurements use.
        reduction: The loss's convention.
        lr: Learning rate, or the peak of its schedule.
        steps_taken: Steps that the state has seen.
        longest: Most steps that one call of :meth:`take` should ask for; 1 where each can be read at once.
    """

    beta: float
    reduction: Reduction
    lr: float
    steps_taken: int
    longest: int

    @property
    def model(self) -> VAE:
        """The VAE with the weights of the latest step; not to be changed."""

    def take(self, n: int, then: int = 0) -> list[list[float]]:
        """Take n steps.

        Args:
            n: Steps to take.
            then: Steps that the next call will take: an engine that works in the background begins them.

        Returns:
            A row for each step's batch before its update: loss, squared error, KL, and the decoder's log-variance
            where it is learned.
        """

    def measure(self) -> list[float]:
        """Such a row for the held-out points under the weights of the latest step."""

    def weights_are_finite(self) -> bool:
        """Whether every weight is a finite number."""

    def weights(self) -> State:
        """A copy of the model's weights, on the CPU."""

    def state(self) -> State:
        """A copy of all that the next steps depend on: weights, Adam's moments, generators."""

    def load_state(self, state: State, step: int) -> None:
        """Go to a state, taken after ``step`` steps; raises KeyError or RuntimeError where it does not fit."""
