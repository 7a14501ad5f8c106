"""A VAE of a table: its network computes in model coordinates, and all that goes in and out is in data units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from swissroll import checks
from swissroll.data.standardization import Standardization, multiply_rows
from swissroll.model.vae import VAE

PREFIX = "standardization."
"""How the names of a standardization begin among the weights."""


class StandardizedVAE(nn.Module):
    """A VAE and the map between data units and the model coordinates that it computes in.

    Its ``state_dict`` is the VAE's, with ``standardization.mean``, ``.scale`` and, where there is one, ``.whitening``
    beside it, in float64: so a plain VAE's weights and the map lie in one file.

    Args:
        vae: The model, in model coordinates.
        standardization: The map, of as many columns.

    Raises:
        ValueError: The two are of different dimensions.
    """

    def __init__(self, vae: VAE, standardization: Standardization) -> None:
        super().__init__()
        checks.instance("vae", vae, VAE, "a swissroll.VAE")
        checks.instance("standardization", standardization, Standardization, "a swissroll.data.Standardization")
        if vae.data_dim != standardization.data_dim:
            raise ValueError(
                f"the VAE has {vae.data_dim} coordinates and the standardization {standardization.data_dim}."
            )
        self.vae = vae
        self.standardization = standardization
        # PyTorch's hooks have no types.
        hooks: Any = self
        hooks.register_state_dict_post_hook(_name_as_vae)
        hooks.register_load_state_dict_pre_hook(_take_standardization)

    @property
    def data_dim(self) -> int:
        """D, columns of a row."""
        return self.vae.data_dim

    @property
    def latent_dim(self) -> int:
        """L, dimensions of the latent space."""
        return self.vae.latent_dim

    @property
    def decoder_sigma(self) -> Tensor | None:
        """Standard deviation of p(x|z) in each column, in data units, shape (D,), float64; None where not known."""
        sigma = self.vae.decoder_sigma
        return None if sigma is None else sigma * torch.from_numpy(self.standardization.noise_scale)

    def given(self, label: int | Tensor) -> StandardizedVAE:
        """The model under a label, as :meth:`swissroll.VAE.given` says."""
        return StandardizedVAE(self.vae.given(label), self.standardization)

    def standardize(self, x: Tensor) -> Tensor:
        """Model coordinates of rows in data units, both (B, D), with the precision of the weights."""
        wide = x.to(self.vae.device, torch.float64)
        mean, scale, whitening = self._map(wide.device)
        z = (wide - mean) / scale
        if whitening is not None:
            z = multiply_rows(z, whitening)
        return z.to(self.vae.dtype)

    def restore(self, z: Tensor) -> Tensor:
        """Rows in data units from model coordinates, both (B, D); float64."""
        wide = z.to(torch.float64)
        mean, scale, whitening = self._map(wide.device)
        if whitening is not None:
            wide = multiply_rows(wide, torch.linalg.inv(whitening))
        return wide * scale + mean

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each of shape (B, L), for rows of shape (B, D) in data units."""
        return self.vae.encode(self.standardize(x))

    def decode(self, z: Tensor) -> Tensor:
        """Mean of p(x|z), shape (B, D), float64, in data units, for latents of shape (B, L)."""
        return self.restore(self.vae.decode(z))

    def forward(self, x: Tensor, *, generator: Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Encode, draw one z per row, decode; as :meth:`swissroll.VAE.forward`, with rows in data units."""
        reconstructed, mu, logvar = self.vae(self.standardize(x), generator=generator)
        return self.restore(reconstructed), mu, logvar

    @torch.no_grad()
    def reconstruct(self, x: Any, *, sampled: bool = False, generator: Generator | None = None) -> Tensor:
        """Decode the posterior mean of every row, or one draw from its posterior; shape (B, D), in data units."""
        rows = checks.points("x", x, dim=self.data_dim)
        return self.restore(self.vae.reconstruct(self.standardize(rows), sampled=sampled, generator=generator))

    @torch.no_grad()
    def sample(self, n: int, *, noise: bool = False, generator: Generator | None = None) -> Tensor:
        """Draw rows from the model, shape (n, D), float64, in data units.

        Args:
            n: Number of rows, at least 1.
            noise: Add the decoder's noise, as p(x) itself does; without it the rows are means of p(x|z).
            generator: Source of randomness; PyTorch's global one by default.

        Raises:
            ValueError: n is below 1, or the decoder's standard deviation is not known.
        """
        return self.restore(self.vae.sample(n, noise=noise, generator=generator))

    def _map(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor | None]:
        return (
            torch.tensor(self.standardization.mean, dtype=torch.float64, device=device),
            torch.tensor(self.standardization.scale, dtype=torch.float64, device=device),
            None
            if self.standardization.whitening is None
            else torch.tensor(self.standardization.whitening, dtype=torch.float64, device=device),
        )


def standardization_state(standardization: Standardization) -> dict[str, Tensor]:
    """A standardization as tensors, float64, by the names that they have among weights."""
    state = {
        PREFIX + "mean": torch.tensor(standardization.mean, dtype=torch.float64),
        PREFIX + "scale": torch.tensor(standardization.scale, dtype=torch.float64),
    }
    if standardization.whitening is not None:
        state[PREFIX + "whitening"] = torch.tensor(standardization.whitening, dtype=torch.float64)
    return state


def split_state(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Standardization | None]:
    """The weights of a VAE, and the standardization that lies beside them; None where there is none.

    Raises:
        ValueError: What lies there is none.
    """
    beside = {name: values for name, values in state.items() if name.startswith(PREFIX)}
    weights = {name: values for name, values in state.items() if name not in beside}
    return weights, standardization_from(beside) if beside else None


def standardization_from(state: Mapping[str, Tensor]) -> Standardization:
    """The standardization that lies among weights.

    Raises:
        KeyError: There is none.
        ValueError: It is not one.
    """
    mean = tuple(np.asarray(state[PREFIX + "mean"], dtype=np.float64).tolist())
    scale = tuple(np.asarray(state[PREFIX + "scale"], dtype=np.float64).tolist())
    rows = state.get(PREFIX + "whitening")
    whitening = None if rows is None else tuple(map(tuple, np.asarray(rows, dtype=np.float64).tolist()))
    return Standardization(mean, scale, whitening)


def _name_as_vae(module: StandardizedVAE, state: Any, prefix: str, metadata: Any) -> None:
    """Name the weights as the VAE alone does, and lay the standardization beside them."""
    del metadata
    inside = prefix + "vae."
    for name in [name for name in state if name.startswith(inside)]:
        state[prefix + name.removeprefix(inside)] = state.pop(name)
    for name, values in standardization_state(module.standardization).items():
        state[prefix + name] = values


def _take_standardization(
    module: StandardizedVAE, state: Any, prefix: str, metadata: Any, strict: bool, missing: list[str], *others: Any
) -> None:
    """Take the standardization out of a state, and name its weights as those of a part."""
    del metadata, others
    own = [name for name in state if name.startswith(prefix)]
    taken = {name.removeprefix(prefix): state.pop(name) for name in own}
    found = {name: taken.pop(name) for name in list(taken) if name.startswith(PREFIX)}
    for name, values in taken.items():
        state[f"{prefix}vae.{name}"] = values
    try:
        module.standardization = standardization_from(found)
    except KeyError as error:
        if strict:
            missing.append(prefix + str(error.args[0]))
