"""The fast engine: the same steps in JAX, many in one compiled loop, for one run or for several of one shape.

All that steps draw comes from the runs' own streams, as with the reference engine: the same seed gives the same run on
both but for rounding, and a state of one continues on the other.

Runs that share a shape are lanes of one program, vectorised with ``vmap``. What differs between them (initial weights,
draws, learning rate, beta) goes in as arrays, so that one program, compiled once, serves them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from swissroll import rng
from swissroll.config import Config
from swissroll.model.loss import combine, mean_distortion
from swissroll.model.vae import VAE
from swissroll.training.engines.engine import State
from swissroll.training.engines.xla_step import BETA_1, BETA_2, Moments, Shape, Weights, compiled
from swissroll.training.sampler import Sampler

Array = NDArray[Any]


def import_jax(threads: int | None = None) -> ModuleType:
    """JAX, started with this many CPU threads, its compiled programs kept on disk.

    The number of threads is decided once a process, by the first call.

    Raises:
        ValueError: JAX is not installed.
    """
    try:
        import jax
    except ImportError:
        raise ValueError("engine 'xla' needs JAX: pip install 'swissroll[xla]', or choose engine 'torch'.") from None
    with _environment("NPROC", None if threads is None else str(threads)):
        jax.devices()
    _keep_programs(jax)
    return jax


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """Set a variable of the environment for a while: XLA reads the number of its threads there when it starts."""
    before = os.environ.get(name)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _keep_programs(jax: Any) -> None:
    """Keep compiled programs on disk, for the next process; JAX_COMPILATION_CACHE_DIR names another folder."""
    if jax.config.jax_compilation_cache_dir is None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(cache / "swissroll" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


class Burst(NamedTuple):
    """Steps under way: what the device will have computed when they are done."""

    n: int
    moments: Moments
    measured: Any
    held_out: Any
    generators: list[State]


class XlaEngine:
    """Runs of one shape and the steps that move them; as an ``Engine`` it is its first lane.

    Args:
        models: One VAE a lane, of one shape, on the CPU, with their initial weights.
        configs: Their settings, which share a shape; they differ in seed, learning rate and beta alone.
        schedule: Maps a config and the steps already taken to the next step's learning rate and beta.
        held_out: Points to measure on, one tensor a lane, each of shape (N, D).
        longest: Most steps in one call of :meth:`take`.

    Raises:
        ValueError: JAX is not installed.
    """

    def __init__(
        self,
        models: Sequence[VAE],
        configs: Sequence[Config],
        *,
        schedule: Callable[[Config, int], tuple[float, float]],
        held_out: Sequence[Tensor],
        longest: int = 100,
    ) -> None:
        first = configs[0]
        self.jax = import_jax(first.threads)
        self.vae, self.configs, self.schedule, self.longest = models[0], list(configs), schedule, longest
        self.beta, self.reduction, self.lr, self.steps_taken = first.beta, first.reduction, first.lr, 0
        parameters = [dict(model.named_parameters()) for model in models]
        self.dtype = parameters[0]["fc_mu.weight"].dtype
        self.shape = Shape(
            layout=tuple((name, tuple(p.shape)) for name, p in parameters[0].items()),
            depth=first.depth,
            activation=first.activation,
            reduction=first.reduction,
            dims=(models[0].data_dim, models[0].latent_dim),
            lanes=len(models),
        )
        seeds = list(dict.fromkeys(config.seed for config in configs))
        self.lane_seeds = np.array([seeds.index(config.seed) for config in configs])
        # Lanes of one seed share their draws, as runs of one seed do.
        self.draws = [Sampler(configs[list(self.lane_seeds).index(i)]) for i in range(len(seeds))]
        self.device = find_device(self.jax, first.device)
        self.held_out = self._put(torch.stack(list(held_out))), self._put(self._held_out_noise(held_out))
        self.moments: Moments
        self.ahead: Burst | None
        self.stale: bool
        weights = {name: self._put(torch.stack([p[name] for p in parameters])) for name, _ in self.shape.layout}
        self._settle(Moments(weights, *self._no_means()))

    @property
    def model(self) -> VAE:
        """The first lane's VAE with the weights of the latest step."""
        if self.stale:
            self.vae.load_state_dict(self.weights())
            self.stale = False
        return self.vae

    def take(self, n: int, then: int = 0) -> list[list[float]]:
        """Take n steps and begin the next call's; returns the row of each in the first lane."""
        rows: list[list[float]] = self.take_all(n, then)[:, 0].tolist()
        return rows

    def take_all(self, n: int, then: int = 0) -> Array:
        """As :meth:`take`, for all lanes, shape (n, R, 3) or (n, R, 4)."""
        burst = self.ahead
        if burst is None or burst.n != n:
            self._rewind()
            burst = self._begin(n, self.moments, self.steps_taken)
        self.ahead = self._begin(then, burst.moments, self.steps_taken + n) if then else None
        measured: Array = np.asarray(burst.measured)[:n]
        self.moments, self.measured, self.generators = burst.moments, burst.held_out, burst.generators
        self.steps_taken += n
        self.stale = True
        return measured

    def measure(self) -> list[float]:
        """The row of the first lane's held-out points."""
        return self.measure_all()[0].tolist()  # type: ignore[no-any-return]

    def measure_all(self) -> Array:
        """As :meth:`measure`, for all lanes, shape (R, 3) or (R, 4)."""
        if self.measured is None:
            self.measured = self._measure(self.moments.weights)
        measured = torch.from_numpy(np.array(self.measured, dtype=np.float64))
        mse, kl, *learned = measured.T
        beta: Any = torch.tensor([config.beta for config in self.configs], dtype=torch.float64)
        error = mean_distortion(mse, *learned) if learned else mse
        loss = combine(error, kl, beta=beta, reduction=self.reduction, dims=self.shape.dims)
        rows: Array = torch.column_stack([loss, measured]).numpy()
        return rows

    def weights_are_finite(self) -> bool:
        """Whether every weight of every lane is a finite number."""
        return bool(self.finite_lanes().all())

    def finite_lanes(self) -> Array:
        """Whether every weight of a lane is a finite number, shape (R,)."""
        weights = map(np.asarray, self.moments.weights.values())
        finite = [np.isfinite(values.reshape(self.shape.lanes, -1)).all(axis=1) for values in weights]
        together: Array = np.logical_and.reduce(finite)
        return together

    def weights(self, lane: int = 0) -> State:
        """A copy of a lane's weights, on the CPU."""
        return self._of_lane(self.moments.weights, lane)

    def state(self, lane: int = 0) -> State:
        """A copy of all that a lane's next steps depend on, as the reference engine has it."""
        state = {f"model.{name}": value for name, value in self.weights(lane).items()}
        moments = (("exp_avg", self.moments.first), ("exp_avg_sq", self.moments.second))
        for kind, values in moments if self.steps_taken else ():
            for index, value in enumerate(self._of_lane(values, lane).values()):
                state[f"optimizer.{index}.{kind}"] = value
        for index in range(len(self.shape.layout) if self.steps_taken else 0):
            state[f"optimizer.{index}.step"] = torch.tensor(float(self.steps_taken))
        generators = self.generators[self.lane_seeds[lane]]
        return state | {f"generator.{name}": value.clone() for name, value in generators.items()}

    def load_state(self, state: State, step: int) -> None:
        """Go to a state of a single lane, taken after ``step`` steps; KeyError or RuntimeError where it misfits."""
        keys = [f"model.{name}" for name, _ in self.shape.layout]
        weights = self._from(state, keys)
        kinds = [[f"optimizer.{index}.{kind}" for index in range(len(keys))] for kind in ("exp_avg", "exp_avg_sq")]
        means = [self._from(state, names) for names in kinds] if step else self._no_means()
        for name, generator in self.draws[0].generators.items():
            generator.set_state(state[f"generator.{name}"])
        self._settle(Moments(weights, *means))
        self.steps_taken = step

    def _settle(self, moments: Moments) -> None:
        self.moments, self.measured = moments, None
        self.ahead, self.stale = None, True
        self.generators = [_states(draws) for draws in self.draws]

    def _rewind(self) -> None:
        """Drop a burst that nobody asked for, and what was drawn for it."""
        if self.ahead is not None:
            for draws, states in zip(self.draws, self.generators, strict=True):
                for name, state in states.items():
                    draws.generators[name].set_state(state)
        self.ahead = None

    def _begin(self, n: int, moments: Moments, done: int) -> Burst:
        x, eps = (self._spread(drawn, n) for drawn in self._draw(n))
        lr, beta = self._schedules(n, done)
        step = done + 1 + np.arange(self.longest)
        # Adam's corrections, in double precision as PyTorch has them.
        rates = lr / (1 - BETA_1**step)[:, None]
        roots = 1 / np.sqrt(1 - BETA_2**step)
        advance = compiled(self.jax, self.shape)[0]
        arrays = (self._put(torch.from_numpy(a)) for a in (rates, beta, roots))
        with self.jax.default_matmul_precision("highest"):
            after, measured = advance(moments, n, x, eps, *arrays)
        first, after_n = self.configs[0], done + n
        due = after_n % first.eval_every == 0 or after_n == first.steps
        held_out = self._measure(after.weights) if due else None
        return Burst(n, after, measured, held_out, [_states(draws) for draws in self.draws])

    def _draw(self, n: int) -> tuple[Tensor, Tensor]:
        """Batches and latent noise of n steps, shapes (n, R, B, D) and (n, R, B, L)."""
        x = torch.stack([draws.draw_points(n) for draws in self.draws], dim=1)
        eps = torch.stack([draws.draw_latent_noise(n) for draws in self.draws], dim=1)
        return (x, eps) if self.shape.lanes == 1 else (x[:, self.lane_seeds], eps[:, self.lane_seeds])

    def _spread(self, drawn: Tensor, n: int) -> Any:
        """Steps, shape (n, ...), as the program takes them: always as many, of which it reads the first n."""
        full = drawn.new_empty(self.longest, *drawn.shape[1:])
        full[:n] = drawn
        return self._put(full)

    def _schedules(self, n: int, done: int) -> tuple[Array, Array]:
        """Learning rate and beta of each step and lane, each of shape (longest, R)."""
        values = np.zeros((2, self.longest, self.shape.lanes))
        for lane, config in enumerate(self.configs):
            for i in range(n):
                values[:, i, lane] = self.schedule(config, done + i)
        return values[0], values[1]

    def _measure(self, weights: Any) -> Any:
        with self.jax.default_matmul_precision("highest"):
            return compiled(self.jax, self.shape)[1](weights, *self.held_out)

    def _held_out_noise(self, held_out: Sequence[Tensor]) -> Tensor:
        shape = (len(held_out[0]), self.shape.dims[1])
        generators: list[Generator] = [rng.generator(config.seed, "evaluation noise") for config in self.configs]
        return torch.stack([torch.randn(shape, generator=generator) for generator in generators])

    def _put(self, values: Tensor) -> Any:
        return self.jax.device_put(values.detach().to(self.dtype).numpy(), self.device)

    def _no_means(self) -> list[Weights]:
        """Adam's two running means before any step; made here, as JAX would compile a program for each shape."""
        lanes = self.shape.lanes
        return [{name: self._put(torch.zeros(lanes, *shape)) for name, shape in self.shape.layout} for _ in range(2)]

    def _from(self, state: State, keys: list[str]) -> Weights:
        """The values under these keys, one a weight, as the only lane's."""
        values = [state[key] for key in keys]
        if [tuple(value.shape) for value in values] != [shape for _, shape in self.shape.layout]:
            raise RuntimeError("The state's shapes are not this engine's.")
        return {
            name: self._put(torch.stack([value])) for (name, _), value in zip(self.shape.layout, values, strict=True)
        }

    def _of_lane(self, values: Weights, lane: int) -> State:
        """A copy of a lane's values, in the order of the model's parameters."""
        # Indexed here: on the device it would wait for the burst that is under way.
        return {name: torch.from_numpy(np.array(np.asarray(values[name])[lane])) for name, _ in self.shape.layout}


def _states(draws: Sampler) -> State:
    return {name: generator.get_state() for name, generator in draws.generators.items()}


def find_device(jax: ModuleType, device: str) -> Any:
    """The JAX device for a config's, 'auto' being JAX's own choice; raises ValueError where it has none."""
    names = {"cuda": "cuda", "cpu": "cpu"}
    if device == "auto":
        return jax.devices()[0]
    try:
        return jax.devices(names[device])[0]
    except (KeyError, RuntimeError):
        raise ValueError(f"JAX has no device {device!r} here; choose device 'cpu' or engine 'torch'.") from None
