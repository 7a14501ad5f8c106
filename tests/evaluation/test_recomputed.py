"""Printed numbers computed once more with NumPy and SciPy alone, from the weights and the csv files of runs.

Nothing of ours is used but to make the files that are read. Points are drawn here, from the roll's formula. So the
numbers agree as far as two samples of one model do: within four standard errors.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from swissroll.config import Config
from swissroll.report.page import write_metrics
from swissroll.runs.evaluate import evaluate
from swissroll.sweep.analysis.conclusions import findings
from tests.oracles import few_points_measured, trained_run
from tests.sweep.analysis.oracles import trained_sweep

Array = NDArray[np.float64]
Numbers = dict[str, Any]
BETA = 0.02
SIGMA = math.sqrt(BETA / 2)
"""beta D / (2 L) is the variance of the decoder that the notebook's loss amounts to; here D = L."""
DRAWN = 100_000
START = 1.5 * math.pi
STOP = 4.5 * math.pi


def roll(t: Array) -> Array:
    return np.stack([t * np.cos(t), t * np.sin(t)], axis=1) / 15


class Recomputed(NamedTuple):
    """A trained model as arrays, and what its folder says of it.

    Attributes:
        weights: The arrays of model.safetensors.
        found: What metrics.json holds.
        history: The rows of history.csv.
    """

    weights: dict[str, Array]
    found: Numbers
    history: list[dict[str, str]]

    def hidden(self, part: str, x: Array) -> Array:
        """Three hidden layers of rectified units; their numbers skip those of the nonlinearities."""
        for layer in (0, 2, 4):
            x = np.maximum(self.linear(f"{part}.{layer}", x), 0)
        return x

    def linear(self, layer: str, x: Array) -> Array:
        return x @ self.weights[f"{layer}.weight"].T + self.weights[f"{layer}.bias"]

    def encode(self, x: Array) -> tuple[Array, Array]:
        hidden = self.hidden("encoder", x)
        return self.linear("fc_mu", hidden), self.linear("fc_logvar", hidden)

    def decode(self, z: Array) -> Array:
        return self.linear("decoder.6", self.hidden("decoder", z))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Recomputed:
    config = Config(steps=250, hidden_dim=16, batch_size=64, beta=BETA, lr=5e-3, eval_every=50)
    run = trained_run(tmp_path_factory.mktemp("recomputed") / "run", config)
    write_metrics(run, evaluate(run))
    with (run.folder / "history.csv").open(encoding="utf-8", newline="") as file:
        history = list(csv.DictReader(file))
    return Recomputed(
        weights={name: value.astype(float) for name, value in load_file(run.folder / "model.safetensors").items()},
        found=json.loads((run.folder / "metrics.json").read_text(encoding="utf-8")),
        history=history,
    )


class Terms(NamedTuple):
    """What is measured of each point, each of shape (N,)."""

    mse: Array
    posterior_mean_mse: Array
    rate: Array
    distortion: Array


@pytest.fixture(scope="module")
def terms(model: Recomputed) -> Terms:
    rng = np.random.default_rng(7)
    x = roll(rng.uniform(START, STOP, DRAWN))
    mu, logvar = model.encode(x)
    decoded = model.decode(mu + np.exp(logvar / 2) * rng.normal(size=mu.shape))
    return Terms(
        mse=np.square(decoded - x).mean(axis=1),
        posterior_mean_mse=np.square(model.decode(mu) - x).mean(axis=1),
        rate=0.5 * (np.square(mu) + np.exp(logvar) - 1 - logvar).sum(axis=1),
        distortion=-stats.norm.logpdf(x, decoded, SIGMA).sum(axis=1),
    )


def of_sample(record: Numbers, name: str) -> Any:
    """A number of metrics.json, within four of its standard errors."""
    return pytest.approx(record[name], abs=4 * record[f"{name}_se"])


@pytest.mark.parametrize("name", ["mse", "posterior_mean_mse", "distortion"])
def test_errors_of_reconstruction(name: str, model: Recomputed, terms: Terms) -> None:
    assert getattr(terms, name).mean() == of_sample(model.found["metrics"]["reconstruction"], name)


def test_rate(model: Recomputed, terms: Terms) -> None:
    assert terms.rate.mean() == of_sample(model.found["metrics"]["latent"], "rate")


def test_negative_elbo(model: Recomputed, terms: Terms) -> None:
    expected = (terms.distortion + terms.rate).mean()
    assert expected == of_sample(model.found["metrics"]["reconstruction"], "neg_elbo")


def test_loss(model: Recomputed, terms: Terms) -> None:
    assert (terms.mse + BETA * terms.rate / 2).mean() == of_sample(model.found, "loss")


def test_sigma_and_the_variance_of_the_data(model: Recomputed) -> None:
    """The variance by integration along t, which is uniform."""
    metrics = model.found["metrics"]
    length = STOP - START

    def expected(f: Any) -> float:
        return float(quad(f, START, STOP, limit=200)[0]) / length

    means = [expected(lambda t: t * math.cos(t) / 15), expected(lambda t: t * math.sin(t) / 15)]
    square = expected(lambda t: (t / 15) ** 2)
    assert metrics["sigma"] == pytest.approx(SIGMA)
    assert metrics["reconstruction"]["variance"] == pytest.approx((square - means[0] ** 2 - means[1] ** 2) / 2)


def test_active_units(model: Recomputed) -> None:
    mu, _ = model.encode(roll(np.random.default_rng(8).uniform(START, STOP, DRAWN)))
    activity = mu.var(axis=0)
    latent = model.found["metrics"]["latent"]
    assert latent["active"] == int((activity > 0.01).sum())
    # Variances of 1,000 points of about this kurtosis are known to a twentieth.
    assert latent["activity"] == pytest.approx(activity.tolist(), rel=0.2)


def test_evidence_and_the_inference_gap(model: Recomputed) -> None:
    """The integral over z as a plain sum over a square, and the ELBO by Gauss and Hermite."""
    evidence = model.found["metrics"]["evidence"]
    t = START + (STOP - START) * (np.arange(evidence["n"]) + 0.5) / evidence["n"]
    x = roll(t)

    axis = np.linspace(-5.5, 5.5, 221)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    log_prior = stats.norm.logpdf(z).sum(axis=1) + 2 * math.log(axis[1] - axis[0])
    means = model.decode(z)
    log_p = np.array([logsumexp(log_prior + stats.norm.logpdf(point, means, SIGMA).sum(axis=1)) for point in x])

    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    pairs = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    pair_weights = np.outer(weights, weights).reshape(-1) / (2 * math.pi)
    mu, logvar = model.encode(x)
    elbo = -0.5 * (np.square(mu) + np.exp(logvar) - 1 - logvar).sum(axis=1)
    for node, weight in zip(pairs, pair_weights, strict=True):
        decoded = model.decode(mu + np.exp(logvar / 2) * node)
        elbo += weight * stats.norm.logpdf(x, decoded, SIGMA).sum(axis=1)

    error = evidence["numerical_error"] + evidence["neg_log_evidence_se"] + evidence["lower_bound_error"]
    assert -log_p.mean() == pytest.approx(evidence["neg_log_evidence"], abs=4 * error)
    assert (log_p - elbo).mean() == pytest.approx(evidence["inference_gap"], abs=2e-3)


class Samples(NamedTuple):
    """Decoded prior samples, their distances to the roll and the t of the nearest points."""

    points: Array
    off: Array
    t: Array


@pytest.fixture(scope="module")
def samples(model: Recomputed) -> Samples:
    points = model.decode(np.random.default_rng(9).normal(size=(DRAWN // 2, 2)))
    t = np.linspace(START, STOP, 20_001)
    off, nearest = KDTree(roll(t)).query(points)
    return Samples(points=points, off=off, t=t[nearest])


@pytest.mark.parametrize(("name", "share"), [("off_median", 0.5), ("off_p90", 0.9), ("off_p99", 0.99)])
def test_percentiles_off_the_curve(name: str, share: float, model: Recomputed, samples: Samples) -> None:
    assert np.quantile(samples.off, share) == of_sample(model.found["metrics"]["prior"]["fit"], name)


def test_strays(model: Recomputed, samples: Samples) -> None:
    """A stray is farther off than 5/16 of the roll's root-mean-square radius, which here is 0.2."""
    even = roll(np.linspace(START, STOP, 100_001))
    radius = math.sqrt(even.var(axis=0).sum())
    assert (samples.off > 5 / 16 * radius).mean() == of_sample(model.found["metrics"]["prior"]["fit"], "strays")


def test_ks_distance(model: Recomputed, samples: Samples) -> None:
    """Of 1,000 points at a time, whose scatter is the tolerance."""
    parts = samples.t[:50_000].reshape(50, 1000)
    values = [stats.kstest(part, stats.uniform(START, STOP - START).cdf).statistic for part in parts]
    found = model.found["metrics"]["prior"]["fit"]["ks"]
    assert np.mean(values) == pytest.approx(found, abs=4 * float(np.std(values)))


def assignment(a: Array, b: Array) -> float:
    cost = cdist(a, b, "sqeuclidean")
    return math.sqrt(cost[linear_sum_assignment(cost)].mean())


def energy(a: Array, b: Array) -> float:
    return math.sqrt(2 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean())


@pytest.mark.parametrize(("name", "distance", "n"), [("w2", assignment, 500), ("energy", energy, 1000)])
def test_distances_and_their_noise_floors(
    name: str, distance: Any, n: int, model: Recomputed, samples: Samples
) -> None:
    rng = np.random.default_rng(10)

    def real() -> Iterator[Array]:
        for _ in range(8):
            yield roll(rng.uniform(START, STOP, n))

    made = [distance(part, other) for part, other in zip(samples.points[: 8 * n].reshape(8, n, 2), real(), strict=True)]
    floor = [distance(one, other) for one, other in zip(real(), real(), strict=True)]
    found = model.found["metrics"]["prior"]["distances"][name]
    assert np.mean(made) == pytest.approx(found["value"], abs=4 * float(np.std(made, ddof=1)))
    assert np.mean(floor) == pytest.approx(found["noise_floor"], abs=4 * float(np.std(floor, ddof=1)))


def test_the_columns_of_the_history(model: Recomputed) -> None:
    """The held-out terms of the last row hang together as the formulas say, and are those of the roll's points."""
    last = {name: float(value) for name, value in model.history[-1].items()}
    assert last["step"] == len(model.history) == 250
    for prefix in ("", "held_out_"):
        mse, kl = last[f"{prefix}mse"], last[f"{prefix}kl"]
        assert last[f"{prefix}loss"] == pytest.approx(mse + BETA * kl, rel=1e-5)
        assert last[f"{prefix}rate"] == pytest.approx(2 * kl, rel=1e-6)
        distortion = mse / SIGMA**2 + math.log(2 * math.pi * SIGMA**2)
        assert last[f"{prefix}distortion"] == pytest.approx(distortion, rel=1e-5)

    # 512 held-out points have larger standard errors than 1,000 fresh ones.
    error = model.found["metrics"]["reconstruction"]
    assert last["held_out_mse"] == pytest.approx(error["mse"], abs=4 * 1.8 * error["mse_se"])


def test_paired_differences_of_a_table(tmp_path: Path) -> None:
    with few_points_measured():
        table = trained_sweep(tmp_path / "sweep", beta=[0.001, 1.0], seeds=3)
    with (table.folder / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def column(beta: str, name: str) -> list[float]:
        return [float(row[name]) for row in rows if row["beta"] == beta]

    for finding in findings(table, "beta"):
        ranking = finding.ranking
        (difference,) = ranking.differences
        worse, best = column(str(difference.a), ranking.metric), column(str(ranking.best), ranking.metric)
        if worse == best:
            assert difference.p_value == 1
            continue
        tested = stats.ttest_rel(worse, best)
        interval = tested.confidence_interval(0.95)
        assert difference.p_value == pytest.approx(tested.pvalue)
        assert ranking.mean(ranking.best) == pytest.approx(np.mean(best))
        found = difference.interval()
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
