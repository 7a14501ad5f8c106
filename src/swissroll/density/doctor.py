"""What ails a fit to a table, in a name, its numbers and one thing to try; the names are those of the doctor of runs.

A run's doctor compares with a curve or with fresh points, of which a table has none. Here the rules look at the rows
that were held out, at how the latents are used, and at how training ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swissroll.checks import amount

HEALTHY = "healthy"
ACTIVE = 0.01
"""Least variance of a posterior mean over the rows for its latent to be active, as for a run."""
FAR = 3.0
"""Standard errors from which a difference is told."""
MOST_BACKGROUND = 0.5
"""Weight of the heavy-tailed cloud up to which the latents describe most rows."""
LEAST_GAP = 0.1
"""Nats per row that a model may lose on rows that it has not seen, and be healthy."""


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What the rules look at.

    Attributes:
        slowed_to: The lower learning rate that training had to begin again with, if so.
        last_gain: By how much held-out rows gained over the last tenth of a training that was not stopped, in nats.
        gap: Mean log density of training rows less that of held-out rows, in nats per row.
        gap_error: Its standard error.
        active: Latents that are used.
        latent_dim: Latents.
        data_dim: Columns.
        background: Weight of the heavy-tailed cloud behind the model.
        coverage: Share of the rows that were not fitted in the region that should hold 90 % of them.
        coverage_error: Standard error of such a share if the model were right.
    """

    slowed_to: float | None
    last_gain: float
    gap: float
    gap_error: float
    active: int
    latent_dim: int
    data_dim: int
    background: float
    coverage: float
    coverage_error: float


@dataclass(frozen=True)
class Finding:
    """What ails a fit; ``str()`` makes a sentence of it.

    Attributes:
        name: The diagnosis, such as 'collapsed'; 'healthy' where nothing was found.
        because: The numbers that it rests on, in words.
        advice: One thing to try.
    """

    name: str
    because: str
    advice: str

    @property
    def is_healthy(self) -> bool:
        """Whether nothing was found."""
        return self.name == HEALTHY

    def __str__(self) -> str:
        return f"{self.name}: {self.because}. {self.advice}"


@dataclass(frozen=True)
class Rule:
    """A diagnosis, when it holds, its numbers in words, and what to try."""

    name: str
    holds: Callable[[Signs], bool]
    because: Callable[[Signs], str]
    advice: str


def say_gap(signs: Signs) -> str:
    """How far held-out rows are from training rows, in words: by chance they may be more probable."""
    side = "below" if signs.gap >= 0 else "above"
    gap = f"{abs(signs.gap):.2f} ± {signs.gap_error:.2f} nats per row"
    return f"the log density of held-out rows is {gap} {side} that of training rows"


def say_used(signs: Signs) -> str:
    """How many latents are used."""
    return f"{signs.active} of {amount(signs.latent_dim, 'latent')} {'is' if signs.active == 1 else 'are'} used"


RULES = (
    Rule(
        name="diverged",
        holds=lambda s: s.slowed_to is not None,
        because=lambda s: f"a number was not finite, and training went well with a learning rate of {s.slowed_to:g}",
        advice="Set learning_rate to that; and see whether a few rows lie very far from the others.",
    ),
    Rule(
        name="under-trained",
        holds=lambda s: s.last_gain > LEAST_GAP,
        because=lambda s: f"held-out rows still gained {s.last_gain:.2f} nats per row over the last tenth of the steps",
        advice="Multiply max_steps by three.",
    ),
    Rule(
        name="overfitted",
        holds=lambda s: s.gap > max(LEAST_GAP, FAR * s.gap_error),
        because=say_gap,
        advice="Collect more rows, or leave out columns; fewer components or a smaller hidden_dim help a little.",
    ),
    Rule(
        name="badly calibrated",
        holds=lambda s: abs(s.coverage - 0.9) > FAR * s.coverage_error,
        because=lambda s: (
            f"the region that should hold 90 % of rows that were not fitted holds {100 * s.coverage:.0f} ± "
            f"{100 * s.coverage_error:.0f} %"
        ),
        advice="Do not trust anomaly_probability here; collect more rows.",
    ),
    Rule(
        name="outweighed",
        holds=lambda s: s.background > MOST_BACKGROUND,
        because=lambda s: (
            f"rows that were not fitted give {100 * s.background:.0f} % of the weight to one heavy-tailed cloud"
        ),
        advice="As a density that may be all the rows support; the latents describe few of them.",
    ),
    Rule(
        name="collapsed",
        holds=lambda s: s.active == 0,
        because=lambda _: "no latent is used, so the density is one Gaussian with a full covariance",
        advice="As a density that may be all the rows support; transform tells nothing here.",
    ),
    Rule(
        name="partly collapsed",
        holds=lambda s: s.active < min(s.latent_dim, s.data_dim),
        because=say_used,
        advice="Set latent_dim to that number; the density hardly changes.",
    ),
)


def diagnose(signs: Signs) -> Finding:
    """Name the first rule that holds, with its numbers."""
    for rule in RULES:
        if rule.holds(signs):
            return Finding(rule.name, rule.because(signs), rule.advice)
    return Finding(HEALTHY, f"{say_used(signs)}, and {say_gap(signs)}", "Nothing ails this fit.")
