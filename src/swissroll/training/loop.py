"""The training loop: one generator that yields what happened; it draws, prints and writes nothing.

for record in Training(engine, steps=1000):
record.step, record.train.loss, record.held_out
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NoReturn

from torch import nn

from swissroll import checks
from swissroll.checks import NotFiniteError
from swissroll.config import Config
from swissroll.model.adapter import measurable, points_for
from swissroll.model.loss import Loss
from swissroll.model.terms import LossTerms
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.training.engines.engine import Engine, State
from swissroll.training.engines.torch import measure_loss
from swissroll.training.refit import Progress, show_nothing

BETA_SHARE = 0.7
"""The part of a run over which beta moves from ``beta_start`` to ``beta``."""
GOOD_STATE_EVERY = 100
"""Steps between two copies of the state that a diverging run goes back to."""


class DivergedError(ArithmeticError):
    """A loss or gradient was not finite. The engine is left in the last good state.

    Attributes:
        step: The step whose loss or gradient it was, counted from 1.
        term: 'reconstruction', 'KL', 'loss' (their weighted sum), 'held-out' (its loss after the step), 'gradient', or
            'posterior draw' (one that the prior was to be fitted to after the last step).
        lr: The learning rate, or the peak of its schedule.
        trained: Of the notebook's functions, what they would have returned: the model in its last good state, the
            losses of its steps, and its device. None elsewhere.
    """

    trained: Any = None

    def __init__(self, step: int, term: str, lr: float) -> None:
        self.step = step
        self.term = term
        self.lr = lr
        super().__init__(
            f"The {self.quantity} was not finite at step {step}; the last good state is kept. "
            f"The learning rate was {lr:g}: try {self.lower_lr:g}."
        )

    @property
    def quantity(self) -> str:
        """What was not finite, in words."""
        if self.term in ("reconstruction", "KL"):
            return f"{self.term} term"
        return "held-out loss" if self.term == "held-out" else self.term

    @property
    def lower_lr(self) -> float:
        """A learning rate to try: a tenth, and at most the notebook's."""
        return min(self.lr / 10, 1e-3)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """A loss and its parts, averaged over a batch.

    Attributes:
        loss: What the optimizer descends.
        mse: Squared error averaged over points and dimensions, in squared data units.
        kl: KL term averaged over points and latent dimensions (the notebook's convention), in nats.
        rate: KL of q(z|x) from the prior, summed over dimensions, in nats per point.
        distortion: -log p(x|z) at the decoder's sigma, implied or learned, in nats per point; nan where it is 0.
    """

    loss: float
    mse: float
    kl: float
    rate: float
    distortion: float

    @classmethod
    def of(cls, measured: LossTerms[float], loss: Loss) -> Terms:
        """The terms that a loss gave, in nats too."""
        nats = loss.in_nats(measured)
        return cls(loss=measured.loss, mse=measured.mse, kl=measured.kl, rate=nats.rate, distortion=nats.distortion)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What happened in one step.

    Attributes:
        step: Steps done, counted from 1.
        train: The step's own batch, before its update.
        held_out: The held-out points after the update, where they were measured.
        seconds: Time of the step, without the measurement.
    """

    step: int
    train: Terms
    held_out: Terms | None
    seconds: float


@ordinary_modes()
def evaluate_loss(model: nn.Module, x: Any, *, loss: Loss, seed: int) -> Terms:
    """Measure points of shape (N, D), with latent noise that depends on the seed alone.

    Args:
        model: A VAE, or any module with ``encode`` and ``decode``.
        x: The points: a tensor, an array or lists.
        loss: What is measured.
        seed: Decides the noise.

    Raises:
        ValueError: An argument is something else, or the points are not finite or not in the model's D dimensions.
    """
    checks.instance("loss", loss, Loss, "a loss, such as loss_of(config)")
    checks.whole("seed", seed, 0, 2**63 - 1)
    vae = measurable(model, data_dim=loss.data_dim)
    return Terms.of(measure_loss(loss, vae, points_for(vae, x), seed=seed), loss)


def scheduled_lr_and_beta(config: Config, done: int) -> tuple[float, float]:
    """Learning rate and beta of the step that follows ``done`` steps."""
    # Warm-up: the rate rises linearly to its peak.
    lr = config.lr * min(1.0, (done + 1) / (config.warmup + 1))

    # Then it falls along half a cosine: (1 + cos(pi share)) / 2.
    if config.lr_schedule == "cosine" and done > config.warmup:
        share = math.pi * (done - config.warmup) / max(1, config.steps - config.warmup)
        lr *= 0.5 * (1 + math.cos(share))

    # Beta moves geometrically: beta_start^left beta^(1 - left).
    beta = config.beta
    if config.beta_start is not None:
        left = max(0.0, 1 - done / (BETA_SHARE * config.steps))
        beta *= (config.beta_start / config.beta) ** left

    return lr, beta


class Training:
    """Iterate over it to train: it yields one :class:`Record` per step.

    Between two records the engine may be read (weights, state) but not changed. An engine that takes several steps at
    a time has its records come in chunks that end at each measurement and each pause; at a chunk's last record the
    engine is at that record's step.

    Args:
        engine: Computes the steps.
        steps: Steps to take in all.
        eval_every: Steps between two measurements of the engine's held-out points; the last step is always measured.
        pause_every: Steps at which the engine must not run ahead of the records.
        finish: What becomes of the weights after the last step, before its measurement, such as a prior that is fitted
            to them; it calls a :data:`~swissroll.training.refit.Progress`. By default they stay.
        computing: Makes a context to compute in, by default PyTorch's ordinary modes; the loop's caller is never
            inside it.
        beside: What is kept with the weights and never moves, such as the scale of a table, by its names.

    Attributes:
        show_finish: The progress of ``finish``.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        steps: int,
        eval_every: int = 25,
        pause_every: int = 100,
        finish: Callable[[State, Progress], State] | None = None,
        computing: Callable[[], AbstractContextManager[None]] = lambda: ordinary_modes(gradients=True),
        beside: State | None = None,
    ) -> None:
        self.engine = engine
        self.beside = beside or {}
        self.steps = steps
        self.step = 0
        self.eval_every = eval_every
        self.pause_every = pause_every
        self.finish = finish
        self.show_finish: Progress = show_nothing
        self.computing = computing
        self._chunk_began: float | None = None

    def __iter__(self) -> Iterator[Record]:
        self._keep_good_state()
        while self.step < self.steps:
            yield from self._run_chunk()
            if self.step % GOOD_STATE_EVERY == 0 or self.step == self.steps:
                self._keep_good_state()

    def weights(self) -> State:
        """A copy of the model's weights, with what is kept beside them."""
        return self.engine.weights() | self.beside

    def state(self) -> State:
        """A copy of all that the next steps depend on, with what is kept beside the weights."""
        return self.engine.state() | {f"model.{name}": values for name, values in self.beside.items()}

    def load_state(self, state: State, step: int) -> None:
        """Continue from a state of the engine, taken after ``step`` steps."""
        beside = {f"model.{name}" for name in self.beside}
        with self.computing():
            self.engine.load_state({name: values for name, values in state.items() if name not in beside}, step)
        self.step = step

    @property
    def is_in_step(self) -> bool:
        """Whether the engine is at the latest record's step, and not ahead of it."""
        return self.engine.steps_taken == self.step

    def require_finite(self) -> None:
        """Raise DivergedError, in the last good state, where a step has left weights that are not finite."""
        if not self.engine.weights_are_finite():
            self._stop_at_divergence(self.step, "gradient")

    def _run_chunk(self) -> Iterator[Record]:
        n = self._chunk_length(self.step)
        prefetch = self._chunk_length(self.step + n) if self.engine.max_chunk > 1 else 0
        began = self._chunk_began or perf_counter()
        with self.computing():
            rows = self.engine.run_steps(n, prefetch=prefetch)
        ended = perf_counter()

        # An engine that works ahead has begun the next chunk by now.
        self._chunk_began = ended if prefetch else None

        for row in rows:
            if not is_finite(row):
                self._stop_at_divergence(self.step + 1, "reconstruction")
            self.step += 1
            if self.step == self.steps:
                self._finish_weights()
            held_out = self._measure() if is_due(self, self.step) else None
            terms = Terms.of(row, self.engine.loss)
            yield Record(step=self.step, train=terms, held_out=held_out, seconds=(ended - began) / n)

    def _chunk_length(self, step: int) -> int:
        periods = (self.eval_every, self.pause_every, GOOD_STATE_EVERY)
        return chunk_length(step, steps=self.steps, max_chunk=self.engine.max_chunk, periods=periods)

    def _finish_weights(self) -> None:
        """Let the weights of the last step become what the run ends with."""
        if self.finish is None:
            return

        self.require_finite()
        try:
            with self.computing():
                weights = self.finish(self.engine.weights(), self.show_finish)
        except NotFiniteError:
            self._stop_at_divergence(self.step, "posterior draw")
        self.engine.load_weights(weights)

    def _measure(self) -> Terms | None:
        with self.computing():
            measured = self.engine.measure()
        if measured is None:
            return None
        if not is_finite(measured):
            self._stop_at_divergence(self.step, "held-out")
        return Terms.of(measured, self.engine.loss)

    def _keep_good_state(self) -> None:
        """Copy the state, so that steps need no check of their own: a bad one is found again from here."""
        self.require_finite()
        if self.step < self.steps:
            self.last_good_state = self.engine.state()
            self.last_good_step = self.step

    def _stop_at_divergence(self, noticed: int, term: str) -> NoReturn:
        """Take the steps from the last good state to where it was noticed again, each checked.

        Ends before the first step whose loss or gradient is not finite, in the last state whose loss was.
        """
        engine = self.engine
        self.load_state(self.last_good_state, self.last_good_step)
        good_state = self.last_good_state
        good_step = self.last_good_step

        while engine.steps_taken < noticed:
            state_before = engine.state()
            step_before = engine.steps_taken
            with self.computing():
                (row,) = engine.run_steps(1)
            if not is_finite(row):
                term = _name_bad_term(row)
                noticed = step_before + 1
                break
            good_state = state_before
            good_step = step_before

            # Adam takes a gradient that is not finite into the weights.
            if not engine.weights_are_finite():
                term = "gradient"
                noticed = step_before + 1
                break

        self.load_state(good_state, good_step)
        raise DivergedError(noticed, term, engine.lr)


def chunk_length(step: int, *, steps: int, max_chunk: int, periods: tuple[int, ...]) -> int:
    """Steps from ``step`` to the next multiple of one of the periods, as far as an engine goes at once."""
    to_next = [period - step % period for period in periods]
    return max(0, min(max_chunk, steps - step, *to_next))


def is_due(run: Config | Training, step: int) -> bool:
    """Whether a run's held-out points are measured after this step."""
    return step % run.eval_every == 0 or step == run.steps


def is_finite(terms: LossTerms[float]) -> bool:
    """Whether every term is a finite number."""
    return all(map(math.isfinite, terms.present()))


def _name_bad_term(terms: LossTerms[float]) -> str:
    """The term of a loss that made it not finite, as :class:`DivergedError` has it."""
    if not math.isfinite(terms.mse):
        return "reconstruction"
    if not math.isfinite(terms.kl):
        return "KL"
    return "loss"
