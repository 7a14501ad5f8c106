"""The known answers: found by a sound build, and missed aloud by a broken one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from swissroll import selftest
from swissroll.cli.app import main
from swissroll.evaluation import distances, evidence, geometry, lower_bound
from swissroll.model import terms
from swissroll.model.prior import Mixture
from swissroll.training.engines.torch import TorchEngine


def call(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    with pytest.raises(SystemExit) as ended:
        main(["selftest"])
    return int(ended.value.code or 0), capsys.readouterr().out.splitlines()


def test_a_sound_build_finds_every_known_answer(capsys: pytest.CaptureFixture[str]) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    code, lines = call(capsys)
    assert code == 0, "\n".join(lines)
    *checks, count, step = lines
    assert all(line.startswith("ok ") and "expected" in line and "tolerance" in line for line in checks)
    assert count.startswith(f"{len(checks)} of {len(checks)} known answers found")
    assert step == "Next: swissroll train"
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


BREAKS: list[tuple[Callable[[], Any], object, str, float]] = [
    (selftest.check_rate, terms, "rate", 1.0001),
    (selftest.check_mixture, Mixture, "log_prob", 1.0001),
    (selftest.check_evidence, evidence, "log_evidence", 1.0001),
    (selftest.check_entropy, lower_bound, "data_entropy", 1.01),
    (selftest.check_wasserstein, distances, "wasserstein", 1.0001),
]


@pytest.mark.parametrize(("check", "home", "name", "factor"), BREAKS, ids=[b[2] for b in BREAKS])
def test_a_wrong_number_is_a_failed_line_and_exit_code_1(
    check: Callable[[], Any], home: object, name: str, factor: float,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    right = getattr(home, name)
    monkeypatch.setattr(selftest, "GROUPS", (check,))
    monkeypatch.setattr(home, name, lambda *a, **k: factor * right(*a, **k))
    code, lines = call(capsys)
    assert code == 1
    assert lines[0].startswith("FAILED ")
    assert lines[-2].startswith("0 of 1 ")
    assert "constraints.txt" in lines[-1]


def test_a_check_that_breaks_off_has_failed_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(selftest, "GROUPS", (selftest.check_distance_to_curve, selftest.check_rate))
    monkeypatch.setattr(geometry, "project", None)
    code, lines = call(capsys)
    assert code == 1
    assert "distance to curve: TypeError" in lines[0]
    assert lines[1].startswith("ok ")


def test_a_step_in_another_order_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = TorchEngine.step

    def slower(self: TorchEngine) -> torch.Tensor:
        self.lr = 0.00099
        return step(self)

    monkeypatch.setattr(selftest, "GROUPS", (selftest.check_notebook,))
    monkeypatch.setattr(TorchEngine, "step", slower)
    code, lines = call(capsys)
    assert code == 1
    assert lines[0].startswith("ok ")
    assert lines[1].startswith("FAILED ")


def test_a_number_that_is_not_finite_is_never_as_expected() -> None:
    assert not selftest.Check(name="x", found=float("nan"), expected=0, tolerance=1).ok
    assert not selftest.Check(name="x", found=0, expected=float("nan"), tolerance=1).ok
