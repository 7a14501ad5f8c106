"""The pictures that the teaching notebook draws of a model: reconstructions, and the latent space."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor, nn

from swissroll import checks
from swissroll.data import CURVES, NoisyCurve
from swissroll.evaluation.latent_plane import busiest_dims, name_dims
from swissroll.model.adapter import measurable, points_for
from swissroll.model.vae import VAE
from swissroll.report import plots
from swissroll.report.colours import DATA, GRID, RECONSTRUCTION
from swissroll.report.plots import ShownFigure
from swissroll.report.style import house_style
from swissroll.reproducibility.modes import ordinary_modes

SWISS_ROLL = NoisyCurve(CURVES["swiss_roll"])
"""What the notebook trains on."""


@house_style()
@ordinary_modes()
def visualize_reconstructions(model: nn.Module, n_points: int = 1000, *, points: Any = None) -> Figure:
    """Draw points, their sampled reconstructions, and the lines that join each pair.

    Points of more than two coordinates are drawn by their first and their last one.

    Args:
        model: A VAE, or any module with ``encode`` and ``decode``.
        n_points: Number of fresh points, at least 1, of what the model was trained on; where that is not known, of the
            Swiss roll, as the figure then says.
        points: Points to draw instead, shape (N, D): a tensor, an array or lists.

    Returns:
        The figure; in a notebook it is shown, too.

    Raises:
        ValueError: An argument is outside its range, or the model does not take such points.
    """
    vae, x, note = _open_for_picture(model, n_points, points)
    recon_x, _, _ = vae(x)
    checks.points("reconstructions", recon_x)

    figure = ShownFigure(figsize=(8, 4), layout="constrained")
    before, after = figure.subplots(1, 2)
    plots.points(before, x.cpu().numpy(), colour=DATA, size=10)
    plots.pairs(after, x.cpu().numpy(), recon_x.cpu().numpy())
    plots.points(after, recon_x.cpu().numpy(), colour=RECONSTRUCTION, size=10)
    before.set_title("Original Points")
    after.set_title("Reconstructed Points")
    for ax in (before, after):
        ax.axis("equal")

    figure.supxlabel(note, fontsize="small")
    figure.show_here()
    return figure


@house_style()
@ordinary_modes()
def visualize_latent_space(model: nn.Module, n_points: int = 1000, *, points: Any = None) -> Figure:
    """Decode a grid on [-2, 2]^2 of the latent plane and draw it over data.

    Points of more than two coordinates are drawn by their first and their last one.

    With more than two latent dimensions the grid spans the two of highest rate, which its title names.

    Args:
        model: A VAE, or any module with ``encode`` and ``decode``.
        n_points: Number of real points, of the distribution that :func:`visualize_reconstructions` says; the grid has
            floor(sqrt(n_points)) points per side.
        points: Points to draw instead, shape (N, D): a tensor, an array or lists.

    Returns:
        The figure; in a notebook it is shown, too.

    Raises:
        ValueError: An argument is outside its range, or the model does not take such points.
    """
    vae, real, note = _open_for_picture(model, n_points, points)
    return _draw_latent_space(vae, real, note, side=math.isqrt(n_points), require_finite=True)


@house_style()
@ordinary_modes()
def draw_while_training(model: VAE) -> Figure:
    """The picture of :func:`visualize_latent_space`, unchecked: the next step says what is not finite."""
    vae, real, note = _open_for_picture(model, 1000, None)
    return _draw_latent_space(vae, real, note, side=31)


def _draw_latent_space(vae: VAE, real: Tensor, note: str, *, side: int, require_finite: bool = False) -> Figure:
    dims = busiest_dims(*vae.encode(real))
    decoded = vae.decode_grid(side, dims=dims)
    if require_finite:
        checks.points("the decoded grid", decoded)

    figure = ShownFigure(figsize=(4, 4), layout="constrained")
    ax = figure.subplots()
    plots.points(ax, real.cpu().numpy(), colour=DATA, label="Real", size=20)
    plots.points(ax, decoded.cpu().numpy(), colour=GRID, label="Generated", size=20)
    ax.legend()
    title = "VAE Generated vs Real Data"
    ax.set_title(title if vae.latent_dim <= 2 else f"{title}\n({name_dims(dims)}, the others 0)")
    ax.axis("equal")
    figure.supxlabel(note, fontsize="small")
    figure.show_here()
    return figure


def _open_for_picture(model: nn.Module, n_points: int, points: Any) -> tuple[VAE, Tensor, str]:
    """The model as it is measured, the real points to draw, and what the figure says of them."""
    checks.whole("n_points", n_points, 1, 10**8)
    given = None if points is None else checks.points("points", points)
    vae = measurable(model, data_dim=2 if given is None else given.shape[1])
    if given is not None:
        return vae, points_for(vae, given, name="points"), ""

    distribution = vae.distribution or SWISS_ROLL
    if vae.data_dim != distribution.data_dim:
        raise ValueError(
            f"The {distribution.name} has {distribution.data_dim} coordinates, and the model takes {vae.data_dim}: "
            "pass some of its points as points=..."
        )
    note = "" if vae.distribution else "Real points: of the Swiss roll, unless you pass points=..."
    return vae, vae.like_weights(distribution.sample(n_points).points), note
