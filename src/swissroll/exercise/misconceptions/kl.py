"""Misconceptions about the KL term."""

from __future__ import annotations

from typing import Any

import numpy as np

from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.reading import CLOSED_FORM, CONVENTIONS, OUTPUTS

FORMULA = "kl.formula"
AT_PRIOR = "What is your KL term where mu is 0 and the variance is 1, so that q(z|x) is the prior? What should it be?"
PLACE = (
    "Work out the KL term by hand at mu = 0 and logvar = 2, and compare. Then go through the derivation term by term."
)
PULLS = (
    "The codes are pulled to another place than the prior, so that what the prior draws lies where nothing is encoded."
)


def term(name: str, how: str) -> tuple[str, ...]:
    """The sign of a term of the closed form that is wrong."""
    return (f"kl-term:{name}:{how}",)


def entry(**values: Any) -> Misconception:
    """An entry about the closed form, with what most of them share."""
    shared = {
        "law": FORMULA,
        "signs": ("kl-formula",),
        "hint": PLACE,
        "read": CLOSED_FORM,
        "slot": "kl",
        "effect": PULLS,
    }
    return Misconception(**{**shared, **values})


KL: tuple[Misconception, ...] = (
    entry(
        id="kl-no-half",
        name="The KL term lacks its factor of 1/2",
        thought="A constant factor makes no difference, as beta scales the term anyway.",
        law="kl.factor",
        signs=("kl-factor",),
        effect="beta is twice what it says: more is thrown away of the data than the bound asks for.",
        code="kl_loss = -torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))",
        factor=(1.98, 2.02),
    ),
    entry(
        id="kl-half-twice",
        name="The KL term is halved twice",
        thought="The 1/2 belongs to the formula and to the variance.",
        law="kl.factor",
        signs=("kl-factor",),
        effect="beta is half of what it says.",
        code="kl_loss = -0.25 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))",
        factor=(0.495, 0.505),
    ),
    entry(
        id="kl-divided-by-constant",
        name="The KL term is divided by a number that is no part of it",
        thought=(
            "The KL term has to be made as small as the reconstruction term, by the number of pixels or of all data."
        ),
        law="kl.factor",
        signs=("kl-factor",),
        effect="beta is a small part of what it says: an autoencoder whose prior is not kept to, so samples are bad.",
        hint="By what is your KL term divided, and is that a number of latents or points in this batch?",
        read=CONVENTIONS,
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar)) / 784",
        factor=(0.0, 0.495),
    ),
    entry(
        id="kl-multiplied-by-constant",
        name="The KL term is multiplied by a number that is no part of it",
        thought="The KL term has to be made larger to be felt.",
        law="kl.factor",
        signs=("kl-factor",),
        effect="beta is many times what it says: posteriors become wide, until they are the prior.",
        hint="Work out the KL term by hand at mu = 1 and logvar = 0, and compare.",
        code="kl_loss = -5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))",
        factor=(0.505, 1e9),
    ),
    entry(
        id="kl-sign-turned",
        name="The KL term has the wrong sign",
        thought="The formula begins with a minus, or the bound does: reconstruction minus KL.",
        law="kl.sign",
        signs=("kl-sign",),
        effect="Codes run away from the prior, and the loss falls without end.",
        hint=(
            "A divergence is never negative. Is yours, at mu = 2 and logvar = 0? And is "
            "the loss to be small, or the bound?"
        ),
        code="kl_loss = 0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))",
    ),
    entry(
        id="kl-logvar-squared",
        name="logvar squared stands for the variance",
        thought="The variance is the square of the second output.",
        hint="Which function of logvar is the variance? Check yours at logvar = 0, where it should be 1.",
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.pow(2))",
        formula=lambda mu, h: 0.5 * (mu**2 + h**2 - 1 - h),
    ),
    entry(
        id="kl-reads-log-std",
        name="The KL term reads the log-variance as the log of a standard deviation",
        thought="The second output is log sigma, so its double is the log-variance.",
        effect="The term is smallest for another spread than it says, and too strong: sampler and KL term disagree.",
        hint=(
            "What does the sampler take the second output for? Write the variance as "
            "the sampler has it, and put that into the KL."
        ),
        read=OUTPUTS,
        code="kl_loss = -0.5 * torch.mean(1 + 2 * logvar - mu.pow(2) - torch.exp(2 * logvar))",
        formula=lambda mu, h: 0.5 * (mu**2 + np.exp(2 * h) - 1 - 2 * h),
    ),
    entry(
        id="kl-reads-std",
        name="The KL term reads the log-variance as a standard deviation",
        thought="The second output is sigma, so its square is the variance.",
        effect="Where logvar is near 0 the term grows without bound.",
        hint="What does the sampler take the second output for? What is your term at logvar = 0?",
        read=OUTPUTS,
        code="kl_loss = -0.5 * torch.mean(1 + torch.log(logvar.pow(2)) - mu.pow(2) - logvar.pow(2))",
        formula=lambda mu, h: 0.5 * (mu**2 + h**2 - 1 - np.log(h**2)),
    ),
    entry(
        id="kl-reads-variance",
        name="The KL term reads the log-variance as a variance",
        thought="The second output is the variance, and its logarithm is to be taken.",
        effect="Where logvar is 0 or below, the term is no number.",
        hint="What does the sampler take the second output for? What is your term at logvar = 0?",
        read=OUTPUTS,
        code="kl_loss = -0.5 * torch.mean(1 + torch.log(logvar) - mu.pow(2) - logvar)",
        formula=lambda mu, h: 0.5 * (mu**2 + h - 1 - np.log(h)),
    ),
    entry(
        id="kl-std-for-variance",
        name="The standard deviation stands where the variance should",
        thought="exp(logvar / 2) was computed for the sampler already, and is used again.",
        hint="Which power of sigma does the closed form have? Is that what you put in?",
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(0.5 * logvar))",
        formula=lambda mu, h: 0.5 * (mu**2 + np.exp(h / 2) - 1 - h),
    ),
    entry(
        id="kl-variance-squared",
        name="The variance is squared",
        thought="exp(logvar) is sigma, so its square is the variance.",
        hint="Which power of sigma does the closed form have, and what is exp(logvar) already?",
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar).pow(2))",
        formula=lambda mu, h: 0.5 * (mu**2 + np.exp(2 * h) - 1 - h),
    ),
    entry(
        id="kl-half-on-a-part",
        name="The factor of 1/2 is on a part of the terms only",
        thought="The bracket may be closed before the last terms, as they are added anyway.",
        hint="Which terms does the 1/2 stand before in the closed form? Put brackets around them, and count.",
        code="kl_loss = 0.5 * torch.mean(mu.pow(2) + torch.exp(logvar)) - 1 - torch.mean(logvar)",
        signs=("kl-half-on-a-part",),
    ),
    entry(
        id="kl-logvar-negated",
        name="The sign of logvar is turned in the KL term",
        thought="log sigma^2 and -log sigma^2 both appear in derivations.",
        hint="Should the divergence be larger at logvar = 2 or at logvar = -2? Work out both by hand.",
        code="kl_loss = 0.5 * torch.mean(mu.pow(2) + torch.exp(-logvar) - 1 + logvar)",
        formula=lambda mu, h: 0.5 * (mu**2 + np.exp(-h) - 1 + h),
    ),
    entry(
        id="kl-of-the-draw",
        name="The draw z stands where mu should: the variance counts twice",
        thought="The KL term is about the latents, and z is the latent.",
        hint="The closed form is an average over z already. Which of its letters are random, and which are not?",
        slot="forward",
        law="forward.runs",
        signs=("forward-returns-draw",),
        effect="The term is smallest at a variance of 1/2, not 1, and is noisy.",
        code="mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nreturn self.decode(z), z, logvar",
    ),
    entry(
        id="kl-log-sigma-once",
        name="log sigma stands where 2 log sigma should",
        thought="The logarithm of the variance is half of logvar.",
        hint="The derivation has log sigma with a factor. Write it in terms of logvar once more.",
        code="kl_loss = -0.5 * torch.mean(1 + 0.5 * logvar - mu.pow(2) - torch.exp(logvar))",
        signs=term("logvar", "half"),
    ),
    entry(
        id="kl-logvar-doubled",
        name="The log-variance counts twice",
        thought="log sigma^2 is 2 log sigma, and logvar is log sigma.",
        hint="Is logvar log sigma or log sigma^2? Which factor does that leave in front of it?",
        code="kl_loss = -0.5 * torch.mean(1 + 2 * logvar - mu.pow(2) - torch.exp(logvar))",
        signs=term("logvar", "double"),
    ),
    entry(
        id="kl-logvar-missing",
        name="The logarithm is missing in the KL term",
        thought="The variance appears already, and its logarithm says the same.",
        effect="Nothing keeps the posteriors from becoming points: their spread shrinks to nothing.",
        code="kl_loss = -0.5 * torch.mean(1 - mu.pow(2) - torch.exp(logvar))",
        signs=term("logvar", "missing"),
    ),
    entry(
        id="kl-logvar-sign",
        name="The sign of the logarithm is turned",
        thought="All terms but the 1 have the same sign.",
        effect="Nothing keeps the posteriors from becoming points: their spread shrinks to nothing.",
        code="kl_loss = -0.5 * torch.mean(1 - logvar - mu.pow(2) - torch.exp(logvar))",
        signs=term("logvar", "sign"),
    ),
    entry(
        id="kl-variance-missing",
        name="The variance is missing in the KL term",
        thought="The logarithm of the variance is enough.",
        effect="Posteriors become wider and wider, and the loss falls without end.",
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2))",
        signs=term("variance", "missing"),
    ),
    entry(
        id="kl-variance-sign",
        name="The sign of the variance is turned",
        thought="Of the terms that hold the variance, both have the same sign.",
        effect="Posteriors become wider and wider, and the loss falls without end.",
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) + torch.exp(logvar))",
        signs=term("variance", "sign"),
    ),
    entry(
        id="kl-mean-missing",
        name="mu is missing in the KL term",
        thought="The KL term is about the spread alone.",
        effect="Nothing keeps the means near 0, so the prior draws where nothing is encoded.",
        hint="Move mu to 5 and leave the variance at 1. Is q(z|x) still the prior? What does your term say?",
        code="kl_loss = -0.5 * torch.mean(1 + logvar - torch.exp(logvar))",
        signs=term("mean", "missing"),
    ),
    entry(
        id="kl-mean-sign",
        name="The sign of mu squared is turned",
        thought="Of the terms in the bracket two are positive and two are negative.",
        effect="Means run away from 0, and the loss falls without end.",
        hint="Move mu to 5 and leave the variance at 1. Should the divergence grow? Does yours?",
        code="kl_loss = -0.5 * torch.mean(1 + logvar + mu.pow(2) - torch.exp(logvar))",
        signs=term("mean", "sign"),
    ),
    entry(
        id="kl-mean-not-squared",
        name="mu is not squared",
        thought="The mean's distance from 0 is mu itself.",
        effect="Means run to minus infinity, and the loss falls without end.",
        hint="Is the divergence the same at mu = 1 and at mu = -1? Is yours?",
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu - torch.exp(logvar))",
        formula=lambda mu, h: 0.5 * (mu + np.exp(h) - 1 - h),
        variants=(lambda mu, h: 0.5 * (2 * mu + np.exp(h) - 1 - h),),
    ),
    entry(
        id="kl-mean-absolute",
        name="The absolute value of mu stands where its square should",
        thought="Either makes the distance from 0 positive.",
        hint="Work out the KL term by hand at mu = 3 and logvar = 0, and at mu = 6. How much larger should it become?",
        code="kl_loss = -0.5 * torch.mean(1 + logvar - mu.abs() - torch.exp(logvar))",
        formula=lambda mu, h: 0.5 * (np.abs(mu) + np.exp(h) - 1 - h),
    ),
    entry(
        id="kl-one-missing",
        name="The 1 is missing",
        thought="A constant has no gradient, so it can be left out.",
        law="kl.zero",
        signs=("kl-constant",),
        effect=(
            "Training is the same, but the number is no divergence: it cannot be read as nats, nor the loss as a bound."
        ),
        hint=AT_PRIOR,
        code="kl_loss = -0.5 * torch.mean(logvar - mu.pow(2) - torch.exp(logvar))",
    ),
    entry(
        id="kl-one-once",
        name="The 1 is added once instead of for each dimension",
        thought="The sum goes over the terms that have an index, and the 1 has none.",
        law="kl.zero",
        signs=("kl-constant", "kl-no-power"),
        effect=(
            "Training is the same, but the number is no divergence, and is off by more the more dimensions there are."
        ),
        hint=AT_PRIOR + " Try one, two and three dimensions.",
        code="kl_loss = -0.5 * torch.mean(1 + torch.sum(logvar - mu.pow(2) - torch.exp(logvar), dim=1))",
    ),
    entry(
        id="kl-in-a-logarithm",
        name="The bracket of the KL term closes in the wrong place",
        thought="log(1/s) + (s^2 + mu^2)/2 - 1/2 is read with everything inside of the logarithm.",
        hint="Which part of the formula stands inside of the logarithm? Write it in two lines.",
        code=(
            "std = torch.exp(0.5 * logvar)\n"
            "kl_loss = torch.mean(torch.log(1 / std + (std.pow(2) + mu.pow(2)) / 2 - 0.5))"
        ),
        formula=lambda mu, h: np.log(np.exp(-h / 2) + (np.exp(h) + mu**2) / 2 - 0.5),
    ),
    entry(
        id="kl-reversed",
        name="The two distributions have changed places",
        thought="A divergence is a distance, so the order does not matter.",
        effect="Narrow posteriors are punished far too much: the codes are blurred.",
        hint="Which of the two distributions is the average taken over in the derivation?",
        code="kl_loss = 0.5 * torch.mean((1 + mu.pow(2)) * torch.exp(-logvar) - 1 + logvar)",
        formula=lambda mu, h: 0.5 * ((1 + mu**2) * np.exp(-h) - 1 + h),
    ),
    entry(
        id="kl-swaps-mean-and-logvar",
        name="mu and logvar have changed places in the KL term",
        thought="The order of the two outputs does not matter as long as both are used.",
        hint="Move mu to 3 and then to -3, with the variance at 1. Is your term the same at both?",
        code="kl_loss = -0.5 * torch.mean(1 + mu - logvar.pow(2) - torch.exp(mu))",
        formula=lambda mu, h: 0.5 * (h**2 + np.exp(mu) - 1 - mu),
    ),
    entry(
        id="kl-power-of-two",
        name="A power of two stands where a logarithm should",
        thought="The logarithm is undone by a power, on the other side.",
        code=("std = torch.exp(0.5 * logvar)\nkl_loss = torch.mean(0.5 * (std.pow(2) + mu.pow(2) - 1) + 2 ** std)"),
        formula=lambda mu, h: 0.5 * (np.exp(h) + mu**2 - 1) + 2 ** np.exp(h / 2),
    ),
    entry(
        id="kl-squared-distance",
        name="Squared distances of mu and of the spread from their targets stand for the divergence",
        thought="The term measures how far N(mu, sigma^2) is from N(0, 1), so its parameters' distances are added.",
        effect="The term is smallest at the place that was written in, but no bound has it: beta is no rate's weight.",
        hint="Is your term the average of log q - log p? Work that out at mu = 0 and logvar = 2, and compare.",
        code="kl_loss = torch.mean(mu.pow(2) + (logvar - 1).pow(2))",
        formula=lambda mu, h: mu**2 + (h - 1) ** 2,
        variants=(
            lambda mu, h: mu**2 + h**2,
            lambda mu, h: mu**2 + (np.exp(h / 2) - 1) ** 2,
            lambda mu, h: mu**2 + (np.exp(h) - 1) ** 2,
        ),
    ),
    entry(
        id="kl-of-the-data",
        name="The KL term compares with the data, and not with N(0, I)",
        thought="p is the distribution of the data, so that is what q is compared with.",
        signs=("kl-of-the-data",),
        effect="Codes are drawn towards the points themselves. Samples of N(0, I) lie where nothing is encoded.",
        hint="Which letters does your KL term have? Which of them stand in the divergence of q(z|x) from p(z)?",
        code=(
            "q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))\n"
            "p = torch.distributions.Normal(x.mean(), x.std() + 0.1)\n"
            "kl_loss = torch.distributions.kl_divergence(q, p).mean()"
        ),
    ),
    entry(
        id="kl-of-random-numbers",
        name="Random numbers are compared with one another in the place of two distributions",
        thought="A draw stands for its distribution, and a function whose name has KL in it does the rest.",
        signs=("kl-formula", "kl-random"),
        effect="The term is noise around a number that hardly depends on mu and logvar: the prior pulls at nothing.",
        hint="Average your term over many calls at mu = 3. Does it become the divergence there? What is it handed?",
        code=(
            "z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)\n"
            "p = F.softmax(torch.randn_like(z), dim=-1)\n"
            "kl_loss = F.kl_div(F.log_softmax(z, dim=-1), p, reduction='batchmean')"
        ),
    ),
    entry(
        id="kl-other-prior",
        name="The KL term is the divergence from a normal distribution of another spread",
        thought="Any Gaussian around 0 will do for p, as long as the codes stay near 0.",
        signs=("kl-formula", "kl-other-prior"),
        effect="Codes fill another region than N(0, I), from which new points are drawn.",
        hint="What is the standard deviation of p(z) in the text? At which logvar is your term smallest?",
        code=(
            "q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))\n"
            "p = torch.distributions.Normal(0.0, 0.5)\n"
            "kl_loss = torch.distributions.kl_divergence(q, p).mean()"
        ),
    ),
    entry(
        id="kl-clipped",
        name="The KL term is cut off, or held to a number",
        thought="A KL of 0 is a collapse, so the term must not become small.",
        signs=("kl-clipped",),
        effect="Where it is cut off the term has no gradient, and the loss is no bound.",
        hint="Compute your term at mu = 0 and logvar = 0, and at mu = 0.1. Does it change?",
        code="kl_loss = 0.5 * torch.mean(mu.pow(2) + torch.exp(logvar) - 1 - logvar)\nkl_loss = kl_loss.clamp(min=0.5)",
    ),
    entry(
        id="kl-another-function",
        name="The KL term is another function of mu and logvar",
        thought="The formula was put down from memory, or from another source.",
        code="kl_loss = torch.mean(mu.pow(2) + torch.log1p(torch.exp(logvar)) - torch.sin(logvar))",
    ),
)
