"""Oracles: the same steps written plainly, and laws that any faithful loop keeps."""

import math
from dataclasses import replace

import pytest
import torch

from swissroll import VAE, generate_swiss_roll, train_vae
from swissroll.reproducibility import rng
from swissroll.training.build import build, held_out_points
from swissroll.training.loop import DivergedError, Training
from tests.oracles import SMALL


def weights(training: Training) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in training.engine.model.parameters()])


def test_steps_equal_a_plain_loop_over_the_same_streams() -> None:
    training = build(SMALL)
    reference = build(SMALL).engine.model.double()
    data, noise = rng.generator(SMALL.seed, "data"), rng.generator(SMALL.seed, "noise")
    optimizer = torch.optim.Adam(reference.parameters(), lr=SMALL.lr)
    for record in training:
        t = 1.5 * math.pi * (1 + 2 * torch.rand(32, generator=data))
        x = torch.stack([t * t.cos(), t * t.sin()], 1) / 15
        mu, logvar = reference.encode(x.double())
        z = mu + (logvar / 2).exp() * torch.randn(32, 2, generator=noise)
        mse = (reference.decode(z) - x).square().mean()
        kl = (0.5 * (mu.square() + logvar.exp() - 1 - logvar)).mean()
        optimizer.zero_grad()
        (mse + 0.01 * kl).backward()
        optimizer.step()
        assert record.train.mse == pytest.approx(mse.item(), rel=1e-4)
        assert record.train.kl == pytest.approx(kl.item(), rel=1e-3, abs=1e-6)
        assert record.train.loss == pytest.approx((mse + 0.01 * kl).item(), rel=1e-4)
        assert record.train.rate == pytest.approx(2 * kl.item(), rel=1e-3, abs=1e-6)


def test_a_watched_run_equals_an_unwatched_one() -> None:
    watched, unwatched = build(SMALL), build(replace(SMALL, eval_every=7, snapshot_every=13))
    for _ in watched:
        watched.engine.weights()
        watched.engine.state()
        torch.rand(1)
    for _ in unwatched:
        pass
    assert torch.equal(weights(watched), weights(unwatched))


def test_held_out_points_are_measured_when_due_and_at_the_end() -> None:
    records = list(build(replace(SMALL, steps=50)))
    assert [r.step for r in records if r.held_out] == [20, 40, 50]
    assert [r.step for r in records] == list(range(1, 51))


def test_held_out_points_depend_on_the_seed_alone() -> None:
    x, t = held_out_points(SMALL)
    assert t is not None
    again, _ = held_out_points(replace(SMALL, lr=0.1, beta=1.0, hidden_dim=3))
    assert torch.equal(x, again)
    torch.testing.assert_close(x, torch.stack([t * t.cos(), t * t.sin()], 1) / 15)
    assert not torch.equal(x, held_out_points(replace(SMALL, seed=1))[0])


def test_runs_that_differ_in_one_setting_share_data_and_start() -> None:
    one, other = build(SMALL), build(replace(SMALL, beta=1.0))
    assert torch.equal(weights(one), weights(other))
    assert one.engine.run_steps(1)[0][1:] == other.engine.run_steps(1)[0][1:]


def test_sources_of_randomness_are_independent_of_each_other() -> None:
    draws = [torch.rand(4, generator=rng.generator(0, purpose)) for purpose in rng.PURPOSES]
    assert len({tuple(d.tolist()) for d in draws}) == len(rng.PURPOSES)


def test_chunks_give_the_same_records_and_pause_where_asked() -> None:
    plain, chunks = build(SMALL), build(SMALL)
    chunks.engine.max_chunk = 100
    expected = [(r.step, r.train, r.held_out) for r in plain]
    found = []
    for record in chunks:
        found.append((record.step, record.train, record.held_out))
        assert chunks.engine.steps_taken == record.step or record.step % 25 != 0
    assert found == expected


def test_a_state_continues_to_the_same_weights() -> None:
    whole, first = build(SMALL), build(SMALL)
    for _ in whole:
        pass
    records = iter(first)
    for _ in range(23):
        next(records)
    second = build(SMALL)
    second.load_state(first.engine.state(), 23)
    assert [r.step for r in second] == list(range(24, 61))
    assert torch.equal(weights(second), weights(whole))


@pytest.mark.parametrize("chunks", [False, True])
def test_an_overflowing_loss_stops_with_its_step_and_term(chunks: bool) -> None:
    training = build(replace(SMALL, lr=1e5))
    training.engine.max_chunk = 100 if chunks else 1
    with pytest.raises(
        DivergedError, match=r"not finite at step \d+; .* learning rate was 100000: try 0\.001"
    ) as caught:
        list(training)
    assert caught.value.term in {"reconstruction", "KL"}
    assert caught.value.step > 1
    assert torch.isfinite(weights(training)).all()
    assert math.isfinite(training.engine.run_steps(1)[0].loss)


def test_a_gradient_that_is_not_finite_is_named_and_the_state_before_it_kept() -> None:
    training, healthy = build(SMALL), build(SMALL)

    def poison(gradient: torch.Tensor) -> torch.Tensor:
        # Acts on the 31st gradient of the run, and on the same one when the steps are taken again.
        return gradient * math.nan if training.engine.steps_taken == 30 else gradient

    next(training.engine.model.parameters()).register_hook(poison)
    with pytest.raises(DivergedError, match="The gradient was not finite at step 31"):
        list(training)
    for record in healthy:
        if record.step == 30:
            break
    assert torch.equal(weights(training), weights(healthy))
    assert training.step == 30


def test_divergence_under_the_global_generator_is_found_at_its_own_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    torch.manual_seed(2)
    VAE(2, 16)
    for _ in range(131):
        bad_batch = generate_swiss_roll(16)
        torch.randn(16, 2)

    class FragileVAE(VAE):
        """Its gradient is spoiled on one batch: that of step 131, whenever the generator gives it again."""

        def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            mu, logvar = super().encode(x)
            if torch.equal(x, bad_batch):
                mu.register_hook(lambda gradient: gradient * math.nan)
            return mu, logvar

    monkeypatch.setattr("swissroll.notebook.VAE", FragileVAE)
    torch.manual_seed(2)
    with pytest.raises(DivergedError) as caught:
        train_vae(300, 16, hidden_dim=16)
    assert (caught.value.step, caught.value.term) == (131, "gradient")


def test_a_last_step_that_breaks_the_model_is_noticed() -> None:
    training = build(replace(SMALL, steps=1, lr=1e6))
    with pytest.raises(DivergedError, match="held-out loss was not finite at step 1"):
        list(training)
    assert torch.isfinite(weights(training)).all()
    assert training.step == 0
