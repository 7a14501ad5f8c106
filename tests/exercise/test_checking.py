"""What a check says beside its verdict, what it leaves alone, and how much it asks.

Oracle: counts by hand.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import torch

import swissroll
from swissroll.exercise.asking import find
from swissroll.exercise.checking import check_subject
from swissroll.exercise.misconceptions.source import solution
from swissroll.exercise.subject import LocalSubject
from tests.exercise.right_solutions import PARTS


def names_of(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(source, "solution.py", "exec"), namespace)  # noqa: S102  The solutions are the tests' own.
    return namespace


@pytest.mark.parametrize("name", ["make_code", "sample_z"])
def test_a_function_by_another_name_is_told(name: str) -> None:
    source = solution().replace("reparameterize", name).replace("compute_vae_loss", "vae_loss")
    result = swissroll.check(names_of(source))
    assert result.passed, str(result)
    assert f"Your {name} was taken for reparameterize." in result.conventions
    assert "Your vae_loss was taken for compute_vae_loss." in str(result)


def test_a_term_of_the_loss_is_not_taken_for_the_sampler() -> None:
    source = solution().replace("def reparameterize(self, mu, logvar)", "def kl_term(self, mu, logvar)")
    assert find(names_of(source)).reparameterize is None


def test_a_sampler_for_float32_alone_passes_and_is_told() -> None:
    code = "return mu.float() + torch.exp(logvar.float() / 2) * torch.randn(mu.shape)"
    result = swissroll.check(names_of(solution(sampler=code)))
    assert result.passed, str(result)
    assert any(line.startswith("The sampler does not work in float64:") for line in result.conventions)


def test_a_model_that_is_checked_keeps_its_mode_and_its_weights() -> None:
    model = names_of(solution())["VAE"]().double()
    model.eval()
    model.decoder.train()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    swissroll.check(model)
    assert not model.training
    assert model.decoder.training
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


class CountingSubject(LocalSubject):
    """Counts how often the solution is called."""

    def __init__(self, source: str) -> None:
        super().__init__(find(names_of(source)))
        self.calls: Counter[str] = Counter()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.calls[request["kind"]] += len(request.get("calls", request.get("beta", [0])))
        return super().ask(request)


@pytest.mark.parametrize(
    "parts",
    [
        PARTS["kl estimated from many draws"],
        {"kl": PARTS["kl estimated from many draws"]["kl"].replace("randn(50", "randn(1")},
        {"sampler": "return mu + torch.exp(logvar / 2) * torch.randn(1, mu.shape[1])"},
        {"sampler": "return mu + torch.exp(logvar / 2) * torch.randn(1)"},
    ],
)
def test_a_solution_is_called_some_thousand_times_at_most(parts: dict[str, str]) -> None:
    subject = CountingSubject(solution(**parts))
    check_subject(subject)
    assert subject.calls["draw"] < 2500
    assert subject.calls["loss"] < 2500


def test_a_loss_that_is_not_finite_fails_without_a_warning() -> None:
    # Of a perfect reconstruction it is infinite, whatever beta.
    error = "recon_loss = 1 / ((recon_x - x) ** 2).sum()"
    result = swissroll.check(names_of(solution(error=error))["compute_vae_loss"])
    assert not result.passed
    line = result.failed[0].line
    assert line.startswith("Where the reconstruction is the point itself the loss is infinite.")
    assert line.endswith("It begins in line 48 with a division by 0, or by something infinite.")


def test_a_positive_head_is_read_as_sampler_and_kl_read_it_together() -> None:
    heads = "return self.fc_mu(h), F.softplus(self.fc_logvar(h)) + 1e-6"
    sampler = "return mu + logvar * torch.randn_like(mu)"
    kl = "kl_loss = torch.mean(0.5 * (mu ** 2 + logvar ** 2 - 1) - torch.log(logvar))"
    assert swissroll.check(names_of(solution(heads=heads, sampler=sampler, kl=kl))).passed
    result = swissroll.check(names_of(solution(heads=heads, sampler=sampler)))
    assert [named.misconception.id for named in result.misconceptions] == ["heads-disagree"]


def test_a_loss_that_switches_the_model_to_evaluation_is_told() -> None:
    names = names_of(solution(call="model.eval()\nrecon_x, mu, logvar = model(x)"))
    result = swissroll.check(names["compute_vae_loss"])
    assert result.passed
    assert any("leaves the model in evaluation mode" in line for line in result.conventions)


def test_the_process_of_submissions_is_begun_before_pytorch_is_imported() -> None:
    code = "import sys, swissroll.exercise.warm_process, swissroll.cli.grading; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
