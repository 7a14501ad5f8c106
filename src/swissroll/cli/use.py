"""The commands ``encode``, ``reconstruct``, ``sample`` and ``score``: a trained run applied to rows, as a new table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from swissroll.checks import amount
from swissroll.cli.draws import ROWS_AT_A_TIME, draw_labelled_parts, draw_parts, shorten
from swissroll.cli.labels import (
    find_label,
    label_cells,
    label_column_of,
    read_labels_of,
    require_room_for_labels,
)
from swissroll.cli.table_file import require_new_table, write_table
from swissroll.cli.terminal import CommandError, Quiet, disk_errors_with, note
from swissroll.report.shell import quote

if TYPE_CHECKING:
    from swissroll.evaluation.evidence import Score
    from swissroll.runs.run import Run

FRESH_POINTS = 1000
"""Points of a run's own distribution, or at most as many of its held-out rows."""
MAX_ROWS = 10**8

Out = Annotated[Path, Parameter(help="New file for the table: .csv, .tsv, .npy or .parquet.")]
Data = Annotated[
    Path | None,
    Parameter(
        help="Table with a row for each point: .csv, .tsv, .txt, .npy, .npz or .parquet. Without one, rows that the "
        "run has held out, or fresh points of its curve, are used, and written before the results."
    ),
]
Columns = Annotated[
    str | None,
    Parameter(
        help="Columns of the table that stand for those of the run, in their order, with commas between them; "
        "by default those of the same names."
    ),
]


def encode(folder: Path, /, *, out: Out, data: Data = None, columns: Columns = None, quiet: Quiet = False) -> int:
    """Write the posterior of each row: mean and standard deviation of each latent.

    Parameters
    ----------
    folder
        The run's folder.
    """
    task = _Task.begin("encode", folder, out, data, columns)
    latents = [f"z{number}" for number in range(1, task.model.latent_dim + 1)]
    names = list(chain.from_iterable((latent, f"{latent}_sd") for latent in latents))
    task.write(names, task.in_parts(_encode_part), quiet=quiet)
    task.conclude(f"mean and standard deviation of {amount(task.model.latent_dim, 'latent')}", "reconstruct")
    return 0


def reconstruct(folder: Path, /, *, out: Out, data: Data = None, columns: Columns = None, quiet: Quiet = False) -> int:
    """Encode and decode each row, and write what comes back, in the units of the data.

    Parameters
    ----------
    folder
        The run's folder.
    """
    task = _Task.begin("reconstruct", folder, out, data, columns)
    names = [f"{name}_reconstructed" for name in task.columns] if task.are_own else task.columns
    task.write(names, task.in_parts(lambda model, part: shorten(model, model.reconstruct(part).numpy())), quiet=quiet)
    task.conclude("decoded means of the posteriors' means", "score")
    return 0


def score(folder: Path, /, *, out: Out, data: Data = None, columns: Columns = None, quiet: Quiet = False) -> int:
    """Write log p(x) of each row, in nats and in the units of the data, and its error.

    That of a conditional run is log p(x|c), with the label of the row.

    Parameters
    ----------
    folder
        The run's folder.
    """
    from swissroll.evaluation.evidence import is_exact
    from swissroll.evaluation.evidence import score as score_rows
    from swissroll.reproducibility import rng

    task = _Task.begin("score", folder, out, data, columns)
    _require_noise(task.run)
    exact = is_exact(task.model)
    with _bar(len(task.rows), "Scoring", quiet) as bar:
        generator = rng.generator(task.run.config.seed, "measure: importance")
        found = score_rows(task.given, task.rows, generator=generator, progress=bar.update)

    names = ["log_density" if exact else "log_density_bound", "error"]
    task.write(names, _score_parts(found), quiet=True)
    density = "log p(x)" if task.labels is None else f"log p(x | {label_column_of(task.run)})"
    way = f"{density} by quadrature" if exact else f"importance-weighted lower bounds on {density}, of 1,000 draws each"
    mean = float(found.log_p.mean())
    task.conclude(f"{way}, in nats; mean {mean:.4g}, largest error {float(found.error.max()):.2g}", "sample")
    return 0


def sample(
    folder: Path,
    /,
    *,
    out: Out,
    count: Annotated[int, Parameter(name=["--count", "-n"])] = 1000,
    noise: bool = True,
    label: str | None = None,
    seed: int = 42,
    quiet: Quiet = False,
) -> int:
    """Draw rows from the model's p(x), in the units of the data, and write them as a table.

    Parameters
    ----------
    folder
        The run's folder.
    count
        Number of rows.
    noise
        Add the decoder's noise, as p(x) has it; without it the rows are decoded draws from the prior.
    label
        Label that the rows are to have, of a conditional run; by default labels come in their shares of the training
        rows, and are written in a column of their own.
    seed
        Decides the rows.
    """
    from swissroll import checks

    checks.whole("--count", count, 1, MAX_ROWS)
    checks.whole("--seed", seed, 0, 2**63 - 1)
    require_new_table(out)
    run = open_run(folder)
    if noise:
        _require_noise(run, "Or leave the noise out: --no-noise")
    number = find_label(run, label)
    names = columns_of(run)
    if number is None and run.network.label_count:
        require_room_for_labels(run, out)
        names = [*names, label_column_of(run)]
        parts = draw_labelled_parts(run, count, seed, noise=noise)
    else:
        model = run.model if number is None else run.model.given(number)
        parts = draw_parts(model, count, seed, noise=noise)
    of_label = "" if label is None else f" --label {quote(label)}"
    again = f"swissroll sample {quote(folder)} -n {count}{of_label} --out {quote(out)}"
    with disk_errors_with(lambda: again), _bar(count, "Sampling", quiet) as bar:
        write_table(out, names, _told(parts, bar), count)
    density = "p(x)" if label is None else f"p(x | {label_column_of(run)} = {label})"
    what = f"{amount(count, 'draw')} from {density}"
    if not noise:
        what += " without the decoder's noise"
    print(f"{out}: {what}, in the {'column' if len(names) == 1 else 'columns'} {', '.join(names)}")
    if label is None:
        print(f"Next: swissroll score {quote(folder)} --data {quote(out)} --out {quote(_beside(out, 'score'))}")
    return 0


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A run, the rows that it is applied to, and the new file for what comes of it.

    Attributes:
        name: The command.
        run: The run.
        model: Its model, whose rows are in data units.
        columns: Names of the D columns.
        rows: Shape (N, D).
        labels: Number of each row's label, shape (N,), of a conditional run; else None.
        are_own: Whether they are the run's own held-out rows or fresh points: then they are written, too.
        data: The table; None for the run's own rows.
        out: The new file.
    """

    name: str
    run: Run
    model: Any
    columns: list[str]
    rows: Any
    labels: Any
    are_own: bool
    data: Path | None
    out: Path

    @classmethod
    def begin(cls, name: str, folder: Path, out: Path, data: Path | None, columns: str | None) -> _Task:
        """Check the file, open the run, read the rows: all that can be wrong is found before anything is computed."""
        require_new_table(out)
        if data is None and columns is not None:
            raise CommandError("--columns names columns of a table.", "Name the table with --data.")
        run = open_run(folder)
        if data is None:
            require_room_for_labels(run, out)
        rows = _own_rows(run) if data is None else _read_rows(run, data, columns)
        return cls(
            name=name,
            run=run,
            model=run.model,
            columns=columns_of(run),
            rows=rows,
            labels=_labels_of(run, data) if run.network.label_count else None,
            are_own=data is None,
            data=data,
            out=out,
        )

    def write(self, names: Sequence[str], parts: Iterator[Any], *, quiet: bool) -> None:
        """Write results part by part, as they are computed; behind the run's own rows where they are its own."""
        import numpy as np

        if self.are_own:
            rows = self.rows
            names = [*self.columns, *names]
            if self.labels is not None:
                names = [*self.columns, label_column_of(self.run), *names[len(self.columns) :]]
                rows = np.column_stack([rows, label_cells(self.run, self.labels)])
            parts = _beside_rows(rows, parts)
        title = self.name.capitalize().removesuffix("e") + "ing"
        with disk_errors_with(self._command), _bar(len(self.rows), title, quiet) as bar:
            write_table(self.out, names, _told(parts, bar), len(self.rows))

    @property
    def given(self) -> Any:
        """The model under the label of each row; itself where it is not conditional."""
        return self.model if self.labels is None else self.model.given(self.labels)

    def in_parts(self, compute: Callable[[Any, Any], Any]) -> Iterator[Any]:
        """What is computed by the model of the rows, some thousand at a time."""
        from swissroll.reproducibility.modes import ordinary_modes

        for start in range(0, len(self.rows), ROWS_AT_A_TIME):
            chosen = slice(start, start + ROWS_AT_A_TIME)
            model = self.model if self.labels is None else self.model.given(self.labels[chosen])
            with ordinary_modes():
                part = compute(model, self.rows[chosen])
            yield part

    def conclude(self, what: str, then: str) -> None:
        """Say what lies where, and what comes next."""
        print(f"{self.out}: {what}, for {self._source()}")
        next_out = f"--out {quote(_beside(self.out, then))}"
        on_table = f" --data {quote(self.data)}" if self.data is not None and then != "sample" else ""
        print(f"Next: swissroll {then} {quote(self.run.folder)}{on_table} {next_out}")

    def _source(self) -> str:
        config = self.run.config
        if self.data is not None:
            return f"{amount(len(self.rows), 'row')} of {self.data}"
        if config.data is None:
            return f"{amount(len(self.rows), 'fresh point')} of {config.dataset}"
        return f"{amount(len(self.rows), 'held-out row')} of {config.data}"

    def _command(self) -> str:
        on_table = f" --data {quote(self.data)}" if self.data is not None else ""
        return f"swissroll {self.name} {quote(self.run.folder)}{on_table} --out {quote(self.out)}"


def open_run(folder: Path) -> Run:
    """A run whose weights are numbers."""
    import torch

    from swissroll.runs.run import load

    run = load(folder)
    if not all(bool(torch.isfinite(weights).all()) for weights in run.network.parameters()):
        raise CommandError(
            f"{folder}: its weights are not finite numbers, so nothing can be computed with them.",
            f"To see what happened: swissroll report {quote(folder)}",
        )
    return run


def _require_noise(run: Run, otherwise: str = "") -> None:
    """Require a decoder with noise: without it p(x) has no density."""
    sigma = run.network.decoder_sigma
    if not sigma:
        advice = f"{otherwise} Train a run with a beta above 0, or with --decoder-variance learned.".strip()
        raise CommandError(f"{run.folder}: its decoder has no noise, so p(x) has no density.", advice)


def columns_of(run: Run) -> list[str]:
    """Names of the D columns: those of the run's table, or x1, x2, ...."""
    from swissroll.data.column_names import split_names

    if run.config.columns is not None:
        return split_names(run.config.columns)
    return [f"x{number}" for number in range(1, run.network.data_dim + 1)]


def _own_rows(run: Run) -> Any:
    """Rows that training never drew, in data units, shape (N, D)."""
    import numpy as np

    from swissroll.training.build import held_out_points

    rows = held_out_points(run.config, FRESH_POINTS).points.numpy()
    if run.standardization is None:
        return rows
    return run.standardization.shorten(run.standardization.restore(rows.astype(np.float64)))


def _labels_of(run: Run, data: Path | None) -> Any:
    """Labels of a table's rows, or of the run's own, shape (N,)."""
    from swissroll.training.build import held_out_labels

    return held_out_labels(run.config, FRESH_POINTS) if data is None else read_labels_of(run, data)


def _read_rows(run: Run, data: Path, columns: str | None) -> Any:
    """Rows of a table that fit a run, shape (N, D), float64."""
    from swissroll.data.column_names import split_names
    from swissroll.data.table import read_rows

    wanted = columns_of(run)
    given = None if columns is None else split_names(columns)
    if given is not None and len(given) != len(wanted):
        raise CommandError(
            f"--columns names {amount(len(given), 'column')}, and the run has {len(wanted)}: {', '.join(wanted)}.",
            "Name as many, in that order.",
        )

    def choose(names: list[str]) -> list[str]:
        if given is not None:
            return given
        missing = [name for name in wanted if name not in names]
        if not missing:
            return wanted
        if run.config.columns is None and len(names) == len(wanted):
            note(f"columns {', '.join(names)} stand for the coordinates {', '.join(wanted)}.")
            return names
        shown = ", ".join(names[:50])
        raise CommandError(
            f"{data} has no column {missing[0]!r}: the run has {', '.join(wanted)}, and the table {shown}.",
            "Name the columns that stand for them, in that order, with --columns.",
        )

    return read_rows(data, choose)


def _encode_part(model: Any, rows: Any) -> Any:
    """Means and standard deviations of posteriors, latent by latent, shape (n, 2 L), float32."""
    import numpy as np
    import torch

    from swissroll.model.standardized import StandardizedVAE

    x = torch.from_numpy(np.ascontiguousarray(rows))
    mu, logvar = model.encode(x if isinstance(model, StandardizedVAE) else model.like_weights(x))
    pairs = torch.stack([mu, torch.exp(0.5 * logvar)], dim=2)
    return pairs.flatten(1).numpy()


def _score_parts(found: Score) -> Iterator[Any]:
    import numpy as np

    log_p = found.log_p.numpy()
    error = found.error.numpy()
    for start in range(0, len(log_p), ROWS_AT_A_TIME):
        part = slice(start, start + ROWS_AT_A_TIME)
        # The digits of an error that a single precision holds are more than enough.
        yield np.column_stack([log_p[part], error[part].astype(np.float32)])


def _beside_rows(rows: Any, parts: Iterator[Any]) -> Iterator[Any]:
    """Results with the rows that they are of before them."""
    import numpy as np

    start = 0
    for part in parts:
        yield np.column_stack([rows[start : start + len(part)], part])
        start += len(part)


def _told(parts: Iterator[Any], bar: Any) -> Iterator[Any]:
    """Parts, of which a bar is told once they are written."""
    for part in parts:
        yield part
        bar.update(len(part))


def _bar(total: int, title: str, quiet: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=total, desc=title, unit=" rows", unit_scale=True, disable=quiet, delay=0.5)


def _beside(out: Path, command: str) -> Path:
    """A name beside a file for the result of another command."""
    names = {"reconstruct": "reconstructed", "score": "scores", "sample": "samples", "encode": "encoded"}
    found = out.with_name(names[command] + out.suffix)
    return found if found != out else out.with_name(f"{names[command]}-2{out.suffix}")
