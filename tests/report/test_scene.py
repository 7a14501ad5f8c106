"""What figures are drawn from, by a model whose posterior is known and by points without a coordinate."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from swissroll.config import Config
from swissroll.data.distribution import Sample
from swissroll.model.vae import VAE
from swissroll.report.figures import available, draw
from swissroll.report.scene import MAX_DRAWN, MIN_LATENT_EXTENT, Scene
from tests.model.test_adapter import Students
from tests.oracles import trained_run


class Fixed(VAE):
    """A VAE with the same posterior for every point."""

    def __init__(self, mu: list[float], logvar: list[float]) -> None:
        super().__init__(len(mu), 4)
        self.known = (torch.tensor(mu), torch.tensor(logvar))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.known
        return mu.expand(len(x), -1), logvar.expand(len(x), -1)


def test_a_run_on_disk_gives_the_scene_of_its_parts(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run")
    from_disk = Scene.of_run(run)
    in_memory = Scene(run.config, run.model)

    assert list(from_disk.snapshots) == list(run.snapshots)
    assert from_disk.history is not None
    for column in run.history.dtype.names:
        np.testing.assert_array_equal(from_disk.history[column], run.history[column])
    np.testing.assert_array_equal(in_memory.points, from_disk.points)
    np.testing.assert_array_equal(in_memory.posterior_draws, from_disk.posterior_draws)


def test_the_plane_is_spanned_by_the_latents_of_highest_rate() -> None:
    # Rates of about 0.5, 0, 4.5 and 2: the third and the fourth are drawn, in the order of their numbers.
    model = Fixed([1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0])
    scene = Scene(Config(latent_dim=4), model)

    assert scene.plane == (2, 3)
    np.testing.assert_array_equal(scene.in_plane(scene.posterior[0])[0], [3.0, 2.0])


def test_a_single_latent_is_its_own_plane() -> None:
    scene = Scene(Config(latent_dim=1), Fixed([1.0], [0.0]))

    assert scene.plane == (0, 0)
    assert scene.in_plane(scene.posterior[0]).shape == (1000, 1)


def test_a_latent_plane_holds_all_means_and_three_rings_of_the_prior() -> None:
    near = Scene(Config(latent_dim=2), Fixed([0.1, 0.0], [0.0, 0.0]))
    far = Scene(Config(latent_dim=2), Fixed([7.0, 0.0], [0.0, 0.0]))

    assert near.latent_extent == MIN_LATENT_EXTENT > 3
    assert far.latent_extent == pytest.approx(7.7)


def test_a_posterior_that_is_not_finite_is_bounded() -> None:
    scene = Scene(Config(latent_dim=2), Fixed([np.inf, np.nan], [1e30, -1e30]))
    mu, logvar = scene.posterior

    np.testing.assert_allclose(mu[0], [MAX_DRAWN, 0.0])
    np.testing.assert_allclose(np.exp(0.5 * logvar[0]), [MAX_DRAWN, 1 / MAX_DRAWN], rtol=1e-5)


def test_points_without_a_coordinate_are_lined_up_by_their_first_one() -> None:
    points = torch.tensor([[0.5, 1.0], [-0.5, 2.0]])
    scene = Scene(Config(), VAE(2, 4), sample=Sample(points, None))

    assert scene.coordinate is None
    name, values = scene.line_up
    assert name == "x₁"
    np.testing.assert_array_equal(values, [0.5, -0.5])


@pytest.mark.parametrize(("components", "expected"), [(0, 1), (1, 1), (3, 3)])
def test_a_standard_normal_prior_is_one_gaussian(components: int, expected: int) -> None:
    assert Scene(Config(components=components), VAE(2, 4, components=components)).prior_components == expected


@pytest.mark.parametrize("precision", [torch.float32, torch.float64, torch.bfloat16])
def test_every_figure_of_a_students_own_module_is_drawn(precision: torch.dtype) -> None:
    module: Any = Students().to(precision)
    scene = Scene(Config(latent_dim=2), module)
    assert scene.model.latent_dim == 2
    for name in available(scene):
        assert draw(name, scene).axes, name


@pytest.mark.parametrize("wrong", ["runs/001", None, torch.nn.Linear(2, 2)])
def test_what_is_no_model_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="model must be"):
        Scene(Config(), wrong)
