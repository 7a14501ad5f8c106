"""The model: an encoder for q(z|x), a decoder for p(x|z), and a prior p(z).

    q(z|x) = N(mu(x), diag exp(logvar(x)))      z = mu + exp(logvar / 2) * eps,  eps ~ N(0, I)
                                                (or a full covariance: :mod:`swissroll.model.posterior`)
    p(x|z) = N(decode(z), decoder_sigma^2 I)

Source: Kingma and Welling (2014), "Auto-Encoding Variational Bayes".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
from torch import Generator, Tensor, nn

from swissroll import checks
from swissroll.config import MAX_COMPONENTS, Activation, Initialization, PosteriorCovariance, PriorFamily
from swissroll.data import Distribution
from swissroll.model.conditional import Conditional
from swissroll.model.posterior import Posterior, cholesky_factor
from swissroll.model.prior import Prior, make_prior
from swissroll.model.terms import sigma_of

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}
START_VARIANCE = 0.005
"""Where a learned variance starts: the one that the notebook's loss implies. From 1, the posterior collapses first."""


class VAE(Conditional):
    """A variational autoencoder with fully connected encoder and decoder.

    Args:
        latent_dim: L, dimensions of the latent space, at least 1.
        hidden_dim: Units in each hidden layer, at least 1.
        data_dim: D, coordinates of a point, at least 1.
        depth: Hidden layers in the encoder and as many in the decoder; 0 makes a linear VAE.
        activation: Nonlinearity of the hidden layers.
        initialization: 'default' is PyTorch's; 'he' draws the hidden layers' weights from N(0, 2 / inputs), biases 0.
        posterior: Covariance of q(z|x), 'diagonal' or 'full'; a full one has a layer ``fc_lower`` beside the others.
        components: Gaussians in a learned mixture prior; 0 is the standard normal prior.
        prior: Family of the prior: 'gaussians', or a 'flow', which needs zuko.
        decoder_sigma: Standard deviation of p(x|z), in data units; only draws with noise need it.
        learned_variance: Make it a weight instead, ``decoder_logvar``, which training moves; it starts at 0.005.
        tracked_variance: Keep it beside the weights instead, as ``tracked_logvar``, for losses that find it without a
            gradient; it starts at that of ``decoder_sigma``, or at 0.005.
        label_shares: Share of each label among the data, C numbers above 0 that sum to 1. They make the model
            conditional: its encoder and its decoder take a label beside their input, so that it is one of q(z|x, c) and
            p(x|z, c), with the prior p(z) for all labels. :meth:`given` says which label.
        generator: Source of the initial weights; PyTorch's global one by default. The same seed gives the same
            weights either way.

    Attributes:
        distribution: What the points come from that it is trained on, where that is known.

    Raises:
        ValueError: An argument is outside its range.
    """

    distribution: Distribution | None = None

    @torch.inference_mode(False)
    def __init__(
        self,
        latent_dim: int = 2,
        hidden_dim: int = 256,
        *,
        data_dim: int = 2,
        depth: int = 3,
        activation: Activation = "relu",
        initialization: Initialization = "default",
        posterior: PosteriorCovariance = "diagonal",
        components: int = 0,
        prior: PriorFamily = "gaussians",
        decoder_sigma: float | None = None,
        learned_variance: bool = False,
        tracked_variance: bool = False,
        label_shares: Sequence[float] | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(label_shares)
        checks.whole("latent_dim", latent_dim, 1, 10**6)
        checks.whole("hidden_dim", hidden_dim, 1, 10**6)
        checks.whole("data_dim", data_dim, 1, 10**6)
        checks.whole("depth", depth, 0, 1000)
        checks.one_of("activation", activation, get_args(Activation))
        checks.one_of("initialization", initialization, get_args(Initialization))
        checks.one_of("posterior", posterior, get_args(PosteriorCovariance))
        checks.whole("components", components, 0, MAX_COMPONENTS)
        checks.flag("learned_variance", learned_variance)
        checks.flag("tracked_variance", tracked_variance)
        if learned_variance and tracked_variance:
            raise ValueError("learned_variance and tracked_variance both find the variance; leave out one of them.")
        checks.generator("generator", generator)
        if decoder_sigma is not None:
            checks.real("decoder_sigma", decoder_sigma, 0, 1e100)
            if learned_variance:
                raise ValueError("decoder_sigma and learned_variance both choose the variance; leave out one of them.")

        self.latent_dim = latent_dim
        self.hidden_dim = hidden_dim
        self.data_dim = data_dim
        self.depth = depth
        self.activation = activation
        self._sigma = decoder_sigma

        rows = data_dim + self.label_count
        latents = latent_dim + self.label_count

        # Created in the notebook's order, so that one seed gives the notebook's weights.
        self.encoder = _hidden_layers(rows, hidden_dim, depth, activation, generator)
        features = hidden_dim if depth else rows
        self.fc_mu = _linear(features, latent_dim, generator)
        self.fc_logvar = _linear(features, latent_dim, generator)
        self.decoder = _hidden_layers(latents, hidden_dim, depth, activation, generator)
        self.decoder.append(_linear(hidden_dim if depth else latents, data_dim, generator))

        if initialization == "he":
            _he_initialize(list(self.encoder), generator)
            _he_initialize(list(self.decoder)[:-1], generator)

        self.prior: Prior = make_prior(latent_dim, components, family=prior, generator=generator)

        # Log-variance of p(x|z), where it is learned.
        self.decoder_logvar = nn.Parameter(torch.tensor(math.log(START_VARIANCE))) if learned_variance else None

        # The same, where training finds it without a gradient.
        self.tracked_logvar: Tensor | None
        self.register_buffer("tracked_logvar", torch.tensor(math.log(START_VARIANCE)) if tracked_variance else None)
        if tracked_variance and decoder_sigma is not None:
            self.decoder_sigma = decoder_sigma

        # How latents go together in q(z|x), at first not at all. Made last, so that all else starts the same.
        self.fc_lower: nn.Linear | None = None
        if posterior == "full":
            self.fc_lower = _zeros(features, latent_dim * (latent_dim - 1) // 2)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights; without weights, PyTorch's default."""
        weights = (p.dtype for p in self.parameters() if p.is_floating_point())
        return next(weights, torch.get_default_dtype())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    def like_weights(self, values: Tensor) -> Tensor:
        """Values on the device of the weights and with their precision; gradients flow through."""
        return values.to(self.device, self.dtype)

    @property
    def decoder_sigma(self) -> float | None:
        """Standard deviation of p(x|z), in data units, where it is known; one that is learned cannot be set."""
        found = self.decoder_logvar if self.tracked_logvar is None else self.tracked_logvar
        return self._sigma if found is None else sigma_of(found.item())

    @decoder_sigma.setter
    def decoder_sigma(self, sigma: float | None) -> None:
        if self.decoder_logvar is not None:
            raise ValueError("This model learned its decoder's variance; make one without learned_variance to set it.")
        if self.tracked_logvar is None:
            self._sigma = sigma
            return
        checks.real("decoder_sigma", sigma, 0, 1e100, open_low=True)
        self.tracked_logvar.fill_(2 * math.log(sigma or 1.0))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each of shape (B, L), for points of shape (B, D)."""
        if self.fc_lower is not None:
            whole = self.posterior(x)
            return whole.mu, whole.logvar
        h = self.encoder(self._beside_label(x))
        return self.fc_mu(h), self.fc_logvar(h)

    def posterior(self, x: Tensor) -> Posterior:
        """q(z|x) of points of shape (B, D); with a full covariance it says more than :meth:`encode`."""
        if self.fc_lower is None:
            return Posterior(*self.encode(x))
        h = self.encoder(self._beside_label(x))
        return Posterior.of_factor(self.fc_mu(h), cholesky_factor(self.fc_logvar(h), self.fc_lower(h)))

    def reparameterize(self, mu: Tensor, logvar: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Draw z ~ N(mu, exp(logvar)) so that gradients reach mu and logvar; all shapes (B, L).

        The noise does not depend on the weights, so z is a differentiable function of mu and logvar.
        """
        # z = mu + sigma eps, with sigma = exp(logvar / 2) and eps ~ N(0, I)
        std = torch.exp(0.5 * logvar)
        # Drawn by shape: randn_like takes no generator.
        eps = torch.randn(std.shape, generator=generator, dtype=std.dtype, device=std.device)
        return mu + eps * std

    def decode(self, z: Tensor) -> Tensor:
        """Mean of p(x|z), shape (B, D), for latents of shape (B, L)."""
        decoded: Tensor = self.decoder(self._beside_label(z))
        return decoded

    def forward(self, x: Tensor, *, generator: Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Encode, draw one z per point, decode.

        Args:
            x: Points, shape (B, D).
            generator: Source of the latent noise; PyTorch's global one by default.

        Returns:
            Reconstructions, shape (B, D), and the mean and log-variance of q(z|x), each of shape (B, L).
        """
        posterior = self.posterior(x)
        z = posterior.draw(self, generator=generator)
        return self.decode(z), posterior.mu, posterior.logvar

    @torch.no_grad()
    def reconstruct(self, x: Any, *, sampled: bool = False, generator: Generator | None = None) -> Tensor:
        """Decode the posterior mean of every point, or one draw from its posterior; shape (B, D)."""
        checks.flag("sampled", sampled)
        checks.generator("generator", generator)
        posterior = self.posterior(self.like_weights(checks.points("x", x, dim=self.data_dim)))
        z = posterior.draw(self, generator=generator) if sampled else posterior.mu
        return self.decode(z)

    @torch.no_grad()
    def sample(self, n: int, *, noise: bool = False, generator: Generator | None = None) -> Tensor:
        """Draw from the model: z from the prior through the decoder.

        Args:
            n: Number of points, at least 1.
            noise: Add the decoder's noise, as p(x) itself does; without it the points are means of p(x|z).
            generator: Source of randomness; PyTorch's global one by default.

        Returns:
            Points, shape (n, D), in data units.

        Raises:
            ValueError: n is below 1, or noise is asked of a model whose decoder_sigma is not set.
        """
        checks.whole("n", n, 1, 10**9)
        checks.flag("noise", noise)
        checks.generator("generator", generator)
        if noise and self.decoder_sigma is None:
            raise ValueError(
                "noise=True needs the decoder's standard deviation; set model.decoder_sigma, "
                "for example to swissroll.translate(beta, 'mean', D, L).sigma."
            )

        z = self.draw_prior(n, generator=generator)
        x = self.given_draws(n, generator=generator).decode(z)

        if noise and self.decoder_sigma is not None:
            eps = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
            x = x + self.decoder_sigma * eps
        return x

    @torch.no_grad()
    def draw_prior(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """Draw latents from the prior, shape (n, L), as the decoder takes them."""
        like = torch.empty(0, dtype=self.dtype, device=self.device)
        return self.like_weights(self.prior.sample(n, like=like, generator=generator))

    @torch.no_grad()
    def decode_grid(self, size: int = 31, extent: float = 2.0, *, dims: tuple[int, ...] = (0, 1)) -> Tensor:
        """Decode a square grid of the latent plane, the first coordinate varying slowest.

        Args:
            size: Grid points per side, at least 1.
            extent: The grid covers [-extent, extent] in two latent dimensions; the others are 0.
            dims: Those two, different ones below L; a single latent dimension needs none.

        A conditional model decodes the points of the grid under its labels in turn, unless it is given one.

        Returns:
            Points, shape (size**2, D); for a single latent dimension, shape (size**2, D) along its line.
        """
        z = latent_grid(size, extent, self.latent_dim, dims)
        return self._given_in_turn(len(z)).decode(self.like_weights(z))

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Say beside the weights, in metadata that other modules pass over, what the weights do not show."""
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination._metadata[prefix[:-1]]["activation"] = self.activation

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *others: Any) -> None:
        """Refuse weights that are known to be of another activation; those of plain modules do not say."""
        activation = local_metadata.get("activation", self.activation)
        if activation != self.activation:
            raise ValueError(
                f"These weights are of a VAE with activation={activation!r}, and this one has {self.activation!r}. "
                f"Make it as VAE(..., activation={activation!r})."
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


def latent_grid(size: int, extent: float, latent_dim: int, dims: tuple[int, ...] = (0, 1)) -> Tensor:
    """The latents that :meth:`VAE.decode_grid` decodes, shape (size**2, L)."""
    checks.whole("size", size, 1, 10**4)
    checks.real("extent", extent, 0, 1e6, open_low=True)
    z = torch.zeros(size * size, latent_dim, dtype=torch.float32)

    if latent_dim == 1:
        z[:, 0] = torch.linspace(-extent, extent, size * size, dtype=torch.float32)
        return z

    given: object = dims
    chosen = list(given) if isinstance(given, (tuple, list)) else []
    if len(chosen) != 2 or chosen[0] == chosen[1] or any(dim not in range(latent_dim) for dim in chosen):
        found = checks.short(dims)
        raise ValueError(f"dims must be two different latent dimensions below {latent_dim}; got {found}.")

    # NumPy's linspace in double precision, then rounded, has the notebook's bits.
    axis = torch.tensor(np.linspace(-extent, extent, size), dtype=torch.float32)
    z[:, chosen] = torch.cartesian_prod(axis, axis)
    return z


def _hidden_layers(
    inputs: int, width: int, depth: int, activation: Activation, generator: Generator | None
) -> nn.Sequential:
    layers = nn.Sequential()
    for _ in range(depth):
        layers.extend((_linear(inputs, width, generator), ACTIVATIONS[activation]()))
        inputs = width
    return layers


def _linear(inputs: int, outputs: int, generator: Generator | None) -> nn.Linear:
    """A linear layer with PyTorch's default initialisation, drawn from a generator where one is given."""
    if generator is None:
        return nn.Linear(inputs, outputs)
    layer = nn.Linear(inputs, outputs, device="meta")

    # Its to_empty() would import a computer algebra system.
    layer.weight = nn.Parameter(torch.empty(layer.weight.shape, device=generator.device))
    layer.bias = nn.Parameter(torch.empty(layer.bias.shape, device=generator.device))

    # PyTorch draws both from U(-1/sqrt(inputs), 1/sqrt(inputs)).
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    bound = 1 / math.sqrt(inputs)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def _zeros(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer of zeros, which draws nothing."""
    layer = nn.Linear(inputs, outputs, device="meta")
    layer.weight = nn.Parameter(torch.zeros(outputs, inputs))
    layer.bias = nn.Parameter(torch.zeros(outputs))
    return layer


def _he_initialize(layers: list[nn.Module], generator: Generator | None) -> None:
    """Draw weights from N(0, 2 / inputs) and set biases to 0.

    Source: He et al. (2015), "Delving Deep into Rectifiers", equation 10.
    """
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
