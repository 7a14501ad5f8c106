"""The training loop: one generator that yields what happened; it draws, prints and writes nothing.

This is also the one place that turns a config into objects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Literal, NoReturn

import torch
from torch import Tensor

from swissroll import rng
from swissroll.config import Config, Reduction
from swissroll.data import Sample, open_distribution
from swissroll.model.loss import Translation, sigma_of, translate
from swissroll.model.vae import VAE
from swissroll.training.engines.engine import Engine, State
from swissroll.training.engines.torch import BURST, TorchEngine, measured_row
from swissroll.training.sampler import Sampler

if TYPE_CHECKING:
    from swissroll.training.engines.xla import XlaEngine

HELD_OUT_POINTS = 512
BETA_SHARE = 0.7
"""The part of a run over which beta moves from ``beta_start`` to ``beta``."""
ANCHOR_EVERY = 100
"""Steps between two copies of the state that a diverging run goes back to."""
BURST_FLOPS = 1e11
"""Most operations of the fast engine between two looks at its records: about a second on a slow machine."""
BURST_NUMBERS = 2**26
"""Most numbers that are drawn for the steps of a burst, 0.25 GiB."""
OVERHEAD = 1.4e8
PAYS = 3e11
""":func:`xla_pays` where a run's steps, each of its operations and this overhead, come to more than that."""


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
        distortion: -log p(x|z) at the decoder's sigma, implied or learned, in nats a point; nan where it is 0.
    """

    loss: float
    mse: float
    kl: float
    rate: float
    distortion: float

    @classmethod
    def of(cls, measured: list[float], translation: Translation) -> Terms:
        """Terms from an engine's row (:class:`swissroll.training.engines.engine.Engine`)."""
        loss, mse, kl, *learned = measured
        if learned:
            translation = replace(translation, sigma=sigma_of(learned[0]))
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


def choose_device(device: str) -> torch.device:
    """Turn a config's device into one that is there; raises ValueError where it is not."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present[device]:
        there = ", ".join(name for name, is_there in present.items() if is_there)
        raise ValueError(f"device {device!r} is not on this machine; choose auto or one of: {there}.")
    return torch.device(device)


def implied(config: Config, model: VAE | None = None) -> Translation:
    """The decoder sigma and true beta that a config's loss amounts to; a learned sigma is the model's."""
    data_dim, learned = open_distribution(config).data_dim, config.decoder_variance == "learned"
    sigma = model.decoder_sigma if model is not None and learned else None
    return translate(config.beta, config.reduction, data_dim, config.latent_dim, sigma=sigma, learned=learned)


def build_model(config: Config) -> VAE:
    """The config's VAE with its initial weights, on the CPU."""
    return VAE(
        config.latent_dim,
        config.hidden_dim,
        data_dim=open_distribution(config).data_dim,
        depth=config.depth,
        activation=config.activation,
        initialization=config.initialization,
        components=config.components,
        decoder_sigma=None if config.decoder_variance == "learned" else implied(config).sigma,
        learned_variance=config.decoder_variance == "learned",
        generator=rng.generator(config.seed, "initialisation"),
    )


def held_out_points(config: Config, n: int = HELD_OUT_POINTS) -> Sample:
    """Points that training never draws, fixed by the seed."""
    generator = rng.generator(config.seed, "evaluation")
    return open_distribution(config).sample(n, generator=generator)


def evaluate(model: VAE, x: Tensor, *, beta: float, reduction: Reduction, seed: int) -> Terms:
    """Measure points of shape (N, D), with latent noise that depends on the seed alone."""
    row = measured_row(model, x, beta=beta, reduction=reduction, seed=seed)
    return Terms.of(row, translate(beta, reduction, model.data_dim, model.latent_dim))


def scheduled(config: Config, done: int) -> tuple[float, float]:
    """Learning rate and beta of the step that follows ``done`` steps."""
    lr, beta = config.lr * min(1.0, (done + 1) / (config.warmup + 1)), config.beta
    if config.lr_schedule == "cosine" and done > config.warmup:
        lr *= 0.5 * (1 + math.cos(math.pi * (done - config.warmup) / max(1, config.steps - config.warmup)))
    if config.beta_start is not None:
        left = max(0.0, 1 - done / (BETA_SHARE * config.steps))
        beta *= (config.beta_start / config.beta) ** left
    return lr, beta


def flops(config: Config) -> float:
    """Floating-point operations of the matrix products in one step: forward, and backward to weights and inputs."""
    data_dim = open_distribution(config).data_dim
    ends = (data_dim, 2 * config.latent_dim), (config.latent_dim, data_dim)
    products = 0
    for inputs, outputs in ends:
        sizes = [inputs, *[config.hidden_dim] * config.depth, outputs]
        products += sum(a * b for a, b in pairwise(sizes))
    return 3 * 2.0 * config.batch_size * products


def xla_is_here(device: str = "cpu") -> bool:
    """Whether JAX, which the fast engine needs, is installed, and finds a device of this kind."""
    try:
        if find_spec("jax") is None:
            return False
    except (ImportError, ValueError):
        return False
    if device == "cpu":
        return True
    from swissroll.training.engines.xla import find_device, import_jax

    with suppress(ValueError, RuntimeError):
        return find_device(import_jax(), device) is not None
    return False


def xla_pays(config: Config) -> bool:
    """Whether the fast engine would win back the seconds that it takes to start."""
    return config.steps * (OVERHEAD + flops(config)) > PAYS


def choose_engine(config: Config) -> Literal["torch", "xla"]:
    """The engine that a config names, or for 'auto' the one that is done first, of those that are here."""
    if config.engine == "auto":
        return "xla" if xla_pays(config) and xla_is_here(choose_device(config.device).type) else "torch"
    return config.engine


def require_engine(config: Config) -> None:
    """Raise ValueError where a config names the fast engine, and JAX is not installed or lacks the config's device."""
    if config.engine != "xla":
        return
    if not xla_is_here():
        raise ValueError("engine 'xla' needs JAX: pip install 'swissroll[xla]', or choose engine 'torch'.")
    if config.device not in ("auto", "cpu"):
        from swissroll.training.engines.xla import find_device, import_jax

        find_device(import_jax(config.threads), config.device)


def build(config: Config) -> Training:
    """Turn a config into a training that is ready to start.

    Raises:
        ValueError: The config's device or engine is not on this machine.
    """
    engine = build_lanes([config]) if choose_engine(config) == "xla" else _build_torch(config)
    return Training(
        engine,
        steps=config.steps,
        eval_every=config.eval_every,
        pause_every=config.snapshot_every,
    )


def build_lanes(configs: Sequence[Config]) -> XlaEngine:
    """The fast engine for runs that share a shape (:func:`swissroll.training.many.shape_of`), one lane each."""
    from swissroll.training.engines.xla import XlaEngine

    return XlaEngine(
        [build_model(config) for config in configs],
        configs,
        schedule=scheduled,
        held_out=[held_out_points(config)[0] for config in configs],
        longest=_longest(configs[0], len(configs)),
    )


def _longest(config: Config, lanes: int) -> int:
    """Most steps in a burst of so many lanes: what they compute and what they draw is bounded."""
    drawn = lanes * config.batch_size * (open_distribution(config).data_dim + config.latent_dim)
    return max(1, min(BURST, int(BURST_FLOPS / flops(config) / lanes), BURST_NUMBERS // drawn))


def _build_torch(config: Config) -> TorchEngine:
    device = choose_device(config.device)
    sampler = Sampler(config, device)
    return TorchEngine(
        build_model(config).to(device),
        lambda: sampler.draw_points(1)[0],
        beta=config.beta,
        reduction=config.reduction,
        lr=config.lr,
        schedule=partial(scheduled, config),
        noise=sampler.generators["noise"],
        generators=sampler.generators,
        held_out=held_out_points(config)[0].to(device),
        seed=config.seed,
    )


class Training:
    """Iterate over it to train: it yields one :class:`Record` a step.

    Between two records the engine may be read (weights, state) but not changed. An engine that takes several steps at
    a time has its records come in bursts that end at each measurement and each pause; at a burst's last record the
    engine is at that record's step.

    Args:
        engine: Computes the steps.
        steps: Steps to take in all.
        eval_every: Steps between two measurements of the engine's held-out points; the last step is always measured.
        pause_every: Steps at which the engine must not run ahead of the records.
    """

    def __init__(self, engine: Engine, *, steps: int, eval_every: int = 25, pause_every: int = 100) -> None:
        self.engine, self.steps, self.step = engine, steps, 0
        self.eval_every, self.pause_every = eval_every, pause_every
        model = engine.model
        self.translation = translate(engine.beta, engine.reduction, model.data_dim, model.latent_dim)
        self._began: float | None = None

    def __iter__(self) -> Iterator[Record]:
        self._keep_anchor()
        while self.step < self.steps:
            yield from self._burst()
            if self.step % ANCHOR_EVERY == 0 or self.step == self.steps:
                self._keep_anchor()

    def load_state(self, state: State, step: int) -> None:
        """Continue from a state of the engine, taken after ``step`` steps."""
        self.engine.load_state(state, step)
        self.step = step

    @property
    def settled(self) -> bool:
        """Whether the engine is at the latest record's step, and not ahead of it."""
        return self.engine.steps_taken == self.step

    def _burst(self) -> Iterator[Record]:
        n = self._length(self.step)
        then = self._length(self.step + n) if self.engine.longest > 1 else 0
        began = self._began or perf_counter()
        rows = self.engine.take(n, then)
        ended = perf_counter()
        # An engine that works ahead has begun the next burst by now.
        self._began = ended if then else None
        for row in rows:
            if not finite(*row):
                self._stop_at_divergence(self.step + 1, "reconstruction")
            self.step += 1
            held_out = self._measure() if is_due(self, self.step) else None
            terms = Terms.of(row, self.translation)
            yield Record(step=self.step, train=terms, held_out=held_out, seconds=(ended - began) / n)

    def _length(self, step: int) -> int:
        """Steps from ``step`` to the next one at which the engine must pause, as far as it goes at once."""
        periods = (self.eval_every, self.pause_every, ANCHOR_EVERY)
        return max(0, min(self.engine.longest, self.steps - step, *(p - step % p for p in periods)))

    def _measure(self) -> Terms | None:
        measured = self.engine.measure()
        if not measured:
            return None
        if not finite(*measured):
            self._stop_at_divergence(self.step, "held-out")
        return Terms.of(measured, self.translation)

    def require_finite(self) -> None:
        """Raise DivergedError, in the last good state, where a step has left weights that are not finite."""
        if not self.engine.weights_are_finite():
            self._stop_at_divergence(self.step, "gradient")

    def _keep_anchor(self) -> None:
        """Copy the state, so that steps need no check of their own: a bad one is found again from here."""
        self.require_finite()
        if self.step < self.steps:
            self.anchor, self.anchor_step = self.engine.state(), self.step

    def _stop_at_divergence(self, noticed: int, term: str) -> NoReturn:
        """Take the steps from the anchor to where it was noticed again, each checked.

        Ends before the first step whose loss or gradient is not finite, in the last state whose loss was.
        """
        engine = self.engine
        self.load_state(self.anchor, self.anchor_step)
        good, good_step = self.anchor, self.anchor_step
        while engine.steps_taken < noticed:
            here, here_step = engine.state(), engine.steps_taken
            ((loss, mse, kl, *_),) = engine.take(1)
            if not finite(loss, mse, kl):
                term = "reconstruction" if not finite(mse) else "KL" if not finite(kl) else "loss"
                noticed = here_step + 1
                break
            good, good_step = here, here_step
            # Adam takes a gradient that is not finite into the weights.
            if not engine.weights_are_finite():
                noticed, term = here_step + 1, "gradient"
                break
        self.load_state(good, good_step)
        raise DivergedError(noticed, term, engine.lr)


def is_due(of: Config | Training, step: int) -> bool:
    """Whether the held-out points are measured after this step."""
    return step % of.eval_every == 0 or step == of.steps


def finite(*values: float) -> bool:
    """Whether every value is a finite number."""
    return all(map(math.isfinite, values))
