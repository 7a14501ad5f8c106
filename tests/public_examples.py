"""A right call of every public function that needs nothing on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import swissroll
from swissroll import VAE, evaluation, model, training
from swissroll.config import Config
from swissroll.data import CURVES, NoisyCurve, open_distribution

ROLL = CURVES["swiss_roll"]
TINY = Config(steps=2, hidden_dim=4, batch_size=4, engine="torch")
LOSS = model.Loss(beta=0.01, data_dim=2, latent_dim=2)

# Numbers that every precision holds exactly.
POINTS = torch.randint(-8, 9, (24, 2), generator=torch.Generator().manual_seed(0)) / 8
OTHERS = POINTS.roll(1, 1) / 2 + 0.25
COORDINATE = torch.arange(24) / 8


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def exact_weights(module: nn.Module) -> nn.Module:
    """The module with weights that bfloat16 holds exactly, small ones, the same for every module of such layers."""
    generator = seeded(1)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randint(-16, 17, weight.shape, generator=generator) / 16)
    return module


def small_vae(**settings: Any) -> VAE:
    vae = VAE(2, 8, depth=1, **settings)
    exact_weights(vae)
    return vae


def kl_divergence_of_a_student(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1)


class Example(NamedTuple):
    """A call that is right."""

    function: Callable[..., Any]
    arguments: dict[str, Any]


def examples() -> dict[str, Example]:
    """A right call of every public function, by its name."""
    vae = small_vae(decoder_sigma=0.5)
    several = [OTHERS, OTHERS + 1]
    found = [
        Example(swissroll.build, {"config": TINY, "loss": None}),
        Example(swissroll.check, {"thing": VAE}),
        Example(swissroll.lint, {"thing": kl_divergence_of_a_student, "loss": None, "data_dim": 2, "seed": 0}),
        Example(swissroll.compute_vae_loss, {"model": vae, "x": POINTS, "beta": 0.01}),
        Example(swissroll.distortion, {"recon_x": OTHERS, "x": POINTS, "sigma": 0.5}),
        Example(swissroll.elbo, {"recon_x": OTHERS, "x": POINTS, "mu": POINTS, "logvar": OTHERS, "sigma": 0.5}),
        Example(evaluation.rows_lower_bound, {"rows": POINTS, "sigma": 0.5, "tolerance": 0.1, "steps": 10}),
        Example(
            swissroll.nll_lower_bound,
            {"curve": ROLL, "sigma": 0.5, "noise": 0.5, "tolerance": 0.1, "steps": 100},
        ),
        Example(swissroll.generate_swiss_roll, {"n_samples": 9}),
        Example(
            swissroll.log_evidence,
            {"model": vae, "x": POINTS[:4], "sigma": 0.5, "tolerance": 0.1, "samples": 10, "generator": None},
        ),
        Example(
            swissroll.measure,
            {"model": vae, "distribution": ROLL, "noise": 0.0, "sigma": 0.0, "n": 100, "seed": 0},
        ),
        Example(swissroll.rate, {"mu": POINTS, "logvar": OTHERS}),
        Example(swissroll.train_vae, {"n_steps": 2, "batch_size": 4, "lr": 0.1, "beta": 0.1, "hidden_dim": 4}),
        Example(
            swissroll.train_vae_with_visualization,
            {"n_steps": 1, "batch_size": 4, "viz_interval": 2, "latent_dim": 2, "hidden_dim": 4},
        ),
        Example(
            swissroll.translate,
            {"beta": 0.1, "reduction": "sum", "data_dim": 2, "latent_dim": 2, "sigma": None, "learned": False},
        ),
        Example(swissroll.visualize_latent_space, {"model": vae, "n_points": 9, "points": None}),
        Example(swissroll.visualize_reconstructions, {"model": vae, "n_points": 9, "points": POINTS}),
        Example(model.make_prior, {"latent_dim": 2, "components": 3, "generator": None}),
        Example(training.build_model, {"config": TINY}),
        Example(training.decide, {"config": TINY}),
        Example(training.evaluate_loss, {"model": vae, "x": POINTS, "loss": LOSS, "seed": 0}),
        Example(training.held_out_points, {"config": TINY, "n": 9}),
        Example(training.loss_of, {"config": TINY}),
        Example(training.train_many, {"configs": [TINY]}),
        Example(
            evaluation.c2st_accuracy,
            {"a": POINTS, "b": OTHERS, "neighbours": 3, "blur": 0.0, "generator": None},
        ),
        Example(evaluation.compare, {"generated": POINTS, "real": OTHERS, "real_again": several}),
        Example(evaluation.continuity, {"mu": POINTS, "t": COORDINATE, "curve": None, "jump": 9.0, "neighbours": 3}),
        Example(evaluation.data_entropy, {"curve": ROLL, "noise": 0.5}),
        Example(evaluation.energy_distance, {"a": POINTS, "b": OTHERS}),
        Example(evaluation.fit, {"curve": ROLL, "points": POINTS, "tolerance": 0.1, "bins": 9}),
        Example(VAE.sample, {"self": vae, "n": 3, "noise": True, "generator": None}),
        Example(VAE.reconstruct, {"self": vae, "x": POINTS, "sampled": True, "generator": None}),
        Example(VAE.decode_grid, {"self": vae, "size": 3, "extent": 1.0, "dims": (0, 1)}),
        Example(evaluation.is_exact, {"model": vae}),
        Example(
            evaluation.measure_evidence,
            {"model": vae, "x": POINTS[:3], "sigma": None, "tolerance": 0.1, "samples": 10},
        ),
        Example(evaluation.mmd, {"a": POINTS, "b": OTHERS, "bandwidth": 0.5}),
        Example(
            evaluation.posterior_on_grid,
            {"model": vae, "x": POINTS[:2], "sigma": 0.5, "size": 9, "extent": 3.0},
        ),
        Example(evaluation.ppca_evidence, {"covariance": POINTS.T @ POINTS, "latent_dim": 1, "sigma": 0.5}),
        Example(evaluation.project, {"curve": ROLL, "points": POINTS}),
        Example(
            evaluation.sliced_wasserstein,
            {"a": POINTS, "b": OTHERS, "projections": 9, "generator": seeded()},
        ),
        Example(evaluation.wasserstein, {"a": POINTS, "b": OTHERS}),
        Example(VAE, {"latent_dim": 2, "hidden_dim": 4, "data_dim": 2, "learned_variance": False, "generator": None}),
        Example(model.Mixture, {"latent_dim": 2, "components": 3, "generator": None}),
        Example(model.StandardNormal, {"latent_dim": 2}),
        Example(model.Loss, {"beta": 0.1, "data_dim": 2, "latent_dim": 2, "reduction": "sum"}),
        Example(evaluation.ReferenceSample, {"real": OTHERS, "real_again": several, "blur": 0.0, "seed": 0}),
        Example(swissroll.Lab, {"start": TINY, "height": 400}),
        Example(NoisyCurve, {"curve": ROLL, "noise": 0.1}),
        Example(open_distribution, {"config": TINY}),
    ]
    return {example.function.__name__: example for example in found}


EXAMPLES = examples()
