"""The fast engine: the same steps in JAX, for one run.

The steps are those of a batch of one (:mod:`swissroll.training.engines.xla_batch`).
"""

from __future__ import annotations

from swissroll.model.terms import LossTerms
from swissroll.model.vae import VAE
from swissroll.training.engines.engine import State
from swissroll.training.engines.xla_batch import XlaBatch


class XlaEngine:
    """A batch's first member as an :class:`~swissroll.training.engines.engine.Engine`.

    Args:
        model: That member's VAE, on the CPU.
        batch: A batch of one.
    """

    def __init__(self, model: VAE, batch: XlaBatch) -> None:
        self._model = model
        self._model_step = -1
        self.batch = batch
        self.loss = batch.loss
        self.lr = batch.configs[0].lr
        self.max_chunk = batch.max_chunk

    @property
    def steps_taken(self) -> int:
        """Steps that the state has seen."""
        return self.batch.steps_taken

    @property
    def model(self) -> VAE:
        """The VAE with the weights of the latest step; not to be changed."""
        if self._model_step != self.steps_taken:
            self._model.load_state_dict(self.weights())
            self._model_step = self.steps_taken
        return self._model

    def run_steps(self, n: int, *, prefetch: int = 0) -> list[LossTerms[float]]:
        """Take n steps and begin the next call's; returns the loss of each one's batch before its update."""
        rows = self.batch.run_steps(n, prefetch=prefetch)[:, 0]
        return [LossTerms(*row) for row in rows.tolist()]

    def measure(self) -> LossTerms[float]:
        """The loss of the held-out points under the weights of the latest step."""
        return LossTerms(*self.batch.measure()[0].tolist())

    def weights_are_finite(self) -> bool:
        """Whether every weight is a finite number."""
        return bool(self.batch.finite_members().all())

    def weights(self) -> State:
        """A copy of the model's weights, on the CPU."""
        return self.batch.weights()

    def load_weights(self, weights: State) -> None:
        """Take other weights of the model; all else stays."""
        self.batch.load_weights([weights])
        self._model_step = -1

    def state(self) -> State:
        """A copy of all that the next steps depend on, as the reference engine has it."""
        return self.batch.state()

    def load_state(self, state: State, step: int) -> None:
        """Go to a state, taken after ``step`` steps; raises KeyError or RuntimeError where it does not fit."""
        self.batch.load_state(state, step)
        self._model_step = -1
