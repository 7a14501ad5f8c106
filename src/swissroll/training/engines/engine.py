"""What the training loop asks of an engine: a model, its optimizer, its randomness, and the steps that move them."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from swissroll.model.loss import Loss
from swissroll.model.terms import LossTerms
from swissroll.model.vae import VAE

State = dict[str, Tensor]


class Source(Protocol):
    """A source of randomness, as far as a state needs it: PyTorch's generators are ones."""

    def get_state(self) -> Tensor: ...  # noqa: D102

    def set_state(self, state: Tensor, /) -> object: ...  # noqa: D102


class Engine(Protocol):
    """Computes gradient steps.

    Attributes:
        loss: What the steps descend; measurements use its own beta.
        lr: Learning rate, or the peak of its schedule.
        max_chunk: Most steps that one call of :meth:`run_steps` should ask for; 1 where each can be read at once.
    """

    loss: Loss
    lr: float
    max_chunk: int

    @property
    def steps_taken(self) -> int:
        """Steps that the state has seen."""

    @property
    def model(self) -> VAE:
        """The VAE with the weights of the latest step; not to be changed."""

    def run_steps(self, n: int, *, prefetch: int = 0) -> list[LossTerms[float]]:
        """Take n steps.

        Args:
            n: Steps to take.
            prefetch: Steps that the next call will take: an engine that works in the background begins them.

        Returns:
            The loss of each step's batch before its update.
        """

    def measure(self) -> LossTerms[float] | None:
        """The loss of the held-out points under the weights of the latest step; None where there are none."""

    def weights_are_finite(self) -> bool:
        """Whether every weight is a finite number."""

    def weights(self) -> State:
        """A copy of the model's weights, on the CPU."""

    def load_weights(self, weights: State) -> None:
        """Take other weights of the model; all else stays."""

    def state(self) -> State:
        """A copy of all that the next steps depend on: weights, Adam's moments, generators."""

    def load_state(self, state: State, step: int) -> None:
        """Go to a state, taken after ``step`` steps; raises KeyError or RuntimeError where it does not fit."""
