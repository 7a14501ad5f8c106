"""From settings to objects: what this machine decides of a run, once, and the training that comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from swissroll import checks
from swissroll.config import Config, require_config
from swissroll.data import (
    Distribution,
    LabelledPoints,
    Points,
    Sample,
    data_dim_of,
    label_shares,
    labels_of,
    open_distribution,
    record_table,
    unseen_points,
)
from swissroll.data.column_names import split_names
from swissroll.model.loss import Loss
from swissroll.model.standardized import standardization_state
from swissroll.model.translation import Translation, translate
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.training.engines.engine import Engine, State
from swissroll.training.engines.torch import MAX_CHUNK, TorchEngine
from swissroll.training.loop import Training, is_due, scheduled_lr_and_beta
from swissroll.training.refit import Progress, refit_prior, show_nothing
from swissroll.training.sampler import Sampler

if TYPE_CHECKING:
    from swissroll.training.engines.xla_batch import XlaBatch

HELD_OUT_POINTS = 512
MAX_CHUNK_FLOPS = 1e11
"""Most operations of the fast engine between two looks at its records: about a second on a slow machine."""
MAX_CHUNK_NUMBERS = 2**26
"""Most numbers that are drawn for the steps of a chunk, 0.25 GiB."""
STEP_OVERHEAD_FLOPS = 1.4e8
"""What a step of the reference engine costs beside its operations, counted in such operations."""
XLA_START_FLOPS = 3e11
"""Operations of a whole run, overhead included, above which the fast engine wins back its start."""
MAX_SINGLE_THREAD_FLOPS = {"xla": 6e7, "torch": 2.2e8}
"""Operations in a step up to which one thread is best: at 128 points, widths of 128 and 256."""


@dataclass(frozen=True)
class Plan:
    """What this machine made of a config: where, by which engine and on how many threads a run is computed.

    Attributes:
        config: The settings, with device, engine and threads as they were decided.
        device: Where to compute.
        engine: Which engine computes the steps.
        threads: CPU threads.
        distribution: What the points come from.
    """

    config: Config
    device: torch.device
    engine: Literal["torch", "xla"]
    threads: int
    distribution: Distribution


def decide(config: Config, distribution: Distribution | None = None) -> Plan:
    """Choose device, engine and threads, each once.

    Args:
        config: The settings.
        distribution: What the points come from, such as :class:`swissroll.data.Points` in memory; by default what the
            config names.

    Raises:
        ValueError: ``config`` is none, or its device or engine is not on this machine; or it asks for labels that the
            points do not have.
    """
    require_config(config)
    if distribution is None:
        config = record_table(config)
    source = distribution_for(config, distribution)
    device = choose_device(config.device)
    device_name: Any = device.type
    engine = choose_engine(replace(config, device=device_name), source)
    config = replace(config, device=device_name, engine=engine)
    threads = config.threads or choose_threads(config, source)
    config = replace(config, threads=threads)
    require_engine(config)
    if config.conditional:
        label_shares(source)
    return Plan(config=config, device=device, engine=engine, threads=threads, distribution=source)


def distribution_for(config: Config, distribution: Distribution | None = None) -> Distribution:
    """A distribution in memory, or what a config names; raises ValueError where it is neither."""
    if distribution is None:
        return open_distribution(config)
    wanted = "a distribution, such as swissroll.data.Points.of(rows), or None for the config's own"
    checks.instance("distribution", distribution, Distribution, wanted)
    return distribution


def build(
    config: Config | Plan,
    *,
    loss: Loss | None = None,
    model: VAE | None = None,
    distribution: Distribution | None = None,
) -> Training:
    """Turn settings into a training that is ready to start.

    Args:
        config: The settings, or what :func:`decide` made of them, which has its distribution already.
        loss: Another loss than the config's: a subclass of :class:`swissroll.model.loss.Loss`. Only the reference
            engine can compute it.
        model: Another model than the config's, with its initial weights: a subclass of :class:`swissroll.VAE`. Only the
            reference engine can compute it.
        distribution: What the points come from, such as :class:`swissroll.data.Points` in memory; by default what the
            config names.

    Raises:
        ValueError: The config's device or engine is not on this machine, or the fast engine is asked for another loss
            or model.
    """
    if isinstance(config, Plan) and distribution is not None:
        raise ValueError("A plan has its distribution already; leave it out, or pass the config.")
    plan = config if isinstance(config, Plan) else decide(config, distribution)
    settings = plan.config
    if loss is not None:
        checks.instance("loss", loss, Loss, "a swissroll.model.Loss, or None for the config's own")
    if model is not None:
        checks.instance("model", model, VAE, "a swissroll.VAE, or None for the config's own")
    if plan.engine == "xla" and (loss is not None or model is not None):
        what = "loss" if loss is not None else "model"
        raise ValueError(
            f"The fast engine computes the config's own {what} only; choose engine 'torch' for another one."
        )

    with computing(plan):
        engine = _build_xla(plan) if plan.engine == "xla" else _build_torch(plan, loss, model)
    return Training(
        engine,
        steps=settings.steps,
        eval_every=settings.eval_every,
        pause_every=settings.snapshot_every,
        finish=partial(refitted_weights, settings, distribution=plan.distribution) if settings.refit_prior else None,
        computing=partial(computing, plan),
        beside=beside_weights(plan.distribution),
    )


def beside_weights(distribution: Distribution) -> State:
    """What is kept with the weights of a model of these points: the standardization of a person's own rows."""
    return standardization_state(distribution.standardization) if isinstance(distribution, Points) else {}


def computing(plan: Plan) -> AbstractContextManager[None]:
    """The settings of PyTorch that a run is computed with, on its threads; those of its process come back after."""
    # PyTorch's idle threads spin for a while, on cores that the fast engine's threads need.
    return ordinary_modes(gradients=True, threads=1 if plan.engine == "xla" else plan.threads)


def refitted_weights(
    config: Config,
    weights: State,
    progress: Progress = show_nothing,
    *,
    distribution: Distribution | None = None,
) -> State:
    """A run's weights after its last step, with its prior fitted to their aggregate posterior.

    Raises:
        NotFiniteError: The encoder gives numbers that are not finite.
    """
    source = distribution_for(config, distribution)
    model = build_model(config, source)
    model.load_state_dict(weights)
    prior = refit_prior(model, config, components=config.components, distribution=source, progress=progress)
    return weights | {f"prior.{name}": value for name, value in prior.state_dict().items()}


def build_batch(configs: Sequence[Config], distribution: Distribution | None = None) -> XlaBatch:
    """The fast engine for runs that share a shape (:func:`swissroll.training.many.shape_of`), one member each."""
    from swissroll.training.engines.xla_batch import XlaBatch

    first = configs[0]
    sources = [distribution_for(config, distribution) for config in configs]
    held_out = [
        held_out_points(config, distribution=source).points for config, source in zip(configs, sources, strict=True)
    ]
    return XlaBatch(
        [build_model(config, source) for config, source in zip(configs, sources, strict=True)],
        configs,
        loss=loss_of(first, sources[0]),
        schedule=scheduled_lr_and_beta,
        held_out=held_out,
        distributions=sources,
        is_due=partial(is_due, first),
        max_chunk=_max_chunk(first, sources[0], len(configs)),
    )


@ordinary_modes(gradients=True)
def build_model(config: Config, distribution: Distribution | None = None) -> VAE:
    """The config's VAE with its initial weights, on the CPU; it knows what its points come from.

    That of a table that a run has written down needs no file: it knows its points only where they are given.
    """
    loss = loss_of(config, distribution)
    implied = translate(config.beta, config.reduction, loss.data_dim, config.latent_dim).sigma
    model = VAE(
        config.latent_dim,
        config.hidden_dim,
        data_dim=loss.data_dim,
        depth=config.depth,
        activation=config.activation,
        initialization=config.initialization,
        posterior=config.posterior,
        components=config.components,
        prior=config.prior,
        decoder_sigma=implied if config.decoder_variance == "fixed" else None,
        learned_variance=config.decoder_variance == "learned",
        tracked_variance=loss.tracks_variance,
        label_shares=_label_shares(config, distribution) if config.conditional else None,
        generator=rng.generator(config.seed, "initialisation"),
    )
    if distribution is not None or config.data is None:
        model.distribution = distribution_for(config, distribution)
    return model


def _label_shares(config: Config, distribution: Distribution | None) -> tuple[float, ...]:
    """Shares of the labels; equal ones of a table that is not asked for, which the weights say better."""
    if distribution is None and config.label_values is not None:
        count = len(split_names(config.label_values))
        return (1 / count,) * count
    return label_shares(distribution_for(config, distribution))


def loss_of(config: Config, distribution: Distribution | None = None) -> Loss:
    """The loss that a config names; raises ValueError for what is no config."""
    return Loss.of(config, _data_dim(config, distribution))


def translation_of(config: Config, model: VAE | None = None) -> Translation:
    """The decoder sigma and true beta that a config's loss amounts to; a sigma that training finds is the model's."""
    source = None if model is None else model.distribution
    return loss_of(config, source).at_sigma(None if model is None else model.decoder_sigma)


@ordinary_modes()
def held_out_points(config: Config, n: int = HELD_OUT_POINTS, *, distribution: Distribution | None = None) -> Sample:
    """Points that training never draws, fixed by the seed; of a person's own rows, at most those held out."""
    require_config(config)
    generator = rng.generator(config.seed, "evaluation")
    return unseen_points(distribution_for(config, distribution), n, generator=generator)


def held_out_labels(config: Config, n: int = HELD_OUT_POINTS, *, distribution: Distribution | None = None) -> Tensor:
    """Labels of the points of :func:`held_out_points`, shape (N,), int64."""
    source = distribution_for(config, distribution)
    return labels_of(source, held_out_points(config, n, distribution=source).coordinate)


def flops(config: Config, distribution: Distribution | None = None) -> float:
    """Floating-point operations of the matrix products in one step: forward, and backward to weights and inputs."""
    data_dim = _data_dim(config, distribution)
    hidden = [config.hidden_dim] * config.depth
    posterior_numbers = 2 * config.latent_dim
    if config.posterior == "full":
        posterior_numbers += config.latent_dim * (config.latent_dim - 1) // 2
    encoder = [data_dim, *hidden, posterior_numbers]
    decoder = [config.latent_dim, *hidden, data_dim]
    decoded = config.importance_samples * sum(a * b for a, b in pairwise(decoder))
    weights = sum(a * b for a, b in pairwise(encoder)) + decoded

    # Three products for each weight and point, of a multiplication and an addition each.
    return 3 * 2.0 * config.batch_size * weights


def choose_device(device: str) -> torch.device:
    """Turn a config's device into one that is there; raises ValueError where it is not."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present[device]:
        there = ", ".join(name for name, is_there in present.items() if is_there)
        raise ValueError(f"device {device!r} is not on this machine; choose auto or one of: {there}.")
    return torch.device(device)


def choose_engine(config: Config, distribution: Distribution | None = None) -> Literal["torch", "xla"]:
    """The engine that a config names, or for 'auto' the one that is done first, of those that are here."""
    if config.engine != "auto":
        return config.engine
    device: Any = choose_device(config.device).type
    fast = replace(config, engine="xla", device=device)
    return "xla" if xla_pays(config, distribution) and missing_for(fast) is None else "torch"


def choose_threads(config: Config, distribution: Distribution | None = None) -> int:
    """Few threads where more gain little: PyTorch's wait for one another by spinning, and crawl on a busy machine."""
    largest = MAX_SINGLE_THREAD_FLOPS["xla" if config.engine == "xla" else "torch"]
    return 1 if flops(config, distribution) <= largest else torch.get_num_threads()


def missing_for(config: Config) -> ValueError | None:
    """What a config's engine lacks on this machine: the error that says it, or None where it can start."""
    try:
        require_engine(config)
    except ValueError as error:
        return error
    return None


def xla_pays(config: Config, distribution: Distribution | None = None) -> bool:
    """Whether the fast engine would win back the seconds that it takes to start."""
    return config.steps * (STEP_OVERHEAD_FLOPS + flops(config, distribution)) > XLA_START_FLOPS


def require_engine(config: Config) -> None:
    """Start JAX where a config names the fast engine.

    Raises:
        ValueError: JAX is not installed, does not start, or lacks the config's device; or the fast engine does not
            compute such settings.
    """
    if config.engine != "xla":
        return
    reason = beyond_xla(config)
    if reason:
        raise ValueError(f"{reason} Choose engine 'torch'.")

    from swissroll.training.engines.jax_start import find_device, import_jax

    jax = import_jax(config.threads or choose_threads(config))
    find_device(jax, config.device)


def _data_dim(config: Config, distribution: Distribution | None) -> int:
    """D of a distribution in memory, or of what a config names."""
    return data_dim_of(config) if distribution is None else distribution_for(config, distribution).data_dim


def beyond_xla(config: Config) -> str:
    """What of a config the fast engine does not compute, as a sentence; empty where it computes all."""
    if config.prior == "flow":
        return "The fast engine has no prior 'flow'."
    if config.mmd_weight:
        return "The fast engine does not compute mmd."
    if config.conditional:
        return "The fast engine does not compute conditional models."
    if config.importance_samples > 1:
        return "The fast engine takes one draw per point, and importance_samples asks for more."
    return ""


def _build_xla(plan: Plan) -> Engine:
    from swissroll.training.engines.xla import XlaEngine

    return XlaEngine(build_model(plan.config, plan.distribution), build_batch([plan.config], plan.distribution))


def _build_torch(plan: Plan, loss: Loss | None, model: VAE | None) -> Engine:
    config = plan.config
    source = plan.distribution
    sampler = Sampler(config, plan.device, distribution=source)
    points = held_out_points(config, distribution=source).points.to(plan.device)
    held_out: Tensor | LabelledPoints = points
    if config.conditional:
        held_out = LabelledPoints(points, held_out_labels(config, distribution=source).to(plan.device))
    return TorchEngine(
        (model or build_model(config, source)).to(plan.device),
        sampler.draw_batch,
        loss=loss or loss_of(config, source),
        lr=config.lr,
        schedule=partial(scheduled_lr_and_beta, config),
        noise=sampler.noise,
        generators=sampler.generators,
        held_out=held_out,
        seed=config.seed,
    )


def _max_chunk(config: Config, distribution: Distribution, members: int) -> int:
    """Most steps in a chunk of so many members: what they compute and what they draw is bounded."""
    numbers = members * config.batch_size * (distribution.data_dim + config.latent_dim)
    by_flops = int(MAX_CHUNK_FLOPS / flops(config, distribution) / members)
    by_numbers = MAX_CHUNK_NUMBERS // numbers
    return max(1, min(MAX_CHUNK, by_flops, by_numbers))
