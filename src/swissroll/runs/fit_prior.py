"""Repair a trained model's prior: fit a mixture of Gaussians to what its encoder does, without training again.

    q(z)  = E_x q(z|x)                              the aggregate posterior, which the decoder was trained on
    p(z)  = sum_k w_k N(z; m_k, diag s_k^2)         fitted to draws from q(z) by expectation maximisation

Where the prior has mass that q(z) lacks, the decoder was never told what to do. At fixed encoder and decoder the ELBO
depends on the prior through -KL(q(z) || p(z)) alone, so a closer prior makes it better and leaves the rest.

Sources: Hoffman and Johnson (2016), "ELBO surgery", for the decomposition; Ghosh et al. (2020), "From variational to
deterministic autoencoders", section 4, for fitting a mixture to the latents after training.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from swissroll import checks, rng
from swissroll.config import MAX_COMPONENTS
from swissroll.data import open_distribution
from swissroll.errors import Fix
from swissroll.model.latents import draw_latents
from swissroll.model.prior import Mixture
from swissroll.runs.errors import RunError
from swissroll.runs.files import replace_file, save_end, save_snapshot
from swissroll.runs.folder import staged
from swissroll.runs.run import Run, load, make_folder, require_run

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

DRAWS = 20_000
"""Draws from the aggregate posterior that the mixture is fitted to, some 40 for each of the most Gaussians."""
TOLERANCE = 1e-5
"""Gain of the mean log density, in nats, below which expectation maximisation ends."""
MAX_ROUNDS = 300
PROGRESS_ROUNDS = 10
"""Rounds of it between two calls of ``progress``."""
MAX_ENCODED_POINTS = 2000
"""Points that are encoded at once."""


def show_nothing(_: int) -> None:
    """The progress of somebody who does not want to see it."""


def repair(
    run: Run, folder: str | os.PathLike[str], *, components: int = 20, progress: Callable[[int], object] = show_nothing
) -> Run:
    """Write a copy of a run whose prior is a mixture of Gaussians fitted to its aggregate posterior.

    Encoder and decoder keep every bit; a mixture that the run was trained with is fitted again. The copy has the
    history as it was, and its snapshots are the networks as they were, each with the fitted prior.

    Args:
        run: A run that was trained to its end, or stopped; its folder is only read.
        folder: New folder for the copy.
        components: K, Gaussians in the mixture, 1 to 500.
        progress: Called with the rounds of the fit, at most 300 in all, that were done since the last call; with 0
            before the first.

    Returns:
        The copy, finished, with ``config.components`` equal to K. It appears in its folder whole or not at all, and
        its state.json says which run it was made from.

    Raises:
        RunError: The run has no weights to repair (it is unfinished, or diverged), it is damaged, or the folder is
            not new.
        ValueError: ``components`` is out of range, or the run's encoder gives numbers that are not finite.
    """
    require_run(run)
    place = checks.folder("folder", folder)
    checks.whole("components", components, 1, MAX_COMPONENTS)
    _require_trained(run)
    if run.folder.resolve() in place.resolve().parents:
        raise RunError(f"{place} lies in the run that is copied.", Fix.CHOOSE_ANOTHER_FOLDER, folder=place)
    with staged(place) as staging:
        _write_copy(run, staging, components, progress)
    return load(place)


def _write_copy(run: Run, folder: Path, components: int, progress: Callable[[int], object]) -> None:
    generator = rng.generator(run.config.seed, "repair")
    draws = aggregate_draws(run, DRAWS, generator)
    prior = fit_mixture(draws, components, generator=generator, progress=progress)

    # Opened again: its models are this function's own to change.
    source = load(run.folder)

    repaired = make_folder(folder, dataclasses.replace(source.config, components=components))
    replace_file(folder / "history.csv", (source.folder / "history.csv").read_bytes())
    # One at a time: there may be very many.
    for step in sorted({*source.snapshots, source.step}):
        model = source.model if step == source.step else source.snapshots[step]
        model.prior = prior
        save_snapshot(repaired.folder, step, model.state_dict())

    message = f"The prior, {components} Gaussians, was fitted after training to {DRAWS:,} posterior draws."
    save_end(
        repaired.folder,
        repaired.config,
        source.model.state_dict(),
        step=source.step,
        status="finished",
        message=message,
        repaired_from=str(run.folder.resolve()),
    )


@torch.no_grad()
def aggregate_draws(run: Run, n: int, generator: Generator) -> Tensor:
    """Draw from a run's aggregate posterior: fresh points, one draw from q(z|x) each; shape (n, L), float64.

    Raises:
        ValueError: A draw is not finite.
    """
    model = run.model
    x = open_distribution(run.config).sample(n, generator=generator).points

    parts = []
    for part in torch.split(x, MAX_ENCODED_POINTS):
        mu, logvar = model.encode(part)
        parts.append(draw_latents(model, mu, logvar, generator=generator))
    return checks.points("posterior draws", torch.cat(parts))


def fit_mixture(
    z: Tensor, components: int, *, generator: Generator, progress: Callable[[int], object] = show_nothing
) -> Mixture:
    """Fit a mixture of Gaussians with diagonal covariances by maximum likelihood.

    Expectation maximisation from a k-means start (scikit-learn's ``GaussianMixture``).

    Args:
        z: Latents, shape (N, L), with N at least ``components``.
        components: K, at least 1.
        generator: Source of the start and of the mixture's own seed.
        progress: As :func:`repair` calls it.
    """
    seed = int(torch.randint(2**31, (1,), generator=generator))
    estimator = _maximize_likelihood(z.numpy(), components, seed, progress)

    # A weight of 0 has no logarithm.
    log_weights = np.log(np.maximum(estimator.weights_, np.finfo(np.float64).tiny))

    prior = Mixture(z.shape[1], components, generator=generator)
    with torch.no_grad():
        prior.logits.copy_(torch.from_numpy(log_weights))
        prior.means.copy_(torch.from_numpy(estimator.means_))
        prior.logvars.copy_(torch.from_numpy(np.log(estimator.covariances_)))
    return prior


def _maximize_likelihood(
    z: NDArray[np.float64], components: int, seed: int, progress: Callable[[int], object]
) -> GaussianMixture:
    """Run expectation maximisation until its gains are small, or for the most rounds that are allowed."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    estimator = GaussianMixture(
        components,
        covariance_type="diag",
        tol=TOLERANCE,
        max_iter=PROGRESS_ROUNDS,
        warm_start=True,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # The last gains are of some 1e-5 nats: a mixture that still has them to make is as good a prior.
        warnings.simplefilter("ignore", ConvergenceWarning)

        progress(0)
        for _ in range(MAX_ROUNDS // PROGRESS_ROUNDS):
            estimator.fit(z)
            progress(estimator.n_iter_)
            if estimator.converged_:
                break
    return estimator


def _require_trained(run: Run) -> None:
    if run.status == "diverged":
        what = "diverged; a prior cannot repair that. Train again with a lower learning rate."
        raise RunError(f"{run.folder} {what}", folder=run.folder)
    if run.status not in ("finished", "stopped") or not (run.folder / "model.safetensors").exists():
        raise RunError(f"{run.folder} is not trained yet.", Fix.RESUME, folder=run.folder)
    run.require_whole()
