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
MEASURE_SECONDS = 0.6
"""Measuring a run."""
EVIDENCE_SECONDS = 8.0
"""Its evidence, and its lower bound."""
STEP_SECONDS = {"torch": 1.4e-3, "xla": 6e-5}
"""The fixed part of a step, by engine."""
SHARE = {"torch": 0.4, "xla": 0.7}
"""What of the rate of a large matrix product an engine's steps reach."""
RATE = 150e9
"""Operations in a second that a large float32 matrix product on one core reaches."""
WORKER_BYTES = 500e6
"""Memory of a worker that has imported all it needs."""
HISTORY_BYTES = 130
"""Bytes of a step's row in history.csv."""
METRICS_BYTES = 9000


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


def seconds(config: Config, *, evidence: bool = False, rate: float = RATE) -> float:
    """Time of a run on one core, measuring included."""
    from swissroll.training.build import choose_engine, flops

    engine = choose_engine(config)
    step = STEP_SECONDS[engine] + flops(config) / (SHARE[engine] * rate)
    return config.steps * step + MEASURE_SECONDS + (EVIDENCE_SECONDS if evidence else 0)


def cost(config: Config, *, evidence: bool = False, rate: float = RATE) -> Cost:
    """What one run costs."""
    from swissroll.training.build import flops
    from swissroll.training.many import members_per_batch

    weights = flops(config) / (6 * config.batch_size)
    activations = 2 * config.batch_size * config.hidden_dim * (2 * config.depth + 2)
    # Weights, their gradients and Adam's two moments; what the backward pass needs; the records of each step.
    memory = members_per_batch(config) * (4 * 4 * weights + 4 * activations + 600 * config.steps)
    return Cost(
        flops=config.steps * flops(config),
        seconds=seconds(config, evidence=evidence, rate=rate),
        disk=4 * weights + HISTORY_BYTES * config.steps + METRICS_BYTES,
        memory=WORKER_BYTES + memory,
    )


def total(costs: list[tuple[Cost, int]]) -> Cost:
    """What several runs cost together, each given with how many there are of it."""
    return Cost(
        flops=sum(c.flops * n for c, n in costs),
        seconds=sum(c.seconds * n for c, n in costs),
        disk=sum(c.disk * n for c, n in costs),
        memory=max((c.memory for c, _ in costs), default=0.0),
    )


def measured_rate(budget: float = 0.3) -> float:
    """Operations in a second of a large float32 matrix product on one core here: the best of some tries."""
    import torch

    from swissroll.training.build import use_threads

    a, best, began = torch.ones(768, 768), 0.0, perf_counter()
    with use_threads(1):
        while perf_counter() - began < budget:
            start = perf_counter()
            a @ a
            best = max(best, 2 * 768**3 / (perf_counter() - start))
    return best
