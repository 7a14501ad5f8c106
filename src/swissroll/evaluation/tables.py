"""Metrics as rows of text, each value beside what a perfect model would score, for the terminal and for the report."""

from __future__ import annotations

import math

from swissroll.evaluation.distances import NAMES, Distance
from swissroll.evaluation.metrics import Generated, Metrics

LABELS = {
    "w2": "W2 to real points",
    "sliced_w2": "sliced W2",
    "energy": "energy distance",
    "mmd": "MMD",
    "c2st": "C2ST accuracy against real points",
}
FAR = 5
"""A value is above its noise floor from this many standard deviations of the floor's three draws on.

By Student's t with two degrees of freedom, one perfect model in forty is."""
MOST_RATES = 8
"""Latent dimensions whose own rates are shown."""
GENERATED_HEAD = ("generated points", "decoded grid", "prior samples", "with decoder noise", "real points")
MODEL_HEAD = ("the model", "value", "perfect model", "verdict")

Rows = list[tuple[str, ...]]


def model_rows(metrics: Metrics) -> Rows:
    """What the model is worth: name, value, what a perfect model would score, and verdict."""
    error, latent = metrics.reconstruction, metrics.latent
    along, each = latent.continuity, ", ".join(f"z{i + 1} {r:.2f}" for i, r in enumerate(latent.rates[:MOST_RATES]))
    each += ", ..." if len(latent.rates) > MOST_RATES else ""
    share = f"{error.sampled_mse / error.variance:.2%} of the data's variance"
    return [
        ("reconstruction MSE, posterior mean", f"{error.mse:.5f}", "0", ""),
        ("reconstruction MSE, posterior draw", f"{error.sampled_mse:.5f}", "", share),
        ("rate, nats a point", f"{latent.rate:.3f}", "", each),
        ("active units", str(latent.active), "", f"of {len(latent.rates)}"),
        *_evidence_rows(metrics),
        ("C2ST accuracy, aggregate posterior against prior", *_c2st_cells(latent.aggregate.c2st)),
        ("jumps along the data's curve", str(along.jumps), "0", "not continuous" if along.jumps else "continuous"),
        ("trustworthiness of the latent space", f"{along.trustworthiness:.4f}", "1", ""),
    ]


def generated_rows(metrics: Metrics) -> Rows:
    """Points made in three ways, and real ones: distances to the curve, coverage and distances to real points."""
    sets = (metrics.grid, metrics.prior, metrics.noisy_prior)
    fits = [*(s.fit if s else None for s in sets), metrics.real]
    rows: Rows = [
        ("off the curve, median", *(f"{f.off_median:.4f}" if f else "-" for f in fits)),
        ("off the curve, 90th percentile", *(f"{f.off_p90:.4f}" if f else "-" for f in fits)),
        ("share of the curve covered", *(f"{f.coverage:.2f}" if f else "-" for f in fits)),
        ("longest gap, share of t", *(f"{f.gap:.3f}" if f else "-" for f in fits)),
        ("KS distance of t from uniform", *(f"{f.ks:.3f}" if f else "-" for f in fits)),
    ]
    return rows + [_distance_row(name, sets) for name in NAMES]


def text(head: tuple[str, ...], rows: Rows) -> str:
    """A table for the terminal: the first column to the left, the others to the right, the last as it comes."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _evidence_rows(metrics: Metrics) -> Rows:
    found = metrics.evidence
    if metrics.sigma == 0:
        return [("negative log evidence, nats", "-", "-", "none: beta 0 has no decoder noise")]
    if found is None:
        return []
    name = "negative log evidence, nats (a bound)" if found.bound else "negative log evidence, nats"
    error = found.error + found.standard_error
    digits, verdict = _digits(error), f"± {_rounded(error)}"
    if found.above_lower_bound is not None and found.lower_bound_error is not None:
        most, both = "at most " if found.bound else "", error + found.lower_bound_error
        verdict = f"{most}{found.above_lower_bound:.{min(3, _digits(both))}f} above the lower bound, ± {_rounded(both)}"
    bound = "-" if found.lower_bound is None else f"{found.lower_bound:.{digits}f}"
    return [
        (name, f"{-found.log_evidence:.{digits}f}", bound, verdict),
        ("gap of the ELBO, nats", f"{found.gap:.{digits}f}", "0", "at least" if found.bound else ""),
    ]


def _rounded(error: float) -> str:
    return f"{float(f'{error:.1g}'):g}"


def _digits(error: float) -> int:
    """Decimals, at most four, that are worth showing beside an error: one more than its first digit's place."""
    if error <= 0:
        return 4
    return min(4, max(0, 1 - math.floor(math.log10(error)))) if math.isfinite(error) else 0


def _distance_row(name: str, sets: tuple[Generated | None, ...]) -> tuple[str, ...]:
    measured: list[Distance | None] = [getattr(s.distances, name) if s else None for s in sets]
    first = next(d for d in measured if d is not None)
    cells = (f"{d.value:.3f}" if d else "-" for d in measured)
    return (LABELS[name], *cells, f"{first.noise_floor:.3f} ± {first.noise_floor_sd:.3f}")


def _c2st_cells(distance: Distance) -> tuple[str, str, str]:
    is_at_chance = distance.value <= distance.noise_floor + FAR * distance.noise_floor_sd
    verdict = "at chance (0.5)" if is_at_chance else "above chance (0.5)"
    return f"{distance.value:.3f}", f"{distance.noise_floor:.3f} ± {distance.noise_floor_sd:.3f}", verdict
