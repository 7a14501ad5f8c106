"""Oracles for the fast engine: the reference engine, and a plain loop over the same draws in double precision."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from swissroll.cli.app import main
from swissroll.config import PRESETS, Activation, Config, DecoderVariance
from swissroll.data import open_distribution
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng
from swissroll.runs.run import create, load
from swissroll.runs.training import advance
from swissroll.sweep.worker import pack
from swissroll.training.build import build, build_model, held_out_points, loss_of
from swissroll.training.loop import DivergedError, Training, is_finite, scheduled_lr_and_beta
from swissroll.training.many import members_per_batch, shape_of, train_many, train_one
from swissroll.training.sampler import Sampler
from tests import oracles

jax = pytest.importorskip("jax", reason="needs JAX: pip install 'jax>=0.8'")
SMALL = replace(oracles.SMALL, engine="xla", threads=1)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def rows(training: Training) -> np.ndarray[Any, Any]:
    """Loss, squared error and KL of every step, and the held-out ones behind them."""
    records = list(training)
    found = [record.train for record in records] + [r.held_out for r in records if r.held_out]
    return np.array([[terms.loss, terms.mse, terms.kl] for terms in found])


Rows = np.ndarray[Any, Any]
NEIGHBOURS = 8


def configs(**more: Any) -> st.SearchStrategy[Config]:
    return st.builds(
        Config,
        dataset=st.sampled_from(["swiss_roll", "circles", "helix"]),
        noise=st.sampled_from([0.0, 0.05]),
        latent_dim=st.integers(1, 5),
        depth=st.integers(0, 4),
        hidden_dim=st.integers(1, 40) | st.integers(129, 160),  # Columns inside the program, and rows.
        activation=st.sampled_from(get_args(Activation)),
        initialization=st.sampled_from(["default", "he"]),
        steps=st.just(200),
        components=st.sampled_from([0, 0, 1, 7]),
        decoder_variance=st.sampled_from(get_args(DecoderVariance)),
        beta=st.sampled_from([0.0, 1e-3, 0.01, 0.3]),
        reduction=st.sampled_from(["mean", "sum"]),
        batch_size=st.integers(1, 70),
        seed=st.integers(0, 2**40),
        threads=st.just(1),
        **more,
    )


# A unit of this network is on or off by rounding in its fifth step, and two runs of 200 part there.
ON_THE_EDGE = Config(
    dataset="circles", latent_dim=4, hidden_dim=160, initialization="he", steps=200, beta=0.0, batch_size=19, seed=358,
    threads=1, lr_schedule="cosine",
)  # fmt: skip


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(config=ON_THE_EDGE)
@given(config=configs(lr=st.just(1e-3), lr_schedule=st.sampled_from(["constant", "cosine"])))
def test_the_engines_agree_on_200_steps_in_single_precision(config: Config) -> None:
    reference = replace(config, engine="torch")
    expected = rows(build(reference))
    found = rows(build(replace(config, engine="xla")))
    # A term that ends at nothing is a difference of numbers of size 1: their rounding is what can be asked of it.
    # A loss in nats crosses zero on its way, as a difference of larger ones.
    atol = 1e-6 if config.decoder_variance == "fixed" else 1e-5
    neighbours = (rows(nudged(build(reference), seed)) for seed in range(NEIGHBOURS))
    assert_close(found, expected, neighbours, rtol=1e-4, atol=atol)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(config=configs(lr=st.sampled_from([1e-3, 1e-2]), warmup=st.sampled_from([0, 30])))
def test_the_engine_equals_a_plain_loop_in_double_precision(config: Config) -> None:
    with jax.enable_x64(True):
        found = in_double_precision(config)
    neighbours = (plain_loop(config, neighbour=seed) for seed in range(NEIGHBOURS))
    assert_close(found, plain_loop(config), neighbours, rtol=1e-9, atol=1e-12)


def nudged(training: Training, seed: int) -> Training:
    nudge(training.engine.model, 3e-7, seed)
    return training


@torch.no_grad()
def nudge(model: VAE, share: float, seed: int) -> None:
    """Put each initial weight off by about a share of itself, as rounding does."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.mul_(1 + share * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))


def assert_close(found: Rows, expected: Rows, neighbours: Iterator[Rows], *, rtol: float, atol: float) -> None:
    """Agreement but for rounding, and beyond it no further than the reference goes from a neighbour of its own.

    Where a unit's input is 0 but for rounding, it may be on or off; and Adam makes a whole step of a gradient that is
    nothing but rounding. Runs that began off by rounding say which of it can happen, and from which step.
    """
    apart, tolerance = np.abs(found - expected), atol + rtol * np.abs(expected)
    allowed = tolerance
    while not (apart < allowed).all() and (neighbour := next(neighbours, None)) is not None:
        amplified = np.maximum.accumulate(np.abs(expected - neighbour).max(axis=1, keepdims=True))
        allowed = np.maximum(allowed, tolerance + 10 * amplified)
    np.testing.assert_array_less(apart, allowed)


def in_double_precision(config: Config) -> np.ndarray[Any, Any]:
    from swissroll.training.engines.xla_batch import XlaBatch

    model = build_model(config).double()
    batch = XlaBatch(
        [model],
        [config],
        loss=loss_of(config),
        schedule=scheduled_lr_and_beta,
        held_out=[held_out_points(config).points],
        distributions=[open_distribution(config)],
    )
    return np.concatenate([batch.run_steps(100, prefetch=100), batch.run_steps(100)])[:, 0]


def plain_loop(config: Config, neighbour: int | None = None) -> Rows:
    """The steps written plainly: PyTorch's autograd and Adam, in double precision, over the run's own draws."""
    model, draws, measured = build_model(config).double(), Sampler(config), []
    if neighbour is not None:
        nudge(model, 1e-15, neighbour)
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(config.steps):
        x, eps = draws.draw_points(1)[0].double(), draws.draw_latent_noise(1)[0].double()
        mu, logvar = model.encode(x)
        z = mu + (logvar / 2).exp() * eps
        mse = (model.decode(z) - x).square().mean()
        q = torch.distributions.Normal(mu, (logvar / 2).exp())
        if config.components:
            kl = (q.log_prob(z).sum(1) - model.prior.log_prob(z)).mean() / config.latent_dim
        else:
            prior = torch.distributions.Normal(torch.zeros_like(mu), 1.0)
            kl = torch.distributions.kl_divergence(q, prior).mean()
        optimizer.param_groups[0]["lr"], beta = scheduled_lr_and_beta(config, step)
        error, learned = mse, []
        if config.decoder_variance == "batch_optimal":
            learned = [mse.log()]
            error = -torch.distributions.Normal(0.0, mse.sqrt()).log_prob(mse.sqrt())
        if model.decoder_logvar is not None:
            learned = [model.decoder_logvar]
            # The density of errors whose mean square is mse.
            error = -torch.distributions.Normal(0.0, (learned[0] / 2).exp()).log_prob(mse.sqrt())
        if config.reduction == "mean":
            loss = error + beta * kl
        else:
            loss = model.data_dim * error + beta * model.latent_dim * kl
        optimizer.zero_grad()
        loss.backward()
        measured.append([value.item() for value in (loss, mse, kl, *learned)])
        optimizer.step()
    return np.array(measured)


@pytest.mark.parametrize("preset", ["best", "best-long"])
def test_the_engines_agree_on_the_presets(preset: str) -> None:
    config = Config(**(PRESETS[preset] | {"steps": 100, "hidden_dim": 32, "threads": 1}))
    expected, found = (rows(build(replace(config, engine=engine))) for engine in ("torch", "xla"))
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-5)


def test_a_batch_optimal_variance_is_the_mean_error_of_the_last_hundred_batches() -> None:
    training = build(replace(SMALL, decoder_variance="batch_optimal", beta=0.1, steps=130))
    errors = [record.train.mse for record in training]
    # The plain mean of a hundred steps, then each new one has a share of a hundredth.
    variance = np.mean(errors[:100])
    for error in errors[100:]:
        variance += (error - variance) / 100
    tracked = training.engine.weights()["tracked_logvar"].item()
    assert np.exp(tracked) == pytest.approx(variance, rel=1e-4)


def test_a_largest_error_moves_the_variance_by_how_far_each_batch_is_from_it() -> None:
    config = replace(SMALL, max_error=0.3, beta=0.02, steps=60)
    training = build(config)
    errors = [record.train.mse for record in training]
    excess = np.array(errors) / 0.3**2 - 1
    assert excess.min() < 1 < excess.max()
    # sigma^2 = beta D / (2 L) at the start, with D = L = 2; five hundredths of the excess a step, kept within 1.
    expected = np.log(0.02 / 2) - 0.05 * np.clip(excess, -1, 1).sum()
    assert training.engine.weights()["tracked_logvar"].item() == pytest.approx(expected, abs=1e-3)


def test_held_out_points_are_measured_as_the_reference_measures_them() -> None:
    training = build(SMALL)
    records = list(training)
    assert [r.step for r in records if r.held_out] == [20, 40, 60]
    last = records[-1].held_out
    generator = rng.generator(SMALL.seed, "evaluation noise")
    _, mse, kl, _ = loss_of(SMALL).evaluate(training.engine.model, held_out_points(SMALL).points, generator=generator)
    assert last is not None
    assert last.mse == pytest.approx(mse.item(), rel=1e-5)
    assert last.kl == pytest.approx(kl.item(), rel=1e-5)


@pytest.mark.parametrize(("batch_size", "latent_dim", "noise"), [(32, 2, 0.0), (7, 3, 0.0), (32, 1, 0.1)])
def test_steps_drawn_at_once_are_those_drawn_in_turn(batch_size: int, latent_dim: int, noise: float) -> None:
    config = replace(SMALL, batch_size=batch_size, latent_dim=latent_dim, noise=noise)
    at_once, in_turn = Sampler(config), Sampler(config)
    assert torch.equal(at_once.draw_points(9), torch.cat([in_turn.draw_points(1) for _ in range(9)]))
    assert torch.equal(at_once.draw_latent_noise(9), torch.cat([in_turn.draw_latent_noise(1) for _ in range(9)]))
    assert torch.equal(at_once.draw_points(1), in_turn.draw_points(1))


@pytest.mark.parametrize(("first", "second"), [("torch", "xla"), ("xla", "torch"), ("xla", "xla")])
def test_a_state_of_one_engine_continues_on_the_other(first: Any, second: Any) -> None:
    whole = rows(build(replace(SMALL, engine="torch")))[:60]
    training, begun = build(replace(SMALL, engine=first)), []
    for record in training:
        begun.append(record.train.loss)
        if record.step == 40:
            break
    other = build(replace(SMALL, engine=second))
    other.load_state(training.engine.state(), 40)
    rest = [record.train.loss for record in other]
    np.testing.assert_allclose(begun + rest, whole[:, 0], rtol=1e-4)


def test_a_run_that_was_cut_off_ends_in_the_same_bytes(tmp_path: Path) -> None:
    for name, stops in (("whole", ()), ("cut", (7, 33))):
        run = create(tmp_path / name, SMALL)
        for stop in (*stops, 10**9):
            for record in advance(run):
                if record.step >= stop:
                    break
    whole, cut = (tmp_path / name / "model.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()
    histories = [load(tmp_path / name).history for name in ("whole", "cut")]
    assert histories[0].loss.tolist() == histories[1].loss.tolist()


def test_a_member_is_the_run_that_it_would_be_alone() -> None:
    many = [replace(SMALL, beta=beta, seed=seed) for seed in (1, 2) for beta in (0.001, 0.1)]
    together = train_many(many)
    for config, outcome in zip(many, together, strict=True):
        alone = train_one(config)
        assert outcome.config == config
        assert [r.step for r in outcome.records if r.held_out] == [20, 40, 60]
        losses = [[r.train.loss for r in o.records] for o in (outcome, alone)]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
        for name, value in alone.weights.items():
            torch.testing.assert_close(outcome.weights[name], value, rtol=1e-3, atol=1e-5)


def test_a_member_that_diverges_says_so_and_leaves_its_neighbours_alone() -> None:
    many = [replace(SMALL, lr=1e-3), replace(SMALL, lr=1e5), replace(SMALL, lr=1e-3, seed=1)]
    good, bad, other = train_many(many)
    assert (good.status, bad.status, other.status) == ("finished", "diverged", "finished")
    assert "not finite at step" in bad.message
    assert bad.step <= len(bad.records) < 60
    expected = [r.train.loss for r in train_one(many[0]).records]
    np.testing.assert_allclose([r.train.loss for r in good.records], expected, rtol=1e-4)
    assert all(torch.isfinite(value).all() for value in bad.weights.values())


def test_a_divergence_is_found_at_its_own_step() -> None:
    config = replace(SMALL, lr=1e5)
    training = build(config)
    with pytest.raises(DivergedError, match=r"not finite at step \d+") as caught:
        list(training)
    assert training.step == training.engine.steps_taken < caught.value.step
    assert is_finite(training.engine.run_steps(1)[0])


def test_runs_of_other_shapes_are_not_trained_together() -> None:
    with pytest.raises(ValueError, match="must share"):
        train_many([SMALL, replace(SMALL, hidden_dim=17)])
    assert shape_of(SMALL) == shape_of(replace(SMALL, beta=0.5, seed=9, lr=0.1, initialization="he"))
    assert members_per_batch(SMALL) > members_per_batch(replace(SMALL, hidden_dim=1024)) == 1
    assert members_per_batch(replace(SMALL, engine="torch")) == 1


def test_a_packed_run_is_what_a_folder_would_hold(tmp_path: Path) -> None:
    run = create(tmp_path / "run", SMALL)
    for _ in advance(run):
        pass
    files = pack(train_one(run.config))
    for name in ("config.toml", "model.safetensors", "state.json"):
        assert files[name] == (run.folder / name).read_bytes()
    written = (run.folder / "history.csv").read_text().splitlines()
    packed = files["history.csv"].decode().splitlines()
    assert [line.rsplit(",", 1)[0] for line in packed] == [line.rsplit(",", 1)[0] for line in written]


def test_without_jax_a_run_goes_on_the_reference_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "jax", None)  # As where it is not installed.

    def call(*arguments: str) -> tuple[int, list[str]]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return int(ended.value.code or 0), capsys.readouterr().err.splitlines()

    small = ("--steps", "3", "--hidden-dim", "4", "--threads", "1")
    assert call("train", *small, "--quiet", "--out", "auto") == (0, [])
    assert load(tmp_path / "auto").config.engine == "torch"
    long = ("--steps", "1000000000", "--hidden-dim", "4", "--threads", "1", "--out", "auto")
    assert call("train", *long)[1] == [
        "swissroll: note: with JAX this run is faster: pip install 'jax>=0.8'",
        (
            "swissroll: auto already exists. Choose another folder with --out, "
            "or resume that run: swissroll train --resume auto"
        ),
    ]
    refused = [
        (
            "swissroll: engine 'xla' needs JAX, which is not installed. "
            "To install it: pip install 'jax>=0.8'. Or choose --engine torch."
        )
    ]
    assert call("train", *small, "--engine", "xla", "--out", "xla") == (2, refused)
    assert call("sweep", "--beta", "0.1,0.2", "--engine", "xla") == (2, refused)
    assert [path.name for path in tmp_path.iterdir()] == ["auto"]


def test_a_member_whose_held_out_loss_is_not_finite_has_diverged() -> None:
    configs = [replace(SMALL, steps=1, lr=lr, seed=seed, hidden_dim=8) for lr in (1e-3, 1e4) for seed in range(3)]
    alone = [train_one(replace(config, engine="torch")).status for config in configs]
    assert [outcome.status for outcome in train_many(configs)] == alone
    assert "diverged" in alone


def test_a_run_that_began_here_goes_on_without_jax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create(tmp_path / "run", SMALL)
    for record in advance(run):
        if record.step == 33:
            break
    monkeypatch.setitem(sys.modules, "jax", None)
    for _ in advance(run):
        pass
    assert load(run.folder).status == "finished"
    expected = oracles.trained_run(tmp_path / "expected", replace(SMALL, engine="torch"))
    for name, value in expected.model.state_dict().items():
        torch.testing.assert_close(run.model.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_a_flag_that_xla_does_not_know_is_one_line_and_no_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "swissroll", "train", "--steps", "20", "--engine", "xla"]
    environment = os.environ | {"XLA_FLAGS": "--xla_nonsense=1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "swissroll: JAX, which engine 'xla' needs, does not start: Unknown flag in XLA_FLAGS: --xla_nonsense=1. "
        "Mend that, or choose --engine torch.\n"
    )
    assert not list(tmp_path.iterdir())


REFIT = replace(SMALL, components=4, activation="silu", refit_prior=True)


def test_members_whose_priors_are_fitted_end_as_they_would_alone() -> None:
    many = [REFIT, replace(REFIT, seed=1), replace(REFIT, refit_prior=False)]
    fitted, other, plain = train_many(many)
    for config, outcome in zip(many, (fitted, other, plain), strict=True):
        alone = train_one(config)
        assert outcome.step == alone.step == 60
        last, expected = outcome.records[-1].held_out, alone.records[-1].held_out
        assert last is not None
        assert expected is not None
        assert last.loss == pytest.approx(expected.loss, rel=1e-3)
        for name, value in alone.weights.items():
            torch.testing.assert_close(outcome.weights[name], value, rtol=1e-2, atol=1e-3)
    for name, value in plain.weights.items():
        assert torch.equal(fitted.weights[name], value) != name.startswith("prior."), name


def test_a_member_says_that_it_was_not_trained_alone() -> None:
    first, _ = train_many([SMALL, replace(SMALL, seed=1)])
    note = tomllib.loads(pack(first)["config.toml"].decode())["origin"]["note"]
    assert note.startswith("This run was trained in one batch with another one. Trained alone, the same settings give")
    assert b"origin" not in pack(train_many([SMALL])[0])["config.toml"]


def test_a_run_that_was_cut_off_before_its_fit_ends_in_the_same_prior(tmp_path: Path) -> None:
    whole = oracles.trained_run(tmp_path / "whole", REFIT)
    run = create(tmp_path / "run", REFIT)
    for record in advance(run):
        if record.step == 59:
            break
    list(advance(run))
    assert (run.folder / "model.safetensors").read_bytes() == (whole.folder / "model.safetensors").read_bytes()


@contextmanager
def double_by_default() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


JAX_MODES = {
    "without compiling": jax.disable_jit,
    "strict shapes": lambda: jax.numpy_rank_promotion("raise"),
    "strict types": lambda: jax.numpy_dtype_promotion("strict"),
    "no implicit transfers": lambda: jax.transfer_guard("disallow"),
    "rounded products": lambda: jax.default_matmul_precision("bfloat16"),
    "PyTorch's double precision": double_by_default,
    "PyTorch's meta device": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("mode", JAX_MODES)
def test_a_run_is_the_same_in_every_mode(mode: str) -> None:
    plain = train_one(REFIT)
    with JAX_MODES[mode]():
        found = train_one(REFIT)
    assert [r.train for r in found.records] == [r.train for r in plain.records]
    for name, value in plain.weights.items():
        assert torch.equal(found.weights[name], value), name


def test_a_diverging_run_says_so_where_jax_looks_for_such_numbers_too() -> None:
    with jax.debug_nans(True), jax.debug_infs(True):
        assert train_one(replace(SMALL, lr=1e5)).status == "diverged"
