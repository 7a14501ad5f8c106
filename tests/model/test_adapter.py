"""Anybody's module behind the door of a VAE. Oracle: the VAE of ours that has the same weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swissroll import VAE
from swissroll.data import CURVES
from swissroll.evaluation.evidence import log_evidence, measure_evidence
from swissroll.evaluation.metrics import measure
from swissroll.model.adapter import as_vae, measurable
from swissroll.model.latents import draw_latents
from swissroll.model.prior import StandardNormal
from tests.oracles import seeded

ROLL = CURVES["swiss_roll"]


class Students(nn.Module):
    """As the notebook has it: no dimensions, no prior, and no generator anywhere."""

    def __init__(self, latent: int = 2, width: int = 8, data: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(data, width), nn.ReLU())
        self.mean = nn.Linear(width, latent)
        self.spread = nn.Linear(width, latent)
        self.out = nn.Sequential(nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, data))

    def encode(self, x: Tensor) -> Any:
        h = self.body(x)
        return self.mean(h), self.spread(h)

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z: Tensor) -> Any:
        return self.out(z)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


class NotebookSignature(VAE):
    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:  # type: ignore[override]
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std


class Keeps(VAE):
    """Stores what it computed, which PyTorch refuses to copy."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.kept, logvar = super().encode(x)
        self.all_kept = [self.kept, {"logvar": logvar}]
        return self.kept, logvar


def twins(kind: str) -> tuple[nn.Module, VAE]:
    """A model and the VAE of ours with the same weights."""
    ours = VAE(2, 8, depth=1, generator=seeded(1))
    weights = list(ours.state_dict().values())
    makers: dict[str, Callable[[], nn.Module]] = {
        "students": Students,
        "signature": lambda: NotebookSignature(2, 8, depth=1),
        "keeps": lambda: Keeps(2, 8, depth=1),
    }
    model = makers[kind]()
    model.load_state_dict(dict(zip(model.state_dict(), weights, strict=True)))
    return model, ours


KINDS = ["students", "signature", "keeps"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_is_measured_as_the_vae_with_its_weights(kind: str) -> None:
    model, ours = twins(kind)
    model(torch.zeros(3, 2))
    before = torch.get_rng_state()
    assert measure(model, ROLL, sigma=0.1, n=100) == measure(ours, ROLL, sigma=0.1, n=100)
    x = torch.randn(3, 2)
    assert torch.equal(log_evidence(model, x, sigma=0.3), log_evidence(ours, x, sigma=0.3))
    after = torch.get_rng_state()
    torch.set_rng_state(before)
    torch.randn(3, 2)
    assert torch.equal(after, torch.get_rng_state())  # The global generator is left alone.


def test_dimensions_are_found_by_asking() -> None:
    found = as_vae(Students(latent=3, data=5))
    assert (found.data_dim, found.latent_dim, found.dtype) == (5, 3, torch.float32)
    assert isinstance(found.prior, StandardNormal)
    assert found.decoder_sigma is None
    with pytest.raises(ValueError, match=r"x must have shape \(N, 5\) .*got shape \(4, 2\)"):
        log_evidence(Students(latent=3, data=5), torch.zeros(4, 2), sigma=1.0)


def test_asking_changes_nothing() -> None:
    class Counts(Students):
        calls = 0

        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def encode(self, x: Tensor) -> Any:
            self.calls += 1
            torch.rand(1)
            return super().encode(self.norm(x))

    model = Counts()
    running = model.norm.running_mean
    assert running is not None
    state = torch.get_rng_state()
    measurable(model)
    assert model.calls == 0
    assert model.training
    assert model.norm.training
    assert torch.equal(running, torch.zeros(2))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_module_in_training_is_measured_in_evaluation_mode() -> None:
    model = Students()
    model.body.append(nn.Dropout(0.5))
    model.train()
    first = measure(model, ROLL, sigma=0.1, n=100)
    assert model.training
    assert measure(model.eval(), ROLL, sigma=0.1, n=100) == first


def test_gradients_reach_the_modules_own_weights() -> None:
    model = Students()
    mu, logvar = as_vae(model).encode(torch.randn(3, 2))
    draw_latents(as_vae(model), mu, logvar).sum().backward()
    assert model.mean.weight.grad is not None


@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (0.5, 2.0)])
def test_a_prior_of_torch_distributions_is_the_models(loc: float, scale: float) -> None:
    class WithPrior(Students):
        prior = torch.distributions.Normal(torch.full((2,), loc), torch.full((2,), scale))

    model = WithPrior()
    found = as_vae(model)
    z = torch.randn(50_000, 2)
    torch.testing.assert_close(found.prior.log_prob(z), model.prior.log_prob(z).sum(1))
    drawn = found.draw_prior(50_000, generator=seeded(0))
    assert drawn.mean().item() == pytest.approx(loc, abs=0.03)
    assert drawn.std().item() == pytest.approx(scale, abs=0.03)
    bound = measure_evidence(model, torch.zeros(1, 2), sigma=1.0, samples=10, generator=seeded(0)).bound
    assert bound == (loc != 0)


def test_a_reparameterize_without_generator_draws_from_the_one_that_is_named() -> None:
    model, ours = twins("signature")
    mu, logvar = torch.randn(2, 4, 2)
    generator, same = seeded(3), seeded(3)
    state = torch.get_rng_state()
    for _ in range(2):
        expected = ours.reparameterize(mu, logvar, generator=same)
        assert torch.equal(draw_latents(model, mu, logvar, generator=generator), expected)  # type: ignore[arg-type]
    assert torch.equal(torch.get_rng_state(), state)


class OneTensor(Students):
    def encode(self, x: Tensor) -> Any:
        return super().encode(x)[0]


class Images(Students):
    def decode(self, z: Tensor) -> Any:
        return super().decode(z)[..., None]


class Breaks(Students):
    def encode(self, _: Tensor) -> Any:
        raise KeyError("two\nlines")


class OneLatent(Students):
    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return super().reparameterize(mu, logvar)[:1]


class WidePrior(Students):
    def __init__(self) -> None:
        super().__init__()
        self.prior = StandardNormal(3)


class OddPrior(Students):
    prior = "normal"


def test_latents_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model.reparameterize must return latents, a tensor of shape \(100, 2\)"):
        measure(OneLatent(), ROLL, sigma=0.1, n=100)


class WithLock(Students):
    def __init__(self) -> None:
        super().__init__()
        from threading import Lock

        self.lock = Lock()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Linear(2, 2), "model must be a VAE or a module with encode.* this Linear has no encode"),
        ("vae", "model must be a VAE .*got 'vae', of type str"),
        (VAE, "model must be .*of type type"),
        (None, "model must be .*got None"),
        (OneTensor(), "model.encode must return the mean and the log-variance"),
        (Images(), r"model.decode must return points.* got shape \(2, 2, 1\)"),
        (Breaks(), r"model.encode failed: KeyError: 'two\\nlines'"),
        (OddPrior(), "model.prior must be"),
        (WidePrior(), r"model.prior has 3 latent dimensions; model.encode returns 2"),
        (WithLock(), "model cannot be copied"),
    ],
)
def test_what_cannot_be_known_is_said_in_one_line(model: Any, words: str) -> None:
    for call in (
        lambda: measure(model, ROLL, sigma=0.1, n=100),
        lambda: log_evidence(model, [[0.0, 0.0]], sigma=0.1),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_what_a_models_draw_takes_is_found_once_and_not_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(VAE):
        def reparameterize(self, mu: Tensor, logvar: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
            return super().reparameterize(mu, logvar, generator=generator)

    class Plain:
        def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape)

    looked_at = []
    look = inspect.signature

    def watch(function: Callable[..., Any]) -> Any:
        looked_at.append(function)
        return look(function)

    monkeypatch.setattr(inspect, "signature", watch)
    mu = torch.zeros(4, 2)
    # Another object of the class has the same answer; another class has its own.
    models: list[Any] = [Own(2, 3), Own(2, 3), Plain()]
    drawn = [draw_latents(model, mu, mu, generator=seeded(0)) for model in models * 3]
    assert len(looked_at) == 2
    assert all(torch.equal(each, drawn[0]) for each in drawn)
