"""Misconceptions about the reconstruction term."""

from __future__ import annotations

from typing import Any

import numpy as np

from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.reading import (
    BETA,
    BOUND,
    BROADCASTING,
    CONVENTIONS,
    NOT_FINITE,
    OUTPUTS,
    TO_NAN,
)

SQUARED = "error.squared"
DOUBLE = (
    "Put the reconstruction twice as far away from the points. How many times as large should a Gaussian's term be?"
)


def entry(**values: Any) -> Misconception:
    """An entry about the reconstruction term, with what most of them share."""
    shared = {"law": SQUARED, "signs": ("error-formula",), "hint": DOUBLE, "read": OUTPUTS, "slot": "error"}
    return Misconception(**{**shared, **values})


ERROR: tuple[Misconception, ...] = (
    entry(
        id="error-absolute",
        name="The distance is not squared, but its absolute value taken",
        thought="Either measures how far the reconstruction is off.",
        effect="The decoder is a Laplace's, so that the implied sigma and the bound are others than the text's.",
        code="recon_loss = torch.mean((recon_x - x).abs())",
        formula=lambda recon, x: np.abs(recon - x),
    ),
    entry(
        id="error-root",
        name="The root of the squared distance is taken",
        thought="The distance is the root of the sum of squares.",
        effect="Points that are well reconstructed pull as hard as those that are far off; no Gaussian has this term.",
        signs=("error-formula", "error-mixed"),
        code="recon_loss = torch.sqrt(torch.mean((recon_x - x) ** 2) + 1e-12)",
        formula=lambda recon, x: np.abs(recon - x),
    ),
    entry(
        id="error-not-squared",
        name="The difference itself is averaged",
        thought="The average of the differences says how far off the reconstruction is.",
        effect="The decoder outputs ever smaller numbers, and the loss falls without end.",
        hint="What is your term where half of the differences are +1, and half are -1?",
        code="recon_loss = torch.mean(recon_x - x)",
        formula=lambda recon, x: recon - x,
        variants=(lambda recon, x: x - recon,),
    ),
    entry(
        id="error-fourth-power",
        name="The distance is squared twice",
        thought="The loss function squares, and so does the formula.",
        effect="Small errors cost nothing, so that reconstructions stay blurred.",
        code="recon_loss = torch.mean(((recon_x - x) ** 2) ** 2)",
        formula=lambda recon, x: (recon - x) ** 4,
    ),
    entry(
        id="error-huber",
        name="Far errors are not squared",
        thought="A loss that bends less for outliers is safer.",
        effect="The decoder is no Gaussian's, so that the implied sigma and the bound are others than the text's.",
        code="recon_loss = F.smooth_l1_loss(recon_x, x)",
        formula=lambda recon, x: np.where(np.abs(recon - x) < 1, (recon - x) ** 2 / 2, np.abs(recon - x) - 0.5),
    ),
    entry(
        id="error-sum-squared",
        name="The differences are added up before they are squared",
        thought="Squaring and adding can change places.",
        law="error.reduction",
        signs=("error-joint",),
        effect="Errors of opposite signs cancel, so that the decoder may be off everywhere.",
        hint="What is your term where half of the differences are +1, and half are -1?",
        read=BROADCASTING,
        code="recon_loss = torch.mean(recon_x - x) ** 2",
    ),
    entry(
        id="error-of-one-coordinate",
        name="Coordinates do not count alike in the reconstruction term",
        thought="An index picks the coordinate, and one is enough.",
        law="error.reduction",
        signs=("error-uneven-column",),
        effect="The coordinate that does not count is not learned.",
        hint="Move one coordinate of the reconstruction at a time. Which one does your term not see?",
        read=BROADCASTING,
        code="recon_loss = torch.mean((recon_x[:, 0] - x[:, 0]) ** 2)",
    ),
    entry(
        id="error-of-one-point",
        name="Points do not count alike in the reconstruction term",
        thought="The first row stands for the batch.",
        law="error.reduction",
        signs=("error-uneven-row",),
        effect="Most points of a batch train nothing.",
        hint="Move the reconstruction of one point at a time. Which one does your term not see?",
        read=BROADCASTING,
        code="recon_loss = ((recon_x - x) ** 2)[0].mean()",
    ),
    entry(
        id="error-cross-entropy",
        name="A cross-entropy measures the reconstruction",
        thought="The loss of VAEs for pictures is the loss of VAEs.",
        signs=("error-unit-interval",),
        effect="The data have negative coordinates, for which the term fails or is no likelihood.",
        hint="Between which two numbers do the pixels of that loss lie? And the coordinates of these data?",
        code="recon_loss = F.binary_cross_entropy(recon_x, x)",
    ),
    entry(
        id="error-cross-entropy-of-logits",
        name="A cross-entropy with logits measures the reconstruction",
        thought="The loss of VAEs for pictures is the loss of VAEs.",
        effect="The term has no least value where the reconstruction is the point, and falls without end for some.",
        hint="What is your term where the reconstruction is the point itself? Which data does that loss expect?",
        code="recon_loss = F.binary_cross_entropy_with_logits(recon_x, x)",
        formula=lambda recon, x: np.logaddexp(0, recon) - x * recon,
    ),
    entry(
        id="error-another-function",
        name="The reconstruction term is no squared distance",
        thought="Any number that is small for good reconstructions will do.",
        effect="No Gaussian decoder has this term, so that the loss is no bound.",
        code="recon_loss = 1 - torch.mean(torch.exp(-((recon_x - x) ** 2)))",
    ),
    entry(
        id="error-sign-turned",
        name="The reconstruction term has the wrong sign",
        thought="The bound has a minus before the squared distance.",
        signs=("error-sign",),
        effect="The decoder runs away from the data, and the loss falls without end.",
        hint="Is the loss smaller where the reconstruction is better?",
        read=BOUND,
        code="recon_loss = -torch.mean((recon_x - x) ** 2)",
    ),
    entry(
        id="objective-negated",
        name="The whole objective is negated",
        thought="The bound is to be maximised, so it is what is returned.",
        signs=("error-sign", "kl-sign"),
        effect="The optimizer minimises what it should maximise: the loss falls without end.",
        hint="Does the optimizer look for small or for large values of what you return?",
        read=BOUND,
        slot="total",
        code="return -(recon_loss + beta * kl_loss)",
    ),
    entry(
        id="error-ignored",
        name="The loss does not look at the reconstruction",
        thought="The points are compared with what is at hand, and that were the points themselves.",
        signs=("error-absent",),
        effect="The decoder learns nothing.",
        hint="Change the reconstruction and leave all else. Does the loss change?",
        read=BOUND,
        code="recon_loss = torch.mean((x - x) ** 2) + 0 * recon_x.sum()",
    ),
    entry(
        id="error-constant-added",
        name="A constant is added to the reconstruction term",
        thought="A constant has no gradient, so it may stand there.",
        law="error.zero",
        signs=("error-offset",),
        effect="Training is the same, but the number cannot be read as an error.",
        hint="What is your loss where the reconstruction is the point itself and q(z|x) is the prior?",
        read=CONVENTIONS,
        code="recon_loss = 1 + torch.mean((recon_x - x) ** 2)",
    ),
    entry(
        id="error-other-growth",
        name="The reconstruction term grows with the batch in another way than a sum or a mean",
        thought="The sum has to be divided by the batch size, after the mean, too.",
        law="error.reduction",
        signs=("error-batch-power",),
        effect="The larger the batch the less reconstructions count.",
        hint="Hand your loss the same batch twice over. What happens to the reconstruction term?",
        read=CONVENTIONS,
        code="recon_loss = torch.mean((recon_x - x) ** 2) / len(x)",
    ),
    entry(
        id="error-counts-dimensions",
        name="The reconstruction term grows with the number of dimensions in another way than a sum or a mean",
        thought="Every term of the loss has to be multiplied, or divided, by a number of dimensions.",
        law="error.reduction",
        signs=("error-power",),
        effect="What beta means changes with the number of dimensions.",
        hint="Hand your loss one, two and four latent dimensions. Should the reconstruction term know?",
        read=CONVENTIONS,
        code="recon_loss = torch.mean((recon_x - x) ** 2) * mu.shape[1]",
    ),
    entry(
        id="latents-without-beta",
        name="At beta 0 the loss still depends on mu and logvar",
        thought="The KL term is added once by itself and once with beta, or compared with the wrong output.",
        signs=("error-depends-on-latents",),
        effect="beta is not what the KL term is weighed by.",
        hint="Set beta to 0. What should be left of the loss?",
        read=BETA,
        slot="total",
        code="return recon_loss + kl_loss + beta * kl_loss",
    ),
    entry(
        id="error-not-finite",
        name="The reconstruction term is nan or infinite for ordinary numbers",
        thought="A difference may be divided by another one, or its logarithm be taken.",
        law="objective.runs",
        signs=("error-not-finite",),
        effect=TO_NAN,
        hint=NOT_FINITE,
        code="recon_loss = torch.mean(torch.sqrt(recon_x - x) ** 4)",
    ),
    entry(
        id="error-divides-by-itself",
        name="Where a reconstruction is perfect the loss is no number",
        thought="Errors are best judged relative to their own size.",
        law="objective.runs",
        signs=("loss-not-finite-at-zero",),
        effect="The better a model becomes the more violent its steps are. One exact hit, and all weights are nan.",
        hint="Hand your loss the points themselves as their reconstruction. What should come out? What does?",
        code="residual = recon_x - x\nrecon_loss = torch.mean(torch.log(residual ** 2))",
    ),
)
