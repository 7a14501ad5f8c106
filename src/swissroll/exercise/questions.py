"""What a solution is asked: the rows of a rubric and of a table of points."""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    """One law, as a student and a rubric see it.

    Attributes:
        id: The part and the law, such as "kl.formula".
        title: What holds for a right solution.
        points: Points by default.
    """

    id: str
    title: str
    points: float

    @property
    def part(self) -> str:
        """The part of the solution that it is about."""
        return self.id.split(".")[0]


PARTS = {
    "reparameterize": "The reparameterization",
    "kl": "The KL term",
    "error": "The reconstruction term",
    "objective": "The loss as a whole",
    "heads": "The encoder's two heads",
    "forward": "The forward pass",
}
"""What the parts of a solution are called."""

QUESTIONS = (
    Question("reparameterize.runs", "reparameterize returns one latent for each point, for any number of points", 1),
    Question("reparameterize.independent", "Each point and each coordinate has noise of its own", 3),
    Question("reparameterize.fresh", "Each call draws new noise, in training and in evaluation mode", 2),
    Question("reparameterize.normal", "The noise is standard normal", 3),
    Question("reparameterize.centre", "The draws are centred on mu", 2),
    Question("reparameterize.scale", "The draws have the standard deviation that the head says", 3),
    Question("reparameterize.gradients", "Gradients flow through the draw to mu and to the standard deviation", 3),
    Question("reparameterize.inputs", "mu and logvar are left as they were", 0.5),
    Question("kl.zero", "The KL term is zero where q(z|x) is the prior", 1),
    Question("kl.formula", "The KL term is the divergence of q(z|x) from N(0, I)", 4),
    Question("kl.sign", "The KL term is never negative: it is a cost", 3),
    Question("kl.factor", "The KL term has its factor, and no other", 2),
    Question("kl.reduction", "Every latent dimension of every point counts alike in the KL term", 2),
    Question("error.zero", "A perfect reconstruction costs nothing", 0.5),
    Question("error.squared", "The reconstruction term grows with the squared distance", 0.5),
    Question("error.reduction", "Every coordinate of every point counts alike in the reconstruction term", 0.5),
    Question("objective.runs", "The loss is one number that gradients flow from", 0.5),
    Question("objective.beta", "beta multiplies the KL term, and nothing else", 0.5),
    Question("objective.batch", "Both terms are summed, or both averaged, over the batch", 2),
    Question("objective.gradients", "Gradients of both terms reach the network", 1),
    Question("objective.sampled", "What is decoded is a draw, and not the mean", 0.5),
    Question("heads.range", "mu and logvar can be any real numbers", 0.5),
    Question("heads.distinct", "mu and logvar are two outputs of the encoder", 0.5),
    Question("heads.deterministic", "The encoder's outputs are alike for the same points, and not for others", 0.5),
    Question("heads.consistent", "The sampler and the KL term read the head in the same way", 0.5),
    Question("forward.runs", "The model returns the reconstruction, mu and logvar, for any number of points", 0.5),
    Question("forward.latent", "The decoder is handed a draw from N(mu, exp(logvar))", 0.5),
    Question("forward.output", "The reconstruction is the decoder's output, which can be any real number", 0.5),
    Question("forward.gradients", "Gradients of the reconstruction, mu and logvar reach the encoder", 0.5),
    Question("forward.nonlinear", "The decoder is not linear", 0.5),
)
"""All questions, in the order in which they are asked.

The notebook gives all but the sampler and the KL term, so most of the points are theirs. A mistake that makes the draw,
or the KL term, that of another distribution costs two points at least.
"""

BY_ID = {question.id: question for question in QUESTIONS}
