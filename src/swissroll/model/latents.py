"""Draws from q(z|x) by a model's own ``reparameterize``, from a source of randomness that the caller names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Generator, Tensor


class Reparameterizes(Protocol):
    """A model that draws its own latents, with a keyword ``generator`` or, as in the notebook, without one."""

    @property
    def reparameterize(self) -> Callable[..., Any]: ...  # noqa: D102


def draw_latents(model: Reparameterizes, mu: Tensor, logvar: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Draw z ~ N(mu, exp(logvar)) as the model does, so that gradients reach mu and logvar.

    Args:
        model: Its ``reparameterize(mu, logvar)`` need not take a generator.
        mu: Means, shape (B, L).
        logvar: Log-variances, shape (B, L).
        generator: Source of the noise; PyTorch's global one by default.

    Returns:
        One latent per point, shape (B, L).
    """
    drawn: Tensor
    if generator is None:
        drawn = model.reparameterize(mu, logvar)
    elif takes_generator(model.reparameterize):
        drawn = model.reparameterize(mu, logvar, generator=generator)
    else:
        with lend_to_global(generator):
            drawn = model.reparameterize(mu, logvar)
    return drawn


def takes_generator(function: Callable[..., Any]) -> bool:
    """Whether a function has a parameter ``generator``, or takes any keyword."""
    # It is asked at each step of a training. A method is bound anew each time; the function behind it is kept.
    if inspect.ismethod(function):
        return _has_generator_of(function.__func__)
    return _has_generator(function)


def _has_generator(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == "generator" or p.kind is p.VAR_KEYWORD for p in parameters)


_has_generator_of = lru_cache(maxsize=64)(_has_generator)


@contextmanager
def lend_to_global(generator: Generator) -> Iterator[None]:
    """PyTorch's global generator draws what this one would, which moves on by it; the global one is left as it was."""
    device = generator.device
    with torch.random.fork_rng([device.index or 0] if device.type == "cuda" else []):
        source = torch.default_generator
        if device.type == "cuda":
            source = torch.cuda.default_generators[device.index or 0]
        source.set_state(generator.get_state())
        yield
        generator.set_state(source.get_state())
