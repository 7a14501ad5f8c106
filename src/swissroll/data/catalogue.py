"""Every distribution that a config can name, in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from swissroll.config import Config, require_config
from swissroll.data.column_names import split_names
from swissroll.data.curves import CURVES
from swissroll.data.densities import Checkerboard, Pinwheel, eight_gaussians, gaussian, three_gaussians
from swissroll.data.distribution import Distribution, NoisyCurve
from swissroll.data.own_table import open_table
from swissroll.data.surfaces import SURFACES, NoisySurface


class Entry(NamedTuple):
    """A distribution of the catalogue.

    Attributes:
        make: Makes it with noise of this standard deviation, in data units.
        summary: What it is, in one line.
    """

    make: Callable[[float], Distribution]
    summary: str


def _curve(name: str, summary: str) -> Entry:
    return Entry(lambda noise: NoisyCurve(CURVES[name], noise), summary)


def _surface(name: str, summary: str) -> Entry:
    return Entry(lambda noise: NoisySurface(SURFACES[name], noise), summary)


DISTRIBUTIONS: dict[str, Entry] = {
    "swiss_roll": _curve("swiss_roll", "A spiral of one and a half turns, the notebook's own."),
    "moons": _curve("moons", "Two half circles that reach into one another."),
    "circles": _curve("circles", "Two circles, one in the other."),
    "rings": _curve("rings", "Three circles, one in the other."),
    "spirals": _curve("spirals", "Three arms that leave the centre."),
    "s_curve": _curve("s_curve", "An S of two arcs."),
    "sine": _curve("sine", "Two periods of a sine."),
    "helix": _curve("helix", "Three turns that climb, in three dimensions."),
    "gaussian": Entry(gaussian, "One Gaussian, longer in one direction."),
    "three_gaussians": Entry(three_gaussians, "Three Gaussians of different weights and shapes."),
    "eight_gaussians": Entry(eight_gaussians, "Eight equal, narrow Gaussians on a circle."),
    "checkerboard": Entry(lambda noise: Checkerboard(noise=noise), "Uniform on the black squares of a board."),
    "pinwheel": Entry(lambda noise: Pinwheel(noise=noise), "Five Gaussian petals, bent by a twist."),
    "swiss_roll_3d": _surface("swiss_roll_3d", "The roll with a height: a rolled sheet in three dimensions."),
    "torus": _surface("torus", "The surface of a ring in three dimensions, uniform by area."),
}
"""The distributions by name, as the setting ``dataset`` has them."""


def open_distribution(config: Config) -> Distribution:
    """What a config's points come from.

    Raises:
        ValueError: It is no config, or its table is gone, or another one, or cannot be used.
    """
    require_config(config)
    if config.data is not None:
        return open_table(config)
    return DISTRIBUTIONS[config.dataset].make(config.noise)


def data_dim_of(config: Config) -> int:
    """D, coordinates of a config's points; a table that is written down may be gone by now."""
    require_config(config)
    if config.data_digest is not None and config.columns is not None:
        return len(split_names(config.columns))
    return open_distribution(config).data_dim
