"""Oracles: PyTorch's own initialisation, closed-form moments, and the layers applied by hand."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from swissroll import VAE, distortion, elbo, rate
from swissroll.config import Config
from swissroll.data import CURVES
from swissroll.model.prior import Mixture, StandardNormal
from swissroll.training.build import build_model
from tests.oracles import seeded


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_explicit_generator_gives_the_global_seeds_weights(depth: int) -> None:
    torch.manual_seed(5)
    implicit = VAE(3, 16, data_dim=4, depth=depth)
    explicit = VAE(3, 16, data_dim=4, depth=depth, generator=seeded(5))
    for (name, a), b in zip(implicit.state_dict().items(), explicit.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_explicit_generator_leaves_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    model = VAE(generator=seeded(0))
    x = torch.zeros(4, 2)
    model(x, generator=seeded(1))
    model.sample(4, generator=seeded(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "silu", "softplus", "tanh"])
@pytest.mark.parametrize("depth", [0, 2])
def test_every_shape_and_activation(activation: str, depth: int) -> None:
    model = VAE(5, 8, data_dim=3, depth=depth, activation=activation)  # type: ignore[arg-type]
    recon_x, mu, logvar = model(torch.randn(7, 3))
    assert (recon_x.shape, mu.shape, logvar.shape) == ((7, 3), (7, 5), (7, 5))
    assert len(model.encoder) == 2 * depth
    assert len(model.decoder) == 2 * depth + 1


def test_reparameterized_draws_have_the_posterior_moments_and_gradients() -> None:
    mu = torch.full((200_000, 1), 1.5, dtype=torch.float64, requires_grad=True)
    logvar = torch.full((200_000, 1), -1.0, dtype=torch.float64, requires_grad=True)
    z = VAE(1, 4).reparameterize(mu, logvar, generator=seeded(0))
    assert z.mean().item() == pytest.approx(1.5, abs=0.01)
    assert z.var().item() == pytest.approx(2.718281828**-1, abs=0.01)
    z.square().mean().backward()
    assert mu.grad is not None
    assert logvar.grad is not None
    assert mu.grad.sum().item() == pytest.approx(2 * 1.5, abs=0.02)
    assert logvar.grad.sum().item() == pytest.approx(2.718281828**-1, abs=0.01)


def test_sample_decodes_the_prior_and_adds_decoder_noise_when_asked() -> None:
    model = VAE(2, 8, decoder_sigma=0.5, generator=seeded(0))
    z = torch.randn(2000, 2, generator=seeded(3))
    means = model.sample(2000, generator=seeded(3))
    assert torch.equal(means, model.decode(z))
    noisy = model.sample(2000, noise=True, generator=seeded(3))
    assert (noisy - means).std().item() == pytest.approx(0.5, abs=0.02)


def test_sample_with_noise_needs_a_sigma() -> None:
    with pytest.raises(ValueError, match=r"set model\.decoder_sigma"):
        VAE().sample(3, noise=True)


def test_decode_grid_covers_the_square_first_coordinate_slowest() -> None:
    model = VAE(3, 8)
    axis = [-2.0, -1.0, 0.0, 1.0, 2.0]
    z = torch.tensor([[a, 0.0, b] for a in axis for b in axis])
    torch.testing.assert_close(model.decode_grid(5, dims=(0, 2)), model.decode(z).detach())
    assert VAE(1, 8).decode_grid(5).shape == (25, 2)


def test_reconstruct_decodes_the_mean_or_a_draw() -> None:
    model, x = VAE(2, 8), torch.randn(6, 2)
    mu, logvar = model.encode(x)
    assert torch.equal(model.reconstruct(x), model.decode(mu))
    z = model.reparameterize(mu, logvar, generator=seeded(2))
    assert torch.equal(model.reconstruct(x, sampled=True, generator=seeded(2)), model.decode(z))


@pytest.mark.parametrize(
    "bad", [{"latent_dim": 0}, {"hidden_dim": 1.5}, {"data_dim": -1}, {"depth": True}, {"activation": "rellu"}]
)
def test_bad_arguments_are_named(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        VAE(**bad)  # type: ignore[arg-type]


def test_priors_agree_with_torch_distributions() -> None:
    z = torch.randn(9, 2)
    torch.testing.assert_close(StandardNormal(2).log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(-1))
    prior = Mixture(2, 4, generator=seeded(0))
    with torch.no_grad():
        prior.logits.copy_(torch.randn(4))
        prior.logvars.copy_(torch.randn(4, 2))
    parts = Independent(Normal(prior.means, (0.5 * prior.logvars).exp()), 1)
    expected = MixtureSameFamily(Categorical(logits=prior.logits), parts)
    torch.testing.assert_close(prior.log_prob(z), expected.log_prob(z))
    drawn = prior.sample(100_000, like=z, generator=seeded(1))
    torch.testing.assert_close(drawn.mean(0), expected.mean.detach(), atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.var(0), expected.variance.detach(), atol=0.05, rtol=0)


def test_weights_of_another_activation_are_refused(tmp_path: Path) -> None:
    silu = VAE(2, 8, activation="silu")
    torch.save(silu.state_dict(), tmp_path / "weights.pt")
    for state in (silu.state_dict(), torch.load(tmp_path / "weights.pt")):
        with pytest.raises(ValueError, match=r"activation='silu', and this one has 'relu'"):
            VAE(2, 8).load_state_dict(state)
        VAE(2, 8, activation="silu").load_state_dict(state)

    with pytest.raises(ValueError, match="activation"):
        nn.ModuleDict({"a": VAE(2, 8)}).load_state_dict(nn.ModuleDict({"a": silu}).state_dict())

    # What does not say of which activation it is, loads as it did.
    VAE(2, 8).load_state_dict(dict(silu.state_dict()))


def test_a_model_can_be_pickled_with_what_it_was_trained_on() -> None:
    model = build_model(Config(dataset="moons", hidden_dim=4))
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert again.distribution.curve is CURVES["moons"]


POINTS = torch.zeros(3, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rate(torch.zeros(3, 2), torch.zeros(1, 2)), r"mu and logvar must have the same shape; got \(3, 2\)"),
        (lambda: rate(torch.zeros(3, 2), torch.zeros(3, 1)), "same shape"),
        (lambda: rate(torch.full((1, 1), 1e30), torch.zeros(1, 1)), "rate is not a finite number"),
        (lambda: distortion(torch.zeros(3, 2), torch.zeros(1, 2), 1.0), "recon_x and x must have the same shape"),
        (lambda: distortion(torch.zeros(3, 2), torch.zeros(3, 1), 1.0), "same shape"),
        (lambda: elbo(POINTS, POINTS, POINTS[:1], POINTS[:1], 1.0), "mu must be of as many points as x, 3"),
    ],
)
def test_shapes_that_would_broadcast_are_refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
