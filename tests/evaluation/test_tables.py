"""Tables: what a cell says is what was measured, and columns line up."""

from __future__ import annotations

import dataclasses
import math
import re
from functools import cache

import pytest
import torch
from scipy import stats

from swissroll.data import CURVES
from swissroll.evaluation.metrics import Metrics, measure
from swissroll.evaluation.tables import GENERATED_HEAD, LABELS, MODEL_HEAD, Rows, generated_rows, model_rows, text
from swissroll.model.vae import VAE


@cache
def metrics(latent_dim: int = 2, sigma: float = 0.3) -> Metrics:
    model = VAE(latent_dim, 8, generator=torch.Generator().manual_seed(0))
    return measure(model, CURVES["swiss_roll"], sigma=sigma, n=100, evidence=sigma > 0)


def row(rows: Rows, start: str) -> tuple[str, ...]:
    (found,) = [cells for cells in rows if cells[0].startswith(start)]
    return found


def test_model_rows_say_what_was_measured() -> None:
    found = metrics()
    rows = model_rows(found)
    assert all(len(cells) == len(MODEL_HEAD) for cells in rows)
    assert float(row(rows, "reconstruction MSE, posterior mean")[1]) == pytest.approx(
        found.reconstruction.posterior_mean_mse, abs=1e-5
    )
    share = float(row(rows, "reconstruction MSE, posterior draw")[3].split("%")[0]) / 100
    assert share == pytest.approx(found.reconstruction.mse / found.reconstruction.variance, abs=1e-4)
    assert float(row(rows, "rate")[1]) == pytest.approx(found.latent.rate, abs=1e-3)
    assert row(rows, "active units")[1:] == (str(found.latent.active), "", "of 2")
    assert float(row(rows, "C2ST accuracy")[1]) == pytest.approx(found.latent.aggregate.c2st.value, abs=1e-3)
    assert found.latent.continuity is not None
    assert row(rows, "jumps")[1] == str(found.latent.continuity.jumps)


def test_evidence_stands_beside_its_lower_bound_and_their_difference() -> None:
    found = metrics()
    assert found.evidence is not None
    name, value, bound, verdict = row(model_rows(found), "negative log evidence")
    assert name == "negative log evidence, nats"
    assert float(value) == pytest.approx(found.evidence.neg_log_evidence, abs=1e-4)
    assert float(value) - float(bound) == pytest.approx(float(verdict.split()[0]), abs=1e-3)
    assert float(row(model_rows(found), "inference gap")[1]) == pytest.approx(found.evidence.inference_gap, abs=1e-4)


def test_above_two_latents_the_evidence_is_named_a_bound() -> None:
    cells = row(model_rows(metrics(3)), "negative log evidence")
    assert cells[0].endswith("(a bound)")
    assert cells[3].startswith("at most ")


def test_what_is_not_known_of_the_lower_bound_is_part_of_the_error_above_it() -> None:
    found = metrics()
    assert found.evidence is not None
    vague = dataclasses.replace(
        found.evidence, numerical_error=0.001, neg_log_evidence_se=0.002, lower_bound_error=0.04
    )
    verdict = row(model_rows(dataclasses.replace(found, evidence=vague)), "negative log evidence")[3]
    assert re.fullmatch(r"\d+\.\d{3} above the lower bound, ± 0\.04", verdict)
    assert row(model_rows(metrics(3)), "inference gap")[3] == "at least"


def test_a_lower_bound_out_of_reach_is_a_dash() -> None:
    found = metrics()
    assert found.evidence is not None
    unknown = dataclasses.replace(found.evidence, lower_bound=None, lower_bound_error=None, above_lower_bound=None)
    cells = row(model_rows(dataclasses.replace(found, evidence=unknown)), "negative log evidence")
    assert cells[2] == "-"
    assert "above" not in cells[3]


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (0.0004, ("1234.5678", "0.1235", "1234.444 above the lower bound, ± 0.0004", "7.8901")),
        (0.0, ("1234.5678", "0.1235", "1234.444 above the lower bound, ± 0", "7.8901")),
        (0.03, ("1234.568", "0.123", "1234.444 above the lower bound, ± 0.03", "7.890")),
        (321.0, ("1235", "0", "1234 above the lower bound, ± 300", "8")),
    ],
)
def test_decimals_fit_the_error(error: float, shown: tuple[str, ...]) -> None:
    found = metrics()
    assert found.evidence is not None
    changed = dataclasses.replace(
        found.evidence,
        neg_log_evidence=1234.5678,
        lower_bound=0.12346,
        lower_bound_error=0.0,
        above_lower_bound=1234.44434,
        inference_gap=7.8901,
        numerical_error=error,
    )
    rows = model_rows(dataclasses.replace(found, evidence=changed))
    assert row(rows, "negative log evidence")[1:] == shown[:3]
    assert row(rows, "inference gap")[1] == shown[3]


def test_rates_that_are_left_out_are_not_passed_over_in_silence() -> None:
    found = metrics(3)
    for n, end in ((8, "z8 0.00"), (9, "z8 0.00, ...")):
        latent = dataclasses.replace(found.latent, rates=(0.001,) * n)
        assert row(model_rows(dataclasses.replace(found, latent=latent)), "rate")[3].endswith(end)


def test_without_decoder_noise_the_evidence_says_why_there_is_none() -> None:
    _, value, bound, verdict = row(model_rows(metrics(sigma=0.0)), "negative log evidence")
    assert (value, bound) == ("-", "-")
    assert "beta 0" in verdict


def test_without_evidence_there_are_no_rows_of_it() -> None:
    names = [cells[0] for cells in model_rows(dataclasses.replace(metrics(), evidence=None))]
    assert not [name for name in names if "evidence" in name or "inference" in name]


def test_jumps_make_a_map_not_continuous() -> None:
    found = metrics()
    assert found.latent.continuity is not None
    for jumps, word in ((0, "continuous"), (3, "not continuous")):
        along = dataclasses.replace(found.latent.continuity, jumps=jumps)
        changed = dataclasses.replace(found, latent=dataclasses.replace(found.latent, continuity=along))
        assert row(model_rows(changed), "jumps")[1:] == (str(jumps), "0", word)


def test_one_perfect_model_in_forty_is_above_chance() -> None:
    found, rare = metrics(), stats.t(2).isf(0.025) * math.sqrt(1 + 1 / 3) * 0.03
    for value, word in ((0.5 + rare - 0.002, "at chance (0.5)"), (0.5 + rare + 0.002, "above chance (0.5)")):
        distance = dataclasses.replace(found.latent.aggregate.c2st, value=value, noise_floor=0.5, noise_floor_sd=0.03)
        aggregate = dataclasses.replace(found.latent.aggregate, c2st=distance)
        changed = dataclasses.replace(found, latent=dataclasses.replace(found.latent, aggregate=aggregate))
        assert row(model_rows(changed), "C2ST")[2:] == ("0.500 ± 0.030", word)


def test_generated_rows_keep_the_ways_in_their_columns() -> None:
    found = metrics()
    assert found.noisy_prior is not None
    rows = generated_rows(found)
    assert all(len(cells) == len(GENERATED_HEAD) for cells in rows)
    ways = (found.grid, found.prior, found.noisy_prior)
    fits = [fit for fit in (*(made.fit for made in ways), found.real) if fit is not None]
    assert len(fits) == 4
    assert [float(c) for c in row(rows, "off the curve, 90th")[1:]] == pytest.approx(
        [f.off_p90 for f in fits], abs=1e-4
    )
    assert [float(c) for c in row(rows, "share")[1:]] == pytest.approx([f.coverage for f in fits], abs=1e-2)
    for name, label in LABELS.items():
        measured = [getattr(made.distances, name) for made in ways]
        *cells, noise_floor = row(rows, label)[1:]
        assert [float(c) for c in cells] == pytest.approx([d.value for d in measured], abs=1e-3)
        assert float(noise_floor.split(" ± ")[0]) == pytest.approx(measured[1].noise_floor, abs=1e-3)


def test_a_decoder_without_noise_has_a_dash_in_its_column() -> None:
    rows = generated_rows(metrics(sigma=0.0))
    assert [cells[3] for cells in rows] == ["-"] * len(rows)
    assert all(cell != "-" for cells in rows for i, cell in enumerate(cells) if i != 3)


def test_what_needs_a_curve_is_left_out_without_one() -> None:
    found = metrics()
    ways = {name: dataclasses.replace(getattr(found, name), fit=None) for name in ("grid", "prior", "noisy_prior")}
    latent = dataclasses.replace(found.latent, continuity=None)
    without = dataclasses.replace(found, real=None, latent=latent, **ways)
    assert [cells[0] for cells in generated_rows(without)] == list(LABELS.values())
    kept = {cells[0] for cells in model_rows(without)}
    assert {cells[0] for cells in model_rows(found)} - kept == {
        "jumps along the data's curve",
        "trustworthiness of the latent space",
    }


def test_columns_of_the_text_end_in_line() -> None:
    lines = text(("name", "value", "last"), [("a", "1.5", "x"), ("longer", "12.25", "")]).split("\n")
    assert lines == ["name    value  last", "-------------------", "a         1.5     x", "longer  12.25"]
