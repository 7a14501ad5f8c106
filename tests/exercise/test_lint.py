"""Losses of which the convention is known in closed form, right ones in several writings, and wrong ones."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from swissroll import lint

Loss = Callable[..., Any]


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu.pow(2) - logvar.exp())


def by_distributions(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))


def summed(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return F.mse_loss(recon, x, reduction="sum") + kl(mu, logvar).sum()


def averaged(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 0.01) -> Tensor:
    return F.mse_loss(recon, x) + beta * kl(mu, logvar).mean()


def mean_and_sum(x: Tensor, x_hat: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    return (x - x_hat).square().mean() + by_distributions(mean, log_var).sum(-1).mean()


def half_squares(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (recon - x).square().sum(1) + kl(mu, logvar).sum(1)


def density(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    loss: Tensor = -Normal(recon, 0.25).log_prob(x).sum(1).mean() + by_distributions(mu, logvar).sum(1).mean()
    return loss


def of_model(model: Any, x: Tensor, beta: float) -> Tensor:
    mu, logvar = model.encode(x)
    z = model.reparameterize(mu, logvar)
    loss: Tensor = (model.decode(z) - x).square().sum(1).mean() + beta * kl(mu, logvar).sum(1).mean()
    return loss


def with_terms(recon: Tensor, x: Tensor, mu: Tensor, sigma: Tensor) -> dict[str, Tensor]:
    divergence = (0.5 * (mu**2 + sigma**2 - 1) - sigma.log()).sum()
    error = (recon - x).square().sum()
    return {"loss": error + divergence, "error": error, "kl": divergence}


# With S summed over D = 2 coordinates and K over L = 2 latents: loss = S + w K, variance w / 2.
GAUSSIAN = {
    summed: 1 / 2,
    averaged: 1 / 2,
    mean_and_sum: 2 / 2,
    half_squares: 2 / 2,
    of_model: 1 / 2,
    with_terms: 1 / 2,
}


@pytest.mark.parametrize("loss", GAUSSIAN)
def test_the_implied_variance_is_that_of_the_closed_form(loss: Loss) -> None:
    result = lint(loss)
    assert result.passed
    assert not result.rules
    said = line_of(result, "sigma")
    variance = float(re.search(r"variance ([\d.]+) ", said)[1])  # type: ignore[index]
    assert variance == pytest.approx(GAUSSIAN[loss], rel=0.01)
    assert f"sigma {math.sqrt(GAUSSIAN[loss]):.3g}" in said


def line_of(result: Any, rule: str) -> str:
    lines: list[str] = [one.line for one in result.findings if one.rule == rule]
    assert len(lines) == 1
    return lines[0]


def test_a_default_beta_is_translated() -> None:
    assert "At its default beta of 0.01 that variance is 0.005." in line_of(lint(averaged), "sigma")


def test_a_density_with_its_constant_says_its_own_sigma() -> None:
    assert "sigma is 0.25: as it is written the true beta is 1." in line_of(lint(density), "sigma")


def bernoulli(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl(mu, logvar).sum()


def logits(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    error = -Bernoulli(logits=recon, validate_args=False).log_prob(x).mean()
    loss: Tensor = error + beta * kl(mu, logvar).sum(1).mean()
    return loss


@pytest.mark.parametrize(("loss", "beta"), [(bernoulli, 1), (logits, 2)])
def test_the_true_beta_of_a_cross_entropy_is_that_of_the_closed_form(loss: Loss, beta: float) -> None:
    result = lint(loss)
    assert not result.rules
    assert f"the true beta is {beta:g}" in line_of(result, "true-beta")


def test_a_kl_term_of_twice_the_divergence_is_asked_about() -> None:
    result = lint(lambda recon, x, mu, logvar: (recon - x).square().sum() + 2 * kl(mu, logvar).sum())
    assert result.rules == ("kl-half",)
    assert result.passed


def test_a_weight_is_a_choice() -> None:
    result = lint(lambda recon, x, mu, logvar: (recon - x).square().sum() + 0.1 * kl(mu, logvar).sum())
    assert not result.rules
    assert "0.1 times the divergence" in line_of(result, "kl-weight")


def off(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return F.mse_loss(recon, x) + beta * kl(mu, logvar).sum().clamp(0, 0)


def weight_zero(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 0.0) -> Tensor:
    return F.mse_loss(recon, x) + beta * kl(mu, logvar).sum()


def beta_unused(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:  # noqa: ARG001
    return summed(recon, x, mu, logvar)


def rewarded(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return (recon - x).square().sum() - kl(mu, logvar).sum()


def another_form(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return (recon - x).square().sum() - 0.5 * (1 + logvar - mu**2 - logvar**2).sum()


def detached(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return (recon - x).square().sum() + kl(mu, logvar).sum().detach()


def no_reconstruction(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return (recon - recon).square().sum() + kl(mu, logvar).sum() + 0 * x.sum()


def mean_decoded(model: Any, x: Tensor, beta: float) -> Tensor:
    mu, logvar = model.encode(x)
    loss: Tensor = (model.decode(mu) - x).square().mean() + beta * kl(mu, logvar).mean()
    return loss


def batch_size(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return F.mse_loss(recon, x) + kl(mu, logvar).sum()


def draws_on_its_own(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return (recon + 0.1 * torch.randn_like(x) - x).square().sum() + kl(mu, logvar).sum()


WRONG = {
    off: "kl-off",
    weight_zero: "kl-off",
    beta_unused: "beta-unused",
    rewarded: "kl-sign",
    another_form: "kl-formula",
    detached: "no-gradient",
    no_reconstruction: "reconstruction-off",
    mean_decoded: "decodes-mean",
    batch_size: "batch-size",
    draws_on_its_own: "loss-changes",
}


@pytest.mark.parametrize("loss", WRONG)
def test_what_is_wrong_with_a_loss_is_found(loss: Loss) -> None:
    result = lint(loss)
    assert WRONG[loss] in result.rules
    assert result.passed == (WRONG[loss] in ("batch-size", "loss-changes"))


def test_of_a_loss_with_an_unused_beta_the_rest_is_judged() -> None:
    assert lint(beta_unused).rules == ("beta-unused",)


@pytest.mark.parametrize(
    ("term", "said"),
    [
        (lambda k: k.clamp(min=1.0), "at least"),
        (lambda k: k.clamp(max=3.0), "at most"),
        (lambda k: (k - 2).abs(), "capacity"),
    ],
)
def test_free_bits_and_capacities_are_choices(term: Callable[[Tensor], Tensor], said: str) -> None:
    result = lint(lambda recon, x, mu, logvar: (recon - x).square().sum() + term(kl(mu, logvar).sum()))
    assert not result.rules
    assert said in line_of(result, "kl-clipped")


def kl_per_point(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl(mu, logvar).sum(1)


def graph_kl(mu: Tensor, logstd: Tensor) -> Tensor:
    return -0.5 * (1 + 2 * logstd - mu**2 - logstd.exp() ** 2).sum(1).mean()


@pytest.mark.parametrize(("term", "head"), [(kl_per_point, "log-variance"), (graph_kl, "log standard deviation")])
def test_a_kl_term_alone_is_judged(term: Loss, head: str) -> None:
    result = lint(term)
    assert result.kind == "KL term"
    assert not result.rules
    assert head in line_of(result, "head")
    assert line_of(result, "reduction") == "The KL term is a mean over points and a sum over latent dimensions."


def shared(mu: Tensor, logvar: Tensor) -> Tensor:
    return mu + (0.5 * logvar).exp() * torch.randn(mu.shape[1])


def frozen(mu: Tensor, logvar: Tensor) -> Tensor:
    return mu + (0.5 * logvar).exp() * torch.randn(mu.shape, generator=torch.Generator().manual_seed(0))


def drawn(mu: Tensor, logvar: Tensor) -> Tensor:
    return torch.normal(torch.zeros_like(mu), 1.0) * (0.5 * logvar).exp() + mu


@pytest.mark.parametrize(("sampler", "rules"), [(shared, ("shared-noise",)), (frozen, ("frozen-noise",)), (drawn, ())])
def test_a_sampler_alone_is_judged(sampler: Loss, rules: tuple[str, ...]) -> None:
    result = lint(sampler)
    assert result.kind == "sampler"
    assert result.rules == rules


class Model(nn.Module):
    def __init__(self, head: Callable[[Tensor], Tensor], *, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 4))
        self.decoder = nn.Linear(2, 3)
        self.head = head
        self.dropout = dropout

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.body(F.dropout(x, self.dropout)).chunk(2, dim=1)
        return mu, self.head(logvar)

    def decode(self, z: Tensor) -> Tensor:
        result: Tensor = self.decoder(z)
        return result

    def loss_function(self, recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return summed(recon, x, mu, logvar)


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (Model(lambda head: head), None),
        (Model(F.relu), "dead-head"),
        (Model(torch.zeros_like), "dead-head"),
        (Model(torch.tanh), "head-range"),
        (Model(lambda head: head, dropout=0.5), "score-changes"),
    ],
)
def test_the_heads_of_a_model_are_looked_at(model: Model, rule: str | None) -> None:
    result = lint(model)
    assert result.kind == "model"
    assert result.rules == (() if rule is None else (rule,))
    assert "variance 0.5" in line_of(result, "sigma")


@pytest.mark.parametrize(
    ("score", "rules"),
    [
        (lambda x: x.square().sum(1), ()),
        (lambda x: (x + torch.randn_like(x)).sum(1), ("score-changes",)),
        (lambda x: (x - x.mean(0)).sum(1).numpy(), ("score-company",)),
    ],
)
def test_a_score_is_asked_twice(score: Loss, rules: tuple[str, ...]) -> None:
    assert lint(score, data_dim=3).rules == rules


def test_terms_that_are_returned_apart_are_no_accusation() -> None:
    result = lint(lambda recon, x, mu, logvar: ((recon - x).square().sum(), kl(mu, logvar).sum()))
    assert not result.rules
    assert "Hand over a function that returns the whole loss." in line_of(result, "several-values")


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (3, "function of tensors or a module with encode and decode; got 3"),
        (nn.Linear(2, 2), "this Linear has no encode"),
        (Model, "make a model of it"),
        (lambda a, b, c, d, e, f, g: a + b + c + d + e + f + g, "which is which is not known"),
        (lambda: 1, "takes no arguments: which is which is not known"),
        (lambda x: x.nothing, "The score fails"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line(thing: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        lint(thing)
    assert "\n" not in str(raised.value)


def test_a_loss_that_raises_is_an_error_with_its_message() -> None:
    def broken(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        raise RuntimeError(f"no such thing: {len((recon, x, mu, logvar))}")

    result = lint(broken)
    assert not result.passed
    assert "RuntimeError" in line_of(result, "does-not-run")


def test_the_result_is_plain_values_and_html_that_is_escaped() -> None:
    result = lint(summed)
    values = json.loads(json.dumps(result.to_json()))
    assert values["version"] == 1
    assert values["passed"] is True
    html = result._repr_html_()
    assert "summed (loss)" in html
    assert html.count("<li>") == len(result.findings)


def test_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    lint(drawn)
    assert torch.equal(torch.rand(2), expected)
