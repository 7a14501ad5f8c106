"""Machine-made mutants of right solutions: those that are wrong are failed, those that are right in law pass.

Oracle: ``right_in_law``, which compares with definitions in float64 and knows none of the checker's laws. All mutants
are checked with SWISSROLL_EXERCISE_ALL=1 (some minutes), and a sample in an ordinary run. With -s the counts are shown.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
import torch

import swissroll
from swissroll.exercise.checking import CheckResult
from tests.exercise.mutants import Mutant, all_mutants
from tests.exercise.mutated_solutions import ORIGINS
from tests.exercise.right_in_law import is_right, run

SAMPLE = 7


def chosen() -> list[Mutant]:
    mutants = all_mutants()
    if os.environ.get("SWISSROLL_EXERCISE_ALL"):
        return mutants
    order = torch.randperm(len(mutants), generator=torch.Generator().manual_seed(3)).tolist()
    return [mutants[index] for index in order[:SAMPLE]]


def is_right_mutant(mutant: Mutant) -> bool:
    origin = ORIGINS[mutant.origin]
    return is_right(mutant.source, origin.source, origin.head)


def raises(result: CheckResult) -> bool:
    """Whether a law failed by an error, whose message says what is wrong."""
    return any("answer" in evidence.facts for evidence in result.failed)


def test_a_mutant_passes_where_it_is_right_in_law_and_nowhere_else() -> None:
    counts: Counter[str] = Counter()
    mistaken = []
    for mutant in chosen():
        right = is_right_mutant(mutant)
        result = swissroll.check(run(mutant.source))
        counts["equal" if right else "failed" if result.failed else "wrong, and not failed"] += 1
        if result.passed != right or bool(result.failed) == right:
            mistaken.append(f"{mutant.name}: {'right' if right else 'wrong'}\n{result}")
        elif result.failed and not result.misconceptions and not raises(result):
            mistaken.append(f"{mutant.name}: wrong, and without a name\n{result}")
    print(f"{sum(counts.values())} mutants: {dict(counts)}")
    assert not mistaken, "\n\n".join(mistaken)


def test_there_are_some_hundreds_of_mutants_and_each_is_another_solution() -> None:
    mutants = all_mutants()
    assert len(mutants) > 500
    assert len({mutant.source for mutant in mutants}) == len(mutants)
    assert {mutant.origin for mutant in mutants} == ORIGINS.keys()


@pytest.mark.parametrize("name", list(ORIGINS))
def test_the_origins_are_right(name: str) -> None:
    origin = ORIGINS[name]
    assert is_right(origin.source, origin.source, origin.head)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("mu + std * noise", "mu - std * noise", True),
        ("mu + std * noise", "mu + noise", False),
        ("mu + std * noise", "mu + std * noise.abs()", False),
        ("mu + std * noise", "mu.detach() + std * noise", False),
        ("torch.mean((recon_x - x) ** 2)", "torch.sum((recon_x - x) ** 2)", False),
        ("torch.mean((recon_x - x) ** 2)", "torch.mean((recon_x - x) ** 2) * 3", True),
        ("return loss", "return 0.3 * loss", True),
        ("0.5 * torch.mean(mu**2", "torch.mean(mu**2", False),
        ("beta * kl_loss", "beta ** 2 * kl_loss", False),
        ("self.reparameterize(mu, logvar)", "self.reparameterize(mu, logvar) * 1.001", False),
        ("return mu, logvar\n", "return -mu, 2 * logvar\n", True),
        ("return mu, logvar\n", "return mu.relu(), logvar\n", False),
    ],
)
def test_what_is_right_in_law_is_told_from_what_is_not(before: str, after: str, expected: bool) -> None:
    origin = ORIGINS["notebook"]
    assert origin.source.count(before) == 1
    assert is_right(origin.source.replace(before, after), origin.source, origin.head) is expected
