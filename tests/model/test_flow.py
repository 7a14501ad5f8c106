"""The flow prior: a density that integrates to 1, draws that follow it, and weights that come back to the last bit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

import swissroll
from swissroll import VAE, Config
from swissroll.evaluation.evidence import is_exact, measure_evidence
from swissroll.model.prior import Prior, make_prior
from swissroll.training.build import build, choose_engine

pytest.importorskip("zuko")


class SmoothPrior(Prior):
    """A mixture of Gaussians that does not say that it is one."""

    smooth = True

    def __init__(self, prior: Prior) -> None:
        super().__init__(prior.latent_dim)
        self.prior = prior

    def log_prob(self, z: Tensor) -> Tensor:
        return self.prior.log_prob(z)

    def sample(self, n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
        return self.prior.sample(n, like=like, generator=generator)


@pytest.mark.parametrize("components", [0, 4])
@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_grid_of_densities_gives_the_evidence_that_the_mixture_s_parts_give(latent_dim: int, components: int) -> None:
    model = VAE(latent_dim, 8, components=components, decoder_sigma=0.1, generator=Generator().manual_seed(1)).double()
    x = 0.5 * torch.randn(20, 2, generator=Generator().manual_seed(2), dtype=torch.float64)
    expected = measure_evidence(model, x)
    model.prior = SmoothPrior(model.prior)
    assert model.prior.components() is None
    found = measure_evidence(model, x)
    assert found.exact
    assert bool(((found.log_p - expected.log_p).abs() <= found.error + expected.error).all())
    assert float((found.log_p - expected.log_p).abs().max()) < 1e-3


def test_a_flow_has_a_density_that_its_draws_follow() -> None:
    flow = make_prior(2, 0, family="flow", generator=Generator().manual_seed(3)).double()
    axis = torch.linspace(-7, 7, 71, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        mass = flow.log_prob(z).exp() * float(axis[1] - axis[0]) ** 2
    assert float(mass.sum()) == pytest.approx(1, abs=1e-3)

    drawn = flow.sample(8000, like=torch.empty(0, dtype=torch.float64), generator=Generator().manual_seed(4))
    torch.testing.assert_close(drawn.mean(dim=0), mass @ z, rtol=0, atol=0.05)
    second_moments = torch.einsum("n,ni,nj->ij", mass, z, z)
    torch.testing.assert_close(drawn.T @ drawn / len(drawn), second_moments, rtol=0, atol=0.1)


def test_a_flow_is_measured_in_double_precision() -> None:
    flow = make_prior(2, 0, family="flow", generator=Generator().manual_seed(5))
    z = torch.randn(9, 2, generator=Generator().manual_seed(7))
    found = flow.log_prob(z.double())
    assert found.dtype == torch.float64
    assert torch.equal(found, flow.log_prob(z).double())
    assert flow.sample(3, like=z.double(), generator=Generator().manual_seed(1)).dtype == torch.float64


def test_a_flow_is_made_by_its_own_generator() -> None:
    before = torch.get_rng_state()
    first = make_prior(2, 0, family="flow", generator=Generator().manual_seed(5))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    again = make_prior(2, 0, family="flow", generator=Generator().manual_seed(5))
    other = make_prior(2, 0, family="flow", generator=Generator().manual_seed(6))
    z = torch.randn(9, 2, generator=Generator().manual_seed(7))
    assert torch.equal(first.log_prob(z), again.log_prob(z))
    assert not torch.equal(first.log_prob(z), other.log_prob(z))


def test_a_run_with_a_flow_comes_back_and_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    config = Config(prior="flow", hidden_dim=8, depth=1, steps=6, batch_size=16, snapshot_every=3, eval_every=6)
    training = build(config)
    assert training.engine.max_chunk == 1
    records = iter(training)
    for _ in range(3):
        next(records)
    state = training.engine.state()
    rest = [record.train.loss for record in records]

    resumed = build(config)
    resumed.load_state(state, 3)
    assert [record.train.loss for record in resumed] == rest

    run = swissroll.train(config, tmp_path / "run")
    model = swissroll.load(run.folder).model
    for name, value in training.engine.weights().items():
        assert torch.equal(model.state_dict()[name], value)
    assert is_exact(model)
    found = measure_evidence(model, torch.zeros(1, 2), tolerance=0.01)
    assert found.exact
    assert bool((found.inference_gap > -found.error).all())


def test_the_fast_engine_says_that_it_has_no_flow() -> None:
    config = Config(prior="flow", steps=10**6)
    assert choose_engine(config) == "torch"
    with pytest.raises(ValueError, match=r"The fast engine has no prior 'flow'\. Choose engine 'torch'"):
        build(Config(prior="flow", engine="xla"))


def test_without_zuko_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "zuko"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(ValueError, match=r"prior 'flow' needs zuko, which is not installed\. Install zuko"):
        VAE(prior="flow")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"components": 3}, "prior 'flow' and components=3 both choose the prior"),
        ({"latent_dim": 65}, "prior 'flow' is for a latent_dim of at most 64; got 65"),
        ({"refit_prior": True}, "refit_prior fits a mixture prior again"),
    ],
)
def test_settings_that_do_not_go_with_a_flow_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config.from_dict({"prior": "flow"} | settings)
