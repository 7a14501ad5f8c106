"""Train a VAE on a table in memory, and stop where rows that it does not see say so."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swissroll.config import Activation, Config
from swissroll.data.points import Points
from swissroll.data.standardization import Standardization
from swissroll.density.whitened import WhitenedLoss, WhitenedVAE
from swissroll.model.loss import Loss
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.training.build import build
from swissroll.training.engines.engine import State
from swissroll.training.loop import DivergedError

CHECKS = 40
"""How often held-out rows are looked at in a training that is not stopped early."""
PATIENCE = 12
"""Checks without a better one after which training stops."""
CHECK_DRAWS = 64
"""Draws per row of the importance-weighted bound at each check."""
MAX_CHECK_ROWS = 500
"""Most held-out rows that a check looks at."""
WARMUP = 50
ACTIVATION: Activation = "silu"

Progress = Callable[[int, float], object]
"""Called after each check, with the steps done and the mean log density of the held-out rows, in nats in data units."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train; the names are those of :class:`swissroll.VAEDensity`."""

    latent_dim: int
    hidden_dim: int
    depth: int
    components: int
    max_steps: int
    batch_size: int
    learning_rate: float
    seed: int


class Size(NamedTuple):
    """How large a model is."""

    hidden_dim: int
    depth: int
    components: int


SIZES = {300: Size(32, 1, 3), 3000: Size(64, 2, 10)}
"""By the most rows that they are for."""
LARGEST = Size(64, 2, 20)


def size_for(rows: int) -> Size:
    """The size of model that so many training rows support."""
    return next((size for most, size in SIZES.items() if rows <= most), LARGEST)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A trained model.

    Attributes:
        model: The VAE in model coordinates, float64.
        standardization: The map between data units and these.
        history: Steps of the checks, and beside each the mean ELBO of the training rows since the last one and the
            mean log density of the held-out rows (its importance-weighted bound), in nats per row in data units.
        best_step: The step whose weights these are.
        stopped: Whether training stopped before its last step.
        retried: Whether it had to begin again with a tenth of the learning rate.
    """

    model: VAE
    standardization: Standardization
    history: dict[str, NDArray[np.float64]]
    best_step: int
    stopped: bool
    retried: bool

    @property
    def sigma(self) -> float:
        """Decoder standard deviation, in model coordinates."""
        sigma = self.model.decoder_sigma
        if sigma is None:
            raise ValueError("The model has no decoder sigma.")
        return sigma


def fit(points: Points, settings: Settings, blur: tuple[float, ...], progress: Progress) -> Fitted:
    """Train, and once more with a tenth of the learning rate where a number was not finite.

    Args:
        points: The rows.
        settings: How to train.
        blur: Resolution of each column, in its standard deviations.
        progress: See :data:`Progress`.

    Raises:
        DivergedError: The second training diverged, too.
    """
    try:
        return _fit(points, settings, blur, progress, retried=False)
    except DivergedError:
        slower = replace(settings, learning_rate=settings.learning_rate / 10)
        return _fit(points, slower, blur, progress, retried=True)


def _fit(points: Points, settings: Settings, blur: tuple[float, ...], progress: Progress, *, retried: bool) -> Fitted:
    config = _config_of(settings, len(points.train))
    model = _new_model(points, config)
    loss = WhitenedLoss(**asdict(Loss.of(config, points.data_dim)), blur=blur)
    training = build(config, loss=loss, model=model, distribution=points)

    log_volume = points.standardization.log_volume
    check = _Check(points, config)
    every = config.eval_every
    steps: list[int] = []
    trained: list[float] = []
    held_out: list[float] = []
    losses: list[float] = []
    best: State = {}
    for record in training:
        losses.append(record.train.loss)
        if record.step % every and record.step != config.steps:
            continue
        steps.append(record.step)
        trained.append(-float(np.mean(losses)) - log_volume)
        losses.clear()
        held_out.append(check.log_density(model) - log_volume)
        progress(record.step, held_out[-1])
        since_best = len(held_out) - 1 - int(np.argmax(held_out))
        if since_best == 0:
            best = training.engine.weights()
        if since_best >= PATIENCE:
            break

    model.load_state_dict(best)
    return Fitted(
        model=model.without_map().double(),
        standardization=model.standardization_after(points.standardization),
        history={
            "step": np.array(steps, dtype=np.float64),
            "train_elbo": np.array(trained),
            "held_out": np.array(held_out),
        },
        best_step=steps[int(np.argmax(held_out))],
        stopped=steps[-1] < config.steps,
        retried=retried,
    )


def _config_of(settings: Settings, rows: int) -> Config:
    """The settings in the words of a run."""
    return Config(
        latent_dim=settings.latent_dim,
        hidden_dim=settings.hidden_dim,
        depth=settings.depth,
        activation=ACTIVATION,
        initialization="he",
        components=settings.components,
        decoder_variance="learned",
        beta=1.0,
        reduction="sum",
        steps=settings.max_steps,
        batch_size=min(settings.batch_size, rows),
        lr=settings.learning_rate,
        lr_schedule="cosine",
        warmup=min(WARMUP, settings.max_steps // 10),
        seed=settings.seed,
        eval_every=max(1, settings.max_steps // CHECKS),
        snapshot_every=10**9,
        threads=1,
        device="cpu",
        # The fast engine computes no map W; and its start takes longer than most of these trainings.
        engine="torch",
    )


def _new_model(points: Points, config: Config) -> WhitenedVAE:
    with ordinary_modes(gradients=True):
        return WhitenedVAE(
            config.latent_dim,
            config.hidden_dim,
            data_dim=points.data_dim,
            depth=config.depth,
            activation=config.activation,
            initialization=config.initialization,
            components=config.components,
            generator=rng.generator(config.seed, "initialisation"),
        )


class _Check:
    """Mean log density of held-out rows, in model coordinates: the importance-weighted bound, always by the same draws.

    Args:
        points: Whose held-out rows.
        config: The settings.
    """

    def __init__(self, points: Points, config: Config) -> None:
        generator = rng.generator(config.seed, "evaluation noise")
        self.x = points.held_out[:MAX_CHECK_ROWS]
        self.draws = torch.randn(CHECK_DRAWS, len(self.x), config.latent_dim, generator=generator)

    @ordinary_modes(threads=1)
    def log_density(self, model: WhitenedVAE) -> float:
        """The mean in nats per row; minus infinity where it is not finite."""
        y = model.whiten(self.x)
        mu, logvar = model.encode(y)
        z = mu + torch.exp(0.5 * logvar) * self.draws

        # log w = log p(y, z) - log q(z|y)
        log_q = -0.5 * (self.draws.square() + math.log(2 * math.pi) + logvar).sum(dim=-1)
        log_joint = _log_likelihood(model, y, z) + model.prior.log_prob(z)
        bound = (log_joint - log_q).logsumexp(dim=0) - math.log(CHECK_DRAWS)
        mean = float((bound + model.log_volume()).mean())
        return mean if math.isfinite(mean) else -math.inf


def _log_likelihood(model: VAE, y: Tensor, z: Tensor) -> Tensor:
    """Log p(y|z), shape (K, N), of points (N, D) and K latents of each, (K, N, L)."""
    logvar = model.get_parameter("decoder_logvar")
    squares = (y - model.decode(z)).square().sum(dim=-1)
    return -0.5 * (squares * torch.exp(-logvar) + model.data_dim * (logvar + math.log(2 * math.pi)))
