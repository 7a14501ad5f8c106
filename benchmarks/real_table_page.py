"""The tables that the page shows, made of the lines that ``benchmarks.real_tables`` measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

OURS = "VAEDensity"
MODELS = (OURS, "GaussianMixture", "KernelDensity", "zuko flow", "IsolationForest", "PyOD VAE")
"""All that are compared, in the order of their columns."""
LEVELS = (0.90, 0.95, 0.99)
NOISE = 2.0
"""Standard errors within which two numbers are not told apart."""

Row = dict[str, Any]


def mean_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """A mean over rows and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)


def line(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |")


def head(*cells: str) -> None:
    line(*cells)
    print("|" + "---|" * len(cells))


def show(rows: list[Row]) -> None:
    """Print every table whose rows are there."""
    densities = [row for row in rows if row["task"] == "density"]
    anomalies = [row for row in rows if row["task"] == "anomaly"]
    if densities:
        show_densities(densities)
        show_coverage([row for row in densities if row["model"] == OURS])
    if anomalies:
        show_areas(anomalies)
    if densities:
        show_seconds(densities)


def by_table(rows: list[Row]) -> dict[str, dict[str, Row]]:
    """Rows by table and by model."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["table"], {})[row["model"]] = row
    return found


def models_of(rows: list[Row]) -> list[str]:
    """The models of some rows, in the order of their columns."""
    measured = {row["model"] for row in rows}
    return [model for model in MODELS if model in measured]


def show_densities(rows: list[Row]) -> None:
    models = models_of(rows)
    head("log density, nats per row", "rows and columns", *models, f"{OURS} less the best other")
    good = 0
    compared = 0
    for name, found in by_table(rows).items():
        first = next(iter(found.values()))
        scores = {model: np.array(row["scores"]) for model, row in found.items()}
        cells = [
            "{:.2f} ± {:.2f}".format(*mean_and_error(scores[model])) if model in scores else "" for model in models
        ]
        others = [values for model, values in scores.items() if model != OURS]
        difference = ""
        if OURS in scores and others:
            best = max(others, key=lambda values: float(values.mean()))
            mean, error = mean_and_error(scores[OURS] - best)
            difference = f"{mean:+.2f} ± {error:.2f}"
            good += mean > -NOISE * error
            compared += 1
        line(name, f"{first['rows']}, {first['columns']}", *cells, difference)
    print(f"\nWithin two standard errors of the best other, or better: {good} of {compared} tables.\n")


def show_coverage(rows: list[Row]) -> None:
    head("rows inside the region", "held-out rows", *(f"{100 * level:.0f} %" for level in LEVELS), "right", "diagnosis")
    right = 0
    for row in rows:
        probabilities = np.array(row["probabilities"])
        count = len(probabilities)
        cells = []
        is_right = True
        for level in LEVELS:
            inside = float((probabilities > 1 - level).mean())
            error = (level * (1 - level) / count) ** 0.5
            is_right &= abs(inside - level) <= max(NOISE * error, 1 / count)
            cells.append(f"{100 * inside:.1f} ± {100 * error:.1f}")
        right += is_right
        line(row["table"], count, *cells, "yes" if is_right else "no", row["diagnosis"].split(":")[0])
    print(f"\nRight at all three levels, within two binomial errors or one row: {right} of {len(rows)} tables.\n")


def show_areas(rows: list[Row]) -> None:
    models = models_of(rows)
    head("area under the curve", "kinds", *models)
    for name, found in by_table(rows).items():
        kinds = len(next(iter(found.values()))["areas"])
        cells = [f"{np.mean(found[model]['areas']):.3f}" if model in found else "" for model in models]
        line(name, kinds, *cells)
    print()


def show_seconds(rows: list[Row]) -> None:
    models = models_of(rows)
    head("seconds of a fit", *models)
    for name, found in by_table(rows).items():
        line(name, *(f"{found[model]['seconds']:.1f}" if model in found else "" for model in models))
