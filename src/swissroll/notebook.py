"""The teaching notebook's own functions, by its names and with its behaviour to the last bit.

On the CPU, the same ``torch.manual_seed`` gives the notebook's numbers: parameters are created and random numbers
drawn in its order, and its optimizer is the plain one. Beyond that, everything is a keyword.
"""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from swissroll import checks
from swissroll.data import generate_swiss_roll
from swissroll.model.adapter import as_vae, ask, points_for
from swissroll.model.loss import Loss
from swissroll.model.prior import StandardNormal
from swissroll.model.terms import mean_kl, reconstruction_mse
from swissroll.model.vae import VAE
from swissroll.report.notebook_pictures import (
    SWISS_ROLL,
    draw_while_training,
    visualize_latent_space,
    visualize_reconstructions,
)
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.training.engines.torch import TorchEngine
from swissroll.training.loop import DivergedError, Training

with warnings.catch_warnings():
    # Without ipywidgets the bar is drawn in text, which is fine and no reason to greet people with a warning.
    warnings.filterwarnings("ignore", "IProgress not found")
    from tqdm.auto import tqdm

__all__ = [
    "VAE",
    "compute_vae_loss",
    "generate_swiss_roll",
    "train_vae",
    "train_vae_with_visualization",
    "visualize_latent_space",
    "visualize_reconstructions",
]


class Trained(NamedTuple):
    """What the notebook's training functions return."""

    model: VAE
    losses: list[float]
    device: torch.device


class TrainedWithFigures(Trained):
    """The same three values, with the figures drawn on the way as ``.figures``."""

    figures: list[Figure]


class InterruptedTrainingError(KeyboardInterrupt):
    """A training was interrupted.

    Attributes:
        trained: What it would have returned: the model after its last whole step, the losses up to it, the device.
    """

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        super().__init__(
            f"Stopped after step {len(trained.losses)}. The model, its losses and its device are this error's "
            "attribute 'trained'; in a notebook: model, losses, device = sys.last_value.trained"
        )


def compute_vae_loss(model: nn.Module, x: Any, beta: float | Tensor) -> Tensor:
    """Squared error plus beta times KL, both averaged over points and dimensions.

    The KL is from the model's own prior. Where the model learned its decoder's variance, the distortion per dimension
    at that variance takes the place of the squared error.

    Args:
        model: A VAE; or a module that returns reconstructions, means and log-variances, or has ``encode`` and
            ``decode``. Without a ``prior`` of its own it has N(0, I).
        x: Points, shape (B, D).
        beta: Weight of the KL term, at least 0.

    Returns:
        The loss, a scalar that gradients flow from. :func:`swissroll.translate` says what it is in nats. It is not
        finite where the model's outputs, or their squares, are not: that is for a training loop to look at, as looking
        here would hold up every step.

    Raises:
        ValueError: An argument is outside its range, or the model returns something else.
    """
    checks.real("beta", beta.item() if isinstance(beta, Tensor) and beta.numel() == 1 else beta, 0, 1e6)
    checks.instance("model", model, nn.Module, "a VAE or another torch.nn.Module")
    points = points_for(model, x)

    if _has_the_notebooks_loss(model) and _has_forward(model):
        recon_x, mu, logvar = _reconstruct(model, points)
        return reconstruction_mse(recon_x, points) + beta * mean_kl(mu, logvar)

    vae = as_vae(model, data_dim=points.shape[1])
    loss = Loss(
        beta=1.0,
        data_dim=vae.data_dim,
        latent_dim=vae.latent_dim,
        decoder_variance="fixed" if vae.decoder_logvar is None else "learned",
    )
    weight: Any = beta
    return loss.evaluate(vae, points, beta=weight).loss


def _has_the_notebooks_loss(model: nn.Module) -> bool:
    """Whether a model's prior is N(0, I) and its decoder's variance is no weight."""
    prior = getattr(model, "prior", None)
    is_standard = prior is None or isinstance(prior, StandardNormal)
    return is_standard and getattr(model, "decoder_logvar", None) is None


def _has_forward(model: nn.Module) -> bool:
    """Whether a module can be called; one with ``encode`` and ``decode`` alone cannot."""
    own = getattr(model.forward, "__func__", model.forward)
    return own is not nn.Module.forward


def _reconstruct(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What a model that somebody else wrote returns, once its shapes are known to be right."""
    found = ask("model", lambda: model(x))
    fits = isinstance(found, (tuple, list)) and len(found) == 3 and all(isinstance(part, Tensor) for part in found)
    if not fits:
        wanted = "reconstructions, means and log-variances, three tensors"
        raise ValueError(f"model must return {wanted}; got a value of type {type(found).__name__}.")

    recon_x, mu, logvar = found
    if recon_x.shape != x.shape or mu.shape != logvar.shape:
        shapes = ", ".join(str(tuple(part.shape)) for part in found)
        raise ValueError(f"model must return shapes {tuple(x.shape)}, (B, L) and (B, L) for such points; got {shapes}.")
    return recon_x, mu, logvar


def train_vae(
    n_steps: int = 1000,
    batch_size: int = 128,
    lr: float = 1e-3,
    beta: float = 0.01,
    *,
    latent_dim: int = 2,
    hidden_dim: int = 256,
) -> Trained:
    """Train a VAE on fresh Swiss-roll points, with PyTorch's global generator.

    Args:
        n_steps: Gradient steps.
        batch_size: Points in each step.
        lr: Learning rate of Adam.
        beta: Weight of the KL term.
        latent_dim: L, dimensions of the latent space.
        hidden_dim: Units in each hidden layer.

    Returns:
        ``(model, losses, device)``: the trained VAE, one loss per step, and where it was trained.

    Raises:
        ValueError: An argument is outside its range.
        DivergedError: A loss or gradient was not finite. Its ``trained`` is what this would have returned, up to the
            last good state.
        InterruptedTrainingError: A KeyboardInterrupt, with the same up to the last whole step.
    """
    training = _prepare(n_steps, batch_size, lr, beta, latent_dim, hidden_dim)
    losses: list[float] = []
    with tqdm(total=n_steps, desc="Training VAE") as bar, _keep_what_is_trained(training, losses):
        for _ in _whole_steps(training, losses, bar):
            pass

    return _trained(training, losses)


def train_vae_with_visualization(
    n_steps: int = 1000,
    batch_size: int = 128,
    lr: float = 1e-3,
    beta: float = 0.01,
    viz_interval: int = 100,
    *,
    latent_dim: int = 2,
    hidden_dim: int = 256,
) -> TrainedWithFigures:
    """Train as :func:`train_vae` does and draw the latent space before, every ``viz_interval`` steps, and after.

    Returns:
        ``(model, losses, device)``; the figures are its attribute ``figures``, the first from before training.

    Raises:
        ValueError: An argument is outside its range.
        DivergedError: As :func:`train_vae` says.
        InterruptedTrainingError: As :func:`train_vae` says.
    """
    checks.whole("viz_interval", viz_interval, 1, 10**9)
    training = _prepare(n_steps, batch_size, lr, beta, latent_dim, hidden_dim, pause_every=viz_interval)
    model = training.engine.model
    losses: list[float] = []
    figures: list[Figure] = []

    with tqdm(total=n_steps, desc="Training VAE") as bar, _keep_what_is_trained(training, losses, figures):
        bar.write("Before training")
        figures.append(draw_while_training(model))
        for step in _whole_steps(training, losses, bar):
            if step % viz_interval == 0:
                bar.write(f"Step {step}")
                figures.append(draw_while_training(model))
        bar.write("After training")
        figures.append(draw_while_training(model))

    return _trained_with_figures(training, losses, figures)


def _whole_steps(training: Training, losses: list[float], bar: Any) -> Iterator[int]:
    """Train and note the losses; yields the number of each step. An interruption waits until a step is whole."""
    records = iter(training)
    while True:
        steps = []
        with _interrupts_held_back():
            for record in records:
                steps.append(record.step)
                losses.append(record.train.loss)
                bar.update()
                bar.set_postfix(loss=f"{losses[-1]:.4g}", refresh=False)

                # Elsewhere than on the CPU the model is ahead of the records, up to the end of their chunk.
                if training.is_in_step:
                    break
        if not steps:
            return
        yield from steps


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let Ctrl-C, or a notebook's stop button, wait until the end; a second one does not wait."""
    usual = signal.getsignal(signal.SIGINT)
    is_main_thread = threading.current_thread() is threading.main_thread()
    if not is_main_thread or not callable(usual):
        yield
        return

    held: list[tuple[int, FrameType | None]] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if held:
            usual(number, frame)
        held.append((number, frame))

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if held:
        usual(*held[0])


@contextmanager
def _keep_what_is_trained(
    training: Training, losses: list[float], figures: list[Figure] | None = None
) -> Iterator[None]:
    """Put what a training came to into the error that ends it."""
    try:
        yield
    except DivergedError as error:
        # The training went back to its last good state.
        del losses[training.step :]
        error.trained = _trained(training, losses, figures)
        raise
    except KeyboardInterrupt:
        raise InterruptedTrainingError(_trained(training, losses, figures)) from None


def _trained(training: Training, losses: list[float], figures: list[Figure] | None = None) -> Trained:
    model = training.engine.model
    if figures is None:
        return Trained(model, losses, model.device)
    return _trained_with_figures(training, losses, figures)


def _trained_with_figures(training: Training, losses: list[float], figures: list[Figure]) -> TrainedWithFigures:
    model = training.engine.model
    result = TrainedWithFigures(model, losses, model.device)
    result.figures = figures
    return result


@ordinary_modes(gradients=True)
def _prepare(
    n_steps: int,
    batch_size: int,
    lr: float,
    beta: float,
    latent_dim: int,
    hidden_dim: int,
    *,
    pause_every: int = 10**9,
) -> Training:
    checks.whole("n_steps", n_steps, 0, 10**9)
    checks.whole("batch_size", batch_size, 1, 10**6)
    checks.real("lr", lr, 0, 1e6, open_low=True)
    checks.real("beta", beta, 0, 1e6)

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = VAE(latent_dim, hidden_dim).to(device)
    model.distribution = SWISS_ROLL
    engine = TorchEngine(
        model,
        lambda: generate_swiss_roll(batch_size).to(device),
        loss=Loss(beta=beta, data_dim=2, latent_dim=latent_dim),
        lr=lr,
        fused=False,
    )
    return Training(engine, steps=n_steps, pause_every=pause_every)
