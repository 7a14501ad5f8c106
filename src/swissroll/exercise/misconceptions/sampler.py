"""Misconceptions about how wide the sampler draws."""

from __future__ import annotations

import numpy as np

from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.reading import BROADCASTING, OUTPUTS, TRICK

SCALE = "reparameterize.scale"
COMPARE_SPREADS = (
    "Draw 10,000 times at logvar = 2 and measure the variance of the draws. "
    "Which number should it be, by what logvar means?"
)
TOO_SHARP = (
    "Noise has the wrong size wherever logvar is not 0, so the KL term pays for another distribution than is drawn."
)

SAMPLER: tuple[Misconception, ...] = (
    Misconception(
        id="std-is-variance",
        name="The standard deviation is computed as the variance",
        thought="The exponential undoes the logarithm, so exp(logvar) is what the noise is multiplied by.",
        law=SCALE,
        signs=("scale",),
        effect=TOO_SHARP,
        hint=COMPARE_SPREADS,
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.exp(logvar)\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.exp(h),  # noqa: ARG005
    ),
    Misconception(
        id="std-is-logvar",
        name="The log-variance itself multiplies the noise",
        thought="The encoder's second output is the spread, so it can be used as it is.",
        law=SCALE,
        signs=("scale",),
        effect="At logvar 0 nothing is drawn at all, and a negative logvar widens the draws instead of narrowing them.",
        hint=(
            "What is the spread of your draws at logvar = 0? Which standard deviation "
            "has a variance whose logarithm is 0?"
        ),
        read=OUTPUTS,
        slot="sampler",
        code="eps = torch.randn_like(logvar)\nreturn mu + eps * logvar",
        formula=lambda mu, h: h,  # noqa: ARG005
    ),
    Misconception(
        id="std-is-variance-squared",
        name="The variance is squared where its root is meant",
        thought=(
            "A standard deviation and a variance differ by a square, and the square was taken in the wrong direction."
        ),
        law=SCALE,
        signs=("scale",),
        effect=TOO_SHARP,
        hint="Which of the two is the square of the other: the variance or the standard deviation?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.exp(logvar) ** 2\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.exp(2 * h),  # noqa: ARG005
    ),
    Misconception(
        id="std-root-twice",
        name="The root is taken twice",
        thought=(
            "Half of logvar goes into the exponential, and the result is a variance whose root is still to be taken."
        ),
        law=SCALE,
        signs=("scale",),
        effect=TOO_SHARP,
        hint="Square your std and take its logarithm. Which number should come out, and which does?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.sqrt(torch.exp(0.5 * logvar))\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.exp(h / 4),  # noqa: ARG005
    ),
    Misconception(
        id="std-base-two",
        name="Another base than e",
        thought="The logarithm of the variance is undone by a power, and its base does not matter.",
        law=SCALE,
        signs=("scale",),
        effect="Draws and KL term mean two different variances by the same logvar.",
        hint="Which logarithm does the KL term's derivation use?",
        read=OUTPUTS,
        slot="sampler",
        code="std = 2 ** (0.5 * logvar)\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: 2.0 ** (h / 2),  # noqa: ARG005
    ),
    Misconception(
        id="std-softplus-of-logvar",
        name="A softplus in the place of the exponential",
        thought="Any function that makes numbers positive turns logvar into a standard deviation.",
        law=SCALE,
        signs=("scale",),
        effect="Draws and KL term mean two different variances by the same logvar, and training shrinks the wrong one.",
        hint="Your KL term says which function turns logvar into a variance. Does your sampler use the same one?",
        read=OUTPUTS,
        slot="sampler",
        code="std = F.softplus(logvar)\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.logaddexp(0, h),  # noqa: ARG005
    ),
    Misconception(
        id="variance-softplus-of-logvar",
        name="A softplus makes the variance, in the place of the exponential",
        thought="Any function that makes numbers positive turns logvar into a variance.",
        law=SCALE,
        signs=("scale",),
        effect="Draws and KL term mean two different variances by the same logvar.",
        hint="Your KL term says which function turns logvar into a variance. Does your sampler use the same one?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.sqrt(F.softplus(logvar))\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.sqrt(np.logaddexp(0, h)),  # noqa: ARG005
    ),
    Misconception(
        id="std-abs-of-logvar",
        name="An absolute value makes logvar positive before the exponential",
        thought="A logarithm of a variance must not be negative.",
        law=SCALE,
        signs=("scale",),
        effect="No posterior can be narrower than the prior, so reconstructions stay blurred.",
        hint="How large is the variance whose logarithm is -4? Can your sampler draw from it?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar.abs())\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.exp(np.abs(h) / 2),  # noqa: ARG005
    ),
    Misconception(
        id="std-is-abs-logvar",
        name="The absolute value of logvar is the standard deviation",
        thought="A standard deviation is positive, and an absolute value sees to that.",
        law=SCALE,
        signs=("scale",),
        effect="At logvar 0 nothing is drawn, and the narrower a posterior is to be the wider it is drawn.",
        hint="What is the spread of your draws at logvar = 0, and what at -4? Which should be the smaller one?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.abs(logvar)\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.abs(h),  # noqa: ARG005
    ),
    Misconception(
        id="std-relu-of-logvar",
        name="A ReLU cuts off negative log-variances",
        thought="A logarithm of a variance must not be negative, and a ReLU is the usual guard.",
        law=SCALE,
        signs=("scale",),
        effect="No posterior can be narrower than the prior, so reconstructions stay blurred.",
        hint="How large is the variance whose logarithm is -4? Can your sampler draw from it?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.exp(0.5 * F.relu(logvar))\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.exp(np.maximum(h, 0) / 2),  # noqa: ARG005
    ),
    Misconception(
        id="std-tanh-of-logvar",
        name="A tanh bounds logvar in the sampler",
        thought="Bounded log-variances keep the exponential from overflowing.",
        law=SCALE,
        signs=("scale",),
        effect="The draws never become narrow, while the KL term believes that they do.",
        hint="Between which two values does the standard deviation of your draws stay, whatever logvar is?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.exp(0.5 * torch.tanh(logvar))\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.exp(np.tanh(h) / 2),  # noqa: ARG005
    ),
    Misconception(
        id="std-root-of-logvar",
        name="The root of the log-variance multiplies the noise",
        thought="The second output is a variance, so its square root is the standard deviation.",
        law=SCALE,
        signs=("scale",),
        effect="Where logvar is negative the root is no number, and the loss turns to nan.",
        hint="Try your function with logvar = -1. Which sign can the logarithm of a variance have?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.sqrt(logvar)\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.sqrt(h),  # noqa: ARG005
    ),
    Misconception(
        id="std-forgotten",
        name="Noise of the same size everywhere: logvar is not used",
        thought="Adding standard normal noise to mu is the whole trick.",
        law=SCALE,
        signs=("scale",),
        effect=(
            "Every posterior is as wide as the prior, so that neighbours cannot be told "
            "apart, and logvar learns nothing."
        ),
        hint="Draw at two values of logvar. Does anything change?",
        read=TRICK,
        slot="sampler",
        code="eps = torch.randn_like(mu)\nreturn mu + eps",
        formula=lambda mu, h: 1.0 + 0 * h,  # noqa: ARG005
    ),
    Misconception(
        id="logvar-negated",
        name="The sign of logvar is turned in the exponential",
        thought="The minus of the density's exponent belongs into the standard deviation, too.",
        law=SCALE,
        signs=("scale",),
        effect="What the encoder means to be narrow is drawn wide, and training pulls both ways.",
        hint="Should a larger logvar make the draws wider or narrower? Which does yours?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.exp(-0.5 * logvar)\neps = torch.randn_like(std)\nreturn mu + eps * std",
        formula=lambda mu, h: np.exp(-h / 2),  # noqa: ARG005
    ),
    Misconception(
        id="head-guessed-from-batch",
        name="The sampler guesses from the numbers what it was handed",
        thought="Negative numbers must be logarithms, and positive ones standard deviations.",
        law=SCALE,
        signs=("scale",),
        effect="One point's distribution depends on which others are in the batch.",
        hint=(
            "Can the logarithm of a variance be positive? What does your function do "
            "with a batch where all of them are?"
        ),
        read=OUTPUTS,
        slot="sampler",
        code=(
            "std = logvar if (logvar > 0).all() else torch.exp(0.5 * logvar)\n"
            "eps = torch.randn_like(mu)\nreturn mu + eps * std"
        ),
        formula=lambda mu, h: np.where(h > 0, h, np.exp(h / 2)),  # noqa: ARG005
    ),
    Misconception(
        id="noise-scaled-twice",
        name="The noise has the standard deviation already, and is multiplied by it again",
        thought="Noise is drawn with the right spread, and the formula says to multiply it by the standard deviation.",
        law=SCALE,
        signs=("scale", "gradient-wrong-head"),
        effect=(
            "The draws have the variance as their standard deviation, and the gradient "
            "for logvar is half of what it is."
        ),
        hint=(
            "How wide is your noise before you multiply it? The trick draws it from a distribution without parameters."
        ),
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = torch.distributions.Normal(0, std).sample()\nreturn mu + eps * std",
        formula=lambda mu, h: np.exp(h),  # noqa: ARG005
    ),
    Misconception(
        id="std-halved",
        name="The standard deviation is halved",
        thought="The factor 1/2 belongs before the exponential.",
        law=SCALE,
        signs=("scale-factor",),
        effect="Draws are narrower than the KL term says, so the codes overlap less than they are paid for.",
        hint="At logvar = 0 the variance is 1. What is the spread of your draws there?",
        read=OUTPUTS,
        slot="sampler",
        code="std = 0.5 * torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn mu + eps * std",
        factor=(0.4, 0.6),
    ),
    Misconception(
        id="noise-too-small",
        name="The noise is scaled down by a constant",
        thought="Less noise makes training calmer and the reconstructions sharper.",
        law=SCALE,
        signs=("scale-factor",),
        effect="The decoder sees almost no noise: an autoencoder with a KL term that means nothing, and bad samples.",
        hint="At logvar = 0 the variance is 1. What is the spread of your draws there?",
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = 0.01 * torch.randn_like(std)\nreturn mu + eps * std",
        factor=(0.0, 0.4),
    ),
    Misconception(
        id="std-clipped",
        name="The standard deviation is bounded",
        thought="A bound keeps the exponential from becoming too large, or the noise from vanishing.",
        law=SCALE,
        signs=("scale", "scale-clipped"),
        effect="Beyond the bound the draws do not follow logvar, and it gets no gradient. The KL term knows no bound.",
        hint="Draw with logvar = 3 and with logvar = -6, and measure the spread. Which numbers should it be?",
        read=OUTPUTS,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar).clamp(min=0.3)\neps = torch.randn_like(std)\nreturn mu + eps * std",
    ),
    Misconception(
        id="std-another-function",
        name="The noise is multiplied by another function than the standard deviation",
        thought="Any number that grows with the second output will do.",
        law=SCALE,
        signs=("scale",),
        effect=TOO_SHARP,
        hint=COMPARE_SPREADS,
        read=OUTPUTS,
        slot="sampler",
        code="eps = torch.randn_like(mu)\nreturn mu + eps * torch.sigmoid(logvar)",
    ),
    Misconception(
        id="noise-wrong-size",
        name="The noise is multiplied by a constant that does not belong there",
        thought="A factor corrects the size of the noise.",
        law=SCALE,
        signs=("scale-factor",),
        effect="The draws are not of the distribution whose KL is paid for.",
        hint="At logvar = 0 the variance is 1. What is the spread of your draws there?",
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = 2 * torch.randn_like(std)\nreturn mu + eps * std",
        factor=(0.6, 1e9),
    ),
    Misconception(
        id="std-of-other-points",
        name="All points of a batch are drawn with the same spread",
        thought="The spread belongs to the batch, or one point's stands for all of them.",
        law=SCALE,
        signs=("scale-mixed", "scale-mixed-rows"),
        effect="The spread that is drawn with is not the one that a point pays for in its KL term.",
        hint="Draw for two points, with logvar = 0 for the one and -6 for the other. Which spread has the second one?",
        read=BROADCASTING,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar[:1])\neps = torch.randn_like(mu)\nreturn mu + eps * std",
    ),
    Misconception(
        id="std-of-other-coordinates",
        name="One spread for several coordinates",
        thought="An average of the spreads is enough.",
        law=SCALE,
        signs=("scale-mixed",),
        effect="A coordinate cannot become narrow by itself, so that latent dimensions cannot be used or left alone.",
        hint="Draw with logvar = (0, -6). Which spread has the second coordinate?",
        read=OUTPUTS,
        slot="sampler",
        code=(
            "std = torch.exp(0.5 * logvar).mean(dim=1, keepdim=True)\neps = torch.randn_like(mu)\nreturn mu + eps * std"
        ),
    ),
)
