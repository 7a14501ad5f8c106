"""Small fits that the tests of densities share."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swissroll import VAEDensity

TINY: dict[str, Any] = {
    "max_steps": 60,
    "hidden_dim": 8,
    "depth": 1,
    "components": 2,
    "calibration_samples": 500,
    "random_state": 0,
}


def moons(n: int = 120, *, columns: int = 2) -> NDArray[np.float64]:
    """Two bent clouds in columns of very different units, shape (n, columns)."""
    random = np.random.default_rng(5)
    t = random.uniform(0, np.pi, n)
    second = np.arange(n) % 2
    x = np.cos(t) * (1 - 2 * second) + second
    y = np.sin(t) * (1 - 2 * second) + 0.5 * second
    more = random.normal(size=(n, max(0, columns - 2)))
    rows = np.column_stack([x, y, more])[:, :columns] + random.normal(0, 0.1, (n, columns))
    scaled: NDArray[np.float64] = rows * np.array([1000.0, 0.01, 1.0, 1.0, 1.0])[:columns] + 3.0
    return scaled


def fitted(rows: Any, **parameters: Any) -> VAEDensity:
    """An estimator fitted quietly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return VAEDensity(**(TINY | parameters)).fit(rows)


@cache
def of_moons(latent_dim: int = 2, columns: int = 2) -> VAEDensity:
    """A fit to :func:`moons`; not to be changed."""
    return fitted(moons(columns=columns), latent_dim=latent_dim)
