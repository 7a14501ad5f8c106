"""The figures of a model, each composed from measured arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from swissroll import checks
from swissroll.data.column_names import shorten
from swissroll.evaluation.evidence import is_exact
from swissroll.evaluation.measures import MEASURES, axis_label
from swissroll.report import plots, ticks
from swissroll.report.colours import (
    DATA,
    GENERATED,
    GRID,
    HELD_OUT,
    POSTERIOR,
    PRIOR,
    RECONSTRUCTION,
    REFERENCE,
    TRAINING,
)
from swissroll.report.film import film
from swissroll.report.label_draws import labels
from swissroll.report.layout import (
    CATEGORIES,
    COLOUR_BAR,
    GAP,
    LABELS,
    MAX_ACROSS,
    TWO_LINES,
    add_category_legend,
    add_colour_bar,
    hide_labels_of_y,
    panels,
    row,
)
from swissroll.report.plots import Array, Series
from swissroll.report.prior_contours import draw_contours
from swissroll.report.scene import SCENE_POINTS, Scene, subscript, to_array
from swissroll.report.style import house_style
from swissroll.report.true_posterior import true_posterior
from swissroll.reproducibility import rng
from swissroll.training.build import translation_of

MAX_DRAWN_COLUMNS = 12
"""Most columns of a table whose distributions are drawn."""
PLAIN_POWERS = (-3, 4)
"""Powers of ten between which the numbers of a column are written in full."""
ELLIPSE_EVERY = 5
"""One in so many posteriors gets an ellipse."""


def data(scene: Scene) -> Figure:
    """Held-out points, coloured by their coordinate where they have one."""
    figure, ax = _figure_with_colour_bar(4.6, scene)

    colours = plots.coloured(ax, scene.data_plane.project(scene.points), scene.coordinate)
    scene.data_plane.fix(ax)
    _add_colour_bar(figure, ax, scene, colours)

    return figure


def losses(scene: Scene) -> Figure:
    """The loss and its two terms, on training batches and held-out points."""
    history = scene.history
    if history is None:
        raise ValueError("The losses are drawn from a history, and this scene has none.")

    figure, axes = row(9, [LABELS, TWO_LINES, LABELS], height=2.6, above=GAP)
    for ax, name in zip(axes, ("loss", "mse", "rate"), strict=True):
        measure = MEASURES[name] if scene.table is None else MEASURES[name].of_table
        lines = {
            "training batch": Series(history[name], TRAINING),
            "held-out": Series(history[f"held_out_{name}"], HELD_OUT),
        }
        plots.curves(ax, history["step"], lines, ylabel=axis_label(measure))

    loss_axes, mse_axes, _ = axes
    if scene.config.decoder_variance != "fixed":
        loss_axes.set_yscale("symlog", linthresh=1)  # In nats it crosses zero.
    elif scene.config.mmd_weight:
        # An unbiased MMD may be negative, and the loss with it.
        loss_axes.set_yscale("symlog", linthresh=1e-2)
        loss_axes.yaxis.set_major_formatter("{x:g}")
    else:
        _log_scale_if_positive(loss_axes, history["loss"])
    _log_scale_if_positive(mse_axes, history["mse"])

    loss_axes.legend(loc="upper right")
    return figure


def _log_scale_if_positive(ax: Axes, values: Array) -> None:
    finite = values[np.isfinite(values)]
    if (finite > 0).any():
        ticks.log_scale(ax)


def reconstructions(scene: Scene) -> Figure:
    """Points, their reconstructions joined by lines, and how far these lie from each other."""
    figure, (*planes, last) = row(9, [LABELS, GAP, LABELS])
    x = scene.points
    reconstructed = {
        "posterior mean": scene.decode(scene.posterior[0]),
        "posterior draw": scene.decode(scene.posterior_draws),
    }

    project = scene.data_plane.project
    for ax, (name, recon_x) in zip(planes, reconstructed.items(), strict=True):
        plots.pairs(ax, project(x), project(recon_x))
        plots.points(ax, project(x), colour=DATA, label="original", size=4)
        plots.points(ax, project(recon_x), colour=RECONSTRUCTION, label="reconstruction", size=4)
        scene.data_plane.fix(ax, title=f"decoded {name}")

    planes[0].legend(loc="upper left", fontsize=7, markerscale=2)
    hide_labels_of_y(planes[1])

    distances: dict[str, Series] = {}
    for (name, recon_x), line in zip(reconstructed.items(), ("-", "--"), strict=True):
        # Euclidean, shape (N,).
        distance = np.linalg.norm(recon_x - x, axis=1)
        distances[name] = Series(distance, RECONSTRUCTION, line)
    unit = "data units" if scene.table is None else "in sd"
    plots.histograms(last, distances, xlabel=f"distance to the original ({unit})")

    return figure


def posterior(scene: Scene) -> Figure:
    """Posterior means with their 1-sigma ellipses over the prior, coloured by the points' coordinate."""
    figure, ax = _figure_with_colour_bar(5.4, scene)

    if scene.config.latent_dim == 1:
        colours = draw_latent_line(ax, scene)
    else:
        draw_prior(ax, scene)
        colours = draw_posteriors(ax, scene)
        _fix_latent_square(ax, scene)

    _add_colour_bar(figure, ax, scene, colours)
    return figure


def draw_posteriors(ax: Axes, scene: Scene, most: int | None = None, *, size: float = 5) -> Any:
    """Draw the means of q(z|x), and 1-sigma ellipses of some; returns what a colour bar needs.

    Args:
        ax: Where to draw.
        scene: With two latent dimensions or more.
        most: Draw the first points only, so many; by default all.
        size: Of the means, in square points.
    """
    mu, logvar = (scene.in_plane(values)[:most] for values in scene.posterior)
    t = None if scene.coordinate is None else scene.coordinate[:most]

    some = slice(None, None, ELLIPSE_EVERY)
    some_t = None if t is None else t[some]
    correlation = None if scene.correlation is None else scene.correlation[:most][some]
    plots.ellipses(ax, mu[some], logvar[some], some_t, correlation=correlation)

    return plots.coloured(ax, mu, t, colour=POSTERIOR, size=size)


def draw_latent_line(ax: Axes, scene: Scene, most: int | None = None) -> Any:
    """Draw posteriors over a single latent against what lines the points up; returns what a colour bar needs.

    Args:
        ax: Where to draw.
        scene: With one latent dimension.
        most: Draw the first points only, so many; by default all.
    """
    label, along = scene.line_up
    means, logvars = scene.posterior
    mu = means[:most, 0]
    sigma = np.exp(0.5 * logvars[:most, 0])

    colour = POSTERIOR if scene.coordinate is None else scene.coordinate[:most]
    colours = plots.along(ax, along[:most], mu, sigma, colour=colour)
    ax.set(xlabel=label, ylabel="z₁")
    return colours


class Cloud(NamedTuple):
    """Latents, shape (N, L), and the colour of where they come from."""

    latents: Array
    colour: str


def aggregate(scene: Scene) -> Figure:
    """Draws from the aggregate posterior beside draws from the prior, and marginals; for one latent, these alone."""
    clouds = {
        "aggregate posterior": Cloud(scene.in_plane(scene.posterior_draws), POSTERIOR),
        "prior": Cloud(scene.in_plane(_prior_draws(scene)), PRIOR),
    }

    if scene.config.latent_dim == 1:
        figure, (last,) = row(5, [LABELS])
    else:
        figure, (left, right, last) = row(9, [LABELS, GAP, LABELS])
        for ax, (name, cloud) in zip((left, right), clouds.items(), strict=True):
            plots.points(ax, cloud.latents, colour=cloud.colour)
            draw_prior(ax, scene)
            _fix_latent_square(ax, scene, title=name)
        hide_labels_of_y(right)

    plots.histograms(last, _marginals(scene, clouds), xlabel="latent coordinate")
    return figure


def _prior_draws(scene: Scene) -> Array:
    generator = rng.generator(scene.config.seed, "evaluation")
    draws = scene.model.draw_prior(SCENE_POINTS, generator=generator)
    return to_array(draws)


def _marginals(scene: Scene, clouds: dict[str, Cloud]) -> dict[str, Series]:
    """The columns of each cloud by the cloud's name and the latent dimension."""
    # The plane names the dimension of a single latent twice.
    dims = scene.plane[: scene.config.latent_dim]

    found = {}
    for (column, dim), line in zip(enumerate(dims), ("-", "--"), strict=False):
        for name, cloud in clouds.items():
            label = f"{name}, z{subscript(dim)}"
            found[label] = Series(cloud.latents[:, column], cloud.colour, line)

    return found


def generated(scene: Scene) -> Figure:
    """Three things that are called 'generated', kept apart, each over the data."""
    sets = {
        _grid_title(scene): (scene.grid(scene.model), GRID),
        "prior samples, decoded": (prior_samples(scene, noise=False), GENERATED),
        "prior samples with decoder noise": (prior_samples(scene, noise=True), GENERATED),
    }

    figure, axes = row(9, [LABELS, GAP, GAP])
    for ax, (title, (x, colour)) in zip(axes, sets.items(), strict=True):
        plots.points(ax, scene.data_plane.project(scene.points), colour=DATA, label="data", size=4)
        plots.points(ax, scene.data_plane.project(x), colour=colour, size=4)
        scene.data_plane.fix(ax, title=title)
    for ax in axes[1:]:
        hide_labels_of_y(ax)

    axes[0].legend(loc="upper left", fontsize=7, markerscale=2)
    return figure


def _grid_title(scene: Scene) -> str:
    if scene.plane_names:
        return f"decoded grid of {scene.plane_names} (no sample)"
    return "decoded grid (no sample of the model)"


def prior_samples(scene: Scene, *, noise: bool, size: int = SCENE_POINTS) -> Array:
    """Decoded draws from the prior, shape (size, D), with or without the decoder's noise."""
    generator = rng.generator(scene.config.seed, "evaluation noise")
    return to_array(scene.model.sample(size, noise=noise, generator=generator))


def columns(scene: Scene) -> Figure:
    """Each column of a table in its own units: its rows beside draws of the model, with the decoder's noise."""
    if scene.table is None:
        raise ValueError("Columns are those of a table, and this scene has none.")

    restore = scene.table.standardization.restore
    rows = restore(scene.points)
    has_noise = translation_of(scene.config, scene.model).sigma > 0
    draws = restore(prior_samples(scene, noise=has_noise))
    names = scene.table.columns[:MAX_DRAWN_COLUMNS]
    figure, axes = panels(9, len(names), across=MAX_ACROSS)
    for place, (ax, name) in enumerate(zip(axes, names, strict=True)):
        lines = {"rows": Series(rows[:, place], DATA), "draws of the model": Series(draws[:, place], GENERATED, "--")}
        plots.histograms(ax, lines, xlabel=shorten(name), from_zero=False)
        # The legend is as large beside so small an axes as a third of it.
        ax.set(ylabel="", yticks=[], ylim=(0, 1.2 * ax.get_ylim()[1]))
        # Numbers of six digits would run into one another, and into those of the next panel.
        ax.locator_params(axis="x", nbins=3)
        ax.ticklabel_format(axis="x", scilimits=PLAIN_POWERS)
        legend = ax.get_legend()
        if place and legend is not None:
            legend.remove()
    return figure


FIGURES: dict[str, Callable[[Scene], Figure]] = {
    "data": data,
    "columns": columns,
    "losses": losses,
    "reconstructions": reconstructions,
    "film": film,
    "posterior": posterior,
    "aggregate": aggregate,
    "generated": generated,
    "labels": labels,
    "true_posterior": true_posterior,
}
"""Every figure by its name, in the order in which they are drawn."""


def available(scene: Scene) -> list[str]:
    """Names of the figures that a scene has.

    The losses need a history and the film snapshots. The true posterior needs a decoder with noise, and a model whose
    evidence is exact.
    """
    absent = set()
    if scene.table is None:
        absent.add("columns")
    if not scene.label_names:
        absent.add("labels")
    if scene.history is None:
        absent.add("losses")
    if not scene.snapshots:
        absent.add("film")
    if not _has_true_posterior(scene):
        absent.add("true_posterior")

    return [name for name in FIGURES if name not in absent]


def _has_true_posterior(scene: Scene) -> bool:
    if not is_exact(scene.model):
        return False

    # A decoder without noise has no likelihood.
    return translation_of(scene.config).sigma != 0


def draw(name: str, scene: Scene) -> Figure:
    """Draw one of the :func:`available` figures in the house style.

    Raises:
        ValueError: The scene does not have this figure.
    """
    names = available(scene)
    if name not in names:
        raise ValueError(f"The scene has no figure {checks.short(name)}. It has: {', '.join(names)}.")

    with house_style():
        return FIGURES[name](scene)


def draw_prior(ax: Axes, scene: Scene) -> None:
    """Draw the prior in the latent plane: rings of a single Gaussian, or the 1-sigma ellipse of each component.

    Another smooth prior of two latent dimensions has lines of equal density; any other is not drawn.
    """
    components = scene.model.prior.components()
    if scene.has_flow:
        draw_contours(ax, scene)
    if components is None:
        return

    means = scene.in_plane(to_array(components.means))
    stds = scene.in_plane(to_array(components.stds))
    if len(means) == 1:
        plots.prior_rings(ax, mean=means[0], std=stds[0])
    else:
        plots.ellipses(ax, means, 2 * np.log(stds), colour=REFERENCE)


def _figure_with_colour_bar(width: float, scene: Scene) -> tuple[Figure, Axes]:
    """A figure of one axes, with room for a colour bar where the points have a coordinate."""
    right = GAP if scene.coordinate is None else COLOUR_BAR
    if scene.categories:
        right = CATEGORIES
    figure, (ax,) = row(width, [LABELS], right=right, above=GAP)
    return figure, ax


def _add_colour_bar(figure: Figure, ax: Axes, scene: Scene, colours: Any) -> None:
    if scene.categories:
        add_category_legend(ax, scene.categories, title=scene.coordinate_name)
    elif scene.coordinate is not None:
        add_colour_bar(figure, ax, colours, label=scene.coordinate_name)


def _fix_latent_square(ax: Axes, scene: Scene, *, title: str = "") -> None:
    """The two latent dimensions that are drawn."""
    first, second = map(subscript, scene.plane)
    plots.square(ax, scene.latent_extent, title=title, xlabel=f"z{first}", ylabel=f"z{second}")
