"""The rows of text that only a model of a table has, in data units."""

from __future__ import annotations

from swissroll.checks import amount
from swissroll.data.column_names import shorten
from swissroll.evaluation.measures import heading
from swissroll.evaluation.metrics import Metrics
from swissroll.evaluation.table_metrics import TableMetrics, TrainingRows, TwoSampleTest
from swissroll.evaluation.uncertainty import with_error

MAX_LISTED = 12
"""Most columns that are listed one by one."""
UNLIKELY = 0.01
"""A p-value below which held-out rows are called told from draws of the model."""

Rows = list[tuple[str, ...]]


def table_summary_rows(metrics: Metrics, table: TableMetrics, origin: str) -> list[tuple[str, str]]:
    """The numbers under a command: evidence, what tells rows from draws, and the decoder's sigma in each column."""
    rows = [("rows, training and held-out", f"{table.train:,} and {table.held_out:,}")]
    evidence = metrics.evidence
    if evidence is not None:
        error = evidence.numerical_error + evidence.neg_log_evidence_se
        name = f"{heading('neg_log_evidence')}, held-out rows"
        rows.append((f"{name} (a bound)" if evidence.bound else name, with_error(evidence.neg_log_evidence, error)))
    if table.test is not None:
        rows.append(("held-out rows against draws, energy test", _p_value(table.test)))
    for name, sigma in list(zip(table.columns, table.sigma, strict=True))[:MAX_LISTED]:
        rows.append((f"decoder sigma, {origin}, {shorten(name)}", f"{sigma:.4g}"))
    if len(table.columns) > MAX_LISTED:
        rows.append((f"decoder sigma of {amount(len(table.columns) - MAX_LISTED, 'more column')}", "in metrics.json"))
    return rows


def table_rows(table: TableMetrics) -> Rows:
    """Rows of the table of what a model is worth: name, value, what a perfect model would score, and verdict."""
    rows: Rows = []
    if table.training is not None:
        rows.append(_training_row(table.training))
    if table.test is not None:
        told = "told from draws of the model" if table.test.p_value < UNLIKELY else "not told from draws of the model"
        what = f"{table.test.rows:,} held-out rows, {told}"
        rows.append(("energy test, held-out rows against draws", _p_value(table.test), "0 to 1", what))

    columns = zip(table.columns, table.rmse, table.rmse_se, table.deviation, strict=True)
    for name, error, error_se, deviation in list(columns)[:MAX_LISTED]:
        what = f"{100 * error / deviation:.0f} % of its standard deviation, {deviation:.4g}"
        rows.append((f"reconstruction error of {shorten(name)}", with_error(error, error_se), "0", what))
    if len(table.columns) > MAX_LISTED:
        rows.append((f"{amount(len(table.columns) - MAX_LISTED, 'more column')}: in metrics.json", "", "", ""))
    return rows


def _training_row(found: TrainingRows) -> tuple[str, ...]:
    """The evidence of training rows beside the lowest that any model could have on them."""
    above = with_error(found.neg_log_evidence - found.lower_bound, found.lower_bound_error)
    name = "negative log evidence of training rows, nats per point"
    return (
        f"{name} (a bound)" if found.bound else name,
        with_error(found.neg_log_evidence, found.neg_log_evidence_se),
        with_error(found.lower_bound, found.lower_bound_error),
        f"of {found.n:,} rows, {'at most ' if found.bound else ''}{above} above its lower bound",
    )


def _p_value(test: TwoSampleTest) -> str:
    return f"p = {test.p_value:.3f}"
