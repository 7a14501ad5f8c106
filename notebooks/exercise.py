# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Exercise: a variational autoencoder for the Swiss roll
#
# You get most of a variational autoencoder (VAE). Two pieces are missing, and you write them: the **draw of the
# latents** and the **KL term of the loss**. Then you train it, look at what it learned, and do four experiments.
#
# After this exercise you can
#
# 1. write the reparameterization trick: from a mean $\mu$ and a log-variance $\log\sigma^2$, draw
#    $z = \mu + \sigma\varepsilon$ with $\varepsilon \sim \mathcal N(0, I)$, and say why it is written like this;
# 2. derive the KL divergence of a Gaussian from the standard normal distribution, and write the loss of a VAE;
# 3. judge a VAE by pictures: reconstructions, decoded latents, and both of them during training;
# 4. say, with measurements, what beta, the width of the network and the number of latents change.
#
# **What you do**
#
# | part | you write | who marks it |
# |---|---|---|
# | Task 1 | the method `reparameterize` | the checker |
# | Task 2 | the KL term in `compute_vae_loss` | the checker |
# | Experiments 1 to 4 | a prediction, before you measure; an explanation, after it | a person |
# | Questions 1 and 2 | a few sentences | a person |
#
# Run the cells from top to bottom. A cell that needs something from you stops with one line that says what. A training
# takes between a few seconds and a minute on a laptop.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.collections import LineCollection
from torch import nn
from tqdm import tqdm

# The number of steps of each training. SWISSROLL_QUICK=1 makes trainings short, to test this notebook.
STEPS = 1000
if os.environ.get("SWISSROLL_QUICK") == "1":
    STEPS = 10

torch.manual_seed(42)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# The package `swissroll` checks your two tasks. It tells you which mistake you made, and why it thinks so. All else
# here works without it.

# %%
try:
    from swissroll import check
except ImportError:

    def check(task):
        """Say that nothing is checked."""
        print(f"{task.__name__} was not checked, because the package swissroll is not installed here.")
        print("You can go on without it. Your instructor has the file to install: swissroll_vae-*.whl")


class ToDo(NotImplementedError):
    """Something that you still have to do. A notebook shows it as one line."""

    def _render_traceback_(self):
        return [f"TO DO: {self}"]


# %% [markdown]
# ## The data
#
# A point of the roll has a hidden coordinate $t$, which says how far along the spiral it lies. It is uniform between
# $\tfrac{3}{2}\pi$ and $\tfrac{9}{2}\pi$. The point itself is $x = (t\cos t,\ t\sin t)/15$. The model sees $x$ and
# never $t$.


# %%
def roll_at(t):
    """The points of the roll at coordinates t of shape (N,); shape (N, 2)."""
    return torch.stack([t * torch.cos(t), t * torch.sin(t)], dim=1) / 15.0


def generate_swiss_roll(n_samples=1000):
    """Draw points of the roll; shape (n_samples, 2)."""
    t = 1.5 * np.pi * (1 + 2 * torch.rand(n_samples))
    return roll_at(t)


data = generate_swiss_roll(n_samples=10000)
plt.figure(figsize=(4, 4))
plt.scatter(data[:, 0], data[:, 1], s=4, alpha=0.3, color="tab:blue")
plt.title("10,000 points of the Swiss roll")
plt.axis("square")
plt.show()

# %% [markdown]
# ## Task 1: the model and its draw
#
# A VAE has three steps.
#
# - The **encoder** takes a point $x$ and says which latents could have made it. Its answer is not one vector but a
#   Gaussian, $q(z\mid x) = \mathcal N(\mu(x), \operatorname{diag}\sigma^2(x))$. The network returns $\mu$ and
#   $\log\sigma^2$. A logarithm may have either sign, so the last layer needs no constraint.
# - The **draw** takes one $z$ from that Gaussian.
# - The **decoder** turns $z$ into a point again.
#
# The draw must let gradients through, or the encoder cannot learn from the decoder's error. So do not ask PyTorch for
# "a random number from $\mathcal N(\mu, \sigma^2)$". Take noise that depends on nothing, and shift and scale it:
#
# $$z = \mu + \sigma \varepsilon, \qquad \varepsilon \sim \mathcal N(0, I).$$
#
# **Your task:** write the body of `reparameterize`. Hints:
#
# - The encoder returns $\log\sigma^2$, and you need $\sigma$. How do you undo the logarithm, and how the square?
#   (`torch.exp`)
# - Every number in `mu` needs noise of its own: every point of the batch, and every latent of a point.
#   `torch.randn_like(a)` draws standard normal noise in the shape of `a`.
# - Return $z$. It has the same shape as `mu`.


# %% role="task" name="model"
class VAE(nn.Module):
    """A variational autoencoder for points of the plane."""

    def __init__(self, latent_dim=2, hidden_dim=256):
        super().__init__()
        self.latent_dim = latent_dim

        # x -> what the two heads look at
        self.encoder = nn.Sequential(
            nn.Linear(2, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
        )

        # The two heads: the mean and the logarithm of the variance of q(z|x).
        self.fc_mu = nn.Linear(hidden_dim, latent_dim)
        self.fc_logvar = nn.Linear(hidden_dim, latent_dim)

        # z -> x; no activation at the end, since coordinates take both signs
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, 2),
        )

    def encode(self, x):
        """Means and log-variances of q(z|x) for points x of shape (B, 2); each has shape (B, L)."""
        hidden = self.encoder(x)
        return self.fc_mu(hidden), self.fc_logvar(hidden)

    def reparameterize(self, mu, logvar):
        """Draw z from N(mu, exp(logvar)), so that gradients reach mu and logvar.

        1. The standard deviation, from logvar.
        2. Noise from a standard normal distribution, one number for each number in mu.
        3. The noise, scaled and shifted.
        """
        # BEGIN TODO
        # raise ToDo("Task 1: write reparameterize, in place of this line.")
        # SOLUTION
        std = torch.exp(0.5 * logvar)
        noise = torch.randn_like(std)
        return mu + std * noise
        # END TODO

    def decode(self, z):
        """The points that latents z of shape (B, L) decode to; shape (B, 2)."""
        return self.decoder(z)

    def forward(self, x):
        """Encode, draw, decode; returns the reconstructions, mu and logvar."""
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


# %% role="check" name="task-1"
check(VAE)

# %% [markdown]
# Now test the forward pass: five points go in, and five points must come out. The model has not learned anything yet,
# so they are nonsense. They go in twice, and two different answers come out. Where does the difference come from?

# %%
untrained = VAE()
few = generate_swiss_roll(5)
for _ in range(2):
    output, _, _ = untrained(few)
    print(output.detach())

# %% [markdown]
# **Question 1.** Why do we need the reparameterization trick? What would happen to the encoder if `reparameterize`
# returned `torch.distributions.Normal(mu, std).sample()`, which has the same distribution?

# %% [markdown] role="answer" name="question-1" points=2
# Gradient descent needs to know how the loss changes when $\mu$ and $\sigma$ change. A number that comes out of a
# random generator does not depend on them in a way that can be differentiated: `sample()` returns a constant, so no
# gradient of the error reaches the encoder. It would learn from the KL term alone, which pulls every $q(z\mid x)$ to
# the prior. With $z = \mu + \sigma\varepsilon$ the randomness is an input from outside. Then $z$ is an ordinary
# function of $\mu$ and $\sigma$, with $\partial z/\partial\mu = 1$ and $\partial z/\partial\sigma = \varepsilon$.

# %% [markdown]
# ## The two terms of the loss
#
# $$\text{loss} = \text{error} + \beta \cdot \text{KL}$$
#
# **The error** says how far a reconstruction $\hat x$ lies from its point $x$. We take the mean squared error,
# averaged over the $N$ points of the batch and the $D = 2$ coordinates of a point:
#
# $$\text{error} = \frac{1}{N D}\sum_{i=1}^{N}\lVert x_i - \hat x_i\rVert^2.$$
#
# **The KL term** says how far $q(z\mid x)$ is from the prior $p(z) = \mathcal N(0, I)$, the distribution that we draw
# latents from when we generate new points. For one point, it is a sum over the $L$ latents:
#
# $$\mathrm{KL}\big(q(z\mid x)\parallel p(z)\big)
# = \frac{1}{2}\sum_{j=1}^{L}\left(\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2\right).$$
#
# It is measured in nats, and it is the information about $x$ that the latents pay for. The two terms pull in opposite
# directions. The error wants latents that tell everything. The KL wants latents that tell nothing.
#
# ### Where the formula comes from
#
# Latents are independent in $q$ and in $p$, so the divergences of single latents add up. One latent is enough: let
# $q = \mathcal N(\mu, \sigma^2)$ and $p = \mathcal N(0, 1)$.
#
# 1. The KL divergence is the average, over draws from $q$, of how much more probable $q$ finds them than $p$:
#
#    $$\mathrm{KL} = \int q(z)\log\frac{q(z)}{p(z)}\thinspace dz = \mathbb E_{q}\left[\log q(z) - \log p(z)\right].$$
#
# 2. The two densities are
#
#    $$q(z) = \frac{1}{\sqrt{2\pi\sigma^2}}\exp\left(-\frac{(z-\mu)^2}{2\sigma^2}\right), \qquad
#    p(z) = \frac{1}{\sqrt{2\pi}}\exp\left(-\frac{z^2}{2}\right).$$
#
#    In the difference of their logarithms, $\tfrac{1}{2}\log 2\pi$ cancels:
#
#    $$\log q(z) - \log p(z) = -\frac{1}{2}\log\sigma^2 - \frac{(z-\mu)^2}{2\sigma^2} + \frac{z^2}{2}.$$
#
# 3. Put in the draw of Task 1, $z = \mu + \sigma\varepsilon$. Then $(z-\mu)^2/\sigma^2 = \varepsilon^2$, and
#    $z^2 = \mu^2 + 2\mu\sigma\varepsilon + \sigma^2\varepsilon^2$.
#
# 4. Average over the noise, for which $\mathbb E\thinspace\varepsilon = 0$ and $\mathbb E\thinspace\varepsilon^2 = 1$:
#
#    $$\mathrm{KL} = -\frac{1}{2}\log\sigma^2 - \frac{1}{2} + \frac{1}{2}\left(\mu^2 + \sigma^2\right)
#    = \frac{1}{2}\left(\mu^2 + \sigma^2 - 1 - \log\sigma^2\right).$$
#
# 5. Sum over the latents. Often the same is written with a minus sign in front:
#    $-\tfrac{1}{2}\sum_j\left(1 + \log\sigma_j^2 - \mu_j^2 - \sigma_j^2\right)$.
#
# So no integral has to be computed in training. The result is zero for $\mu = 0$ and $\sigma = 1$, and positive
# everywhere else.
#
# ## Task 2: the loss
#
# **Your task:** write the KL term in `compute_vae_loss`. Hints:
#
# - `logvar` is $\log\sigma^2$. What, then, is $\sigma^2$?
# - The error is an average over points and coordinates. Here the KL is to be treated alike: **average over the points
#   and over the latents** (`torch.mean`). The formula above has a sum over the latents, which is $L$ times as much.
#   Both are in use, and both are right, but the same beta means something else. Experiment 4 comes back to this.
# - Before you run the check: what must your term be if `mu` and `logvar` are zero?


# %% role="task" name="loss"
def compute_vae_loss(model, x, beta):
    """The loss of a batch x of shape (B, 2): mean squared error + beta * KL, both averaged over everything."""
    recon_x, mu, logvar = model(x)
    recon_loss = torch.mean((recon_x - x) ** 2)

    # BEGIN TODO
    # raise ToDo("Task 2: write the KL term, in place of this line, and give it the name kl_loss.")
    # SOLUTION
    kl_loss = 0.5 * torch.mean(mu**2 + torch.exp(logvar) - 1 - logvar)
    # END TODO

    return recon_loss + beta * kl_loss


# %% role="check" name="task-2"
check(compute_vae_loss)

# %% [markdown]
# Here is a test that you can do without a checker. Step 1 of the derivation is an average over draws from $q$, and
# averages can be computed by drawing. The next cell gives your loss a model that reconstructs perfectly, so that only
# the KL is left. What remains should agree with the average of $\log q - \log p$ in two or three digits.

# %%
MU, LOGVAR = torch.tensor([[0.5, -1.0]]), torch.tensor([[-1.0, 0.4]])


def perfect_model(x):
    """Return x itself as its reconstruction, and the same q(z|x) for each point."""
    return x, MU.expand_as(x), LOGVAR.expand_as(x)


q, p = torch.distributions.Normal(MU, torch.exp(0.5 * LOGVAR)), torch.distributions.Normal(0.0, 1.0)
draws = q.sample((200_000,))
by_drawing = (q.log_prob(draws) - p.log_prob(draws)).mean()
by_formula = compute_vae_loss(perfect_model, few, beta=1.0)
print(f"average of log q - log p: {by_drawing:.4f}   your KL term: {by_formula:.4f}")

# %% [markdown]
# ## Training
#
# A step draws new points, computes the loss, and lets the optimizer (Adam) change the weights a little. Each training
# below starts from the same seed. So two trainings that differ in beta alone have the same initial weights, the same
# points and the same noise.


# %%
def training_steps(model, n_steps, batch_size, lr, beta):
    """Train a model, and yield the loss after every step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(n_steps):
        x = generate_swiss_roll(batch_size).to(device)
        loss = compute_vae_loss(model, x, beta)

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def new_model(latent_dim=2, hidden_dim=256, seed=42):
    """A model with the weights of a seed; the draws that follow do not depend on its size."""
    torch.manual_seed(seed)
    model = VAE(latent_dim=latent_dim, hidden_dim=hidden_dim).to(device)
    torch.manual_seed(seed + 1)
    return model


def train_vae(n_steps=STEPS, batch_size=128, lr=1e-3, beta=0.01, latent_dim=2, hidden_dim=256):
    """Train a VAE; returns the model, the loss of every step, and the device."""
    model = new_model(latent_dim, hidden_dim)
    losses = []
    bar = tqdm(training_steps(model, n_steps, batch_size, lr, beta), total=n_steps, desc="Training VAE")
    for loss in bar:
        losses.append(loss)
        bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
    return model, losses, device


model, losses, device = train_vae()

plt.figure(figsize=(5, 3))
plt.semilogy(losses, linewidth=0.8)
plt.xlabel("step")
plt.ylabel("loss (logarithmic)")
plt.title("Training loss")
plt.show()

# %% [markdown]
# ## Reconstructions
#
# Left are points of the roll. Right are their reconstructions, and a line from each point to its reconstruction.
# Short lines are good. In which places are they long?


# %%
def visualize_reconstructions(model, n_points=1000):
    """Draw points, their reconstructions, and lines that join the pairs."""
    x = generate_swiss_roll(n_points).to(device)
    with torch.no_grad():
        recon_x, _, _ = model(x)
    x, recon_x = x.cpu().numpy(), recon_x.cpu().numpy()

    _, (left, right) = plt.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True)
    left.scatter(*x.T, s=5, color="tab:blue")
    left.set_title("points")
    right.add_collection(LineCollection(np.stack([x, recon_x], axis=1), color="black", alpha=0.3, linewidth=0.6))
    right.scatter(*recon_x.T, s=5, color="tab:orange")
    right.set_title("their reconstructions")
    left.set_aspect("equal")
    right.set_aspect("equal")
    plt.tight_layout()
    plt.show()


visualize_reconstructions(model)

# %% [markdown]
# ## The latent space
#
# A VAE also makes new points: take latents, and decode them. We take a square grid of latents that covers what is
# common under the prior. Compare it with the roll. Which parts of the grid lie between its turns, and why must some
# of them?


# %%
def draw_grid(ax, model, n_points=1000):
    """Draw the roll and a decoded grid of latents on [-2, 2] x [-2, 2]; the model has two of them."""
    side = torch.linspace(-2, 2, int(np.sqrt(n_points)))
    grid = torch.cartesian_prod(side, side).to(device)
    with torch.no_grad():
        decoded = model.decode(grid).cpu()
    roll = roll_at(torch.linspace(1.5 * np.pi, 4.5 * np.pi, 1000))
    ax.scatter(*roll.T, s=4, color="tab:blue", label="the roll")
    ax.scatter(*decoded.T, s=4, color="#c0508c", alpha=0.6, label="decoded latents")
    ax.set_aspect("equal")
    ax.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))


def visualize_latent_space(model, n_points=1000):
    """Draw what a grid of latents decodes to, over the roll."""
    _, ax = plt.subplots(figsize=(4.2, 4.2))
    draw_grid(ax, model, n_points)
    ax.legend(loc="upper right", fontsize=8)
    ax.set_title("a grid of latents, decoded")
    plt.show()


visualize_latent_space(model)

# %% [markdown]
# ## Experiments: predict, observe, explain
#
# Pictures need numbers beside them. `measure` gives four:
#
# - **error**: the mean squared error of reconstructions of new points;
# - **KL**: in nats per point, summed over the latents, whatever the loss does;
# - **latents in use**: how many latents have a KL above 0.1 nats;
# - **off the roll**: the mean distance from generated points (decoded draws from the prior) to the roll.
#
# Each experiment has three steps. **Predict:** before you measure, write `"more"`, `"less"` or `"same"`, or a number
# where a number is asked for. ("Same" means: at most a quarter more or a fifth less.) **Observe:** run the
# measurement. It does not start before there is a prediction. **Explain:** say why it came out like this. A wrong
# prediction costs nothing. What counts is your explanation, and a surprise is the best reason to write one.


# %%
def measure(model, n_points=2000):
    """The four numbers of a model, on the same points and noise each time."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        x = generate_swiss_roll(n_points).to(device)
        recon_x, mu, logvar = model(x)
        kl = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).mean(dim=0)
        generated = model.decode(torch.randn(n_points, model.latent_dim).to(device)).cpu()
    roll = roll_at(torch.linspace(1.5 * np.pi, 4.5 * np.pi, 3000))
    return {
        "error": ((recon_x - x) ** 2).mean().item(),
        "KL": kl.sum().item(),
        "latents in use": int((kl > 0.1).sum()),
        "off the roll": torch.cdist(generated, roll).amin(dim=1).mean().item(),
    }


def measure_all(models):
    """Measure models, print a line for each, and return the numbers, by the models' names."""
    measured = {name: measure(trained) for name, trained in models.items()}
    print(f"{'':>22}     error  KL [nats]  latents in use  off the roll")
    for name, found in measured.items():
        numbers = (
            f"{found['error']:9.5f} {found['KL']:10.3f} {found['latents in use']:15} {found['off the roll']:13.4f}"
        )
        print(f"{name:>22} {numbers}")
    return measured


def change(measured, number, before, after):
    """One number of two models."""
    return measured[before][number], measured[after][number]


def require(predictions):
    """Stop where a prediction is missing."""
    for question, answer in predictions.items():
        is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
        if not is_number and answer not in ("more", "less", "same"):
            raise ToDo(f"predict first: '{question}' is {answer!r}; write 'more', 'less', 'same' or a number.")


def in_words(before, after):
    """Whether a number became more or less, or stayed about the same."""
    if after > 1.25 * before:
        return "more"
    return "less" if after < 0.8 * before else "same"


def compare(predictions, measured):
    """Set predictions beside what was measured: a pair of numbers (before, after), or one number."""
    for question, found in measured.items():
        if isinstance(found, tuple):
            result, numbers = in_words(*found), f"{found[0]:.4f} -> {found[1]:.4f}"
        else:
            result, numbers = found, ""
        verdict = "as predicted" if predictions[question] == result else f"you predicted: {predictions[question]}"
        print(f"{question}: {result}  {numbers}  ({verdict})")
    print("Now explain, in the cell below: why did it come out like this?")


# %% [markdown]
# ### Experiment 1: before, during and after training
#
# You will see the decoded grid before training, after every hundred steps, and at the end, and below it where the
# encoder puts the points of the roll.
#
# **Predict:** what happens to the KL from before training to its end? And from step 100 to the end: what happens to the
# error, and to the distance of generated points from the roll?

# %% role="prediction" name="predict-1"
# BEGIN TODO
# predicted_in_training = {
#     "KL, from before training to its end": None,
#     "error, from step 100 to the end": None,
#     "off the roll, from step 100 to the end": None,
# }
# SOLUTION
predicted_in_training = {
    "KL, from before training to its end": "more",
    "error, from step 100 to the end": "less",
    "off the roll, from step 100 to the end": "less",
}
# END TODO


# %%
def draw_encoded(ax, model):
    """Draw where the encoder puts the roll: the means of q(z|x), coloured by t."""
    t = torch.linspace(1.5 * np.pi, 4.5 * np.pi, 1000)
    with torch.no_grad():
        mu, _ = model.encode(roll_at(t).to(device))
    ax.scatter(*mu.cpu().T, c=t, cmap="viridis", s=4)
    ax.set_aspect("equal")
    ax.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))


def train_vae_with_visualization(n_steps=STEPS, batch_size=128, lr=1e-3, beta=0.01, viz_interval=STEPS // 10):
    """Train a VAE, draw it before, during and after, and measure it at each of these moments."""
    model = new_model()
    columns = 6
    rows = -(-(n_steps // viz_interval + 1) // columns)
    figure, axes = plt.subplots(2 * rows, columns, figsize=(12, 4.1 * rows), layout="constrained")
    for ax in axes.flat:
        ax.axis("off")
    moments = {}

    def look(step):
        row, column = divmod(len(moments), columns)
        above, below = axes[2 * row, column], axes[2 * row + 1, column]
        draw_grid(above, model)
        draw_encoded(below, model)
        above.set_title("before training" if step == 0 else f"step {step}")
        moments[step] = measure(model)

    look(0)
    losses = []
    for loss in tqdm(training_steps(model, n_steps, batch_size, lr, beta), total=n_steps, desc="Training VAE"):
        losses.append(loss)
        if len(losses) % viz_interval == 0:
            look(len(losses))
    figure.suptitle("upper: the roll (blue) and decoded latents (pink); lower: means of q(z|x) in the latent plane")
    plt.show()
    return model, losses, moments


require(predicted_in_training)
model, losses, moments = train_vae_with_visualization()
start, early, end = 0, STEPS // 10, STEPS
compare(
    predicted_in_training,
    {
        "KL, from before training to its end": change(moments, "KL", start, end),
        "error, from step 100 to the end": change(moments, "error", early, end),
        "off the roll, from step 100 to the end": change(moments, "off the roll", early, end),
    },
)

# %% [markdown]
# **Explain:** what changes in the latent space before, during and after training? Which of it can you see in the loss
# curve?

# %% [markdown] role="answer" name="explain-1" points=2
# Before training, the decoder sends the whole grid to one small spot, and the encoder says nearly the same about
# every point: the KL is almost zero. In the first steps both spread out. The means of $q(z\mid x)$ become a bent
# picture of the roll, the KL rises to several nats, and the error makes most of its fall. After that the encoder
# hardly changes, but the decoder does. It learns to spend little of the latent plane on the gaps between the turns,
# so the grid moves onto the roll and generated points come closer to it. The loss curve shows the first part. It is
# nearly flat while the second part happens, because the loss looks only at latents that belong to data, and there the
# gaps hardly matter.

# %% [markdown]
# ### Experiment 2: beta
#
# Beta is the price of information. The default is 0.01.
#
# **Predict**, against beta = 0.01: with beta = 0.1, what happens to the error and to the KL? With beta = 0.0001, what
# happens to the error, and to the distance of generated points from the roll?

# %% role="prediction" name="predict-2"
# BEGIN TODO
# predicted_for_beta = {
#     "error, with beta = 0.1": None,
#     "KL, with beta = 0.1": None,
#     "error, with beta = 0.0001": None,
#     "off the roll, with beta = 0.0001": None,
# }
# SOLUTION
predicted_for_beta = {
    "error, with beta = 0.1": "more",
    "KL, with beta = 0.1": "less",
    "error, with beta = 0.0001": "less",
    "off the roll, with beta = 0.0001": "more",
}
# END TODO


# %%
def draw_grids(models):
    """Decoded grids of several models, side by side."""
    _, axes = plt.subplots(1, len(models), figsize=(3.6 * len(models), 3.8), layout="constrained")
    for ax, (name, trained) in zip(axes, models.items(), strict=True):
        draw_grid(ax, trained)
        ax.set_title(name)
    plt.show()


require(predicted_for_beta)
weak, usual, strong = (train_vae(beta=beta)[0] for beta in (0.0001, 0.01, 0.1))
models = dict(zip(("beta = 0.0001", "beta = 0.01", "beta = 0.1"), (weak, usual, strong), strict=True))
measured = measure_all(models)
draw_grids(models)
compare(
    predicted_for_beta,
    {
        "error, with beta = 0.1": change(measured, "error", "beta = 0.01", "beta = 0.1"),
        "KL, with beta = 0.1": change(measured, "KL", "beta = 0.01", "beta = 0.1"),
        "error, with beta = 0.0001": change(measured, "error", "beta = 0.01", "beta = 0.0001"),
        "off the roll, with beta = 0.0001": change(measured, "off the roll", "beta = 0.01", "beta = 0.0001"),
    },
)

# %% [markdown]
# **Explain:** why does the model with the smallest error not generate the best points?

# %% [markdown] role="answer" name="explain-2" points=2
# A small beta makes information cheap. The encoder then makes every $q(z\mid x)$ narrow, the decoder gets an exact
# address for every point, and the error is smallest. But narrow posteriors leave holes between them. The loss says
# nothing about what the decoder does there, and draws from the prior fall into the holes, so many generated points
# lie between the turns. With a large beta the posteriors are wide and overlap. The decoder gets a blurred address and
# answers with an average of several points, which also lies between the turns: the error is large. At beta = 0.01
# posteriors just touch. To reconstruct, the decoder needs codes that are different; to generate, it needs codes
# without gaps. No beta gives the best of both.

# %% [markdown]
# ### Experiment 3: the width
#
# `VAE(2, 32)` and `VAE(2, 1024)` have **two latents each**. Their second argument is `hidden_dim`, the number of
# units per hidden layer. This is the **width** of the network, and not the latent dimension; the two are often
# confused. A wider network can bend more, but it has no more room to pass information through.
#
# **Predict**, against a width of 256: what happens to the error, and to the distance of generated points from the roll,
# with width 32? What happens to the error and to the number of latents in use with width 1024?

# %% role="prediction" name="predict-3"
# BEGIN TODO
# predicted_for_width = {
#     "error, with width 32": None,
#     "off the roll, with width 32": None,
#     "error, with width 1024": None,
#     "latents in use, with width 1024": None,
# }
# SOLUTION
predicted_for_width = {
    "error, with width 32": "more",
    "off the roll, with width 32": "more",
    "error, with width 1024": "same",
    "latents in use, with width 1024": "same",
}
# END TODO

# %%
require(predicted_for_width)
narrow, wide = (train_vae(hidden_dim=width)[0] for width in (32, 1024))
models = dict(zip(("width 32", "width 256", "width 1024"), (narrow, usual, wide), strict=True))
measured = measure_all(models)
draw_grids(models)
compare(
    predicted_for_width,
    {
        "error, with width 32": change(measured, "error", "width 256", "width 32"),
        "off the roll, with width 32": change(measured, "off the roll", "width 256", "width 32"),
        "error, with width 1024": change(measured, "error", "width 256", "width 1024"),
        "latents in use, with width 1024": change(measured, "latents in use", "width 256", "width 1024"),
    },
)

# %% [markdown]
# **Explain:** what can a wide network do that a narrow one cannot, and what does more width not change?

# %% [markdown] role="answer" name="explain-3" points=2
# I expected a larger error at width 32, and it is about the same. What gets worse is what the model generates: to lay
# a plane of latents onto a spiral, the decoder has to jump from one turn to the next within a short way, and that
# takes many units. A narrow decoder makes soft jumps, so many of its points lie in the gaps. Width 1024 adds little
# to 256. The number of latents does not depend on the width. All three models have two latents and use both, because
# the loss, and not the number of units, decides how much information pays.

# %% [markdown]
# ### Experiment 4: the latent dimension
#
# Now the number of latents itself: `VAE(latent_dim=1)`, and with 2 and with 8.
#
# **There is a trap.** Our loss averages the error over $D$ coordinates and the KL over $L$ latents. Multiply it by
# $D/(2\sigma^2)$ with $\sigma^2 = \beta D/(2L)$. What comes out is, up to a constant, the negative ELBO of a VAE
# whose decoder is a Gaussian of variance $\sigma^2$:
#
# $$\frac{D}{2\sigma^2}\cdot\text{loss}
# = \frac{1}{N}\sum_{i=1}^{N}\left(\frac{\lVert x_i-\hat x_i\rVert^2}{2\sigma^2} + \mathrm{KL}_i\right).$$
#
# So beta is a noise level in disguise: for $\beta = 0.01$ and $D = L = 2$ it is $\sigma \approx 0.0707$, in the units
# of the data. **If you change $L$ at a fixed beta, you change $\sigma$, too**, and cannot tell which of the two made
# the difference. For a fair comparison, change beta along with $L$: $\beta = 0.01\cdot L/2$ keeps $\sigma$.
#
# **Predict**, against two latents at the same $\sigma$: what happens to the error with one latent, and with eight? And
# (a number): how many of eight latents are in use? Then, with eight latents and beta left at 0.01: what happens to the
# error, against two?

# %% role="prediction" name="predict-4"
# BEGIN TODO
# predicted_for_latents = {
#     "error, 1 latent, same sigma": None,
#     "error, 8 latents, same sigma": None,
#     "number of latents in use, of 8, same sigma": None,
#     "error, 8 latents, same beta": None,
# }
# SOLUTION
predicted_for_latents = {
    "error, 1 latent, same sigma": "more",
    "error, 8 latents, same sigma": "same",
    "number of latents in use, of 8, same sigma": 2,
    "error, 8 latents, same beta": "less",
}
# END TODO

# %%
require(predicted_for_latents)
one, two, eight = (train_vae(latent_dim=number, beta=0.01 * number / 2)[0] for number in (1, 2, 8))
eight_at_beta, _, _ = train_vae(latent_dim=8, beta=0.01)
measured = measure_all(
    {
        "1 latent": one,
        "2 latents": two,
        "8 latents, same sigma": eight,
        "8 latents, same beta": eight_at_beta,
    }
)
figure, axes = plt.subplots(1, 3, figsize=(10.8, 3.8), layout="constrained")
for ax, (name, trained) in zip(axes, {"1 latent": one, "2 latents": two, "8 latents": eight}.items(), strict=True):
    with torch.no_grad():
        generated = trained.decode(torch.randn(2000, trained.latent_dim).to(device)).cpu()
    ax.scatter(*generated.T, s=4, color="tab:green", alpha=0.5)
    ax.set_aspect("equal")
    ax.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), title=f"{name}: generated points")
plt.show()
for number in (1, 2, 8):
    print(f"L = {number} at beta = 0.01: sigma = {(0.01 * 2 / (2 * number)) ** 0.5:.4f}")
compare(
    predicted_for_latents,
    {
        "error, 1 latent, same sigma": change(measured, "error", "2 latents", "1 latent"),
        "error, 8 latents, same sigma": change(measured, "error", "2 latents", "8 latents, same sigma"),
        "number of latents in use, of 8, same sigma": measured["8 latents, same sigma"]["latents in use"],
        "error, 8 latents, same beta": change(measured, "error", "2 latents", "8 latents, same beta"),
    },
)

# %% [markdown]
# **Explain:** the roll is a curve, so one number per point could be enough. Why are two latents better than one here,
# and what do the other six of eight do? Why did the error change at the same beta?

# %% [markdown] role="answer" name="explain-4" points=2
# With one latent the encoder has to cut the roll into pieces and lay them side by side on a line. It could unroll the
# spiral in principle, but training starts from an almost linear map of the plane and does not find that. Where two
# pieces meet, a small change of $z$ leads from one turn to another, and the noise in $z$ makes such errors. With two
# latents it copies the plane. Six of eight latents stay at the prior: their KL is zero, because points of a plane
# need no more than two, and any other would cost nats and gain nothing. At the same $\sigma$ the error is about the
# same as with two. At the same beta it is smaller, and the reason is not the number of latents: averaging over eight
# makes the KL four times as cheap, which is a decoder with $\sigma = 0.035$ in place of 0.071.

# %% [markdown]
# ## Report
#
# **Question 2.** Write down what you observed about **the quality of reconstructions against the continuity of the
# latent space**: do nearby latents decode to nearby points, and do latents between two codes decode to something that
# looks like data? Which setting would you choose to reconstruct, and which to generate? Refer to numbers or pictures
# above. Try one change of your own (another activation, depth, learning rate, or number of steps), predict first, and
# report it, too.

# %% [markdown] role="answer" name="question-2" points=4
# Reconstruction and continuity pull apart. With beta = 0.0001 reconstructions are nearly exact, but only near the
# codes of data. A walk between two codes leaves the roll, as the decoded grid shows: many of its points lie between
# the turns. With beta = 0.1 the walk is smooth, and it is smooth over a blurred roll. At beta = 0.01 nearly the whole
# plane decodes to the roll. Nearby latents decode to nearby points almost everywhere. The exceptions are the places
# where the plane has to jump from one turn to the next; the roll has gaps and the plane has none, so there must be
# such places. I would take a small beta to compress or reconstruct, and 0.01 to generate. To generate better still, I
# would not change beta but fit the prior to the codes of the data after training.
#
# My own change: SiLU for ReLU. I expected the same error and smoother jumps, since its slope has no kink. To judge it
# I would train several seeds of each, as one pair of runs cannot tell a small difference from chance.

# %% [markdown]
# ## Hand in
#
# Restart the kernel, run all cells, and save. If you have `swissroll`, ask it about the whole file once more, in a
# terminal: `swissroll exercise check exercise.ipynb`. It asks the questions that the grader will ask.
#
# ## Extra: what it all means
#
# **A message over a noisy line.** You want to tell a friend where a point lies, over a radio that sends a few numbers
# ($z$) and adds noise to each. You may choose how loud you speak. That is the encoder: $\mu$ is what you say, and
# $\sigma$ says how much of it the noise may blur. Your friend guesses the point from what arrives. That is the
# decoder, and the error says how far off the guess is. Power costs something: that is the KL, in nats per message.
# Without a price you would shout (large $\mu$, small $\sigma$), and the places between two messages would mean
# nothing. With a price you choose words such that a slightly wrong word still means nearly the same place. That is
# why a VAE has a latent space in which one can walk.
#
# **Why "variational"?** For a decoder that is given, the true distribution of the latents of a point, $p(z\mid x)$,
# is known only up to a constant that is an integral. So it is replaced by the best member of a family that is easy to
# handle, here Gaussians, and "best" is found by optimization. Methods that search among distributions like this are
# called variational.
#
# **The bound.** For each point, and whatever $q$ is,
#
# $$\log p(x) \ge \mathbb E_{q(z\mid x)}\left[\log p(x\mid z)\right] - \mathrm{KL}\big(q(z\mid x)\parallel p(z)\big).$$
#
# The right side is the ELBO, the evidence lower bound. Training a VAE makes it as large as it can. Our loss is its
# negative, in other units (Experiment 4).
#
# **Further reading**
#
# - D. P. Kingma and M. Welling, *Auto-Encoding Variational Bayes*, 2014, arXiv:1312.6114. The trick; the KL of two
#   Gaussians is in appendix B.
# - D. J. Rezende, S. Mohamed and D. Wierstra, *Stochastic Backpropagation and Approximate Inference in Deep Generative
#   Models*, 2014, arXiv:1401.4082. The same idea, found at the same time.
# - C. Doersch, *Tutorial on Variational Autoencoders*, 2016, arXiv:1606.05908. A slow and complete introduction.
# - I. Higgins et al., *beta-VAE*, 2017. What beta is good for.
