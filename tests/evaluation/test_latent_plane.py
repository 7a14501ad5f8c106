"""The plane of many latent dimensions that is shown: one choice for pictures, tables and files."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from swissroll import visualize_latent_space
from swissroll.config import Config
from swissroll.data import CURVES
from swissroll.evaluation.latent_plane import busiest_dims, name_dims
from swissroll.evaluation.metrics import measure
from swissroll.evaluation.tables import generated_head
from swissroll.model.vae import VAE
from swissroll.report.figures import draw
from swissroll.report.scene import Scene


class Copier(VAE):
    """A VAE of the plane that keeps a point in its second and fifth latent, and ignores the others."""

    def __init__(self) -> None:
        super().__init__(5, 4)
        self.decoder_sigma = 0.1

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu = torch.zeros(len(x), 5)
        mu[:, [1, 4]] = x
        logvar = torch.zeros(len(x), 5)
        logvar[:, [1, 4]] = -6.0
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        return z[:, [1, 4]]


def test_a_grid_spans_the_latents_that_are_used_wherever_it_is_shown() -> None:
    model = Copier()
    found = measure(model, CURVES["swiss_roll"], sigma=0.1, n=200)
    assert found.grid_dims == (1, 4)
    assert generated_head(found)[1] == "decoded grid of z2 and z5"
    # The plane's corners are far from the roll. The grid in two other latents is decoded to 0, which is close to it.
    assert found.grid.fit is not None
    assert found.grid.fit.off_p90 > 1

    scene = Scene(Config(latent_dim=5), model)
    assert scene.plane == (1, 4)
    assert draw("generated", scene).axes[0].get_title() == "decoded grid of z2 and z5 (no sample)"

    (ax,) = visualize_latent_space(model, 100).axes
    assert ax.get_title() == "VAE Generated vs Real Data\n(z2 and z5, the others 0)"
    _, grid = (torch.as_tensor(drawn.get_offsets()) for drawn in ax.collections)
    assert (grid.min().item(), grid.max().item()) == (-2.0, 2.0)


@pytest.mark.parametrize(("latent_dim", "dims"), [(1, (0,)), (2, (0, 1))])
def test_up_to_two_latents_are_all_shown_and_go_without_a_name(latent_dim: int, dims: tuple[int, ...]) -> None:
    model = VAE(latent_dim, 4)
    found = measure(model, CURVES["swiss_roll"], sigma=0.1, n=100)
    assert found.grid_dims == dims
    assert generated_head(found)[1] == "decoded grid"
    (ax,) = visualize_latent_space(model, 9).axes
    assert ax.get_title() == "VAE Generated vs Real Data"


def test_equal_rates_keep_the_order_of_the_dimensions() -> None:
    assert busiest_dims(torch.zeros(3, 4), torch.zeros(3, 4)) == (0, 1)
    assert busiest_dims(torch.full((3, 3), torch.nan), torch.zeros(3, 3)) == (0, 1)
    assert name_dims((0,)) == "z1"
