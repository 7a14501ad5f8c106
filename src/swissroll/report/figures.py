"""The figures of a run, each composed from measured arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from io import BytesIO
from typing import Any

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from swissroll import rng
from swissroll.config import Config
from swissroll.evaluation.evidence import EXACT_DIMS, posterior_on_grid
from swissroll.evaluation.quadrature import log_joint
from swissroll.model.prior import StandardNormal
from swissroll.model.vae import VAE, latent_grid
from swissroll.report import plots
from swissroll.report.plots import BAR, GAP, LABELS, Array, as_on_the_left, colour_bar, row
from swissroll.runs.run import Run
from swissroll.training.loop import held_out_points, implied

POINTS = 1000
ELLIPSE_EVERY = 5
FARTHEST = 1e3
"""Bound on the latents and standard deviations that are drawn."""
POSTERIORS = 4
WINDOW = 64
"""Grid points a side of the window on a true posterior, and of the whole plane, where its highest value may lie."""
FILM_FRAMES = 6
GIF_FRAMES = 30
INK = "#010203"
"""Stands for the reader's text colour; the report replaces it in vector pictures."""
STYLE: Any = {
    "font.size": 9,
    # A named font is found in one look-up; a family's fonts are looked up one by one for every word.
    "font.family": "DejaVu Sans",
    "axes.titlesize": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "axes.facecolor": "none",
    "figure.dpi": 130,
    "svg.fonttype": "none",
    "svg.hashsalt": "swissroll",
}


@dataclass(frozen=True)
class Scene:
    """What the figures of a run are drawn from: held-out points and what the model makes of them."""

    run: Run

    @property
    def config(self) -> Config:
        """The run's settings."""
        return self.run.config

    @property
    def model(self) -> VAE:
        """The trained model."""
        return self.run.model

    @cached_property
    def held_out(self) -> tuple[Array, Array]:
        """Points, shape (N, D), and their t, shape (N,)."""
        x, t = held_out_points(self.config, POINTS)
        return x.numpy(), np.zeros(len(x)) if t is None else t.numpy()

    @cached_property
    def posterior(self) -> tuple[Array, Array]:
        """Mean and log-variance of q(z|x) at the held-out points, each of shape (N, L); bounded, to be drawn."""
        with torch.no_grad():
            mu, logvar = self.model.encode(torch.from_numpy(self.held_out[0]))
        return _bounded(mu, FARTHEST).numpy(), _bounded(logvar, 2 * np.log(FARTHEST)).numpy()

    @cached_property
    def drawn(self) -> Array:
        """One latent a held-out point, drawn from its posterior, shape (N, L)."""
        mu, logvar = map(torch.from_numpy, self.posterior)
        generator = rng.generator(self.config.seed, "evaluation noise")
        return self.model.reparameterize(mu, logvar, generator=generator).numpy()

    @cached_property
    def plane(self) -> tuple[int, int]:
        """The two latent dimensions that carry most nats, the ones that are drawn."""
        mu, logvar = self.posterior
        rates = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).mean(axis=0)
        first, second = sorted(np.argsort(-rates, kind="stable")[:2]) if len(rates) > 1 else (0, 0)
        return int(first), int(second)

    @cached_property
    def extent(self) -> float:
        """Half the side of every data plane: the same in all pictures of a run."""
        return 1.15 * float(np.abs(plots.plane(self.held_out[0])).max())

    @cached_property
    def latent_extent(self) -> float:
        """Half the side of every latent plane."""
        return max(3.3, 1.1 * float(np.abs(self.posterior[0]).max()))

    def in_plane(self, z: Array) -> Array:
        """Keep the drawn dimensions of latents, shape (N, L) to (N, 2), or (N, 1) for a single one."""
        return z if z.shape[1] == 1 else z[:, self.plane]

    def grid(self, model: VAE) -> Array:
        """The notebook's grid on [-2, 2]^2, decoded by a model, shape (961, D)."""
        return model.decode_grid(31, dims=self.plane).numpy()


def data(scene: Scene) -> Figure:
    """Held-out points, coloured by their coordinate t."""
    figure, (ax,) = row(4.6, [LABELS], right=BAR, above=GAP)
    shown = plots.coloured(ax, *scene.held_out)
    _data_square(ax, scene)
    colour_bar(figure, ax, shown)
    return figure


def losses(scene: Scene) -> Figure:
    """The loss and its two terms, on training batches and held-out points."""
    figure, axes = row(9, [0.75] * 3, height=2.6, above=GAP)
    history = scene.run.history
    names = {"loss": "loss", "mse": "mean squared error", "rate": "rate (nats a point)"}
    for ax, (name, label) in zip(axes, names.items(), strict=True):
        lines = {"training batch": history[name], "held-out": history[f"held_out_{name}"]}
        plots.curves(ax, history.step, lines, ylabel=label)
        found = history[name][np.isfinite(history[name])]
        if name == "loss" and scene.config.decoder_variance == "learned":
            ax.set_yscale("symlog", linthresh=1)  # In nats it crosses zero.
        elif name != "rate" and (found > 0).any():
            plots.log_scale(ax)
    axes[0].legend(loc="upper right")
    return figure


def reconstructions(scene: Scene) -> Figure:
    """Points, their reconstructions joined by lines, and how far these lie from each other."""
    figure, axes = row(9, [LABELS, GAP, LABELS])
    x = scene.held_out[0]
    with torch.no_grad():
        mean = scene.model.decode(torch.from_numpy(scene.posterior[0])).numpy()
        sampled = scene.model.decode(torch.from_numpy(scene.drawn)).numpy()
    titles = ("decoded posterior mean", "decoded posterior draw")
    for ax, recon_x, title in zip(axes[:2], (mean, sampled), titles, strict=True):
        plots.pairs(ax, x, recon_x)
        plots.points(ax, x, colour=plots.BLUE, label="original", size=4)
        plots.points(ax, recon_x, colour=plots.RED, label="reconstruction", size=4)
        _data_square(ax, scene, title=title)
    axes[0].legend(loc="upper left", fontsize=7, markerscale=2)
    as_on_the_left(axes[1])
    errors = {
        name: np.linalg.norm(r - x, axis=1) for name, r in (("posterior mean", mean), ("posterior draw", sampled))
    }
    plots.histograms(axes[2], errors, xlabel="distance to the original (data units)")
    return figure


def film(scene: Scene) -> Figure:
    """The decoded grid over the data before, during and after training, on the same axes."""
    steps = plots.spread(list(scene.run.snapshots), FILM_FRAMES)
    figure, axes = row(1.75 * len(steps), [GAP / 2] * len(steps), below=GAP)
    for ax, step in zip(axes, steps, strict=True):
        _frame(ax, scene, step)
        ax.set(xticks=[], yticks=[])
    return figure


def film_gif(scene: Scene) -> bytes:
    """The same as an animated GIF."""
    steps = plots.spread(list(scene.run.snapshots), GIF_FRAMES)
    with rc_context(STYLE):
        frames = list(_frames(scene, steps))
    # One palette for all: frames that share it are smaller, and colours do not flicker.
    palette = frames[-1].quantize(64)
    first, *others = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    times = [900] + [350] * (len(frames) - 2) + [1500] if others else [1000]
    file = BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=times, loop=0)
    return file.getvalue()


def _frames(scene: Scene, steps: list[int]) -> Iterator[Image.Image]:
    """The film's frames: everything that stays is drawn once."""
    figure, (ax,) = row(3.4, [0.4], below=0.3)
    figure.set_dpi(100)
    canvas = FigureCanvasAgg(figure)
    moving = _frame(ax, scene, steps[0])
    for artist in (moving, ax.title):
        artist.set_animated(True)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    for step in steps:
        canvas.restore_region(still)
        moving.set_offsets(plots.plane(scene.grid(scene.run.snapshots[step])))
        ax.set_title(_when(step))
        for artist in (moving, ax.title):
            ax.draw_artist(artist)
        yield Image.fromarray(np.array(canvas.buffer_rgba())[..., :3])


def posterior(scene: Scene) -> Figure:
    """Posterior means coloured by t with their 1-sigma ellipses, over the prior's rings."""
    figure, (ax,) = row(5.4, [LABELS], right=BAR, above=GAP)
    mu, logvar = (scene.in_plane(a) for a in scene.posterior)
    t = scene.held_out[1]
    if mu.shape[1] == 1:
        shown = plots.along(ax, t, mu[:, 0], np.exp(0.5 * logvar[:, 0]))
        ax.set(xlabel="t", ylabel="z₁")
    else:
        prior_outline(ax, scene)
        plots.ellipses(ax, mu[::ELLIPSE_EVERY], logvar[::ELLIPSE_EVERY], t[::ELLIPSE_EVERY])
        shown = plots.coloured(ax, mu, t, size=5)
        _latent_square(ax, scene)
    colour_bar(figure, ax, shown)
    return figure


def aggregate(scene: Scene) -> Figure:
    """Draws from the aggregate posterior beside draws from the prior, and marginals; of one latent, these alone."""
    alone = scene.config.latent_dim == 1
    figure, (*axes, last) = row(5 if alone else 9, [LABELS] if alone else [LABELS, GAP, LABELS])
    generator = rng.generator(scene.config.seed, "evaluation")
    like = scene.model.fc_mu.weight
    prior = scene.model.prior.sample(POINTS, like=like, generator=generator).numpy()
    clouds = {"aggregate posterior": scene.in_plane(scene.drawn), "prior": scene.in_plane(prior)}
    for (name, cloud), colour, ax in zip(clouds.items(), (plots.RED, plots.BLUE), axes, strict=False):
        plots.points(ax, cloud, colour=colour)
        prior_outline(ax, scene)
        _latent_square(ax, scene, title=name)
    for ax in axes[1:]:
        as_on_the_left(ax)
    marginals = {
        f"{name}, z{_subscript(dim)}": cloud[:, column]
        for column, dim in enumerate(scene.plane[:1] if alone else scene.plane)
        for name, cloud in clouds.items()
    }
    plots.histograms(last, marginals, xlabel="latent coordinate")
    return figure


def generated(scene: Scene) -> Figure:
    """Three things that are called 'generated', kept apart, each over the data."""
    sets = {"decoded grid (no sample of the model)": scene.grid(scene.model)}
    for title, noise in (("prior samples, decoded", False), ("prior samples with decoder noise", True)):
        generator = rng.generator(scene.config.seed, "evaluation noise")
        sets[title] = scene.model.sample(POINTS, noise=noise, generator=generator).numpy()
    figure, axes = row(9, [LABELS, GAP, GAP])
    for ax, (title, x) in zip(axes, sets.items(), strict=True):
        plots.points(ax, scene.held_out[0], colour=plots.ORANGE, label="data", size=4)
        plots.points(ax, x, colour=plots.BLUE, label="generated", size=4)
        _data_square(ax, scene, title=title)
    for ax in axes[1:]:
        as_on_the_left(ax)
    axes[0].legend(loc="upper left", fontsize=7, markerscale=2)
    return figure


def true_posterior(scene: Scene) -> Figure:
    """The true posterior of four points under the encoder's ellipse."""
    x, t = scene.held_out
    order = np.argsort(t)
    chosen = order[np.linspace(0, len(order) - 1, 2 * POSTERIORS + 1).round().astype(int)[1::2]]
    means, sigmas = scene.posterior[0][chosen], np.exp(0.5 * scene.posterior[1][chosen])
    seen = _posteriors_near(scene, torch.from_numpy(x[chosen]).double(), means, sigmas)
    figure, axes = row(9, [LABELS] * POSTERIORS)
    for ax, which, window, mu, sigma in zip(axes, chosen, seen, means, sigmas, strict=True):
        plots.posterior_window(ax, *window, mu, sigma)
        ax.set_title(f"t = {t[which]:.1f}")
    return figure


def _posteriors_near(scene: Scene, x: Tensor, mu: Array, sigma: Array) -> Iterator[tuple[list[Array], Array]]:
    """For each point, the axes of a window of the latent space around its mean, and its true posterior there.

    A density over a plane is a share of its highest value, in the window or out of it, and needs no integral.
    """
    if scene.config.latent_dim == 1:
        axis, density = posterior_on_grid(scene.model, x, size=320, extent=scene.latent_extent)
        yield from (([axis.numpy()], own) for own in density.numpy())
        return
    joint = partial(log_joint, scene.model, sigma=implied(scene.config, scene.model).sigma)
    highest = joint(x, latent_grid(WINDOW, scene.latent_extent, 2).double()).amax(dim=1)
    for k, centre in enumerate(torch.from_numpy(mu).double()):
        offset = torch.linspace(-1, 1, WINDOW, dtype=torch.float64) * plots.reach(sigma[k])
        axes = [offset + c for c in centre]
        near = joint(x[[k]], torch.cartesian_prod(*axes))[0]
        density = torch.exp(near - torch.maximum(near.max(), highest[k])).nan_to_num(0.0)
        yield [axis.numpy() for axis in axes], density.reshape(WINDOW, WINDOW).numpy()


FIGURES: dict[str, Callable[[Scene], Figure]] = {
    "data": data,
    "losses": losses,
    "reconstructions": reconstructions,
    "film": film,
    "posterior": posterior,
    "aggregate": aggregate,
    "generated": generated,
}
"""The figures of every run."""


def available(config: Config) -> dict[str, Callable[[Scene], Figure]]:
    """The figures that a run can have: the true posterior needs a decoder with noise and at most two latents."""
    exact = config.latent_dim <= EXACT_DIMS and implied(config).sigma != 0
    return FIGURES | ({"true_posterior": true_posterior} if exact else {})


def draw(name: str, scene: Scene) -> Figure:
    """Draw one of the :func:`available` figures in the house style."""
    with rc_context(STYLE):
        return available(scene.config)[name](scene)


def _frame(ax: Axes, scene: Scene, step: int) -> PathCollection:
    """Draw a frame of the film; returns its decoded grid."""
    plots.points(ax, scene.held_out[0], colour=plots.ORANGE, size=3)
    decoded = plots.points(ax, scene.grid(scene.run.snapshots[step]), colour=plots.BLUE, size=3)
    plots.square(ax, scene.extent, title=_when(step))
    return decoded


def _when(step: int) -> str:
    return "before training" if step == 0 else f"step {step:,}"


def prior_outline(ax: Axes, scene: Scene) -> None:
    """The prior's rings; for a mixture, the 1-sigma ellipse of each component."""
    prior = scene.model.prior
    if isinstance(prior, StandardNormal):
        plots.prior_rings(ax)
    else:
        means, logvars = (scene.in_plane(p.detach().numpy()) for p in (prior.means, prior.logvars))
        plots.ellipses(ax, means, logvars, colour="#808080")


def _bounded(values: torch.Tensor, most: float) -> torch.Tensor:
    """Values within [-most, most]; a diverged model's pictures are wrong at their edges, but there."""
    return values.nan_to_num(0.0).clamp(-most, most)


def _data_square(ax: Axes, scene: Scene, *, title: str = "") -> None:
    """The first and the last coordinate, as plots.plane has it."""
    last = _subscript(scene.model.data_dim - 1)
    plots.square(ax, scene.extent, title=title, xlabel="x₁", ylabel=f"x{last}")


def _latent_square(ax: Axes, scene: Scene, *, title: str = "") -> None:
    first, second = (_subscript(d) for d in scene.plane)
    plots.square(ax, scene.latent_extent, title=title, xlabel=f"z{first}", ylabel=f"z{second}")


def _subscript(dim: int) -> str:
    return str(dim + 1).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
