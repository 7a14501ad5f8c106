"""A sweep's conclusions in sentences, for the page and for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from swissroll.sweep.analysis.blocks import changes_sigma, confounds, settings, sigmas
from swissroll.sweep.analysis.comparisons import (
    LOWERED_BY_SIGMA,
    SIGMA_METRICS,
    Ranking,
    Verdict,
    caution,
    headline_metrics,
    incomparable_metrics,
    judge,
    rank,
)
from swissroll.sweep.analysis.formatting import (
    format_difference,
    format_number,
    format_value,
    join_names,
    mark_bound,
    metric_label,
)
from swissroll.sweep.analysis.paired_test import MAX_DECIDING_SEEDS
from swissroll.sweep.analysis.results import Table, require_table

NO_COMPARISON = (
    "Nothing can be compared: fewer than two values have finished runs in the same other settings and seeds."
)
MAX_LINES = 12
"""Most lines of :func:`conclusions`."""
FEW_SEEDS = 5
"""With fewer seeds than this, intervals are so wide that little is decided."""
MAX_DIGITS = 6
"""Most digits of means that would look alike with fewer."""
MAX_WORSE = 3
"""Most worse levels that are all named with their differences; of more, only the nearest is."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one metric says about one axis.

    Attributes:
        ranking: The levels by their means.
        verdicts: For each level but the best, whether it is tied with it.
        own_sigma: Whether the metric depends on the decoder's sigma and that differs between the levels.
    """

    ranking: Ranking
    verdicts: dict[Any, Verdict]
    own_sigma: bool

    @property
    def tied(self) -> list[Any]:
        """Levels that are tied with the best."""
        return [level for level, verdict in self.verdicts.items() if verdict.tied]

    @property
    def undecided(self) -> dict[Any, int]:
        """Levels that may differ from the best, each with the seeds that would decide it."""
        found = {}
        for level, verdict in self.verdicts.items():
            if verdict.deciding_seeds is not None:
                found[level] = verdict.deciding_seeds
        return found

    @property
    def worse(self) -> list[Verdict]:
        """Verdicts on the levels that are worse than the best, the nearest first."""
        found = [verdict for verdict in self.verdicts.values() if not verdict.may_be_noise]
        return sorted(found, key=lambda verdict: abs(verdict.interval.mean))

    @property
    def lowered_by_sigma(self) -> bool:
        """Whether a smaller sigma alone may have made a level the best."""
        return self.own_sigma and self.ranking.metric in LOWERED_BY_SIGMA

    @property
    def seeds(self) -> int:
        """How many seeds it rests on."""
        return len(self.ranking.blocks.seeds)


def findings(table: Table, axis: str | None) -> list[Finding]:
    """What each headline metric says about an axis (None: about whole settings), judged as one family.

    Without the metrics that an axis changes the meaning of, which are all of them for the dataset.
    """
    incomparable = incomparable_metrics(table.axes if axis is None else [axis])
    metrics = [metric for metric in headline_metrics(table) if metric not in incomparable]
    rankings = [rank(table, metric, axis) for metric in metrics]
    rankings = [ranking for ranking in rankings if ranking.best is not None]
    sigma_differs = changes_sigma(table, axis)

    found: list[Finding] = []
    for ranking, verdicts in zip(rankings, judge(rankings), strict=True):
        own_sigma = sigma_differs and ranking.metric in SIGMA_METRICS
        found.append(Finding(ranking=ranking, verdicts=verdicts, own_sigma=own_sigma))
    return found


def format_mean(ranking: Ranking, level: Any) -> str:
    """The mean of a level; marked where it is only an upper bound."""
    return mark_bound(format_number(ranking.mean(level)), is_bound=level in ranking.upper_bounds)


def bound_note(table: Table) -> str:
    """Which runs' evidence is only bounded, where that of others is exact, in sentences; empty elsewhere."""
    finished = [row for row in table.rows if row.status == "finished" and "neg_log_evidence" in row.values]
    bounded = sorted({row.config.latent_dim for row in finished if row.bounds_evidence})
    exact = sorted({row.config.latent_dim for row in finished if not row.bounds_evidence})
    if not bounded or not exact:
        return ""
    return (
        f"With latent_dim {join_names(list(map(str, bounded)))} the negative log evidence is an upper bound (≤), by "
        f"importance-weighted draws; with {join_names(list(map(str, exact)))} it is exact. "
        "A model with a bound may be better than its number."
    )


def sentence(finding: Finding) -> str:
    """The best level by a metric, what is tied with it or undecided, and how far the nearest of the others are off."""
    ranking = finding.ranking
    best = _format_level(ranking.best)
    if finding.seeds < 2:
        return f"{best} is best with the only seed, which allows no conclusion"
    if not finding.worse:
        return _without_difference(finding)

    parts = [f"best {best} ({format_mean(ranking, ranking.best)})"]
    if finding.tied:
        tied = [_format_level(level) for level in finding.tied]
        parts.append(f"tied with {join_names(tied)}")
    if finding.undecided:
        levels = [f"{_format_level(level)} ({_would_decide(seeds)})" for level, seeds in finding.undecided.items()]
        parts.append(f"undecided: {join_names(levels)}")
    parts.append(f"worse: {_list_worse(finding.worse)}")
    return "; ".join(parts)


def _without_difference(finding: Finding) -> str:
    """The sentence where no level is worse than the best."""
    means = _range(finding.ranking.means)
    if finding.undecided:
        seeds = min(finding.undecided.values())
        return f"undecided with {finding.seeds} seeds ({means}); {_would_decide(seeds)}"
    if all(set(verdict.difference.differences) == {0.0} for verdict in finding.verdicts.values()):
        return f"equal in every seed ({means})"
    return f"a tie ({means}): {MAX_DECIDING_SEEDS} seeds would not show differences as small as these"


def _would_decide(seeds: int) -> str:
    return f"about {seeds} seeds would decide"


def _range(means: Sequence[float]) -> str:
    """The lowest and the highest mean, with more digits where they look alike, up to :data:`MAX_DIGITS`."""
    lowest = min(means)
    highest = max(means)
    low = format_number(lowest)
    high = format_number(highest)
    for digits in range(4, MAX_DIGITS + 1):
        if low == high:
            low = f"{lowest:#.{digits}g}"
            high = f"{highest:#.{digits}g}"
    if low != high:
        return f"means {low} to {high}"
    low = format_number(lowest)
    return f"all means {low}" if lowest == highest else f"all means {low}, alike to {MAX_DIGITS} digits"


def run_counts(table: Table) -> str:
    """How many runs there are, and how many of them finished, diverged and are missing."""
    counts = Counter(row.status for row in table.rows)
    parts = [f"{counts['finished']:,} finished"]
    if counts["diverged"]:
        parts.append(f"{counts['diverged']:,} diverged")
    if counts["missing"]:
        parts.append(f"{counts['missing']:,} missing")

    runs = len(table.rows)
    of_settings = len(settings(table))
    of_runs = "run" if runs == 1 else "runs"
    plural = "setting" if of_settings == 1 else "settings"
    return f"{runs:,} {of_runs} of {of_settings:,} {plural}: {', '.join(parts)}"


def conclusions(table: Table) -> list[str]:
    """What a sweep came to, as at most :data:`MAX_LINES` lines of text; raises ValueError for what is no table."""
    require_table(table)
    lines = [f"{run_counts(table)}."]
    if confounds(table):
        lines.append(_sigma_warning(table))
    if bound_note(table):
        lines.append(bound_note(table))
    cautions = {axis: caution(axis) for axis in table.axes}
    lines += [f"{axis}: {text}" for axis, text in cautions.items() if text]

    if len(table.seeds) < 2:
        return [*lines, "One seed: no difference can be told from seed noise. Add seeds, to 5 at least."]

    # One line is for what the comparisons rest on; each axis gets the same share of the others.
    room = (MAX_LINES - len(lines) - 1) // max(1, len(table.axes))
    compared: list[str] = []
    for axis in table.axes:
        for finding in findings(table, axis)[: max(1, room)]:
            label = _finding_label(finding)
            compared.append(f"{axis}, {label}: {sentence(finding)}")

    if compared:
        lines.append(_basis(len(table.seeds)))
    elif not all(cautions.values()):
        lines.append(NO_COMPARISON)
    return [*lines, *compared][:MAX_LINES]


def _sigma_warning(table: Table) -> str:
    values: list[float] = []
    for of_latent_dim in sigmas(table).values():
        values += of_latent_dim
    low = format_number(min(values))
    high = format_number(max(values))
    advice = "Holding sigma instead of beta keeps it fixed."
    return f"latent_dim changes the decoder's sigma as well ({low} to {high}). {advice}"


def _basis(seeds: int) -> str:
    """What the comparisons rest on."""
    text = f"Paired differences over {seeds} seeds, with 95 % intervals, Holm-corrected for each axis."
    return f"{text} Seeds that would decide show a difference like the observed one with 80 % probability."


def _list_worse(worse: list[Verdict]) -> str:
    named = worse if len(worse) <= MAX_WORSE else worse[:1]
    texts: list[str] = []
    for verdict in named:
        level = _format_level(verdict.difference.a)
        texts.append(f"{level} by {format_difference(verdict.interval)}")

    if len(named) < len(worse):
        texts.append(f"{len(worse) - len(named)} more")
    return join_names(texts)


def _finding_label(finding: Finding) -> str:
    label = metric_label(finding.ranking.metric)
    return f"{label} (each at its own sigma)" if finding.own_sigma else label


def _format_level(level: Any) -> str:
    """A level of an axis, or a whole setting in brackets."""
    text = format_value(level)
    return f"({text})" if isinstance(level, tuple) else text
