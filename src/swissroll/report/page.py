"""The report of a run: one HTML file that needs no network, and the same pictures as PNG files."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

from swissroll.errors import Fix
from swissroll.evaluation.evaluation import Evaluation
from swissroll.evaluation.tables import GENERATED_HEAD, MODEL_HEAD, generated_rows, model_rows
from swissroll.evaluation.wording import to_plain
from swissroll.report.explorer import embeds_decoder, explorer_data
from swissroll.report.figures import available, draw
from swissroll.report.film import film_gif
from swissroll.report.html import gif_uri, script, template, vector_uri, write_png
from swissroll.report.scene import Scene
from swissroll.runs.errors import RunError
from swissroll.runs.evaluate import evaluate
from swissroll.runs.files import replace_file
from swissroll.runs.run import Run


def write_report(
    run: Run, evaluation: Evaluation | None = None, progress: Callable[[str], object] = lambda _: None
) -> Path:
    """Draw a run's figures and write its report.

    Args:
        run: A run with weights; an unfinished one is drawn as far as it is.
        evaluation: What :func:`swissroll.evaluate` found; by default it is asked, without the evidence.
        progress: Called with the name of each figure once it is drawn.

    Returns:
        The report's path. PNG files lie beside it in ``figures/``.
    """
    require_writable(run.folder)
    if evaluation is None:
        evaluation = evaluate(run)
    if not run.snapshots:
        raise RunError(f"{run.folder}: holds no snapshot to draw.", Fix.RESUME, folder=run.folder)
    scene = Scene.of_run(run)

    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    pictures = {}
    for name in available(scene):
        figure = draw(name, scene)
        write_png(figure, folder / f"{name}.png")
        pictures[name] = vector_uri(figure)
        progress(name)
    animation = film_gif(scene)
    progress("animation")
    replace_file(folder / "film.gif", animation)
    pictures["animation"] = gif_uri(animation)
    path = run.folder / "report.html"
    replace_file(path, render(run, scene, pictures, evaluation).encode())
    return path


def require_writable(folder: Path) -> None:
    """Raise RunError where a run's folder cannot take its metrics, figures and report."""
    figures = folder / "figures"
    if figures.exists() and not figures.is_dir():
        raise RunError(f"{figures}: is a file, where the pictures' folder is to be. Move it away.", path=figures)
    for name in ("metrics.json", "report.html", "figures/film.gif"):
        if (folder / name).is_dir():
            raise RunError(f"{folder / name}: is a folder, where a file is to be. Move it away.", path=folder / name)
    for place in (folder, figures):
        if place.exists() and not os.access(place, os.W_OK):
            what = "cannot be written, and the report goes there. Make it writable, or copy the run."
            raise RunError(f"{place}: {what}", path=place)


def write_metrics(run: Run, evaluation: Evaluation) -> None:
    """Write a run's metrics.json: every number that was measured, and the diagnosis."""
    replace_file(run.folder / "metrics.json", evaluation.to_json())


def render(run: Run, scene: Scene, pictures: dict[str, str], evaluation: Evaluation) -> str:
    """The page, from the pictures' addresses by name and what was measured."""
    metrics = evaluation.metrics
    tables = [] if metrics is None else [(MODEL_HEAD, model_rows(metrics)), (GENERATED_HEAD, generated_rows(metrics))]
    return template("report.html").render(
        config={k: v for k, v in dataclasses.asdict(run.config).items() if v is not None},
        summary=evaluation.summary,
        status=run.status,
        message=run.message,
        repaired_from=Path(run.repaired_from).name,
        pictures=pictures,
        diagnosis=to_plain(evaluation.diagnosis),
        metrics=metrics,
        tables=tables,
        script=script("explorer.js"),
        explorer=json.dumps(explorer_data(scene)),
        embedded=embeds_decoder(run.model),
        latent_dim=run.config.latent_dim,
        coloured=scene.coordinate is not None,
        line_up=scene.line_up[0],
        prior_components=scene.prior_components,
        data_dim=run.model.data_dim,
    )
