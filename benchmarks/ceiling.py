"""How fast this machine multiplies float32 matrices: large ones, and those of a training step with nothing between."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from benchmarks.shapes import layers

LARGE = 1536
LARGE_FLOPS = 2 * LARGE**3
SCANNED = 10


def large_torch(repeats: int) -> float:
    """Seconds of so many large products in PyTorch."""
    import torch

    a, b = torch.randn(2, LARGE, LARGE)
    out = torch.empty_like(a)
    start = perf_counter()
    for _ in range(repeats):
        torch.mm(a, b, out=out)
    return perf_counter() - start


def large_jax() -> Callable[[int], float]:
    """Make a function as :func:`large_torch`, in JAX."""
    import jax

    a, b = jax.random.normal(jax.random.key(0), (2, LARGE, LARGE))
    product = jax.jit(lambda a, b: a @ b)

    def run(repeats: int) -> float:
        start = perf_counter()
        for _ in range(repeats):
            product(a, b).block_until_ready()
        return perf_counter() - start

    return run


def step_torch(width: int, batch: int) -> Callable[[int], float]:
    """Make a function that gives the seconds of so many steps' matrix products, in PyTorch."""
    import torch

    weights = [torch.randn(i, o) / i**0.5 for i, o in layers(width)]
    inputs = [torch.randn(batch, i) for i, _ in layers(width)]
    outputs = [torch.randn(batch, o) for _, o in layers(width)]
    d_weights, d_inputs = [torch.empty_like(w) for w in weights], [torch.empty_like(x) for x in inputs]

    def run(steps: int) -> float:
        start = perf_counter()
        for _ in range(steps):
            for index, (x, w, y, dw, dx) in enumerate(zip(inputs, weights, outputs, d_weights, d_inputs, strict=True)):
                torch.mm(x, w, out=y)
                torch.mm(x.T, y, out=dw)
                if index:
                    torch.mm(y, w.T, out=dx)
        return perf_counter() - start

    return run


def step_jax(width: int, batch: int) -> Callable[[int], float]:
    """As :func:`step_torch`, in JAX: a scan whose every product depends on the step's points and is kept."""
    import jax
    import jax.numpy as jnp

    weights = [jax.random.normal(jax.random.key(k), shape) / shape[0] ** 0.5 for k, shape in enumerate(layers(width))]
    points = jax.random.normal(jax.random.key(99), (SCANNED, batch, 2))

    def step(_: list[Any], x: Any) -> tuple[list[Any], None]:
        inputs: list[Any] = []
        h = x
        for w in weights[:3]:
            inputs, h = [*inputs, h], h @ w
        inputs, h = [*inputs, h, h], h @ weights[3] + h @ weights[4]
        for w in weights[5:]:
            inputs, h = [*inputs, h], h @ w
        gradients: dict[int, Any] = {}
        g = h
        for index in (8, 7, 6, 5):
            gradients[index], g = inputs[index].T @ g, g @ weights[index].T
        gradients[4], gradients[3] = inputs[4].T @ g, inputs[3].T @ (0.5 * g)
        g = g @ weights[4].T + (0.5 * g) @ weights[3].T
        for index in (2, 1):
            gradients[index], g = inputs[index].T @ g, g @ weights[index].T
        gradients[0] = inputs[0].T @ g
        return [gradients[index] for index in range(len(weights))], None

    scan = jax.jit(lambda kept: jax.lax.scan(step, kept, points)[0])
    state = {"kept": [jnp.zeros_like(w) for w in weights]}

    def run(steps: int) -> float:
        start = perf_counter()
        for _ in range(steps // SCANNED):
            state["kept"] = scan(state["kept"])
        jax.block_until_ready(state["kept"])
        return perf_counter() - start

    return run
