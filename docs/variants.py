"""Train each variant beside the plain VAE, draw both, and print the numbers that docs/variants.md shows.

    python docs/variants.py                      all of them, some four minutes of processor time, in two processes
    python docs/variants.py free-bits max-error  only these
    python docs/fill.py                          puts the numbers into the page

Every run has the same start, data and noise. Pictures go to docs/pictures/variants, tables to docs/output.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from PIL import Image

from swissroll import Config
from swissroll.data import Distribution
from swissroll.evaluation.evidence import score
from swissroll.evaluation.evidence_summary import BOUND_TOLERANCE, EvidenceSummary, summarize_evidence
from swissroll.evaluation.lower_bound import nll_lower_bound
from swissroll.exercise.side_by_side import Side, draw_side_by_side
from swissroll.model import VAE
from swissroll.report.export import encode_figure
from swissroll.report.scene import Scene
from swissroll.training import loss_of
from swissroll.training.build import build, translation_of
from swissroll.training.loop import evaluate_loss

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures" / "variants"
TABLES = DOCS / "output"
PLAIN = Config(hidden_dim=64, steps=1500, engine="torch", device="cpu", threads=1)
"""The run that each variant is shown beside."""
MEASURED_POINTS = 200
"""Held-out points on which the evidence is measured."""
PROCESSES = 2
COLOURS = 64
"""Of a picture's palette, which keeps its file small."""


class Variant(NamedTuple):
    """What a section of the page shows.

    Attributes:
        runs: The settings of each row of its table, away from those of the plain run, by what the row is called; the
            last one is drawn.
        beside: The one run that it is drawn beside, in the same form: the plain one by default.
    """

    runs: Mapping[str, Mapping[str, Any]]
    beside: Mapping[str, Mapping[str, Any]] = MappingProxyType({"plain": {}})


VARIANTS = {
    "plain-autoencoder": Variant({"beta 0": {"beta": 0.0}}),
    "batch-optimal": Variant(
        {
            "learned": {"decoder_variance": "learned", "beta": 1.0},
            "batch-optimal": {"decoder_variance": "batch_optimal", "beta": 1.0},
            "batch-optimal, beta from 0.01": {"decoder_variance": "batch_optimal", "beta": 1.0, "beta_start": 0.01},
        }
    ),
    "free-bits": Variant({"free bits 1": {"beta": 0.5, "free_bits": 1.0}}, beside={"beta 0.5": {"beta": 0.5}}),
    "max-error": Variant(
        {f"RMS error {error}": {"max_error": error} for error in (0.1, 0.05, 0.02)},
    ),
    "importance-weights": Variant(
        {f"{draws} draws": {"beta": 0.1, "importance_samples": draws} for draws in (5, 20)},
        beside={"beta 0.1": {"beta": 0.1}},
    ),
    "full-covariance": Variant({"full covariance": {"posterior": "full"}}),
    "conditional": Variant(
        {"conditional": {"dataset": "rings", "conditional": True}}, beside={"rings": {"dataset": "rings"}}
    ),
    "flow-prior": Variant({"flow prior": {"prior": "flow"}}),
    "mmd": Variant(
        {"beta 0, mmd 0.1": {"beta": 0.0, "mmd_weight": 0.1}, "beta 0, mmd 1": {"beta": 0.0, "mmd_weight": 1.0}},
        beside={"beta 0": {"beta": 0.0}},
    ),
}
"""The sections, by the names of their pictures and tables."""
HEAD = ("run", "RMS error", "rate", "sigma", "-log evidence", "above its bound")


class Trained(NamedTuple):
    """A run that was trained and measured: what draws it, and its row of a table, each cell by its head."""

    side: Side
    cells: tuple[str, ...]


@cache
def _trained(name: str, config: Config) -> Trained:
    """Train with some settings, and measure the model on fresh points."""
    training = build(config)
    for _ in training:
        pass
    scene = Scene(config, training.engine.model)
    x = scene.held_out.points
    terms = evaluate_loss(scene.given, x, loss=loss_of(config), seed=0)
    sigma = translation_of(config, scene.model).sigma

    evidence = None
    if sigma > 0:
        source = scene.model.distribution
        assert source is not None  # noqa: S101 - built from a config
        evidence = summarize_evidence(scene.given, source, x[:MEASURED_POINTS], sigma=sigma, seed=0)
        if config.conditional:
            evidence = without_label(evidence, scene.model, source, sigma=sigma)
    side = Side(name=name, scene=scene, evidence=evidence)
    cost = "-" if evidence is None else f"{evidence.neg_log_evidence:.2f}"
    return Trained(side, (f"{terms.mse**0.5:.3f}", f"{terms.rate:.2f}", f"{sigma:.3f}", cost, side.above))


def without_label(found: EvidenceSummary, model: VAE, source: Distribution, *, sigma: float) -> EvidenceSummary:
    """The evidence of points alone, log p(x), in the place of log p(x|c): as that of a model without labels."""
    curve = source.curve
    assert curve is not None  # noqa: S101 - rings have one
    x = curve.position(curve.midpoints(found.n))
    value = -float(score(model, x, sigma=sigma).log_p.mean())
    lowest = nll_lower_bound(curve, sigma, tolerance=BOUND_TOLERANCE)
    return replace(
        found,
        neg_log_evidence=value,
        lower_bound=lowest.lower,
        lower_bound_error=lowest.upper - lowest.lower,
        above_lower_bound=value - lowest.lower,
    )


def trained(name: str, settings: Mapping[str, Any]) -> Trained:
    """The run of some settings; one that was trained already is taken again."""
    return _trained(name, replace(PLAIN, **settings))


def make(name: str) -> str:
    """Draw a variant beside the run that it is compared with; returns its table as Markdown."""
    torch.set_num_threads(1)
    variant = VARIANTS[name]
    rows = {row: trained(row, settings) for row, settings in [*variant.beside.items(), *variant.runs.items()]}
    first, *_, last = rows.values()
    _keep_picture(name, [first.side, last.side])

    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    lines += [f"| {' | '.join((row, *found.cells))} |" for row, found in rows.items()]
    return "\n".join(lines) + "\n"


def _keep_picture(name: str, sides: list[Side]) -> None:
    figure = draw_side_by_side(sides)
    with Image.open(BytesIO(encode_figure(figure, "png", dpi=140))) as image:
        flat = Image.new("RGB", image.size, "white")
        flat.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    PICTURES.mkdir(parents=True, exist_ok=True)
    flat.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)


def main() -> None:
    """Read the command line, and make what it names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *VARIANTS], metavar="NAME")
    given = parser.parse_args()
    names = given.names or list(VARIANTS)
    # Imported anew in each process: threads do not survive a fork.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for name, table in zip(names, pool.map(make, names), strict=True):
            (TABLES / f"variants-{name}.md").write_text(table, encoding="utf-8")
            print(f"{name}\n\n{table}", flush=True)


if __name__ == "__main__":
    main()
