"""What the figures of a model are drawn from; the model may lie in memory or in a run's folder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from swissroll.config import Config, require_config
from swissroll.data import Distribution, Points, data_dim_of, label_name, label_names, labels_of, open_distribution
from swissroll.data.distribution import Sample
from swissroll.data.own_table import open_table
from swissroll.evaluation.by_label import condition
from swissroll.evaluation.latent_plane import busiest_dims, name_dims
from swissroll.model.adapter import measurable
from swissroll.model.posterior import Posterior
from swissroll.model.vae import VAE
from swissroll.report.data_plane import DataPlane, square_plane, table_plane
from swissroll.report.plots import Array
from swissroll.reproducibility import rng
from swissroll.runs.run import Run
from swissroll.training.build import held_out_points, translation_of

SCENE_POINTS = 1000
"""Points that are drawn: held-out ones; of a table, held-out rows and some others."""
MAX_DRAWN = 1e3
"""Largest latent and largest posterior standard deviation that is drawn."""
GRID_SIDE = 31
"""Points along each side of the decoded grid; the notebook has as many for 1,000 points."""
MIN_LATENT_EXTENT = 3.3
"""A little more than the prior's third ring."""


class Columns(Protocol):
    """Series by their names, such as a run's history or a dict of arrays."""

    def __getitem__(self, name: str, /) -> Any: ...


@dataclass(frozen=True)
class Scene:
    """What figures are drawn from: held-out points and what a model makes of them.

    Attributes:
        config: The model's settings.
        model: The trained model: a VAE, or any module with ``encode`` and ``decode``.
        snapshots: The model after some of its steps, by the step; the film needs them.
        history: Columns of one row per step, named as in history.csv; the losses need them.
        sample: The held-out points; by default they are drawn from what the config names.

    Raises:
        ValueError: ``config`` or ``model`` is none.
    """

    config: Config
    model: VAE
    snapshots: Mapping[int, VAE] = field(default_factory=dict)
    history: Columns | None = None
    sample: Sample | None = None

    def __post_init__(self) -> None:
        require_config(self.config)
        data_dim = data_dim_of(self.config) if self.sample is None else self.sample.points.shape[1]
        model = measurable(self.model, data_dim=data_dim)
        if model.decoder_sigma is None:
            # Not the caller's own: a model that does not know its sigma has the one that its settings imply.
            model = copy.copy(model)
            model.decoder_sigma = translation_of(self.config).sigma
        object.__setattr__(self, "model", model)

    @classmethod
    def of_run(cls, run: Run) -> Self:
        """The scene of a run on disk, with its snapshots and history.

        Raises:
            RunError: The run is damaged, or nothing is trained yet.
        """
        return cls(run.config, run.network, run.snapshots, run.history[: run.step])

    @cached_property
    def held_out(self) -> Sample:
        """The points that are drawn, N of them, and where they have one, their coordinate.

        Of a table they are its held-out rows, and as many training rows as there is room for: a small table holds out
        too few to see its shape.
        """
        if self.sample is None and self.table is not None:
            return _rows_to_draw(self.table)
        return self.sample or held_out_points(self.config, SCENE_POINTS)

    @cached_property
    def table(self) -> Points | None:
        """The person's own rows that the model is of; None of other data."""
        if self.config.data is None or self.sample is not None:
            return None
        return open_table(self.config)

    @cached_property
    def data_plane(self) -> DataPlane:
        """The plane that points are drawn in: the same in all pictures of a scene."""
        if self.table is not None:
            return table_plane(self.table, self.points)
        return square_plane(self.points, "x₁", f"x{subscript(self.model.data_dim - 1)}")

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels that the model is conditional on; empty where it is not."""
        return label_names(self._distribution) if self.model.label_count else ()

    @cached_property
    def given(self) -> VAE:
        """The model under the labels of the held-out points; itself where it is not conditional."""
        return condition(self.model, self._distribution, self.held_out.coordinate)

    @property
    def _distribution(self) -> Distribution:
        """What the points come from."""
        return self.table or open_distribution(self.config)

    @property
    def categories(self) -> tuple[str, ...]:
        """What the coordinate counts, where it is a label of text or what a model is given; empty otherwise."""
        return self.label_names or (self.table and self.table.categories) or ()

    @property
    def picture_note(self) -> str:
        """Which rows of a table its pictures show, and which of its columns, in sentences."""
        if self.table is None:
            return ""
        held_out = min(len(self.table.held_out), SCENE_POINTS)
        told = (
            f"Pictures show {len(self.points):,} rows, of which {held_out:,} were held out. {self.data_plane.caption}"
        )
        return told.strip()

    @property
    def points(self) -> Array:
        """The held-out points, shape (N, D)."""
        return to_array(self.held_out.points)

    @property
    def coordinate(self) -> Array | None:
        """What colours the held-out points, shape (N,); None where they have no coordinate."""
        coordinate = self.held_out.coordinate
        if self.label_names:
            coordinate = labels_of(self._distribution, coordinate).float()
        if coordinate is None:
            return None
        return to_array(coordinate)

    @property
    def coordinate_name(self) -> str:
        """What the coordinate of the held-out points is called; t along a curve."""
        if self.sample is not None:
            return "t"
        if self.label_names:
            return label_name(self._distribution)
        return getattr(open_distribution(self.config), "coordinate_name", "t")

    @property
    def line_up(self) -> tuple[str, Array]:
        """What a single line of points is ordered by: its name and values of shape (N,).

        That is their coordinate, or where they have none, or one of text, the first of the data's coordinates.
        """
        if self.label_names and self.table is None and self.held_out.coordinate is not None:
            return getattr(self._distribution, "coordinate_name", "t"), to_array(self.held_out.coordinate)
        if self.table is not None and (self.coordinate is None or self.categories):
            return self.table.columns[0], self.table.standardization.restore(self.points)[:, 0]
        if self.coordinate is None:
            return "x₁", self.points[:, 0]
        return self.coordinate_name, self.coordinate

    @cached_property
    def posterior(self) -> tuple[Array, Array]:
        """Mean and log-variance of q(z|x) at the held-out points, each of shape (N, L).

        Both are bounded, so that the pictures of a model that diverged can be drawn, if not to their edges.
        """
        with torch.no_grad():
            points = self._like_weights(self.held_out.points)
            mu, logvar, _ = self.given.posterior(points)

        # log s^2 = 2 log s.
        max_logvar = 2 * np.log(MAX_DRAWN)
        drawn_mu = mu.nan_to_num(0.0).clamp(-MAX_DRAWN, MAX_DRAWN)
        drawn_logvar = logvar.nan_to_num(0.0).clamp(-max_logvar, max_logvar)

        return to_array(drawn_mu), to_array(drawn_logvar)

    @cached_property
    def factor(self) -> Array | None:
        """Cholesky factor of each q(z|x), shape (N, L, L), bounded as well; None where its covariance is diagonal."""
        with torch.no_grad():
            factor = self.given.posterior(self._like_weights(self.held_out.points)).factor
        if factor is None:
            return None
        return to_array(factor.nan_to_num(0.0).clamp(-MAX_DRAWN, MAX_DRAWN))

    @cached_property
    def correlation(self) -> Array | None:
        """Correlation of the two drawn latents in each q(z|x), shape (N,); None where its covariance is diagonal."""
        if self.factor is None:
            return None
        first, second = (self.factor[:, dim].astype(np.float64) for dim in self.plane)
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        correlation: Array = (first * second).sum(axis=1) / np.maximum(lengths, np.finfo(float).tiny)
        return correlation

    @cached_property
    def posterior_draws(self) -> Array:
        """One latent per held-out point, drawn from its posterior, shape (N, L)."""
        mu, logvar = map(torch.from_numpy, self.posterior)
        generator = rng.generator(self.config.seed, "evaluation noise")
        factor = None if self.factor is None else torch.from_numpy(self.factor)
        draws = Posterior(mu, logvar, factor).draw(self.model, generator=generator)
        return draws.numpy()

    @cached_property
    def plane(self) -> tuple[int, int]:
        """The two latent dimensions of highest rate, which are the ones that are drawn; (0, 0) of a single one."""
        mu, logvar = map(torch.from_numpy, self.posterior)
        dims = busiest_dims(mu, logvar)
        return dims[0], dims[-1]

    @property
    def plane_names(self) -> str:
        """The drawn dimensions by name where there are others beside them, such as 'z2 and z5'; empty otherwise."""
        if self.config.latent_dim <= 2:
            return ""
        return name_dims(self.plane)

    @property
    def prior_components(self) -> int:
        """Number of Gaussians that the prior is a mixture of; 0 for a prior that is no such mixture."""
        components = self.model.prior.components()
        if components is None:
            return 0
        return len(components.means)

    @property
    def has_flow(self) -> bool:
        """Whether the prior is drawn by lines of equal density, as a flow of two latent dimensions is."""
        prior = self.model.prior
        return prior.smooth and prior.components() is None and prior.latent_dim == 2

    @cached_property
    def latent_extent(self) -> float:
        """Half the side of every latent plane."""
        means, _ = self.posterior
        farthest = float(np.abs(means).max())
        return max(MIN_LATENT_EXTENT, 1.1 * farthest)

    def in_plane(self, z: Array) -> Array:
        """Keep the drawn dimensions of latents, shape (N, L) to (N, 2), or (N, 1) for a single one."""
        if z.shape[1] == 1:
            return z
        return z[:, self.plane]

    def decode(self, z: Array) -> Array:
        """Decode a latent of each held-out point, shape (N, L), shape (N, D)."""
        with torch.no_grad():
            latents = self._like_weights(torch.from_numpy(z))
            decoded = self.given.decode(latents)
        return to_array(decoded)

    def grid(self, model: VAE) -> Array:
        """The notebook's grid on [-2, 2]^2, decoded by a model, shape (961, D)."""
        return to_array(model.decode_grid(GRID_SIDE, dims=self.plane))

    def _like_weights(self, values: Tensor) -> Tensor:
        """Values on the device of the model and with the precision of its weights."""
        return values.to(self.model.device, self.model.dtype)


def _rows_to_draw(table: Points) -> Sample:
    """Held-out rows of a table, and training rows behind them."""
    held_out = table.sample_held_out(SCENE_POINTS, generator=rng.generator(0, "evaluation"))
    room = min(SCENE_POINTS - len(held_out.points), len(table.train))
    if room <= 0:
        return held_out
    trained = table.sample(room, generator=rng.generator(0, "evaluation"))
    coordinate = None
    if held_out.coordinate is not None and trained.coordinate is not None:
        coordinate = torch.cat([held_out.coordinate, trained.coordinate])
    return Sample(torch.cat([held_out.points, trained.points]), coordinate)


def subscript(dim: int) -> str:
    """The number of a dimension, counted from 1, as it stands below a letter."""
    digits = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    return str(dim + 1).translate(digits)


def to_array(values: Tensor) -> Array:
    """A tensor of any device as an array."""
    return values.detach().cpu().numpy()
