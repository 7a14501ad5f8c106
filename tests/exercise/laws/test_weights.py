"""What beta weighs is told from what the two terms are.

Oracle: the loss as it is written. A wrong place of beta is named, and costs no other check than that of beta.
"""

from __future__ import annotations

import pytest

from swissroll.exercise.misconceptions.source import solution
from tests.exercise.test_misconceptions import check_source, named

MISPLACED = {
    "beta * recon_loss + kl_loss": "beta-on-reconstruction",
    "2 * beta * recon_loss + 2 * kl_loss": "beta-on-reconstruction",
    "beta ** 2 * recon_loss + kl_loss": "beta-on-reconstruction",
    "beta * recon_loss + beta ** 2 * kl_loss": "beta-on-reconstruction",
    "beta * recon_loss + (1 - beta) * kl_loss": "beta-on-reconstruction",
    "(1 + beta) * recon_loss + kl_loss": "beta-on-reconstruction",
    "(1 + beta) * recon_loss + beta * kl_loss": "beta-on-reconstruction",
    "beta * (recon_loss + kl_loss)": "beta-on-both",
    "beta ** 2 * (recon_loss + kl_loss)": "beta-on-both",
    "(1 - beta) * recon_loss + beta * kl_loss": "beta-trades-off",
    "(1 - beta) * recon_loss + kl_loss": "beta-trades-off",
    "(recon_loss + beta * kl_loss) / (1 + beta)": "beta-trades-off",
    "recon_loss ** beta + kl_loss": "beta-trades-off",
    "recon_loss / beta + kl_loss": "beta-divides",
    "recon_loss + kl_loss / beta": "beta-divides",
    "recon_loss + (1 / beta) * kl_loss": "beta-divides",
    "recon_loss / (beta + 1e-8) + kl_loss": "beta-divides",
    "recon_loss + beta ** 2 * kl_loss": "beta-squared",
    "recon_loss + (1 - beta) * kl_loss": "beta-not-linear",
    "recon_loss + max(beta, 1.0) * kl_loss": "beta-not-linear",
    "recon_loss + (kl_loss if beta else 0)": "beta-not-linear",
    "recon_loss + kl_loss": "beta-unused",
    "recon_loss + kl_loss + 0 * (1 / beta)": "beta-unused",
    "recon_loss + kl_loss + beta": "beta-added",
    "recon_loss + kl_loss - beta": "beta-added",
}
"""Losses whose terms are right, and whose beta is not where it belongs."""


@pytest.mark.parametrize("loss", MISPLACED)
def test_a_misplaced_beta_is_named_and_costs_no_other_check(loss: str) -> None:
    result = check_source(solution(total=f"return {loss}"))
    assert named(result) == {MISPLACED[loss]}, str(result)
    assert [one.law for one in result.failed] == ["objective.beta"], str(result)


@pytest.mark.parametrize(
    ("loss", "wanted"),
    [
        ("beta * recon_loss", {"kl-left-out"}),
        ("recon_loss", {"kl-left-out"}),
        ("beta * kl_loss", {"error-ignored"}),
        ("kl_loss", {"error-ignored", "beta-unused"}),
        ("beta * recon_loss - kl_loss", {"beta-on-reconstruction", "kl-sign-turned"}),
        ("beta * recon_loss + beta * 0.5 * kl_loss", {"beta-on-both", "kl-half-twice"}),
        ("beta * recon_loss * kl_loss", {"terms-multiplied"}),
        ("recon_loss * (1 + beta * kl_loss)", {"terms-multiplied"}),
    ],
)
def test_a_term_that_is_wrong_beside_beta_is_named_too(loss: str, wanted: set[str]) -> None:
    assert named(check_source(solution(total=f"return {loss}"))) == wanted


def test_the_evidence_says_how_often_each_term_counts() -> None:
    [evidence] = check_source(solution(total="return beta * recon_loss + 0.5 * kl_loss * 2")).failed
    assert evidence.line == (
        "At beta 0, 1 and 2 the reconstruction term counts 0, 1 and 2 times and the KL term counts 1, 1 and 1 times."
    )


@pytest.mark.parametrize("guard", ["assert beta > 0", "log_beta = np.log(1 / beta)"])
def test_a_right_loss_may_refuse_a_beta_of_0(guard: str) -> None:
    assert check_source(solution(total=f"{guard}\nreturn recon_loss + beta * kl_loss")).passed
