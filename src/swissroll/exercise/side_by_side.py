"""Two models of the same start, data and noise beside each other: what each generates, and where it encodes points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from swissroll.evaluation.evidence_summary import EvidenceSummary
from swissroll.evaluation.uncertainty import with_error
from swissroll.report import plots
from swissroll.report.colours import DATA, GENERATED
from swissroll.report.figures import draw_latent_line, draw_posteriors, draw_prior, prior_samples
from swissroll.report.layout import row, square_grid
from swissroll.report.scene import Scene, subscript
from swissroll.report.style import house_style

DRAWN_POINTS = 400
"""Points of each cloud."""
SIDE_WIDTH = 2.7
"""Of a side's column, in inches."""
ROOM_FOR_NAMES = 0.26
"""Above the columns, in inches."""
MAX_LATENT_EXTENT = 6.0
"""Half the side of the latent planes; what lies outside is counted in the title."""
MAX_OUTSIDE = 0.95
"""Share of points outside from which on a plane reaches as far as they do, or it would be empty."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two.

    Attributes:
        name: What it is.
        scene: What it is drawn from.
        evidence: The evidence of its model, and its lower bound; None where there is none.
    """

    name: str
    scene: Scene
    evidence: EvidenceSummary | None

    @property
    def above(self) -> str:
        """Nats above the lowest negative log evidence that any model can reach, with its error; a dash without one."""
        found = self.evidence
        if found is None or found.above_lower_bound is None or found.lower_bound_error is None:
            return "-"
        error = found.numerical_error + found.neg_log_evidence_se + found.lower_bound_error
        text = with_error(found.above_lower_bound, error)
        return f"at most {text}" if found.bound else text


def draw_side_by_side(sides: Sequence[Side]) -> Figure:
    """A column for each side: decoded draws from the prior over the data, and below them the latent plane.

    Two columns are narrow enough to be read on a phone.
    """
    with house_style():
        figure, (above, below) = square_grid(SIDE_WIDTH * len(sides), across=len(sides), down=2, above=ROOM_FOR_NAMES)
        for number, side in enumerate(sides):
            _draw_generated(above[number], side)
            _draw_latents(below[number], side)
            left = (number + 0.04) / len(sides)
            figure.text(left, 0.99, side.name, va="top", ha="left", fontweight="bold")
        return figure


def draw_small(side: Side) -> Figure:
    """One side's two pictures as a small one, without the numbers on its axes."""
    with house_style():
        figure, axes = row(3.6, [0.1, 0.1], right=0.1, below=0.1, above=0.28)
        _draw_generated(axes[0], side)
        _draw_latents(axes[1], side)
        for ax in axes:
            ax.tick_params(labelleft=False, labelbottom=False)
            ax.set(xlabel="", ylabel="")
        return figure


def _draw_generated(ax: Axes, side: Side) -> None:
    scene = side.scene
    generated = prior_samples(scene, noise=False, size=DRAWN_POINTS)
    plots.points(ax, scene.points[:DRAWN_POINTS], colour=DATA, size=4)
    plots.points(ax, np.nan_to_num(generated), colour=GENERATED, size=4)
    extent, note = _view(generated, scene.data_plane.extent)
    plots.square(ax, extent, title=f"generated{note}", xlabel="x₁", ylabel="x₂")


def _draw_latents(ax: Axes, side: Side) -> None:
    scene = side.scene
    means, _ = scene.posterior
    extent, note = _view(scene.in_plane(means), min(scene.latent_extent, MAX_LATENT_EXTENT))
    title = f"q(z|x){note}"
    if scene.config.latent_dim == 1:
        draw_latent_line(ax, scene, DRAWN_POINTS)
        ax.set_title(title)
        return
    draw_prior(ax, scene)
    draw_posteriors(ax, scene, DRAWN_POINTS, size=4)
    first, second = (f"z{subscript(dim)}" for dim in scene.plane)
    plots.square(ax, extent, title=title, xlabel=first, ylabel=second)


def _view(points: plots.Array, extent: float) -> tuple[float, str]:
    """Half the side of a plane, and what its title says: the share of points outside, or how far it reaches."""
    share = float(np.mean(~(np.abs(points) <= extent).all(axis=1)))
    finite = np.abs(points[np.isfinite(points).all(axis=1)])
    if share > MAX_OUTSIDE and finite.size:
        far = 1.2 * float(np.quantile(finite, MAX_OUTSIDE))
        return far, f" (±{float(f'{far:.2g}'):,g})"
    return extent, f" ({100 * share:.0f} % outside)" if share >= 0.01 else ""
