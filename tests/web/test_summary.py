"""One measurement of the lab: its parts against closed forms and grids, and sums that hold in the digits shown."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from swissroll.config import Config
from swissroll.data import open_distribution
from swissroll.model.vae import VAE
from tests.web.conftest import Node
from tests.web.frozen import SCRIPT, hand_over, moments_of, tensor

MEASURE = (
    SCRIPT
    + """
const { EvidenceMeter } = await load("evidence.js");
const meter = new EvidenceMeter(freeze(input.model));
answer(drive(meter.measure(input.points.flat(), input.options ?? {})));
"""
)


def draw_points(count: int) -> Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64) * 0.5


@pytest.fixture
def linear() -> tuple[Config, VAE, Tensor, Tensor]:
    """A linear VAE with its decoder's weight and bias."""
    config = Config(depth=0, latent_dim=2, seed=3)
    model = VAE(2, depth=0, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        model.state_dict()["decoder.0.weight"].copy_(torch.tensor([[0.5, 0.3], [-0.2, 0.4]]))
    state = model.state_dict()
    return config, model, state["decoder.0.weight"].double(), state["decoder.0.bias"].double()


def linear_elbo(x: Tensor, mu: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> list[Tensor]:
    """Distortion and rate of q = N(mu, diag variance) under a linear decoder."""
    error = (x - mu @ weight.T - bias).square().sum(1) + (variance * weight.square().sum(0)).sum(1)
    distortion = error / (2 * sigma**2) + math.log(2 * math.pi * sigma**2)
    prior = Normal(torch.zeros_like(mu), torch.ones_like(mu))
    return [distortion, kl_divergence(Normal(mu, variance.sqrt()), prior).sum(1)]


def test_distortion_and_rate_are_those_of_a_linear_model(
    node: Node, linear: tuple[Config, VAE, Tensor, Tensor]
) -> None:
    config, model, weight, bias = linear
    x = draw_points(20)
    found = node(MEASURE, {"model": hand_over(model, config, 0.3), "points": x.tolist()})
    with torch.no_grad():
        mu, logvar = model.encode(x.float())
    distortion, rate = linear_elbo(x, mu.double(), logvar.double().exp(), weight, bias, 0.3)
    torch.testing.assert_close(tensor(found["distortion"]), distortion, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(tensor(found["rate"]), rate, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("true_beta", [0.2, 4.0])
def test_what_a_true_beta_asks_for_is_the_gaussian_of_its_own_objective(
    node: Node, linear: tuple[Config, VAE, Tensor, Tensor], true_beta: float
) -> None:
    config, model, weight, bias = linear
    x = draw_points(20)
    sigma = 0.3
    given = {"model": hand_over(model, config, sigma), "points": x.tolist(), "options": {"true_beta": true_beta}}
    found = node(MEASURE, given)

    # E_q log p(x|z) - beta KL is beta times the ELBO of a decoder of variance beta sigma^2.
    spread = true_beta * sigma**2
    precision = torch.eye(2, dtype=torch.float64) + weight.T @ weight / spread
    mu = torch.linalg.solve(precision, weight.T @ (x - bias).T / spread).T
    variance = (1 / precision.diagonal()).expand_as(mu)
    expected = -sum(linear_elbo(x, mu, variance, weight, bias, sigma))
    # The climb ends near its own best, where the ELBO still slopes.
    torch.testing.assert_close(tensor(found["aimed"]), expected, rtol=1e-3, atol=5e-3)
    assert (tensor(found["aimed"]) <= tensor(found["best"]) + 1e-9).all()


def test_the_rate_against_a_mixture_is_that_of_a_grid(node: Node) -> None:
    config = Config(hidden_dim=8, components=3, latent_dim=2)
    (model,) = moments_of(config, [100])
    x = open_distribution(config).sample(5, generator=torch.Generator().manual_seed(4)).points
    found = node(MEASURE, {"model": hand_over(model, config, 0.1), "points": x.tolist()})
    with torch.no_grad():
        mu, logvar = model.double().encode(x.double())
        for k in range(len(x)):
            z, log_q, cell = grid_of(mu[k], logvar[k])
            expected = float((log_q.exp() * (log_q - model.prior.log_prob(z))).sum()) * cell
            assert found["rate"][k] == pytest.approx(expected, abs=2e-3)


def grid_of(mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor, float]:
    """Latents within seven deviations of a Gaussian of two dimensions, its log density there, and a cell's area."""
    std = (0.5 * logvar).exp()
    unit = torch.linspace(-7, 7, 201, dtype=torch.float64)
    z = mu + std * torch.cartesian_prod(unit, unit)
    log_q = Normal(mu, std).log_prob(z).sum(1)
    return z, log_q, float((std * (unit[1] - unit[0])).prod())


def test_the_information_of_codes_is_that_of_a_grid(node: Node) -> None:
    generator = torch.Generator().manual_seed(5)
    mu = torch.randn(40, 2, generator=generator, dtype=torch.float64)
    logvar = torch.randn(40, 2, generator=generator, dtype=torch.float64) * 0.5 - 2
    script = (
        SCRIPT
        + """
const { informationOf } = await load("information.js");
const { Bounds } = await load("elbo.js");
const { hermite } = new Bounds({ latent_dim: 2 }, null);
const flat = (rows) => Float64Array.from(rows.flat());
const all = { mu: flat(input.mu), logvar: flat(input.logvar) };
const q = { mu: all.mu.slice(0, 10), logvar: all.logvar.slice(0, 10) };
const same = { mu: new Float64Array(80), logvar: new Float64Array(80) };
const narrow = { mu: all.mu, logvar: all.logvar.map(() => -20) };
answer([
  drive(informationOf(q, all, hermite, 2)),
  drive(informationOf({ mu: new Float64Array(4), logvar: new Float64Array(4) }, same, hermite, 2)),
  drive(informationOf(narrow, narrow, hermite, 2)),
]);
"""
    )
    found, of_one_code, of_too_few = node(script, {"mu": mu.tolist(), "logvar": logvar.tolist()})
    for k, ours in enumerate(found):
        z, log_q, cell = grid_of(mu[k], logvar[k])
        # The point's own posterior counts once more.
        means = torch.cat([mu, mu[[k]]])
        stds = (0.5 * torch.cat([logvar, logvar[[k]]])).exp()
        each = Normal(means[:, None], stds[:, None]).log_prob(z).sum(2)
        log_aggregate = each.logsumexp(0) - math.log(41)
        expected = float((log_q.exp() * (log_q - log_aggregate)).sum()) * cell
        assert ours == pytest.approx(expected, abs=5e-3)
    assert of_one_code == pytest.approx([0.0, 0.0], abs=1e-9)
    # All codes are told apart: of so many points that says no more than that it is at least log 41.
    assert of_too_few is None


RUNS: list[dict[str, Any]] = [
    {"latent_dim": 1},
    {"latent_dim": 2},
    {"latent_dim": 2, "beta": 3},
    {"latent_dim": 2, "beta": 1e-4},
    {"latent_dim": 3},
    {"components": 3},
    {"noise": 0.1},
    {"decoder_variance": "learned", "beta": 0.2},
    {"decoder_variance": "learned", "beta": 5.0},
    {"dataset": "pinwheel"},
]
MOMENTS = [0, 1, 5, 20, 60, 150, 400]
RUN_SCRIPT = """
const { Training } = await load("training.js");
const { Verdicts } = await load("verdicts.js");
const { roundSummary } = await load("summary.js");
const training = new Training(kernel, input.settings);
const verdicts = new Verdicts(kernel, training);
answer(input.moments.map((step) => {
  training.step(step - training.taken);
  let summary = null;
  const slices = verdicts.judge(training, step);
  for (let done = false; !done; ) {
    const told = slices.next();
    summary = told.value?.evidence ?? summary;
    done = told.done;
  }
  return [summary, roundSummary(summary)];
}));
"""


@pytest.mark.parametrize("settings", RUNS, ids=str)
def test_at_every_moment_of_a_run_all_numbers_add_up_and_no_bound_is_crossed(
    node: Node, settings: dict[str, Any]
) -> None:
    given = {"settings": {"hidden_dim": 8, "depth": 1, "steps": 1000, "lr": 0.01, **settings}, "moments": MOMENTS}
    for step, (summary, shown) in zip(MOMENTS, node(RUN_SCRIPT, given), strict=True):
        assert summary["step"] == step
        check_sums(summary, 1e-9)
        # In the digits that are shown, sums of decimals are off by what floating point does to them alone.
        check_sums(shown, 1e-9)
        unit = 10.0 ** -shown["decimals"]
        for name in ("distortion", "rate", "negative_elbo", "gap", "value"):
            assert shown[name] == pytest.approx(summary[name], abs=3.01 * unit)
            assert summary["errors"][name] >= 0

        assert summary["value"] <= summary["negative_elbo"]
        assert summary["family"] is None or summary["family"] >= 0
        assert summary["asked"] is None or summary["asked"] >= 0
        assert summary["asked"] is not None or summary["amortisation"] is None or summary["amortisation"] >= 0
        if summary["lower_bound"] is not None:
            assert summary["lower_bound"] <= summary["value"] + summary["error"]
            assert shown["lower_bound"] <= shown["value"]


def check_sums(numbers: dict[str, Any], tolerance: float) -> None:
    """Each whole is the sum of its parts."""

    def adds_up(whole: str, *parts: str) -> None:
        known = [numbers[part] for part in parts if numbers[part] is not None]
        assert numbers[whole] == pytest.approx(sum(known), abs=tolerance), (whole, numbers)

    adds_up("negative_elbo", "distortion", "rate")
    assert numbers["value"] == pytest.approx(numbers["negative_elbo"] - numbers["gap"], abs=tolerance)
    if numbers["family"] is not None:
        adds_up("gap", "family", "asked", "amortisation")
    if numbers["information"] is not None:
        adds_up("rate", "information", "mismatch")
    if numbers["rates"] is not None:
        assert numbers["rate"] == pytest.approx(sum(numbers["rates"]), abs=tolerance)


def test_only_a_true_beta_other_than_one_asks_for_another_encoder(node: Node) -> None:
    settings = {"hidden_dim": 8, "depth": 1, "steps": 1000, "lr": 0.01}
    ((plain, _),) = node(RUN_SCRIPT, {"settings": settings, "moments": [100]})
    assert (plain["true_beta"], plain["asked"]) == (1, None)
    learned = settings | {"decoder_variance": "learned", "beta": 0.2}
    ((weighed, _),) = node(RUN_SCRIPT, {"settings": learned, "moments": [300]})
    assert weighed["true_beta"] == pytest.approx(0.2)
    assert weighed["asked"] > 0


def test_the_standard_error_of_drawn_points_is_that_of_their_mean(node: Node) -> None:
    values = torch.randn(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    script = """
const { summarise } = await load("summary.js");
const rate = Float64Array.from(input);
const nothing = rate.map(() => 0);
const found = { exact: true, log_p: nothing, elbo: nothing, rate, error: nothing, best: null, aimed: null, gain: null };
const about = { bound: null, logBest: null, information: null, rates: null };
answer([false, true].map((isEven) => summarise(found, { ...about, isEven }).errors.rate));
"""
    drawn, even = node(script, values.tolist())
    assert drawn == pytest.approx(float(values.std()) / math.sqrt(40))
    assert even == pytest.approx(abs(float(values[::2].mean() - values[1::2].mean())) / 2)


def test_each_rate_against_a_mixture_is_that_of_its_own_dimension(node: Node) -> None:
    generator = torch.Generator().manual_seed(6)
    mu = torch.randn(7, 2, generator=generator, dtype=torch.float64)
    logvar = torch.randn(7, 2, generator=generator, dtype=torch.float64) - 1
    weights = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    means = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    stds = torch.rand(3, 2, generator=generator, dtype=torch.float64) + 0.3
    script = """
const { ratePerDimension } = await load("measures.js");
const prior = { weights: input.weights, means: input.means.flat(), stds: input.stds.flat() };
answer(ratePerDimension(input.mu.flat(), input.logvar.flat(), 2, prior));
"""
    prior = {"weights": weights.tolist(), "means": means.tolist(), "stds": stds.tolist()}
    found = node(script, {"mu": mu.tolist(), "logvar": logvar.tolist(), **prior})

    z = torch.linspace(-12, 12, 100_001, dtype=torch.float64)
    for j in range(2):
        log_p = (Normal(means[:, j, None], stds[:, j, None]).log_prob(z) + weights.log()[:, None]).logsumexp(0)
        log_q = Normal(mu[:, j, None], (0.5 * logvar[:, j, None]).exp()).log_prob(z)
        expected = (log_q.exp() * (log_q - log_p)).sum(1).mean() * (z[1] - z[0])
        assert found[j] == pytest.approx(float(expected), abs=1e-3)


def test_a_prior_of_one_standard_component_has_the_rates_of_the_normal_one(node: Node) -> None:
    script = """
const { ratePerDimension } = await load("measures.js");
const prior = { weights: [1], means: [0, 0], stds: [1, 1] };
answer([null, prior].map((given) => ratePerDimension([0.3, -1, 2, 0.1], [-1, 0.2, -3, 0], 2, given)));
"""
    closed, by_nodes = node(script)
    assert by_nodes == pytest.approx(closed, abs=1e-4)


def test_what_is_said_of_a_bound_adds_up_with_its_sums(node: Node) -> None:
    """Three latents: the diagnosis counts from what the importance-weighted bound leaves open."""
    script = """
    const { Training } = await load("training.js");
    const { Verdicts } = await load("verdicts.js");
    const { roundSummary } = await load("summary.js");
    const { captionOf } = await load("sums.js");
    const training = new Training(kernel, { latent_dim: 3, hidden_dim: 32, depth: 2, lr: 0.005 });
    training.step(1000);
    let evidence = null;
    const slices = new Verdicts(kernel, training).judge(training, 1000);
    let told = slices.next();
    for (; !told.done; told = slices.next()) evidence = told.value?.evidence ?? evidence;
    answer({ caption: captionOf(roundSummary(evidence)), sentence: told.value.diagnosis.sentence });
    """
    found = node(script)
    [said] = re.findall(r"negative log evidence at least (\S+) nats above its lower bound", found["sentence"])
    [(least, above, lower)] = re.findall(r"at least (\S+), (\S+) above its lower bound (\S+)\.$", found["caption"])
    least, above, lower = (float(text.replace("\u2212", "-")) for text in (least, above, lower))
    assert above == pytest.approx(least - lower, abs=1e-9)
    assert float(said) == pytest.approx(above, abs=0.02 + 0.01 * above)


def test_a_model_that_broke_has_no_numbers_to_show(node: Node) -> None:
    script = """
    const { Training } = await load("training.js");
    const { Verdicts } = await load("verdicts.js");
    const training = new Training(kernel, { hidden_dim: 8, depth: 1 });
    const tensors = training.network.tensors(training.network.parameters);
    tensors["fc_logvar.bias"].values.fill(1e6);
    training.network.loadTensors(tensors);
    const slices = new Verdicts(kernel, training).judge(training, 7);
    const found = [];
    let told = slices.next();
    for (; !told.done; told = slices.next()) if (told.value) found.push(told.value);
    answer({ found, diagnosis: told.value.diagnosis.sentence });
    """
    found = node(script)
    assert found["found"] == [{"step": 7, "evidence": None}] * 2
    assert found["diagnosis"]


@pytest.mark.parametrize("held_out", [True, False])
def test_points_that_are_trained_on_are_not_called_held_out(held_out: bool, node: Node) -> None:
    script = """
    const { Training } = await load("training.js");
    const { Verdicts } = await load("verdicts.js");
    const { roundSummary } = await load("summary.js");
    const { captionOf } = await load("sums.js");
    const values = Float32Array.from({ length: 80 }, (_, i) => Math.sin(i * i));
    const points = { dims: 2, values, ...(input ? { held_out: values.slice(0, 20) } : {}) };
    const training = new Training(kernel, { hidden_dim: 8, depth: 1, beta: 0.1 }, { points });
    let told = null;
    for (const slice of new Verdicts(kernel, training).judge(training, 0)) told = slice?.evidence ?? told;
    answer(captionOf(roundSummary(told)));
    """
    assert ("held-out points" in node(script, held_out)) is held_out
    assert ("points that it trains on" in node(script, held_out)) is not held_out
