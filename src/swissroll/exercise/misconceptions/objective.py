"""Misconceptions about the reconstruction term and the loss as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.reading import AUTOGRAD, BETA, BOUND, BROADCASTING, CONVENTIONS, OUTPUTS, TRICK

SQUARED = "error.squared"
DOUBLE = (
    "Put the reconstruction twice as far away from the points. How many times as large should a Gaussian's term be?"
)


def entry(**values: Any) -> Misconception:
    """An entry about the reconstruction term, with what most of them share."""
    shared = {"law": SQUARED, "signs": ("error-formula",), "hint": DOUBLE, "read": OUTPUTS, "slot": "error"}
    return Misconception(**{**shared, **values})


def whole(**values: Any) -> Misconception:
    """An entry about the loss as a whole, with what most of them share."""
    shared = {"law": "objective.beta", "slot": "total", "read": BETA}
    return Misconception(**{**shared, **values})


OBJECTIVE: tuple[Misconception, ...] = (
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
        signs=("error-uneven-column", "error-uneven-everywhere"),
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
    whole(
        id="beta-unused",
        name="beta is not used",
        thought="A VAE's loss is the sum of the two terms.",
        signs=("beta-unused", "error-depends-on-latents", "kl-absent"),
        effect="Every experiment with beta gives the same result.",
        hint="Compute the loss at beta = 0 and at beta = 10. What changes?",
        code="return recon_loss + kl_loss",
    ),
    whole(
        id="kl-left-out",
        name="There is no KL term in the loss",
        thought="The reconstruction is what counts.",
        law="kl.formula",
        signs=("kl-absent",),
        effect="An autoencoder: the spreads shrink to nothing, and samples from the prior are bad.",
        hint="Change logvar and leave all else. Does the loss change?",
        read=BOUND,
        code="return recon_loss + 0 * kl_loss",
    ),
    whole(
        id="beta-on-reconstruction",
        name="beta weighs the reconstruction term, too, or instead",
        thought="beta trades the two terms off, so it may stand at either of them.",
        signs=("beta-on-error", "error-absent", "kl-absent"),
        effect="A larger beta does less, or the opposite of what the text says.",
        hint="Set beta to 0. Which of the two terms should be gone?",
        code="return beta * recon_loss + kl_loss",
    ),
    whole(
        id="beta-on-both",
        name="beta multiplies the whole loss",
        thought="The bracket around the two terms makes no difference.",
        signs=("beta-on-error", "error-absent"),
        effect="beta changes the size of the gradients and nothing else: Adam does not even see that.",
        hint="Set beta to 0. Which of the two terms should be gone?",
        code="return beta * (recon_loss + kl_loss)",
    ),
    whole(
        id="beta-squared",
        name="beta is squared",
        thought="The KL term was weighed before, and is weighed again in the sum.",
        signs=("beta-formula",),
        effect="A beta of 0.01 weighs the KL term by 0.0001.",
        hint="Compute the loss at beta = 1, 2 and 3. Do the steps between them have the same size?",
        code="kl_loss = beta * kl_loss\nreturn recon_loss + beta * kl_loss",
        formula=lambda one, other: one * other,
    ),
    whole(
        id="beta-not-linear",
        name="The KL term is weighed by another function of beta",
        thought="A weight may be a function of beta.",
        signs=("beta-formula",),
        effect="beta is not the weight that the text says.",
        hint="Compute the loss at beta = 1, 2 and 3. Do the steps between them have the same size?",
        code="return recon_loss + kl_loss * beta ** 0.5",
    ),
    whole(
        id="loss-of-each-point",
        name="The loss is not one number",
        thought="Every point has its loss, and the optimizer adds them up.",
        law="objective.runs",
        signs=("loss-not-scalar",),
        effect="backward() raises an error.",
        hint="Print the shape of what you return. What does backward() need?",
        read=AUTOGRAD,
        code="return ((recon_x - x) ** 2).mean(dim=1) + beta * kl_loss",
    ),
    whole(
        id="loss-is-a-number",
        name="The loss is a plain number without a graph",
        thought="The loss is a number, so item() makes it one.",
        law="objective.runs",
        signs=("loss-no-tensor",),
        effect="backward() cannot be called, and nothing is trained.",
        hint="Print the type of what you return. Does it still know what it was computed from?",
        read=AUTOGRAD,
        code="return (recon_loss + beta * kl_loss).item()",
    ),
    whole(
        id="loss-without-gradient",
        name="No gradient flows from the loss",
        thought="The loss is only to be measured.",
        law="objective.gradients",
        signs=("loss-detached",),
        effect="backward() raises an error, or nothing is trained.",
        hint="Print loss.requires_grad. Which line cuts the graph?",
        read=AUTOGRAD,
        code="return (recon_loss + beta * kl_loss).detach().requires_grad_()",
    ),
    whole(
        id="loss-decodes-mean",
        name="The loss decodes mu",
        thought="The reconstruction is the decoded mean.",
        law="objective.sampled",
        signs=("decodes-mean",),
        effect=(
            "An autoencoder: the decoder never sees noise, so spreads are pulled to 1 for nothing, and samples are bad."
        ),
        hint="Over which distribution of z is the reconstruction averaged in the bound?",
        read=TRICK,
        slot="call",
        code="mu, logvar = model.encode(x)\nrecon_x = model.decode(mu)",
    ),
    whole(
        id="data-changed-in-place",
        name="The loss changes the points that it is handed",
        thought="An operation with an underscore is the same as without, and saves memory.",
        law="objective.runs",
        signs=("in-place-data",),
        effect="Whoever uses the points afterwards has others.",
        hint="Print the points before and after the call. What do PyTorch's methods with an underscore do?",
        read=AUTOGRAD,
        slot="error",
        code="recon_loss = torch.mean(x.sub_(recon_x.detach()).pow(2)) + 0 * recon_x.sum()",
    ),
)
