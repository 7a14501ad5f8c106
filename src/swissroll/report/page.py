"""The report of a run: one HTML file that needs no network, and the same pictures as PNG files."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from swissroll.errors import Fix
from swissroll.evaluation.diagnosis import Examined, to_json
from swissroll.evaluation.tables import GENERATED_HEAD, MODEL_HEAD, generated_rows, model_rows
from swissroll.model.loss import Translation
from swissroll.model.vae import VAE
from swissroll.report.figures import available, draw, film_gif
from swissroll.report.html import gif_uri, script, template, vector_uri, write_png
from swissroll.report.plots import Array, plane
from swissroll.report.scene import Scene
from swissroll.runs.examine import examine
from swissroll.runs.files import RunError, replace_file
from swissroll.runs.run import Run
from swissroll.training.build import held_out_points, loss_of, translation_of
from swissroll.training.loop import Terms, evaluate_loss

MAX_EMBEDDED_WEIGHTS = 400_000
"""A larger decoder (1.6 MB of weights) is embedded as a decoded grid, to keep the report under 4 MB."""
EXPLORER_POINTS = 400
GRID_SIZE = 141


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a run came to: the numbers under the command and at the head of the report.

    Attributes:
        steps: Steps done.
        seconds: Time of the steps, without measuring and drawing.
        held_out: Terms of the loss on the held-out points.
        translation: The decoder sigma and true beta that the loss amounts to.
        learned: Whether that sigma was learned.
    """

    steps: int
    seconds: float
    held_out: Terms
    translation: Translation
    learned: bool = False

    def rows(self) -> list[tuple[str, str]]:
        """Names and values, ready to print."""
        terms = self.held_out
        return [
            ("steps", f"{self.steps:,}"),
            ("training time", f"{self.seconds:.1f} s"),
            ("loss (held-out)", _number(terms.loss, 5)),
            ("reconstruction MSE", _number(terms.mse, 5)),
            ("rate, in nats a point", _number(terms.rate, 3)),
            ("KL, notebook's convention", _number(terms.kl, 3)),
            (f"{'learned' if self.learned else 'implied'} decoder sigma", _number(self.translation.sigma, 4)),
            ("distortion, in nats a point", _number(terms.distortion, 3) if self.translation.sigma else "-"),
        ]


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "not finite"
    return f"{value:.{digits}f}" if abs(value) < 1e6 else f"{value:.2e}"


def summarize(run: Run) -> Summary:
    """Measure a run's latest weights on its held-out points."""
    config = run.config
    x = held_out_points(config)[0]
    return Summary(
        steps=run.step,
        seconds=float(run.history.seconds[: run.step].sum()),
        held_out=evaluate_loss(run.model, x, loss=loss_of(config), seed=config.seed),
        translation=translation_of(config, run.model),
        learned=config.decoder_variance == "learned",
    )


def write_report(
    run: Run, examined: Examined | None = None, progress: Callable[[str], object] = lambda _: None
) -> Path:
    """Draw a run's figures and write its report.

    Args:
        run: A run with weights; an unfinished one is drawn as far as it is.
        examined: What :func:`swissroll.examine` found; by default it is asked, without the evidence.
        progress: Called with the name of each figure once it is drawn.

    Returns:
        The report's path. PNG files lie beside it in ``figures/``.
    """
    run.require_whole()
    scene = Scene.of_run(run)
    if not run.snapshots:
        raise RunError(f"{run.folder}: holds no snapshot to draw.", Fix.RESUME, folder=run.folder)
    examined = examined or examine(run)
    require_writable(run.folder)
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
    replace_file(path, render(run, scene, pictures, examined).encode())
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


def write_metrics(run: Run, examined: Examined) -> None:
    """Write a run's metrics.json: every number that was measured, and the diagnosis."""
    replace_file(run.folder / "metrics.json", to_json(examined))


def render(run: Run, scene: Scene, pictures: dict[str, str], examined: Examined) -> str:
    """The page, from the pictures' addresses by name and what was measured."""
    metrics, diagnosis = examined
    tables = [] if metrics is None else [(MODEL_HEAD, model_rows(metrics)), (GENERATED_HEAD, generated_rows(metrics))]
    return template("report.html").render(
        config={k: v for k, v in dataclasses.asdict(run.config).items() if v is not None},
        summary=summarize(run),
        status=run.status,
        message=run.message,
        repaired_from=Path(run.repaired_from).name,
        pictures=pictures,
        diagnosis=diagnosis,
        metrics=metrics,
        tables=tables,
        script=script("explorer.js"),
        explorer=json.dumps(_explorer(scene)),
        embedded=_decoder_size(run.model) <= MAX_EMBEDDED_WEIGHTS,
        latent_dim=run.config.latent_dim,
        data_dim=run.model.data_dim,
    )


def _explorer(scene: Scene) -> dict[str, Any]:
    """What the page needs to decode a latent under the pointer."""
    mu = scene.in_plane(scene.posterior[0])[:EXPLORER_POINTS]
    x, t = scene.held_out
    found = {
        "latentDim": scene.config.latent_dim,
        "plane": list(scene.plane),
        "latentExtent": scene.latent_extent,
        "dataExtent": scene.extent,
        "means": _pack(plane(mu)),
        "points": _pack(plane(x[:EXPLORER_POINTS])),
        "t": _pack((t - t.min()) / (t.max() - t.min())),
        "activation": scene.config.activation,
    }
    if _decoder_size(scene.model) <= MAX_EMBEDDED_WEIGHTS:
        linear = [layer for layer in scene.model.decoder if isinstance(layer, nn.Linear)]
        found["layers"] = [
            {"in": m.in_features, "out": m.out_features, "weight": _pack(m.weight), "bias": _pack(m.bias)}
            for m in linear
        ]
    else:
        grid = scene.model.decode_grid(GRID_SIZE, scene.latent_extent, dims=scene.plane)
        if scene.config.latent_dim == 1:
            line = torch.linspace(-scene.latent_extent, scene.latent_extent, GRID_SIZE)[:, None]
            with torch.no_grad():
                grid = scene.model.decode(line).repeat_interleave(GRID_SIZE, dim=0)
        found["grid"] = {"size": GRID_SIZE, "dim": grid.shape[1], "values": _pack(grid)}
    return found


def _decoder_size(model: VAE) -> int:
    return sum(p.numel() for p in model.decoder.parameters())


def _pack(values: torch.Tensor | Array) -> str:
    """Little-endian float32, base64."""
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()
