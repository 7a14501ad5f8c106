"""A run that is trained with somebody's solution to the exercise, and the right run beside it."""

from __future__ import annotations

import json
from contextlib import closing
from html import escape
from pathlib import Path

import numpy as np
import pytest
import torch

from swissroll.cli.app import main
from swissroll.config import Config
from swissroll.exercise.misconceptions import BY_ID
from swissroll.exercise.solution import SolutionError, read_solution
from swissroll.exercise.solution_run import SolutionRun, create_with_solution, open_run, settings_for_solution
from swissroll.runs import RunError, advance, create, load

pytestmark = pytest.mark.usefixtures("few_points", "no_pictures")

RIGHT = """
import numpy as np
import torch
import torch.nn as nn


def layers(n_in, hidden, n_out):
    return [nn.Linear(n_in, hidden), nn.ReLU(), nn.Linear(hidden, n_out)]


class VAE(nn.Module):
    def __init__(self, latent_dim=2, hidden_dim=256):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, hidden_dim), nn.ReLU())
        self.fc_mu = nn.Linear(hidden_dim, latent_dim)
        self.fc_logvar = nn.Linear(hidden_dim, latent_dim)
        self.decoder = nn.Sequential(*layers(latent_dim, hidden_dim, 2))

    def encode(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def compute_vae_loss(model, x, beta):
    recon_x, mu, logvar = model(x)
    kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))
    return torch.mean((recon_x - x) ** 2) + beta * kl_loss
"""
FUNCTIONS = """
import torch

def reparameterize(mu, logvar):
    return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

def vae_loss(recon_x, x, mu, logvar, beta):
    kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))
    return torch.mean((recon_x - x) ** 2) + beta * kl_loss
"""
SMALL = settings_for_solution(Config(steps=8, hidden_dim=6, depth=1, snapshot_every=4, eval_every=4))
FLAGS = ["--steps", "8", "--hidden-dim", "6", "--depth", "1", "--quiet"]
NOISE = "torch.randn_like(std) * std"


def make_run(folder: Path, code: str = RIGHT, config: Config = SMALL) -> SolutionRun:
    path = folder.with_suffix(".py")
    path.write_text(code)
    return create_with_solution(folder, config, read_solution(path))


def call(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.mark.parametrize("code", [RIGHT, FUNCTIONS], ids=["class", "functions"])
def test_a_right_solution_gives_the_right_run_bit_for_bit(tmp_path: Path, code: str) -> None:
    right = create(tmp_path / "right", SMALL)
    solved = make_run(tmp_path / "solved", code)
    for run in (right, solved):
        for _ in advance(run):
            pass

    expected = right.model.state_dict()
    found = solved.model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    for column in ("loss", "mse", "kl", "held_out_loss"):
        np.testing.assert_array_equal(solved.history[column], right.history[column])


def test_a_wrong_solution_starts_the_same_and_is_trained_by_its_own_loss(tmp_path: Path) -> None:
    wrong = make_run(tmp_path / "wrong", RIGHT.replace("beta * kl_loss", "0 * kl_loss"))
    right = wrong.right
    for run in (wrong, right):
        for _ in advance(run):
            pass

    first = wrong.history[0]
    assert first.loss == pytest.approx(first.mse)
    assert (first.mse, first.kl) == (right.history[0].mse, right.history[0].kl)
    assert wrong.history.kl[-1] != right.history.kl[-1]


def test_what_the_decoder_of_a_solution_does_is_what_is_measured(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", RIGHT.replace("return self.decoder(z)", "return torch.sigmoid(self.decoder(z))"))
    z = torch.linspace(-3, 3, 8).reshape(4, 2)
    model = run.make_model()
    torch.testing.assert_close(model.decode(z), torch.sigmoid(model.decoder(z)))


@pytest.mark.parametrize("noise", [NOISE, "torch.from_numpy(np.random.randn(*mu.shape)).float() * std"])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(tmp_path: Path, noise: str) -> None:
    code = RIGHT.replace(NOISE, noise)
    whole = make_run(tmp_path / "whole", code)
    for _ in advance(whole):
        pass

    stopped = make_run(tmp_path / "stopped", code)
    with closing(advance(stopped)) as records:
        for record in records:
            if record.step == 3:
                break
    again = open_run(stopped.folder)
    for _ in advance(again):
        pass
    np.testing.assert_array_equal(again.history.loss, whole.history.loss)
    assert torch.equal(again.model.fc_mu.weight, whole.model.fc_mu.weight)


def test_the_report_shows_the_checker_and_the_right_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = RIGHT.replace(NOISE, "torch.randn(1, mu.shape[1]) * std")
    cells = [{"cell_type": "code", "source": shared}, {"cell_type": "code", "source": "raise SystemExit"}]
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))

    out = tmp_path / "run"
    code, printed, _ = call(["train", *FLAGS, "--solution", str(path), "--out", str(out)], capsys)
    assert code == 0
    assert "this solution" in printed
    assert "the right run" in printed
    assert "nats above the bound" in printed
    assert BY_ID["noise-shared-by-batch"].name in " ".join(printed.split())
    page = (out / "report.html").read_text()
    assert escape(BY_ID["noise-shared-by-batch"].name) in page
    assert "The right run has" in " ".join(page.split())
    assert load(out / "right").status == "finished"

    # Its settings without the code train the right run, and its report is written again with the code.
    before = (out / "metrics.json").read_bytes()
    code, again, _ = call(["report", str(out), "--quiet"], capsys)
    assert code == 0
    assert again.partition("this solution")[2] == printed.partition("this solution")[2]
    assert (out / "metrics.json").read_bytes() == before


WRONG = {
    "raises": (NOISE, "std.nonsense", "AttributeError"),
    "nan": (NOISE, "std * float('nan')", "nan, not a number"),
    "shape": (NOISE, "std.reshape(-1)", "RuntimeError"),
    "another shape": ("self.fc_logvar(h)\n", "self.fc_logvar(h)[:, :1]\n", "logvar has the shape ("),
    "none": ("return mu + ", "mu + ", "TypeError"),
    "integer": ("return torch.mean((recon_x - x) ** 2)", "return 3 #", "the loss is a int, not a tensor"),
    "per point": ("torch.mean((recon_x - x) ** 2)", "((recon_x - x) ** 2).mean(dim=1)", "shape (128,)"),
    "no gradient": ("return torch.mean((recon_x - x) ** 2)", "return torch.tensor(1.0) #", "no gradient"),
    "in place": (
        "std = torch.exp(0.5 * logvar)",
        "std = logvar.mul(0.5).exp(); mu.mul_(std); std.mul_(2)",
        "RuntimeError",
    ),
    "renamed": ("def compute_vae_loss", "def something_else", "has no compute_vae_loss"),
    "syntax": ("def compute_vae_loss", "def compute_vae_loss(", "syntax error"),
    "constructor": ("super().__init__()", "super().__init__(); 1 / 0", "ZeroDivisionError"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_solution_that_cannot_be_used_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    old, new, expected = WRONG[case]
    assert RIGHT.count(old) == 1
    path = tmp_path / "mine.py"
    path.write_text(RIGHT.replace(old, new))
    code, out, err = call(["train", *FLAGS, "--solution", str(path), "--out", str(tmp_path / "run")], capsys)
    assert (code, out) == (2, "")
    assert expected in err
    assert f"swissroll exercise check {path}" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_an_error_in_the_middle_is_one_line_and_the_run_stays(tmp_path: Path) -> None:
    late = RIGHT.replace(
        "    recon_x, mu", "    model.n = getattr(model, 'n', 0) + 1; 1 / (5 - model.n)\n    recon_x, mu"
    )
    run = make_run(tmp_path / "run", late)
    with pytest.raises(SolutionError, match=r"solution\.py, line \d+: ZeroDivisionError"):
        for _ in advance(run):
            pass
    assert open_run(run.folder).status == "unfinished"


@pytest.mark.parametrize("flags", [["--components", "3"], ["--engine", "xla"], ["--dataset", "helix"]])
def test_settings_that_the_exercise_has_not_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(RIGHT)
    code, _, err = call(["train", *flags, "--solution", str(path), "--out", str(tmp_path / "run")], capsys)
    assert code == 2
    assert "is trained with" in err


def test_the_folder_says_what_it_is_and_guards_its_code(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(RunError, match=r"solution\.py"):
        load(run.folder)

    path = run.folder / "solution.py"
    path.write_text(RIGHT + "\n# changed\n")
    with pytest.raises(RunError, match="was changed since this run began"):
        open_run(run.folder)
    path.unlink()
    with pytest.raises(RunError, match="Put it back"):
        open_run(run.folder)
