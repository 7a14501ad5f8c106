"""Where the axes of a Gaussian's ellipse point, and how long they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def principal_axes(stds: Array, correlation: Array) -> tuple[Array, Array]:
    """Half axes, shape (N, 2), and angles in degrees, shape (N,), of the 1-sigma ellipses of Gaussians in the plane.

    Args:
        stds: Standard deviations of the two coordinates, shape (N, 2).
        correlation: Of the two, shape (N,); where it is 0, the axes are the coordinates' own.
    """
    first = stds[:, 0].astype(np.float64)
    second = stds[:, 1].astype(np.float64)
    covariance = correlation * first * second

    # A matrix (a, c; c, b) has its first axis at the angle atan2(2 c, a - b) / 2 and half axes of eigenvalues
    # (a + b)/2 +- sqrt(((a - b)/2)^2 + c^2). Without a correlation nothing is turned, and no axis changes its place.
    turned = covariance != 0
    half_difference = (first**2 - second**2) / 2
    middle = (first**2 + second**2) / 2
    radius = np.hypot(half_difference, covariance)
    large = np.sqrt(middle + radius)
    # The product of the half axes is the root of the determinant, which loses nothing to rounding.
    small = first * second * np.sqrt(np.maximum(1 - correlation**2, 0)) / np.maximum(large, np.finfo(float).tiny)

    half_axes = np.where(turned[:, None], np.stack([large, small], axis=1), stds)
    angles = np.where(turned, np.degrees(np.arctan2(covariance, half_difference)) / 2, 0.0)
    return half_axes, angles
