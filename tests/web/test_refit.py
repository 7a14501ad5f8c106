"""The lab's fit of a mixture prior against the package's."""

from __future__ import annotations

import pytest
import torch

from swissroll.training.refit import cluster, fit_mixture
from tests.web.conftest import Node
from tests.web.frozen import tensor


def draws() -> torch.Tensor:
    """Latents of three clusters of different widths, shape (1500, 2)."""
    generator = torch.Generator().manual_seed(1)
    centres = torch.tensor([[0.0, 0.0], [3.0, 1.0], [-2.0, 2.0]], dtype=torch.float64)
    widths = torch.tensor([0.2, 1.0, 0.5], dtype=torch.float64)
    which = torch.randint(3, (1500,), generator=generator)
    return centres[which] + widths[which, None] * torch.randn(1500, 2, generator=generator, dtype=torch.float64)


def test_from_one_start_expectation_maximisation_ends_in_the_package_s_mixture(node: Node) -> None:
    z = draws()
    start = cluster(z, 4, generator=torch.Generator().manual_seed(2))
    expected = fit_mixture(z, start)
    script = """
const { fitMixture } = await load("refit.js");
const flat = (rows) => Float64Array.from(rows.flat());
const start = { weights: flat(input.weights), means: flat(input.means), variances: flat(input.variances) };
answer(fitMixture(kernel, flat(input.draws), 2, start));
"""
    given = {
        "draws": z.tolist(),
        "weights": start.log_weights.exp().tolist(),
        "means": start.means.tolist(),
        "variances": start.stds.square().tolist(),
    }
    found = node(script, given)
    torch.testing.assert_close(tensor(found["weights"]).log().float(), expected.logits.detach(), rtol=0, atol=1e-5)
    torch.testing.assert_close(tensor(found["means"]).reshape(4, 2).float(), expected.means.detach(), rtol=0, atol=1e-5)
    logvars = tensor(found["variances"]).log().reshape(4, 2).float()
    torch.testing.assert_close(logvars, expected.logvars.detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_refitted_prior_is_as_dense_at_the_latents_as_the_package_s(node: Node, seed: int) -> None:
    z = draws()
    expected = fit_mixture(z, cluster(z, 6, generator=torch.Generator().manual_seed(seed)))
    script = """
const { refitPrior } = await load("refit.js");
const draws = Float64Array.from(input.draws.flat());
const fit = () => refitPrior(kernel, draws, 2, 6, kernel.generator(input.seed, "repair"));
answer([fit(), fit()]);
"""
    first, second = node(script, {"draws": z.tolist(), "seed": seed})
    assert first == second

    prior = fit_mixture(z, cluster(z, 6, generator=torch.Generator().manual_seed(seed)))
    with torch.no_grad():
        prior.logits.copy_(tensor(first["logits"]))
        prior.means.copy_(tensor(first["means"]).reshape(6, 2))
        prior.logvars.copy_(tensor(first["logvars"]).reshape(6, 2))
        # Starts differ, and so may the maxima that they climb to.
        assert float(prior.log_prob(z).mean()) > float(expected.log_prob(z).mean()) - 0.02


def test_more_components_than_latents_give_finite_numbers(node: Node) -> None:
    script = """
const { refitPrior } = await load("refit.js");
answer(refitPrior(kernel, Float64Array.from([0.5, 0.5, 0.5, -1]), 1, 6, kernel.generator(1, "repair")));
"""
    found = node(script)
    assert all(torch.isfinite(tensor(found[name])).all() for name in ("means", "logvars"))
    assert float(tensor(found["logits"]).exp().sum()) == pytest.approx(1)
