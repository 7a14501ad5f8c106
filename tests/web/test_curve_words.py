"""What is written beside and over the lab's curves, in Node, on a canvas that keeps what is drawn, in its order."""

from tests.web.conftest import Node

CANVAS = """
const drawn = [];
const answers = {
  measureText: (text) => ({ width: 7 * text.length }),
  fillText: (text) => drawn.push(text),
  stroke: () => drawn.push("a line"),
};
const context = new Proxy({}, { get: (set, name) => set[name] ?? answers[name] ?? (() => {}) });
globalThis.document = { createElement: () => ({ getContext: () => context }) };
const surface = { context, width: 500, height: 300, textSize: 13, theme: {}, font: "", smallFont: "" };
"""


def test_the_bar_says_a_measured_elbo_only_of_about_now(node: Node) -> None:
    script = """
    const { sayElbo } = await load("bar.js");
    const evidence = {
      step: 1200, distortion: 2, rate: 1, gap: 0.5, family: null, asked: null, amortisation: null, rates: null,
      information: null, lower_bound: null, errors: {},
    };
    const history = { step: [1, 2], distortion: [9, 5], rate: [2, 1] };
    const sayAt = (step) => {
      const main = { frame: { step }, truth: { evidence }, history };
      return sayElbo({ runs: { main }, running: true, timeline: { at: null } });
    };
    const { recentSummary } = await load("summary.js");
    const sumsAt = (step) => recentSummary({ frame: { step }, truth: { evidence } });
    answer([sayAt(1300), sayAt(2000), sumsAt(1300).negative_elbo, sumsAt(2000)]);
    """
    # What happens shows no sums of long ago, either.
    assert node(script) == ["3.000", "6.00", 3, None]


def test_a_small_loss_without_nats_keeps_its_digits(node: Node) -> None:
    """At beta 0 nothing is in nats: two decimals of such a loss would be 0.00."""
    script = (
        CANVAS
        + """
    const { drawCurves } = await load("curves_view.js");
    const history = { step: [1, 2], loss: [0.5, 3.08e-6], distortion: [NaN, NaN], rate: [1, 1], held_out_loss: [] };
    drawCurves(surface, { history, truths: [], turns: [] }, () => true);
    answer(drawn.filter((text) => text.startsWith("loss ")));
    """
    )
    assert "loss 3.08e\u22126" in node(script)


def test_the_words_over_a_difference_are_crossed_by_no_curve(node: Node) -> None:
    """They stand where the curve often runs, so they come after it."""
    script = (
        CANVAS
        + """
    const { drawDifference } = await load("pair_view.js");
    const history = (value) => ({ step: [1, 2], distortion: [value, value], rate: [1, 1] });
    drawDifference(surface, { main: { history: history(1) }, twin: { history: history(2) } });
    answer([drawn.filter((text) => text === "a line").length, drawn.at(-1)]);
    """
    )
    lines, last = node(script)
    assert lines > 1
    assert last == "difference of \u2212ELBO, nats"
