"""Anybody's module as a VAE: what it does not say of itself is found by asking it, and what cannot be known is refused.

A module needs two methods, those of the notebook's class:

    encode(x) -> (mu, logvar)      mean and log-variance of q(z|x), each of shape (B, L), for points of shape (B, D)
    decode(z) -> x'                mean of p(x|z), shape (B, D), for latents of shape (B, L)

Where it has them, its own ``reparameterize``, ``prior``, ``decoder_sigma`` and ``decoder_logvar`` are used. By default
latents are drawn by the reparameterization trick, the prior is N(0, I), and the decoder's noise is not known.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Distribution as TorchDistribution
from torch.distributions import Normal

from swissroll import checks
from swissroll.data import Distribution
from swissroll.model.conditional import Conditional
from swissroll.model.latents import draw_latents, lend_to_global
from swissroll.model.posterior import Posterior
from swissroll.model.prior import Prior, StandardNormal
from swissroll.model.standardized import StandardizedVAE
from swissroll.model.vae import VAE
from swissroll.reproducibility.modes import ordinary_modes

PRECISIONS = (torch.float32, torch.float64)
"""Precisions that a model is measured in; weights of a lower one are measured in float32."""
WHAT = "a VAE or a module with encode(x) and decode(z), such as load(folder).model"


class AdaptedModule(VAE):
    """A module that is no VAE of ours, with all that a VAE of ours has but the layers.

    Args:
        module: Has ``encode`` and ``decode``.
        name: What errors call it.
        data_dim: D, coordinates of a point.
        latent_dim: L, dimensions of a latent.
    """

    def __init__(self, module: nn.Module, *, name: str, data_dim: int, latent_dim: int) -> None:
        # Not VAE's own, which would make layers.
        Conditional.__init__(self)
        self.module = module
        self.name = name
        self.data_dim = data_dim
        self.latent_dim = latent_dim
        self.prior = _prior_of(module, name, latent_dim)
        self.decoder_logvar = _scalar_of(module, name)
        self._sigma = None
        if self.decoder_logvar is None:
            self._sigma = _sigma_of(module, name)
        tracked = getattr(module, "tracked_logvar", None)
        self.register_buffer("tracked_logvar", tracked if isinstance(tracked, Tensor) else None)

        distribution = getattr(module, "distribution", None)
        if isinstance(distribution, Distribution):
            self.distribution = distribution

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each of shape (B, L), for points of shape (B, D)."""
        return _encode(self.module, x, self.name)

    def posterior(self, x: Tensor) -> Posterior:
        """q(z|x) of points of shape (B, D); that of a subclass of VAE may have a full covariance."""
        module: Any = self.module
        if getattr(module, "fc_lower", None) is None:
            return Posterior(*self.encode(x))
        found: Posterior = ask(f"{self.name}.posterior", lambda: module.posterior(x))
        return found

    def decode(self, z: Tensor) -> Tensor:
        """Mean of p(x|z), shape (B, D), for latents of shape (B, L)."""
        return _decode(self.module, z, self.name)

    def reparameterize(self, mu: Tensor, logvar: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Draw z ~ N(mu, exp(logvar)), by the module's own method where it has one; all shapes (B, L)."""
        own: Any = self.module
        if not callable(getattr(own, "reparameterize", None)):
            return super().reparameterize(mu, logvar, generator=generator)
        drawn = ask(f"{self.name}.reparameterize", lambda: draw_latents(own, mu, logvar, generator=generator))
        if not isinstance(drawn, Tensor) or drawn.shape != mu.shape:
            wanted = f"latents, a tensor of shape {tuple(mu.shape)}"
            raise ValueError(f"{self.name}.reparameterize must return {wanted}; got {_describe(drawn)}.")
        return drawn


class DistributionPrior(Prior):
    """A prior that a module holds as one of :mod:`torch.distributions`.

    Args:
        distribution: Of vectors of L numbers, or of single numbers, as many as there are latent dimensions.
        latent_dim: L.
    """

    def __init__(self, distribution: TorchDistribution, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.distribution = distribution

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats, shape (N,), of latents of shape (N, L)."""
        density: Tensor = self.distribution.log_prob(z)
        return density.reshape(len(z), -1).sum(dim=1)

    @torch.no_grad()
    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw latents, shape (n, L), with the dtype and device of ``like``."""
        if generator is None:
            return self._draw(n).to(like)
        with lend_to_global(generator):
            return self._draw(n).to(like)

    def _draw(self, n: int) -> Tensor:
        # A distribution of single numbers, without a shape, is that of each latent dimension.
        shape = torch.Size([n])
        if not (self.distribution.batch_shape or self.distribution.event_shape):
            shape = torch.Size([n, self.latent_dim])
        drawn: Tensor = self.distribution.sample(shape)
        return drawn


def as_vae(model: object, *, name: str = "model", data_dim: int | None = None) -> VAE:
    """The model itself where it is exactly a VAE of ours, else the module behind the same door.

    Gradients reach its weights, and changes of them are seen.

    Args:
        model: A VAE, or a module with ``encode`` and ``decode``.
        name: What errors call it.
        data_dim: D, where the caller knows it.

    Raises:
        ValueError: It is neither, or its dimensions cannot be found.
    """
    if type(model) is VAE or isinstance(model, AdaptedModule):
        return model
    if isinstance(model, VAE) and _says_its_dimensions(model):
        return AdaptedModule(model, name=name, data_dim=model.data_dim, latent_dim=model.latent_dim)

    if not isinstance(model, nn.Module):
        checks.instance(name, model, VAE, WHAT)
    if isinstance(model, StandardizedVAE):
        raise ValueError(
            f"{name} is of a table, in data units, and this measures in model coordinates: "
            f"pass {name}.vae, and rows as {name}.standardize(rows)."
        )
    module: Any = model
    for method in ("encode", "decode"):
        if not callable(getattr(module, method, None)):
            raise ValueError(f"{name} must be {WHAT}; this {type(model).__name__} has no {method}.")

    found_dim, latent_dim = _find_dimensions(module, name, data_dim)
    return AdaptedModule(module, name=name, data_dim=found_dim, latent_dim=latent_dim)


def measurable(
    model: object, *, name: str = "model", data_dim: int | None = None, device: str | torch.device | None = None
) -> VAE:
    """The model as it is measured: in evaluation mode, in float32 or float64, and not changed by that.

    Args:
        model: As :func:`as_vae` takes it.
        name: What errors call it.
        data_dim: D, where the caller knows it.
        device: Where to measure; by default where the model is.

    Returns:
        A copy, or a VAE of ours itself that is all this already.

    Raises:
        ValueError: As :func:`as_vae` says, or it cannot be copied.
    """
    found = as_vae(model, name=name, data_dim=data_dim)
    place = found.device if device is None else torch.device(device)
    if type(found) is VAE and found.dtype in PRECISIONS and found.device == place:
        return found

    duplicate: VAE = _copy(found, name)
    for part in duplicate.modules():
        part.training = False
    if found.dtype not in PRECISIONS:
        duplicate = duplicate.float()
    return duplicate.to(place)


def points_for(model: nn.Module, value: Any, *, name: str = "x") -> Tensor:
    """Points, a tensor, an array or lists, on the model's device and with its precision; gradients flow through.

    Args:
        model: A VAE, or another module, whose D is not asked for.
        value: The points, shape (N, D).
        name: What errors call them.

    Raises:
        ValueError: They are not finite numbers of shape (N, D), or are not in the model's precision.
    """
    checked = checks.points(name, value, dim=model.data_dim if isinstance(model, VAE) else None)
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    has_gradient = isinstance(value, Tensor) and value.requires_grad
    x = (value if has_gradient else checked).to(like.device, like.dtype)
    if not bool(torch.isfinite(x).all()):
        raise checks.NotFiniteError(
            f"{name} must be finite in the model's precision, {x.dtype}; its largest is {checked.abs().max():g}.",
            name=name,
        )
    return x


def _says_its_dimensions(model: VAE) -> bool:
    """Whether a VAE was made by its own constructor; a subclass may have left it out."""
    return all(hasattr(model, name) for name in ("data_dim", "latent_dim", "prior", "decoder_logvar", "_sigma"))


@ordinary_modes()
def _find_dimensions(module: nn.Module, name: str, data_dim: int | None) -> tuple[int, int]:
    """D and L of a module, by asking a copy of it: the module may count, or keep, what it is asked."""
    asked = _copy(module, name)
    for part in asked.modules():
        part.training = False

    weights = (p for p in asked.parameters() if p.is_floating_point())
    like = next(weights, torch.empty(0))
    candidates = _likely_data_dims(asked)
    if data_dim is not None:
        candidates = [data_dim, *candidates]
    failures: list[ValueError] = []
    with torch.random.fork_rng([]):
        for dim in candidates:
            try:
                mu, _ = _encode(asked, torch.zeros(2, dim, dtype=like.dtype, device=like.device), name)
                decoded = _decode(asked, mu, name)
            except ValueError as error:
                failures.append(error)
                continue
            if decoded.shape[1] == dim:
                return dim, mu.shape[1]
            failures.append(
                ValueError(f"{name}.decode must return points of {dim} coordinates; got shape {tuple(decoded.shape)}.")
            )
    raise failures[0]


def _likely_data_dims(module: nn.Module) -> list[int]:
    """Numbers of coordinates that a module may take, the likeliest first."""
    found = [getattr(module, name, None) for name in ("data_dim", "input_dim", "in_features")]
    found += [getattr(part, "in_features", None) for part in module.modules()]
    known = [dim for dim in found if isinstance(dim, int) and dim > 0]
    return list(dict.fromkeys([*known, 2, 3, 1]))


def _encode(module: Any, x: Tensor, name: str) -> tuple[Tensor, Tensor]:
    found = ask(f"{name}.encode", lambda: module.encode(x))
    fits = isinstance(found, (tuple, list)) and len(found) == 2 and all(isinstance(part, Tensor) for part in found)
    if not fits:
        wanted = "the mean and the log-variance of q(z|x), two tensors of shape (B, L)"
        raise ValueError(f"{name}.encode must return {wanted}; got {_describe(found)}.")

    mu, logvar = found
    if mu.ndim != 2 or mu.shape != logvar.shape or len(mu) != len(x):
        raise ValueError(
            f"{name}.encode must return two tensors of shape ({len(x)}, L) for {len(x)} points; "
            f"got shapes {tuple(mu.shape)} and {tuple(logvar.shape)}."
        )
    return mu, logvar


def _decode(module: Any, z: Tensor, name: str) -> Tensor:
    found = ask(f"{name}.decode", lambda: module.decode(z))
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(z):
        raise ValueError(
            f"{name}.decode must return points, a tensor of shape ({len(z)}, D) for {len(z)} latents; "
            f"got {_describe(found)}."
        )
    return found


def ask(what: str, question: Callable[[], Any]) -> Any:
    """The answer of a module that somebody else wrote; what it raises is told in one line."""
    try:
        return question()
    except checks.NotFiniteError:
        raise
    except Exception as error:  # Any code may be in there.
        reason = " ".join(str(error).split())
        raise ValueError(f"{what} failed: {type(error).__name__}: {reason:.200}") from error


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"shape {tuple(value.shape)}"
    return f"a value of type {type(value).__name__}"


def _prior_of(module: nn.Module, name: str, latent_dim: int) -> Prior:
    prior = getattr(module, "prior", None)
    if prior is None:
        return StandardNormal(latent_dim)
    if isinstance(prior, Normal) and bool((prior.loc == 0).all() and (prior.scale == 1).all()):
        return StandardNormal(latent_dim)
    if isinstance(prior, TorchDistribution):
        return DistributionPrior(prior, latent_dim)
    if not isinstance(prior, Prior):
        wanted = "a swissroll.model.Prior, a torch.distributions.Distribution, or None for N(0, I)"
        raise ValueError(f"{name}.prior must be {wanted}; got {_describe(prior)}.")
    if prior.latent_dim != latent_dim:
        raise ValueError(f"{name}.prior has {prior.latent_dim} latent dimensions; {name}.encode returns {latent_dim}.")
    return prior


def _scalar_of(module: Any, name: str) -> nn.Parameter | None:
    """The learned log-variance of p(x|z), where a module has one."""
    logvar = getattr(module, "decoder_logvar", None)
    if logvar is None:
        return None
    if not isinstance(logvar, nn.Parameter) or logvar.numel() != 1:
        raise ValueError(f"{name}.decoder_logvar must be a parameter of one number; got {_describe(logvar)}.")
    return logvar


def _sigma_of(module: nn.Module, name: str) -> float | None:
    """The fixed standard deviation of p(x|z), where a module has one."""
    sigma = getattr(module, "decoder_sigma", None)
    if sigma is None:
        return None
    checks.real(f"{name}.decoder_sigma", sigma, 0, 1e100)
    return float(sigma)


def _copy(module: Any, name: str) -> Any:
    """A deep copy; tensors that a module stored on the way, which PyTorch does not copy, are copied as values."""
    memo: dict[int, Any] = {}
    for part in module.modules():
        for value in _stored_tensors(vars(part)):
            if not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:  # Any object may be in there.
        reason = " ".join(str(error).split())
        raise ValueError(f"{name} cannot be copied to measure it: {type(error).__name__}: {reason:.200}") from error


def _stored_tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _stored_tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _stored_tensors(item)
