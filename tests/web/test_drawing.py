"""What the panels draw: contours, the shares that they enclose, projections, and two runs' difference, in Node."""

import math

import numpy as np
import pytest

from swissroll.evaluation.diagnosis import FIT_PRIOR
from swissroll.evaluation.wording import advice_text
from tests.web.conftest import Node

SIZE = 81
EXTENT = 1.5

CONTOUR = """
const { contour } = await load("contours.js");
answer(contour(Float64Array.from(input.values), input.size, input.extent, input.level));
"""


def grid(first: tuple[float, float], second: tuple[float, float], size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of a grid's points, of shape (size, size) each, the first axis slowest."""
    x, y = np.meshgrid(np.linspace(*first, size), np.linspace(*second, size), indexing="ij")
    return x, y


def segments(node: Node, values: np.ndarray, extent: object, level: float) -> np.ndarray:
    """The segments of a level's line, shape (M, 2, 2)."""
    found = node(CONTOUR, {"values": values.ravel().tolist(), "size": len(values), "extent": extent, "level": level})
    return np.array(found).reshape(-1, 2, 2)


def test_a_contour_of_the_radius_is_a_circle(node: Node) -> None:
    x, y = grid((-EXTENT, EXTENT), (-EXTENT, EXTENT))
    found = segments(node, np.hypot(x, y), EXTENT, 1.0)

    # Linear between grid points, the radius is off by at most h^2 / 8.
    cell = 2 * EXTENT / (SIZE - 1)
    np.testing.assert_allclose(np.hypot(*found.reshape(-1, 2).T), 1, atol=cell**2 / 4)
    length = np.linalg.norm(found[:, 1] - found[:, 0], axis=1).sum()
    assert length == pytest.approx(2 * math.pi, rel=1e-3)


def test_a_contour_is_closed(node: Node) -> None:
    x, y = grid((-EXTENT, EXTENT), (-EXTENT, EXTENT))
    found = segments(node, np.hypot(x, y), EXTENT, 1.0)

    # Each end of a segment is the end of one other.
    ends = [tuple(end) for end in found.reshape(-1, 2).round(5).tolist()]
    assert {ends.count(end) for end in ends} == {2}


def test_the_first_axis_of_a_grid_goes_across(node: Node) -> None:
    x, _ = grid((1, 5), (-2, 0))
    found = segments(node, x, [1, 5, -2, 0], 2.0)
    np.testing.assert_allclose(found[..., 0], 2.0, atol=1e-6)
    assert found[..., 1].min() == pytest.approx(-2)
    assert found[..., 1].max() == pytest.approx(0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_saddle_joins_what_its_middle_says(sign: int, node: Node) -> None:
    # One cell; its high corners lie across, and its middle at 0.25 is above the level for either sign.
    values = np.array([[1.0, -0.5], [-0.5, 1.0]])
    if sign < 0:
        values = values[::-1]
    found = segments(node, values, 1, 0.0)

    # A line cuts off a low corner: its ends are at most as far from it as half a side.
    low = np.argwhere(values < 0) * 2.0 - 1
    for segment in found:
        nearest = np.linalg.norm(segment.mean(axis=0) - low, axis=1).min()
        assert nearest < math.sqrt(2) / 2
    assert len(found) == 2


def test_a_cell_with_a_number_that_is_not_finite_has_no_line(node: Node) -> None:
    x, y = grid((-1, 1), (-1, 1), 3)
    values = np.hypot(x, y)
    values[1, 1] = np.nan
    script = CONTOUR.replace("input.values", "input.values.map((v) => v === null ? NaN : v)")
    listed = [None if math.isnan(value) else value for value in values.ravel().tolist()]
    assert node(script, {"values": listed, "size": 3, "extent": 1, "level": 0.5}) == []


def test_levels_enclose_their_share_of_a_normal_density(node: Node) -> None:
    shares = [0.5, 0.9, 0.99]
    x, y = grid((-6, 6), (-6, 6), 241)
    script = """
    const { levelsOfMass } = await load("contours.js");
    answer(levelsOfMass(Float64Array.from(input.values), input.shares));
    """
    found = node(script, {"values": (-(x**2 + y**2) / 2 + 7).ravel().tolist(), "shares": shares})

    # Of N(0, I) in the plane, the share within r is 1 - exp(-r^2 / 2).
    expected = [7 + math.log(1 - share) for share in shares]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_a_projection_of_three_coordinates_turns_about_the_last_one(node: Node) -> None:
    script = """
    const { project } = await load("projection.js");
    const points = Float32Array.from([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    const sides = [{ turn: 0, tilt: 0 }, { turn: Math.PI / 2, tilt: 0 }, { turn: 0, tilt: Math.PI / 2 }];
    const flat = project(points.subarray(0, 4), 2, { turn: 1, tilt: 1 });
    answer([...sides.map((side) => project(points, 3, side)), flat]);
    """
    side, turned, above, flat = node(script)
    np.testing.assert_allclose(side, [1, 0, 0, 0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(turned, [0, 0, -1, 0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(above, [1, 0, 0, 1, 0, 0], atol=1e-6)
    assert flat == [1, 0, 0, 0]


def test_the_difference_of_two_runs_is_taken_at_the_steps_that_both_have(node: Node) -> None:
    script = """
    const { differenceOf } = await load("pair_view.js");
    const main = { step: [1, 2, 3, 5], distortion: [1, 2, 3, 4], rate: [1, 1, 1, 1] };
    const other = { step: [2, 3, 4, 5], distortion: [5, NaN, 5, 7], rate: [2, 2, 2, 2] };
    answer(differenceOf(main, other));
    """
    assert node(script) == {"step": [2, 5], "nats": [4, 4]}


def test_a_run_that_is_set_back_loses_the_evidence_that_lay_ahead(node: Node) -> None:
    script = """
    const { TruthLog } = await load("truth_log.js");
    const log = new TruthLog();
    const begin = {};
    for (const step of [10, 20, 30, 15]) log.follow({ begin, truth: { step, evidence: { step, value: step } } });
    const steps = log.rows.map((row) => row.step);
    log.follow({ begin: {}, truth: null });
    answer([steps, log.rows]);
    """
    assert node(script) == [[10, 15], []]


def test_a_branch_from_a_step_that_was_measured_loses_the_evidence_that_lay_ahead_at_once(node: Node) -> None:
    script = """
    const { TruthLog } = await load("truth_log.js");
    const log = new TruthLog();
    const begin = {};
    const follow = (evidence, at, reached) =>
      log.follow({ begin, truth: { evidence }, frame: { step: at }, history: { step: [1, reached] } });
    const [first, last] = [10, 30].map((step) => ({ step, value: step }));
    follow(first, 10, 10);
    follow(last, 30, 30);
    // The first step is looked at, and the run goes on from there.
    follow(first, 10, 30);
    const looked = log.rows.map((row) => row.step);
    follow(first, 10, 8);
    const branched = log.rows.map((row) => row.step);
    follow(first, 40, 40);
    answer([looked, branched, log.rows.map((row) => row.step)]);
    """
    assert node(script) == [[10, 30], [10], [10]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.001234, "0.00123"),
        (-2.5, "\N{MINUS SIGN}2.5"),
        (123456.0, "1.23e5"),
        (None, "not defined"),
        (1e-7, "1.00e\N{MINUS SIGN}7"),
    ],
)
def test_numbers_are_said_in_three_digits(value: float | None, expected: str, node: Node) -> None:
    script = 'const { say } = await load("canvas.js"); answer(say(input));'
    assert node(script, value) == expected


def test_the_line_of_a_selection_is_decoded_from_end_to_end(node: Node) -> None:
    script = """
    const { latentsOf, LINE_LATENTS } = await load("probe.js");
    answer([latentsOf({ latent: [9, 9], line: [[0, 1], [2, 0]] }), LINE_LATENTS]);
    """
    latents, count = node(script)
    points = np.array(latents).reshape(-1, 2)
    assert len(points) == 1 + count
    np.testing.assert_allclose(points[0], [9, 9])
    np.testing.assert_allclose(points[1:], np.linspace([0, 1], [2, 0], count), atol=1e-6)


RANGE = """
const { linesOf, rangeOf } = await load("curve_lines.js");
const steps = Array.from({ length: 1000 }, (_, k) => k + 1);
const rate = steps.map((step) => (step > 500 && step <= 600 ? 4e5 : 3 + Math.sin(step) / 10));
const distortion = steps.map((step) => (step < 300 ? 1e6 / step : -2));
const history = { step: steps, distortion, rate };
answer(input.map((turns) => rangeOf(linesOf(history), [], () => true, turns)));
"""


def test_the_range_of_the_curves_is_that_of_most_of_them(node: Node) -> None:
    """Neither the start nor a knob that was turned far for a tenth of the run squashes the rest."""
    for low, high in node(RANGE, [[], [{"step": 500}, {"step": 600}]]):
        assert -6 < low < -2
        assert 3 < high < 12


def test_a_diagnosis_of_long_ago_says_of_which_step(node: Node) -> None:
    script = """
const { verdictOf } = await load("story_panel.js");
const diagnosis = { verdict: "healthy", sentence: "Healthy.", step: 1200 };
answer([1300, 2000].map((step) => verdictOf({ truth: { diagnosis }, frame: { step } }, true).sentence));
"""
    assert node(script) == ["Healthy.", "Healthy. That was at step 1,200."]


@pytest.mark.parametrize(("held_out", "points"), [(True, "held-out points"), (False, "points that it trains on")])
def test_nats_say_how_many_points_a_table_has_held_out(held_out: bool, points: str, node: Node) -> None:
    script = """
const { showNats } = await load("story_panel.js");
const history = { step: [1], distortion: [3], rate: [3], held_out_distortion: [1.5], held_out_rate: [2] };
const begin = { dims: 3, held_out: new Float32Array(3 * 24), has_held_out: input };
answer(showNats({ nats: { hidden: true, textContent: "" } }, { begin, history, frame: { sigma: 1 } }, null, false));
"""
    assert node(script, held_out).startswith(f"In nats, on 24 {points}, with one draw each: \u2212ELBO 3.50.")


def test_of_a_start_nothing_is_judged(node: Node) -> None:
    """Nor is what was found of it said of a later step, which waits for its own."""
    script = """
const { verdictOf } = await load("story_panel.js");
const diagnosis = { verdict: "under-trained", sentence: "Under-trained.", step: 0 };
answer([0, 1500].map((step) => verdictOf({ truth: { diagnosis }, frame: { step } }).sentence));
"""
    assert node(script) == ["Nothing is trained yet.", "The first diagnosis is on its way."]


def test_advice_names_a_preset_as_the_page_does(node: Node) -> None:
    script = 'const { adviseHere } = await load("story_panel.js"); answer(adviseHere(input));'
    words = node(script, advice_text(FIT_PRIOR))
    assert "preset" not in words
    assert "open the question" in words


def test_before_the_first_diagnosis_no_evidence_of_long_ago_is_told(node: Node) -> None:
    script = """
const { verdictOf } = await load("story_panel.js");
const evidence = { step: 1200, gap: 0.5 };
answer([1300, 2000].map((step) => verdictOf({ truth: { evidence }, frame: { step } }, true).sentence));
"""
    recent, old = node(script)
    assert recent.startswith("The ELBO is 0.50 nats from the evidence")
    assert old == "The first diagnosis is on its way."


def test_a_bound_on_the_evidence_tells_the_least_gap_of_the_elbo(node: Node) -> None:
    """The evidence itself lies at the bound or beyond it."""
    script = """
const { verdictOf } = await load("story_panel.js");
const truthOf = (exact) => ({ evidence: { step: 300, gap: 6.97, exact } });
answer([true, false].map((exact) => verdictOf({ truth: truthOf(exact), frame: { step: 300 } }).sentence));
"""
    exact, bound = node(script)
    assert exact.startswith("The ELBO is 6.97 nats from the evidence")
    assert bound.startswith("The ELBO is at least 6.97 nats from the evidence")


def test_two_runs_are_compared_at_a_step_that_both_were_measured_at(node: Node) -> None:
    """The twin that catches up is at step 2; the first run was measured there, and has gone on to step 4 since."""
    script = """
const { describePair } = await load("pair_view.js");
const history = (step, held, loss) => ({
  step, loss, rate: step.map(() => 9), distortion: step.map(() => 9),
  held_out_rate: held.map((value) => value), held_out_distortion: held.map((value) => value / 2),
});
const runs = {
  main: { frame: { step: 4 }, history: history([1, 2, 3, 4], [8, 4, null, 1], [0.5, 0.4, 0.3, 0.2]) },
  twin: { frame: { step: 3 }, history: history([1, 2, 3], [8, 5, null], [0.5, 0.6, 0.7]) },
};
const none = { main: runs.main, twin: { frame: null, history: {} } };
answer([describePair(runs), describePair(none)]);
"""
    words, of_none = node(script)
    assert words == (
        "Step 2. \u2212ELBO 7.50 against 6.00 nats: +1.50 (distortion +0.50, rate +1.00). "
        "Loss 0.6 against 0.4. It catches up: 1 step to go."
    )
    assert of_none == "It catches up: 4 steps to go."


LINES = """
const { linesOf } = await load("curve_lines.js");
const { readAt } = await load("curves_panel.js");
const step = Array.from({ length: 10 }, (_, k) => 10 * (k + 1));
// The history's own points say less than the evidence of others does.
const held = step.map(() => 1);
const history = {
  step, loss: held, rate: held, distortion: held, held_out_rate: held, held_out_distortion: held, held_out_loss: held,
};
const of = (at, value) => ({
  step: at,
  evidence: {
    step: at, distortion: 2, rate: 1, negative_elbo: 3, gap: 3 - value, value, family: null, asked: null,
    amortisation: null, rates: null, information: null, mismatch: null, lower_bound: null, errors: {},
  },
});
"""


def test_held_out_lines_go_through_the_measurements_that_the_evidence_is_of(node: Node) -> None:
    script = LINES + "answer(linesOf(history, [of(42, 2.9), of(55, 2.8)]).lines.map(({ held }) => held));"
    distortion, rate, elbo = node(script)
    assert elbo["step"] == rate["step"] == [10, 20, 30, 40, 42, 55, 60, 70, 80, 90, 100]
    # Where both are known, no line of the history lies below the evidence.
    assert [value for step, value in zip(elbo["step"], elbo["values"], strict=True) if 42 <= step <= 55] == [3, 3]
    assert distortion["values"] == [1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1]


def test_numbers_that_are_read_off_are_of_one_measurement_and_say_of_which_step(node: Node) -> None:
    script = LINES + "answer([42, 45, 95, 5].map((at) => readAt(history, [of(42, 2.9)], at)));"
    at, after, of_history, before = node(script)
    numbers = "distortion 2.000   rate 1.000   \u2212ELBO 3.000   \u2212log p 2.900   gap 0.100"
    assert at == f"step 42   {numbers}"
    assert after == f"step 45, measured at 42:   {numbers}"
    assert of_history == "step 95, measured at 90:   distortion 1.00   rate 1.00   \u2212ELBO 2.00"
    assert before == "step 5"


def test_nothing_of_another_step_or_loss_is_shown_of_a_run_that_stands_still(node: Node) -> None:
    script = """
const { currentRun } = await load("summary.js");
const truth = {
  evidence: { step: 5, sigma: 0.1, true_beta: 1 }, density: { step: 5, sigma: 0.2 }, posterior: { step: 4, sigma: 0.1 },
  diagnosis: { step: 5, sigma: 0.1, true_beta: 2 },
};
const run = { frame: { step: 5, sigma: 0.1, true_beta: 1 }, truth };
answer([false, true].map((running) => Object.keys(currentRun(run, running).truth)));
"""
    still, moving = node(script)
    assert still == ["evidence"]
    assert moving == ["evidence", "density", "posterior", "diagnosis"]


def test_lines_show_which_way_the_columns_of_a_table_point(node: Node) -> None:
    """From the front the second column points away: its name is where the lines meet. Then it is turned left."""
    script = """
    const texts = [];
    const answers = { fillText: (...text) => texts.push(text) };
    const context = new Proxy({}, { get: (set, name) => set[name] ?? answers[name] ?? (() => {}) });
    globalThis.document = { createElement: () => ({ getContext: () => context }) };
    const { drawDirections } = await load("data_view.js");
    const surface = { context, width: 500, height: 300, textSize: 13, theme: {}, font: "" };
    const plane = { box: { left: 0, top: 0, width: 500, height: 300 } };
    answer([0, Math.PI / 2].map((turn) => {
      texts.length = 0;
      drawDirections(surface, plane, { turn, tilt: 0 }, ["length", "width", "height"]);
      return texts.slice();
    }));
    """
    front, turned = ({name: (x, y) for name, x, y in places} for places in node(script))
    x, y = front["width"]
    assert front["length"][0] > x + 20
    assert front["length"][1] == pytest.approx(y)
    assert front["height"][1] < y - 20
    assert front["height"][0] == pytest.approx(x)
    assert turned["length"] == pytest.approx((x, y))
    assert turned["width"][0] < x - 20
    assert turned["height"] == pytest.approx(front["height"])


def test_a_posterior_whose_kl_is_not_exact_is_drawn_without_it(node: Node) -> None:
    """Above two latents, where a window may be drawn before its toggle is off."""
    script = """
    const words = [];
    const answers = {
      fillText: (text) => words.push(text),
      measureText: (text) => ({ width: 7 * text.length }),
      createImageData: (width, height) => ({ data: new Uint8ClampedArray(4 * width * height) }),
    };
    const context = new Proxy({}, { get: (set, name) => set[name] ?? answers[name] ?? (() => {}) });
    globalThis.document = { createElement: () => ({ getContext: () => context }) };
    const { drawLatentPlane } = await load("latent_view.js");
    const surface = { context, width: 500, height: 300, textSize: 13, theme: {}, font: "", smallFont: "" };
    const one = (length) => new Float32Array(length);
    const draw = (kl) => {
      words.length = 0;
      const begin = { points: one(2), coordinate: null, dims: 2, settings: {} };
      const posterior = { point: 0, size: 2, extent: [-1, 1, -1, 1], log_density: one(4), kl };
      const options = { shows: (name) => name === "posterior", selection: { point: 0 }, dims: [0, 1] };
      drawLatentPlane(surface, { begin, frame: { mu: one(3), logvar: one(3) }, truth: { posterior } }, options);
      return words.filter((text) => text.startsWith("KL") || text.endsWith("wide"));
    };
    answer([draw(null), draw(0.25)]);
    """
    assert node(script) == [["2.00 wide"], ["KL(q\u2016p) 0.250 nats", "2.00 wide"]]
