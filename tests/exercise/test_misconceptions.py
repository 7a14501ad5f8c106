"""Wrong solutions are failed and named, right ones pass.

Oracle: what was written wrong on purpose. All of them are checked with SWISSROLL_EXERCISE_ALL=1; an ordinary run checks
every twelfth.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from typing import Any

import pytest
import torch

import swissroll
from swissroll.exercise.checking import CheckResult, ExerciseError
from swissroll.exercise.misconceptions import BY_ID, CATALOGUE
from swissroll.exercise.misconceptions.source import RIGHT, solution, wrong_solution
from swissroll.exercise.questions import QUESTIONS
from tests.exercise.right_solutions import RIGHT_SOLUTIONS
from tests.exercise.writings import PAIRS, WRITINGS
from tests.exercise.writings.writing import Writing

STRIDE = 1 if os.environ.get("SWISSROLL_EXERCISE_ALL") else 12


def check_source(source: str) -> CheckResult:
    namespace: dict[str, Any] = {}
    exec(compile(source, "solution.py", "exec"), namespace)  # noqa: S102  The solutions are the tests' own.
    return swissroll.check(namespace)


def named(result: CheckResult) -> set[str]:
    return {one.misconception.id for one in result.misconceptions}


def close(result: CheckResult) -> set[str]:
    """What is named, and what it might be instead."""
    return named(result) | {one.runner_up.id for one in result.misconceptions if one.runner_up is not None}


@pytest.mark.parametrize("name", list(RIGHT_SOLUTIONS)[::STRIDE])
def test_a_right_solution_passes_in_any_style(name: str) -> None:
    result = check_source(RIGHT_SOLUTIONS[name])
    assert result.passed, str(result)


@pytest.mark.parametrize("entry", CATALOGUE[::STRIDE], ids=lambda entry: entry.id)
def test_a_misconception_is_failed_and_named(entry: Any) -> None:
    if entry.id in IN_SEVERAL_PARTS:
        pytest.skip("one part alone is no mistake, or another one: its writings have all parts")
    result = check_source(wrong_solution(entry))
    assert result.failed
    assert not result.passed
    assert entry.id in close(result), str(result)


IN_SEVERAL_PARTS = {"std-not-positive", "heads-disagree"}
"""Mistakes of two parts together, which the catalogue's one part alone does not make."""


@pytest.mark.parametrize("writing", WRITINGS[::STRIDE], ids=lambda writing: writing.wanted)
def test_a_misconception_is_failed_and_named_in_another_writing(writing: Writing) -> None:
    result = check_source(writing.source)
    assert result.failed
    assert close(result) & {writing.wanted, *writing.siblings}, str(result)


def test_every_misconception_has_two_writings_at_least() -> None:
    entries = [entry for entry in CATALOGUE if entry.id not in IN_SEVERAL_PARTS]
    written = Counter(entry.id for entry in entries)
    written.update({writing.wanted: 0 for writing in WRITINGS})
    written.update(writing.wanted for writing in WRITINGS)
    assert written.keys() == BY_ID.keys()
    assert [name for name, count in written.items() if count < 2] == []
    sources = [*(wrong_solution(entry) for entry in entries), *(writing.source for writing in WRITINGS)]
    assert len(set(sources)) == len(sources)


@pytest.mark.parametrize(("parts", "wanted"), PAIRS)
def test_several_mistakes_get_a_name_each(parts: dict[str, str], wanted: set[str]) -> None:
    assert named(check_source(solution(**parts))) == wanted


def test_the_catalogue_is_whole() -> None:
    laws = {question.id for question in QUESTIONS}
    assert len(CATALOGUE) >= 50
    assert len(BY_ID) == len(CATALOGUE)
    for entry in CATALOGUE:
        assert entry.law in laws, entry.id
        assert entry.slot in RIGHT, entry.id
        assert all((entry.name, entry.thought, entry.effect, entry.hint, entry.read, entry.signs)), entry.id


def test_a_hint_holds_no_line_of_the_answer() -> None:
    answers = [*RIGHT["sampler"].splitlines(), *RIGHT["kl"].splitlines()]
    for entry in CATALOGUE:
        for line in answers:
            assert line not in entry.hint


def test_a_hint_sends_nobody_to_a_place_where_the_mistake_does_not_show() -> None:
    place = re.compile(r"mu = (-?\d+) and logvar = (-?\d+)")
    for entry in CATALOGUE:
        found = place.search(entry.hint)
        if found is None or entry.formula is None or not entry.law.startswith("kl."):
            continue
        mu, logvar = float(found[1]), float(found[2])
        divergence = 0.5 * (mu**2 + math.exp(logvar) - 1 - logvar)
        assert abs(entry.formula(mu, logvar) - divergence) > 0.01, entry.id


@pytest.mark.parametrize("stub", ["return None", "raise NotImplementedError()"])
def test_a_part_that_is_not_written_has_no_misconception(stub: str) -> None:
    result = check_source(solution(sampler=stub, total=stub))
    assert not result.passed
    assert named(result) == set()
    assert "not written yet" in str(result)


def test_a_part_without_a_return_is_told_of_it() -> None:
    result = check_source(solution(sampler="z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)"))
    assert not result.passed
    assert named(result) == set()
    assert "returns nothing" in str(result)
    assert "its return is missing" in str(result)


def test_a_result_is_text_html_and_plain_values() -> None:
    result = check_source(solution(kl="kl_loss = (mu ** 2 + logvar.exp() - 1 - logvar).mean()"))
    plain = json.loads(json.dumps(result.to_json()))
    assert plain["version"] == 1
    assert plain["passed"] is False
    assert [one["id"] for one in plain["misconceptions"]] == ["kl-no-half"]
    assert "factor of 1/2" in str(result)
    assert "<section>" in result._repr_html_()
    with pytest.raises(ExerciseError, match="factor of 1/2"):
        result.raise_if_failed()


@pytest.mark.parametrize("spread", ["std.mean(dim=1, keepdim=True)", "std.flip(dims=(1,))"])
def test_a_spread_that_is_mixed_is_one_mistake_and_its_gradients_none(spread: str) -> None:
    code = f"std = torch.exp(0.5 * logvar)\nreturn mu + {spread} * torch.randn_like(mu)"
    result = check_source(solution(sampler=code))
    assert named(result) == {"std-of-other-coordinates"}
    assert {one.law for one in result.failed} == {"reparameterize.scale"}


def test_a_spread_that_is_mixed_does_not_hide_a_gradient_that_is_cut_in_half() -> None:
    code = (
        "std = torch.exp(0.25 * logvar) * torch.exp(0.25 * logvar.detach())\n"
        "return mu + std.mean(dim=1, keepdim=True) * torch.randn_like(mu)"
    )
    result = check_source(solution(sampler=code))
    assert {one.law for one in result.failed} == {"reparameterize.scale", "reparameterize.gradients"}


@pytest.mark.parametrize("seed", range(3))
def test_noise_that_is_kept_is_not_called_another_noise_than_normal(seed: int) -> None:
    code = (
        f"kept = torch.randn(128, 8, generator=torch.Generator().manual_seed({seed}))\n"
        "return mu + torch.exp(0.5 * logvar) * kept[: mu.shape[0], : mu.shape[1]]"
    )
    result = check_source(solution(sampler=code))
    assert "reparameterize.normal" not in {one.law for one in result.failed}
    assert "noise-frozen" in named(result)


def test_no_line_of_what_was_seen_has_a_place_that_was_not_filled() -> None:
    lines = [one.line for one in check_source(solution()).evidence]
    assert [line for line in lines if "{" in line] == []


def test_checking_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    check_source(solution())
    assert torch.equal(torch.rand(3), expected)


def test_all_passed_is_said_only_where_all_was_checked() -> None:
    source = solution().split("def compute_vae_loss")[0]
    result = check_source(source)
    assert not result.failed
    assert not result.complete
    assert not result.passed
    assert "All" not in str(result).splitlines()[0]
