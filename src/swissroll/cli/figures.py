"""The command ``figures``: a run's or a sweep's figures as files for a paper or for slides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from cyclopts import Parameter

from swissroll.cli.terminal import Quiet
from swissroll.report.shell import quote

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["pdf", "svg", "png"]


def figures(
    folder: Path,
    /,
    *,
    file_format: Annotated[Format, Parameter(name="--format")] = "pdf",
    dpi: int = 300,
    out: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Write the figures of a run's or a sweep's report as files for a paper or for slides.

    Parameters
    ----------
    folder
        The folder of the run or of the sweep.
    file_format
        pdf and svg are vector pictures whose text stays text; png is pixels.
    dpi
        Pixels per inch, 30 to 1200; in vector pictures, of the images inside.
    out
        Folder for the files; figures in the run's or the sweep's own by default.
    """
    from tqdm.auto import tqdm

    from swissroll.report.export import write_figures
    from swissroll.runs.files import replace_file

    target = out or folder / "figures"
    of_sweep = any((folder / name).is_file() for name in ("sweep.toml", "groups.json"))
    plan = _plan_sweep(folder) if of_sweep else _plan_run(folder)
    drawn = ((name, draw()) for name, draw in plan.figures.items())

    # The bar appears with the first figure: an error before it is one line alone.
    written = []
    with tqdm(total=len(plan.figures), desc="Drawing", unit=" figures", disable=quiet, delay=1e-3) as bar:
        for path in write_figures(drawn, target, file_format, dpi=dpi):
            written.append(path)
            bar.update()

    if plan.film is not None:
        written.append(target / "film.gif")
        replace_file(written[-1], plan.film())
    for path in written:
        print(path)
    print(f"\n{_next_step(folder, file_format, out)}")
    return 0


class _Plan(NamedTuple):
    """What is to be drawn, when it is asked for.

    Attributes:
        figures: The figures, by name.
        film: The animation; None where there is none.
    """

    figures: Mapping[str, Callable[[], Figure]]
    film: Callable[[], bytes] | None


def _plan_run(folder: Path) -> _Plan:
    from swissroll.exercise.solution_run import open_run
    from swissroll.report.figures import available, draw
    from swissroll.report.film import film_gif
    from swissroll.report.scene import Scene

    run = open_run(folder)
    run.require_whole()
    scene = Scene.of_run(run)

    planned = {name: partial(draw, name, scene) for name in available(scene)}
    return _Plan(planned, partial(film_gif, scene) if scene.snapshots else None)


def _plan_sweep(folder: Path) -> _Plan:
    from swissroll.errors import Fix
    from swissroll.runs.errors import RunError
    from swissroll.sweep.analysis.gallery import open_gallery
    from swissroll.sweep.analysis.page import draw, figure_names
    from swissroll.sweep.analysis.results import read_table

    table = read_table(folder)
    names = figure_names(table)
    if not names:
        raise RunError(f"{folder}: none of its runs is finished.", Fix.CONTINUE_SWEEP, folder=folder)

    gallery = open_gallery(table)
    return _Plan({name: partial(draw, name, table, gallery) for name in names}, None)


def _next_step(folder: Path, file_format: Format, out: Path | None) -> str:
    """The command that writes what goes with these files, beside them."""
    purpose = "as vectors" if file_format == "png" else "as pixels"
    other = "pdf" if file_format == "png" else "png"
    beside = "" if out is None else f" --out {quote(out)}"
    return f"{purpose}: swissroll figures {quote(folder)} --format {other}{beside}"
