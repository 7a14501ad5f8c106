"""What is compared on real tables: each is fitted to rows and scores others, with its usual choices made by data."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.real_table_data import Rows

Scores = NDArray[np.float64]

MOST_COMPONENTS = 30
BANDWIDTHS = np.geomspace(0.01, 2, 25)
"""In standard deviations of the columns."""
FLOW_STEPS = 3000
FLOW_CHECK = 50
"""Steps between two looks at the rows that the flow is stopped by."""
FLOW_PATIENCE = 10


def fit_ours(train: Rows, seed: int) -> Any:
    """The estimator at its default settings."""
    from swissroll import VAEDensity

    with warnings.catch_warnings():
        # What ails a fit is in its diagnosis, which is shown.
        warnings.simplefilter("ignore")
        return VAEDensity(random_state=seed).fit(train)


def fit_gaussian_mixture(train: Rows, seed: int) -> Callable[[Rows], Scores]:
    """Full covariances; the number of components by BIC."""
    from sklearn.mixture import GaussianMixture
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    z = scaler.transform(train)
    fits = []
    for components in range(1, min(MOST_COMPONENTS, len(z) // (5 * z.shape[1])) + 1):
        fits.append(GaussianMixture(components, n_init=3, random_state=seed).fit(z))
    best = min(fits, key=lambda fit: float(fit.bic(z)))
    return lambda rows: best.score_samples(scaler.transform(rows)) - np.log(scaler.scale_).sum()


def fit_kernel_density(train: Rows, seed: int) -> Callable[[Rows], Scores]:
    """A Gaussian kernel on standardised columns; its bandwidth by five-fold cross-validation."""
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.neighbors import KernelDensity
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    folds = KFold(5, shuffle=True, random_state=seed)
    search = GridSearchCV(KernelDensity(), {"bandwidth": BANDWIDTHS}, cv=folds).fit(scaler.transform(train))
    return lambda rows: search.best_estimator_.score_samples(scaler.transform(rows)) - np.log(scaler.scale_).sum()


def fit_flow(train: Rows, seed: int) -> Callable[[Rows], Scores]:
    """A neural spline flow on standardised columns; stopped by a tenth of the rows, as ours is."""
    import torch
    import zuko
    from sklearn.preprocessing import StandardScaler

    torch.manual_seed(seed)
    scaler = StandardScaler().fit(train)
    z = torch.from_numpy(scaler.transform(train)).float()[torch.randperm(len(train))]
    count = max(1, len(z) // 10)
    held_out, rest = z[:count], z[count:]
    flow = zuko.flows.NSF(z.shape[1], transforms=3, hidden_features=(64, 64))
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-3)
    best, best_loss, waited = copy.deepcopy(flow.state_dict()), float("inf"), 0
    for step in range(1, FLOW_STEPS + 1):
        batch = rest[torch.randint(len(rest), (min(128, len(rest)),))]
        optimizer.zero_grad()
        loss = -flow().log_prob(batch).mean()
        loss.backward()
        optimizer.step()
        if step % FLOW_CHECK == 0:
            with torch.no_grad():
                now = float(-flow().log_prob(held_out).mean())
            waited += 1
            if now < best_loss:
                best, best_loss, waited = copy.deepcopy(flow.state_dict()), now, 0
            if waited >= FLOW_PATIENCE:
                break
    flow.load_state_dict(best)

    @torch.no_grad()
    def score(rows: Rows) -> Scores:
        found: Scores = flow().log_prob(torch.from_numpy(scaler.transform(rows)).float()).double().numpy()
        return found - float(np.log(scaler.scale_).sum())

    return score


def fit_isolation_forest(train: Rows, seed: int) -> Callable[[Rows], Scores]:
    """scikit-learn's default; a high score is ordinary."""
    from sklearn.ensemble import IsolationForest

    found: Callable[[Rows], Scores] = IsolationForest(random_state=seed).fit(train).score_samples
    return found


def fit_pyod_vae(train: Rows, seed: int) -> Callable[[Rows], Scores]:
    """PyOD's VAE at its defaults."""
    from pyod.models.vae import VAE

    model = VAE(random_state=seed, verbose=0, device="cpu", batch_size=min(32, len(train) // 2))
    model.fit(train)
    return lambda rows: -np.asarray(model.decision_function(rows), dtype=float)


def fit_ours_for_scores(train: Rows, seed: int) -> Callable[[Rows], Scores]:
    """Log densities of the estimator at its default settings."""
    score: Callable[[Rows], Scores] = fit_ours(train, seed).score_samples
    return score


DENSITIES: dict[str, Callable[[Rows, int], Callable[[Rows], Scores]]] = {
    "GaussianMixture": fit_gaussian_mixture,
    "KernelDensity": fit_kernel_density,
    "zuko flow": fit_flow,
}
DETECTORS: dict[str, Callable[[Rows, int], Callable[[Rows], Scores]]] = {
    "VAEDensity": fit_ours_for_scores,
    "IsolationForest": fit_isolation_forest,
    "PyOD VAE": fit_pyod_vae,
}
