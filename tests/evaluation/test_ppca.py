"""The closed form of a linear decoder's best evidence, against a search over its weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from swissroll.evaluation.ppca import ppca_evidence


def test_ppca_evidence_is_what_no_other_weights_better() -> None:
    covariance, sigma = torch.diag(torch.tensor([2.0, 0.5, 0.05], dtype=torch.float64)), 0.4

    def loss(flat: np.ndarray) -> float:
        weight = torch.from_numpy(flat).reshape(3, 2)
        model = weight @ weight.T + sigma**2 * torch.eye(3, dtype=torch.float64)
        inverse = torch.linalg.inv(model)
        return float(0.5 * (model.logdet() + 3 * math.log(2 * math.pi) + (inverse @ covariance).trace()))

    best = minimize(loss, np.linspace(-1, 1, 6), tol=1e-10).fun
    assert ppca_evidence(covariance, 2, sigma) == pytest.approx(-best, abs=1e-6)
