"""The settings of a run: one frozen dataclass, checked when made, and its TOML form on disk."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from platform import python_version
from typing import Any, Literal, TypeVar, get_args

from swissroll import checks
from swissroll.errors import Fix, FixableError

Activation = Literal["relu", "leaky_relu", "elu", "silu", "softplus", "tanh"]
DecoderVariance = Literal["fixed", "learned"]
Dataset = Literal["swiss_roll", "moons", "circles", "spirals", "helix"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Engine = Literal["auto", "torch", "xla"]
Initialization = Literal["default", "he"]
Reduction = Literal["mean", "sum"]
Schedule = Literal["constant", "cosine"]

T = TypeVar("T")

MAX_COMPONENTS = 500
"""Gaussians in a mixture prior: the evidence's grid and its bounds look at all of them."""
MAX_PARAMETERS = 2**28
MAX_ACTIVATIONS = 2**30


def setting(default: T, text: str) -> T:
    """A field of Config: its default, and the text that the commands' help and the documentation show for it."""
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that decides a run. Its defaults are the notebook's.

    Raises:
        ValueError: A value is outside its range; the message says which, and what is allowed.
    """

    dataset: Dataset = setting("swiss_roll", "The distribution that points are drawn from.")
    noise: float = setting(
        0.0,
        "Standard deviation of Gaussian noise added to the data, in data units; at most 10, the data reach about 1.",
    )
    latent_dim: int = setting(2, "Dimensions of the latent space.")
    hidden_dim: int = setting(256, "Units in each hidden layer.")
    depth: int = setting(3, "Hidden layers in the encoder, and as many in the decoder.")
    activation: Activation = setting("relu", "Nonlinearity of the hidden layers.")
    initialization: Initialization = setting("default", "Initial weights of the hidden layers: PyTorch's own, or He's.")
    components: int = setting(0, "Gaussians in a learned mixture prior; 0 is the standard normal prior.")
    decoder_variance: DecoderVariance = setting(
        "fixed",
        "Variance of p(x|z): what beta amounts to, or learned with the weights; then beta 1 is the ELBO.",
    )
    beta: float = setting(0.01, "Weight of the KL term.")
    beta_start: float | None = setting(
        None,
        "Beta at the first step; it moves geometrically to beta over the first 70 % of the steps.",
    )
    reduction: Reduction = setting(
        "mean",
        "Average both terms of the loss over dimensions (the notebook) or sum them (the textbook).",
    )
    steps: int = setting(1000, "Gradient steps.")
    batch_size: int = setting(128, "Fresh points in each step.")
    lr: float = setting(1e-3, "Learning rate of Adam; with a schedule, its peak.")
    lr_schedule: Schedule = setting(
        "constant",
        "What the learning rate does after the warm-up: stay, or fall to 0 along a cosine.",
    )
    warmup: int = setting(0, "Steps over which the learning rate first rises from 0.")
    seed: int = setting(42, "Decides the initial weights, the data, the latent noise and the held-out points.")
    snapshot_every: int = setting(100, "Steps between two snapshots of the weights.")
    eval_every: int = setting(50, "Steps between two measurements on the held-out points.")
    threads: int | None = setting(None, "CPU threads; by default 1 where steps are small, else PyTorch's own choice.")
    device: Device = setting("auto", "Where to compute; auto takes CUDA where there is one, else the CPU.")
    engine: Engine = setting("auto", "Who computes the steps; auto takes the faster one of those installed.")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if hasattr(value, "item"):  # NumPy's numbers, as Python's.
                object.__setattr__(self, field.name, value.item())
        checks.one_of("dataset", self.dataset, get_args(Dataset))
        checks.real("noise", self.noise, 0, 10)
        checks.whole("latent_dim", self.latent_dim, 1, 4096)
        checks.whole("hidden_dim", self.hidden_dim, 1, 16384)
        checks.whole("depth", self.depth, 0, 64)
        checks.one_of("activation", self.activation, get_args(Activation))
        checks.one_of("initialization", self.initialization, get_args(Initialization))
        checks.whole("components", self.components, 0, MAX_COMPONENTS)
        checks.one_of("decoder_variance", self.decoder_variance, get_args(DecoderVariance))
        checks.real("beta", self.beta, 0, 1e6)
        if 0 < self.beta < 1e-12:
            raise ValueError(f"beta must be 0 or at least 1e-12; got {self.beta!r}.")
        if self.beta_start is not None:
            checks.real("beta_start", self.beta_start, 0, 1e6, open_low=True)
            checks.real("beta, with beta_start,", self.beta, 0, 1e6, open_low=True)
        checks.one_of("reduction", self.reduction, get_args(Reduction))
        checks.whole("steps", self.steps, 1, 10**9)
        checks.whole("batch_size", self.batch_size, 1, 10**6)
        checks.real("lr", self.lr, 0, 1e6, open_low=True)
        checks.one_of("lr_schedule", self.lr_schedule, get_args(Schedule))
        checks.whole("warmup", self.warmup, 0, 10**9)
        checks.whole("seed", self.seed, 0, 2**63 - 1)
        checks.whole("snapshot_every", self.snapshot_every, 1, 10**9)
        checks.whole("eval_every", self.eval_every, 1, 10**9)
        if self.threads is not None:
            checks.whole("threads", self.threads, 1, 1024)
        checks.one_of("device", self.device, get_args(Device))
        checks.one_of("engine", self.engine, get_args(Engine))
        self._check_size()

    def _check_size(self) -> None:
        layers = max(self.depth - 1, 0) * self.hidden_dim**2 if self.depth else 0
        parameters = 2 * layers + (4 * self.hidden_dim + 2 * self.components) * (self.latent_dim + 1)
        numbers = self.batch_size * max(2 * self.hidden_dim * self.depth, max(6, self.components) * self.latent_dim)
        if parameters > MAX_PARAMETERS or numbers > MAX_ACTIVATIONS:
            raise ValueError(
                f"hidden_dim={self.hidden_dim}, depth={self.depth}, latent_dim={self.latent_dim}, "
                f"components={self.components}, batch_size={self.batch_size} need about {parameters:.1e} weights and "
                f"{numbers:.1e} numbers a step; at most {MAX_PARAMETERS:.1e} and {MAX_ACTIVATIONS:.1e} are allowed. "
                "Make the network or the batch smaller."
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "config") -> Config:
        """Make a config from plain values, as read from TOML; unknown keys raise ValueError."""
        names = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in names:
                raise ValueError(
                    f"{source}: unknown key {key!r}.{checks.closest(key, names)} Allowed: {', '.join(names)}."
                )
        typed: dict[str, Any] = {k: _as_float(v) if k in FLOATS else v for k, v in values.items()}
        try:
            return cls(**typed)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None

    def to_toml(self) -> str:
        """The config as TOML, with the versions that it was written under."""
        import tomli_w

        values = {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
        return tomli_w.dumps(values | {"versions": versions(xla=self.engine == "xla")})


HELP: dict[str, str] = {field.name: field.metadata["help"] for field in dataclasses.fields(Config)}
"""What each setting means."""
Config.__doc__ = "\n        ".join(
    [f"{Config.__doc__}\n    Attributes:", *(f"{name}: {text}" for name, text in HELP.items())]
)

FLOATS = frozenset(field.name for field in dataclasses.fields(Config) if str(field.type).startswith("float"))

BEST: dict[str, Any] = {
    "activation": "silu",
    "initialization": "he",
    "components": 20,
    "lr": 1e-2,
    "lr_schedule": "cosine",
    "warmup": 50,
}
PRESETS: dict[str, dict[str, Any]] = {
    "notebook": {},
    "best": BEST,
    "best-long": BEST
    | {"steps": 10_000, "components": 50, "lr": 5e-3, "warmup": 200, "beta_start": 0.03, "beta": 0.001},
}
"""Recipes by name: what each sets differently from the notebook's defaults."""


def digest(config: Config) -> str:
    """A fingerprint of the settings; those at their defaults do not count, so that later versions can add some."""
    changed = {k: v for k, v in dataclasses.asdict(config).items() if v != getattr(Config, k)}
    return hashlib.sha256(repr(sorted(changed.items())).encode()).hexdigest()


def _as_float(value: object) -> object:
    """TOML's 1 is an int; a float field takes it as 1.0."""
    small = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15
    return float(value) if small else value  # type: ignore[arg-type]


def versions(*, xla: bool = False) -> dict[str, str]:
    """Versions of what decides a run's bits, those of the fast engine too where it is asked for and installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": python_version()} | {name: version(name) for name in ("swissroll", "torch", "numpy")}
    with suppress(PackageNotFoundError):
        found |= {name: version(name) for name in ("jax", "jaxlib") if xla}
    return found


def read_toml(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a file of settings as (values, versions it was written under); nothing is checked but that it is TOML.

    Raises:
        ValueError: The file is missing, or is not TOML.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}). Name an existing TOML file.") from None
    except ValueError as error:
        raise ValueError(f"{path}: not a TOML file ({error}). Mend it, or name another.") from None
    recorded = values.pop("versions", {})
    if not isinstance(recorded, dict):
        raise ValueError(f"{path}: 'versions' must be a table; got {recorded!r}. Remove it.")
    return values, {str(k): str(v) for k, v in recorded.items()}


def read_values(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a config file as (checked values, versions it was written under).

    Raises:
        ValueError: The file is missing, is not TOML, has an unknown key or a value out of range.
    """
    values, recorded = read_toml(path)
    if "seeds" in values:
        raise FixableError(f"{path}: holds the settings of a sweep.", Fix.START_SWEEP_FROM_FILE, path=path)
    Config.from_dict(values, str(path))
    return values, recorded


def read_config(path: Path) -> Config:
    """Read a config file; raises ValueError as :func:`read_values` does."""
    return Config.from_dict(read_values(path)[0], str(path))
