"""The figures of a run, each composed from measured arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO

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
from swissroll.evaluation.evidence import EXACT_DIMS, posterior_on_grid
from swissroll.evaluation.quadrature import log_joint
from swissroll.model.vae import latent_grid
from swissroll.report import plots
from swissroll.report.html import rgb_pixels
from swissroll.report.plots import BAR, GAP, LABELS, STYLE, Array, as_on_the_left, colour_bar, row
from swissroll.report.scene import SCENE_POINTS, Scene
from swissroll.training.build import translation_of

ELLIPSE_EVERY = 5
POSTERIORS = 4
WINDOW = 64
"""Grid points a side of the window on a true posterior, and of the whole plane, where its highest value may lie."""
FILM_FRAMES = 6
GIF_FRAMES = 30


def data(scene: Scene) -> Figure:
    """Held-out points, coloured by their coordinate t."""
    figure, (ax,) = row(4.6, [LABELS], right=BAR, above=GAP)
    shown = plots.coloured(ax, *scene.held_out)
    _data_square(ax, scene)
    colour_bar(figure, ax, shown)
    return figure


def losses(scene: Scene) -> Figure:
    """The loss and its two terms, on training batches and held-out points."""
    history = scene.history
    if history is None:
        raise ValueError("The losses are drawn from a history, and this scene has none.")
    figure, axes = row(9, [0.75] * 3, height=2.6, above=GAP)
    names = {"loss": "loss", "mse": "mean squared error", "rate": "rate (nats a point)"}
    for ax, (name, label) in zip(axes, names.items(), strict=True):
        lines = {"training batch": history[name], "held-out": history[f"held_out_{name}"]}
        plots.curves(ax, history["step"], lines, ylabel=label)
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
        sampled = scene.model.decode(torch.from_numpy(scene.posterior_draws)).numpy()
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
    steps = plots.spread(list(scene.snapshots), FILM_FRAMES)
    figure, axes = row(1.75 * len(steps), [GAP / 2] * len(steps), below=GAP)
    for ax, step in zip(axes, steps, strict=True):
        _frame(ax, scene, step)
        ax.set(xticks=[], yticks=[])
    return figure


def film_gif(scene: Scene) -> bytes:
    """The same as an animated GIF."""
    steps = plots.spread(list(scene.snapshots), GIF_FRAMES)
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
        moving.set_offsets(plots.plane(scene.grid(scene.snapshots[step])))
        ax.set_title(_when(step))
        for artist in (moving, ax.title):
            ax.draw_artist(artist)
        yield Image.fromarray(rgb_pixels(canvas))


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
    prior = scene.model.prior.sample(SCENE_POINTS, like=like, generator=generator).numpy()
    clouds = {"aggregate posterior": scene.in_plane(scene.posterior_draws), "prior": scene.in_plane(prior)}
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
        sets[title] = scene.model.sample(SCENE_POINTS, noise=noise, generator=generator).numpy()
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
    joint = partial(log_joint, scene.model, sigma=translation_of(scene.config, scene.model).sigma)
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
    "true_posterior": true_posterior,
}
"""Every figure by its name, in the order in which they are drawn."""


def available(scene: Scene) -> list[str]:
    """Names of the figures that a scene has.

    The losses need a history and the film snapshots. The true posterior needs a decoder with noise and at most two
    latent dimensions.
    """
    absent = set()
    if scene.history is None:
        absent.add("losses")
    if not scene.snapshots:
        absent.add("film")
    if scene.config.latent_dim > EXACT_DIMS or translation_of(scene.config).sigma == 0:
        absent.add("true_posterior")

    return [name for name in FIGURES if name not in absent]


def draw(name: str, scene: Scene) -> Figure:
    """Draw one of the :func:`available` figures in the house style.

    Raises:
        ValueError: The scene does not have this figure.
    """
    names = available(scene)
    if name not in names:
        raise ValueError(f"The scene has no figure {name!r}. It has: {', '.join(names)}.")

    with rc_context(STYLE):
        return FIGURES[name](scene)


def _frame(ax: Axes, scene: Scene, step: int) -> PathCollection:
    """Draw a frame of the film; returns its decoded grid."""
    plots.points(ax, scene.held_out[0], colour=plots.ORANGE, size=3)
    decoded = plots.points(ax, scene.grid(scene.snapshots[step]), colour=plots.BLUE, size=3)
    plots.square(ax, scene.extent, title=_when(step))
    return decoded


def _when(step: int) -> str:
    return "before training" if step == 0 else f"step {step:,}"


def prior_outline(ax: Axes, scene: Scene) -> None:
    """The prior's rings; for a mixture, the 1-sigma ellipse of each component."""
    components = scene.model.prior.components()
    if components is None:
        return
    if len(components.means) == 1:
        plots.prior_rings(ax)
        return
    means = scene.in_plane(components.means.numpy())
    logvars = scene.in_plane(2 * components.stds.log().numpy())
    plots.ellipses(ax, means, logvars, colour="#808080")


def _data_square(ax: Axes, scene: Scene, *, title: str = "") -> None:
    """The first and the last coordinate, as plots.plane has it."""
    last = _subscript(scene.model.data_dim - 1)
    plots.square(ax, scene.extent, title=title, xlabel="x₁", ylabel=f"x{last}")


def _latent_square(ax: Axes, scene: Scene, *, title: str = "") -> None:
    first, second = (_subscript(d) for d in scene.plane)
    plots.square(ax, scene.latent_extent, title=title, xlabel=f"z{first}", ylabel=f"z{second}")


def _subscript(dim: int) -> str:
    return str(dim + 1).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
