"""The report of a run: one HTML file that needs no network."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from swissroll import checks
from swissroll.errors import Fix
from swissroll.evaluation.evaluation import Evaluation
from swissroll.evaluation.tables import (
    MODEL_HEAD,
    TABLES_NOTE,
    Rows,
    generated_head,
    generated_rows,
    model_rows,
    summary_rows,
)
from swissroll.evaluation.wording import to_plain
from swissroll.report.commands import advice_line
from swissroll.report.figures import MAX_DRAWN_COLUMNS, available, draw
from swissroll.report.film import film_gif
from swissroll.report.html import gif_uri, template, vector_uri
from swissroll.report.lab import lab_page
from swissroll.report.lab_start import beyond_the_page, start_of_run
from swissroll.report.loss_words import describe_loss
from swissroll.report.scene import Scene
from swissroll.report.shell import quote
from swissroll.report.style import house_style
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.runs.errors import RunError
from swissroll.runs.evaluate import evaluate
from swissroll.runs.files import replace_file
from swissroll.runs.run import SOLUTION, Run, is_of_solution, require_run

MAX_PAGE_CHARACTERS = 2_400_000
"""Room for pictures and lab, of the 2.5 MB of a page: it travels by mail. Weights take what the pictures leave."""


@ordinary_modes()
def write_report(
    run: Run,
    evaluation: Evaluation | None = None,
    progress: Callable[[str], object] = lambda _: None,
    *,
    sections: Sequence[str] = (),
) -> Path:
    """Draw a run's figures and write its report.

    Args:
        run: A run with weights; an unfinished one is drawn as far as it is.
        evaluation: What :func:`swissroll.evaluate` found; by default it is asked.
        progress: Called with the name of each figure once it is drawn.
        sections: What stands above the diagnosis, as HTML that is put into the page as it is.

    Returns:
        The report's path.
    """
    require_run(run)
    checks.function("progress", progress)
    if evaluation is not None:
        checks.instance("evaluation", evaluation, Evaluation, "what evaluate(run) found, or None")
    require_writable(run.folder)
    if evaluation is None:
        evaluation = evaluate(run)
    if not run.snapshots:
        raise RunError(f"{run.folder}: holds no snapshot to draw.", Fix.RESUME, folder=run.folder)
    scene = Scene.of_run(run)

    pictures = _draw_pictures(scene, progress)
    path = run.folder / "report.html"
    replace_file(path, render(run, scene, pictures, evaluation, sections).encode())
    return path


def _draw_pictures(scene: Scene, progress: Callable[[str], object]) -> dict[str, str]:
    """Draw all figures of a scene; returns their addresses for a page, by name."""
    pictures = {}
    with house_style():
        for name in available(scene):
            pictures[name] = vector_uri(draw(name, scene))
            progress(name)

        pictures["animation"] = gif_uri(film_gif(scene))
        progress("animation")

    return pictures


def require_writable(folder: Path) -> None:
    """Raise RunError where a run's folder cannot take its metrics and report."""
    for name in ("metrics.json", "report.html"):
        if (folder / name).is_dir():
            raise RunError(f"{folder / name}: is a folder, where a file is to be. Move it away.", path=folder / name)
    if folder.exists() and not os.access(folder, os.W_OK):
        what = "cannot be written, and the report goes there. Make it writable, or copy the run."
        raise RunError(f"{folder}: {what}", path=folder)


def write_metrics(run: Run, evaluation: Evaluation) -> None:
    """Write a run's metrics.json: every number that was measured, and the diagnosis."""
    replace_file(run.folder / "metrics.json", evaluation.to_json())


@dataclass(frozen=True)
class RunPage:
    """What ``report.html`` is filled with.

    Attributes:
        run: The run.
        scene: What its figures are drawn from.
        evaluation: What its model is worth.
        pictures: Addresses of the figures and of the animation, by name.
        sections: HTML that stands above the diagnosis.
    """

    run: Run
    scene: Scene
    evaluation: Evaluation
    pictures: dict[str, str]
    sections: Sequence[str] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The run's settings that have a value, by name."""
        settings = asdict(self.run.config)
        if self.run.config.data is not None:
            # A page travels, so it tells no more than the name of the file.
            settings |= {"data": Path(self.run.config.data).name, "dataset": None, "noise": None}
        else:
            settings["held_out"] = None
        return {name: value for name, value in settings.items() if value is not None}

    @property
    def name(self) -> str:
        """Name of the run's folder. A page travels, so it tells no more of where it was made."""
        return self.run.folder.resolve().name

    @property
    def data_name(self) -> str:
        """What the points are called: the dataset, or the file of a table without its folders."""
        return self.run.config.dataset if self.scene.table is None else self.scene.table.name

    @property
    def unit(self) -> str:
        """The unit of the decoder's one sigma."""
        return "data units" if self.scene.table is None else "standard deviations of the columns"

    @property
    def table_notes(self) -> tuple[str, ...]:
        """What to know before reading a density of these rows."""
        return () if self.scene.table is None else self.scene.table.notes

    @property
    def state(self) -> str:
        """How far the run is: its steps, and what ended them."""
        if self.run.repaired_from:
            return f"Trained for {self.run.step:,} steps, then its prior was fitted."
        return f"{self.run.step:,} of {self.run.config.steps:,} steps; {self.run.status}."

    @property
    def origin(self) -> str:
        """Name of the folder of the run that this one is a repaired copy of; empty where it is none."""
        return Path(self.run.repaired_from).name

    @property
    def repeat_command(self) -> str:
        """The command that makes the run again, in the folder that holds its folder, or that of its original."""
        out = quote(Path(f"{self.name}-again"))
        if self.origin:
            components = self.run.config.components
            return f"swissroll repair {quote(Path(self.origin))} --components {components} --out {out}"
        settings = quote(Path(self.name) / "config.toml")
        code = ""
        if is_of_solution(self.run.folder):
            code = f" --solution {quote(Path(self.name) / SOLUTION)}"
        return f"swissroll train --config {settings}{code} --out {out}"

    @property
    def diagnosis(self) -> dict[str, str]:
        """The diagnosis in words: its name, evidence and advice."""
        found = self.evaluation.diagnosis
        config = self.run.config
        if config.data is not None:
            config = replace(config, data=Path(config.data).name)
        advice = advice_line(found.advice, Path(self.name), config)
        names_the_run = advice != advice_line(found.advice, Path(f"not-{self.name}"), config)
        if names_the_run:
            advice += f" (in the folder that holds {self.name})"
        return to_plain(found) | {"advice": advice}

    @property
    def summary_rows(self) -> list[tuple[str, str]]:
        """What the training came to: names and values."""
        return summary_rows(self.evaluation)

    tables_note = TABLES_NOTE
    most_columns = MAX_DRAWN_COLUMNS

    @property
    def tables(self) -> list[tuple[tuple[str, ...], Rows]]:
        """The tables of measured numbers, each a head and its rows."""
        metrics = self.evaluation.metrics
        if metrics is None:
            return []

        return [
            (MODEL_HEAD, model_rows(metrics)),
            (generated_head(metrics), generated_rows(metrics)),
        ]

    @property
    def loss(self) -> str:
        """What training descends, in sentences."""
        return describe_loss(self.run.config)

    @property
    def beyond_the_lab(self) -> str:
        """What of the run the lab does not compute, as a sentence; empty where the page holds the lab."""
        return beyond_the_page(self.run.config, self.run.network)

    @property
    def is_of_solution(self) -> bool:
        """Whether the run was trained with somebody's solution to the exercise, which the lab does not have."""
        return is_of_solution(self.run.folder)

    @property
    def lab(self) -> str:
        """The lab's page, which begins with the run."""
        taken = sum(map(len, self.pictures.values())) + len(lab_page()) + sum(map(len, self.sections))
        return lab_page(start_of_run(self.run, MAX_PAGE_CHARACTERS - taken))


def render(
    run: Run, scene: Scene, pictures: dict[str, str], evaluation: Evaluation, sections: Sequence[str] = ()
) -> str:
    """The page, from the pictures' addresses by name and what was measured."""
    page = RunPage(run=run, scene=scene, evaluation=evaluation, pictures=pictures, sections=sections)
    return template("report.html").render(page=page)
