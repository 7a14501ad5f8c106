"""Misconceptions about how the KL term is summed, averaged and estimated."""

from __future__ import annotations

from swissroll.exercise.misconceptions.kl import entry
from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.reading import AUTOGRAD, BROADCASTING, CONVENTIONS, TRICK

ROWS = "Hand your loss the same batch twice over, 2 B points. Which of the two terms doubles, and which stays?"

KL_REDUCTION: tuple[Misconception, ...] = (
    entry(
        id="kl-batch-mean-twice",
        name="The KL term is divided by the batch size twice",
        thought="The sum over the batch has to be divided by the batch size, after the mean, too.",
        law="kl.reduction",
        signs=("kl-batch-power",),
        effect="beta is smaller the larger the batch: with 128 points a 128th of what it says.",
        hint=ROWS,
        read=CONVENTIONS,
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar)) / x.shape[0]",
    ),
    entry(
        id="kl-summed-over-batch",
        name="The KL term is summed over the batch, and the reconstruction term averaged",
        thought="sum() adds up the latent dimensions, as the formula says.",
        law="objective.batch",
        signs=("kl-summed-over-batch",),
        effect="beta is larger the larger the batch: the posterior collapses onto the prior.",
        hint=ROWS + " Over which dimensions does the formula's sum go?",
        read=CONVENTIONS,
        code="kl_loss = -0.5 * torch.sum(1 + logvar - mu.pow(2) - torch.exp(logvar))",
    ),
    entry(
        id="kl-averaged-error-summed",
        name="The reconstruction term is summed over the batch, and the KL term averaged",
        thought="Sums and means are the same up to a constant.",
        law="objective.batch",
        signs=("kl-averaged-over-batch",),
        effect="beta is smaller the larger the batch: an autoencoder whose prior is not kept to.",
        hint=ROWS,
        read=CONVENTIONS,
        slot="error",
        code="recon_loss = torch.sum((recon_x - x) ** 2)",
    ),
    entry(
        id="kl-of-one-dimension",
        name="Latent dimensions do not count alike in the KL term",
        thought="An index picks the dimension, and one is enough.",
        law="kl.reduction",
        signs=("kl-uneven-column",),
        effect="The dimensions that do not count are free of the prior, and samples from it are bad.",
        hint="Move one latent dimension at a time away from the prior. Which one does your term not see?",
        read=BROADCASTING,
        code="kl_loss = -0.5 * torch.mean((1 + logvar - mu.pow(2) - torch.exp(logvar))[:, 0])",
    ),
    entry(
        id="kl-of-one-point",
        name="Points do not count alike in the KL term",
        thought="The first row stands for the batch.",
        law="kl.reduction",
        signs=("kl-uneven-row",),
        effect="Most points are free of the prior in each step.",
        hint="Move one point at a time away from the prior. Which one does your term not see?",
        read=BROADCASTING,
        code="kl_loss = -0.5 * torch.mean((1 + logvar - mu.pow(2) - torch.exp(logvar))[0])",
    ),
    entry(
        id="kl-of-the-batch",
        name="The KL term is that of the whole batch, and not the average of its points'",
        thought="The prior is for all the latents together, so mu and variance are averaged over the points first.",
        law="kl.reduction",
        signs=("kl-joint-row",),
        effect="Narrow posteriors of single points cost nothing: the codes are those of an autoencoder.",
        hint="Two points at mu = 3 and mu = -3: how far is each from the prior? What does your term say?",
        code=(
            "m = mu.mean(dim=0)\nv = torch.exp(logvar).mean(dim=0) + (mu - m).pow(2).mean(dim=0)\n"
            "kl_loss = -0.5 * torch.mean(1 + torch.log(v) - m.pow(2) - v)"
        ),
    ),
    entry(
        id="kl-square-of-a-sum",
        name="Something is summed over the latents before it is squared",
        thought="The square of a sum and the sum of squares are the same.",
        law="kl.reduction",
        signs=("kl-joint-column",),
        effect="Means of opposite sign cancel, so that they may lie anywhere on a line.",
        hint="Try mu = (3, -3), with the variances at 1. Is the divergence 0? Is your term?",
        code=(
            "kl = mu.sum(dim=1).pow(2) + (torch.exp(logvar) - 1 - logvar).sum(dim=1)\n"
            "kl_loss = 0.5 * kl.mean() / mu.shape[1]"
        ),
    ),
    entry(
        id="kl-other-growth",
        name="The KL term grows with the number of dimensions in another way than a sum or a mean",
        thought="The sum over dimensions is divided once more, or multiplied.",
        law="kl.reduction",
        signs=("kl-latent-power",),
        effect="What beta means changes with the number of dimensions.",
        hint="Hand your loss one, two and four latent dimensions with the same values. How does the term grow?",
        read=CONVENTIONS,
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar)) / mu.shape[1]",
    ),
    entry(
        id="kl-reduced-by-chance",
        name="For some numbers of points or latents the KL term is reduced over other dimensions",
        thought="squeeze() only takes away what is not needed, and an axis is counted from wherever it suits.",
        law="kl.reduction",
        signs=("kl-no-power",),
        effect="With one latent dimension, or one point, beta means something else than with several.",
        hint="Hand your loss one latent dimension and four points, and print the shape before each sum.",
        read=BROADCASTING,
        code=(
            "kl = (1 + logvar - mu.pow(2) - torch.exp(logvar)).squeeze()\n"
            "kl_loss = -0.5 * kl.sum(dim=-1).mean() / mu.shape[1]"
        ),
    ),
    entry(
        id="kl-estimate-without-gradient",
        name="The KL term is estimated from draws that have no gradient",
        thought="The average of log q - log p over draws is the KL term, however the draws were made.",
        law="objective.gradients",
        signs=("estimate-detached",),
        effect="The term has the right value, but its gradient is 0 on average: the prior pulls at nothing.",
        hint="Move mu a little. Do your draws move with it, as a function of mu? What does backward() see of that?",
        read=TRICK,
        code=(
            "q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))\nz = q.sample((32,))\n"
            "p = torch.distributions.Normal(0.0, 1.0)\nkl_loss = (q.log_prob(z) - p.log_prob(z)).mean()"
        ),
    ),
    entry(
        id="term-without-gradient",
        name="A term of the loss has no gradient",
        thought="A number is a number: detach(), item() or data change nothing of its value.",
        law="objective.gradients",
        signs=("term-detached",),
        effect="The loss is printed as it should be, but one of its terms does not train anything.",
        hint="Which operations cut a result off from what it was computed from?",
        read=AUTOGRAD,
        code="kl_loss = (-0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))).detach()",
    ),
)
