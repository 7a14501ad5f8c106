"""Hold the doctor's verdicts against what was measured, over runs of every kind; print the tables of docs/diagnosis.md.

    python docs/diagnosis.py runs       some hundred runs: the verdicts of train and of evaluate, and what was measured
    python docs/diagnosis.py perfect    real points in the place of generated ones: how often a perfect model is ailing

Runs are in --folder (default runs/diagnosis) and used again from there, so an interrupted script goes on. It ends with
an error where two verdicts of one run differ, or where a healthy run has a number that is off.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator

from swissroll import Config, Run, evaluate, load
from swissroll.config import PRESETS
from swissroll.data import CURVES, NoisyCurve
from swissroll.evaluation import LossHistory, PastTraining, collect_symptoms, evaluate_trained
from swissroll.evaluation.references import data_reference, prior_reference
from swissroll.evaluation.symptoms import FAR, NATS_ABOVE, deviations
from swissroll.model.vae import VAE
from swissroll.runs import advance, create, repair
from swissroll.training import DivergedError, loss_of

BEST = PRESETS["best"]
SEEDS_OF_BEST = 20
OTHER_CURVES = ("moons", "circles", "spirals", "helix")
PERFECT_DATA = (("swiss_roll", 0.0), ("moons", 0.05), ("circles", 0.0), ("helix", 0.02))
PERFECT_REFERENCES = 10
PERFECT_TRIALS = 10
"""Of each reference."""
MOST_AILING = 0.03
"""Share of perfect models that may be called ailing: twice what 40,000 draws from 500 samples gave, rounded up."""


@dataclass(frozen=True)
class Case:
    """A run, or one that was broken on purpose.

    Attributes:
        name: What the table calls it.
        settings: What differs from the notebook's.
        damage: Changes the weights of the trained run.
        steps: Steps after which the training is stopped.
        repaired: Whether the prior is fitted afterwards.
    """

    name: str
    settings: dict[str, Any]
    damage: Callable[[VAE], None] | None = None
    steps: int | None = None
    repaired: bool = False


def stray(model: VAE) -> None:
    """One component, of weight 0.01, lies where no data is encoded."""
    prior: Any = model.prior
    share = torch.softmax(prior.logits, dim=0)
    share[0] = 0.01 * (1 - share[0]) / 0.99
    prior.logits.copy_(share.log())
    prior.means[0] += 6.0


def kill_component(model: VAE) -> None:
    """The heaviest component has no weight: the latents that it covered are never drawn."""
    prior: Any = model.prior
    prior.logits[prior.logits.argmax()] = -50.0


def tear(model: VAE) -> None:
    """Half of the latent plane is turned over, by encoder, decoder and prior alike: nothing but its map is torn."""
    encode = model.encode
    decode = model.decode
    prior: Any = model.prior

    def turn_over(z: torch.Tensor) -> torch.Tensor:
        return torch.where(z[:, :1] > 0, z * torch.tensor([1.0, -1.0]), z)

    def encode_torn(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mu, logvar = encode(x)
        return turn_over(mu), logvar

    model.encode = encode_torn  # type: ignore[method-assign]
    model.decode = lambda z: decode(turn_over(z))  # type: ignore[method-assign]
    prior.means.copy_(turn_over(prior.means))


def collapse(model: VAE) -> None:
    """The encoder says nothing in its second dimension."""
    model.fc_mu.weight[1] = 0
    model.fc_mu.bias[1] = 0
    model.fc_logvar.weight[1] = 0
    model.fc_logvar.bias[1] = 0


def spoil(model: VAE) -> None:
    """One weight of the decoder."""
    last: Any = model.decoder[-1]
    last.weight[0, 0] += 3.0


def cases() -> Iterator[Case]:
    """All rows of the table, in its order."""
    yield Case("notebook", {})
    yield Case("width 32", {"hidden_dim": 32})
    yield Case("width 1024", {"hidden_dim": 1024, "steps": 300})
    for latent_dim in (1, 3, 4, 8, 16, 40):
        yield Case(f"latent {latent_dim}", {"latent_dim": latent_dim})
    yield Case("best, latent 1", {**BEST, "latent_dim": 1})
    yield Case("best, latent 3", {**BEST, "latent_dim": 3})
    for beta in (1e-12, 1e-5, 1e-3, 0.1, 0.38, 1.0, 1e3):
        yield Case(f"beta {beta:g}", {"beta": beta})
    yield Case("lr 1", {"lr": 1.0})
    yield Case("lr 0.03", {"lr": 0.03})
    yield Case("1 step", {"steps": 1})
    yield Case("100 steps", {"steps": 100})
    yield Case("400 steps", {"steps": 400})
    yield Case("stopped at 300", {}, steps=300)
    yield Case("best, stopped at 500", BEST, steps=500)
    yield Case("learned variance", {"decoder_variance": "learned", "beta": 1.0})
    for name in OTHER_CURVES:
        yield Case(f"{name}, notebook", {"dataset": name})
        yield Case(f"{name}, best", {"dataset": name, **BEST})
    for name in ("swiss_roll", *OTHER_CURVES):
        yield Case(f"{name}, noise 0.05, best", {"dataset": name, "noise": 0.05, **BEST})
    yield Case("swiss_roll, noise 0.1, best", {"noise": 0.1, **BEST})
    yield Case("moons, noise 0.1, notebook", {"dataset": "moons", "noise": 0.1})
    yield Case("notebook, repaired", {}, repaired=True)
    yield Case("best, repaired", BEST, repaired=True)
    yield Case("best-long, 3,000 steps", {**PRESETS["best-long"], "steps": 3000})
    yield Case("broken: strays", BEST, damage=stray)
    yield Case("broken: dead component", BEST, damage=kill_component)
    yield Case("broken: torn latent", BEST, damage=tear)
    yield Case("broken: collapsed dimension", BEST, damage=collapse)
    yield Case("broken: one decoder weight", BEST, damage=spoil)
    for seed in range(SEEDS_OF_BEST):
        yield Case(f"best, seed {seed}", {**BEST, "seed": seed})
    yield Case("best, seed 202", {**BEST, "seed": 202})


def trained(folder: Path, case: Case) -> Run:
    """The run of a case: found in the folder, or trained there."""
    config = Config(**{"snapshot_every": 500, **case.settings})
    run = load(folder) if (folder / "config.toml").exists() else create(folder, config)
    if run.status not in ("finished", "diverged", "stopped"):
        with suppress(DivergedError), contextlib.closing(advance(run)) as records:
            for record in records:
                if record.step == case.steps:
                    break
    return load(folder)


def opened(folder: Path, case: Case) -> Run:
    """The run that a case is about."""
    run = trained(folder / _shared_name(case), case)
    if case.repaired:
        copy = folder / base_name(case)
        return load(copy) if (copy / "config.toml").exists() else repair(run, copy, components=20)
    return run


def _shared_name(case: Case) -> str:
    """Repaired and broken runs are made from one that is there."""
    if case.damage is not None or case.repaired:
        return "of-best" if case.settings else "of-notebook"
    return base_name(case)


@dataclass(frozen=True)
class Row:
    """What was found of a case.

    Attributes:
        train: The verdict after training.
        evaluate: The verdict of a run or model that was opened again.
        above: Nats above the lower bound; nan where there is none.
        bounded: Whether that is only a bound.
        worst: The distance that is farthest above its noise floor, by its name, and by how many standard deviations.
        mse: Squared error of a posterior draw over the data's variance.
        jumps: Jumps along the curve.
        strays: Share of strays.
    """

    train: str
    evaluate: str
    above: float
    bounded: bool
    worst: tuple[str, float]
    mse: float
    jumps: float
    strays: float

    def off(self) -> bool:
        """Whether a number is beyond what a perfect model's would be."""
        return self.above > NATS_ABOVE or self.worst[1] > FAR

    def fault(self) -> str:
        """What is wrong with the verdicts; empty where nothing is."""
        if self.train != self.evaluate:
            return "train and evaluate differ"
        if self.train == "healthy" and self.off():
            return "healthy, and a number is off"
        if self.train == "imprecise" and not self.off():
            return "imprecise, and no number is off"
        return ""


def row_file(folder: Path, case: Case) -> Path:
    """Where the row of a case is kept."""
    return folder / f"{base_name(case)}.json"


def base_name(case: Case) -> str:
    """The name of a case as a file's."""
    return "-".join(case.name.replace(",", "").replace(":", "").split())


def found(folder: Path, case: Case) -> Row:
    """The row of a case, from its row.json if it was measured before."""
    path = row_file(folder, case)
    if not path.exists():
        path.write_text(json.dumps(_measure(opened(folder, case), case)), encoding="utf-8")
    values = json.loads(path.read_text(encoding="utf-8"))
    return Row(**{**values, "worst": tuple(values["worst"])})


def _measure(run: Run, case: Case) -> dict[str, Any]:
    if case.damage is None:
        first = evaluate(run)
        again = evaluate(load(run.folder))
    else:
        model = run.model
        with torch.no_grad():
            case.damage(model)
        losses = LossHistory.of(run.config, run.history.__getitem__)
        first = evaluate_trained(model, run.config, PastTraining(steps=run.step, losses=losses))
        again = evaluate(model, run.config)

    metrics = again.metrics
    names = {"train": first.diagnosis.name, "evaluate": again.diagnosis.name}
    if metrics is None:
        return {**names, "above": None, "bounded": False, "worst": ["", 0], "mse": None, "jumps": None, "strays": None}

    symptoms = collect_symptoms(loss_of(run.config), LossHistory.unknown(), metrics)
    worst = max(symptoms.deviations.items(), key=lambda item: item[1])
    return {
        **names,
        "above": symptoms.above_lower_bound,
        "bounded": metrics.evidence is not None and metrics.evidence.bound,
        "worst": list(worst),
        "mse": symptoms.mse / symptoms.variance,
        "jumps": symptoms.jumps,
        "strays": symptoms.strays,
    }


def runs(folder: Path, *, only_measured: bool) -> list[str]:
    """Print the table of runs; returns what is wrong with it."""
    folder.mkdir(parents=True, exist_ok=True)
    print("| run | train | evaluate | nats above bound | worst distance | MSE / V | jumps | strays |")
    print("|---|---|---|---|---|---|---|---|")
    faults = []
    verdicts: Counter[str] = Counter()
    for case in cases():
        if only_measured and not row_file(folder, case).exists():
            continue
        row = found(folder, case)
        above = _number(row.above, 3) + (" (bound)" if row.bounded else "")
        worst = f"{row.worst[0]} {_number(row.worst[1], 1)}"
        cells = [above, worst, _number(row.mse, 4), _number(row.jumps, 0), _number(row.strays, 4)]
        print(f"| {case.name} | {row.train} | {row.evaluate} | {' | '.join(cells)} |", flush=True)
        verdicts[row.train] += 1
        if row.fault():
            faults.append(f"{case.name}: {row.fault()}")

    print(f"\n{verdicts.total()} runs: {', '.join(f'{number} {name}' for name, number in verdicts.most_common())}.")
    return faults


def _number(value: float | None, digits: int) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 1e4 else f"{value:.0e}"


def perfect() -> list[str]:
    """Put real points in the place of generated ones, and prior draws in that of latents; count what is off."""
    trials = 0
    ailing = 0
    for number, (dataset, noise) in enumerate(PERFECT_DATA):
        # No two references share a seed, or their latents would be judged by the same draws.
        for seed in range(number * PERFECT_REFERENCES, (number + 1) * PERFECT_REFERENCES):
            data = NoisyCurve(CURVES[dataset], noise)
            reference = data_reference(data, 1000, seed, torch.float32).reference
            latents = prior_reference(VAE(2, 4), 1000, seed)
            generator = Generator().manual_seed(10_000 + seed)
            for _ in range(PERFECT_TRIALS):
                points = data.sample(1000, generator=generator).points
                z = torch.randn(1000, 2, generator=generator)
                far = [*deviations("", reference.compare(points)).values()]
                far += deviations("aggregate_", latents.compare(z)).values()
                trials += 1
                ailing += max(far) > FAR
    print(f"{trials} perfect models, each with 10 distances: {ailing} with one beyond {FAR:g} standard deviations")
    return [f"{ailing} of {trials} perfect models are ailing"] if ailing > MOST_AILING * trials else []


def main() -> None:
    """Read the command line, print the table asked for, and fail where a verdict is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["runs", "perfect"])
    parser.add_argument("--folder", type=Path, default=Path("runs/diagnosis"))
    parser.add_argument("--only-measured", action="store_true", help="leave out the runs that were not measured yet")
    given = parser.parse_args()
    torch.set_num_threads(1)
    faults = perfect() if given.table == "perfect" else runs(given.folder, only_measured=given.only_measured)
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
