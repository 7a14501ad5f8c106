"""Somebody's solution in this process: its file is read, its functions are found, and it becomes a model and a loss.

A run is trained with it as with any loss and model of one's own. The student's code runs here, without a sandbox, as it
does in the student's own notebook.
"""

from __future__ import annotations

import ast
import random
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
import torch
from torch import Generator, Tensor, nn

from swissroll.config import Config
from swissroll.exercise.asking import Found, find
from swissroll.exercise.asking.errors import as_answer
from swissroll.exercise.asking.finding import names_of, roles_of
from swissroll.exercise.asking.loss import first_tensor
from swissroll.exercise.asking.randomness import own_random_numbers, seed_everything
from swissroll.exercise.submission import Submission, read_submission
from swissroll.model.latents import lend_to_global
from swissroll.model.loss import Loss
from swissroll.model.terms import LossTerms
from swissroll.model.vae import VAE
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.training.build import build_model, held_out_points, loss_of

TRIED_POINTS = 128
"""Points on which a solution is tried before anything is trained with it."""
SETTINGS = {
    "components": (0,),
    "decoder_variance": ("fixed",),
    "free_bits": (0.0,),
    "max_error": (None,),
    "importance_samples": (1,),
    "mmd_weight": (0.0,),
    "posterior": ("diagonal",),
    "prior": ("gaussians",),
    "refit_prior": (False,),
    "engine": ("auto", "torch"),
    "device": ("auto", "cpu"),
    "dataset": ("swiss_roll", "moons", "circles", "spirals"),
}
"""What the exercise's code can be trained with: points of the plane, a standard normal prior, PyTorch on the CPU."""


class SolutionError(ValueError):
    """A solution that cannot be used; says why in one line."""


@dataclass(frozen=True)
class Solution:
    """A solution's parts, as functions of this process.

    Attributes:
        submission: Its code.
        found: Its parts.
    """

    submission: Submission
    found: Found

    @classmethod
    def of(cls, submission: Submission) -> Self:
        """Run the imports, functions, classes and constants of a submission.

        Raises:
            SolutionError: It has no loss or no sampler.
        """
        namespace, problem = _run(submission)
        found = find(namespace)
        missing = []
        if found.reparameterize is None and found.vae is None:
            missing.append("reparameterize")
        if found.loss is None:
            missing.append("compute_vae_loss")
        if missing:
            why = f" ({problem})" if problem else ""
            raise SolutionError(f"{submission.name} has no {' and no '.join(missing)}{why}. Name them so.")
        return cls(submission, found)

    @property
    def name(self) -> str:
        """Name of its file."""
        return self.submission.name

    def make_model(self, config: Config) -> SolutionVAE:
        """The solution's VAE with the weights that a config starts from."""
        return SolutionVAE(self, config)

    def make_loss(self, config: Config) -> SolutionLoss:
        """The solution's loss in the place of a config's."""
        own = loss_of(config)
        return SolutionLoss(
            beta=own.beta,
            data_dim=own.data_dim,
            latent_dim=own.latent_dim,
            reduction=own.reduction,
            solution=self,
        )

    @ordinary_modes(gradients=True)
    def rehearse(self, config: Config) -> None:
        """Take the gradient of the solution's loss once, so that what is wrong is known before anything is trained.

        Raises:
            SolutionError: It raises, or its loss is no finite number that depends on the weights.
        """
        model = self.make_model(config)
        x = held_out_points(config, TRIED_POINTS).points
        self._require_shapes(model, x)
        terms = self.make_loss(config).evaluate(model, x, generator=Generator().manual_seed(config.seed))
        if not bool(torch.isfinite(terms.loss)):
            raise SolutionError(f"{self.name}: the loss of the untrained model is {terms.loss.item()}, not a number.")
        try:
            terms.loss.backward()
        except Exception as error:  # Anything may be in the graph, such as values that were changed in place.
            self.explain(error)

    def _require_shapes(self, model: SolutionVAE, x: Tensor) -> None:
        """Require one latent and one reconstruction for each point: a run measures them, after many steps."""
        try:
            with own_random_numbers(), torch.no_grad():
                mu, logvar = model.encode(x)
                z = model.reparameterize(mu, logvar)
                recon = model.decode(z)
        except Exception as error:  # Anything may be raised by somebody else's code.
            self.explain(error)
        of_latents = (len(x), model.latent_dim)
        wanted = {
            "mu": of_latents,
            "logvar": of_latents,
            "the latent": of_latents,
            "the reconstruction": tuple(x.shape),
        }
        for (name, shape), part in zip(wanted.items(), (mu, logvar, z, recon), strict=True):
            if tuple(part.shape) != shape:
                raise SolutionError(
                    f"{self.name}: for {len(x)} points {name} has the shape {tuple(part.shape)}; {shape} is needed."
                )

    def notes(self, config: Config) -> list[str]:
        """What there is to say of the file, and of how it fits a config, one sentence each."""
        told = list(self.submission.notes)
        if self.found.vae is not None and self.make_model(config).own is None:
            told.append(
                f"the VAE of {self.name} has other layers than a run of depth {config.depth}: the run's own layers are "
                "trained, with its reparameterize and loss."
            )
        return told

    def explain(self, error: Exception) -> NoReturn:
        """Raise what somebody else's code raised, as one line with its place there."""
        if isinstance(error, SolutionError):
            raise error
        told = as_answer(error, self.found)
        place = self.submission.place(told["line"])
        where = f", {place}" if place else ""
        raise SolutionError(f"{self.name}{where}: {told['error']}: {told['message']}") from None


def read_solution(path: Path) -> Solution:
    """Read a notebook or a Python file, and run its imports, functions, classes and constants.

    Raises:
        SubmissionError: It holds no code.
        SolutionError: It has no loss or no sampler.
    """
    return Solution.of(read_submission(path))


def _run(submission: Submission) -> tuple[dict[str, Any], str]:
    """The names that a submission defines, and the first thing that went wrong."""
    module = types.ModuleType("solution")
    # Classes and their parents are looked up there.
    sys.modules[module.__name__] = module
    statements = ast.parse(submission.source).body
    problem = ""
    for statement in (statements[place] for place in submission.keep):
        code = compile(ast.Module([statement], []), f"<{submission.name}>", "exec")
        try:
            exec(code, vars(module))  # noqa: S102  The student's own code on the student's own machine.
        except (Exception, SystemExit) as error:  # What else is there may be whole.
            place = submission.place(statement.lineno)
            problem = problem or f"{place}: {type(error).__name__}: {' '.join(str(error).split())}"[:300]
    return vars(module), problem


def require_settings(config: Config) -> None:
    """Require settings that a solution to the exercise can be trained with; raises ValueError otherwise."""
    if config.data is not None:
        raise ValueError("A solution to the exercise is trained on a dataset, not on a table. Leave out data.")
    for name, allowed in SETTINGS.items():
        value = getattr(config, name)
        if value not in allowed:
            words = " or ".join(str(one) for one in allowed)
            raise ValueError(f"A solution to the exercise is trained with {name} {words}; got {value}.")


class SolutionVAE(VAE):
    """The VAE of a config, computed by a solution's code.

    The solution's own VAE computes with the weights of this one, where it has layers of the same shapes. Otherwise the
    layers are those of the config, and the sampler is the solution's.

    Args:
        solution: The solution.
        config: The settings.

    Attributes:
        solution, config: As above.
        own: The solution's VAE, or None where its layers differ.
    """

    solution: Solution
    config: Config
    own: Any

    def __init__(self, solution: Solution, config: Config) -> None:
        right = build_model(config)
        super().__init__(
            config.latent_dim,
            config.hidden_dim,
            data_dim=right.data_dim,
            depth=config.depth,
            activation=config.activation,
            decoder_sigma=right.decoder_sigma,
            generator=Generator().manual_seed(0),
        )
        self.load_state_dict(right.state_dict())
        self.distribution = right.distribution

        # Not as modules: these have the same weights, and would be counted and saved twice.
        vars(self)["solution"] = solution
        vars(self)["config"] = config
        vars(self)["own"] = _own_model(solution, config, self)

    def __deepcopy__(self, memo: dict[int, Any]) -> SolutionVAE:
        """A new one with the same weights: what a solution stored on the way may not be copied."""
        duplicate = SolutionVAE(self.solution, self.config)
        duplicate.load_state_dict(self.state_dict())
        duplicate.decoder_sigma = self.decoder_sigma
        duplicate.train(self.training)
        memo[id(self)] = duplicate
        return duplicate

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the solution encodes points as: the mean and what it calls the log-variance."""
        own = self._own_with("encode")
        if own is None:
            return super().encode(x)
        mu, head = own.encode(x)
        return mu, head

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:  # type: ignore[override]
        """A draw of the solution's sampler, from PyTorch's global generator."""
        found = self.solution.found
        drawn: Tensor
        if found.reparameterize is None:
            drawn = super().reparameterize(mu, logvar)
        elif found.is_method:
            drawn = found.reparameterize(self._own_with("encoder") or self, mu, logvar)
        else:
            drawn = found.reparameterize(mu, logvar)
        return drawn

    def decode(self, z: Tensor) -> Tensor:
        """What the solution decodes latents to."""
        own = self._own_with("decode")
        decoded: Tensor = super().decode(z) if own is None else own.decode(z)
        return decoded

    def _own_with(self, name: str) -> Any:
        """The solution's own VAE in this one's mode, where it has a method."""
        own = self.own
        if own is None or not callable(getattr(own, name, None)):
            return None
        if own.training != self.training:
            own.train(self.training)
        return own


def _own_model(solution: Solution, config: Config, model: VAE) -> nn.Module | None:
    """The solution's VAE with the weights of a model in the place of its own; None where they do not fit."""
    vae = solution.found.vae
    if vae is None:
        return None
    names = names_of(vae)
    sizes = {"latent_dim": config.latent_dim, "hidden_dim": config.hidden_dim}
    with own_random_numbers():
        seed_everything(config.seed)
        try:
            own = vae(**{name: size for name, size in sizes.items() if name in names})
        except Exception as error:  # Anything may be raised by somebody else's code.
            solution.explain(error)
    return own if _share_weights(model, own) else None


def _share_weights(model: nn.Module, own: nn.Module) -> bool:
    """Make a module compute with the weights of another, by their names or by their order; says whether they fit."""
    weights = dict(model.named_parameters())
    places = dict(own.named_parameters())
    if weights.keys() != places.keys():
        places = dict(zip(weights, places.values(), strict=False)) if len(weights) == len(places) else {}
        order = dict(zip(weights, dict(own.named_parameters()), strict=False))
    else:
        order = {name: name for name in weights}
    if not places or any(weights[name].shape != places[name].shape for name in weights):
        return False

    for name, place in order.items():
        owner, _, attribute = place.rpartition(".")
        setattr(own.get_submodule(owner), attribute, weights[name])
    return True


@dataclass(frozen=True, kw_only=True)
class SolutionLoss(Loss):
    """A solution's loss, which training descends.

    The two terms beside it in a run's history are what they are in truth: the error of a draw of the solution's
    sampler, and the KL divergence of N(mu, exp(logvar)) from the prior.

    Attributes:
        solution: The solution.
    """

    solution: Solution

    def evaluate(
        self, model: VAE, x: Tensor, *, generator: Generator | None = None, beta: float | None = None
    ) -> LossTerms[Tensor]:
        """As :meth:`Loss.evaluate`; the noise is that of PyTorch's global generator, lent from this one.

        Raises:
            SolutionError: The solution raises, or returns something else than one number with a gradient.
        """
        source = torch.default_generator if generator is None else generator
        again = Generator().set_state(source.get_state())
        try:
            with _noise_from(source, x):
                loss = self._compute(model, x, self.beta if beta is None else beta)
            with torch.no_grad(), _noise_from(again, x):
                terms = super().evaluate(model, x, beta=beta)
        except Exception as error:  # Anything may be raised by somebody else's code.
            self.solution.explain(error)
        return LossTerms(loss=loss, mse=terms.mse, kl=terms.kl)

    def _compute(self, model: VAE, x: Tensor, beta: float) -> Tensor:
        found = self.solution.found
        function: Callable[..., Any] = found.loss  # type: ignore[assignment]
        roles = roles_of(function)
        own = getattr(model, "own", None)
        values: dict[str, Any] = {"model": model if own is None else own, "x": x, "beta": beta}
        if "recon" in roles.values():
            values["recon"], values["mu"], values["head"] = model(x) if own is None else own(x)

        returned = function(**{name: values[role] for name, role in roles.items()})
        loss = first_tensor(returned)
        what = f"{self.solution.name}: {getattr(function, '__name__', 'the loss')}"
        if loss.numel() != 1:
            raise SolutionError(f"{what} returned a tensor of shape {tuple(loss.shape)}; one number is needed.")
        if torch.is_grad_enabled() and not loss.requires_grad:
            raise SolutionError(f"{what} returned a number that does not depend on the weights: it has no gradient.")
        return loss.reshape(()).to(x.dtype)


@contextmanager
def _noise_from(generator: Generator, x: Tensor) -> Iterator[None]:
    """Every global source of random numbers draws what follows from a generator and the points; the caller's stay."""
    with own_random_numbers(), lend_to_global(generator):
        # A solution may draw from NumPy or from Python. The points differ in each step, and a run repeats them.
        seed = zlib.crc32(x.detach().numpy().tobytes())
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        yield
