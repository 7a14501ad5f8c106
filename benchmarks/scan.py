"""The same training by hand in JAX: init, loss, Adam and a scan, as a good user of JAX would write it.

The points and the noise of a chunk are drawn ahead of its scan, or a step at a time inside it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, random

from benchmarks.shapes import BETA, LR, layers

CHUNK = 100


def init(key: Any, width: int) -> list[tuple[Any, Any]]:
    """Weights (I, O) and biases (O,) of every layer, with PyTorch's default initialisation."""
    params = []
    for (inputs, outputs), k in zip(layers(width), random.split(key, len(layers(width))), strict=True):
        bound = 1 / math.sqrt(inputs)
        kw, kb = random.split(k)
        params.append(
            (random.uniform(kw, (inputs, outputs), minval=-bound, maxval=bound),
             random.uniform(kb, (outputs,), minval=-bound, maxval=bound))
        )  # fmt: skip
    return params


def points(u: Any) -> Any:
    """The roll at u, uniform on [0, 1), shape (..., 2)."""
    t = 1.5 * jnp.pi * (1 + 2 * u)
    return jnp.stack([t * jnp.cos(t), t * jnp.sin(t)], axis=-1) / 15.0


def loss(params: list[tuple[Any, Any]], x: Any, eps: Any) -> Any:
    """The notebook's loss."""
    h = x
    for w, b in params[:3]:
        h = jax.nn.relu(h @ w + b)
    (w_mu, b_mu), (w_logvar, b_logvar) = params[3:5]
    mu, logvar = h @ w_mu + b_mu, h @ w_logvar + b_logvar
    h = mu + eps * jnp.exp(0.5 * logvar)
    for w, b in params[5:8]:
        h = jax.nn.relu(h @ w + b)
    recon_x = h @ params[8][0] + params[8][1]
    kl = -0.5 * jnp.mean(1 + logvar - mu**2 - jnp.exp(logvar))
    return jnp.mean((recon_x - x) ** 2) + BETA * kl


def start(params: Any) -> tuple[Any, Any, Any, Any]:
    """The state before any step: weights, Adam's two moments, and the number of steps."""
    zeros = jax.tree.map(jnp.zeros_like, params)
    return params, zeros, jax.tree.map(jnp.zeros_like, params), jnp.zeros(())


def step(state: tuple[Any, Any, Any, Any], drawn: tuple[Any, Any]) -> tuple[Any, Any]:
    """One step of Adam on points (B, 2) with noise (B, 2)."""
    params, m, v, t = state
    value, grads = jax.value_and_grad(loss)(params, *drawn)
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
    rate, scale = LR / (1 - 0.9**t), 1 / (1 - 0.999**t)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v * scale) + 1e-8), params, m, v)
    return (params, m, v, t), value


def draw(key: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Points and noise, each of shape (*shape, 2)."""
    ku, ke = random.split(key)
    return points(random.uniform(ku, shape)), random.normal(ke, (*shape, 2))


def chunk_ahead(state: Any, key: Any, batch: int) -> tuple[Any, Any]:
    """CHUNK steps, all their points and noise drawn first; returns the losses too."""
    return lax.scan(step, state, draw(key, (CHUNK, batch)))


def chunk_inside(state: Any, key: Any, batch: int) -> tuple[Any, Any]:
    """CHUNK steps, each of which draws its own points and noise."""
    return lax.scan(lambda s, k: step(s, draw(k, (batch,))), state, random.split(key, CHUNK))


class Scan:
    """A training that goes on chunk by chunk and reads the losses of each."""

    def __init__(self, width: int, batch: int, *, ahead: bool) -> None:
        self.chunk = jax.jit(partial(chunk_ahead if ahead else chunk_inside, batch=batch), donate_argnums=0)
        self.key, first = random.split(random.key(0))
        self.state = start(init(first, width))

    def run(self, steps: int) -> list[float]:
        """Take steps, a multiple of CHUNK; returns their losses."""
        losses: list[float] = []
        for _ in range(steps // CHUNK):
            self.key, key = random.split(self.key)
            self.state, values = self.chunk(self.state, key)
            losses += values.tolist()
        return losses
