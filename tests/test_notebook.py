"""The notebook's functions against a plain transcription of what the teaching notebook computes."""

from __future__ import annotations

import inspect
import math
import signal
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

import swissroll
from swissroll import (
    VAE,
    compute_vae_loss,
    generate_swiss_roll,
    train_vae,
    train_vae_with_visualization,
    visualize_latent_space,
    visualize_reconstructions,
)
from swissroll.config import Config
from swissroll.data import CURVES
from swissroll.model.prior import Mixture
from swissroll.training.build import build_model
from swissroll.training.engines.torch_adam import Adam
from swissroll.training.loop import DivergedError

PI = 3.141592653589793


def roll(n: int) -> Tensor:
    """Uniform t from 1.5 pi to 4.5 pi, out along the spiral, fifteen times smaller."""
    angle = 1.5 * PI * (1 + 2 * torch.rand(n))
    return torch.stack((angle * torch.cos(angle), angle * torch.sin(angle)), dim=1) / 15.0


def mlp(*widths: int, end_in_relu: bool) -> nn.Sequential:
    modules: list[nn.Module] = []
    for before, after in pairwise(widths):
        modules += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*(modules if end_in_relu else modules[:-1]))


class PlainVAE(nn.Module):
    """Encoder, mean, log-variance, decoder: created in this order, which decides the weights a seed gives."""

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.encoder = mlp(2, width, width, width, end_in_relu=True)
        self.fc_mu = nn.Linear(width, latent)
        self.fc_logvar = nn.Linear(width, latent)
        self.decoder = mlp(latent, width, width, width, 2, end_in_relu=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.encoder(x)
        centre, spread = self.fc_mu(hidden), self.fc_logvar(hidden)
        scale = torch.exp(spread * 0.5)
        return self.decoder(centre + torch.randn_like(scale) * scale), centre, spread


def plain_loss(model: nn.Module, x: Tensor, beta: float) -> Tensor:
    out, centre, spread = model(x)
    squared_error = torch.mean((out - x) ** 2)
    divergence = -0.5 * torch.mean(1 + spread - centre.pow(2) - torch.exp(spread))
    return squared_error + beta * divergence


def plain_training(
    steps: int, batch: int, lr: float, beta: float, latent: int, width: int, draw_every: int | None = None
) -> tuple[PlainVAE, list[float]]:
    """The notebook's loop; each picture of the latent space draws 1000 points from the global generator."""
    model = PlainVAE(latent, width)
    adam = torch.optim.Adam(model.parameters(), lr=lr)
    losses: list[float] = []
    if draw_every:
        roll(1000)
    for step in range(1, steps + 1):
        loss = plain_loss(model, roll(batch), beta)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
        if draw_every and step % draw_every == 0:
            roll(1000)
    if draw_every:
        roll(1000)
    return model, losses


def assert_same_weights(ours: nn.Module, plain: nn.Module) -> None:
    ours_state, plain_state = ours.state_dict(), plain.state_dict()
    assert list(ours_state) == list(plain_state)
    for name, weight in plain_state.items():
        assert torch.equal(ours_state[name], weight), name


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Equality to the bit is promised on the CPU; the threads may decide a sum's last bit, so both sides share them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(3)
    return VAE(2, 16)


def test_a_thousand_default_steps_equal_the_transcription_to_the_last_bit() -> None:
    torch.manual_seed(42)
    plain, expected = plain_training(1000, 128, 1e-3, 0.01, 2, 256)
    after = torch.rand(3)

    torch.manual_seed(42)
    model, losses, device = train_vae()

    assert losses == expected
    assert_same_weights(model, plain)
    assert torch.equal(torch.rand(3), after)  # No draw more or fewer.
    assert device == torch.device("cpu")
    assert all(type(loss) is float for loss in losses)


@pytest.mark.parametrize(
    ("latent", "width", "batch", "lr", "beta"), [(1, 7, 5, 3e-3, 0.0), (2, 32, 128, 1e-3, 0.01), (5, 16, 1, 1e-2, 2.0)]
)
def test_train_vae_equals_the_transcription_at_other_settings(
    latent: int, width: int, batch: int, lr: float, beta: float
) -> None:
    torch.manual_seed(7)
    plain, expected = plain_training(40, batch, lr, beta, latent, width)
    torch.manual_seed(7)
    model, losses, _ = train_vae(40, batch, lr, beta, latent_dim=latent, hidden_dim=width)
    assert losses == expected
    assert_same_weights(model, plain)


@pytest.mark.parametrize("interval", [20, 25, 1000])
def test_training_with_pictures_equals_the_transcription_with_their_draws(interval: int) -> None:
    torch.manual_seed(42)
    plain, expected = plain_training(60, 128, 1e-3, 0.01, 2, 32, draw_every=interval)
    torch.manual_seed(42)
    result = train_vae_with_visualization(n_steps=60, viz_interval=interval, hidden_dim=32)
    model, losses, device = result
    assert losses == expected
    assert_same_weights(model, plain)
    assert device == torch.device("cpu")
    assert len(result.figures) == 2 + 60 // interval


def test_pictures_during_training_show_the_model_of_that_step() -> None:
    torch.manual_seed(1)
    result = train_vae_with_visualization(10, viz_interval=5, hidden_dim=8)
    torch.manual_seed(1)
    before = PlainVAE(2, 8)
    np.testing.assert_allclose(offsets(result.figures[0])[1], decoded_plane(before, 31), atol=1e-6)
    np.testing.assert_allclose(offsets(result.figures[-1])[1], decoded_plane(result.model, 31), atol=1e-6)
    assert not np.allclose(offsets(result.figures[0])[1], offsets(result.figures[1])[1], atol=1e-4)


def test_compute_vae_loss_equals_the_transcription(model: VAE) -> None:
    x = roll(64)
    torch.manual_seed(5)
    loss = compute_vae_loss(model, x, 0.3)
    torch.manual_seed(5)
    assert torch.equal(loss, plain_loss(model, x, 0.3))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_state_dict_travels_both_ways() -> None:
    ours, plain, back = VAE(3, 12), PlainVAE(3, 12), VAE(3, 12)
    plain.load_state_dict(ours.state_dict(), strict=True)
    back.load_state_dict(plain.state_dict(), strict=True)
    x = roll(9)
    torch.manual_seed(2)
    expected = plain(x)
    for model in (ours, back):
        torch.manual_seed(2)
        assert all(torch.equal(a, b) for a, b in zip(model(x), expected, strict=True))


def test_one_seed_gives_the_transcriptions_first_weights() -> None:
    torch.manual_seed(11)
    plain = PlainVAE(2, 256)
    torch.manual_seed(11)
    assert_same_weights(VAE(), plain)


def test_generate_swiss_roll_has_the_transcriptions_bits() -> None:
    torch.manual_seed(42)
    expected = roll(1000)
    torch.manual_seed(42)
    points = generate_swiss_roll()
    assert torch.equal(points, expected)
    assert points.dtype == torch.float32


def test_generate_swiss_roll_lies_on_the_spiral_between_its_ends() -> None:
    radius = 15 * generate_swiss_roll(20_000).double().norm(dim=1)
    assert radius.min() > 1.5 * PI - 1e-5
    assert radius.max() < 4.5 * PI + 1e-5
    # A uniform t has mean 3 pi and standard deviation 3 pi / sqrt(12).
    assert radius.mean().item() == pytest.approx(3 * PI, abs=5 * 3 * PI / math.sqrt(12 * 20_000))


def offsets(figure: Figure, axes: int = 0) -> list[Any]:
    scatters = [c for c in figure.axes[axes].collections if isinstance(c, PathCollection)]
    return [np.asarray(c.get_offsets()) for c in scatters]


def decoded_plane(model: nn.Module, size: int) -> Any:
    """Decode [-2, 2]^2, first coordinate slowest, in plain NumPy and double precision."""
    axis = np.linspace(-2, 2, size)
    h = np.array([[first, second] for first in axis for second in axis])
    decoder = model.decoder
    assert isinstance(decoder, nn.Sequential)
    layers = [layer for layer in decoder if isinstance(layer, nn.Linear)]
    for index, layer in enumerate(layers):
        h = h @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        h = np.maximum(h, 0) if index < len(layers) - 1 else h
    return h


@pytest.mark.parametrize(("n_points", "side"), [(1000, 31), (49, 7), (1, 1)])
def test_visualize_latent_space_shows_real_points_and_the_decoded_grid(model: VAE, n_points: int, side: int) -> None:
    torch.manual_seed(8)
    figure = visualize_latent_space(model, n_points)
    torch.manual_seed(8)
    real, generated = offsets(figure)
    np.testing.assert_array_equal(real, roll(n_points).numpy())
    np.testing.assert_allclose(generated, decoded_plane(model, side), atol=1e-6)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["Real", "Generated"]


@pytest.mark.parametrize("n_points", [1, 37, 1000])
def test_visualize_reconstructions_joins_every_point_to_its_reconstruction(model: VAE, n_points: int) -> None:
    torch.manual_seed(9)
    figure = visualize_reconstructions(model, n_points)
    torch.manual_seed(9)
    x = roll(n_points)
    with torch.no_grad():
        recon_x = model(x)[0]
    (original,), (reconstructed,) = offsets(figure, 0), offsets(figure, 1)
    np.testing.assert_array_equal(original, x.numpy())
    np.testing.assert_array_equal(reconstructed, recon_x.numpy())
    (lines,) = (c for c in figure.axes[1].collections if isinstance(c, LineCollection))
    assert len(lines.get_segments()) == n_points
    np.testing.assert_array_equal(np.stack(lines.get_segments()), np.stack([x, recon_x], axis=1))


def test_pictures_leave_no_figure_open_in_pyplot(model: VAE) -> None:
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    visualize_latent_space(model, 4)
    visualize_reconstructions(model, 4)
    assert plt.get_fignums() == before


def test_signatures_keep_the_notebooks_parameters_and_defaults() -> None:
    needed = inspect.Parameter.empty
    settings: list[tuple[str, object]] = [("n_steps", 1000), ("batch_size", 128), ("lr", 1e-3), ("beta", 0.01)]
    picture: list[tuple[str, object]] = [("model", needed), ("n_points", 1000)]
    expected: dict[Callable[..., Any], list[tuple[str, object]]] = {
        generate_swiss_roll: [("n_samples", 1000)],
        VAE: [("latent_dim", 2), ("hidden_dim", 256)],
        compute_vae_loss: [("model", needed), ("x", needed), ("beta", needed)],
        train_vae: settings,
        train_vae_with_visualization: [*settings, ("viz_interval", 100)],
        visualize_reconstructions: picture,
        visualize_latent_space: picture,
    }
    for function, parameters in expected.items():
        found = inspect.signature(function).parameters.values()
        positional = [p for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert [(p.name, p.default) for p in positional] == parameters, function
        assert all(p.kind is p.KEYWORD_ONLY for p in found if p not in positional), function


def test_extras_of_the_vae_are_keyword_only() -> None:
    with pytest.raises(TypeError):
        VAE(2, 8, 3)  # type: ignore[call-arg]
    model = VAE(3, 8, data_dim=5, depth=1, activation="tanh")
    recon_x, mu, logvar = model(torch.randn(4, 5))
    assert (recon_x.shape, mu.shape, logvar.shape) == ((4, 5), (4, 3), (4, 3))
    assert [type(layer).__name__ for layer in model.encoder] == ["Linear", "Tanh"]
    assert [type(layer).__name__ for layer in model.decoder] == ["Linear", "Tanh", "Linear"]


@pytest.mark.parametrize("train", [train_vae, train_vae_with_visualization])
def test_extras_of_training_are_keyword_only(train: Callable[..., Any]) -> None:
    many_positional = (1, 4, 1e-3, 0.01, 1, 2, 8)
    with pytest.raises(TypeError):
        train(*many_positional)
    model = train(1, latent_dim=3, hidden_dim=4)[0]
    assert (model.latent_dim, model.hidden_dim) == (3, 4)


@pytest.mark.parametrize(
    "bad",
    [
        {"n_steps": -1},
        {"n_steps": 1.5},
        {"batch_size": 0},
        {"lr": 0.0},
        {"lr": math.inf},
        {"beta": -0.1},
        {"beta": math.nan},
        {"latent_dim": 0},
        {"hidden_dim": 0},
    ],
)
@pytest.mark.parametrize("train", [train_vae, train_vae_with_visualization])
def test_training_refuses_bad_arguments_by_name(train: Callable[..., Any], bad: dict[str, Any]) -> None:
    (name,) = bad
    with pytest.raises(ValueError, match=rf"{name} must be .*; got ") as caught:
        train(**bad)
    assert repr(bad[name]) in str(caught.value)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: generate_swiss_roll(0), "n_samples"),
        (lambda: generate_swiss_roll(2.0), "n_samples"),  # type: ignore[arg-type]
        (lambda: train_vae_with_visualization(1, viz_interval=0), "viz_interval"),
        (lambda: visualize_latent_space(VAE(2, 4), 0), "n_"),
        (lambda: visualize_reconstructions(VAE(2, 4), -3), "n_"),
        (lambda: VAE(0), "latent_dim"),
        (lambda: VAE(2, 0), "hidden_dim"),
        (lambda: VAE(data_dim=0), "data_dim"),
        (lambda: VAE(depth=-1), "depth"),
        (lambda: VAE(activation="sine"), "activation"),  # type: ignore[arg-type]
    ],
)
def test_other_functions_refuse_bad_arguments_by_name(call: Callable[[], Any], name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}.* must be .*; got "):
        call()


def test_zero_steps_return_the_first_weights_and_no_loss() -> None:
    torch.manual_seed(6)
    plain = PlainVAE(2, 8)
    torch.manual_seed(6)
    model, losses, _ = train_vae(0, hidden_dim=8)
    assert losses == []
    assert_same_weights(model, plain)


def test_every_public_name_is_there() -> None:
    renamed = {"evidence_floor": "nll_lower_bound"}
    for name in swissroll.__all__:
        assert getattr(swissroll, name).__name__ == renamed.get(name, name)


def test_the_loss_of_a_mixture_prior_and_a_learned_variance_is_the_models_own() -> None:
    # Oracle: densities of torch.distributions at the draw that the model makes.
    model = VAE(2, 8, components=3, learned_variance=True)
    assert isinstance(model.prior, Mixture)
    assert model.decoder_logvar is not None
    x = roll(64)
    torch.manual_seed(3)
    loss = compute_vae_loss(model, x, 0.5)
    torch.manual_seed(3)
    mu, logvar = model.encode(x)
    q = Normal(mu, (0.5 * logvar).exp())
    z = q.rsample()
    parts = Independent(Normal(model.prior.means, (0.5 * model.prior.logvars).exp()), 1)
    prior = MixtureSameFamily(Categorical(logits=model.prior.logits), parts)
    kl = (q.log_prob(z).sum(1) - prior.log_prob(z)).mean() / 2
    distortion = -Normal(model.decode(z), (0.5 * model.decoder_logvar).exp()).log_prob(x).mean()
    torch.testing.assert_close(loss, distortion + 0.5 * kl)

    loss.backward()
    for parameter in (model.prior.means, model.decoder_logvar):
        assert parameter.grad is not None
        assert bool((parameter.grad != 0).any())


class EncodesAndDecodes(nn.Module):
    """Two methods, and no forward."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(2, 4), nn.Linear(2, 2)

    def encode(self, x: Tensor) -> Any:
        return self.encoder(x).chunk(2, dim=1)

    def decode(self, z: Tensor) -> Any:
        return self.decoder(z)


def test_a_module_with_encode_and_decode_alone_has_the_notebooks_loss() -> None:
    # Oracle: torch.distributions, at the draw that the reparameterization trick makes.
    model, x = EncodesAndDecodes(), roll(64)
    torch.manual_seed(3)
    loss = compute_vae_loss(model, x, 0.3)

    torch.manual_seed(3)
    mu, logvar = model.encode(x)
    q = Normal(mu, (0.5 * logvar).exp())
    error = (model.decode(q.rsample()) - x).square().mean()
    torch.testing.assert_close(loss, error + 0.3 * kl_divergence(q, Normal(0.0, 1.0)).mean())

    loss.backward()
    assert all(weights.grad is not None for weights in model.parameters())


def test_the_notebooks_own_class_has_its_loss_without_encode_or_decode() -> None:
    plain, x = PlainVAE(2, 8), roll(16)
    torch.manual_seed(1)
    loss = compute_vae_loss(plain, x.double().numpy(), torch.tensor(0.3))
    torch.manual_seed(1)
    assert torch.equal(loss, plain_loss(plain, x, 0.3))


def diverge_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the batch that is drawn from the present state of the generator be infinite, whenever it is drawn."""
    here = torch.get_rng_state()

    def draw(n: int = 1000) -> Tensor:
        is_here = torch.equal(torch.get_rng_state(), here)
        return roll(n) * (math.inf if is_here else 1)

    monkeypatch.setattr(swissroll.notebook, "generate_swiss_roll", draw)


def test_a_training_that_diverges_keeps_its_last_good_state(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    plain_training(7, 16, 1e-3, 0.01, 2, 8)
    diverge_here(monkeypatch)
    torch.manual_seed(5)
    plain, expected = plain_training(6, 16, 1e-3, 0.01, 2, 8)
    torch.manual_seed(5)
    with pytest.raises(DivergedError, match="at step 8") as caught:
        train_vae(20, 16, hidden_dim=8)
    model, losses, device = caught.value.trained
    assert losses == expected
    assert_same_weights(model, plain)
    assert device == torch.device("cpu")


@pytest.mark.parametrize("train", [train_vae, train_vae_with_visualization])
@pytest.mark.parametrize("cut", [3, 110])
def test_an_interrupted_training_keeps_its_last_whole_step(
    train: Callable[..., Any], cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(5)
    draw_every = 100 if train is train_vae_with_visualization else None
    plain, expected = plain_training(cut, 16, 1e-3, 0.01, 2, 8, draw_every=draw_every)
    step = Adam.step

    def interrupted(self: Adam) -> None:
        taken.append(None)
        if len(taken) == cut:
            signal.raise_signal(signal.SIGINT)
        step(self)

    taken: list[None] = []
    monkeypatch.setattr(Adam, "step", interrupted)
    torch.manual_seed(5)
    with pytest.raises(KeyboardInterrupt, match=f"Stopped after step {cut}") as caught:
        train(200, 16, hidden_dim=8)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    trained = caught.value.trained  # type: ignore[attr-defined]
    assert trained.losses == expected
    assert_same_weights(trained.model, plain)
    assert hasattr(trained, "figures") == (train is train_vae_with_visualization)


@pytest.mark.parametrize("draw", [visualize_latent_space, visualize_reconstructions])
def test_pictures_show_what_the_model_was_trained_on(draw: Callable[..., Figure]) -> None:
    torch.manual_seed(4)
    real = offsets(draw(build_model(Config(dataset="moons", hidden_dim=4)), 30))[0]
    torch.manual_seed(4)
    np.testing.assert_array_equal(real, CURVES["moons"].sample(30)[0].numpy())
    assert draw(train_vae(0, hidden_dim=4).model, 9)._supxlabel.get_text() == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize("draw", [visualize_latent_space, visualize_reconstructions])
def test_pictures_take_any_points_and_say_where_they_know_none(draw: Callable[..., Figure]) -> None:
    model = VAE(2, 4)
    points = np.random.default_rng(0).normal(size=(7, 2))
    figure = draw(model, 9, points=points)
    np.testing.assert_allclose(offsets(figure)[0], points, rtol=1e-6)
    assert "Swiss roll" in draw(model, 9)._supxlabel.get_text()  # type: ignore[attr-defined]

    solid = VAE(2, 4, data_dim=3)
    helix = CURVES["helix"].sample(8)[0]
    np.testing.assert_array_equal(offsets(draw(solid, 9, points=helix))[0], helix[:, [0, 2]].numpy())
    with pytest.raises(ValueError, match=r"model takes 3: pass .*points="):
        draw(solid)
    with pytest.raises(ValueError, match=r"points must have shape \(N, 3\)"):
        draw(solid, points=points)
