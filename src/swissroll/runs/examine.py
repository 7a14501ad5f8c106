"""What ails a run's model, with advice that suits the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from swissroll import checks
from swissroll.config import MAX_COMPONENTS, PRESETS
from swissroll.evaluation.diagnosis import HEALTHY, PRIOR, RULES, Diagnosis, Examined, examine_model, judged
from swissroll.runs.run import Run


def examine(run: Run, *, evidence: bool = False, progress: Callable[[str], object] = lambda _: None) -> Examined:
    """Measure a run's model and say what ails it.

    Args:
        run: A run with weights.
        evidence: Also measure the evidence, which two of the rules need.
        progress: As of :func:`swissroll.evaluation.metrics.measure`.

    Raises:
        RunError: The run is damaged, or nothing is trained yet.
        ValueError: ``run`` is not one.

    Returns:
        The metrics, None where the model's outputs are not finite, and the diagnosis.
    """
    checks.instance("run", run, Run, "a run, such as load(folder)")
    run.require_whole()
    stopped = run.message if run.status == "diverged" else None
    metrics, found = examine_model(
        run.model,
        run.config,
        judged(run.config, run.history.__getitem__),
        stopped=stopped,
        evidence=evidence,
        progress=progress,
    )
    return metrics, suited(found, run)


def suited(found: Diagnosis, run: Run) -> Diagnosis:
    """A diagnosis without advice that the run follows already or cannot."""
    return found if found.name == "diverged" else dataclasses.replace(found, advice=_suited_advice(found, run))


def _suited_advice(found: Diagnosis, run: Run) -> str:
    config, advice = run.config, found.advice
    goes_on = run.status in ("unfinished", "stopped")
    if goes_on and (found.name == "under-trained" or (found.name == PRIOR and run.status == "unfinished")):
        return f"Finish this run first: 'swissroll train --resume {run.folder}'."
    if found.name == PRIOR and run.repaired_from:
        more = min(2 * config.components, MAX_COMPONENTS)
        command = f"swissroll repair {run.repaired_from} --components {more} --out NEW_FOLDER"
        return f"Repair the original with more components: '{command}'."
    if found.name == PRIOR and config.components:
        return "Use 'swissroll repair' on this run: it fits the prior to the aggregate posterior anew."
    if found.name == HEALTHY.name and config.components and config.steps >= PRESETS["best-long"]["steps"]:
        return "Nothing ails this model."
    if config.beta == 0 and advice.startswith("Multiply beta"):
        advice = "Set beta to 0.01, the notebook's."
    if config.beta == 0 and advice.startswith("Divide beta"):
        advice = RULES[1].advice
    if config.depth == 0:
        advice = advice.replace("widen the network", "add hidden layers").replace(
            "Double the hidden width", "Add hidden layers"
        )
    return advice
