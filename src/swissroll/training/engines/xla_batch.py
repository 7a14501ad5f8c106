"""Runs of one shape as members of one batch, whose steps JAX takes, many in one compiled loop.

All that steps draw comes from the runs' own sources of randomness, as with the reference engine: the same seed gives
the same run on both but for rounding, and a state of one continues on the other.

The members are vectorised with ``vmap``. What differs between them (initial weights, draws, learning rate, beta) goes
in as arrays, so that one program, compiled once, serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swissroll.config import Config
from swissroll.data import Distribution
from swissroll.model.loss import Loss
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng
from swissroll.training.engines.engine import State
from swissroll.training.engines.jax_start import find_device, import_jax, ordinary_jax
from swissroll.training.engines.xla_step import BETA_1, BETA_2, Moments, PerStep, Program, Weights, compile_program
from swissroll.training.sampler import Sampler

Array = NDArray[Any]
TRACKED = "tracked_logvar"
"""Name of the decoder's log-variance, where it is tracked, in a VAE's ``state_dict``."""


class Chunk(NamedTuple):
    """Steps under way: what the device will have computed when they are done."""

    n: int
    moments: Moments
    measured: Any
    held_out: Any
    generators: list[State]


class XlaBatch:
    """Runs of one shape that are trained side by side, and the steps that move them.

    Args:
        models: One VAE per member, of one shape, on the CPU, with their initial weights.
        configs: Their settings, which share a shape; they differ in seed, learning rate and beta alone.
        loss: The loss that they share, but for its beta.
        schedule: Maps a config and the steps already taken to the next step's learning rate and beta.
        held_out: Points to measure on, one tensor per member, each of shape (N, D).
        distributions: What the points of each member come from; equal seeds have equal ones.
        is_due: Whether the held-out points will be measured after a step; then that is begun in the background.
        max_chunk: Most steps in one call of :meth:`run_steps`.

    Raises:
        ValueError: JAX is not installed.
    """

    def __init__(
        self,
        models: Sequence[VAE],
        configs: Sequence[Config],
        *,
        loss: Loss,
        schedule: Callable[[Config, int], tuple[float, float]],
        held_out: Sequence[Tensor],
        distributions: Sequence[Distribution],
        is_due: Callable[[int], bool] = lambda _: False,
        max_chunk: int = 100,
    ) -> None:
        first = configs[0]
        self.jax = import_jax(first.threads)
        self.configs = list(configs)
        self.schedule = schedule
        self.is_due = is_due
        self.max_chunk = max_chunk
        self.steps_taken = 0
        self.loss = loss
        self.device = find_device(self.jax, first.device)

        parameters = [dict(model.named_parameters()) for model in models]
        self.dtype = models[0].dtype
        self.program = Program(
            layout=tuple((name, tuple(p.shape)) for name, p in parameters[0].items()),
            depth=first.depth,
            activation=first.activation,
            # Each step brings its own beta: one program serves all.
            loss=replace(loss, beta=0.0),
            members=len(models),
        )

        # Members of one seed share their draws, as runs of one seed do.
        seeds = list(dict.fromkeys(config.seed for config in configs))
        self.seed_index = np.array([seeds.index(config.seed) for config in configs])
        firsts = [list(self.seed_index).index(i) for i in range(len(seeds))]
        self.samplers = [Sampler(configs[i], distribution=distributions[i]) for i in firsts]

        self.held_out = self._put(torch.stack(list(held_out)))
        self.held_out_noise = self._put(self._draw_held_out_noise(len(held_out[0])))

        self.moments: Moments
        self.ahead: Chunk | None
        weights = {name: self._put(torch.stack([p[name] for p in parameters])) for name, _ in self.program.layout}
        first_means, second_means = self._no_means()
        tracked = self._stack_tracked([model.tracked_logvar for model in models])
        self._start_from(Moments(weights, first_means, second_means, tracked))

    def run_steps(self, n: int, *, prefetch: int = 0) -> Array:
        """Take n steps of all members and begin those of the next call.

        Returns:
            The :class:`LossTerms` of each step and member before its update, shape (n, R, 3) or (n, R, 4).
        """
        chunk = self.ahead
        if chunk is None or chunk.n != n:
            self._rewind()
            chunk = self._begin_chunk(n, self.moments, self.steps_taken)
        self.ahead = self._begin_chunk(prefetch, chunk.moments, self.steps_taken + n) if prefetch else None

        # Waits for the device.
        measured: Array = np.asarray(chunk.measured)[:n]

        self.moments = chunk.moments
        self.measured_held_out = chunk.held_out
        self.generators = chunk.generators
        self.steps_taken += n
        return measured

    def measure(self) -> Array:
        """The loss terms of each member's held-out points, shape (R, 3) or (R, 4)."""
        if self.measured_held_out is None:
            self.measured_held_out = self._measure(self.moments)
        measured = torch.from_numpy(np.array(self.measured_held_out, dtype=np.float64))
        if self.loss.free_bits:
            *columns, counted = measured.T
        else:
            columns = list(measured.T)
            counted = columns[1]
        mse, _, *logvar = columns

        # The program leaves the loss out: it does not know the members' betas.
        beta = torch.tensor([config.beta for config in self.configs], dtype=torch.float64)
        if self.loss.max_error is not None:
            beta = self.loss.beta_at(logvar.pop())
        loss = self.loss.value(mse, counted, *logvar, beta=beta)
        terms: Array = torch.column_stack([loss, *columns]).numpy()
        return terms

    def finite_members(self) -> Array:
        """Whether every weight of a member is a finite number, shape (R,)."""
        weights = map(np.asarray, self.moments.weights.values())
        finite = [np.isfinite(values.reshape(self.program.members, -1)).all(axis=1) for values in weights]
        in_all: Array = np.logical_and.reduce(finite)
        return in_all

    def weights(self, member: int = 0) -> State:
        """A copy of a member's weights, on the CPU, with the decoder's log-variance where it is tracked."""
        return self._of_member(self.moments.weights, member) | self._tracked_of(member)

    def load_weights(self, weights: Sequence[State]) -> None:
        """Take other weights of each member; all else stays, but for steps that were begun ahead."""
        self._rewind()
        names = [name for name, _ in self.program.layout]
        stacked = {name: self._put(torch.stack([of_member[name] for of_member in weights])) for name in names}
        tracked = self._stack_tracked([of_member.get(TRACKED) for of_member in weights])
        self.moments = self.moments._replace(weights=stacked, tracked=tracked)
        self.measured_held_out = None

    def state(self, member: int = 0) -> State:
        """A copy of all that a member's next steps depend on, as the reference engine has it."""
        state = {f"model.{name}": value for name, value in self.weights(member).items()}

        if self.steps_taken:
            for kind, values in (("exp_avg", self.moments.first), ("exp_avg_sq", self.moments.second)):
                for index, value in enumerate(self._of_member(values, member).values()):
                    state[f"optimizer.{index}.{kind}"] = value
            for index in range(len(self.program.layout)):
                state[f"optimizer.{index}.step"] = torch.tensor(float(self.steps_taken))

        generators = self.generators[self.seed_index[member]]
        return state | {f"generator.{name}": value.clone() for name, value in generators.items()}

    def load_state(self, state: State, step: int) -> None:
        """Go to a state of a batch's only member, taken after ``step`` steps.

        Raises:
            KeyError: The state lacks something.
            RuntimeError: Something in it does not fit.
        """
        weights = self._read_weights(state, [f"model.{name}" for name, _ in self.program.layout])
        first_means, second_means = self._no_means()
        if step:
            parameters = range(len(self.program.layout))
            first_means, second_means = (
                self._read_weights(state, [f"optimizer.{index}.{kind}" for index in parameters])
                for kind in ("exp_avg", "exp_avg_sq")
            )
        for name, generator in self.samplers[0].generators.items():
            generator.set_state(state[f"generator.{name}"])
        tracked = self._stack_tracked([state[f"model.{TRACKED}"]]) if self.loss.tracks_variance else None
        self._start_from(Moments(weights, first_means, second_means, tracked))
        self.steps_taken = step

    def _start_from(self, moments: Moments) -> None:
        self.moments = moments
        self.measured_held_out = None
        self.ahead = None
        self.generators = [_generator_states(sampler) for sampler in self.samplers]

    def _rewind(self) -> None:
        """Drop a chunk that nobody asked for, and what was drawn for it."""
        if self.ahead is not None:
            for sampler, states in zip(self.samplers, self.generators, strict=True):
                for name, state in states.items():
                    sampler.generators[name].set_state(state)
        self.ahead = None

    def _begin_chunk(self, n: int, moments: Moments, done: int) -> Chunk:
        x, eps = self._draw(n)
        lr, beta = self._schedules(n, done)

        # Adam's corrections for its means' start at zero, in double precision as PyTorch has them.
        step = done + 1 + np.arange(self.max_chunk)
        rates = lr / (1 - BETA_1**step)[:, None]
        roots = 1 / np.sqrt(1 - BETA_2**step)

        run, _ = compile_program(self.jax, self.program)
        drawn = (self._pad(x, n), self._pad(eps, n))
        rates, betas, roots, numbers = (self._put(torch.from_numpy(values)) for values in (rates, beta, roots, step))
        with ordinary_jax(self.jax):
            after, measured = run(moments, n, *drawn, rates, betas, PerStep(roots, numbers))

        held_out = self._measure(after) if self.is_due(done + n) else None
        generators = [_generator_states(sampler) for sampler in self.samplers]
        return Chunk(n, after, measured, held_out, generators)

    def _draw(self, n: int) -> tuple[Tensor, Tensor]:
        """Batches and latent noise of n steps, shapes (n, R, B, D) and (n, R, B, L)."""
        x = torch.stack([sampler.draw_points(n) for sampler in self.samplers], dim=1)
        eps = torch.stack([sampler.draw_latent_noise(n) for sampler in self.samplers], dim=1)
        if self.program.members == 1:
            return x, eps
        return x[:, self.seed_index], eps[:, self.seed_index]

    def _pad(self, drawn: Tensor, n: int) -> Any:
        """Steps, shape (n, ...), as the program takes them: always as many, of which it reads the first n."""
        full = drawn.new_empty(self.max_chunk, *drawn.shape[1:])
        full[:n] = drawn
        return self._put(full)

    def _schedules(self, n: int, done: int) -> tuple[Array, Array]:
        """Learning rate and beta of each step and member, each of shape (max_chunk, R)."""
        values = np.zeros((2, self.max_chunk, self.program.members))
        for member, config in enumerate(self.configs):
            for i in range(n):
                values[:, i, member] = self.schedule(config, done + i)
        return values[0], values[1]

    def _measure(self, moments: Moments) -> Any:
        _, measure = compile_program(self.jax, self.program)
        with ordinary_jax(self.jax):
            return measure(moments.weights, moments.tracked, self.held_out, self.held_out_noise)

    def _draw_held_out_noise(self, n: int) -> Tensor:
        shape = (n, self.loss.latent_dim)
        generators = [rng.generator(config.seed, "evaluation noise") for config in self.configs]
        return torch.stack([torch.randn(shape, generator=generator) for generator in generators])

    def _put(self, values: Tensor) -> Any:
        return self.jax.device_put(values.detach().to(self.dtype).numpy(), self.device)

    def _stack_tracked(self, values: Sequence[Tensor | None]) -> Any:
        """The members' tracked log-variances, shape (R,); None where the loss tracks none."""
        if not self.loss.tracks_variance:
            return None
        return self._put(torch.stack([value for value in values if value is not None]))

    def _tracked_of(self, member: int) -> State:
        """A copy of the log-variance that a member tracks, by its name; empty where the loss tracks none."""
        tracked = self.moments.tracked
        return {} if tracked is None else {TRACKED: torch.tensor(np.asarray(tracked)[member])}

    def _no_means(self) -> list[Weights]:
        """Adam's two running means before any step; made here, as JAX would compile a program for each shape."""

        def zeros(shape: tuple[int, ...]) -> Any:
            return self._put(torch.zeros(self.program.members, *shape))

        return [{name: zeros(shape) for name, shape in self.program.layout} for _ in range(2)]

    def _read_weights(self, state: State, keys: list[str]) -> Weights:
        """The values under these keys, one per weight, as the only member's."""
        values = [state[key] for key in keys]
        if [tuple(value.shape) for value in values] != [shape for _, shape in self.program.layout]:
            raise RuntimeError("The state's shapes are not this engine's.")
        names = [name for name, _ in self.program.layout]
        return {name: self._put(torch.stack([value])) for name, value in zip(names, values, strict=True)}

    def _of_member(self, values: Weights, member: int) -> State:
        """A copy of a member's values, in the order of the model's parameters."""
        # Indexed here: on the device it would wait for the chunk that is under way.
        return {name: torch.from_numpy(np.array(np.asarray(values[name])[member])) for name, _ in self.program.layout}


def _generator_states(sampler: Sampler) -> State:
    return {name: generator.get_state() for name, generator in sampler.generators.items()}
