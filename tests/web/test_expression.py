"""Functions of t typed as text. Oracle: Python's own arithmetic."""

import math
import random

import pytest

from tests.web.javascript import needs_node, run_script

pytestmark = needs_node

EVALUATE = """
const { parseExpression, ExpressionError } = await load("expression.js");
const outcomes = input.map(([text, t]) => {
  try {
    const value = parseExpression(text)(t);
    return typeof value === "number" ? { value: String(value) } : { wrong: typeof value };
  } catch (error) {
    return error instanceof ExpressionError ? { message: error.message } : { wrong: String(error) };
  }
});
answer(outcomes);
"""

RIGHT = [
    ("t cos(t) / 15", 2.0, 2 * math.cos(2) / 15),
    ("-t^2", 3.0, -9.0),
    ("2^-t", 1.0, 0.5),
    ("2^3^2", 0.0, 512.0),
    ("2 pi t", 1.5, 3 * math.pi),
    ("2(t+1)(t-1)", 3.0, 16.0),
    ("6/2t", 2.0, 6.0),
    ("t**2", 3.0, 9.0),
    ("1 - 2 - 3", 0.0, -4.0),
    ("min(t, 2) mod(-1, 3)", 5.0, 4.0),
    ("atan2(t, 1) + π", 1.0, math.pi / 4 + math.pi),
    ("1e-3*t + .5", 2.0, 0.502),
    ("sqrt(abs(-t)) exp(0) log(e)", 4.0, 2.0),
    ("sign(-t) floor(2.7) + tanh(0) + tan(0) + atan(0) + max(1, tau)", 1.0, -2 + math.tau),
]


def test_expressions_have_their_values() -> None:
    outcomes = run_script(EVALUATE, [[text, t] for text, t, _ in RIGHT])
    found = [float(outcome["value"]) for outcome in outcomes]
    assert found == pytest.approx([value for *_, value in RIGHT], rel=1e-14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("(t", "The bracket at character 1 is not closed."),
        ("t)", '")", at character 2, has no place there.'),
        ("sin t", '"sin", at character 1, needs brackets: sin(t).'),
        ("2 + foo(t)", '"foo", at character 5, is not known. Known are t, sin,'),
        ("constructor", "is not known"),
        ("max(1)", "takes two values"),
        ("1 +", "ends too early"),
        ("t & 1", '"&" has no meaning here, at character 3.'),
        ("t" * 301, "longer than 300 characters"),
        ("(" * 100 + "t", "more than 40 brackets"),
        ("-" * 200 + "t", "more than 40 brackets"),
        ("2^" * 100 + "t", "more than 40 brackets"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, message: str) -> None:
    [outcome] = run_script(EVALUATE, [[text, 1.0]])
    assert message in outcome["message"]


def test_hostile_texts_end_in_a_number_or_a_sentence() -> None:
    source = random.Random(14)  # noqa: S311
    parts = ["t", "sin(", "(", ")", "^", "-", "*", "/", ",", "9e99", "0x1", "alert(1)", "constructor", "__proto__"]
    parts += ["this", "${t}", "`", "'", '"', "\0", "\u202e", "😀", "</script>", "\n", "max(", "1", " ", ".", ";", "=>"]
    texts = ["".join(source.choices(parts, k=source.randint(1, 80))) for _ in range(1000)]
    texts += ["(" * 10**6, "t" * 10**6, "-" * 299, "1" * 300, "t^" * 149 + "t"]
    outcomes = run_script(EVALUATE, [[text, 2.0] for text in texts])
    assert [outcome for outcome in outcomes if "wrong" in outcome] == []


def test_points_of_functions_lie_on_their_curve() -> None:
    script = """
    const { pointsOfFunctions } = await load("expression.js");
    answer(pointsOfFunctions(["cos(t)", "sin(t)", "t/pi"], "-pi", "pi", 100));
    """
    found = run_script(script)
    assert found["dims"] == 3
    for index, (x, y, z) in enumerate(zip(*[iter(found["values"])] * 3, strict=True)):
        t = -math.pi + 2 * math.pi * (index + 0.5) / 100
        assert (x, y, z) == pytest.approx((math.cos(t), math.sin(t), t / math.pi), abs=1e-12)


@pytest.mark.parametrize(
    ("texts", "bounds", "message"),
    [
        (["1/(t-t)", "t"], ["0", "1"], "x(t) is not a finite number at t = 0.005000."),
        (["t", "foo"], ["0", "1"], 'y(t): "foo", at character 1, is not known.'),
        (["t", "t"], ["0", "t"], "t to: it must be a number, without t."),
        (["t", "t"], ["1/0", "2"], "t from: it must be a finite number."),
        (["t", "t"], ["2", "1"], "t must run upwards; it goes from 2 to 1."),
    ],
)
def test_functions_without_points_say_why(texts: list[str], bounds: list[str], message: str) -> None:
    script = """
    const { pointsOfFunctions } = await load("expression.js");
    try {
      answer(pointsOfFunctions(input.texts, ...input.bounds, 100));
    } catch (error) {
      answer(error.message);
    }
    """
    assert message in run_script(script, {"texts": texts, "bounds": bounds})
