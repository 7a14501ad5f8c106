"""A sweep's conclusions in words, for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from swissroll.sweep.analysis.blocks import changes_sigma, confounds, settings, sigmas
from swissroll.sweep.analysis.results import METRICS, Table
from swissroll.sweep.analysis.statistics import (
    INCOMPARABLE_AXES,
    NEEDS_SIGMA,
    Interval,
    Ranking,
    Verdict,
    headline,
    judge,
    rank,
)

NOTHING = "-"
NO_COMPARISON = "Nothing to compare: fewer than two values have finished runs in the same settings and seeds."
LINES = 12
"""Most lines under the command."""
FEW = 5
"""With fewer seeds an interval is so wide that a tie says little."""
WORSE = 3
"""Most worse choices that are named with their differences; of more, the nearest."""
NAMED = 6
"""Most choices that one sentence names."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one metric says about one axis.

    Attributes:
        ranking: The choices by their means.
        verdicts: For each choice but the best, whether it is tied with it.
        own_sigma: Whether the metric is taken at a decoder sigma that differs between the choices.
    """

    ranking: Ranking
    verdicts: dict[Any, Verdict]
    own_sigma: bool

    @property
    def tied(self) -> list[Any]:
        """Choices that are tied with the best."""
        return [choice for choice, verdict in self.verdicts.items() if verdict.tied]

    @property
    def seeds(self) -> int:
        """Seeds that it rests on."""
        return len(self.ranking.block.seeds)


def findings(table: Table, axis: str | None) -> list[Finding]:
    """What each headline metric says about an axis (None: about whole settings), judged together.

    Empty for an axis that changes what is measured, such as the dataset.
    """
    if INCOMPARABLE_AXES & ({axis} if axis is not None else set(table.axes)):
        return []
    rankings = [rank(table, metric, axis) for metric in headline(table)]
    rankings = [r for r in rankings if r.best is not None]
    moves = changes_sigma(table, axis)
    return [
        Finding(ranking=r, verdicts=v, own_sigma=moves and r.metric in NEEDS_SIGMA)
        for r, v in zip(rankings, judge(rankings), strict=True)
    ]


def number(value: float) -> str:
    """Three significant digits; '-' for what is not a finite number."""
    if not math.isfinite(value):
        return NOTHING
    plain = value == 0 or 1e-4 <= abs(value) < 1e5
    return f"{value:#.3g}".rstrip(".") if plain and abs(value) < 1000 else f"{value:,.0f}" if plain else f"{value:.2e}"


def shown(value: Any) -> str:
    """An axis's value as people type it."""
    if isinstance(value, tuple):
        return ", ".join(map(shown, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def label(metric: str, *, unit: bool = False) -> str:
    """A metric's name for people."""
    name, measured_in, _ = METRICS[metric]
    return f"{name} ({measured_in})" if unit and measured_in else name


def setting_text(values: dict[str, Any], sep: str = ", ") -> str:
    """Axes and their values."""
    return sep.join(f"{axis} {shown(v)}" for axis, v in values.items())


def listed(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'; the rest of many as their number."""
    shown_items = list(items[:NAMED]) + ([f"{len(items) - NAMED} more"] if len(items) > NAMED else [])
    return " and ".join([", ".join(shown_items[:-1]), shown_items[-1]] if len(shown_items) > 1 else shown_items)


def difference(found: Interval) -> str:
    """A mean difference with its interval, to two digits of its half width, and more where an end is nearer to 0."""
    half = (found.high - found.low) / 2
    if not math.isfinite(half):
        return NOTHING
    finest = half if found.holds_zero else min(half, 10 * abs(found.low), 10 * abs(found.high))
    return "{} [{}, {}]".format(*(_signed(v, finest) for v in (found.mean, found.low, found.high)))


def sentence(finding: Finding) -> str:
    """The best choice by a metric, what is tied with it, and how far the nearest of the others is off."""
    ranking = finding.ranking
    if finding.seeds < 2:
        return f"{_choice(ranking.best)} is best in the only seed, which allows no conclusion"
    if len(finding.tied) == len(finding.verdicts):
        low, high = number(min(ranking.means)), number(max(ranking.means))
        return f"a tie: no difference beyond the noise of {finding.seeds} seeds (means {low} to {high})"
    parts = [f"best {_choice(ranking.best)} ({number(ranking.best_mean)})"]
    if finding.tied:
        parts.append(f"tied with {listed([_choice(c) for c in finding.tied])}")
    worse = sorted((v for v in finding.verdicts.values() if not v.tied), key=lambda v: abs(v.interval.mean))
    named = worse if len(worse) <= WORSE else worse[:1]
    told = [f"{_choice(v.paired.a)} by {difference(v.interval)}" for v in named]
    told += [f"{len(worse) - 1} more"] if len(worse) > WORSE else []
    parts.append(f"worse: {listed(told)}")
    return "; ".join(parts)


def counts(table: Table) -> str:
    """How many runs there are, finished, diverged and missing."""
    number_of = {s: sum(row.status == s for row in table.rows) for s in ("finished", "diverged", "missing")}
    parts = [f"{n:,} {s}" for s, n in number_of.items() if n or s == "finished"]
    return f"{len(table.rows):,} runs of {len(settings(table)):,} settings: {', '.join(parts)}"


def conclusions(table: Table) -> list[str]:
    """What a sweep came to, as at most 12 lines of text."""
    lines = [counts(table) + "."]
    if confounds(table):
        values = [s for group in sigmas(table).values() for s in group]
        ends = f"{number(min(values))} to {number(max(values))}"
        lines.append(f"latent_dim moves the decoder sigma, too ({ends}): --hold sigma keeps it.")
    if len(table.seeds) < 2:
        return [*lines, "One seed: no difference can be told from noise. Add some with --seeds 5."]
    room = max(1, (LINES - len(lines)) // max(1, len(table.axes)))
    told = [f"{axis}, {_terminal_label(f)}: {sentence(f)}" for axis in table.axes for f in findings(table, axis)[:room]]
    if table.axes.keys() - INCOMPARABLE_AXES and not told:
        return [*lines, NO_COMPARISON]
    if told and len(table.seeds) < FEW:
        few = f"{len(table.seeds)} seeds tell only large differences from noise; what is tied may part with more."
        lines.append(few)
    return [*lines, *told][:LINES]


def _terminal_label(finding: Finding) -> str:
    return label(finding.ranking.metric) + (" (each at its own sigma)" if finding.own_sigma else "")


def _choice(choice: Any) -> str:
    return f"({shown(choice)})" if isinstance(choice, tuple) else shown(choice)


def _signed(value: float, finest: float) -> str:
    """A value with its sign, to two digits of ``finest``."""
    if not 1e-5 <= finest < 1e5:
        return f"{value:+.2g}"
    return f"{value:+,.{max(0, 1 - math.floor(math.log10(finest)))}f}"
