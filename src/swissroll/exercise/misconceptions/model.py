"""Misconceptions about the encoder's heads and the forward pass."""

from __future__ import annotations

from typing import Any

from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.reading import AUTOGRAD, CONVENTIONS, MODES, OUTPUTS, TRICK

RANGE = "heads.range"
WHICH_NUMBERS = "Which numbers can this output be, and which ones must it be able to be? Look at what it stands for."
DECODED = "Print what the decoder is handed beside mu and logvar. Which distribution should it come from?"
NOT_NARROW = "No posterior can be narrower than the prior, so reconstructions stay blurred."


def head(**values: Any) -> Misconception:
    """An entry about the heads, with what most of them share."""
    shared = {"law": RANGE, "hint": WHICH_NUMBERS, "read": OUTPUTS, "slot": "heads"}
    return Misconception(**{**shared, **values})


def forward(**values: Any) -> Misconception:
    """An entry about the forward pass, with what most of them share."""
    shared = {"law": "forward.latent", "hint": DECODED, "read": TRICK, "slot": "forward"}
    return Misconception(**{**shared, **values})


def outputs(mu: str = "self.fc_mu(h)", logvar: str = "self.fc_logvar(h)") -> str:
    """The lines that make mu and logvar."""
    return f"mu = {mu}\nlogvar = {logvar}\nreturn mu, logvar"


MODEL: tuple[Misconception, ...] = (
    head(
        id="mean-relu",
        name="A ReLU on mu",
        thought="Every layer is followed by an activation.",
        signs=("mu-relu",),
        effect="Only one quarter of the latent plane is used, and the prior draws from all of it.",
        code=outputs(mu="F.relu(self.fc_mu(h))"),
    ),
    head(
        id="mean-bounded",
        name="mu is bounded",
        thought="Bounded codes keep training stable.",
        signs=("mu-tanh",),
        effect="Codes are squeezed into a box, and cannot be moved apart to be told from one another.",
        code=outputs(mu="torch.tanh(self.fc_mu(h))"),
    ),
    head(
        id="mean-positive",
        name="mu is positive",
        thought="Every output needs an activation.",
        signs=("mu-sigmoid",),
        effect="Only one quarter of the latent plane is used, and the prior draws from all of it.",
        code=outputs(mu="torch.sigmoid(self.fc_mu(h))"),
    ),
    head(
        id="mean-softplus",
        name="mu is kept above 0",
        thought="Every output needs an activation.",
        signs=("mu-positive",),
        effect="Only one quarter of the latent plane is used, and the prior draws from all of it.",
        code=outputs(mu="F.softplus(self.fc_mu(h))"),
    ),
    head(
        id="logvar-relu",
        name="A ReLU on logvar",
        thought="Every layer is followed by an activation, or: a variance is not negative.",
        signs=("head-relu",),
        effect=NOT_NARROW,
        code=outputs(logvar="F.relu(self.fc_logvar(h))"),
    ),
    head(
        id="logvar-bounded",
        name="logvar is bounded by a tanh",
        thought="Bounded log-variances keep the exponential from overflowing.",
        signs=("head-tanh",),
        effect="Standard deviations stay between 0.6 and 1.65: reconstructions stay blurred.",
        code=outputs(logvar="torch.tanh(self.fc_logvar(h))"),
    ),
    head(
        id="logvar-positive",
        name="A softplus, an exponential or an absolute value keeps logvar above 0",
        thought="A variance is positive, so the second output has to be.",
        signs=("head-positive",),
        effect=NOT_NARROW,
        code=outputs(logvar="F.softplus(self.fc_logvar(h))"),
    ),
    head(
        id="logvar-sigmoid",
        name="A sigmoid on logvar",
        thought="A variance lies between 0 and 1.",
        signs=("head-sigmoid",),
        effect=NOT_NARROW,
        code=outputs(logvar="torch.sigmoid(self.fc_logvar(h))"),
    ),
    head(
        id="logvar-negative",
        name="logvar is kept below 0",
        thought="A posterior is never wider than the prior.",
        signs=("head-negative",),
        effect="Latent dimensions that are not needed cannot return to the prior.",
        code=outputs(logvar="-F.softplus(self.fc_logvar(h))"),
    ),
    head(
        id="logvar-constant",
        name="logvar is the same for all points",
        thought="One spread is enough.",
        signs=("head-constant",),
        effect="The encoder cannot say how sure it is.",
        code=outputs(logvar="torch.zeros_like(mu)"),
    ),
    head(
        id="mean-constant",
        name="mu is the same for all points",
        thought="The mean of the prior is 0, so that of the posterior is, too.",
        signs=("mu-constant",),
        effect="The code says nothing about the point.",
        code=outputs(mu="torch.zeros_like(self.fc_mu(h))"),
    ),
    head(
        id="std-not-positive",
        name="A standard deviation, or a variance, that may be negative",
        thought="The network learns by itself to keep it positive.",
        signs=("head-not-positive",),
        effect="Its logarithm is no number as soon as one output is negative.",
        hint="Your second output is no logarithm. Which numbers can a linear layer return?",
        code=outputs(),
    ),
    head(
        id="one-layer-for-both-heads",
        name="mu and logvar are the same output",
        thought="Both come from the same hidden layer, so one layer makes both.",
        law="heads.distinct",
        signs=("heads-equal",),
        effect="Where a point is encoded decides how wide: codes cannot be far from 0 and narrow.",
        hint="Compare mu and logvar of some points. How many outputs does the encoder need for L dimensions?",
        code="mu = self.fc_mu(h)\nlogvar = self.fc_mu(h)\nreturn mu, logvar",
    ),
    head(
        id="dropout-in-encoder",
        name="The encoder is random by itself",
        thought="Dropout helps every network.",
        law="heads.deterministic",
        signs=("encoder-random",),
        effect="q(z|x) is no Gaussian any more, so that the KL term is not its divergence.",
        hint="Encode the same points twice in training mode. What may be random in a VAE, and what not?",
        code="h = F.dropout(h, 0.5, self.training)\n" + outputs(),
    ),
    head(
        id="heads-disagree",
        name="Sampler and KL term read the second output in two ways",
        thought="Log-variance, log sigma and sigma are names for the same thing.",
        law="heads.consistent",
        signs=("heads-disagree",),
        effect="The divergence that is paid for is another distribution's than the one that is drawn from.",
        hint="Write down the variance, once as your sampler has it, and once as your KL term has it.",
        slot="kl",
        code="kl_loss = -0.5 * torch.mean(1 + 2 * logvar - mu.pow(2) - torch.exp(2 * logvar))",
    ),
    head(
        id="encoder-does-not-see-all",
        name="The encoder does not see all of a point",
        thought="What is left out of the points can be told from the rest.",
        law="heads.deterministic",
        signs=("encoder-blind",),
        effect="Points that look alike to the encoder get the same code, so one of them is reconstructed wrongly.",
        hint="Encode a point, and turn the sign of one of its coordinates. Are the two codes different?",
        code="h = self.encoder(x.abs())\nmu = self.fc_mu(h)\nlogvar = self.fc_logvar(h)\nreturn mu, logvar",
    ),
    head(
        id="head-no-number",
        name="An output of the encoder is no number for some points",
        thought="A logarithm or a root makes a variance of what the layer returns.",
        signs=("head-not-finite",),
        effect="The loss is nan from the first step on, or from some later one.",
        code=outputs(logvar="torch.log(self.fc_logvar(h))"),
    ),
    forward(
        id="decodes-mean",
        name="The decoder is handed mu",
        thought="The mean is the best code of a point.",
        signs=("forward-decodes-mean",),
        effect="An autoencoder: the decoder never sees noise, so that samples from the prior are bad.",
        code="mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nreturn self.decode(mu), mu, logvar",
    ),
    forward(
        id="decodes-mean-in-evaluation",
        name="In evaluation mode the decoder is handed mu",
        thought="Noise belongs to training, as dropout does.",
        signs=("forward-eval-mean",),
        effect="What is measured in evaluation mode is no bound of the likelihood: it looks better than the model is.",
        read=MODES,
        code=(
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar) if self.training else mu\n"
            "return self.decode(z), mu, logvar"
        ),
    ),
    forward(
        id="arguments-swapped",
        name="reparameterize is called with its arguments in the wrong order",
        thought="The names inside of the function see to the order.",
        signs=("arguments-swapped",),
        effect="What the KL term narrows is drawn wide: the two terms pull the same output in two directions.",
        code="mu, logvar = self.encode(x)\nz = self.reparameterize(logvar, mu)\nreturn self.decode(z), mu, logvar",
    ),
    forward(
        id="sampler-handed-another-head",
        name="The sampler is handed something else than logvar",
        thought="The sampler needs a standard deviation, so it is computed before the call.",
        signs=("head-changed",),
        effect="The draws have another spread than the one whose KL is paid for.",
        hint="What does the sampler do with its second argument, and what is it already when it is handed over?",
        code=(
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, torch.exp(0.5 * logvar))\n"
            "return self.decode(z), mu, logvar"
        ),
    ),
    forward(
        id="one-output-for-both-arguments",
        name="The sampler is handed the same output twice",
        thought="One name is as good as the other.",
        signs=("argument-twice",),
        effect="Where a point is encoded decides how wide.",
        code="mu, logvar = self.encode(x)\nz = self.reparameterize(mu, mu)\nreturn self.decode(z), mu, logvar",
    ),
    forward(
        id="latent-not-drawn-from-posterior",
        name="The decoder is handed something else than a draw from N(mu, exp(logvar))",
        thought="Any code that holds mu will do.",
        signs=("latent-not-drawn",),
        effect="The KL that is paid for is another distribution's than the one that is drawn from.",
        code=(
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar) * 0.5\nreturn self.decode(z), mu, logvar"
        ),
    ),
    forward(
        id="outputs-in-another-order",
        name="The model returns its values in another order than they are taken in",
        thought="The names on the left see to the order.",
        law="forward.runs",
        signs=("forward-order",),
        effect="The KL term takes mu for logvar.",
        hint="Compare the order in which the values are returned with the one in which they are unpacked.",
        read=CONVENTIONS,
        code="mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nreturn self.decode(z), logvar, mu",
    ),
    forward(
        id="output-changed",
        name="The decoder's output is changed or drawn from again",
        thought="The decoder is a distribution, so its output is to be sampled as the latent is.",
        law="forward.output",
        signs=("output-changed",),
        effect="The squared distance to a draw is larger than that to the mean, and blurs what is learned.",
        hint="The squared distance is that to the mean of p(x|z). Is what you return that mean?",
        read=OUTPUTS,
        code=(
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nrecon = self.decode(z)\n"
            "return recon + 0.1 * torch.randn_like(recon), mu, logvar"
        ),
    ),
    forward(
        id="output-sigmoid",
        name="A sigmoid at the end of the decoder",
        thought="The output of a decoder lies between 0 and 1, as pixels do.",
        law="forward.output",
        signs=("output-sigmoid",),
        effect="Three quarters of the roll cannot be reconstructed.",
        hint="Between which numbers do the data's coordinates lie? Which numbers can your decoder return?",
        read=OUTPUTS,
        slot="output",
        code="nn.Linear(hidden_dim, 2),\nnn.Sigmoid(),",
    ),
    forward(
        id="output-tanh",
        name="A tanh at the end of the decoder",
        thought="The data lie between -1 and 1, so the output may be kept there.",
        law="forward.output",
        signs=("output-tanh",),
        effect="The roll lies between -0.94 and 0.94, so it can be learned, with large weights. Other data cannot.",
        hint="p(x|z) is a Gaussian. Which numbers can its mean be? What if the data were not divided by 15?",
        read=OUTPUTS,
        slot="output",
        code="nn.Linear(hidden_dim, 2),\nnn.Tanh(),",
    ),
    forward(
        id="output-relu",
        name="A ReLU at the end of the decoder",
        thought="Every layer is followed by an activation.",
        law="forward.output",
        signs=("output-relu",),
        effect="Three quarters of the roll cannot be reconstructed.",
        hint="Between which numbers do the data's coordinates lie? Which numbers can your decoder return?",
        read=OUTPUTS,
        slot="output",
        code="nn.Linear(hidden_dim, 2),\nnn.ReLU(),",
    ),
    forward(
        id="output-positive",
        name="The reconstruction has one sign only",
        thought="Coordinates have one sign.",
        law="forward.output",
        signs=("output-positive",),
        effect="Three quarters of the roll cannot be reconstructed.",
        hint="Between which numbers do the data's coordinates lie? Which numbers can your decoder return?",
        read=OUTPUTS,
        slot="output",
        code="nn.Linear(hidden_dim, 2),\nnn.Softplus(),",
    ),
    forward(
        id="forward-without-gradient",
        name="The forward pass has no gradients",
        thought="no_grad() makes the model faster.",
        law="forward.gradients",
        signs=("forward-no-grad",),
        effect="backward() raises an error, or only the KL term trains.",
        hint="Print requires_grad of the reconstruction. Which line cuts the graph?",
        read=AUTOGRAD,
        code=(
            "with torch.no_grad():\n    mu, logvar = self.encode(x)\n    z = self.reparameterize(mu, logvar)\n"
            "    recon = self.decode(z)\nreturn recon, mu, logvar"
        ),
    ),
    forward(
        id="latent-without-gradient",
        name="The latent is cut off from the encoder",
        thought="The draw is random, so it has no gradient.",
        law="forward.gradients",
        signs=("latent-detached",),
        effect="The encoder learns from the KL term alone: it gives up the data.",
        hint="Which weights get a gradient from the reconstruction? What is the trick for?",
        read=AUTOGRAD,
        code=(
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, "
            "logvar).detach()\nreturn self.decode(z), mu, logvar"
        ),
    ),
    forward(
        id="weights-without-gradient",
        name="Some of the encoder's weights get no gradient of the reconstruction",
        thought="Not every output has to be a part of the graph.",
        law="forward.gradients",
        signs=("weights-unused",),
        effect="Those weights learn from the KL term alone.",
        hint="Which weights get a gradient from the reconstruction? Follow the one that gets none.",
        read=AUTOGRAD,
        code=(
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, "
            "logvar.detach())\nreturn self.decode(z), mu, logvar"
        ),
    ),
    forward(
        id="output-without-gradient",
        name="An output of the encoder is cut off from the weights that made it",
        thought="What is computed twice, or is only looked at, needs no gradient.",
        law="forward.gradients",
        signs=("output-detached",),
        effect="The KL term is printed as it should be, and does not train what it is about.",
        hint="Print mu.requires_grad and logvar.requires_grad. Which line cuts the graph, and for which weights?",
        read=AUTOGRAD,
        code=(
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\n"
            "return self.decode(z), mu.detach(), logvar.detach()"
        ),
    ),
    forward(
        id="decoder-linear",
        name="The decoder is linear",
        thought="Layers are enough, and activations a detail.",
        law="forward.nonlinear",
        signs=("decoder-linear",),
        effect="The decoder can turn and stretch the plane, and not bend it: no roll can come out.",
        hint="What do two linear layers in a row compute?",
        read=OUTPUTS,
        slot="decoder",
        code="nn.Linear(latent_dim, hidden_dim),\nnn.Linear(hidden_dim, hidden_dim),",
    ),
    forward(
        id="logvar-of-another-shape",
        name="logvar has another shape than mu",
        thought="One spread for each point is enough, and broadcasting does the rest.",
        law="forward.runs",
        signs=("latent-shape",),
        effect="All coordinates of a point share a spread, and where the noise takes its shape from logvar, a number.",
        hint=(
            "Print the shapes of mu and logvar. How many standard deviations does a "
            "diagonal Gaussian in L dimensions have?"
        ),
        read=OUTPUTS,
        slot="heads",
        code="mu = self.fc_mu(h)\nlogvar = self.fc_logvar(h)[:, :1]\nreturn mu, logvar",
    ),
)
