"""What a trained model is worth, in numbers, and what ails it; needs no folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swissroll.lazy import LazyNames

if TYPE_CHECKING:
    from swissroll.evaluation.advice import Action as Action
    from swissroll.evaluation.advice import Advice as Advice
    from swissroll.evaluation.diagnosis import Diagnosis as Diagnosis
    from swissroll.evaluation.diagnosis import LossHistory as LossHistory
    from swissroll.evaluation.diagnosis import Symptoms as Symptoms
    from swissroll.evaluation.diagnosis import collect_symptoms as collect_symptoms
    from swissroll.evaluation.diagnosis import diagnose as diagnose
    from swissroll.evaluation.distances import Distance as Distance
    from swissroll.evaluation.distances import Distances as Distances
    from swissroll.evaluation.distances import ReferenceSample as ReferenceSample
    from swissroll.evaluation.distances import c2st_accuracy as c2st_accuracy
    from swissroll.evaluation.distances import compare as compare
    from swissroll.evaluation.distances import energy_distance as energy_distance
    from swissroll.evaluation.distances import mmd as mmd
    from swissroll.evaluation.distances import sliced_wasserstein as sliced_wasserstein
    from swissroll.evaluation.distances import wasserstein as wasserstein
    from swissroll.evaluation.evaluation import Evaluation as Evaluation
    from swissroll.evaluation.evaluation import PastTraining as PastTraining
    from swissroll.evaluation.evaluation import Summary as Summary
    from swissroll.evaluation.evaluation import evaluate_model as evaluate_model
    from swissroll.evaluation.evaluation import evaluate_trained as evaluate_trained
    from swissroll.evaluation.evidence import Evidence as Evidence
    from swissroll.evaluation.evidence import is_exact as is_exact
    from swissroll.evaluation.evidence import log_evidence as log_evidence
    from swissroll.evaluation.evidence import measure_evidence as measure_evidence
    from swissroll.evaluation.evidence import posterior_on_grid as posterior_on_grid
    from swissroll.evaluation.evidence import ppca_evidence as ppca_evidence
    from swissroll.evaluation.evidence_summary import EvidenceSummary as EvidenceSummary
    from swissroll.evaluation.geometry import Fit as Fit
    from swissroll.evaluation.geometry import Projection as Projection
    from swissroll.evaluation.geometry import fit as fit
    from swissroll.evaluation.geometry import project as project
    from swissroll.evaluation.latent_continuity import Continuity as Continuity
    from swissroll.evaluation.latent_continuity import continuity as continuity
    from swissroll.evaluation.lower_bound import LowerBound as LowerBound
    from swissroll.evaluation.lower_bound import data_entropy as data_entropy
    from swissroll.evaluation.lower_bound import nll_lower_bound as nll_lower_bound
    from swissroll.evaluation.metrics import Generated as Generated
    from swissroll.evaluation.metrics import Latent as Latent
    from swissroll.evaluation.metrics import Metrics as Metrics
    from swissroll.evaluation.metrics import Reconstruction as Reconstruction
    from swissroll.evaluation.metrics import measure as measure
else:
    _public = LazyNames(
        __name__,
        {
            "advice": ["Action", "Advice"],
            "diagnosis": ["Diagnosis", "LossHistory", "Symptoms", "collect_symptoms", "diagnose"],
            "distances": [
                "Distance",
                "Distances",
                "ReferenceSample",
                "c2st_accuracy",
                "compare",
                "energy_distance",
                "mmd",
                "sliced_wasserstein",
                "wasserstein",
            ],
            "evaluation": ["Evaluation", "PastTraining", "Summary", "evaluate_model", "evaluate_trained"],
            "evidence": [
                "Evidence",
                "is_exact",
                "log_evidence",
                "measure_evidence",
                "posterior_on_grid",
                "ppca_evidence",
            ],
            "evidence_summary": ["EvidenceSummary"],
            "geometry": ["Fit", "Projection", "fit", "project"],
            "latent_continuity": ["Continuity", "continuity"],
            "lower_bound": ["LowerBound", "data_entropy", "nll_lower_bound"],
            "metrics": ["Generated", "Latent", "Metrics", "Reconstruction", "measure"],
        },
    )
    __all__ = _public.names
    __getattr__ = _public.load
