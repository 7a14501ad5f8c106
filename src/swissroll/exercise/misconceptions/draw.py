"""Misconceptions about where the sampler draws, and what passes back through the draw."""

from __future__ import annotations

import numpy as np

from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.reading import AUTOGRAD, MODES, TRICK, spread

CENTRE = "reparameterize.centre"
GRADIENTS = "reparameterize.gradients"

DRAW: tuple[Misconception, ...] = (
    Misconception(
        id="computed-outside-of-autograd",
        name="What needs gradients is computed by something that knows none",
        thought="NumPy has the same functions as PyTorch.",
        law=GRADIENTS,
        signs=("error-with-gradients",),
        effect="It works on plain numbers, and raises an error as soon as a network is trained.",
        hint="Call your function with arguments that require gradients. Which line raises, and which library is it?",
        read=AUTOGRAD,
        slot="sampler",
        code=(
            "std = np.exp(0.5 * logvar.numpy())\neps = np.random.standard_normal(std.shape).astype('float32')\n"
            "return torch.from_numpy(mu.numpy() + std * eps)"
        ),
    ),
    Misconception(
        id="mean-multiplied",
        name="mu multiplies the noise instead of being added to it",
        thought="Mean, standard deviation and noise are combined by a product.",
        law=CENTRE,
        signs=("centre", "scale"),
        effect="Draws lie around 0 whatever mu is, and at mu 0 there is no noise.",
        hint="Average 10,000 draws at mu = 2. What should come out?",
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn mu * std * eps",
        formula=lambda mu, h: mu * spread(mu, h),
        centre=lambda mu, h: 0 * mu + 0 * h,
    ),
    Misconception(
        id="mean-scaled",
        name="The standard deviation multiplies mu, too",
        thought="The order of adding and multiplying makes no difference, so the brackets do not matter.",
        law=CENTRE,
        signs=("centre",),
        effect="Narrow posteriors are drawn towards 0: where a point is encoded depends on how sure the encoder is.",
        hint="Average 10,000 draws at mu = 2 and logvar = -4. What should come out?",
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn (mu + eps) * std",
        formula=spread,
        centre=lambda mu, h: mu * spread(mu, h),
    ),
    Misconception(
        id="mean-missing",
        name="mu is not in the draw",
        thought="The noise times the standard deviation is the sample.",
        law=CENTRE,
        signs=("centre",),
        effect="The decoder learns nothing about the point: it outputs the average of the data.",
        hint="Average 10,000 draws at mu = 2. What should come out?",
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn eps * std",
        formula=spread,
        centre=lambda mu, h: 0 * mu + 0 * h,
    ),
    Misconception(
        id="mean-another-function",
        name="The draws are centred at another function of mu and logvar than mu",
        thought="What is drawn has to contain mu, in whatever form.",
        law=CENTRE,
        signs=("centre",),
        effect="The KL term keeps mu near 0, and the draws lie elsewhere.",
        hint="Average 10,000 draws at mu = 2, and at mu = 4. What should come out?",
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn torch.tanh(mu) + eps * std",
    ),
    Misconception(
        id="mean-negated",
        name="mu is subtracted",
        thought="Standardising subtracts the mean, and drawing does the same.",
        law=CENTRE,
        signs=("centre",),
        effect="Codes are mirrored: training works, but what the encoder says is not where its points are.",
        hint="Average 10,000 draws at mu = 2. What should come out?",
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn eps * std - mu",
        formula=spread,
        centre=lambda mu, h: -mu + 0 * h,
    ),
    Misconception(
        id="sampler-swaps-mean-and-logvar",
        name="mu and logvar have changed places in the sampler",
        thought="The order of the two arguments does not matter as long as both are used.",
        law=CENTRE,
        signs=("centre", "scale"),
        effect="What the KL term narrows is drawn wide: the two terms pull the same output in two directions.",
        hint="Draw at mu = 5 and logvar = 0. Around which number do the draws lie?",
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * mu)\neps = torch.randn_like(std)\nreturn logvar + eps * std",
        formula=lambda mu, h: np.exp(mu / 2) + 0 * h,
        centre=lambda mu, h: h + 0 * mu,
    ),
    Misconception(
        id="std-added",
        name="The standard deviation is added instead of multiplied",
        thought="Mean, standard deviation and noise are summed.",
        law=CENTRE,
        signs=("centre", "scale"),
        effect="Noise of size 1 everywhere, and a centre that moves with logvar: no narrow codes.",
        hint="Measure mean and spread of 10,000 draws at mu = 0 and logvar = 2.",
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn mu + std + eps",
        formula=lambda mu, h: 1.0 + 0 * h + 0 * mu,
        centre=lambda mu, h: mu + spread(mu, h),
    ),
    Misconception(
        id="sample-without-gradient",
        name="The draw cuts the graph",
        thought="A library's sample() draws from the right distribution, so it does what the trick does.",
        law=GRADIENTS,
        signs=("gradient-none",),
        effect=(
            "The encoder learns from the KL term alone: it gives up the data, and the decoder outputs their average."
        ),
        hint=(
            "Call backward on the sum of your draws, and look at the gradients of mu and logvar. What is the trick for?"
        ),
        read=TRICK,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\nreturn torch.distributions.Normal(mu, std).sample()",
    ),
    Misconception(
        id="std-detached",
        name="No gradient reaches logvar",
        thought="The noise is random, so its size needs no gradient.",
        law=GRADIENTS,
        signs=("gradient-none-head",),
        effect="The spread follows the KL term alone and stays near 1, so reconstructions stay blurred.",
        hint=(
            "Call backward on the sum of your draws. Which of the two arguments gets no gradient, and what cuts it off?"
        ),
        read=AUTOGRAD,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar).detach()\neps = torch.randn_like(std)\nreturn mu + eps * std",
    ),
    Misconception(
        id="mean-detached",
        name="No gradient reaches mu",
        thought="The mean is a constant around which is drawn.",
        law=GRADIENTS,
        signs=("gradient-none-mu",),
        effect="The KL term alone moves mu, to 0: codes cannot be told apart.",
        hint=(
            "Call backward on the sum of your draws. Which of the two arguments gets no gradient, and what cuts it off?"
        ),
        read=AUTOGRAD,
        slot="sampler",
        code="std = torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn mu.detach() + eps * std",
    ),
    Misconception(
        id="eval-returns-mean",
        name="In evaluation mode nothing is drawn",
        thought="Noise belongs to training, as dropout does.",
        law="reparameterize.fresh",
        signs=("eval-mean",),
        effect="What is measured in evaluation mode is no bound of the likelihood: it looks better than the model is.",
        hint="Which expectation does the bound have, and is it another one after model.eval()?",
        read=MODES,
        slot="sampler",
        code=(
            "if not self.training:\n    return mu\n"
            "std = torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn mu + eps * std"
        ),
    ),
    Misconception(
        id="inputs-changed-in-place",
        name="The sampler changes its arguments",
        thought="An operation with an underscore is the same as without, and saves memory.",
        law="reparameterize.inputs",
        signs=("in-place",),
        effect="The KL term is computed from what the sampler left behind, and no longer from what the encoder said.",
        hint="Print logvar before and after the call. What do PyTorch's methods with an underscore do?",
        read=AUTOGRAD,
        slot="sampler",
        code="std = logvar.mul_(0.5).exp_()\neps = torch.randn_like(std)\nreturn mu + eps * std",
    ),
)
