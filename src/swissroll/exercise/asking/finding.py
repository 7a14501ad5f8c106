"""Find the parts of a solution by their usual names, whatever their order of arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

SAMPLER_NAMES = (
    *("reparameterize", "reparametrize", "reparameterise", "reparametrise", "reparameterization", "reparametrization"),
    *("reparam", "reparameterization_trick", "reparameterize_trick", "rsample", "sample_latent", "sample_z"),
    *("sample_latents", "draw_latent", "draw_latents", "sampling", "sample_from_posterior", "sample_posterior"),
)
LOSS_NAMES = (
    *("compute_vae_loss", "vae_loss", "compute_loss", "loss_function", "loss_fn", "elbo_loss", "negative_elbo"),
    *("beta_vae_loss", "vae_loss_function", "loss"),
)
VAE_NAMES = ("VAE", "Vae", "BetaVAE", "VariationalAutoencoder", "VariationalAutoEncoder", "SwissRollVAE")

ROLES = {
    "model": {"model", "vae", "net", "network", "self", "autoencoder", "module"},
    "x": {"x", "data", "batch", "inputs", "input", "target", "targets", "points", "x_true", "original", "xb", "x_in"},
    "beta": {"beta", "kl_weight", "weight", "kld_weight", "b", "kl_beta", "beta_kl", "lam", "lambda_"},
    "recon": {
        *(
            "recon",
            "recon_x",
            "x_recon",
            "x_hat",
            "xhat",
            "reconstruction",
            "reconstructed",
            "x_rec",
            "x_pred",
            "output",
        ),
        *(
            "x_reconstructed",
            "reconstructed_x",
            "recons",
            "out",
            "rec",
            "y",
            "y_pred",
            "pred",
            "decoded",
            "outputs",
            "output",
        ),
    },
    "mu": {"mu", "mean", "m", "z_mean", "z_mu", "mus", "means", "loc", "mu_z"},
    "head": {
        *(
            "logvar",
            "log_var",
            "lv",
            "logv",
            "z_logvar",
            "z_log_var",
            "log_variance",
            "logsigma2",
            "log_sigma2",
            "logvars",
        ),
        *("std", "sigma", "scale", "s", "stddev", "var", "variance", "v", "log_std", "logstd", "log_sigma", "logsigma"),
        *(
            "sigma2",
            "rho",
            "log_scale",
            "head",
            "log_sigma_sq",
            "log_sigma_squared",
            "stds",
            "sd",
            "ls",
            "lsd",
            "logvars",
        ),
    },
}
POSITIONS = {
    2: ("model", "x"),
    3: ("model", "x", "beta"),
    4: ("recon", "x", "mu", "head"),
    5: ("recon", "x", "mu", "head", "beta"),
}
"""What a loss's parameters are taken for where their names say nothing."""


@dataclass
class Found:
    """The parts of a solution.

    Attributes:
        reparameterize: The sampler: a function, or None.
        is_method: Whether the sampler takes a model first.
        loss: The loss: a function, or None.
        build: Makes a model, from keywords, or None.
        vae: The model's class, or None.
        model: The model that methods are called on, made once.
    """

    reparameterize: Callable[..., Any] | None = None
    is_method: bool = False
    loss: Callable[..., Any] | None = None
    build: Callable[..., nn.Module] | None = None
    vae: type[nn.Module] | None = None
    model: Any = field(default=None, repr=False)

    @property
    def sampler_names(self) -> tuple[str, ...]:
        """Names that the model's sampler may have."""
        own = getattr(self.reparameterize, "__name__", "")
        return tuple(dict.fromkeys((own, *SAMPLER_NAMES))) if own.isidentifier() else SAMPLER_NAMES


def find(namespace: Mapping[str, Any]) -> Found:
    """The parts of a solution, by their usual names, in a namespace such as a module's or a notebook's."""
    vae = _find_class(namespace)
    found = Found(vae=vae, build=vae)

    for name in SAMPLER_NAMES:
        method = None if vae is None else inspect.getattr_static(vae, name, None)
        if method is not None and callable(getattr(vae, name)):
            found.reparameterize = getattr(vae, name)
            found.is_method = not isinstance(method, staticmethod | classmethod)
            break
        function = namespace.get(name)
        if callable(function) and not isinstance(function, type):
            found.reparameterize = function
            found.is_method = names_of(function)[:1] == ["self"]
            break
    if found.reparameterize is None and vae is not None:
        found.reparameterize = _sampler_by_parameters(vae)
        found.is_method = found.reparameterize is not None

    for name in LOSS_NAMES:
        function = namespace.get(name)
        if function is None and vae is not None and callable(getattr(vae, name, None)):
            function = getattr(vae, name)
        if callable(function) and not isinstance(function, type) and len(names_of(function)) >= 2:
            found.loss = function
            break
    return found


def _sampler_by_parameters(vae: type[nn.Module]) -> Callable[..., Any] | None:
    """The one method of mu and the head, by whatever name, that is none of the loss's terms."""
    fitting = [
        method
        for name, method in vars(vae).items()
        if inspect.isfunction(method)
        and not any(word in name.lower() for word in ("kl", "loss", "div", "elbo", "rate", "prob", "init"))
        and [_role_of(one) for one in names_of(method)[1:]] == ["mu", "head"]
    ]
    return fitting[0] if len(fitting) == 1 else None


def _role_of(name: str) -> str:
    return next((role for role, known in ROLES.items() if name.lower() in known), "")


def _find_class(namespace: Mapping[str, Any]) -> type[nn.Module] | None:
    classes = {name: value for name, value in namespace.items() if isinstance(value, type)}
    modules = {
        name: value for name, value in classes.items() if issubclass(value, nn.Module) and value is not nn.Module
    }
    for name in VAE_NAMES:
        if name in modules:
            return modules[name]

    likely = [value for value in modules.values() if callable(getattr(value, "encode", None))]
    named = [value for name, value in modules.items() if "vae" in name.lower()]
    candidates = named or likely
    return candidates[0] if len(candidates) == 1 else None


def names_of(function: Callable[..., Any]) -> list[str]:
    """The names of the parameters that can be given by position."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


def in_order(names: Sequence[str], arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> list[Any]:
    """The values of a call's parameters in their order, however they were given; those that were not are left out."""
    return [*arguments, *(keywords[name] for name in names[len(arguments) :] if name in keywords)]


def _required(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters
    return [name for name in names_of(function) if parameters[name].default is inspect.Parameter.empty]


def roles_of(loss: Callable[..., Any]) -> dict[str, str]:
    """What each parameter of a loss is handed; those with a default that mean nothing to us are left alone."""
    names = names_of(loss)
    required = _required(loss)
    found: dict[str, str] = {}
    for name in names:
        for role, known in ROLES.items():
            if name.lower() in known and role not in found.values():
                found[name] = role

    if {"model", "x"} <= set(found.values()) or {"recon", "x", "mu", "head"} <= set(found.values()):
        unknown = [name for name in required if name not in found]
        if not unknown:
            return {name: found[name] for name in names if name in found}
        if len(unknown) == 1 and "beta" not in found.values():
            return {name: found.get(name, "beta") for name in names if name in found or name in unknown}

    positions = POSITIONS.get(len(names)) or POSITIONS.get(len(required))
    if positions is None:
        raise TypeError(f"{getattr(loss, '__name__', 'the loss')} takes {len(names)} arguments: {', '.join(names)}")
    return dict(zip(names, positions, strict=False))
