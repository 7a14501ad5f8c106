"""Oracles: the plain VAE between NumPy's own standardising and restoring."""

import numpy as np
import pytest
import torch

from swissroll import VAE
from swissroll.data import Standardization
from swissroll.model import StandardizedVAE

ROWS = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 3)) @ np.diag([1e-3, 1.0, 700.0]) + [2e3, 0.0, -9.0])


def make(*, whiten: bool = False, seed: int = 0) -> StandardizedVAE:
    vae = VAE(2, 8, data_dim=3, decoder_sigma=0.5, generator=torch.Generator().manual_seed(seed))
    return StandardizedVAE(vae, Standardization.of(ROWS, whiten=whiten))


@pytest.mark.parametrize("whiten", [False, True])
def test_all_goes_in_and_comes_out_in_data_units(whiten: bool) -> None:
    model = make(whiten=whiten)
    z = torch.from_numpy(model.standardization.standardize(ROWS)).float()
    assert torch.equal(model.standardize(ROWS), z)
    mu, logvar = model.encode(ROWS)
    for found, expected in zip((mu, logvar), model.vae.encode(z), strict=True):
        assert torch.equal(found, expected)
    inside = model.vae.decode(mu).detach()
    np.testing.assert_allclose(model.decode(mu).detach(), model.standardization.restore(inside), rtol=1e-12)
    assert torch.equal(model.reconstruct(ROWS), model.decode(mu).detach())


@pytest.mark.parametrize("whiten", [False, True])
def test_the_decoders_noise_is_that_of_its_draws(whiten: bool) -> None:
    model = make(whiten=whiten)
    quiet = model.sample(20_000, generator=torch.Generator().manual_seed(1))
    noisy = model.sample(20_000, noise=True, generator=torch.Generator().manual_seed(1))
    assert model.decoder_sigma is not None
    np.testing.assert_allclose((noisy - quiet).std(dim=0), model.decoder_sigma, rtol=0.03)


def test_its_weights_are_the_vaes_with_the_map_beside_them() -> None:
    model = make(whiten=True)
    state = model.state_dict()
    for name, values in model.vae.state_dict().items():
        assert torch.equal(state[name], values)
    beside = sorted(set(state) - set(model.vae.state_dict()))
    assert beside == ["standardization.mean", "standardization.scale", "standardization.whitening"]
    assert state["standardization.mean"].dtype == torch.float64


def test_weights_bring_their_map() -> None:
    model = make(whiten=True)
    other = StandardizedVAE(make(seed=1).vae, Standardization((0.0,) * 3, (1.0,) * 3))
    other.load_state_dict(model.state_dict())
    assert other.standardization == model.standardization
    assert torch.equal(other.reconstruct(ROWS), model.reconstruct(ROWS))


def test_weights_without_a_map_are_refused() -> None:
    model = make()
    with pytest.raises(RuntimeError, match=r"standardization\.mean"):
        model.load_state_dict(model.vae.state_dict())


def test_dimensions_must_fit() -> None:
    with pytest.raises(ValueError, match="the VAE has 2 coordinates and the standardization 3"):
        StandardizedVAE(VAE(2, 8), Standardization.of(ROWS))
