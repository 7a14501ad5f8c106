"""Whether gradients pass through a draw: those of z = mu + s(head) * noise, for mu and for the head."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.laws.measured_sampler import Array, MeasuredSampler, as_array, ask_draws
from swissroll.exercise.laws.readings import Reading
from swissroll.exercise.laws.sampler_evidence import NAME, failed, held, stopped
from swissroll.exercise.laws.words import number, say_error, sign_of_error
from swissroll.exercise.subject import Subject


def judge_gradients(subject: Subject, measured: MeasuredSampler, reading: Reading, seed: int) -> Evidence:
    """Whether gradients pass through the draw, and are the slopes of the draws.

    Args:
        subject: The solution.
        measured: What its sampler does.
        reading: How it reads the head.
        seed: Of the arguments and of the noise.
    """
    shape = measured.shape
    generator = torch.Generator().manual_seed(seed + 3)
    mu = torch.rand(shape, generator=generator) * 2 - 1
    head = torch.rand(shape, generator=generator) + 0.5
    step = 0.01
    call = {"mu": mu, "head": head, "seed": seed, "cotangent": torch.ones(shape)}
    calls = [call] + [
        {"mu": mu + shift * step, "head": head + turn * step, "seed": seed}
        for shift, turn in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    draws = ask_draws(subject, calls)
    first = draws[0]
    if sign_of_error(first) == "limit":
        return stopped("gradients", first)
    if "error" in first:
        return failed("gradients", f"With gradients, {say_error(NAME, first)}.", ["error-with-gradients"])

    # A gradient of nothing but zeros, such as that of torch.normal, is none.
    arrived = {name: first[f"grad_{name}"] for name in ("mu", "head")}
    missing = [name for name, found in arrived.items() if found is None or not bool(found.any())]
    if missing:
        names = " and ".join("logvar" if name == "head" else name for name in missing)
        sign = "gradient-none" if len(missing) == 2 else f"gradient-none-{missing[0]}"
        return failed("gradients", f"No gradient reaches {names}.", [sign])
    arrays = [as_array(draw, shape) for draw in draws]
    if not measured.repeatable or any(z is None for z in arrays):
        return _judge_by_formula(first, mu.double().numpy(), head.double().numpy(), reading)
    _, up, down, higher, lower = (np.asarray(z) for z in arrays)
    for name, numeric in (("mu", (up - down) / (2 * step)), ("head", (higher - lower) / (2 * step))):
        gradient = first[f"grad_{name}"].double().numpy()
        is_slope = np.allclose(gradient, numeric, rtol=0.03, atol=0.01 + 0.01 * np.abs(numeric).mean())
        if not is_slope and not _is_slope_along(subject, call, name, gradient):
            share = float(np.sum(gradient * numeric) / max(float(np.sum(numeric**2)), 1e-12))
            words = "logvar" if name == "head" else name
            line = f"The gradient that reaches {words} is {number(share)} times the slope of the draws along it."
            return failed("gradients", line, [f"gradient-wrong-{name}"], share=share)
    return held("gradients", "The gradients for mu and logvar are the slopes of the draws.")


def _is_slope_along(subject: Subject, call: dict[str, Any], name: str, gradient: Array) -> bool:
    """Whether the gradient is the slope of the sum of all draws, for a step of each argument in its direction.

    Where a draw depends on several heads, the gradient of one is no slope of one draw: only their sums agree.

    Args:
        subject: The solution.
        call: The arguments, with a seed.
        name: The argument that is moved: "mu" or "head".
        gradient: Of the sum of all draws, for that argument.
    """
    step = 0.01
    direction = torch.from_numpy(np.sign(gradient)).float()
    still = {key: value for key, value in call.items() if key != "cotangent"}
    moved = [{**still, name: call[name] + turn * step * direction} for turn in (1, -1)]
    up, down = (as_array(draw, tuple(call[name].shape)) for draw in ask_draws(subject, moved))
    if up is None or down is None:
        return False
    slope = float((up - down).sum()) / (2 * step)
    return bool(np.isclose(slope, np.abs(gradient).sum(), rtol=0.02))


def _judge_by_formula(draw: dict[str, Any], mu: Array, head: Array, reading: Reading) -> Evidence:
    z = draw["z"].double().numpy()
    step = 1e-4
    slope = (reading.deviation(head + step) - reading.deviation(head - step)) / (2 * step)
    wanted = (z - mu) * slope / reading.deviation(head)
    right = np.allclose(draw["grad_mu"].numpy(), 1, atol=0.01) and np.allclose(
        draw["grad_head"].double().numpy(), wanted, rtol=0.03, atol=0.02
    )
    if right:
        return held("gradients", "The gradient for mu is 1, and that for logvar is the noise times half its deviation.")
    return failed("gradients", "The gradients are not those of mu + std * noise.", ["gradient-wrong-head"])
