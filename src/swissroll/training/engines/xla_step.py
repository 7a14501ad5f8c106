"""What the fast engine compiles: the model, its loss and Adam, written as functions of JAX arrays.

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

from swissroll.config import Activation
from swissroll.model.loss import Loss

Weights = dict[str, Any]
"""JAX arrays by the name that a weight has in the VAE's ``state_dict``."""

BETA_1 = 0.9
"""Decay of Adam's running mean of the gradients; this and the next two are PyTorch's defaults."""
BETA_2 = 0.999
"""Decay of Adam's running mean of their squares."""
EPSILON = 1e-8
"""What Adam adds to the root of that mean."""
DECODER_LOGVAR = "decoder_logvar"
"""Name of the decoder's log-variance, where it is learned."""
LOWER = "fc_lower.weight"
"""Name of the weight that a posterior with a full covariance has beside the others."""
MAX_COLUMN_WIDTH = 128
"""Widest layer up to which a point is a column: narrow networks step faster so, and wide ones slower."""


class Moments(NamedTuple):
    """What steps move: weights and Adam's running means of their gradients and of the squares of these.

    Between calls the first axis of each array is the batch's member.

    Attributes:
        weights: The weights.
        first: Means of the gradients.
        second: Means of their squares.
        tracked: The decoder's log-variance, where it is tracked; else None.
    """

    weights: Weights
    first: Weights
    second: Weights
    tracked: Any = None


class PerStep(NamedTuple):
    """What is the same for all members in a step; between calls the first axis of each array is the step.

    Attributes:
        root: Adam's correction of the root of its mean of squares.
        number: Steps taken, this one included.
    """

    root: Any
    number: Any


@dataclass(frozen=True)
class Program:
    """What a program is compiled for: everything else goes in as arrays.

    Attributes:
        layout: Name and shape of every weight, in the order of the model's parameters.
        depth: Hidden layers in the encoder and as many in the decoder.
        activation: Their nonlinearity.
        loss: The loss; its beta is not used, each step brings its own.
        members: R, runs that are trained together.
    """

    layout: tuple[tuple[str, tuple[int, ...]], ...]
    depth: int
    activation: Activation
    loss: Loss
    members: int

    @property
    def has_columns(self) -> bool:
        """Whether a point is a column inside the program, and not a row."""
        widths = [max(shape, default=1) for name, shape in self.layout if not name.startswith("prior.")]
        return max(widths) <= MAX_COLUMN_WIDTH

    @property
    def n_terms(self) -> int:
        """Numbers in a step's loss terms: loss, squared error, KL, and a decoder's log-variance that training finds."""
        return 4 if DECODER_LOGVAR in dict(self.layout) or self.loss.tracks_variance else 3


@lru_cache(maxsize=64)
def compile_program(jax: ModuleType, program: Program) -> tuple[Any, Any]:
    """The compiled steps and the compiled measurement of all members."""
    over_members = jax.vmap if program.members > 1 else partial(_over_one_member, jax)
    swap_axes = partial(jax.numpy.swapaxes, axis1=0, axis2=1)

    def run_member(
        start: Moments, n: Any, x: Any, eps: Any, rates: Any, betas: Any, shared: PerStep
    ) -> tuple[Moments, Any]:
        def body(i: Any, carry: tuple[Moments, Any]) -> tuple[Moments, Any]:
            state, measured = carry
            of_step = PerStep(shared.root[i], shared.number[i])
            state, terms = _step(jax, program, state, x[i], eps[i], rates[i], betas[i], of_step)
            return state, jax.lax.dynamic_update_index_in_dim(measured, terms, i, 0)

        empty = jax.numpy.zeros((len(x), program.n_terms), dtype=x.dtype)
        after: tuple[Moments, Any] = jax.lax.fori_loop(0, n, body, (start, empty))
        return after

    def run_all(
        moments: Moments, n: Any, x: Any, eps: Any, rates: Any, betas: Any, shared: PerStep
    ) -> tuple[Moments, Any]:
        def member(start: Moments, x: Any, eps: Any, rates: Any, betas: Any) -> tuple[Moments, Any]:
            return run_member(start, n, x, eps, rates, betas, shared)

        # Arrays come with the step first; the loop over steps is inside the one over members.
        drawn = (swap_axes(x), swap_axes(eps))
        schedules = (swap_axes(rates), swap_axes(betas))
        after, measured = over_members(member)(moments, *drawn, *schedules)
        return after, swap_axes(measured)

    def measure(weights: Weights, tracked: Any, x: Any, eps: Any) -> Any:
        terms = _loss_terms(jax, program, weights, x, eps)
        measured = _stack_terms(jax, program, weights, tracked, terms)
        # What the KL counts as is not what it is.
        return jax.numpy.append(measured, terms.counted) if program.loss.free_bits else measured

    return jax.jit(run_all), jax.jit(over_members(measure))


def _over_one_member(jax: ModuleType, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of members from one of a single member: batched products of one are slower than plain ones."""

    def over_members(*arguments: Any) -> Any:
        result = function(*jax.tree.map(lambda a: a[0], arguments))
        return jax.tree.map(lambda a: a[None], result)

    return over_members


def _step(
    jax: ModuleType, program: Program, state: Moments, x: Any, eps: Any, rate: Any, beta: Any, shared: PerStep
) -> tuple[Moments, Any]:  # fmt: skip
    """One step of Adam for one member: points (B, D), noise (B, L); rate and root hold Adam's corrections.

    Source: Kingma and Ba (2015), "Adam", algorithm 1, with its last lines rearranged as in PyTorch.
    """

    def total_loss(weights: Weights) -> tuple[Any, Any]:
        terms = _loss_terms(jax, program, weights, x, eps)
        learned = weights.get(DECODER_LOGVAR)
        total = program.loss.value(terms.mse, terms.counted, learned, beta=beta, library=jax.numpy)
        return total, (terms.mse, _stack_terms(jax, program, weights, state.tracked, terms, total))

    if program.loss.max_error is not None:
        beta = program.loss.beta_at(state.tracked, jax.numpy)
    gradient, (mse, measured) = jax.grad(total_loss, has_aux=True)(state.weights)

    # m <- m + (1 - beta_1) (g - m)
    first = jax.tree.map(lambda m, g: m + (1 - BETA_1) * (g - m), state.first, gradient)
    # v <- beta_2 v + (1 - beta_2) g^2
    second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, state.second, gradient)
    # w <- w - rate m / (sqrt(v) / sqrt(1 - beta_2^t) + epsilon), with rate = lr / (1 - beta_1^t)
    weights = jax.tree.map(
        lambda w, m, v: w - rate * m / (jax.numpy.sqrt(v) * shared.root + EPSILON), state.weights, first, second
    )

    tracked = None
    if program.loss.tracks_variance:
        tracked = program.loss.next_logvar(state.tracked, mse, shared.number, jax.numpy)
    return Moments(weights, first, second, tracked), measured


class Averages(NamedTuple):
    """What a loss is made of; scalars.

    Attributes:
        mse: Squared error averaged over points and dimensions.
        kl: KL term averaged over points and latent dimensions.
        counted: The same as it counts in the loss.
    """

    mse: Any
    kl: Any
    counted: Any


def _stack_terms(
    jax: ModuleType, program: Program, weights: Weights, tracked: Any, terms: Averages, *total: Any
) -> Any:  # fmt: skip
    """The loss where it is given, squared error, KL, and the decoder's log-variance where training finds it."""
    logvar = program.loss.logvar_of(terms.mse, weights.get(DECODER_LOGVAR), tracked, jax.numpy)
    return jax.numpy.stack([*total, terms.mse, terms.kl, *([] if logvar is None else [logvar])])


def _loss_terms(jax: ModuleType, program: Program, weights: Weights, x: Any, eps: Any) -> Averages:
    """Squared error and KL of points (B, D) with latent noise (B, L), each averaged; as ``Loss.evaluate`` has them."""
    jnp = jax.numpy
    linear = partial(_apply_linear, program, weights)
    activation = {"tanh": jnp.tanh}.get(program.activation) or getattr(jax.nn, program.activation)
    coordinates = -2 if program.has_columns else -1
    if program.has_columns:
        x = x.T
        eps = eps.T

    # q(z|x) = N(mu, diag exp(logvar))
    h = x
    for layer in range(program.depth):
        h = activation(linear(f"encoder.{2 * layer}", h))
    mu = linear("fc_mu", h)
    logvar = linear("fc_logvar", h)

    # z = mu + s (I + U) eps, with s = exp(logvar / 2) and, where the covariance is diagonal, U = 0
    mixed = eps
    spread: Any = 1.0
    if LOWER in weights:
        mixed, spread = _mix(jnp, linear("fc_lower", h), eps, coordinates)
    z = mu + jnp.exp(0.5 * logvar) * mixed

    # |x - decode(z)|^2 / D, averaged over points
    h = z
    for layer in range(program.depth):
        h = activation(linear(f"decoder.{2 * layer}", h))
    mse = jnp.mean((linear(f"decoder.{2 * program.depth}", h) - x) ** 2)

    if "prior.means" not in weights:
        # KL from N(0, I), in closed form and averaged over latent dimensions.
        kl = -0.5 * jnp.mean(1 + logvar - mu**2 - spread * jnp.exp(logvar))
        if not program.loss.free_bits:
            return Averages(mse, kl, kl)
        if LOWER in weights:
            return Averages(mse, kl, jnp.maximum(kl, program.loss.free_bits))
        of_dimensions = 0.5 * jnp.mean(mu**2 + jnp.exp(logvar) - 1 - logvar, axis=-3 - coordinates)
        return Averages(mse, kl, jnp.mean(jnp.maximum(of_dimensions, program.loss.free_bits)))

    if LOWER in weights:
        # C^-1 (z - mu) = eps, and det C is the product of s.
        log_q = -0.5 * (eps**2 + logvar + math.log(2 * math.pi)).sum(axis=coordinates)
    else:
        log_q = _log_normal(jnp, z, mu, logvar, coordinates)
    log_p = _log_mixture(jax, weights, z, coordinates)
    kl = jnp.mean(log_q - log_p) / program.loss.latent_dim
    return Averages(mse, kl, jnp.maximum(kl, program.loss.free_bits) if program.loss.free_bits else kl)


def _mix(jnp: ModuleType, lower: Any, eps: Any, coordinates: int) -> tuple[Any, Any]:
    """(I + U) eps and the sums of squares of the rows of I + U, both of the shape of eps, from the entries of U.

    As :meth:`swissroll.model.posterior.Posterior.full` has them: U row by row.
    """
    rows = jnp.moveaxis(eps, coordinates, 0)
    entries = iter(jnp.moveaxis(lower, coordinates, 0))
    mixed = []
    spread = []
    for row in range(len(rows)):
        of_row = [next(entries) for _ in range(row)]
        mixed.append(rows[row] + sum(entry * rows[k] for k, entry in enumerate(of_row)))
        spread.append(1.0 + sum((entry**2 for entry in of_row), jnp.zeros_like(rows[row])))
    return jnp.stack(mixed, axis=coordinates), jnp.stack(spread, axis=coordinates)


def _log_mixture(jax: ModuleType, weights: Weights, z: Any, coordinates: int) -> Any:
    """Log density of the mixture prior: log sum_k w_k N(z; m_k, diag s_k^2)."""
    # Components are the first axis, before points and coordinates in whichever order these come.
    points = -3 - coordinates
    means = jax.numpy.expand_dims(weights["prior.means"], points)
    logvars = jax.numpy.expand_dims(weights["prior.logvars"], points)
    log_weights = jax.nn.log_softmax(weights["prior.logits"])[:, None]
    densities = _log_normal(jax.numpy, z, means, logvars, coordinates)
    return jax.nn.logsumexp(densities + log_weights, axis=0)


def _apply_linear(program: Program, weights: Weights, name: str, h: Any) -> Any:
    weight = weights[f"{name}.weight"]
    bias = weights[f"{name}.bias"]
    if program.has_columns:
        return weight @ h + bias[:, None]
    return h @ weight.T + bias


def _log_normal(jnp: ModuleType, z: Any, mu: Any, logvar: Any, coordinates: int) -> Any:
    """Log density of N(mu, exp(logvar)), summed over coordinates, which are that axis; arguments broadcast."""
    scaled = (z - mu) ** 2 * jnp.exp(-logvar)
    return -0.5 * (scaled + logvar + math.log(2 * math.pi)).sum(axis=coordinates)
