"""The program that the fast engine compiles: the model, its loss and Adam, written as functions of arrays.

They are the formulas of :mod:`swissroll.model` once more, as JAX differentiates them; the tests hold both to the same
numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from types import ModuleType
from typing import Any, NamedTuple

from swissroll.config import Activation, Reduction
from swissroll.model.loss import combine

Weights = dict[str, Any]
"""JAX arrays by the name that a weight has in the VAE's ``state_dict``."""

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's constants, PyTorch's defaults."""
VARIANCE = "decoder_logvar"
NARROW = 128
"""Widest layer up to which a point is a column: narrow networks step faster so, and wide ones slower."""


class Moments(NamedTuple):
    """What Adam moves: weights and the running means of their gradients and of the squares of these.

    Between calls the first axis of each array is the lane.
    """

    weights: Weights
    first: Weights
    second: Weights


@dataclass(frozen=True)
class Shape:
    """What a program is compiled for: everything else goes in as arrays.

    Attributes:
        layout: Name and shape of every weight, in the order of the model's parameters.
        depth: Hidden layers in the encoder and as many in the decoder.
        activation: Their nonlinearity.
        reduction: The loss's convention.
        dims: D and L.
        lanes: R, runs that are trained together.
    """

    layout: tuple[tuple[str, tuple[int, ...]], ...]
    depth: int
    activation: Activation
    reduction: Reduction
    dims: tuple[int, int]
    lanes: int

    @property
    def columns(self) -> bool:
        """Whether a point is a column inside the program, and not a row."""
        return max(max(shape, default=1) for name, shape in self.layout if not name.startswith("prior.")) <= NARROW

    @property
    def told(self) -> int:
        """Numbers in a step's row: loss, squared error, KL, and the decoder's log-variance where it is learned."""
        return 4 if VARIANCE in dict(self.layout) else 3


@lru_cache(maxsize=64)
def compiled(jax: ModuleType, shape: Shape) -> tuple[Any, Any]:
    """The compiled steps and the compiled measurement of all lanes."""
    lift = jax.vmap if shape.lanes > 1 else partial(_single, jax)
    swap = partial(jax.numpy.swapaxes, axis1=0, axis2=1)

    def advance(moments: Moments, n: Any, x: Any, eps: Any, rates: Any, betas: Any, roots: Any) -> tuple[Moments, Any]:
        def lane(start: Moments, x: Any, eps: Any, rates: Any, betas: Any) -> tuple[Moments, Any]:
            def body(i: Any, carry: tuple[Moments, Any]) -> tuple[Moments, Any]:
                state, measured = carry
                state, row = _step(jax, shape, state, x[i], eps[i], rates[i], betas[i], roots[i])
                return state, jax.lax.dynamic_update_index_in_dim(measured, row, i, 0)

            empty = jax.numpy.zeros((len(x), shape.told), dtype=x.dtype)
            after: tuple[Moments, Any] = jax.lax.fori_loop(0, n, body, (start, empty))
            return after

        after, measured = lift(lane)(moments, swap(x), swap(eps), swap(rates), swap(betas))
        return after, swap(measured)

    def terms(weights: Weights, x: Any, eps: Any) -> Any:
        return _told(jax, weights, *_terms(jax, shape, weights, x, eps))

    return jax.jit(advance), jax.jit(lift(terms))


def _single(jax: ModuleType, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of lanes from one of a single lane: batched products of one are slower than plain ones."""

    def lifted(*lanes: Any) -> Any:
        result = function(*jax.tree.map(lambda a: a[0], lanes))
        return jax.tree.map(lambda a: a[None], result)

    return lifted


def _step(
    jax: ModuleType, shape: Shape, state: Moments, x: Any, eps: Any, rate: Any, beta: Any, root: Any
) -> tuple[Moments, Any]:  # fmt: skip
    """One step of Adam for one lane: points (B, D), noise (B, L); rate and root hold Adam's corrections.

    Source: Kingma and Ba (2015), "Adam", algorithm 1, with its last lines rearranged as in PyTorch.
    """

    def loss(weights: Weights) -> tuple[Any, Any]:
        mse, kl = _terms(jax, shape, weights, x, eps)
        total = combine(_error(jax, weights, mse), kl, beta=beta, reduction=shape.reduction, dims=shape.dims)
        return total, _told(jax, weights, total, mse, kl)

    weights, first, second = state
    gradient, row = jax.grad(loss, has_aux=True)(weights)
    first = jax.tree.map(lambda m, g: m + (1 - BETA_1) * (g - m), first, gradient)
    second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, second, gradient)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jax.numpy.sqrt(v) * root + EPSILON), weights, first, second)
    return Moments(weights, first, second), row


def _error(jax: ModuleType, weights: Weights, mse: Any) -> Any:
    """What the loss has for its squared error, as the reference's loss_row."""
    if VARIANCE not in weights:
        return mse
    logvar = weights[VARIANCE]
    return 0.5 * (mse * jax.numpy.exp(-logvar) + logvar + math.log(2 * math.pi))


def _told(jax: ModuleType, weights: Weights, *terms: Any) -> Any:
    """Terms in a row, and the decoder's log-variance where it is learned."""
    learned = (weights[VARIANCE],) if VARIANCE in weights else ()
    return jax.numpy.stack([*terms, *learned])


def _terms(jax: ModuleType, shape: Shape, weights: Weights, x: Any, eps: Any) -> tuple[Any, Any]:
    """Squared error and KL of points (B, D) with latent noise (B, L), each averaged; as the reference's loss_terms."""
    np_, linear, dims = jax.numpy, partial(_linear, shape, weights), -2 if shape.columns else -1
    if shape.columns:
        x, eps = x.T, eps.T
    activation = {"tanh": np_.tanh}.get(shape.activation) or getattr(jax.nn, shape.activation)
    h = x
    for layer in range(shape.depth):
        h = activation(linear(f"encoder.{2 * layer}", h))
    mu, logvar = linear("fc_mu", h), linear("fc_logvar", h)
    z = h = mu + np_.exp(0.5 * logvar) * eps
    for layer in range(shape.depth):
        h = activation(linear(f"decoder.{2 * layer}", h))
    mse = np_.mean((linear(f"decoder.{2 * shape.depth}", h) - x) ** 2)
    if "prior.means" not in weights:
        return mse, -0.5 * np_.mean(1 + logvar - mu**2 - np_.exp(logvar))
    means, logvars = (np_.expand_dims(weights[f"prior.{name}"], -3 - dims) for name in ("means", "logvars"))
    logits = jax.nn.log_softmax(weights["prior.logits"])[:, None]
    log_prior = jax.nn.logsumexp(_log_normal(np_, z, means, logvars, dims) + logits, axis=0)
    return mse, np_.mean(_log_normal(np_, z, mu, logvar, dims) - log_prior) / shape.dims[1]


def _linear(shape: Shape, weights: Weights, name: str, h: Any) -> Any:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return weight @ h + bias[:, None] if shape.columns else h @ weight.T + bias


def _log_normal(np_: ModuleType, z: Any, mu: Any, logvar: Any, dims: int) -> Any:
    """Log density of N(mu, exp(logvar)), summed over dimensions, which are the axis ``dims``; arguments broadcast."""
    return -0.5 * ((z - mu) ** 2 * np_.exp(-logvar) + logvar + math.log(2 * math.pi)).sum(axis=dims)
