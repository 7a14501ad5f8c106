"""Tables: what a cell says is what was measured, and columns line up."""

from __future__ import annotations

import dataclasses
import math
from functools import cache

import pytest
import torch
from scipy import stats

from swissroll.config import Config
from swissroll.data import CURVES
from swissroll.evaluation.distances import NAMES
from swissroll.evaluation.measures import heading
from swissroll.evaluation.metrics import Metrics, measure
from swissroll.evaluation.symptoms import LossHistory, collect_symptoms
from swissroll.evaluation.tables import (
    MODEL_HEAD,
    SAMPLED_FITS,
    Rows,
    generated_head,
    generated_rows,
    model_rows,
    text,
)
from swissroll.evaluation.uncertainty import rounded, with_error
from swissroll.model.vae import VAE
from swissroll.training.build import loss_of


@cache
def metrics(latent_dim: int = 2, sigma: float = 0.3, noise: float = 0.0) -> Metrics:
    model = VAE(latent_dim, 8, generator=torch.Generator().manual_seed(0))
    return measure(model, CURVES["swiss_roll"], noise=noise, sigma=sigma, n=100)


def row(rows: Rows, start: str) -> tuple[str, ...]:
    (found,) = [cells for cells in rows if cells[0].startswith(start)]
    return found


def number(cell: str) -> float:
    """The number at the beginning of a cell."""
    return float(cell.split()[0])


def half_a_digit(cell: str) -> float:
    """Half of the last decimal place that the number of a cell shows."""
    decimals = len(cell.split()[0].partition(".")[2])
    return 0.5001 * 10.0**-decimals


def test_model_rows_say_what_was_measured() -> None:
    found = metrics()
    rows = model_rows(found)
    assert all(len(cells) == len(MODEL_HEAD) for cells in rows)
    error = found.reconstruction
    assert row(rows, "reconstruction MSE, posterior mean")[1] == with_error(
        error.posterior_mean_mse, error.posterior_mean_mse_se
    )
    _, value, _, share = row(rows, "reconstruction MSE, posterior draw")
    assert value == with_error(error.mse, error.mse_se)
    assert number(share) == pytest.approx(100 * error.mse / error.variance, abs=half_a_digit(share))
    assert row(rows, "rate")[1] == with_error(found.latent.rate, found.latent.rate_se)
    assert row(rows, "active units")[1:] == (str(found.latent.active), "", "of 2")
    shown = row(rows, "C2ST accuracy")[1]
    assert number(shown) == pytest.approx(found.latent.aggregate.c2st.value, abs=half_a_digit(shown))
    assert found.latent.continuity is not None
    assert row(rows, "jumps")[1] == str(found.latent.continuity.jumps)


def test_evidence_stands_beside_its_lower_bound_and_their_difference() -> None:
    found = metrics()
    assert found.evidence is not None
    name, value, bound, verdict = row(model_rows(found), "negative log evidence")
    assert name == "negative log evidence, nats per point"
    assert number(value) == pytest.approx(found.evidence.neg_log_evidence, abs=half_a_digit(value))
    assert number(value) - number(bound) == pytest.approx(number(verdict), abs=1e-3)
    gap = row(model_rows(found), "inference gap")[1]
    assert number(gap) == pytest.approx(found.evidence.inference_gap, abs=half_a_digit(gap))


def test_above_two_latents_the_evidence_is_named_a_bound() -> None:
    cells = row(model_rows(metrics(3)), "negative log evidence")
    assert cells[0].endswith("(a bound)")
    assert cells[3].startswith("at most ")
    assert row(model_rows(metrics(3)), "inference gap")[3] == "at least"


def test_a_lower_bound_out_of_reach_is_a_dash() -> None:
    found = metrics()
    assert found.evidence is not None
    unknown = dataclasses.replace(found.evidence, lower_bound=None, lower_bound_error=None, above_lower_bound=None)
    cells = row(model_rows(dataclasses.replace(found, evidence=unknown)), "negative log evidence")
    assert cells[2:] == ("-", "")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (0.0004, ("1234.5678 ± 0.0004", "0.1235", "1234.4443 ± 0.0004 above its lower bound", "7.8901 ± 0.0004")),
        (0.0, ("1234.5678", "0.1235", "1234.4443 above its lower bound", "7.8901")),
        (0.03, ("1234.57 ± 0.03", "0.1235", "1234.44 ± 0.03 above its lower bound", "7.89 ± 0.03")),
        (321.0, ("1235 ± 321", "0.1235", "1234 ± 321 above its lower bound", "8 ± 321")),
    ],
)
def test_decimals_fit_the_error(error: float, shown: tuple[str, ...]) -> None:
    found = metrics()
    assert found.evidence is not None
    changed = dataclasses.replace(
        found.evidence,
        neg_log_evidence=1234.5678,
        neg_log_evidence_se=0.0,
        lower_bound=0.12346,
        lower_bound_error=0.0,
        above_lower_bound=1234.44434,
        inference_gap=7.8901,
        numerical_error=error,
    )
    rows = model_rows(dataclasses.replace(found, evidence=changed))
    assert row(rows, "negative log evidence")[1:] == shown[:3]
    assert row(rows, "inference gap")[1] == shown[3]


def test_every_part_of_the_error_above_the_lower_bound_is_in_it() -> None:
    found = metrics()
    assert found.evidence is not None
    vague = dataclasses.replace(
        found.evidence, numerical_error=0.02, neg_log_evidence_se=0.03, lower_bound_error=0.04, above_lower_bound=0.5
    )
    verdict = row(model_rows(dataclasses.replace(found, evidence=vague)), "negative log evidence")[3]
    assert verdict == "0.50 ± 0.09 above its lower bound"


def test_the_rates_of_dimensions_say_what_they_are_from() -> None:
    shown = row(model_rows(metrics()), "rate")[3]
    start, _, rates = shown.partition(": ")
    assert start == "from N(0, 1)"
    for one, rate in zip(rates.split(", "), metrics().latent.rates, strict=True):
        assert number(one[3:]) == pytest.approx(rate, abs=half_a_digit(one[3:]))


def test_rates_that_are_left_out_are_not_passed_over_in_silence() -> None:
    found = metrics(3)
    for n, end in ((8, "z8 0.001"), (9, "z8 0.001, ...")):
        latent = dataclasses.replace(found.latent, rates=(0.001,) * n, rates_se=(0.002,) * n)
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


def test_one_perfect_model_in_two_thousand_is_above_chance() -> None:
    found, rare = metrics(), stats.t(9).isf(1 / 2000) * math.sqrt(1 + 1 / 10) * 0.03
    for value, word in ((0.5 + rare - 0.002, "at chance (0.5)"), (0.5 + rare + 0.002, "above chance (0.5)")):
        distance = dataclasses.replace(found.latent.aggregate.c2st, value=value, noise_floor=0.5, noise_floor_sd=0.03)
        aggregate = dataclasses.replace(found.latent.aggregate, c2st=distance)
        changed = dataclasses.replace(found, latent=dataclasses.replace(found.latent, aggregate=aggregate))
        assert row(model_rows(changed), "C2ST")[2:] == ("0.50 ± 0.03", word)


def test_generated_rows_keep_the_ways_in_their_columns() -> None:
    found = metrics()
    assert found.noisy_prior is not None
    rows = generated_rows(found)
    assert all(len(cells) == len(generated_head(found)) for cells in rows)
    ways = (found.grid, found.prior, found.noisy_prior)
    fits = [fit for fit in (*(made.fit for made in ways), found.real) if fit is not None]
    assert len(fits) == 4
    grid, *sampled = row(rows, "off the curve, 90th")[1:]
    assert sampled == [with_error(f.off_p90, f.off_p90_se) for f in fits[1:]]
    assert grid == rounded(fits[0].off_p90, fits[1].off_p90_se)
    assert found.real is not None
    assert found.real_sd is not None
    *covered, floor = row(rows, "share of the curve")[1:]
    assert floor == with_error(found.real.coverage, found.real_sd.coverage)
    for cell, fit in zip(covered, fits, strict=False):
        assert number(cell) == pytest.approx(fit.coverage, abs=half_a_digit(cell))
    for name in NAMES:
        measured = [getattr(made.distances, name) for made in ways]
        *cells, noise_floor = row(rows, heading(name))[1:]
        assert noise_floor == with_error(measured[0].noise_floor, measured[0].noise_floor_sd)
        for cell, distance in zip(cells, measured, strict=True):
            assert number(cell) == pytest.approx(distance.value, abs=half_a_digit(cell))
            assert half_a_digit(cell) == half_a_digit(noise_floor)


@pytest.mark.parametrize(
    ("noise", "marked"), [(0.0, "prior samples *"), (0.1, "with the data's noise *"), (0.5, "with decoder noise *")]
)
def test_the_column_that_the_diagnosis_judges_is_marked(noise: float, marked: str) -> None:
    found = metrics(noise=noise)
    head = generated_head(found)
    assert [cell for cell in head if cell.endswith("*")] == [marked]
    judged = collect_symptoms(loss_of(Config()), LossHistory.unknown(), found)
    for name in ("strays", "c2st"):
        shown = row(generated_rows(found), heading(name))[head.index(marked)]
        assert number(shown) == pytest.approx(getattr(judged, name), abs=half_a_digit(shown))


def test_the_decoded_grid_has_the_digits_of_the_samples_beside_it() -> None:
    rows = generated_rows(metrics())
    for name in SAMPLED_FITS:
        _, grid, prior, *_ = row(rows, heading(name))
        assert half_a_digit(grid) == half_a_digit(prior)


def test_a_decoder_without_noise_has_a_dash_in_its_column() -> None:
    rows = generated_rows(metrics(sigma=0.0))
    assert [cells[3] for cells in rows] == ["-"] * len(rows)
    assert all(cell != "-" for cells in rows for i, cell in enumerate(cells) if i != 3)


def test_what_needs_a_curve_is_left_out_without_one() -> None:
    found = metrics()
    ways = {name: dataclasses.replace(getattr(found, name), fit=None) for name in ("grid", "prior", "noisy_prior")}
    latent = dataclasses.replace(found.latent, continuity=None)
    without = dataclasses.replace(found, real=None, latent=latent, **ways)
    assert [cells[0] for cells in generated_rows(without)] == [heading(name) for name in NAMES]
    kept = {cells[0] for cells in model_rows(without)}
    assert {cells[0] for cells in model_rows(found)} - kept == {
        "jumps along the data's curve",
        "trustworthiness of the latent space",
    }


def test_columns_of_the_text_end_in_line() -> None:
    lines = text(("name", "value", "last"), [("a", "1.5", "x"), ("longer", "12.25", "")]).split("\n")
    assert lines == ["name    value  last", "-------------------", "a         1.5     x", "longer  12.25"]
