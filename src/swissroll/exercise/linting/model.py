"""A model's two heads and its outputs, looked at on random points: at its own weights, and at random ones."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from swissroll.exercise.laws.heads import limit_of
from swissroll.exercise.linting.finding import ERROR, NOTE, UNKNOWN, WARNING, Finding
from swissroll.exercise.linting.target import Function
from swissroll.model.adapter import as_vae

POINTS = 256
SEEDS = (1, 2, 3, 4)
GAINS = (1.0, 2.5)
"""Sizes of the random weights: at the larger one outputs go far."""
WORDS = {
    "constant": "the same number for every point",
    "relu": "never below 0, and often exactly 0",
    "sigmoid": "always between 0 and 1",
    "positive": "never below 0",
    "negative": "never above 0",
    "tanh": "always between -1 and 1",
}


def findings_of_model(model: nn.Module, *, data_dim: int | None, seed: int) -> Iterator[Finding]:
    """What shows without a loss: heads that cannot move, one head for both, and randomness that was left on."""
    try:
        dim = as_vae(model, data_dim=data_dim).data_dim
    except ValueError as error:
        yield Finding(rule="model-not-asked", level=UNKNOWN, line=f"{error} The encoder's heads were not looked at.")
        return

    generator = torch.Generator().manual_seed(seed)
    like = next((weight for weight in model.parameters() if weight.is_floating_point()), torch.empty(0))
    x = (torch.randn((POINTS, dim), generator=generator) * 1.5).to(like.device, like.dtype)
    with torch.random.fork_rng([]), torch.no_grad():
        # A score is of the model as it is used: in evaluation mode.
        used: Any = copy.deepcopy(model).eval()
        yield from _randomness(used, x)
        yield from _heads(model, x)


def _randomness(used: Any, x: Tensor) -> Iterator[Finding]:
    first = used.encode(x)
    second = used.encode(x)
    if not all(torch.allclose(one, two, rtol=1e-4, atol=1e-5) for one, two in zip(first, second, strict=True)):
        line = "After eval(), encoding the same points twice gives two results: dropout or noise was left on."
        yield Finding(rule="score-changes", level=WARNING, line=line)
    try:
        outputs = [_tensors(used(x)) for _ in range(2)]
    except Exception:  # A forward of another kind, such as one that takes a dict, is nothing to complain of.
        return
    if any(one.shape != two.shape or not torch.allclose(one, two, rtol=1e-4, atol=1e-5) for one, two in zip(*outputs)):  # noqa: B905
        line = (
            "After eval(), calling the model twice on the same points gives two results, since it draws latents: "
            "a score of points made of one call changes from call to call."
        )
        yield Finding(rule="forward-draws", level=NOTE, line=line)


def _tensors(output: Any) -> list[Tensor]:
    values = list(output.values()) if isinstance(output, dict) else output
    values = values if isinstance(values, tuple | list) else [values]
    return [value for value in values if isinstance(value, Tensor)]


def _heads(model: nn.Module, x: Tensor) -> Iterator[Finding]:
    pairs = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        random: Any = copy.deepcopy(model).eval()
        _draw_weights(random, GAINS[seed % 2])
        pairs.append(random.encode(x))

    if all(torch.equal(mu, head) for mu, head in pairs):
        yield Finding(rule="heads-equal", level=ERROR, line="Both heads of the encoder give the same numbers.")
        return
    for index, name in enumerate(("mu", "the second head")):
        values = torch.stack([pair[index] for pair in pairs]).double().cpu().numpy()
        if not np.isfinite(values).all():
            line = f"At random weights {name} is not always a finite number."
            yield Finding(rule="head-not-finite", level=WARNING, line=line)
            continue
        dead = [latent for latent in range(values.shape[2]) if all(np.ptp(one[:, latent]) == 0 for one in values)]
        if dead:
            line = f"{name.capitalize()} is the same for every point in latent {', '.join(str(d + 1) for d in dead)}."
            level = ERROR if name == "mu" else WARNING
            yield Finding(rule="dead-head", level=level, line=f"{line} This holds at any weights.")
            continue
        yield from _limits(name, values)


def _limits(name: str, values: Any) -> Iterator[Finding]:
    limit = limit_of(values.ravel())
    if not limit:
        return
    line = f"Over random weights and points, {name} is {WORDS[limit]}."
    if limit == "relu":
        yield Finding(rule="dead-head", level=ERROR, line=f"{line} Where it is 0, no gradient reaches it.")
    elif name == "mu":
        yield Finding(rule="head-range", level=WARNING, line=f"{line} The prior's latents go beyond that.")
    else:
        yield Finding(
            rule="head-range",
            level=WARNING,
            line=f"{line} That is right for a standard deviation or a variance, and too little for a logarithm.",
        )


def _draw_weights(model: nn.Module, gain: float) -> None:
    """Random weights that keep the size of what passes through at gain 1."""
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.normal_(0, gain * (2 / weight[0].numel()) ** 0.5)
        else:
            weight.normal_(0, 0.3)


def findings_of_score(score: Function, *, data_dim: int | None, seed: int) -> Iterator[Finding]:
    """Whether a score of points is the same at each call, and the same in whatever company.

    Raises:
        ValueError: It cannot be computed.
    """
    x = torch.randn((64, data_dim or 2), generator=torch.Generator().manual_seed(seed))
    with torch.random.fork_rng([]):
        try:
            first, second, alone = (_numbers(score(points)) for points in (x.clone(), x.clone(), x[:7].clone()))
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"The score fails on points of shape {tuple(x.shape)}: {type(error).__name__}: {reason}"
            ) from None

    scale = float(np.abs(first).max()) + 1e-12
    changes = float(np.abs(first - second).max()) / scale
    if changes > 1e-4:
        line = f"Called twice on the same points, scores differ by up to {changes:.2g} of the largest one."
        yield Finding(rule="score-changes", level=WARNING, line=line)
        return
    yield Finding(rule="score-repeats", level=NOTE, line="Called twice on the same points, the scores are the same.")
    if first.ndim == 1 and alone.shape == (7,) and float(np.abs(first[:7] - alone).max()) / scale > 1e-4:
        line = "A point's score depends on the other points of its batch."
        yield Finding(rule="score-company", level=WARNING, line=line)


def _numbers(value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.detach().cpu()
    return np.asarray(value, dtype=float)
