"""What a model is worth and what ails it, of a run on disk or of a model in memory."""

from __future__ import annotations

import dataclasses

from torch import nn

from swissroll import checks
from swissroll.config import Config
from swissroll.data import Distribution
from swissroll.evaluation.advice import Action, Advice, beyond_the_fit
from swissroll.evaluation.diagnosis import UNFINISHED, Diagnosis
from swissroll.evaluation.evaluation import (
    Evaluation,
    PastTraining,
    Progress,
    evaluate_model,
    evaluate_trained,
    show_nothing,
)
from swissroll.evaluation.metrics import Metrics
from swissroll.evaluation.symptoms import LossHistory
from swissroll.model.adapter import as_vae
from swissroll.model.loss import Loss
from swissroll.model.vae import VAE
from swissroll.runs.run import Run, require_run


def evaluate(
    run_or_model: Run | nn.Module,
    config: Config | None = None,
    *,
    distribution: Distribution | None = None,
    sigma: float | None = None,
    progress: Progress = show_nothing,
) -> Evaluation:
    """Measure a model once, for all that shows it, and say what ails it.

    Args:
        run_or_model: A run with weights, or a model in memory: a VAE, or any module with ``encode`` and ``decode``.
        config: The settings that a model in memory was trained with.
        distribution: What the points of a model come from that has no settings, such as a subclass of one's own.
        sigma: That model's decoder standard deviation, in data units; 0 is a decoder without noise.
        progress: As of :func:`swissroll.measure`.

    Raises:
        RunError: The run is damaged, or nothing is trained yet.
        ValueError: ``run_or_model`` is neither, or a model comes without what it was trained for.

    Returns:
        The summary, the metrics (None where the model's outputs are not finite) and the diagnosis.
    """
    if isinstance(run_or_model, Run):
        if (config, distribution, sigma) != (None, None, None):
            raise ValueError("A run has its own config; leave out config, distribution and sigma.")
        return _evaluate_run(run_or_model, progress=progress)

    checks.instance("run_or_model", run_or_model, nn.Module, "a run, such as load(folder), or a VAE")
    if config is not None and (distribution is not None or sigma is not None):
        raise ValueError("A config says what distribution and sigma are; leave out it or them.")
    if config is not None:
        return evaluate_trained(run_or_model, config, progress=progress)
    if distribution is None or sigma is None:
        raise ValueError("A model in memory is evaluated with its config, or with its distribution and sigma.")

    checks.real("sigma", sigma, 0, 1e6)
    wanted = "a distribution, such as swissroll.data.open_distribution(config)"
    checks.instance("distribution", distribution, Distribution, wanted)
    model = as_vae(run_or_model, name="run_or_model", data_dim=distribution.data_dim)
    return evaluate_model(
        model,
        distribution,
        _elbo_loss(model, sigma),
        progress=progress,
    )


def examine(run: Run, *, progress: Progress = show_nothing) -> tuple[Metrics | None, Diagnosis]:
    """Measure a run's model and say what ails it: the metrics and the diagnosis of :func:`evaluate`.

    Args:
        run: A run with weights.
        progress: As of :func:`swissroll.measure`.

    Raises:
        RunError: The run is damaged, or nothing is trained yet.
        ValueError: ``run`` is not one.

    Returns:
        The metrics, None where the model's outputs are not finite, and the diagnosis.
    """
    require_run(run)
    found = _evaluate_run(run, progress=progress)
    return found.metrics, found.diagnosis


def _evaluate_run(run: Run, *, progress: Progress) -> Evaluation:
    run.require_whole()
    history = run.history[: run.step]
    past = PastTraining(
        steps=run.step,
        planned=run.config.steps if run.status in ("unfinished", "stopped") else None,
        seconds=float(history["seconds"].sum()),
        losses=LossHistory.of(run.config, history.__getitem__),
        diverged=run.status == "diverged",
        divergence=run.divergence,
    )
    found = evaluate_trained(run.network, run.config, past, progress=progress)
    return dataclasses.replace(found, diagnosis=adapt_advice_to_run(found.diagnosis, run))


def adapt_advice_to_run(found: Diagnosis, run: Run) -> Diagnosis:
    """The diagnosis with advice that suits the state of a run: whether it is finished, and how it was made."""
    advice = found.advice
    if found.name == UNFINISHED:
        advice = Advice(action=Action.FINISH_RUN)
    elif run.repaired_from:
        advice = _advise_repaired(advice, run)
    return dataclasses.replace(found, advice=advice)


def _advise_repaired(advice: Advice, run: Run) -> Advice:
    """What helps a repaired run, which is never trained on: a preset, or another original."""
    if advice.action is Action.FIT_PRIOR:
        # Its config.toml may be of a version that did not write refit_prior there.
        advice = beyond_the_fit(run.config)
    if advice.action is Action.CHANGE_SETTING:
        return dataclasses.replace(advice, repair_again=True)
    return advice


def _elbo_loss(model: VAE, sigma: float) -> Loss:
    """The negative ELBO of a decoder with this standard deviation, as a loss of summed terms."""
    # beta = 2 sigma^2 makes |x - x'|^2 + beta R the negative ELBO, multiplied by 2 sigma^2.
    return Loss(beta=2 * sigma**2, data_dim=model.data_dim, latent_dim=model.latent_dim, reduction="sum")
