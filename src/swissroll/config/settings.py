"""The settings of a run: one frozen dataclass, checked when made."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from typing import Any, Literal

from swissroll import checks
from swissroll.config.fields import either, named, none_or, one_of, real, setting, whole
from swissroll.config.software import versions
from swissroll.errors import Fix, FixableError

Activation = Literal["relu", "leaky_relu", "elu", "silu", "softplus", "tanh"]
DecoderVariance = Literal["fixed", "learned", "batch_optimal"]
Dataset = Literal[
    "swiss_roll",
    "moons",
    "circles",
    "rings",
    "spirals",
    "s_curve",
    "sine",
    "helix",
    "gaussian",
    "three_gaussians",
    "eight_gaussians",
    "checkerboard",
    "pinwheel",
    "swiss_roll_3d",
    "torus",
]
"""As :data:`swissroll.data.DISTRIBUTIONS` has them."""
Device = Literal["auto", "cpu", "cuda", "mps"]
Engine = Literal["auto", "torch", "xla"]
Initialization = Literal["default", "he"]
PriorFamily = Literal["gaussians", "flow"]
PosteriorCovariance = Literal["diagonal", "full"]
Reduction = Literal["mean", "sum"]
Schedule = Literal["constant", "cosine"]

MAX_IMPORTANCE_SAMPLES = 1000
"""Draws from the posterior of a point in a step."""
MAX_COMPONENTS = 500
"""Gaussians in a mixture prior: the evidence's grid and its bounds look at all of them."""
REPAIR_COMPONENTS = 20
"""Gaussians that a repair fits where it is not told how many."""
MAX_LABELS = 50
"""Labels that a model is conditional on."""
MAX_JOINT_LATENT_DIM = 64
"""Latent dimensions of a posterior with a full covariance, or of a flow, which has each depend on all before it."""
MAX_PARAMETERS = 2**28
MAX_ACTIVATIONS = 2**30
MIN_BETA = 1e-12
"""Smallest beta but for 0: below, its decoder's variance is lost in rounding."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that decides a run. Its defaults are the notebook's.

    Raises:
        ValueError: A value is outside its range; the message says which, and what is allowed.
    """

    dataset: Dataset = setting("swiss_roll", "The distribution that points are drawn from.", one_of(Dataset))
    noise: float = setting(
        0.0,
        "Standard deviation of Gaussian noise added to the data, in data units; at most 10, the data reach about 1.",
        real(0, 10),
    )
    data: str | None = setting(
        None,
        "A table of your own in the place of a dataset: CSV, TSV, NPY, NPZ or Parquet.",
        none_or(named),
    )
    columns: str | None = setting(
        None,
        "Columns of the table to use, with commas between them; all but the label by default.",
        none_or(named),
    )
    label: str | None = setting(None, "Column of the table that colours pictures; it may be text.", none_or(named))
    conditional: bool = setting(
        False,
        "Give each point's label to encoder and decoder: q(z|x, c) and p(x|z, c). For a table with a label, or a "
        "dataset of several parts.",
        either,
    )
    label_values: str | None = setting(
        None,
        "Values of the label, which a conditional run on a table writes down, with commas between them.",
        none_or(named),
    )
    held_out: float = setting(0.1, "Share of the table's rows that training never sees.", real(0, 0.9, open_low=True))
    data_digest: str | None = setting(
        None,
        "SHA-256 of the table, which a run writes down; a table with another one is refused.",
        none_or(named),
    )
    latent_dim: int = setting(2, "Dimensions of the latent space.", whole(1, 4096))
    hidden_dim: int = setting(256, "Units in each hidden layer.", whole(1, 16384))
    depth: int = setting(3, "Hidden layers in the encoder, and as many in the decoder.", whole(0, 64))
    activation: Activation = setting("relu", "Nonlinearity of the hidden layers.", one_of(Activation))
    initialization: Initialization = setting(
        "default",
        "Initial weights of the hidden layers: PyTorch's own, or He's.",
        one_of(Initialization),
    )
    posterior: PosteriorCovariance = setting(
        "diagonal",
        "Covariance of q(z|x): diagonal, or full, where the latents of a point may go together.",
        one_of(PosteriorCovariance),
    )
    prior: PriorFamily = setting(
        "gaussians",
        "Family of the prior: Gaussians, as many as components says, or a normalizing flow, which needs zuko.",
        one_of(PriorFamily),
    )
    components: int = setting(
        0,
        "Gaussians in a learned mixture prior; 0 is the standard normal prior.",
        whole(0, MAX_COMPONENTS),
    )
    refit_prior: bool = setting(
        False,
        "After the last step, fit the mixture prior to the aggregate posterior once more; encoder and decoder stay.",
        either,
    )
    decoder_variance: DecoderVariance = setting(
        "fixed",
        "Variance of p(x|z): what beta amounts to, learned with the weights, or the batch's own mean squared error; in "
        "the last two cases beta 1 is the ELBO.",
        one_of(DecoderVariance),
    )
    beta: float = setting(0.01, "Weight of the KL term.", real(0, 1e6))
    beta_start: float | None = setting(
        None,
        "Beta at the first step; it moves geometrically to beta over the first 70 % of the steps.",
        none_or(real(0, 1e6, open_low=True)),
    )
    mmd_weight: float = setting(
        0.0,
        "Weight of the squared MMD between aggregate posterior and prior in the loss, beside the KL term.",
        real(0, 1e6),
    )
    reduction: Reduction = setting(
        "mean",
        "Average both terms of the loss over dimensions (the notebook) or sum them (the textbook).",
        one_of(Reduction),
    )
    free_bits: float = setting(
        0.0,
        "Nats of KL that each latent dimension may have for nothing; 0 counts all of it.",
        real(0, 1e3),
    )
    max_error: float | None = setting(
        None,
        "Root mean squared error per coordinate that beta is moved to, in data units, or in standard deviations of a "
        "table's columns; beta is then where it starts.",
        none_or(real(0, 1e6, open_low=True)),
    )
    importance_samples: int = setting(
        1,
        "Draws from each point's posterior; with several, the loss is their importance-weighted bound, not the ELBO.",
        whole(1, MAX_IMPORTANCE_SAMPLES),
    )
    steps: int = setting(1000, "Gradient steps.", whole(1, 10**9))
    batch_size: int = setting(128, "Fresh points in each step.", whole(1, 10**6))
    lr: float = setting(1e-3, "Learning rate of Adam; with a schedule, its peak.", real(0, 1e6, open_low=True))
    lr_schedule: Schedule = setting(
        "constant",
        "What the learning rate does after the warm-up: stay, or fall to 0 along a cosine.",
        one_of(Schedule),
    )
    warmup: int = setting(0, "Steps over which the learning rate first rises from 0.", whole(0, 10**9))
    seed: int = setting(
        42,
        "Decides the initial weights, the data, the latent noise and the held-out points.",
        whole(0, 2**63 - 1),
    )
    snapshot_every: int = setting(100, "Steps between two snapshots of the weights.", whole(1, 10**9))
    eval_every: int = setting(50, "Steps between two measurements on the held-out points.", whole(1, 10**9))
    threads: int | None = setting(
        None,
        "CPU threads; by default 1 where steps are small, else PyTorch's own choice.",
        none_or(whole(1, 1024)),
    )
    device: Device = setting(
        "auto",
        "Where to compute; auto takes CUDA where there is one, else the CPU.",
        one_of(Device),
    )
    engine: Engine = setting(
        "auto",
        "Who computes the steps; auto takes the faster one of those installed.",
        one_of(Engine),
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            # NumPy's numbers become Python's.
            if hasattr(value, "item"):
                value = value.item()
                object.__setattr__(self, field.name, value)
            if isinstance(value, os.PathLike):
                value = os.fspath(value)
                object.__setattr__(self, field.name, value)
            field.metadata["check"](field.name, value)

        if 0 < self.beta < MIN_BETA:
            raise ValueError(f"beta must be 0 or at least {MIN_BETA:g}; got {self.beta!r}.")
        if self.beta_start is not None:
            # A geometric path never reaches 0.
            checks.real("beta, with beta_start,", self.beta, 0, 1e6, open_low=True)
        if self.refit_prior and not self.components:
            raise FixableError("refit_prior fits a mixture prior again, and components=0 has none.", Fix.LEAVE_PRIOR)
        self._check_table()
        self._check_labels()
        self._check_latents()
        self._check_variants()
        self._check_size()

    def _check_labels(self) -> None:
        """Refuse labels that are written down and not used."""
        if self.label_values is not None and not self.conditional:
            raise ValueError("label_values is of a conditional run. Leave it out, or set conditional.")

    def _check_latents(self) -> None:
        """Refuse posteriors and priors of too many latent dimensions, or that contradict one another."""
        if self.posterior == "full" and not 2 <= self.latent_dim <= MAX_JOINT_LATENT_DIM:
            raise ValueError(
                f"posterior 'full' is for a latent_dim from 2 to {MAX_JOINT_LATENT_DIM}; got {self.latent_dim}. "
                "Choose posterior 'diagonal'."
            )
        if self.prior == "flow" and self.components:
            raise ValueError(
                f"prior 'flow' and components={self.components} both choose the prior; leave out one of them."
            )
        if self.prior == "flow" and self.latent_dim > MAX_JOINT_LATENT_DIM:
            raise ValueError(
                f"prior 'flow' is for a latent_dim of at most {MAX_JOINT_LATENT_DIM}; got {self.latent_dim}."
            )

        if self.mmd_weight and self.prior == "flow":
            raise ValueError("mmd needs a prior of Gaussians, and prior is 'flow'; leave out one of them.")
        if self.mmd_weight and self.batch_size < 2:
            raise ValueError("mmd compares the points of a batch, and batch_size is 1; make it larger.")

    def _check_table(self) -> None:
        """Refuse settings of a table without one, and those of a dataset beside one."""
        if self.data is None:
            for name in ("columns", "label", "held_out", "data_digest", "label_values"):
                if getattr(self, name) != getattr(Config, name):
                    raise ValueError(f"{name} is of a table, and data names none. Name one, or leave out {name}.")
            return
        if self.conditional and self.label is None:
            raise ValueError("conditional needs the label of each row: name its column as label.")
        if self.dataset != Config.dataset:
            raise ValueError("dataset and data both say where points come from; leave out one of them.")
        if self.noise != 0:
            raise ValueError("noise is added to a dataset, and data names a table. Leave out noise.")

    @property
    def finds_variance(self) -> bool:
        """Whether training finds the variance of p(x|z), and not beta alone decides it."""
        return self.decoder_variance != "fixed" or self.max_error is not None

    @property
    def beta_moves(self) -> bool:
        """Whether beta is another one in the first step than in the last."""
        return self.beta_start is not None or self.max_error is not None

    def _check_variants(self) -> None:
        """Refuse combinations that make no sense."""
        if self.free_bits and not self.beta:
            raise ValueError("free_bits changes the KL term, and beta=0 leaves that out. Leave out one of them.")
        self._check_importance()
        if self.max_error is None:
            return
        if self.decoder_variance != "fixed":
            raise ValueError(
                f"max_error moves beta to an error, and decoder_variance={self.decoder_variance!r} chooses that error "
                "itself. Leave out one of them."
            )
        if not self.beta or self.beta_start is not None:
            raise ValueError("max_error moves beta, from where beta starts: give a beta above 0, and no beta_start.")

    def _check_importance(self) -> None:
        """Refuse importance weights where the loss is no bound of theirs."""
        if self.importance_samples == 1:
            return
        if not self.beta:
            raise ValueError("importance_samples weighs draws by the decoder's noise, and beta=0 has none; raise beta.")
        for name in ("free_bits", "max_error", "mmd_weight"):
            if getattr(self, name) != getattr(Config, name):
                raise ValueError(
                    f"importance_samples makes the loss a bound, which {name} changes; leave out one of them."
                )
        is_elbo = self.reduction == "sum" and self.beta == 1 and self.beta_start is None
        if self.decoder_variance == "batch_optimal" or (self.decoder_variance == "learned" and not is_elbo):
            raise ValueError(
                "importance_samples with a variance that training finds bounds the evidence for the ELBO alone: "
                "choose decoder_variance 'learned', reduction 'sum', beta 1 and no beta_start."
            )

    def _check_size(self) -> None:
        """Refuse what would not fit into memory, by rough upper bounds."""
        hidden_weights = 2 * max(self.depth - 1, 0) * self.hidden_dim**2
        end_weights = (4 * self.hidden_dim + 2 * self.components) * (self.latent_dim + 1)
        latents = max(6, self.components) * self.latent_dim
        if self.posterior == "full":
            latents = max(latents, self.latent_dim**2)
            end_weights += (self.hidden_dim + 1) * self.latent_dim * (self.latent_dim - 1) // 2
        weights = hidden_weights + end_weights

        numbers_per_point = max(2 * self.hidden_dim * self.depth, latents)
        numbers = self.batch_size * self.importance_samples * numbers_per_point

        if weights > MAX_PARAMETERS or numbers > MAX_ACTIVATIONS:
            raise ValueError(
                f"hidden_dim={self.hidden_dim}, depth={self.depth}, latent_dim={self.latent_dim}, "
                f"components={self.components}, batch_size={self.batch_size} need about {weights:.1e} weights and "
                f"{numbers:.1e} numbers per step; at most {MAX_PARAMETERS:.1e} and {MAX_ACTIVATIONS:.1e} are allowed. "
                "Make the network or the batch smaller."
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "config") -> Config:
        """Make a config from plain values, as read from TOML; unknown keys raise ValueError."""
        names = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in names:
                raise ValueError(
                    f"{source}: unknown key {checks.short(key)}.{checks.closest(key, names)} "
                    f"Allowed: {', '.join(names)}."
                )

        typed: dict[str, Any] = {}
        for key, value in values.items():
            typed[key] = _as_float(value) if key in FLOATS else value
        try:
            return cls(**typed)
        except FixableError as error:
            raise FixableError(f"{source}: {error.reason}", error.fix) from None
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None

    def to_toml(self, *, origin: str = "") -> str:
        """The config as TOML, with the versions that it was written under.

        Args:
            origin: What these settings do not say of the run that they are of, for :func:`read_origin`.
        """
        import tomli_w

        written = {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
        for name in ("dataset", "noise") if self.data is not None else ("held_out",):
            del written[name]
        if origin:
            written["origin"] = {"note": origin}
        return tomli_w.dumps(written | {"versions": versions(xla=self.engine == "xla")})


def require_config(value: object, name: str = "config") -> None:
    """Require settings; raises ValueError otherwise."""
    checks.instance(name, value, Config, "settings, such as swissroll.Config(dataset='moons')")


HELP: dict[str, str] = {field.name: field.metadata["help"] for field in dataclasses.fields(Config)}
"""What each setting means."""
Config.__doc__ = "\n        ".join(
    [f"{Config.__doc__}\n    Attributes:", *(f"{name}: {text}" for name, text in HELP.items())]
)

FLOATS = frozenset(field.name for field in dataclasses.fields(Config) if str(field.type).startswith("float"))

TABLE_SETTINGS = ("data", "columns", "label", "data_digest", "label_values")
"""Settings of a table that are one name each: no list, and no axis of a sweep."""


def digest(config: Config) -> str:
    """A fingerprint of the settings; those at their defaults do not count, so that later versions can add some.

    Of a table it is what the table holds that counts, and not where it lies.
    """
    changed = {k: v for k, v in dataclasses.asdict(config).items() if v != getattr(Config, k)}
    if config.data_digest is not None:
        changed.pop("data")
        changed.pop("label_values", None)
    return hashlib.sha256(repr(sorted(changed.items())).encode()).hexdigest()


def _as_float(value: object) -> object:
    """TOML's 1 is an int; a float field takes it as 1.0."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15:
        return float(value)
    return value
