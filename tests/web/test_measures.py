"""The lab's curves and measures against the package's."""

from __future__ import annotations

import pytest
import torch

from swissroll.data.curves import CURVES
from swissroll.data.distribution import NoisyCurve
from swissroll.evaluation.distances import c2st_accuracy
from swissroll.evaluation.latent_continuity import continuity
from swissroll.evaluation.latent_plane import rates
from swissroll.evaluation.latent_space import activity
from swissroll.evaluation.lower_bound import nll_lower_bound
from swissroll.evaluation.symptoms import measure_loss_drop
from swissroll.model.translation import translate
from tests.web.conftest import Node
from tests.web.frozen import SCRIPT, tensor


@pytest.mark.parametrize("name", CURVES)
def test_curves_are_the_package_s(node: Node, name: str) -> None:
    curve = CURVES[name]
    u = [0.0, 0.1, 0.2499, 0.26, 0.49, 0.51, 0.66, 0.67, 0.999]
    script = """
const { CURVES, curveVariance, evenPoints } = await load("curves.js");
const curve = CURVES[input.name];
const points = input.u.map((u) => curve.position(curve.coordinate(u), kernel));
const even = evenPoints(curve, 7, kernel).points;
answer({ names: Object.keys(CURVES), points, even, variance: curveVariance(curve, 0.2, kernel) });
"""
    found = node(script, {"name": name, "u": u})
    expected = curve.position(curve.coordinate(torch.tensor(u, dtype=torch.float64)))
    torch.testing.assert_close(tensor(found["points"]), expected, rtol=0, atol=1e-12)
    even = curve.position(curve.midpoints(7))
    torch.testing.assert_close(tensor(found["even"]).reshape(7, -1), even, rtol=0, atol=1e-12)
    assert found["variance"] == pytest.approx(NoisyCurve(curve, 0.2).variance, rel=1e-9)
    assert found["names"] == list(CURVES)


def test_points_of_a_curve_lie_on_it_with_the_noise_that_was_asked_for(node: Node) -> None:
    script = """
const { CURVES, sampleCurve } = await load("curves.js");
const draw = (noise) => sampleCurve(CURVES.moons, 4000, noise, kernel.generator(5, "data"), kernel);
answer({ exact: draw(0), noisy: draw(0.1) });
"""
    found = node(script)
    exact, noisy = (tensor(found[name]["points"]).reshape(-1, 2) for name in ("exact", "noisy"))
    u = tensor(found["exact"]["coordinate"])
    curve = CURVES["moons"]
    torch.testing.assert_close(exact, curve.position(curve.coordinate(u)), rtol=0, atol=1e-6)
    assert found["exact"]["coordinate"] == found["noisy"]["coordinate"]
    assert float((noisy - exact).std()) == pytest.approx(0.1, rel=0.05)


def test_rates_and_activity_are_the_package_s(node: Node) -> None:
    generator = torch.Generator().manual_seed(1)
    mu = torch.randn(30, 4, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 0.1, 2.0, 0.01])
    logvar = torch.randn(30, 4, generator=generator, dtype=torch.float64) - 1
    script = """
const { activity, ratePerDimension } = await load("measures.js");
const rates = ratePerDimension(input.mu.flat(), input.logvar.flat(), 4);
answer({ rates, activity: activity(input.mu.flat(), 4) });
"""
    found = node(script, {"mu": mu.tolist(), "logvar": logvar.tolist()})
    torch.testing.assert_close(tensor(found["rates"]), rates(mu, logvar).mean(dim=0))
    torch.testing.assert_close(tensor(found["activity"]), activity(mu))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("learned", [None, 0.2])
def test_sigma_and_true_beta_are_the_package_s(node: Node, reduction: str, learned: float | None) -> None:
    loss = {"beta": 0.03, "reduction": reduction, "data_dim": 3, "latent_dim": 2}
    script = 'const { translate } = await load("measures.js"); answer(translate(input));'
    found = node(script, loss | {"learned_sigma": learned})
    expected = translate(0.03, reduction, 3, 2, sigma=learned, learned=learned is not None)  # type: ignore[arg-type]
    assert found == pytest.approx({"sigma": expected.sigma, "true_beta": expected.true_beta})


@pytest.mark.parametrize("name", ["swiss_roll", "moons", "circles"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_jumps_are_the_package_s(node: Node, name: str, seed: int) -> None:
    curve = CURVES[name]
    t = curve.midpoints(500)

    # Once around a circle with each half of the points, in steps of very different lengths.
    steps = torch.randn(2, 250, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).mul(1.5).exp()
    angle = 2 * torch.pi * (steps.cumsum(dim=1) / steps.sum(dim=1, keepdim=True)).flatten()
    path = torch.stack([angle.cos(), angle.sin()], dim=1)
    expected = continuity(path, t, curve=curve).jumps
    script = """
const { countJumps } = await load("continuity.js");
const { CURVES } = await load("curves.js");
answer(countJumps(input.path.flat(), 2, CURVES[input.name]));
"""
    assert node(script, {"path": path.tolist(), "name": name}) == expected
    assert expected >= 5


def test_a_two_sample_test_of_few_points_asks_those_that_there_are(node: Node) -> None:
    # All others are neighbours of a point, and one more of them is of the other sample than of its own.
    script = (
        SCRIPT
        + """
const { twoSampleAccuracy } = await load("two_sample.js");
answer(drive(twoSampleAccuracy([0, 1, 2, 3, 4], [10, 11, 12, 13, 14], 1)));
"""
    )
    assert node(script) == 0.0


@pytest.mark.parametrize("shift", [0.0, 0.7, 5.0])
def test_the_two_sample_test_is_the_package_s(node: Node, shift: float) -> None:
    generator = torch.Generator().manual_seed(3)
    a = torch.randn(150, 2, generator=generator, dtype=torch.float64)
    b = torch.randn(150, 2, generator=generator, dtype=torch.float64) + shift
    script = (
        SCRIPT
        + """
const { twoSampleAccuracy } = await load("two_sample.js");
answer(drive(twoSampleAccuracy(input.a.flat(), input.b.flat(), 2)));
"""
    )
    found = node(script, {"a": a.tolist(), "b": b.tolist()})
    assert found == pytest.approx(c2st_accuracy(a, b, blur=0.0))


@pytest.mark.parametrize("count", [5, 9, 100, 1003])
def test_the_drop_of_a_loss_is_the_package_s(node: Node, count: int) -> None:
    losses = torch.rand(count, generator=torch.Generator().manual_seed(4), dtype=torch.float64) + 1
    script = 'const { measureLossDrop } = await load("diagnosis.js"); answer(measureLossDrop(input));'
    found = node(script, losses.tolist())
    expected = measure_loss_drop(losses.numpy())
    assert found == (None if count < 9 else pytest.approx(expected))


@pytest.mark.parametrize(
    ("name", "sigma", "noise"), [("swiss_roll", 0.0707, 0.0), ("moons", 0.1, 0.02), ("circles", 0.05, 0.1)]
)
def test_the_lower_bound_is_the_package_s(node: Node, name: str, sigma: float, noise: float) -> None:
    expected = nll_lower_bound(CURVES[name], sigma, noise=noise, tolerance=5e-3)
    script = (
        SCRIPT
        + """
const { LowerBoundMeter } = await load("lower_bound.js");
const { CURVES } = await load("curves.js");
const found = drive(new LowerBoundMeter(kernel.fork()).measure(CURVES[input.name], input.sigma, input.noise));
answer({ ...found, density: input.points.map(found.logDensity) });
"""
    )
    points = [[0.3, 0.1], [-0.5, 0.2]]
    found = node(script, {"name": name, "sigma": sigma, "noise": noise, "points": points})
    assert found["value"] == pytest.approx(expected.value, abs=1e-3)
    assert found["lower"] == pytest.approx(expected.lower, abs=3e-4)
    density = expected.log_density(torch.tensor(points))
    torch.testing.assert_close(tensor(found["density"]), density, rtol=0, atol=0.02)


def test_a_lower_bound_that_would_take_minutes_is_none(node: Node) -> None:
    script = (
        SCRIPT
        + """
const { LowerBoundMeter } = await load("lower_bound.js");
const { CURVES } = await load("curves.js");
answer(drive(new LowerBoundMeter(kernel.fork()).measure(CURVES.swiss_roll, 0.001, 0)));
"""
    )
    assert node(script) is None
