"""The teaching notebook's own functions, by its names and with its behaviour to the last bit.

On the CPU, the same ``torch.manual_seed`` gives the notebook's numbers: parameters are created and random numbers
drawn in its order, and its optimizer is the plain one. Beyond that, everything is a keyword.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from swissroll import checks
from swissroll.data import generate_swiss_roll
from swissroll.evaluation.latent_plane import busiest_dims, name_dims
from swissroll.model.loss import Loss, mean_kl, reconstruction_mse
from swissroll.model.vae import VAE
from swissroll.report import plots
from swissroll.report.colours import DATA, GRID, RECONSTRUCTION
from swissroll.report.plots import ShownFigure
from swissroll.report.style import house_style
from swissroll.training.engines.torch import TorchEngine
from swissroll.training.loop import Training

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


def compute_vae_loss(model: VAE, x: Tensor, beta: float) -> Tensor:
    """Squared error plus beta times KL, both averaged over points and dimensions.

    Args:
        model: The VAE.
        x: Points, shape (B, D).
        beta: Weight of the KL term.

    Returns:
        The loss, a scalar that gradients flow from. :func:`swissroll.translate` says what it is in nats.
    """
    recon_x, mu, logvar = model(x)
    return reconstruction_mse(recon_x, x) + beta * mean_kl(mu, logvar)


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
        DivergedError: A loss or gradient was not finite.
    """
    training = _prepare(n_steps, batch_size, lr, beta, latent_dim, hidden_dim)
    losses: list[float] = []

    with tqdm(total=n_steps, desc="Training VAE") as bar:
        for record in training:
            losses.append(record.train.loss)
            bar.update()
            bar.set_postfix(loss=f"{losses[-1]:.4g}", refresh=False)

    return Trained(training.engine.model, losses, training.engine.model.device)


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
        DivergedError: A loss or gradient was not finite.
    """
    checks.whole("viz_interval", viz_interval, 1, 10**9)
    training = _prepare(n_steps, batch_size, lr, beta, latent_dim, hidden_dim, pause_every=viz_interval)
    model = training.engine.model
    losses: list[float] = []

    with tqdm(total=n_steps, desc="Training VAE") as bar:
        bar.write("Before training")
        figures = [visualize_latent_space(model)]
        for record in training:
            losses.append(record.train.loss)
            bar.update()
            bar.set_postfix(loss=f"{losses[-1]:.4g}", refresh=False)
            if record.step % viz_interval == 0:
                bar.write(f"Step {record.step}")
                figures.append(visualize_latent_space(model))
        bar.write("After training")
        figures.append(visualize_latent_space(model))

    result = TrainedWithFigures(model, losses, model.device)
    result.figures = figures
    return result


@house_style()
def visualize_reconstructions(model: VAE, n_points: int = 1000) -> Figure:
    """Draw fresh points, their sampled reconstructions, and the lines that join each pair.

    Args:
        model: A VAE on two-dimensional data.
        n_points: Number of points, at least 1.

    Returns:
        The figure; in a notebook it is shown, too.
    """
    _require_plane(model)
    x = generate_swiss_roll(n_points).to(model.device)
    with torch.no_grad():
        recon_x, _, _ = model(x)

    figure = ShownFigure(figsize=(8, 4), layout="constrained")
    before, after = figure.subplots(1, 2)
    plots.points(before, x.cpu().numpy(), colour=DATA, size=10)
    plots.pairs(after, x.cpu().numpy(), recon_x.cpu().numpy())
    plots.points(after, recon_x.cpu().numpy(), colour=RECONSTRUCTION, size=10)
    before.set_title("Original Points")
    after.set_title("Reconstructed Points")
    for ax in (before, after):
        ax.axis("equal")

    figure.show_here()
    return figure


@house_style()
def visualize_latent_space(model: VAE, n_points: int = 1000) -> Figure:
    """Decode a grid on [-2, 2]^2 of the latent plane and draw it over fresh data.

    With more than two latent dimensions the grid spans the two of highest rate, which its title names.

    Args:
        model: A VAE on two-dimensional data.
        n_points: Number of real points; the grid has floor(sqrt(n_points)) points per side.

    Returns:
        The figure; in a notebook it is shown, too.
    """
    _require_plane(model)
    real = generate_swiss_roll(n_points)
    with torch.no_grad():
        mu, logvar = model.encode(real.to(model.device))
    dims = busiest_dims(mu, logvar)
    decoded = model.decode_grid(math.isqrt(n_points), dims=dims)

    figure = ShownFigure(figsize=(4, 4), layout="constrained")
    ax = figure.subplots()
    plots.points(ax, real.numpy(), colour=DATA, label="Real", size=20)
    plots.points(ax, decoded.cpu().numpy(), colour=GRID, label="Generated", size=20)
    ax.legend()
    title = "VAE Generated vs Real Data"
    ax.set_title(title if model.latent_dim <= 2 else f"{title}\n({name_dims(dims)}, the others 0)")
    ax.axis("equal")
    figure.show_here()
    return figure


def _require_plane(model: VAE) -> None:
    if model.data_dim != 2:
        raise ValueError(f"The picture is of two-dimensional data; the model has data_dim={model.data_dim}.")


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
    engine = TorchEngine(
        VAE(latent_dim, hidden_dim).to(device),
        lambda: generate_swiss_roll(batch_size).to(device),
        loss=Loss(beta=beta, data_dim=2, latent_dim=latent_dim),
        lr=lr,
        fused=False,
    )
    return Training(engine, steps=n_steps, pause_every=pause_every)
