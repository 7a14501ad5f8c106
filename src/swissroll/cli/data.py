"""The commands of ``data``: distributions as text, tables and pictures, and a look at a table of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from swissroll.cli.table_file import as_text, require_new_table, write_table
from swissroll.cli.terminal import CommandError, Flag, note, note_loud
from swissroll.config import Config, Dataset

if TYPE_CHECKING:
    from swissroll.data import Distribution

FOLDER = Path("data")
"""Where a picture goes, unless it is told."""
MAX_POINTS = 10**7
MAX_SHOWN = 20_000

data = App(name="data", help="List distributions, draw samples, look at them; check a table of your own.")


@data.command(name="list")
def list_all() -> int:
    """List every distribution that --dataset can name."""
    from swissroll.data import DISTRIBUTIONS

    rows = [("name", "D", "what it is")]
    for name, entry in DISTRIBUTIONS.items():
        rows.append((name, str(entry.make(0.0).data_dim), entry.summary))

    width = max(len(name) for name, _, _ in rows)
    for name, dimensions, summary in rows:
        print(f"{name:<{width}}  {dimensions}  {summary}")
    print("\nNext: swissroll data show pinwheel")
    return 0


@data.command
def sample(
    name: Dataset,
    /,
    *,
    count: Annotated[int, Parameter(name=["--count", "-n"])] = 1000,
    noise: float = 0.0,
    seed: int = 42,
    coordinate: Flag = False,
    out: Path | None = None,
) -> int:
    """Draw points of a distribution, and write them as a table.

    Parameters
    ----------
    name
        The distribution; 'swissroll data list' lists them.
    count
        Number of points.
    noise
        Standard deviation of Gaussian noise added to the data, in data units; at most 10.
    seed
        Decides the points.
    coordinate
        Add a last column with what names a point, such as its t along a curve, and for a curve of several pieces
        another one with the number of its piece.
    out
        New file: .csv, .tsv, .npy or .parquet. Without one the table is printed.
    """
    from swissroll import checks

    checks.whole("--count", count, 1, MAX_POINTS)
    if out is not None:
        require_new_table(out)
    source = _open(name, noise, seed)
    columns, rows = _draw_table(source, count, seed, with_coordinate=coordinate)
    if out is None:
        sys.stdout.write(as_text(columns, rows))
        return 0

    write_table(out, columns, [rows], count)
    print(f"{out}: {checks.amount(count, 'point')} of {name} in the columns {', '.join(columns)}")
    return 0


@data.command
def show(
    name: Dataset,
    /,
    *,
    count: Annotated[int, Parameter(name=["--count", "-n"])] = 2000,
    noise: float = 0.0,
    seed: int = 42,
    out: Path | None = None,
) -> int:
    """Draw a picture of a distribution: points, and its density where that is known exactly.

    Parameters
    ----------
    name
        The distribution; 'swissroll data list' lists them.
    count
        Number of points.
    noise
        Standard deviation of Gaussian noise added to the data, in data units; at most 10.
    seed
        Decides the points.
    out
        File, .png or .svg; data/NAME.png by default.
    """
    from swissroll import checks
    from swissroll.report.distribution_picture import draw_distribution
    from swissroll.report.export import encode_figure
    from swissroll.runs.files import replace_file

    checks.whole("--count", count, 1, MAX_SHOWN)
    path = out or FOLDER / f"{name}.png"
    kind: Any = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise CommandError(f"{path}: pictures are .png or .svg.", "Name such a file with --out.")

    figure = draw_distribution(_open(name, noise, seed), count, seed=seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, encode_figure(figure, kind, dpi=150))
    print(f"{path}\n\nNext: swissroll train --dataset {name}{f' --noise {noise:g}' if noise else ''}")
    return 0


@data.command
def check(
    table: Path,
    /,
    *,
    columns: str | None = None,
    label: str | None = None,
) -> int:
    """Say how a table of your own is read: its columns and their ranges, or what is wrong with it in one line.

    Parameters
    ----------
    table
        File with a row for each point: .csv, .tsv, .txt, .npy, .npz or .parquet.
    columns
        Names of the columns to use, with commas between them; all but the label by default.
    label
        Name of a column that tells rows apart in pictures; it may be text.
    """
    from swissroll.checks import amount
    from swissroll.data.column_names import shorten, split_names
    from swissroll.data.table import read_table

    found = read_table(table, None if columns is None else split_names(columns), label)
    print(f"{table}: {amount(len(found.rows), 'row')} of {amount(len(found.columns), 'column')}")
    names = [shorten(name) for name in found.columns]
    width = max(map(len, ("column", *names)))
    print(f"{'column':<{width}}  {'smallest':>12}  {'mean':>12}  {'largest':>12}  {'deviation':>12}")
    for name, values in zip(names, found.rows.T, strict=True):
        numbers = (values.min(), values.mean(), values.max(), values.std())
        print(f"{name:<{width}}  " + "  ".join(f"{number:>12.6g}" for number in numbers))

    if found.label is not None:
        print(f"label {shorten(found.label_name or '')}: {amount(len(set(found.label.tolist())), 'different value')}")
    for line in found.notes:
        note(line)
    return 0


def _open(name: Dataset, noise: float, seed: int) -> Distribution:
    """A distribution with noise; the settings' own checks hold."""
    from swissroll.data import open_distribution

    note_loud(noise)
    return open_distribution(Config(dataset=name, noise=noise, seed=seed))


def _draw_table(source: Distribution, count: int, seed: int, *, with_coordinate: bool) -> tuple[list[str], Any]:
    """Names of the columns, and points as an array of shape (N, D), with a column or two more for their coordinate."""
    import numpy as np

    from swissroll.data import label_name, labels_of
    from swissroll.reproducibility import rng
    from swissroll.reproducibility.modes import ordinary_modes

    with ordinary_modes():
        points, coordinate = source.sample(count, generator=rng.generator(seed, "data"))
    columns = [f"x{number}" for number in range(1, source.data_dim + 1)]
    rows = points.numpy()
    if with_coordinate and coordinate is not None:
        columns.append(getattr(source, "coordinate_name", "t"))
        rows = np.column_stack([rows, coordinate.numpy()])
        if source.curve is not None and source.curve.pieces > 1:
            # The part that a point is of: of a mixture it is the coordinate itself.
            columns.append(label_name(source))
            rows = np.column_stack([rows, labels_of(source, coordinate).numpy()])
    return columns, rows
