"""Count the strays among a preset's samples, seed by seed, with its prior as trained and as fitted afterwards.

    python docs/strays.py > docs/output/strays.md                 50 seeds of 'best', about 10 minutes on two idle cores
    python docs/strays.py --preset best-long --seeds 5

A stray is farther than 0.2 data units from the roll, whose radius is about 1. Each seed is trained once, without the
fit (``refit_prior=False``): a test holds that the fit changes nothing but the prior. Weights and results are kept in
--folder (default runs/strays), so an interrupted script goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy.spatial import KDTree
from torch import Generator, Tensor

from swissroll import Config
from swissroll.config import PRESETS
from swissroll.data import CURVES, open_distribution
from swissroll.evaluation.uncertainty import percent
from swissroll.model.prior import Prior, log_normal
from swissroll.model.terms import distortion
from swissroll.model.vae import VAE
from swissroll.training import loss_of, train_many
from swissroll.training.build import build_model, refitted_weights
from swissroll.training.many import members_per_batch

FIRST_SEED = 200
SAMPLES = 100_000
"""Prior samples per model, without the decoder's noise."""
STRAY = 0.2
"""Distance from the roll, in data units, beyond which a sample is a stray."""
MOST_STRAYS = 0.0005
POINTS = 1000
"""Fresh points whose log evidence is estimated."""
DRAWS = 32
"""Draws from q(z|x) for each, the same ones for both priors."""
ROLL = CURVES["swiss_roll"]
# Points 8e-4 apart: at distance 0.2, the nearest one is less than 1e-6 farther than the curve itself.
TREE = KDTree(ROLL.position(ROLL.midpoints(20_000)).numpy())


@dataclass(frozen=True, kw_only=True)
class Row:
    """A seed: its prior as trained, and as fitted afterwards.

    Attributes:
        seed: The seed.
        strays: Share of strays among the samples, for each of the two.
        off: 99.9th percentile of the samples' distance from the roll, in data units, for each of the two.
        gain: Log evidence that the fit gains, in nats, a mean over the same points and draws.
        seconds: Processor time of the fit.
    """

    seed: int
    strays: list[float]
    off: list[float]
    gain: float
    seconds: float


def trained_weights(configs: list[Config], folder: Path) -> Iterator[dict[str, Tensor]]:
    """The weights of runs, from the folder where they were trained before."""
    folder.mkdir(parents=True, exist_ok=True)
    members = members_per_batch(configs[0])
    for start in range(0, len(configs), members):
        batch = configs[start : start + members]
        paths = [folder / f"seed-{config.seed}.safetensors" for config in batch]
        if not all(path.exists() for path in paths):
            for outcome, path in zip(train_many(batch), paths, strict=True):
                save_file(outcome.weights, path)
        yield from map(load_file, paths)


def judged(config: Config, weights: dict[str, Tensor], path: Path) -> Row:
    """A seed's row, from the file where it was judged before."""
    if not path.exists():
        path.write_text(json.dumps(asdict(judge(config, weights))), encoding="utf-8")
    return Row(**json.loads(path.read_text(encoding="utf-8")))


@torch.no_grad()
def judge(config: Config, weights: dict[str, Tensor]) -> Row:
    """Fit a trained run's prior, and judge it before and after, by samples and points that the seed alone decides."""
    began = process_time()
    fitted_weights = refitted_weights(config, weights)
    seconds = process_time() - began

    trained, fitted = build_model(config), build_model(config)
    trained.load_state_dict(weights)
    fitted.load_state_dict(fitted_weights)
    offs = [distances(trained, config.seed), distances(fitted, config.seed)]
    evidence = [log_evidence(trained, config, prior) for prior in (trained.prior, fitted.prior)]
    return Row(
        seed=config.seed,
        strays=[float(np.mean(off > STRAY)) for off in offs],
        off=[float(np.quantile(off, 0.999)) for off in offs],
        gain=(evidence[1] - evidence[0]).mean().item(),
        seconds=seconds,
    )


def distances(model: VAE, seed: int) -> NDArray[np.float64]:
    """How far a model's samples are from the roll, in data units, shape (SAMPLES,)."""
    z = model.draw_prior(SAMPLES, generator=Generator().manual_seed(seed))
    x = torch.cat([model.decode(part) for part in z.split(10_000)])
    off, _ = TREE.query(x.double().numpy())
    return off


def log_evidence(model: VAE, config: Config, prior: Prior) -> Tensor:
    """Log evidence of fresh points under a model with this prior, by importance sampling, in nats, shape (POINTS,)."""
    generator = Generator().manual_seed(config.seed)
    x = open_distribution(config).sample(POINTS, generator=generator).points.repeat_interleave(DRAWS, dim=0)
    mu, logvar = model.encode(x)
    z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=generator)

    # log p(x) = log E_q [ p(x|z) p(z) / q(z|x) ].
    log_likelihood = -distortion(model.decode(z), x, loss_of(config).at_sigma(model.decoder_sigma).sigma)
    log_weights = log_likelihood + prior.log_prob(z) - log_normal(z, mu, logvar)
    return log_weights.double().view(POINTS, DRAWS).logsumexp(dim=1) - math.log(DRAWS)


def show_summary(rows: list[Row]) -> None:
    """Print what the rows say together."""
    strays = np.array([row.strays for row in rows])
    off = np.array([row.off for row in rows])
    gains = np.array([row.gain for row in rows])

    print(f"| of {len(rows)} seeds | as trained | fitted afterwards |\n|---|---|---|")
    print(f"| most strays | {' | '.join(percent(value, 3) for value in strays.max(axis=0))} |")
    print(f"| mean share of strays | {' | '.join(percent(value, 4) for value in strays.mean(axis=0))} |")
    print(f"| seeds above {percent(MOST_STRAYS, 2)} | {' | '.join(map(str, (strays > MOST_STRAYS).sum(axis=0)))} |")
    print(f"| farthest 99.9th percentile | {' | '.join(f'{value:.3f}' for value in off.max(axis=0))} |")
    error = gains.std(ddof=1) / math.sqrt(len(rows))
    print(f"| nats gained, mean ± standard error | | {gains.mean():.4f} ± {error:.4f} |")
    print(f"| nats gained, least and most | | {gains.min():.4f} to {gains.max():.4f} |\n")


def show_rows(rows: list[Row]) -> None:
    """Print one line per seed."""
    print("| seed | strays as trained | fitted | 99.9th percentile as trained | fitted | nats gained |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        cells = [*(percent(value, 3) for value in row.strays), *(f"{value:.3f}" for value in row.off)]
        print(f"| {row.seed} | {' | '.join(cells)} | {row.gain:.4f} |")


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=["best", "best-long"], default="best")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    parser.add_argument("--folder", type=Path, default=Path("runs/strays"))
    given = parser.parse_args()

    torch.set_num_threads(1)
    config = Config(**PRESETS[given.preset] | {"refit_prior": False, "threads": 1})
    configs = [replace(config, seed=seed) for seed in range(given.first, given.first + given.seeds)]
    folder = given.folder / given.preset
    rows = []
    for config, weights in zip(configs, trained_weights(configs, folder), strict=True):
        rows.append(judged(config, weights, folder / f"seed-{config.seed}.json"))
    print(f"mean seconds of a fit: {np.mean([row.seconds for row in rows]):.2f}", file=sys.stderr)
    show_summary(rows)
    show_rows(rows)


if __name__ == "__main__":
    main()
