"""The estimator in scikit-learn's ways. Oracle: scikit-learn's own checks, and its tools that take estimators."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from swissroll import VAEDensity
from tests.density.oracles import TINY, fitted, moons, of_moons

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks_pass() -> None:
    check_estimator(VAEDensity(**TINY | {"max_steps": 4, "hidden_dim": 4, "calibration_samples": 100}))


def test_a_copy_is_fitted_to_the_same_bits() -> None:
    again = clone(of_moons()).fit(moons())
    np.testing.assert_array_equal(again.score_samples(moons()), of_moons().score_samples(moons()))


def test_a_pickled_model_gives_the_same_bits() -> None:
    copy = pickle.loads(pickle.dumps(of_moons()))  # noqa: S301 - our own
    np.testing.assert_array_equal(copy.score_samples(moons()), of_moons().score_samples(moons()))
    np.testing.assert_array_equal(copy.sample(5), of_moons().sample(5))


def test_it_ends_a_pipeline_and_stands_inside_one() -> None:
    ended = make_pipeline(StandardScaler(), VAEDensity(**TINY)).fit(moons())
    assert np.isfinite(ended.score_samples(moons())).all()
    assert ended.transform(moons()).shape == (120, 2)
    inside = make_pipeline(VAEDensity(**TINY), StandardScaler()).fit(moons())
    np.testing.assert_allclose(inside.transform(moons()).mean(axis=0), 0, atol=1e-9)


def test_a_search_with_two_processes_finds_what_one_finds() -> None:
    grid = {"components": [1, 2]}
    searches = [GridSearchCV(VAEDensity(**TINY), grid, cv=2, n_jobs=jobs).fit(moons()) for jobs in (1, 2)]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_cross_validation_scores_log_densities() -> None:
    scores = cross_val_score(VAEDensity(**TINY), moons(), cv=2)
    assert scores.shape == (2,)
    assert of_moons().score(moons()) == pytest.approx(of_moons().score_samples(moons()).mean())


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_keep_their_names(library: str) -> None:
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({"metres": moons()[:, 0], "volts": moons()[:, 1]})
    model: Any = fitted(frame)
    np.testing.assert_array_equal(model.feature_names_in_, ["metres", "volts"])
    np.testing.assert_array_equal(model.score_samples(frame), of_moons().score_samples(moons()))

    model.set_output(transform=library)
    latents = model.transform(frame)
    assert list(latents.columns) == ["vaedensity0", "vaedensity1"]
    with pytest.raises(ValueError, match="feature names"):
        model.score_samples(frames.DataFrame({"feet": moons()[:, 0], "volts": moons()[:, 1]}))


def test_it_transforms_some_columns_of_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    rows = moons(columns=3)
    frame = pandas.DataFrame({"a": rows[:, 0], "b": rows[:, 1], "c": rows[:, 2], "kind": ["x"] * len(rows)})
    columns = ColumnTransformer([("place", VAEDensity(**TINY), ["a", "b"])], remainder="passthrough")
    columns.set_output(transform="pandas")
    found = columns.fit_transform(frame)
    assert list(found.columns) == ["place__vaedensity0", "place__vaedensity1", "remainder__c", "remainder__kind"]
