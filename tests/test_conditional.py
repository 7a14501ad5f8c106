"""Conditional models. Oracles: closed forms of linear models, an exact mixture, and formulas that are written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal

import swissroll
from swissroll import VAE, Config
from swissroll.config import digest
from swissroll.data import CURVES, Distribution, Points, labels_of, open_distribution
from swissroll.data.curves import piece_of
from swissroll.data.densities import Gaussians, eight_gaussians
from swissroll.evaluation.evaluation import evaluate_trained
from swissroll.evaluation.evidence import measure_evidence, posterior_on_grid, score
from swissroll.evaluation.evidence_summary import bound_by_label
from swissroll.evaluation.latent_continuity import continuity
from swissroll.evaluation.lower_bound import nll_lower_bound, rows_lower_bound
from swissroll.model.loss import Loss
from swissroll.report.lab_start import beyond_the_page
from swissroll.report.loss_words import describe_loss
from swissroll.runs.run import create, load
from swissroll.runs.training import advance
from swissroll.training.build import build, choose_engine, held_out_labels, held_out_points, require_engine
from swissroll.training.refit import aggregate_draws

TINY = Config(
    dataset="rings", conditional=True, hidden_dim=8, depth=1, steps=40, eval_every=20, snapshot_every=20, batch_size=32,
    threads=1, engine="torch", device="cpu",
)  # fmt: skip
SIGMA = 0.3
QUOTED = '"none, or few"'
SHARES = [0.5, 0.3, 0.2]


def some_points(n: int = 30) -> tuple[Tensor, Tensor]:
    """Points of three labels, mixed."""
    x = torch.randn(n, 2, dtype=torch.float64, generator=Generator().manual_seed(0))
    return x, torch.arange(n) * 7 % 3


def linear_model(latent_dim: int = 2, **more: Any) -> VAE:
    generator = Generator().manual_seed(4)
    model = VAE(latent_dim, depth=0, label_shares=SHARES, decoder_sigma=SIGMA, generator=generator, **more)
    return model.double()


def ppca_of(model: VAE, label: int) -> MultivariateNormal:
    """P(x|c) of a linear decoder: x = W z + v_c + b + sigma eps, with v_c the column of the label."""
    layer: Any = model.decoder[-1]
    latent_dim = model.latent_dim
    w = layer.weight.detach()[:, :latent_dim]
    mean = layer.bias.detach() + layer.weight.detach()[:, latent_dim + label]
    return MultivariateNormal(mean, w @ w.T + SIGMA**2 * torch.eye(2, dtype=torch.float64))


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_the_evidence_of_a_linear_model_is_that_of_its_label(latent_dim: int) -> None:
    x, labels = some_points(9)
    model = linear_model(latent_dim)
    found = measure_evidence(model.given(labels), x)
    expected = torch.stack([ppca_of(model, int(c)).log_prob(one) for one, c in zip(x, labels, strict=True)])
    torch.testing.assert_close(found.log_p, expected, atol=1e-3, rtol=0)
    assert bool((found.inference_gap > -1e-3).all())


def test_a_label_for_all_points_is_that_of_each() -> None:
    x, labels = some_points()
    model = linear_model(1)
    found = measure_evidence(model.given(labels), x)
    scored = score(model.given(labels), x)
    torch.testing.assert_close(scored.log_p, found.log_p)
    alone = measure_evidence(model.given(1), x).log_p
    torch.testing.assert_close(alone[labels == 1], found.log_p[labels == 1])
    assert not torch.allclose(alone, found.log_p)


def test_a_bound_is_under_the_label_too() -> None:
    x, labels = some_points()
    model = VAE(3, depth=0, label_shares=SHARES, decoder_sigma=SIGMA, generator=Generator().manual_seed(4))
    found = measure_evidence(model.double().given(labels), x, samples=4000, generator=Generator().manual_seed(1))
    expected = torch.stack([ppca_of(model, int(c)).log_prob(one) for one, c in zip(x, labels, strict=True)])
    assert found.bound
    assert bool((found.log_p - expected < 5 * found.error + 1e-9).all())


def test_the_best_gaussian_of_each_point_is_sought_under_its_label() -> None:
    # In a linear model every posterior is a Gaussian: with a full covariance nothing is lost to the family.
    x, labels = some_points(3)
    model = linear_model(posterior="full")
    assert measure_evidence(model.given(labels), x, gap_split=True).family.abs().max() < 2e-3  # type: ignore[union-attr]


def labelled(source: Distribution, n: int) -> tuple[Tensor, Tensor]:
    """Points and their labels."""
    points, coordinate = source.sample(n, generator=Generator().manual_seed(1))
    return points, labels_of(source, coordinate)


def exact_model(source: Gaussians) -> VAE:
    """A linear conditional model whose p(x|c) are the Gaussians of a mixture with one covariance, s^2 I."""
    variance = source.covariances[0][0][0]
    sigma = math.sqrt(variance / 2)
    model = VAE(2, depth=0, label_shares=source.label_shares, decoder_sigma=sigma).double()
    layer: Any = model.decoder[-1]
    # W W^T + sigma^2 I = s^2 I, with half of the variance in each.
    layer.weight.data[:, :2] = sigma * torch.eye(2)
    layer.weight.data[:, 2:] = torch.tensor(source.means, dtype=torch.float64).T
    layer.bias.data.zero_()
    return model


def test_label_and_density_together_are_the_mixture() -> None:
    source = eight_gaussians()
    model = exact_model(source)
    x = torch.randn(5, 2, generator=Generator().manual_seed(0), dtype=torch.float64) * 0.5
    shares = torch.tensor(source.label_shares).double()

    # log p(x) = log of the sum over c of p(x|c) p(c).
    by_label = torch.stack([score(model.given(c), x, tolerance=1e-2).log_p for c in range(8)])
    found = (by_label + shares.log()[:, None]).logsumexp(dim=0)
    torch.testing.assert_close(found, source.log_density(x), atol=1e-2, rtol=0)
    mixed = score(model, x, tolerance=1e-2)
    torch.testing.assert_close(mixed.log_p, found)
    assert bool((mixed.error < 1e-2).all())

    # Where labels are told apart, log p(x, c) = log p(x|c) + log p(c) is the whole density.
    points, labels = labelled(source, 20)
    joint = score(model.given(labels), points, tolerance=1e-2).log_p + shares.log()[labels]
    torch.testing.assert_close(joint, source.log_density(points), atol=2e-2, rtol=0)


def test_draws_have_labels_in_their_shares_and_the_density_of_the_mixture() -> None:
    source = eight_gaussians()
    model = replace_shares(exact_model(source), [0.3] + [0.1] * 7)
    drawn = model.sample(8000, noise=True, generator=Generator().manual_seed(2))
    nearest = torch.cdist(drawn, torch.tensor(source.means, dtype=drawn.dtype)).argmin(dim=1)
    assert model.label_shares is not None
    np.testing.assert_allclose(nearest.bincount() / 8000, model.label_shares, atol=5 * 0.5 / 8000**0.5)
    around = drawn - torch.tensor(source.means, dtype=drawn.dtype)[nearest]
    assert float(around.std()) == pytest.approx(0.05, rel=0.05)


def replace_shares(model: VAE, shares: list[float]) -> VAE:
    assert model.label_shares is not None
    model.label_shares.copy_(torch.tensor(shares))
    return model


def test_training_learns_each_label() -> None:
    # The best model of a Gaussian of this sigma is exact: its mean log density is minus the entropy.
    config = replace(TINY, dataset="eight_gaussians", depth=0, beta=2 * 0.04**2, steps=800, lr=1e-2)
    training = build(config)
    list(training)
    source = open_distribution(config)
    points, labels = labelled(source, 200)
    found = score(training.engine.model.given(labels), points, tolerance=0.05).log_p.mean().item()
    entropy = math.log(2 * math.pi * math.e * 0.05**2)
    assert found == pytest.approx(-entropy, abs=0.15)


def by_hand(model: VAE, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared error and mean KL with one draw, each layer written out with a column for each label."""
    w = dict(model.named_parameters())

    def first(name: str, rows: Tensor) -> Tensor:
        weight = w[f"{name}.weight"]
        inputs = rows.shape[1]
        return torch.stack(
            [weight[:, :inputs] @ row + weight[:, inputs + c] for row, c in zip(rows, labels.tolist(), strict=True)]
        )

    h = torch.relu(first("encoder.0", x) + w["encoder.0.bias"])
    mu = h @ w["fc_mu.weight"].T + w["fc_mu.bias"]
    std = ((h @ w["fc_logvar.weight"].T + w["fc_logvar.bias"]) / 2).exp()
    z = mu + std * torch.randn(mu.shape, dtype=mu.dtype, generator=Generator().manual_seed(3))
    decoded = torch.relu(first("decoder.0", z) + w["decoder.0.bias"]) @ w["decoder.2.weight"].T + w["decoder.2.bias"]
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(mu, std), torch.distributions.Normal(torch.zeros_like(mu), 1.0)
    )
    return (decoded - x).square().mean(), kl.mean()


def test_the_loss_and_its_gradient_are_those_of_the_formula() -> None:
    x, labels = some_points()
    model = VAE(2, 5, depth=1, label_shares=SHARES, generator=Generator().manual_seed(1)).double()
    terms = Loss(beta=0.1, data_dim=2, latent_dim=2).evaluate(
        model.given(labels), x, generator=Generator().manual_seed(3)
    )
    mse, kl = by_hand(model, x, labels)
    torch.testing.assert_close(terms.loss, mse + 0.1 * kl)
    weights = list(model.parameters())
    for found, expected in zip(
        torch.autograd.grad(terms.loss, weights), torch.autograd.grad(mse + 0.1 * kl, weights), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_several_draws_of_each_point_have_its_label() -> None:
    x, labels = some_points()
    model = VAE(2, 5, depth=1, label_shares=SHARES, generator=Generator().manual_seed(1)).double()
    loss = Loss(beta=0.1, data_dim=2, latent_dim=2, importance_samples=3)
    found = loss.evaluate(model.given(labels), x, generator=Generator().manual_seed(3)).mse

    generator = Generator().manual_seed(3)
    posterior = model.given(labels).posterior(x)
    draws = [posterior.draw(model, generator=generator) for _ in range(3)]
    errors = [
        (model.given(c).decode(draw[[row]])[0] - x[row]).square().mean()
        for draw in draws
        for row, c in enumerate(labels.tolist())
    ]
    torch.testing.assert_close(found, torch.stack(errors).mean())


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda: linear_model().encode(torch.zeros(3, 2)), "conditional on a label: say which"),
        (lambda: linear_model().decode(torch.zeros(3, 2)), "conditional on a label: say which"),
        (lambda: linear_model().given(3), "whole numbers from 0 to 2; got 3"),
        (lambda: linear_model().given(torch.tensor([0, -1])), "whole numbers from 0 to 2"),
        (lambda: linear_model().given(torch.tensor([0.0])), "whole numbers from 0 to 2"),
        (
            lambda: linear_model().given(torch.arange(2)).encode(torch.zeros(3, 2)),
            "given 2 labels, and 3 rows do not fit",
        ),
        (lambda: VAE(2).given(0), "is not conditional"),
        (lambda: VAE(2, label_shares=[1.0]), "label_shares must be 2 to 50 numbers"),
        (lambda: VAE(2, label_shares=[0.5, 0.6]), "sum to 1"),
        (lambda: measure_evidence(linear_model(), torch.zeros(3, 2)), "conditional on a label: say which"),
        (
            lambda: measure_evidence(linear_model().given(torch.arange(3)), torch.zeros(6, 2)),
            "given 3 labels, and there are 6 points",
        ),
        (
            lambda: posterior_on_grid(linear_model().given(torch.arange(3)), torch.zeros(3, 2)),
            "under one label for all points",
        ),
    ],
)
def test_a_label_that_is_missing_or_unknown_is_refused_in_one_line(misuse: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        misuse()
    assert "\n" not in str(caught.value)


def test_a_model_without_labels_is_what_it_was() -> None:
    assert digest(Config(conditional=False)) == digest(Config())
    plain = VAE(2, 8, generator=Generator().manual_seed(0))
    assert "label_shares" not in plain.state_dict()
    assert plain.given_draws(3) is plain
    assert plain.encoder[0].weight.shape == (8, 2)


def test_a_view_shares_the_weights() -> None:
    model = linear_model()
    given = model.given(1)
    assert [id(weights) for weights in given.parameters()] == [id(weights) for weights in model.parameters()]
    assert model.given_labels is None


def table(folder: Path) -> Config:
    rows = np.random.default_rng(0).normal(size=(80, 2)) * [300.0, 0.01] + [5.0, -1.0]
    lines = [f"{x},{y},{'wide' if i % 4 else QUOTED}" for i, (x, y) in enumerate(rows.tolist())]
    (folder / "points.csv").write_text("\n".join(["x,y,kind", *lines]))
    return replace(TINY, dataset="swiss_roll", data=str(folder / "points.csv"), label="kind")


@pytest.mark.parametrize("stop", [3, 25])
@pytest.mark.parametrize("own", [False, True], ids=["rings", "table"])
def test_a_run_that_is_stopped_ends_in_the_same_bytes(tmp_path: Path, own: bool, stop: int) -> None:
    if own:
        pytest.importorskip("pandas")
    config = table(tmp_path) if own else TINY
    whole = swissroll.train(config, tmp_path / "whole")
    run = create(tmp_path / "run", config)
    steps = advance(run)
    for _ in range(stop):
        next(steps)
    steps.close()
    for _ in advance(load(run.folder)):
        pass
    for name in ("model.safetensors", "snapshots/step-000000040.safetensors"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_run_knows_its_labels_without_its_table(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    run = swissroll.train(table(tmp_path), tmp_path / "run")
    (tmp_path / "points.csv").unlink()
    opened = load(run.folder)
    assert opened.config.label_values == '"none, or few",wide'
    assert opened.network.label_shares is not None
    np.testing.assert_allclose(opened.network.label_shares, [0.25, 0.75], atol=0.06)
    assert opened.model.given(1).sample(5, generator=Generator().manual_seed(0)).shape == (5, 2)


@pytest.mark.usefixtures("few_points")
def test_what_is_measured_is_under_the_label_of_each_point() -> None:
    training = build(TINY)
    list(training)
    model = training.engine.model
    metrics = evaluate_trained(model, TINY).metrics
    assert metrics is not None
    assert metrics.evidence is not None

    curve = CURVES["rings"]
    t = curve.midpoints(metrics.evidence.n)
    parts = [curve.position(t[curve.piece(t) == label]) for label in range(3)]
    each = [measure_evidence(model.given(label), part).log_p for label, part in enumerate(parts)]
    assert metrics.evidence.neg_log_evidence == pytest.approx(-torch.cat(each).mean().item(), abs=2e-2)

    even = curve.midpoints(500)
    with torch.no_grad():
        means = [
            model.given(int(piece)).encode(curve.position(one[None]).float())[0]
            for piece, one in zip(curve.piece(even), even, strict=True)
        ]
    assert metrics.latent.continuity is not None
    expected = astuple(continuity(torch.cat(means), even, curve=curve))
    assert astuple(metrics.latent.continuity) == pytest.approx(expected, abs=1e-3)

    bounds = [nll_lower_bound(piece_of(curve, piece), metrics.sigma, tolerance=5e-3) for piece in range(3)]
    assert metrics.evidence.lower_bound == pytest.approx(sum(bound.lower for bound in bounds) / 3, abs=6e-3)
    assert metrics.evidence.above_lower_bound is not None
    assert metrics.evidence.above_lower_bound > 0


def test_a_lower_bound_by_label_is_below_that_without() -> None:
    # To know the label is worth at most log C nats, and never costs any.
    t = CURVES["rings"].midpoints(30)
    found = bound_by_label(CURVES["rings"].piece(t), CURVES["rings"], 0.15, 0.0)
    whole = nll_lower_bound(CURVES["rings"], 0.15, tolerance=5e-3)
    assert found is not None
    assert whole.upper - math.log(3) - 0.01 < found.lower <= found.value < whole.upper
    x = CURVES["rings"].position(t)
    assert found.log_density(x)[:10].equal(found.bounds[0].log_density(x[:10]))


@pytest.mark.usefixtures("few_points")
def test_the_bound_of_training_rows_is_that_of_each_label() -> None:
    rows = np.random.default_rng(1).normal(size=(60, 2))
    source = Points.of(rows, label=["a", "b"] * 30)
    config = Config(conditional=True, hidden_dim=4, depth=1, steps=5, threads=1, engine="torch")
    training = build(config, distribution=source)
    list(training)
    found = swissroll.evaluate(training.engine.model, distribution=source, sigma=0.5).metrics
    assert found is not None
    assert found.table is not None
    assert found.table.training is not None
    parts = [source.train[source.train_labels == label] for label in range(2)]
    bounds = [len(part) / len(source.train) * rows_lower_bound(part, 0.5).lower for part in parts]
    volume = source.standardization.log_volume
    assert found.table.training.lower_bound == pytest.approx(volume + sum(bounds), abs=0.03)


def test_a_prior_is_fitted_to_what_the_encoder_does_under_labels() -> None:
    training = build(TINY)
    list(training)
    model = training.engine.model
    found = aggregate_draws(model, open_distribution(TINY), 50, Generator().manual_seed(0))
    generator = Generator().manual_seed(0)
    x, t = open_distribution(TINY).sample(50, generator=generator)
    assert t is not None
    with torch.no_grad():
        expected = model.given(CURVES["rings"].piece(t)).posterior(x).draw(model, generator=generator)
    torch.testing.assert_close(found, expected.double())


def test_held_out_points_and_labels_belong_together() -> None:
    x = held_out_points(TINY).points
    radius = {label: x[held_out_labels(TINY) == label].norm(dim=1) for label in range(3)}
    assert all(float(each.std()) < 1e-6 for each in radius.values())


def test_what_does_not_compute_it_says_so_in_one_line() -> None:
    assert choose_engine(replace(TINY, engine="auto", steps=10**6)) == "torch"
    with pytest.raises(ValueError, match="does not compute conditional models"):
        require_engine(replace(TINY, engine="xla"))
    assert "conditional=True" in beyond_the_page(TINY)
    assert "given the label of each point" in describe_loss(TINY)
    with pytest.raises(ValueError, match="name its column as label"):
        Config(data="points.csv", conditional=True)
    with pytest.raises(ValueError, match="of a conditional run"):
        Config(data="points.csv", label_values="a,b")
    with pytest.raises(ValueError, match="no labels"):
        build(Config(conditional=True))
