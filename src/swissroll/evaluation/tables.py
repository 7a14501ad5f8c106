"""Metrics as rows of text, each value beside what a perfect model would score, for the terminal and for the report."""

from __future__ import annotations

import math

from swissroll.evaluation.distances import NAMES, Distance
from swissroll.evaluation.evidence_summary import EvidenceSummary
from swissroll.evaluation.geometry import Fit
from swissroll.evaluation.metrics import Generated, Latent, Metrics, Reconstruction

LABELS = {
    "w2": "W2 to real points",
    "sliced_w2": "sliced W2",
    "energy": "energy distance",
    "mmd": "MMD",
    "c2st": "C2ST accuracy against real points",
}
FIT_LABELS = {
    "off_median": ("off the curve, median", 4),
    "off_p90": ("off the curve, 90th percentile", 4),
    "coverage": ("share of the curve covered", 2),
    "longest_gap": ("longest gap, share of t", 3),
    "ks": ("KS distance of t from uniform", 3),
}
"""By the name of a field of a fit: its label and its decimals."""
FAR = 5
"""A value is above its noise floor from this many standard deviations of the floor's three draws on.

By Student's t with two degrees of freedom, one perfect model in forty is."""
MAX_RATES = 8
"""Most latent dimensions whose own rates are shown."""
MAX_DECIMALS = 4
GENERATED_HEAD = ("generated points", "decoded grid", "prior samples", "with decoder noise", "real points")
MODEL_HEAD = ("the model", "value", "perfect model", "verdict")

Rows = list[tuple[str, ...]]


def model_rows(metrics: Metrics) -> Rows:
    """What the model is worth: name, value, what a perfect model would score, and verdict."""
    return [
        *_reconstruction_rows(metrics.reconstruction),
        *_rate_rows(metrics.latent),
        *_evidence_rows(metrics),
        _c2st_row(metrics.latent.aggregate.c2st),
        *_continuity_rows(metrics.latent),
    ]


def generated_rows(metrics: Metrics) -> Rows:
    """Points made in three ways, and real ones: distances to the curve, coverage and distances to real points."""
    sets = (metrics.grid, metrics.prior, metrics.noisy_prior)
    rows = [_distance_row(name, sets) for name in NAMES]
    if metrics.real is None:
        return rows

    fits = [None if made is None else made.fit for made in sets]
    return [_fit_row(name, [*fits, metrics.real]) for name in FIT_LABELS] + rows


def text(head: tuple[str, ...], rows: Rows) -> str:
    """A table for the terminal: the first column to the left, the others to the right, the last as it comes."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]

    lines = []
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0])]
        for cell, width in zip(row[1:], widths[1:], strict=True):
            cells.append(cell.rjust(width))
        lines.append("  ".join(cells).rstrip())

    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:]])


def _reconstruction_rows(error: Reconstruction) -> Rows:
    share = error.mse / error.variance
    return [
        ("reconstruction MSE, posterior mean", f"{error.posterior_mean_mse:.5f}", "0", ""),
        ("reconstruction MSE, posterior draw", f"{error.mse:.5f}", "", f"{share:.2%} of the data's variance"),
    ]


def _rate_rows(latent: Latent) -> Rows:
    dimensions = len(latent.rates)
    shown = [f"z{number} {rate:.2f}" for number, rate in enumerate(latent.rates[:MAX_RATES], start=1)]
    if dimensions > MAX_RATES:
        shown.append("...")
    return [
        ("rate, nats per point", f"{latent.rate:.3f}", "", ", ".join(shown)),
        ("active units", str(latent.active), "", f"of {dimensions}"),
    ]


def _evidence_rows(metrics: Metrics) -> Rows:
    found = metrics.evidence
    if metrics.sigma == 0:
        return [("negative log evidence, nats", "-", "-", "none: beta 0 has no decoder noise")]
    if found is None:
        return []

    digits = _decimals(found.numerical_error + found.neg_log_evidence_se)
    name = "negative log evidence, nats"
    lowest = "-" if found.lower_bound is None else f"{found.lower_bound:.{digits}f}"
    return [
        (
            f"{name} (a bound)" if found.bound else name,
            f"{found.neg_log_evidence:.{digits}f}",
            lowest,
            _evidence_verdict(found),
        ),
        ("inference gap, nats", f"{found.inference_gap:.{digits}f}", "0", "at least" if found.bound else ""),
    ]


def _evidence_verdict(found: EvidenceSummary) -> str:
    """How far above its lower bound the negative log evidence is, with the error of that."""
    error = found.numerical_error + found.neg_log_evidence_se
    if found.above_lower_bound is None or found.lower_bound_error is None:
        return f"± {_round_error(error)}"

    error = error + found.lower_bound_error
    digits = min(3, _decimals(error))
    above = f"{found.above_lower_bound:.{digits}f} above the lower bound, ± {_round_error(error)}"
    return f"at most {above}" if found.bound else above


def _c2st_row(accuracy: Distance) -> tuple[str, ...]:
    at_chance = accuracy.value <= accuracy.noise_floor + FAR * accuracy.noise_floor_sd
    return (
        "C2ST accuracy, aggregate posterior against prior",
        f"{accuracy.value:.3f}",
        _noise_floor(accuracy),
        "at chance (0.5)" if at_chance else "above chance (0.5)",
    )


def _continuity_rows(latent: Latent) -> Rows:
    along = latent.continuity
    if along is None:
        return []
    verdict = "not continuous" if along.jumps else "continuous"
    return [
        ("jumps along the data's curve", str(along.jumps), "0", verdict),
        ("trustworthiness of the latent space", f"{along.trustworthiness:.4f}", "1", ""),
    ]


def _fit_row(name: str, fits: list[Fit | None]) -> tuple[str, ...]:
    label, digits = FIT_LABELS[name]
    cells = ["-" if fit is None else f"{getattr(fit, name):.{digits}f}" for fit in fits]
    return (label, *cells)


def _distance_row(name: str, sets: tuple[Generated | None, ...]) -> tuple[str, ...]:
    measured: list[Distance | None] = [None if made is None else getattr(made.distances, name) for made in sets]
    cells = ["-" if distance is None else f"{distance.value:.3f}" for distance in measured]

    # Every sample has the same noise floor, that of the real points.
    floor = next(_noise_floor(distance) for distance in measured if distance is not None)
    return (LABELS[name], *cells, floor)


def _noise_floor(distance: Distance) -> str:
    return f"{distance.noise_floor:.3f} ± {distance.noise_floor_sd:.3f}"


def _round_error(error: float) -> str:
    """An error with one digit that counts."""
    return f"{float(f'{error:.1g}'):g}"


def _decimals(error: float) -> int:
    """Decimals, at most four, that are worth showing beside an error: one more than its first digit's place."""
    if error <= 0:
        return MAX_DECIMALS
    if not math.isfinite(error):
        return 0
    place = -math.floor(math.log10(error))
    return min(MAX_DECIMALS, max(0, place + 1))
