"""Metrics as rows of text, each value beside what a perfect model would score, for the terminal and for the report."""

from __future__ import annotations

from swissroll.evaluation.distances import NAMES
from swissroll.evaluation.evaluation import Evaluation
from swissroll.evaluation.evidence_summary import EvidenceSummary
from swissroll.evaluation.generation import Generated
from swissroll.evaluation.geometry import BINS, Fit, FitSpread
from swissroll.evaluation.latent_plane import name_dims
from swissroll.evaluation.latent_space import Latent
from swissroll.evaluation.measures import MEASURES, heading
from swissroll.evaluation.metrics import Metrics
from swissroll.evaluation.reference_sample import Distance
from swissroll.evaluation.symptoms import FAR
from swissroll.evaluation.table_rows import table_rows, table_summary_rows
from swissroll.evaluation.uncertainty import fixed, rounded, with_error
from swissroll.model.loss import SigmaOrigin

SAMPLED_FITS = ("off_median", "off_p90", "off_p99", "off_p999", "strays")
"""The numbers of a fit that have a standard error."""
SPREAD_FITS = ("coverage", "longest_gap", "ks")
"""The others, beside the standard deviation over several real samples."""
MAX_RATES = 8
"""Most latent dimensions whose own rates are shown."""
JUDGED = " *"
"""What the head of a column ends in whose points the diagnosis compares with real ones."""
TABLES_NOTE = (
    "± is one standard error over the points; of a noise floor, the standard deviation over other real samples.\n"
    "A number without it has the digits that its noise floor allows (the grid: those of prior samples), or is exact.\n"
    "* marks the points that the diagnosis compares with real ones."
)
MODEL_HEAD = ("the model", "value", "perfect model", "verdict")
"""The head of the table whose rows :func:`model_rows` gives."""
ORIGINS: dict[SigmaOrigin, str] = {
    "implied": "implied",
    "learned": "learned",
    "batch_optimal": "of the last batches",
    "constrained": "implied by that beta",
}
"""What tells where a decoder's sigma comes from."""

Rows = list[tuple[str, ...]]
"""Cells of a table, row by row; each row has as many as the head."""


def summary_rows(evaluation: Evaluation) -> list[tuple[str, str]]:
    """The numbers under a command and at the head of a report: names and values."""
    summary = evaluation.summary
    rows = []
    if summary.steps is not None:
        rows.append(("steps", f"{summary.steps:,}"))
    if summary.seconds is not None:
        rows.append(("training time", f"{summary.seconds:.1f} s"))
    rows.append((heading("loss"), with_error(summary.loss, summary.loss_se)))
    metrics = evaluation.metrics
    if metrics is not None:
        rows += _term_rows(metrics)

    if summary.beta is not None:
        rows.append(("beta that the error led to", f"{summary.beta:.4g}"))
    origin = ORIGINS[summary.sigma_origin]
    if metrics is not None and metrics.table is not None:
        return [*rows, *table_summary_rows(metrics, metrics.table, origin)]
    return [*rows, (f"decoder sigma, {origin}, data units", fixed(summary.translation.sigma, 4))]


def model_rows(metrics: Metrics) -> Rows:
    """What the model is worth: name, value, what a perfect model would score, and verdict."""
    return [
        *_reconstruction_rows(metrics),
        *_rate_rows(metrics.latent),
        *_evidence_rows(metrics),
        *(() if metrics.table is None else table_rows(metrics.table)),
        _c2st_row(metrics.latent.aggregate.c2st),
        *_continuity_rows(metrics.latent),
    ]


def generated_rows(metrics: Metrics) -> Rows:
    """Points made in several ways, and real ones: distances to the curve, coverage and distances to real points."""
    sets = tuple(_ways(metrics).values())
    rows = [_distance_row(name, heading_of(name, metrics), sets) for name in NAMES]
    if metrics.real is None:
        return rows

    fits = [None if made is None else made.fit for made in sets]
    fits.append(metrics.real)
    sampled = [_sampled_fit_row(name, fits) for name in SAMPLED_FITS]
    spread = [_spread_fit_row(name, fits, metrics.real_sd) for name in SPREAD_FITS]
    return sampled + spread + rows


def generated_head(metrics: Metrics) -> tuple[str, ...]:
    """The heads of :func:`generated_rows`; the points that the diagnosis judges are marked."""
    heads = [f"{head}{JUDGED}" if made is metrics.comparable else head for head, made in _ways(metrics).items()]
    return ("generated points", *heads, "real points" if metrics.table is None else "held-out rows")


def _ways(metrics: Metrics) -> dict[str, Generated | None]:
    """The ways in which points are made, by the head of their column; None where they cannot be made."""
    grid = "decoded grid"
    if len(metrics.latent.rates) > 2:
        grid += f" of {name_dims(metrics.grid_dims)}"

    ways = {grid: metrics.grid, "prior samples": metrics.prior, "with decoder noise": metrics.noisy_prior}
    if metrics.shared_noise is not None:
        # Only then is the diagnosis about points that are in no other column.
        ways["with the data's noise"] = metrics.shared_noise
    return ways


def heading_of(name: str, metrics: Metrics) -> str:
    """The heading of a number; errors and distances of a table are in standard deviations of its columns."""
    measure = MEASURES[name]
    return measure.heading if metrics.table is None else measure.of_table.heading


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


def _term_rows(metrics: Metrics) -> list[tuple[str, str]]:
    """The terms of the loss; a decoder without noise has no distortion."""
    error = metrics.reconstruction
    latent = metrics.latent
    dimensions = len(latent.rates)
    distortion = "-"
    if error.distortion is not None and error.distortion_se is not None:
        distortion = with_error(error.distortion, error.distortion_se)

    return [
        (heading_of("mse", metrics), with_error(error.mse, error.mse_se)),
        (heading("rate"), with_error(latent.rate, latent.rate_se)),
        (heading("kl"), with_error(latent.rate / dimensions, latent.rate_se / dimensions)),
        (heading("distortion"), distortion),
    ]


def _reconstruction_rows(metrics: Metrics) -> Rows:
    error = metrics.reconstruction
    share = rounded(100 * error.mse / error.variance, 100 * error.mse_se / error.variance)
    return [
        (
            heading_of("posterior_mean_mse", metrics),
            with_error(error.posterior_mean_mse, error.posterior_mean_mse_se),
            "0",
            "",
        ),
        (heading_of("mse", metrics), with_error(error.mse, error.mse_se), "", f"{share} % of the data's variance"),
    ]


def _rate_rows(latent: Latent) -> Rows:
    dimensions = len(latent.rates)
    rates = zip(latent.rates[:MAX_RATES], latent.rates_se, strict=False)
    shown = [f"z{number} {rounded(rate, error)}" for number, (rate, error) in enumerate(rates, start=1)]
    if dimensions > MAX_RATES:
        shown.append("...")
    # The rate itself is from the prior, which may be a mixture.
    of_each = "from N(0, 1): " + ", ".join(shown)
    return [
        (heading("rate"), with_error(latent.rate, latent.rate_se), "", of_each),
        (heading("active"), str(latent.active), "", f"of {dimensions}"),
    ]


def _evidence_rows(metrics: Metrics) -> Rows:
    found = metrics.evidence
    name = heading("neg_log_evidence")
    if metrics.sigma == 0:
        return [(name, "-", "-", "none: beta 0 has no decoder noise")]
    if found is None:
        return []

    error = found.numerical_error + found.neg_log_evidence_se
    gap_error = found.numerical_error + found.inference_gap_se
    lowest = "-"
    if found.lower_bound is not None and found.lower_bound_error is not None:
        lowest = with_error(found.lower_bound, found.lower_bound_error)
    return [
        (
            f"{name} (a bound)" if found.bound else name,
            with_error(found.neg_log_evidence, error),
            lowest,
            _evidence_verdict(found, error, is_table=metrics.table is not None),
        ),
        (
            heading("inference_gap"),
            with_error(found.inference_gap, gap_error),
            "0",
            "at least" if found.bound else "",
        ),
    ]


def _evidence_verdict(found: EvidenceSummary, error: float, *, is_table: bool) -> str:
    """How far above its lower bound the negative log evidence is, with the error of that."""
    if found.above_lower_bound is None or found.lower_bound_error is None:
        return f"of {found.n:,} held-out rows" if is_table else ""

    above = f"{with_error(found.above_lower_bound, error + found.lower_bound_error)} above its lower bound"
    return f"at most {above}" if found.bound else above


def _c2st_row(accuracy: Distance) -> tuple[str, ...]:
    at_chance = accuracy.value <= accuracy.noise_floor + FAR * accuracy.noise_floor_sd
    return (
        heading("aggregate_c2st"),
        _against_floor(accuracy),
        _noise_floor(accuracy),
        "at chance (0.5)" if at_chance else "above chance (0.5)",
    )


def _continuity_rows(latent: Latent) -> Rows:
    along = latent.continuity
    if along is None:
        return []
    verdict = "not continuous" if along.jumps else "continuous"
    return [
        (heading("jumps"), str(along.jumps), "0", verdict),
        (heading("trustworthiness"), f"{along.trustworthiness:.4f}", "1", ""),
    ]


def _sampled_fit_row(name: str, fits: list[Fit | None]) -> tuple[str, ...]:
    """A number with a standard error in each column but the first.

    The decoded grid is no sample and has no error, so it has the digits of the prior samples beside it.
    """
    grid, *samples = fits
    cells = ["-" if one is None else with_error(getattr(one, name), getattr(one, f"{name}_se")) for one in samples]
    prior = samples[0]
    first = "-" if grid is None or prior is None else rounded(getattr(grid, name), getattr(prior, f"{name}_se"))
    return (heading(name), first, *cells)


def _spread_fit_row(name: str, fits: list[Fit | None], spread: FitSpread | None) -> tuple[str, ...]:
    """A number whose noise floor, that of real points, is in the last column."""
    *made, real = fits
    deviation = 0.0 if spread is None else getattr(spread, name)

    # A coverage comes in steps, and all real samples may cover everything.
    error = max(deviation, 1 / BINS) if name == "coverage" else deviation
    cells = ["-" if one is None else rounded(getattr(one, name), error) for one in made]
    floor = "-"
    if real is not None:
        floor = f"{rounded(getattr(real, name), error)} ± {rounded(deviation, error)}"
    return (heading(name), *cells, floor)


def _distance_row(name: str, head: str, sets: tuple[Generated | None, ...]) -> tuple[str, ...]:
    measured: list[Distance | None] = [None if made is None else getattr(made.distances, name) for made in sets]
    cells = ["-" if distance is None else _against_floor(distance) for distance in measured]

    # Every sample has the same noise floor, that of the real points.
    floor = next(_noise_floor(distance) for distance in measured if distance is not None)
    return (head, *cells, floor)


def _against_floor(distance: Distance) -> str:
    """A distance with the digits that the scatter of its noise floor leaves."""
    return rounded(distance.value, distance.noise_floor_sd)


def _noise_floor(distance: Distance) -> str:
    return with_error(distance.noise_floor, distance.noise_floor_sd)
