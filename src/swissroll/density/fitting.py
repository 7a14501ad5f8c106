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
from swissroll.density.background import mix, stack
from swissroll.density.table import choose_evenly
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
MAX_GRADIENT = 3.0
"""Norm that the gradient of each array of weights is cut to: Pascanu et al. (2013), "On the difficulty of training
recurrent neural networks". A batch with a point far from its reconstruction would throw a training off its course."""
RATES = (1.0, 0.5, 0.1)
"""Parts of the learning rate that are tried, until every number is finite."""

Progress = Callable[[int, float], object]
"""Called after each check, with the steps done and the mean log density of the held-out rows, in nats in data units."""


def do_nothing(step: int, held_out: float) -> None:
    """The progress of a training that nobody watches."""


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
    """How large a model is, and how it is trained."""

    hidden_dim: int
    depth: int
    components: int
    max_steps: int


SIZES = {300: Size(32, 1, 3, 3000), 500: Size(64, 2, 10, 3000)}
"""By the most training rows that they are for."""
LARGEST = Size(128, 2, 60, 8000)


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
        slowed_to: The lower learning rate that it had to begin again with; None where the first try was good.
    """

    model: VAE
    standardization: Standardization
    history: dict[str, NDArray[np.float64]]
    best_step: int
    stopped: bool
    slowed_to: float | None

    @property
    def sigma(self) -> float:
        """Decoder standard deviation, in model coordinates."""
        sigma = self.model.decoder_sigma
        if sigma is None:
            raise ValueError("The model has no decoder sigma.")
        return sigma


def fit(
    points: Points,
    settings: Settings,
    blur: tuple[float, ...],
    background: NDArray[np.float64],
    progress: Progress = do_nothing,
    *,
    steps: int | None = None,
) -> Fitted:
    """Train, and again with a lower learning rate where a number was not finite.

    Args:
        points: The rows.
        settings: How to train.
        blur: Resolution of each column, in its standard deviations.
        background: Log densities of the held-out rows under the background, shape (M,), in nats in data units.
        progress: See :data:`Progress`.
        steps: Keep the weights after so many steps; by default those that the held-out rows favour.

    Raises:
        DivergedError: The last training diverged, too.
    """
    for part in RATES[:-1]:
        tried = replace(settings, learning_rate=part * settings.learning_rate)
        try:
            return _fit(points, tried, blur, background, progress, steps, is_first=part == 1)
        except DivergedError:
            continue
    tried = replace(settings, learning_rate=RATES[-1] * settings.learning_rate)
    return _fit(points, tried, blur, background, progress, steps, is_first=False)


def _fit(
    points: Points,
    settings: Settings,
    blur: tuple[float, ...],
    background: NDArray[np.float64],
    progress: Progress,
    last: int | None,
    *,
    is_first: bool,
) -> Fitted:
    config = _config_of(settings, len(points.train))
    model = _new_model(points, config)
    loss = WhitenedLoss(**asdict(Loss.of(config, points.data_dim)), blur=blur)
    training = build(config, loss=loss, model=model, distribution=points)

    log_volume = points.standardization.log_volume
    check = _Check(points, config, background)
    every = config.eval_every
    steps: list[int] = []
    trained: list[float] = []
    held_out: list[float] = []
    losses: list[float] = []
    best: State = {}
    for record in training:
        losses.append(record.train.loss)
        if record.step % every and record.step not in (config.steps, last):
            continue
        steps.append(record.step)
        trained.append(-float(np.mean(losses)) - log_volume)
        losses.clear()
        held_out.append(check.log_density(model))
        progress(record.step, held_out[-1])
        if record.step == last:
            best = training.engine.weights()
            break
        if last is not None:
            continue
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
        best_step=last or steps[int(np.argmax(held_out))],
        stopped=steps[-1] < config.steps,
        slowed_to=None if is_first else settings.learning_rate,
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
        model = WhitenedVAE(
            config.latent_dim,
            config.hidden_dim,
            data_dim=points.data_dim,
            depth=config.depth,
            activation=config.activation,
            initialization=config.initialization,
            components=config.components,
            generator=rng.generator(config.seed, "initialisation"),
        )
    for parameter in model.parameters():
        parameter.register_hook(cut)
    return model


def cut(gradient: Tensor) -> Tensor:
    """A gradient of norm :data:`MAX_GRADIENT` at most, in its own direction."""
    # A norm of nan or infinity stays one, and the training is told of it.
    factor: Tensor = (MAX_GRADIENT / gradient.norm()).clamp(max=1.0)
    return gradient * factor


class _Check:
    """Mean log density of held-out rows before their background: the importance-weighted bound, by the same draws.

    Args:
        points: Whose held-out rows.
        config: The settings.
        background: Log densities of these under the background, in nats in data units.
    """

    def __init__(self, points: Points, config: Config, background: NDArray[np.float64]) -> None:
        generator = rng.generator(config.seed, "evaluation noise")
        chosen = choose_evenly(np.arange(len(points.held_out)), MAX_CHECK_ROWS)
        self.x = points.held_out[torch.from_numpy(chosen)]
        self.draws = torch.randn(CHECK_DRAWS, len(self.x), config.latent_dim, generator=generator)
        self.background = background[chosen]
        self.log_volume = points.standardization.log_volume

    @ordinary_modes(threads=1)
    def log_density(self, model: WhitenedVAE) -> float:
        """The mean in nats per row in data units, with the best weight; minus infinity where it is not finite."""
        y = model.whiten(self.x)
        mu, logvar = model.encode(y)
        z = mu + torch.exp(0.5 * logvar) * self.draws

        # log w = log p(y, z) - log q(z|y)
        log_q = -0.5 * (self.draws.square() + math.log(2 * math.pi) + logvar).sum(dim=-1)
        log_joint = _log_likelihood(model, y, z) + model.prior.log_prob(z)
        bound = (log_joint - log_q).logsumexp(dim=0) - math.log(CHECK_DRAWS)
        found = (bound + model.log_volume()).double().numpy() - self.log_volume
        if not np.isfinite(found).all():
            return -math.inf
        return float(mix(found, self.background, stack(found, self.background)).mean())


def _log_likelihood(model: VAE, y: Tensor, z: Tensor) -> Tensor:
    """Log p(y|z), shape (K, N), of points (N, D) and K latents of each, (K, N, L)."""
    logvar = model.get_parameter("decoder_logvar")
    squares = (y - model.decode(z)).square().sum(dim=-1)
    return -0.5 * (squares * torch.exp(-logvar) + model.data_dim * (logvar + math.log(2 * math.pi)))
