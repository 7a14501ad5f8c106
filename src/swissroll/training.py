"""The training loop: one generator that yields what happened; it draws, prints and writes nothing.

Randomness comes in separate streams (initialisation, data, noise, evaluation), all derived from one seed, so that
two runs that differ in one setting share everything else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import NoReturn

import numpy as np
import torch
from torch import Generator, Tensor

from swissroll.config import Config, Reduction
from swissroll.data import CURVES
from swissroll.engines.torch import State, TorchEngine, loss_terms
from swissroll.objective import Translation, combine, translate
from swissroll.vae import VAE

STREAMS = ("initialisation", "data", "noise", "evaluation", "evaluation noise", "repair")
HELD_OUT_POINTS = 512
BETA_SHARE = 0.7
"""The part of a run over which beta moves from ``beta_start`` to ``beta``."""
ANCHOR_EVERY = 100
"""Steps between two copies of the state that a diverging run goes back to."""


class DivergedError(ArithmeticError):
    """A loss or gradient was not finite. The engine is left in the last good state.

    Attributes:
        step: The step whose loss or gradient it was, counted from 1.
        term: 'reconstruction', 'KL', 'loss' (their weighted sum), 'held-out' (its loss after the step) or 'gradient'.
    """

    def __init__(self, step: int, term: str, lr: float) -> None:
        self.step, self.term = step, term
        what = {"gradient": "gradient", "loss": "loss", "held-out": "held-out loss"}.get(term, f"{term} term")
        super().__init__(
            f"The {what} was not finite at step {step}; the last good state is kept. "
            f"The learning rate was {lr:g}: try {min(lr / 10, 1e-3):g}."
        )


@dataclass(frozen=True, kw_only=True)
class Terms:
    """A loss and its parts, averaged over a batch.

    Attributes:
        loss: What the optimizer descends.
        mse: Squared error averaged over points and dimensions, in squared data units.
        kl: KL term averaged over points and latent dimensions (the notebook's convention), in nats.
        rate: KL of q(z|x) from the prior, summed over dimensions, in nats a point.
        distortion: -log p(x|z) at the implied decoder sigma, in nats a point; nan where beta is 0.
    """

    loss: float
    mse: float
    kl: float
    rate: float
    distortion: float

    @classmethod
    def of(cls, measured: list[float], translation: Translation) -> Terms:
        """Terms from a measured loss, squared error and KL."""
        loss, mse, kl = measured
        rate, distortion = translation.nats(mse, kl)
        return cls(loss=loss, mse=mse, kl=kl, rate=rate, distortion=distortion)


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


def stream(seed: int, name: str, device: torch.device | str = "cpu") -> Generator:
    """One of a run's independent sources of randomness, derived from its seed."""
    sequence = np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name),))
    return Generator(device).manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))


def choose_device(device: str) -> torch.device:
    """Turn a config's device into one that is there; raises ValueError where it is not."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present[device]:
        there = ", ".join(name for name, is_there in present.items() if is_there)
        raise ValueError(f"device {device!r} is not on this machine; choose auto or one of: {there}.")
    return torch.device(device)


def implied(config: Config) -> Translation:
    """The decoder sigma and true beta that a config's loss amounts to."""
    data_dim = CURVES[config.dataset].data_dim
    return translate(config.beta, config.reduction, data_dim, config.latent_dim)


def build_model(config: Config) -> VAE:
    """The config's VAE with its initial weights, on the CPU."""
    return VAE(
        config.latent_dim,
        config.hidden_dim,
        data_dim=CURVES[config.dataset].data_dim,
        depth=config.depth,
        activation=config.activation,
        initialization=config.initialization,
        components=config.components,
        decoder_sigma=implied(config).sigma,
        generator=stream(config.seed, "initialisation"),
    )


def held_out_points(config: Config, n: int = HELD_OUT_POINTS) -> tuple[Tensor, Tensor]:
    """Points that training never draws, shape (n, D), and their coordinate t, shape (n,); fixed by the seed."""
    generator = stream(config.seed, "evaluation")
    return CURVES[config.dataset].sample(n, noise=config.noise, generator=generator)


def evaluate(model: VAE, x: Tensor, *, beta: float, reduction: Reduction, seed: int) -> Terms:
    """Measure points of shape (N, D), with latent noise that depends on the seed alone."""
    with torch.no_grad():
        mse, kl = loss_terms(model, x, stream(seed, "evaluation noise", x.device))
        loss = combine(mse, kl, beta=beta, reduction=reduction, dims=(model.data_dim, model.latent_dim))
    translation = translate(beta, reduction, model.data_dim, model.latent_dim)
    return Terms.of([loss.item(), mse.item(), kl.item()], translation)


def scheduled(config: Config, done: int) -> tuple[float, float]:
    """Learning rate and beta of the step that follows ``done`` steps."""
    lr, beta = config.lr * min(1.0, (done + 1) / (config.warmup + 1)), config.beta
    if config.lr_schedule == "cosine" and done > config.warmup:
        lr *= 0.5 * (1 + math.cos(math.pi * (done - config.warmup) / max(1, config.steps - config.warmup)))
    if config.beta_start is not None:
        left = max(0.0, 1 - done / (BETA_SHARE * config.steps))
        beta *= (config.beta_start / config.beta) ** left
    return lr, beta


def build(config: Config) -> Training:
    """Turn a config into a training that is ready to start; raises ValueError for an absent device."""
    device = choose_device(config.device)
    data, noise = stream(config.seed, "data", device), stream(config.seed, "noise", device)
    curve = CURVES[config.dataset]
    engine = TorchEngine(
        build_model(config).to(device),
        lambda: curve.sample(config.batch_size, noise=config.noise, generator=data, device=device)[0],
        beta=config.beta,
        reduction=config.reduction,
        lr=config.lr,
        schedule=partial(scheduled, config),
        noise=noise,
        generators={"data": data, "noise": noise},
    )
    return Training(
        engine,
        steps=config.steps,
        held_out=held_out_points(config)[0].to(device),
        eval_every=config.eval_every,
        pause_every=config.snapshot_every,
        seed=config.seed,
    )


class Training:
    """Iterate over it to train: it yields one :class:`Record` a step.

    Between two records the engine may be read (weights, state) but not changed. Where reading a number makes the
    device wait (anything but the CPU), records come in bursts that end at each measurement and each pause; at a
    burst's last record the engine is at that record's step.

    Args:
        engine: Computes the steps.
        steps: Steps to take in all.
        held_out: Points to measure on, shape (N, D), on the engine's device; None to measure nothing.
        eval_every: Steps between two measurements; the last step is always measured.
        pause_every: Steps at which the engine must not run ahead of the records.
        seed: Fixes the latent noise of the measurements.
    """

    def __init__(
        self,
        engine: TorchEngine,
        *,
        steps: int,
        held_out: Tensor | None = None,
        eval_every: int = 25,
        pause_every: int = 100,
        seed: int = 0,
    ) -> None:
        self.engine, self.steps, self.step = engine, steps, 0
        self.held_out, self.eval_every, self.pause_every, self.seed = held_out, eval_every, pause_every, seed
        self.bursts = engine.parameters[0].device.type != "cpu"
        model = engine.model
        self.translation = translate(engine.beta, engine.reduction, model.data_dim, model.latent_dim)

    def __iter__(self) -> Iterator[Record]:
        self._keep_anchor()
        while self.step < self.steps:
            yield from self._burst()
            if self.step % ANCHOR_EVERY == 0 or self.step == self.steps:
                self._keep_anchor()

    def load_state(self, state: State, step: int) -> None:
        """Continue from a state of the engine, taken after ``step`` steps."""
        self.engine.load_state(state)
        self.step = self.engine.steps_taken = step

    @property
    def settled(self) -> bool:
        """Whether the engine is at the latest record's step, and not ahead of it."""
        return self.engine.steps_taken == self.step

    def _burst(self) -> Iterator[Record]:
        start, measured = perf_counter(), [self.engine.step()]
        while self.bursts and not self._must_pause(self.engine.steps_taken):
            measured.append(self.engine.step())
        values = torch.stack(measured).tolist() if self.bursts else [measured[0].tolist()]
        seconds = (perf_counter() - start) / len(values)
        for row in values:
            if not _finite(*row):
                self._stop_at_divergence(self.step + 1, "reconstruction")
            self.step += 1
            held_out = self._evaluate() if self._is_due(self.step) else None
            yield Record(step=self.step, train=Terms.of(row, self.translation), held_out=held_out, seconds=seconds)

    def _evaluate(self) -> Terms | None:
        engine = self.engine
        if self.held_out is None:
            return None
        terms = evaluate(engine.model, self.held_out, beta=engine.beta, reduction=engine.reduction, seed=self.seed)
        if not _finite(terms.loss, terms.mse, terms.kl):
            self._stop_at_divergence(self.step, "held-out")
        return terms

    def _is_due(self, step: int) -> bool:
        return step % self.eval_every == 0 or step == self.steps

    def _must_pause(self, step: int) -> bool:
        return self._is_due(step) or step % ANCHOR_EVERY == 0 or step % self.pause_every == 0

    def _keep_anchor(self) -> None:
        """Copy the state, so that steps need no check of their own: a bad one is found again from here."""
        if not self.engine.weights_are_finite():
            self._stop_at_divergence(self.step, "gradient")
        self.anchor, self.anchor_step = self.engine.state(), self.step

    def _stop_at_divergence(self, noticed: int, term: str) -> NoReturn:
        """Take the steps from the anchor to where it was noticed again, each checked.

        Ends before the first step whose loss or gradient is not finite, in the last state whose loss was.
        """
        engine = self.engine
        self.load_state(self.anchor, self.anchor_step)
        good, good_step = self.anchor, self.anchor_step
        while engine.steps_taken < noticed:
            here = engine.state()
            loss, mse, kl = engine.backward().tolist()
            step = engine.steps_taken + 1
            if not _finite(loss, mse, kl):
                noticed, term = step, "reconstruction" if not _finite(mse) else "KL" if not _finite(kl) else "loss"
                break
            good, good_step = here, engine.steps_taken
            if not engine.gradients_are_finite():
                noticed, term = step, "gradient"
                break
            engine.update()
        self.load_state(good, good_step)
        raise DivergedError(noticed, term, engine.lr)


def _finite(*values: float) -> bool:
    return all(map(math.isfinite, values))
