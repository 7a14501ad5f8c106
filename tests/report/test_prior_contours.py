"""A flow's lines of equal density, and the turned ellipses of a full covariance, in the pictures of a model."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure

from swissroll import Config
from swissroll.report.figures import draw, draw_prior
from swissroll.report.prior_contours import SHARES
from swissroll.report.scene import Scene
from swissroll.training.build import build_model


def scene_of(config: Config) -> Scene:
    return Scene(config, build_model(config))


def test_the_lines_of_a_flow_hold_the_shares_that_they_say() -> None:
    pytest.importorskip("zuko")
    scene = scene_of(Config(prior="flow", hidden_dim=8, depth=1))
    ax = Figure().add_subplot()
    draw_prior(ax, scene)
    (contours,) = ax.collections
    drawn = scene.model.draw_prior(20_000).numpy()
    for path, share in zip(contours.get_paths(), SHARES, strict=True):
        inside = path.contains_points(drawn).mean()
        assert inside == pytest.approx(share, abs=0.03)


def test_the_ellipses_of_a_full_covariance_are_turned() -> None:
    config = Config(posterior="full", hidden_dim=8, depth=1)
    scene = scene_of(config)
    lower = scene.model.fc_lower
    assert lower is not None
    lower.bias.data.fill_(1.0)
    # z2 = s2 (eps1 + eps2): a correlation of 1 / sqrt(2) at every point.
    assert scene.correlation is not None
    np.testing.assert_allclose(scene.correlation, 0.5**0.5, rtol=1e-5)
    figure = draw("posterior", scene)
    (ellipses,) = [part for part in figure.axes[0].collections if isinstance(part, EllipseCollection)]
    assert (np.abs(np.sin(2 * ellipses._angles)) > 0.1).all()  # type: ignore[attr-defined]
    plt.close(figure)
