"""Variants of the loss: each held to a formula that is written out, or to a model whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from swissroll.config import Config, digest
from swissroll.data import CURVES
from swissroll.evaluation.advice import Action, Advice, beyond_the_fit, fit_advice
from swissroll.evaluation.evaluation import evaluate_trained
from swissroll.evaluation.tables import summary_rows
from swissroll.evaluation.wording import advice_text
from swissroll.model.loss import Loss
from swissroll.model.vae import VAE
from swissroll.model.weighted_bound import negative_bound
from swissroll.report.lab_start import beyond_the_page, start_of_config
from swissroll.report.loss_words import describe_loss
from swissroll.runs.run import create, load
from swissroll.runs.training import advance
from swissroll.training.build import build, build_model, choose_engine, flops, loss_of, require_engine
from swissroll.training.many import train_many, train_one

TINY = Config(
    hidden_dim=8, depth=1, steps=60, eval_every=20, batch_size=32, lr=1e-2, threads=1, engine="torch", device="cpu"
)  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "batch-optimal": {"decoder_variance": "batch_optimal", "beta": 0.1},
    "free bits": {"free_bits": 0.5, "beta": 0.1},
    "largest error": {"max_error": 0.2},
    "importance weights": {"importance_samples": 3},
}
every_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
SIZES: dict[str, Any] = {"data_dim": 2, "latent_dim": 3}


def small_model(**more: Any) -> VAE:
    return VAE(3, 5, depth=1, generator=Generator().manual_seed(1), **more).double()


def some_points() -> Tensor:
    return torch.randn(40, 2, dtype=torch.float64, generator=Generator().manual_seed(2))


def draw() -> Generator:
    return Generator().manual_seed(3)


def by_hand(model: VAE, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean squared error and KL by dimension, averaged over points, and the variance, each written out."""
    w = dict(model.named_parameters())

    def linear(name: str, h: Tensor) -> Tensor:
        return h @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    h = torch.relu(linear("encoder.0", x))
    mu = linear("fc_mu", h)
    std = (linear("fc_logvar", h) / 2).exp()
    z = mu + std * torch.randn(mu.shape, dtype=mu.dtype, generator=draw())
    decoded = linear("decoder.2", torch.relu(linear("decoder.0", z)))
    q = torch.distributions.Normal(mu, std)
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(torch.zeros_like(mu), 1.0))
    return (decoded - x).square().sum() / x.numel(), kl.mean(dim=0), z


def gradients(model: VAE, value: Tensor) -> Tensor:
    weights = [p for name, p in model.named_parameters() if name != "decoder_logvar"]
    return torch.cat([g.flatten() for g in torch.autograd.grad(value, weights)])


def assert_same(model: VAE, loss: Loss, expected: Callable[[VAE], Tensor]) -> None:
    """A loss and its gradient are those of a formula."""
    x = some_points()
    found = loss.evaluate(model, x, generator=draw()).loss
    wanted = expected(model)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradients(model, found), gradients(model, wanted), rtol=1e-9, atol=1e-14)


def test_the_batch_optimal_loss_is_the_distortion_at_the_error_itself_plus_the_rate() -> None:
    def formula(model: VAE) -> Tensor:
        mse, kl, _ = by_hand(model, some_points())
        return (1 + torch.log(2 * torch.pi * mse)) + kl.sum()  # D/2 (1 + log 2 pi mse) + R

    loss = Loss(beta=1.0, reduction="sum", decoder_variance="batch_optimal", **SIZES)
    assert_same(small_model(tracked_variance=True), loss, formula)


def test_the_batch_optimal_gradient_is_that_of_a_learned_variance_at_its_optimum() -> None:
    learned = small_model(learned_variance=True)
    assert learned.decoder_logvar is not None
    mse, _, _ = by_hand(learned, some_points())
    learned.decoder_logvar.data.fill_(mse.log().item())
    terms = Loss(beta=0.3, decoder_variance="learned", **SIZES).evaluate(learned, some_points(), generator=draw())
    (slope,) = torch.autograd.grad(terms.loss, learned.decoder_logvar, retain_graph=True)
    assert abs(slope) < 1e-12

    found = Loss(beta=0.3, decoder_variance="batch_optimal", **SIZES).evaluate(
        small_model(tracked_variance=True), some_points(), generator=draw()
    )
    assert found.loss.item() == pytest.approx(terms.loss.item(), rel=1e-12)
    same = small_model(tracked_variance=True)
    again = Loss(beta=0.3, decoder_variance="batch_optimal", **SIZES).evaluate(same, some_points(), generator=draw())
    torch.testing.assert_close(gradients(same, again.loss), gradients(learned, terms.loss), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("free_bits", [1e-9, 0.08, 5.0])
def test_free_bits_count_a_dimension_at_least_so_much(free_bits: float) -> None:
    def formula(model: VAE) -> Tensor:
        mse, kl, _ = by_hand(model, some_points())
        return 2 * mse + 0.3 * torch.where(kl > free_bits, kl, free_bits + 0 * kl).sum()

    model = small_model()
    _, kl, _ = by_hand(model, some_points())
    assert {1e-9: 3, 0.08: 1, 5.0: 0}[free_bits] == int((kl > free_bits).sum()), kl
    assert_same(model, Loss(beta=0.3, reduction="sum", free_bits=free_bits, **SIZES), formula)


def test_free_bits_of_a_mixture_prior_are_those_of_all_dimensions_together() -> None:
    model = small_model(components=4)
    plain, free = (
        Loss(beta=0.3, reduction="sum", free_bits=free_bits, **SIZES).evaluate(model, some_points(), generator=draw())
        for free_bits in (0.0, 50.0)
    )
    assert free.loss.item() == pytest.approx(2 * plain.mse.item() + 0.3 * 3 * 50)
    assert free.kl.item() == plain.kl.item()


def linear(**more: Any) -> Config:
    """A run whose best model is known: a linear decoder of one latent."""
    return Config(
        latent_dim=1, depth=0, reduction="sum", steps=600, lr=0.05, lr_schedule="cosine", batch_size=512,
        engine="torch", threads=1, **more,
    )  # fmt: skip


def eigenvalues() -> Any:
    curve = CURVES["swiss_roll"]
    points = curve.position(curve.midpoints(20_000)).numpy()
    return np.linalg.eigvalsh(np.cov(points.T))


def test_the_batch_optimal_variance_is_that_of_probabilistic_pca() -> None:
    # Tipping and Bishop (1999), equation 8: the mean of the variances that no latent is left for.
    training = build(linear(decoder_variance="batch_optimal", beta=1.0))
    list(training)
    sigma = training.engine.model.decoder_sigma
    assert sigma is not None
    assert sigma**2 == pytest.approx(eigenvalues()[0], rel=0.02)


def test_a_largest_error_leads_to_the_beta_that_a_linear_model_needs() -> None:
    # With a fixed sigma, the best linear decoder of one latent leaves sigma^2 along it and the least variance across.
    least, _ = eigenvalues()
    variance = 0.06
    training = build(linear(beta=0.3, max_error=math.sqrt((variance + least) / 2)))
    list(training)
    model = training.engine.model
    assert model.decoder_sigma is not None
    assert model.decoder_sigma**2 == pytest.approx(variance, rel=0.05)
    measured = training.engine.measure()
    assert measured is not None
    assert 2 * measured.mse == pytest.approx(variance + least, rel=0.05)


@pytest.mark.parametrize(("max_error", "bound"), [(1e-6, 1e-8), (1e3, 1e4)])
def test_an_error_that_cannot_be_led_to_ends_at_a_variance_that_is_a_number(max_error: float, bound: float) -> None:
    loss = Loss(beta=0.01, max_error=max_error, **SIZES)
    logvar = torch.tensor(0.0)
    for step in range(1200):
        logvar = loss.next_logvar(logvar, torch.tensor(0.2), torch.tensor(step + 1.0))
    assert logvar.exp().item() == pytest.approx(bound, rel=1e-5)


def test_the_tracked_variance_is_the_mean_of_the_first_batches_and_forgets_them() -> None:
    loss = Loss(beta=0.01, decoder_variance="batch_optimal", **SIZES)
    logvar = torch.tensor(math.log(0.005), dtype=torch.float64)
    errors = torch.rand(40, dtype=torch.float64, generator=draw())
    for step, mse in enumerate(errors):
        logvar = loss.next_logvar(logvar, mse, torch.tensor(step + 1.0))
    assert logvar.exp().item() == pytest.approx(errors.mean().item())
    for step in range(40, 3000):
        logvar = loss.next_logvar(logvar, torch.tensor(7.0), torch.tensor(step + 1.0))
    assert logvar.exp().item() == pytest.approx(7.0)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("more", [{}, {"components": 4}, {"posterior": "full"}, {"learned_variance": True}], ids=str)
def test_the_loss_of_several_draws_is_that_of_their_weights(more: dict[str, Any], reduction: Any) -> None:
    model = small_model(**more)
    is_learned = "learned_variance" in more
    weight = 1.0 if is_learned and reduction == "sum" else 1.5 if is_learned else 0.3
    loss = Loss(
        beta=weight, reduction=reduction, importance_samples=4, decoder_variance="learned" if is_learned else "fixed",
        **SIZES,
    )  # fmt: skip

    def formula(model: VAE) -> Tensor:
        x = some_points()
        posterior = model.posterior(x)
        q = torch.distributions.MultivariateNormal(posterior.mu, posterior.covariance())
        sigma: Any = loss.sigma if model.decoder_logvar is None else (model.decoder_logvar / 2).exp()
        generator = draw()
        weights = []
        for _ in range(4):
            z = posterior.place(torch.randn(40, 3, dtype=torch.float64, generator=generator))
            log_p = torch.distributions.Normal(model.decode(z), sigma).log_prob(x).sum(dim=1)
            weights.append((log_p + model.prior.log_prob(z) - q.log_prob(z)).exp())
        nats = -torch.stack(weights).mean(dim=0).log().mean()
        if is_learned:
            return nats if reduction == "sum" else nats / 2
        # The loss is the bound times 2 sigma^2, without the density's constant; and of two dimensions, their mean.
        total: Tensor = 2 * sigma**2 * (nats - math.log(2 * math.pi * sigma**2))
        return total if reduction == "sum" else total / 2

    assert_same(model, loss, formula)


def test_with_one_draw_the_bound_is_the_elbo_of_that_draw() -> None:
    distortions, rates = torch.randn(2, 1, 30, dtype=torch.float64, generator=draw())
    assert negative_bound(distortions, rates).item() == pytest.approx((distortions + rates).mean().item(), rel=1e-12)


def test_the_bound_rises_with_the_draws_to_the_exact_evidence() -> None:
    model = VAE(1, data_dim=2, depth=0, generator=Generator().manual_seed(1)).double()
    model.fc_logvar.bias.data.fill_(-0.5)
    x = 0.4 * some_points()[:30].repeat(20, 1)
    sigma = 0.3
    # The evidence of a linear decoder: a Gaussian, N(b, w w^T + sigma^2 I).
    w, b = (p.detach() for p in model.decoder[0].parameters())
    density = torch.distributions.MultivariateNormal(b, w @ w.T + sigma**2 * torch.eye(2, dtype=torch.float64))
    exact = density.log_prob(x).mean().item()

    def bound(draws: int) -> float:
        loss = Loss(beta=2 * sigma**2, data_dim=2, latent_dim=1, reduction="sum", importance_samples=draws)
        with torch.no_grad():
            value = loss.evaluate(model, x, generator=draw()).loss.item()
        return -value / (2 * sigma**2) - math.log(2 * math.pi * sigma**2)

    found = [bound(draws) for draws in (2, 10, 100, 1000)]
    assert sorted(found) == found
    assert exact - found[0] > 0.1
    assert found[-1] == pytest.approx(exact, abs=0.01)


def test_a_run_of_several_draws_takes_the_engine_that_has_them() -> None:
    config = Config(importance_samples=5, steps=10**6)
    assert choose_engine(config) == "torch"
    with pytest.raises(ValueError, match="takes one draw per point, and importance_samples asks for more"):
        require_engine(replace(config, engine="xla"))
    assert flops(config) == pytest.approx(3 * flops(Config()), rel=0.01)


@every_variant
def test_a_run_that_was_cut_off_ends_in_the_same_bytes(variant: dict[str, Any], tmp_path: Path) -> None:
    for name, stops in (("whole", ()), ("cut", (7, 33))):
        run = create(tmp_path / name, replace(TINY, **variant))
        for stop in (*stops, 10**9):
            for record in advance(run):
                if record.step >= stop:
                    break
    whole, cut = (tmp_path / name / "model.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()
    sigmas = [load(tmp_path / name).model.decoder_sigma for name in ("whole", "cut")]
    assert (
        sigmas[0] == sigmas[1] != build_model(replace(TINY, **variant)).decoder_sigma
        or not loss_of(replace(TINY, **variant)).tracks_variance
    )


def rows(outcome: Any) -> Any:
    records = outcome.records
    found = [record.train for record in records] + [r.held_out for r in records if r.held_out]
    return np.array([[terms.loss, terms.mse, terms.kl, terms.distortion] for terms in found])


@pytest.mark.parametrize(
    "variant",
    [
        {"max_error": 0.2, "free_bits": 0.5},
        {"decoder_variance": "batch_optimal", "beta": 0.1, "free_bits": 1.0, "components": 3},
    ],
    ids=["largest error", "batch-optimal"],
)
def test_the_engines_and_the_members_of_a_batch_agree(variant: dict[str, Any]) -> None:
    pytest.importorskip("jax")
    configs = [replace(TINY, **variant, seed=seed) for seed in (1, 2)]
    together = train_many([replace(config, engine="xla") for config in configs])
    for found, config in zip(together, configs, strict=True):
        alone = train_one(config)
        np.testing.assert_allclose(rows(found), rows(alone), rtol=1e-3, atol=1e-4)
        assert found.weights.keys() == alone.weights.keys()
        tracked = (outcome.weights["tracked_logvar"] for outcome in (found, alone))
        torch.testing.assert_close(*tracked, rtol=1e-3, atol=1e-4)


def test_a_state_goes_on_on_the_other_engine() -> None:
    pytest.importorskip("jax")
    config = replace(TINY, max_error=0.2, free_bits=0.5, seed=1)
    begun = build(config)
    for record in begun:
        if record.step == 40:
            break
    other = build(replace(config, engine="xla"))
    other.load_state(begun.engine.state(), 40)
    rest = [record.train.loss for record in other]
    whole = [record.train.loss for record in train_one(config).records]
    np.testing.assert_allclose(rest, whole[40:], rtol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"free_bits": 0.1, "beta": 0.0}, "beta=0 leaves that out"),
        ({"max_error": 0.1, "beta": 0.0}, "give a beta above 0"),
        ({"max_error": 0.1, "beta_start": 0.1}, "no beta_start"),
        ({"max_error": 0.1, "decoder_variance": "learned"}, "chooses that error itself"),
        ({"max_error": 0.1, "decoder_variance": "batch_optimal"}, "chooses that error itself"),
        ({"importance_samples": 2, "beta": 0.0}, "beta=0 has none"),
        ({"importance_samples": 2, "mmd_weight": 1.0}, "which mmd_weight changes"),
        ({"importance_samples": 2, "free_bits": 1.0}, "which free_bits changes"),
        ({"importance_samples": 2, "max_error": 0.1}, "which max_error changes"),
        ({"importance_samples": 2, "decoder_variance": "batch_optimal", "beta": 1.0}, "for the ELBO alone"),
        ({"importance_samples": 2, "decoder_variance": "learned", "beta": 1.0}, "for the ELBO alone"),
        ({"importance_samples": 0}, "importance_samples must be"),
        ({"max_error": 0.0}, "max_error must be"),
        ({"free_bits": -1.0}, "free_bits must be"),
    ],
)
def test_what_makes_no_sense_together_is_refused_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Config(**settings)
    assert "\n" not in str(caught.value)


def test_a_model_that_cannot_keep_the_variance_is_refused() -> None:
    with pytest.raises(ValueError, match="tracked_variance=True"):
        loss_of(replace(TINY, max_error=0.1)).evaluate(VAE(2, 4), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="leave out one of them"):
        VAE(2, 4, learned_variance=True, tracked_variance=True)
    assert VAE(2, 4, tracked_variance=True, decoder_sigma=0.3).decoder_sigma == pytest.approx(0.3)


def test_settings_at_their_defaults_do_not_count_in_a_digest() -> None:
    assert digest(Config(free_bits=0.0, max_error=None)) == digest(Config())
    assert "tracked_logvar" not in build_model(TINY).state_dict()


@pytest.mark.usefixtures("few_points")
def test_an_evaluation_says_which_beta_an_error_led_to() -> None:
    config = replace(TINY, max_error=0.3)
    training = build(config)
    list(training)
    model = training.engine.model
    found = evaluate_trained(model, config)
    sigma = model.decoder_sigma
    assert sigma is not None
    # sigma^2 = beta D / (2 L), with D = L = 2.
    assert found.summary.beta == pytest.approx(2 * sigma**2)
    assert found.summary.translation == loss_of(config).at_sigma(sigma)
    assert found.summary.translation.true_beta == 1.0
    assert found.metrics is not None
    assert found.metrics.sigma == sigma
    told = dict(summary_rows(found))
    assert float(told["beta that the error led to"]) == pytest.approx(2 * sigma**2, rel=1e-3)
    assert "decoder sigma, implied by that beta, data units" in told
    measured = training.engine.measure()
    assert measured is not None
    assert measured.loss == pytest.approx(measured.mse + 2 * sigma**2 * measured.kl, rel=1e-5)


@every_variant
def test_the_lab_refuses_what_it_does_not_compute(variant: dict[str, Any]) -> None:
    reason = beyond_the_page(replace(TINY, **variant))
    assert reason.startswith("The lab compute") or reason.startswith("The lab does not compute")
    assert not {"free_bits", "max_error", "importance_samples"} & start_of_config(TINY)["settings"].keys()


def test_a_report_says_what_the_loss_is() -> None:
    assert describe_loss(Config()) == "The loss is squared error plus beta times KL."
    assert describe_loss(Config(beta=0.0)) == "The loss is squared error without a KL term."
    assert "is the distortion in nats plus beta" in describe_loss(Config(decoder_variance="learned"))
    assert "its own mean squared error" in describe_loss(Config(decoder_variance="batch_optimal"))
    assert "KL of a latent dimension counts as 0.5 nats" in describe_loss(Config(free_bits=0.5))
    assert "mean KL of the latent dimensions counts as" in describe_loss(Config(free_bits=0.5, components=3))
    assert "importance-weighted bound of 5 draws" in describe_loss(Config(importance_samples=5))
    assert "It has 3 times the squared MMD" in describe_loss(Config(mmd_weight=3.0))
    assert "error per coordinate becomes 0.05" in describe_loss(Config(max_error=0.05))


def test_advice_names_the_setting_that_decides_the_error_and_presets_that_can_be_followed() -> None:
    config = Config(max_error=0.1)
    advice = fit_advice(Advice(setting="beta", factor=1 / 3), config, sigma=0.1, variance=0.2)
    assert advice_text(advice) == "Divide max_error by two."
    nothing = fit_advice(Advice(action=Action.NOTHING, preset="best-long"), config, sigma=0.1, variance=0.2)
    assert nothing.preset == ""
    best = Config(components=20, refit_prior=True, max_error=0.1, activation="silu", initialization="he", lr=1e-2,
                  lr_schedule="cosine", warmup=50)  # fmt: skip
    assert beyond_the_fit(best) == Advice(setting="steps", factor=10)
