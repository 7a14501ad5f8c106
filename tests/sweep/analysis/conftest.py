"""A sweep with three axes and its page, which the tests of the analysis share."""

import pytest

from swissroll.sweep.analysis.page import write_page
from swissroll.sweep.analysis.results import Table
from tests.oracles import few_points_measured
from tests.sweep.analysis.oracles import trained_sweep


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Three axes, one value of which diverges, and the page."""
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    with few_points_measured():
        found = trained_sweep(folder, latent_dim=[1, 2], beta=[0.001, 0.1], lr=[0.01, 1e4])
    assert write_page(folder) == folder / "report.html"
    return found
