"""Figures as files for a paper or for slides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from matplotlib.collections import Collection
from matplotlib.figure import Figure

from swissroll import checks
from swissroll.errors import Fix
from swissroll.report.style import house_style
from swissroll.runs.errors import RunError
from swissroll.runs.files import replace_file

Format = Literal["pdf", "svg", "png"]
MAX_VECTOR_MARKS = 20_000
"""A figure with more marks than this keeps its clouds of points as images, so that its file stays small."""
MAX_PIXELS = 100_000_000
"""Most pixels of a figure; drawing takes a few bytes for each."""

# A file that names the time of its making would have other bytes each time.
METADATA: dict[Format, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


def write_figures(
    figures: Iterable[tuple[str, Figure]], folder: Path, file_format: Format = "pdf", *, dpi: int = 300
) -> Iterator[Path]:
    """Write figures into a folder, one after the other; yields the path of each once it is written.

    Args:
        figures: Names and figures.
        folder: Made where it is absent.
        file_format: "pdf" and "svg" are vector pictures with text as text, "png" is pixels.
        dpi: Pixels per inch, 30 to 1200; in vector pictures, of the images inside.

    Raises:
        RunError: The folder's path is taken by a file.
        ValueError: dpi is out of range, or a figure would have too many pixels.
    """
    checks.whole("dpi", dpi, 30, 1200)
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file, and the figures need a folder.", Fix.CHOOSE_ANOTHER_FOLDER, folder=folder)

    for name, figure in figures:
        content = encode_figure(figure, file_format, dpi=dpi)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name.replace(' ', '_')}.{file_format}"
        replace_file(path, content)
        yield path


def encode_figure(figure: Figure, file_format: Format, *, dpi: int) -> bytes:
    """A figure as a file's content, the same bytes each time.

    Raises:
        ValueError: It would have too many pixels.
    """
    width, height = figure.get_size_inches()
    fitting = int((MAX_PIXELS / (width * height)) ** 0.5)
    if dpi > fitting:
        raise ValueError(
            f"A figure of {width:.1f} by {height:.1f} inches is drawn with dpi up to {fitting}; got {dpi}."
        )

    if file_format != "png":
        _keep_marks_as_vectors(figure)
    file = BytesIO()
    with house_style():
        figure.savefig(file, format=file_format, dpi=dpi, metadata=METADATA[file_format])
    return file.getvalue()


def _keep_marks_as_vectors(figure: Figure) -> None:
    """Draw clouds of points as vectors, which the page has as images."""
    collections: list[Any] = figure.findobj(Collection)
    if sum(map(_count_marks, collections)) > MAX_VECTOR_MARKS:
        return
    for collection in collections:
        collection.set_rasterized(False)


def _count_marks(collection: Any) -> int:
    """Marks at places share a path; lines have one each."""
    return max(len(collection.get_paths()), len(collection.get_offsets()))
