"""What runs cost before they are run: seconds, memory and disk, by stated models.

A step's time is a fixed part, and its operations over a rate. :func:`measured_rate` times a matrix product here and
now, which brings the model to this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from swissroll.config import Config

START_SECONDS = 6.0
"""Starting the workers, and their first measurement."""
MEASURE_SECONDS = 1.6
"""Measuring a run, its evidence included."""
FIT_SECONDS = 0.02
"""Fitting a prior after training, for each of its Gaussians."""
STEP_SECONDS = {"torch": 1.4e-3, "xla": 6e-5}
"""The fixed part of a step, by engine."""
FLOW_SECONDS = 7e-3
"""What a flow prior adds to a step: many small operations, which width does not change."""
RATE_SHARE = {"torch": 0.4, "xla": 0.7}
"""What of the rate of a large matrix product an engine's steps reach."""
CORE_RATE = 150e9
"""Operations per second that a large float32 matrix product on one core reaches."""
WORKER_BYTES = 500e6
"""Memory of a worker that has imported all it needs."""
RECORD_BYTES = 600
"""Memory of the record of a step."""
HISTORY_BYTES = 130
"""Bytes of a step's row in history.csv."""
METRICS_BYTES = 9000
"""Bytes of metrics.json and the small files beside it."""
FLOAT_BYTES = 4
PROBE_DIM = 768
"""Rows and columns of the matrices that :func:`measured_rate` multiplies."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What runs cost.

    Attributes:
        flops: Operations of the matrix products.
        seconds: Time on one core.
        disk: Bytes that their folders take.
        memory: Bytes of one worker at the largest of them.
    """

    flops: float
    seconds: float
    disk: float
    memory: float


def seconds(config: Config, *, rate: float = CORE_RATE) -> float:
    """Time of a run on one core, measuring included."""
    from swissroll.training.build import choose_engine, flops

    engine = choose_engine(config)
    step = STEP_SECONDS[engine] + flops(config) / (RATE_SHARE[engine] * rate)
    if config.prior == "flow":
        step += FLOW_SECONDS
    fit_seconds = FIT_SECONDS * config.components if config.refit_prior else 0.0
    return config.steps * step + fit_seconds + MEASURE_SECONDS


def cost(config: Config, *, rate: float = CORE_RATE) -> Cost:
    """What one run costs."""
    from swissroll.training.build import flops
    from swissroll.training.many import members_per_batch

    # A step takes 6 operations per weight and point: 2 forward, 4 backward.
    weights = flops(config) / (6 * config.batch_size)
    # Before and after each nonlinearity of the encoder and the decoder.
    activations = 2 * config.batch_size * config.hidden_dim * (2 * config.depth + 2)

    # Weights, their gradients and Adam's two moments; what the backward pass needs; the records of each step.
    member_bytes = 4 * FLOAT_BYTES * weights + FLOAT_BYTES * activations + RECORD_BYTES * config.steps
    return Cost(
        flops=config.steps * flops(config),
        seconds=seconds(config, rate=rate),
        disk=FLOAT_BYTES * weights + HISTORY_BYTES * config.steps + METRICS_BYTES,
        memory=WORKER_BYTES + members_per_batch(config) * member_bytes,
    )


def total(costs: list[tuple[Cost, int]]) -> Cost:
    """What several runs cost together, each given with how many there are of it."""
    return Cost(
        flops=sum(one.flops * runs for one, runs in costs),
        seconds=sum(one.seconds * runs for one, runs in costs),
        disk=sum(one.disk * runs for one, runs in costs),
        memory=max((one.memory for one, _ in costs), default=0.0),
    )


def measured_rate(budget: float = 0.3) -> float:
    """Operations per second of a large float32 matrix product on one core here: the best of some tries.

    Args:
        budget: Seconds to try for.
    """
    import torch

    from swissroll.reproducibility.modes import ordinary_modes

    matrix = torch.ones(PROBE_DIM, PROBE_DIM)
    operations = 2 * PROBE_DIM**3
    best = 0.0
    began = perf_counter()
    with ordinary_modes(gradients=True, threads=1):
        while perf_counter() - began < budget:
            start = perf_counter()
            matrix @ matrix
            best = max(best, operations / (perf_counter() - start))
    return best
