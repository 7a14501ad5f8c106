"""The axes of a Gaussian's ellipse, against the eigenvectors of its covariance."""

import numpy as np

from swissroll.report.principal_axes import principal_axes


def test_axes_and_angles_are_those_of_the_covariance() -> None:
    generator = np.random.default_rng(1)
    stds = generator.uniform(0.1, 2, size=(40, 2))
    correlation = generator.uniform(-0.99, 0.99, size=40)
    half_axes, angles = principal_axes(stds, correlation)
    for std, rho, axes, angle in zip(stds, correlation, half_axes, np.radians(angles), strict=True):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        covariance = turn @ np.diag(axes**2) @ turn.T
        expected = np.array([[std[0] ** 2, rho * std.prod()], [rho * std.prod(), std[1] ** 2]])
        np.testing.assert_allclose(covariance, expected, atol=1e-12)


def test_without_a_correlation_nothing_is_turned() -> None:
    stds = np.array([[0.5, 2.0], [2.0, 0.5], [1.0, 1.0]])
    half_axes, angles = principal_axes(stds, np.zeros(3))
    np.testing.assert_array_equal(half_axes, stds)
    np.testing.assert_array_equal(angles, 0)
