"""Train with each mistake of the catalogue, draw it beside the right run, and write what docs/misconceptions.md shows.

    python docs/misconceptions.py                          all entries; goes on where it was interrupted
    python docs/misconceptions.py noise-shared-by-batch    only these
    python docs/fill.py                                    puts the gallery into the page

Every run has the same start, data and noise. Pictures are in docs/pictures/misconceptions, numbers in --folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Generator

from swissroll import Config
from swissroll.checks import NotFiniteError
from swissroll.data import open_distribution
from swissroll.evaluation.evidence_summary import summarize_evidence
from swissroll.exercise.misconceptions import CATALOGUE
from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.source import solution, wrong_solution
from swissroll.exercise.side_by_side import Side, draw_small
from swissroll.exercise.solution import Solution, SolutionError
from swissroll.exercise.submission import Cell, parse_cells
from swissroll.report.export import encode_figure
from swissroll.report.scene import Scene
from swissroll.training.build import build, decide, translation_of
from swissroll.training.loop import DivergedError

DOCS = Path(__file__).resolve().parent
PLACE = "pictures/misconceptions"
ALT = "Generated points and posterior means"
PICTURES = DOCS / PLACE
PAGE = DOCS / "output" / "misconceptions.md"
CONFIG = Config(depth=2, hidden_dim=64, steps=500, engine="torch", device="cpu", threads=1)
"""The catalogue's solutions have two hidden layers."""
MEASURED_POINTS = 300
"""Even points of the curve on which the evidence is measured."""
RIGHT_RUN = "right"
"""The name of the right run and of its picture."""
COLOURS = 48
"""Of a picture's palette, which keeps its file small."""
PARTS = {
    "reparameterize": "The draw of the latents",
    "heads": "The encoder's two heads",
    "kl": "The KL term",
    "error": "The reconstruction term",
    "objective": "The loss as a whole",
    "forward": "The forward pass",
}


class Outcome(NamedTuple):
    """What became of a run.

    Attributes:
        above: Nats above the bound, with its error.
        problem: What stopped the run; empty where nothing did.
        picture: Name of its picture, which is another run's where the two are the same; empty where there is none.
    """

    above: str
    problem: str
    picture: str = ""


def trained(code: str, config: Config) -> Side:
    """Train with a solution's code, and measure the model.

    Raises:
        SolutionError: The code raises, or its loss is no number.
        DivergedError: A number was not finite.
    """
    found = Solution.of(parse_cells("solution.py", [Cell("", code)], []))
    plan = decide(config)
    found.rehearse(plan.config)
    model = found.make_model(plan.config)
    for _ in build(plan, loss=found.make_loss(plan.config), model=model):
        pass
    scene = Scene(plan.config, model)
    distribution = open_distribution(plan.config)
    x = distribution.sample(MEASURED_POINTS, generator=Generator().manual_seed(0)).points
    sigma = translation_of(plan.config).sigma
    evidence = None
    with suppress(NotFiniteError):
        evidence = summarize_evidence(scene.model, distribution, x, sigma=sigma, seed=0)
    return Side(name="", scene=scene, evidence=evidence)


def picture(figure: Figure) -> bytes:
    """A figure as a small PNG file."""
    with Image.open(BytesIO(encode_figure(figure, "png", dpi=100))) as image:
        flat = Image.new("RGB", image.size, "white")
        flat.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    file = BytesIO()
    flat.quantize(COLOURS).save(file, "PNG", optimize=True)
    return file.getvalue()


def outcome(name: str, code: str, folder: Path, pictures: Path, config: Config) -> Outcome:
    """What became of a run, and its picture; read again where both are there."""
    found = recorded(name, folder)
    if found is not None:
        return found

    found = Outcome("-", "")
    try:
        side = trained(code, config)
        drawn = picture(draw_small(side))
        found = Outcome(side.above, "", keep(name, drawn, folder, pictures))
    except (SolutionError, DivergedError, ValueError) as error:
        # A ValueError comes from the measurement: what was trained is no VAE.
        found = Outcome("-", str(error))
    (folder / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
    return found


def recorded(name: str, folder: Path) -> Outcome | None:
    """What became of an earlier run; None where it was not run yet."""
    try:
        return Outcome(*json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def keep(name: str, drawn: bytes, folder: Path, pictures: Path) -> str:
    """Write a picture, unless an earlier run has the same; the name under which it lies."""
    for path in sorted(folder.glob("*.json")):
        other = pictures / path.with_suffix(".png").name
        if other.exists() and other.stem != name and other.read_bytes() == drawn:
            (pictures / f"{name}.png").unlink(missing_ok=True)
            return other.stem
    (pictures / f"{name}.png").write_bytes(drawn)
    return name


def page(entries: Sequence[Misconception], folder: Path, right: Outcome) -> str:
    """The gallery as Markdown."""
    rows = [(entry, found) for entry in entries if (found := recorded(entry.id, folder)) is not None]
    lines = [counts(rows, len(entries)), "", "| part | mistakes |", "|---|---|"]
    parts = {part: [row for row in rows if row[0].law.split(".")[0] == part] for part in PARTS}
    for part, in_part in parts.items():
        if in_part:
            anchor = PARTS[part].lower().replace(" ", "-").replace("'", "")
            lines.append(f"| [{PARTS[part]}](#{anchor}) | {len(in_part)} |")

    for part, in_part in parts.items():
        if in_part:
            lines += ["", f"## {PARTS[part]}"]
        for entry, found in in_part:
            lines += ["", *section(entry, found, right)]
    return "\n".join(lines) + "\n"


def counts(rows: Sequence[tuple[Misconception, Outcome]], entries: int) -> str:
    """How many mistakes are shown, and how."""
    stopped = sum(bool(found.problem) for _, found in rows)
    same = sum(found.picture == RIGHT_RUN for _, found in rows)
    sentences = [f"{len(rows)} of the catalogue's {entries} mistakes are shown here."]
    if stopped:
        sentences.append(f"Of {stopped} there is no picture, since the run stops: its message is shown.")
    if same:
        verb = "gives" if same == 1 else "give"
        sentences.append(f"{same} {verb} the right run's picture and number: training does not show what is wrong.")
    return " ".join(sentences)


def section(entry: Misconception, found: Outcome, right: Outcome) -> list[str]:
    """One entry: what it is, what it does, and the two runs."""
    lines = [f"### {entry.name}", "", f"`{entry.id}`. {entry.effect}", ""]
    if found.problem:
        return [*lines, f"The run stops: {found.problem}"]
    if found.picture == RIGHT_RUN:
        return [
            *lines,
            f"In training it changes nothing: picture and number are those of the right run ({right.above} nats).",
        ]
    if found.picture != entry.id:
        lines += [f"The picture is that of `{found.picture}`, to the last pixel.", ""]
    return [
        *lines,
        f"| the right run: {right.above} nats above the bound | this mistake: {found.above} nats above the bound |",
        "|---|---|",
        f"| ![{ALT} of the right run]({PLACE}/right.png) | ![{ALT} of {entry.id}]({PLACE}/{found.picture}.png) |",
    ]


def main() -> None:
    """Read the command line, run what was not run yet, and write the gallery."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--folder", type=Path, default=Path("runs/misconceptions"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(parents=True, exist_ok=True)

    right = outcome(RIGHT_RUN, solution(), given.folder, PICTURES, CONFIG)
    for entry in CATALOGUE:
        if not given.ids or entry.id in given.ids:
            found = outcome(entry.id, wrong_solution(entry), given.folder, PICTURES, CONFIG)
            print(f"{entry.id}: {found.problem or found.above}", file=sys.stderr, flush=True)
            PAGE.write_text(page(CATALOGUE, given.folder, right), encoding="utf-8")


if __name__ == "__main__":
    main()
