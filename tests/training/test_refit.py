"""A prior that is fitted after the last step: expectation maximisation against scikit-learn's, and what it leaves."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from swissroll import Config
from swissroll.checks import NotFiniteError
from swissroll.config import PRESETS, digest
from swissroll.data import open_distribution
from swissroll.model.prior import Components, Mixture
from swissroll.training.build import build, held_out_points, loss_of, refitted_weights
from swissroll.training.engines.engine import State
from swissroll.training.loop import DivergedError, Training, evaluate_loss
from swissroll.training.many import train_one
from swissroll.training.refit import DRAWS, MAX_ROUNDS, MIN_VARIANCE, TOLERANCE, aggregate_draws, cluster, fit_mixture
from tests.oracles import SMALL, seeded

MIXED = replace(SMALL, components=5, activation="silu")
REFIT = replace(MIXED, refit_prior=True)


def blobs() -> torch.Tensor:
    """Three Gaussians of different shapes and weights, shape (3000, 2), float64."""
    z = torch.randn(3000, 2, generator=seeded(), dtype=torch.float64)
    z[:500] = 0.1 * z[:500] + 2
    z[500:900] = z[500:900] * torch.tensor([0.05, 1.0]) - 3
    return z


def start() -> Components:
    means = torch.tensor([[1.0, 1.0], [-2.0, -2.0], [0.0, 0.5]], dtype=torch.float64)
    return Components(log_weights=torch.full((3,), -math.log(3), dtype=torch.float64), means=means, stds=means * 0 + 1)


def test_the_fit_is_scikit_learns_from_the_same_start() -> None:
    z = blobs()
    prior = fit_mixture(z, start())
    expected = GaussianMixture(
        3,
        covariance_type="diag",
        tol=TOLERANCE,
        max_iter=MAX_ROUNDS,
        reg_covar=MIN_VARIANCE,
        weights_init=np.ones(3) / 3,
        means_init=start().means.numpy(),
        precisions_init=np.ones((3, 2)),
    ).fit(z.numpy())
    found = prior.components()
    np.testing.assert_allclose(found.log_weights.exp(), expected.weights_, atol=2e-4)
    np.testing.assert_allclose(found.means, expected.means_, atol=2e-3)
    np.testing.assert_allclose(found.stds**2, expected.covariances_, rtol=1e-2)
    assert prior.log_prob(z.float()).mean().item() == pytest.approx(expected.score(z.numpy()), abs=1e-4)


def test_clusters_are_as_good_a_start_as_scikit_learns() -> None:
    z = blobs()
    prior = fit_mixture(z, cluster(z, 6, generator=seeded(1)))
    expected = GaussianMixture(6, covariance_type="diag", tol=TOLERANCE, max_iter=MAX_ROUNDS, random_state=0, n_init=3)
    assert prior.log_prob(z.float()).mean().item() > expected.fit(z.numpy()).score(z.numpy()) - 0.02


@pytest.mark.parametrize("distinct", [1, 2])
def test_fewer_latents_than_components_are_still_fitted(distinct: int) -> None:
    z = torch.arange(float(distinct), dtype=torch.float64).repeat(50)[:, None]
    prior = fit_mixture(z, cluster(z, 4, generator=seeded()))
    assert all(torch.isfinite(p).all() for p in prior.parameters())
    assert set(prior.sample(200, like=prior.means, generator=seeded()).round().flatten().tolist()) <= {0.0, 1.0}


def test_the_rounds_are_told_and_the_callers_randomness_is_left_alone() -> None:
    before = torch.get_rng_state()
    rounds: list[int] = []
    fit_mixture(blobs(), cluster(blobs(), 6, generator=seeded()), progress=rounds.append)
    assert rounds[0] == 0
    assert len(rounds) > 2
    assert sum(rounds) <= MAX_ROUNDS
    assert torch.equal(torch.get_rng_state(), before)


def test_only_the_prior_and_the_last_measurement_differ() -> None:
    plain, refitted = train_one(MIXED), train_one(REFIT)
    assert refitted.step == 60
    for name, value in plain.weights.items():
        assert torch.equal(refitted.weights[name], value) != name.startswith("prior."), name
    assert [r.train for r in refitted.records] == [r.train for r in plain.records]
    assert [r.held_out for r in refitted.records[:-1]] == [r.held_out for r in plain.records[:-1]]


def test_the_last_measurement_is_of_the_weights_that_the_run_ends_with() -> None:
    training = build(REFIT)
    last = list(training)[-1]
    measured = evaluate_loss(training.engine.model, held_out_points(REFIT).points, loss=loss_of(REFIT), seed=REFIT.seed)
    assert last.held_out == measured


def test_the_same_seed_gives_the_same_prior_and_another_seed_another() -> None:
    first, again, other = (train_one(config).weights for config in (REFIT, REFIT, replace(REFIT, seed=7)))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["prior.means"], other["prior.means"])


def test_mass_where_nothing_is_encoded_goes() -> None:
    weights = train_one(MIXED).weights
    weights["prior.means"][0] = torch.tensor([30.0, -30.0])
    weights["prior.logits"][0] = 0.0
    fitted = refitted_weights(MIXED, weights)
    prior = Mixture(2, 5)
    prior.load_state_dict({name.removeprefix("prior."): v for name, v in fitted.items() if name.startswith("prior.")})
    drawn = prior.sample(100_000, like=prior.means, generator=seeded())
    assert drawn.abs().amax() < 15


def test_the_fit_raises_the_density_of_fresh_posterior_draws() -> None:
    training, plain = build(REFIT), build(MIXED)
    list(training), list(plain)
    model = training.engine.model
    z = aggregate_draws(model, open_distribution(REFIT), DRAWS, seeded(5)).float()
    assert model.prior.log_prob(z).mean() > plain.engine.model.prior.log_prob(z).mean() + 0.05


def test_draws_that_are_not_finite_stop_the_run_in_its_last_good_state() -> None:
    def fail(_: State, __: object) -> State:
        raise NotFiniteError("posterior draws must be finite")

    engine = build(MIXED).engine
    training = Training(engine, steps=30, finish=fail)
    with pytest.raises(DivergedError, match="posterior draw was not finite at step 30"):
        list(training)
    assert training.step == 29
    assert engine.steps_taken == 29


def test_an_encoder_that_overflows_is_found_by_its_draws() -> None:
    weights = train_one(MIXED).weights
    weights["fc_logvar.bias"] += 1000
    with pytest.raises(NotFiniteError):
        refitted_weights(MIXED, weights)


def test_a_run_that_ended_is_not_fitted_again_when_it_is_continued() -> None:
    whole = build(REFIT)
    list(whole)
    again = build(REFIT)
    again.load_state(whole.engine.state(), 60)
    assert list(again) == []
    assert torch.equal(again.engine.model.state_dict()["prior.means"], whole.engine.model.state_dict()["prior.means"])


def test_the_setting_needs_a_mixture_and_old_settings_keep_their_digest() -> None:
    with pytest.raises(ValueError, match=r"^refit_prior .* components=0 .*\.$"):
        Config(refit_prior=True)
    with pytest.raises(ValueError, match="refit_prior must be true or false; got 1"):
        Config(components=3, refit_prior=1)  # type: ignore[arg-type]
    assert digest(Config(components=3)) == digest(Config(components=3, refit_prior=False))
    assert digest(Config(components=3)) != digest(Config(components=3, refit_prior=True))
    assert PRESETS["best"]["refit_prior"]
    assert PRESETS["best-long"]["refit_prior"]
