"""Known answers: what this installation computes, against closed forms and libraries that share no code with it.

Each check names what was computed, the value found, the value expected and the tolerance. Where the expected value is
another computation's, the value found is the largest difference between the two, and 0 is expected.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from time import perf_counter

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal, kl_divergence

from swissroll.config import Config
from swissroll.data import CURVES
from swissroll.evaluation import distances, evidence, geometry, latent_space, lower_bound, ppca
from swissroll.model import loss as objective
from swissroll.model import terms
from swissroll.model.prior import Mixture
from swissroll.model.translation import translate
from swissroll.model.vae import VAE
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.training.engines.torch import TorchEngine
from swissroll.training.loop import Training, scheduled_lr_and_beta

EIGENVALUES = (0.2263, 0.1834)
"""Variances of the Swiss roll along its principal axes: a linear VAE keeps an axis while beta < 2 variance."""
COLLAPSE = {0.34: 2, 0.4: 1, 0.42: 1, 0.48: 0}
"""Active units of a linear VAE on such a Gaussian by beta, the thresholds being 0.3668 and 0.4526."""
LINEAR_STEPS = 2200
NOTEBOOK_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class Check:
    """One known answer.

    Attributes:
        name: What was computed, and against what.
        found: The value found.
        expected: The value expected.
        tolerance: Largest difference allowed.
        unit: Of all three.
    """

    name: str
    found: float
    expected: float
    tolerance: float
    unit: str = ""

    @property
    def ok(self) -> bool:
        """Whether the value found is as expected; one that is not finite never is."""
        return abs(self.found - self.expected) <= self.tolerance

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "FAILED"
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{verdict:<6}  {self.name}: found {self.found:.6g}, expected {self.expected:.6g}, "
            f"tolerance {self.tolerance:g}{unit}"
        )


def selftest(show: Callable[[str], object] = print) -> bool:
    """Compute every known answer on one thread, under a minute in all, and say as it goes what came out.

    Args:
        show: Takes each line: one per check, one with their count, and where some failed one that says what helps.

    Returns:
        Whether all were as expected. A check that raises an exception has failed.
    """
    began = perf_counter()
    outcomes: list[bool] = []

    with ordinary_modes(gradients=True, threads=1):
        for group in GROUPS:
            try:
                for check in group():
                    outcomes.append(check.ok)
                    show(str(check))
            except Exception as error:
                outcomes.append(False)
                show(_describe_failure(group, error))

    seconds = perf_counter() - began
    show(f"{sum(outcomes)} of {len(outcomes)} known answers found in {seconds:.0f} s.")
    if not all(outcomes):
        show("Do not trust numbers made here: install the versions in constraints.txt, and try again.")
    return all(outcomes)


def _describe_failure(group: Callable[[], Iterator[Check]], error: Exception) -> str:
    """The line of a check that raised an exception."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    name = group.__name__.removeprefix("check_").replace("_", " ")
    return f"FAILED  {name}: {type(error).__name__} in {where.name}: {error}"


def check_rate() -> Iterator[Check]:
    """Kullback-Leibler divergences, in nats, against torch.distributions."""
    mu, logvar = torch.randn(2, 64, 3, generator=_seeded(), dtype=torch.float64)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(dim=-1)
    yield _same("rate of 64 posteriors, against torch.distributions", terms.rate(mu, logvar), expected, 1e-12)


def check_mixture() -> Iterator[Check]:
    """Log density of a mixture prior, in nats, against torch.distributions."""
    prior = Mixture(2, 5, generator=_seeded()).double()
    with torch.no_grad():
        prior.logits.copy_(torch.arange(5.0))
        z = torch.randn(64, 2, generator=_seeded(), dtype=torch.float64)
        parts = Independent(Normal(prior.means, (0.5 * prior.logvars).exp()), 1)
        expected = MixtureSameFamily(Categorical(logits=prior.logits), parts).log_prob(z)
        found = prior.log_prob(z)
    yield _same("mixture prior's log density, against torch.distributions", found, expected, 1e-10)


def check_evidence() -> Iterator[Check]:
    """Evidence of a linear model by quadrature, in nats, against its closed form: log N(x; b, W W' + sigma^2 I)."""
    sigma = 0.3
    model = VAE(2, data_dim=3, depth=0, generator=_seeded()).double()
    x = torch.randn(40, 3, generator=_seeded(), dtype=torch.float64)
    weight, offset = (parameter.detach() for parameter in model.decoder.parameters())

    # x = W z + b + sigma eps, with z and eps standard normal.
    covariance = weight @ weight.T + sigma**2 * torch.eye(3, dtype=torch.float64)
    expected = MultivariateNormal(offset, covariance).log_prob(x)

    found = evidence.log_evidence(model, x, sigma=sigma)
    yield _same("log evidence of a linear-Gaussian model, against its closed form", found, expected, 1e-6)


def check_linear_vae() -> Iterator[Check]:
    """A linear VAE trained on a Gaussian ends in probabilistic PCA, dead axes included."""
    for beta, active in COLLAPSE.items():
        model, x, covariance = _trained_linear(beta)
        sigma = translate(beta, "mean", 2, 2).sigma
        name = f"linear VAE at beta {beta:g}"

        found = evidence.log_evidence(model, x, sigma=sigma).mean().item()
        expected = ppca.ppca_evidence(covariance, 2, sigma)
        yield Check(
            name=f"{name}, log evidence against PCA", found=found, expected=expected, tolerance=5e-4, unit="nats"
        )

        with torch.no_grad():
            found = int((latent_space.activity(model.encode(x)[0]) > latent_space.ACTIVE).sum())
        yield Check(name=f"{name}, active units", found=found, expected=active, tolerance=0)


def check_entropy() -> Iterator[Check]:
    """Entropy of the noisy roll, in nats, against a sum over a finer grid."""
    found = lower_bound.data_entropy(CURVES["swiss_roll"], 0.05)
    yield Check(name="entropy of the roll at noise 0.05", found=found, expected=0.1817, tolerance=2e-4, unit="nats")


def check_distance_to_curve() -> Iterator[Check]:
    """Distances to the roll against SciPy's bounded minimisation over 48 pieces of it."""
    from scipy.optimize import minimize_scalar

    points = 1.5 * torch.randn(8, 2, generator=_seeded(), dtype=torch.float64)
    edges = np.linspace(1.5 * math.pi, 4.5 * math.pi, 49)

    def away(t: float, x: float, y: float) -> float:
        return math.hypot(t * math.cos(t) / 15 - x, t * math.sin(t) / 15 - y)

    def shortest(x: float, y: float) -> float:
        settings = {"args": (x, y), "method": "bounded", "options": {"xatol": 1e-9}}
        found = [minimize_scalar(away, bounds=bounds, **settings).fun for bounds in pairwise(edges)]
        return float(min(found))

    expected = [shortest(x, y) for x, y in points.tolist()]
    found = geometry.project(CURVES["swiss_roll"], points).distance
    name = "distance of 8 points to the roll, against SciPy's minimisation"
    yield _same(name, found, torch.tensor(expected, dtype=torch.float64), 1e-6, unit="data units")


def check_wasserstein() -> Iterator[Check]:
    """W2 between a set and its copy moved by v is |v|."""
    points = torch.randn(200, 2, generator=_seeded(), dtype=torch.float64)
    found = distances.wasserstein(points, points + points.new_tensor([0.3, -0.4]))
    yield Check(
        name="W2 of a set and its copy moved by (0.3, -0.4)",
        found=found, expected=0.5, tolerance=1e-9, unit="data units",
    )  # fmt: skip


def check_notebook() -> Iterator[Check]:
    """The notebook's recipe gives the same losses twice, and those of a plain loop, to the last bit."""
    plain = _plain_losses(seed=42)
    first = _engine_losses(seed=42)
    second = _engine_losses(seed=42)
    name = f"losses of the notebook's first {NOTEBOOK_STEPS} steps"
    yield _same(f"{name}, one seed twice", first, second, 0.0, unit="")
    yield _same(f"{name}, against a plain PyTorch loop", first, plain, 0.0, unit="")


GROUPS: tuple[Callable[[], Iterator[Check]], ...] = (
    check_rate,
    check_mixture,
    check_evidence,
    check_linear_vae,
    check_entropy,
    check_distance_to_curve,
    check_wasserstein,
    check_notebook,
)


def _seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def _same(name: str, found: Tensor, expected: Tensor, tolerance: float, unit: str = "nats") -> Check:
    """A check that two computations agree: their largest difference is 0."""
    largest = (found - expected).abs().max().item() if found.shape == expected.shape else math.nan
    return Check(name=name, found=largest, expected=0.0, tolerance=tolerance, unit=unit)


def _trained_linear(beta: float) -> tuple[VAE, Tensor, Tensor]:
    """A linear VAE trained on a turned Gaussian, four points with its mean and covariance, and the covariance."""
    turn = torch.tensor([[math.cos(0.5), -math.sin(0.5)], [math.sin(0.5), math.cos(0.5)]])
    axes = turn * torch.tensor(EIGENVALUES).sqrt()  # One column per axis.
    data = _seeded(1)
    noise = _seeded(2)
    config = Config(beta=beta, lr=0.02, lr_schedule="cosine", steps=LINEAR_STEPS)
    model = VAE(2, data_dim=2, depth=0, generator=_seeded())
    engine = TorchEngine(
        model,
        lambda: torch.randn(512, 2, generator=data) @ axes.T,
        loss=objective.Loss(beta=beta, data_dim=2, latent_dim=2),
        lr=config.lr,
        schedule=partial(scheduled_lr_and_beta, config),
        noise=noise,
    )
    for _ in Training(engine, steps=LINEAR_STEPS):
        pass
    # Their mean is 0 and their mean square the covariance, so a mean of log-Gaussians over them is exact.
    points = math.sqrt(2) * torch.cat([axes.T, -axes.T])
    return model, points, axes @ axes.T


def _engine_losses(seed: int) -> Tensor:
    """Losses of the notebook's recipe as this package takes its steps, with PyTorch's global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        loss = objective.Loss(beta=0.01, data_dim=2, latent_dim=2)
        engine = TorchEngine(VAE(), lambda: CURVES["swiss_roll"].sample(128)[0], loss=loss, lr=1e-3, fused=False)
        return torch.stack([engine.step()[0] for _ in range(NOTEBOOK_STEPS)])


def _plain_losses(seed: int) -> Tensor:
    """The same written plainly."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Made in the notebook's order, which decides the weights.
        networks = nn.ModuleDict({"encoder": _hidden_layers(2)})
        networks["mu"] = nn.Linear(256, 2)
        networks["logvar"] = nn.Linear(256, 2)
        networks["decoder"] = nn.Sequential(_hidden_layers(2), nn.Linear(256, 2))
        adam = torch.optim.Adam(networks.parameters(), lr=1e-3)
        return torch.stack([_plain_step(networks, adam) for _ in range(NOTEBOOK_STEPS)])


def _hidden_layers(inputs: int) -> nn.Sequential:
    layers = nn.Sequential()
    for size in (inputs, 256, 256):
        layers.extend((nn.Linear(size, 256), nn.ReLU()))
    return layers


def _plain_step(networks: nn.ModuleDict, adam: torch.optim.Adam) -> Tensor:
    t = 1.5 * math.pi * (1 + 2 * torch.rand(128))
    x = torch.stack([t * torch.cos(t), t * torch.sin(t)], dim=1) / 15.0

    h = networks["encoder"](x)
    mu = networks["mu"](h)
    logvar = networks["logvar"](h)
    std = torch.exp(0.5 * logvar)
    z = mu + torch.randn_like(std) * std

    error = torch.mean((networks["decoder"](z) - x) ** 2)
    kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))
    loss = error + 0.01 * kl

    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss.detach()
