"""Right solutions in many styles: parts of the exercise's code that replace the ordinary ones."""

from __future__ import annotations

from swissroll.exercise.misconceptions.source import RIGHT, solution

SUM_LOSS = "recon_loss = ((recon_x - x) ** 2).sum(dim=1).mean()"
SUM_KL = "kl_loss = 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(dim=1).mean()"

STD_HEADS = {
    "heads": "mu = self.fc_mu(h)\nstd = F.softplus(self.fc_logvar(h)) + 1e-4\nreturn mu, std",
    "sampler": "return mu + logvar * torch.randn_like(logvar)",
    "kl": "kl_loss = torch.mean(0.5 * (mu ** 2 + logvar ** 2 - 1) - torch.log(logvar))",
}

PARTS: dict[str, dict[str, str]] = {
    # The sampler.
    "variance first": {"sampler": "var = torch.exp(logvar)\nreturn mu + torch.sqrt(var) * torch.randn_like(var)"},
    "root of the exponential": {"sampler": "return mu + logvar.exp().sqrt() * torch.randn(mu.shape)"},
    "torch.normal": {
        "sampler": "e = torch.normal(torch.zeros_like(mu), torch.ones_like(mu))\nreturn e * (logvar / 2).exp() + mu"
    },
    "einsum": {"sampler": "e = torch.randn_like(mu)\nreturn mu + torch.einsum('bl,bl->bl', (0.5 * logvar).exp(), e)"},
    "rsample": {"sampler": "return torch.distributions.Normal(mu, (0.5 * logvar).exp()).rsample()"},
    "multivariate": {
        "sampler": (
            "c = torch.diag_embed(logvar.exp())\nreturn torch.distributions.MultivariateNormal(mu, c).rsample()"
        )
    },
    "numpy noise": {
        "sampler": (
            "e = torch.tensor(np.random.standard_normal(tuple(mu.shape)), dtype=mu.dtype, device=mu.device)\n"
            "return mu + e * torch.exp(logvar / 2)"
        )
    },
    "numpy generator": {
        "sampler": (
            "e = np.random.default_rng().normal(size=tuple(mu.shape)).astype('float32')\n"
            "return mu + torch.from_numpy(e) * torch.exp(logvar / 2)"
        )
    },
    "zeros().normal_()": {
        "sampler": "e = torch.zeros_like(mu).normal_()\nreturn torch.addcmul(mu, e, (logvar * 0.5).exp())"
    },
    "in-place on its own": {
        "sampler": (
            "z = torch.randn_like(mu)\nz.mul_(torch.exp(0.5 * logvar.detach()) * 0 + "
            "1)\nreturn z * torch.exp(0.5 * logvar) + mu"
        )
    },
    "in-place on the draw": {
        "sampler": "std = (0.5 * logvar).exp()\nz = torch.randn_like(mu).mul_(1.0) * std\nz += mu\nreturn z"
    },
    "power of e": {"sampler": "return mu + np.e ** (logvar / 2) * torch.randn_like(mu)"},
    "double negative": {"sampler": "std = 1 / torch.exp(-0.5 * logvar)\nreturn -(-mu - std * torch.randn_like(std))"},
    "minus the noise": {"sampler": "return mu - torch.exp(0.5 * logvar) * torch.randn_like(mu)"},
    "float64 inside": {
        "sampler": (
            "std = torch.exp(0.5 * logvar.double())\nz = mu.double() + std * torch.randn_like(std)\n"
            "return z.to(mu.dtype)"
        )
    },
    "own generator": {
        "sampler": (
            "if not hasattr(self, 'g'):\n    self.g = torch.Generator().manual_seed(3)\n"
            "return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=self.g)"
        )
    },
    "clamped far out": {"sampler": "lv = logvar.clamp(-20, 20)\nreturn mu + (0.5 * lv).exp() * torch.randn_like(mu)"},
    "row by row": {
        "sampler": (
            "rows = [m + (0.5 * v).exp() * torch.randn(m.shape) for m, v in zip(mu, logvar)]\nreturn torch.stack(rows)"
        )
    },
    # The KL term.
    "plus a half": {"kl": "kl_loss = 0.5 * torch.mean(mu ** 2 + torch.exp(logvar) - logvar - 1)"},
    "divided by two": {"kl": "kl_loss = torch.mean((logvar.exp() + mu * mu - 1 - logvar) / 2)"},
    "expm1": {"kl": "kl_loss = 0.5 * (torch.expm1(logvar) - logvar + mu.square()).mean()"},
    "negative and subtracted": {
        "kl": "kl_loss = 0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())",
        "total": "return recon_loss - beta * kl_loss",
    },
    "kl_divergence": {
        "kl": (
            "q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))\n"
            "p = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))\n"
            "kl_loss = torch.distributions.kl_divergence(q, p).mean()"
        )
    },
    "kl estimated from many draws": {
        "kl": (
            "s = (logvar / 2).exp()\n"
            "z = mu + s * torch.randn(50, *mu.shape)\n"
            "log_q = -0.5 * ((z - mu) / s) ** 2 - s.log()\n"
            "kl_loss = (log_q + 0.5 * z ** 2).mean()"
        )
    },
    "kl estimated from the latent that is decoded": {
        "call": (
            "mu, logvar = model.encode(x)\nz = model.reparameterize(mu, logvar)\nrecon_x = model.decode(z)\n"
            "q = torch.distributions.Normal(mu, (logvar / 2).exp())\np = torch.distributions.Normal(0.0, 1.0)"
        ),
        "kl": "kl_loss = torch.mean(q.log_prob(z) - p.log_prob(z))",
    },
    "by way of std": {
        "kl": (
            "std = torch.exp(0.5 * logvar)\n"
            "kl_loss = torch.mean(-torch.log(std + 1e-5) + (std ** 2 + mu ** 2) / 2 - 0.5)"
        )
    },
    "sums of both": {"error": SUM_LOSS, "kl": SUM_KL},
    "sums over the batch": {
        "error": "recon_loss = torch.sum((recon_x - x) ** 2)",
        "kl": "kl_loss = -0.5 * torch.sum(1 + logvar - mu.pow(2) - torch.exp(logvar))",
    },
    "error averaged, kl summed over dimensions": {"kl": SUM_KL},
    "error summed over dimensions, kl averaged": {"error": SUM_LOSS},
    "einsum of the mean": {
        "kl": (
            "kl_loss = 0.5 * (torch.einsum('bl,bl->b', mu, mu) + (logvar.exp() - 1 - "
            "logvar).sum(1)).mean() / mu.size(1)"
        )
    },
    "kl over data dimensions": {"kl": "kl_loss = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean() / x.size(1)"},
    # The reconstruction term.
    "mse_loss": {"error": "recon_loss = F.mse_loss(recon_x, x)"},
    "mse_loss summed": {
        "error": "recon_loss = F.mse_loss(recon_x, x, reduction='sum') / x.shape[0]",
        "kl": SUM_KL,
    },
    "mean times its elements": {
        "error": "recon_loss = F.mse_loss(recon_x, x) * x.numel()",
        "kl": "kl_loss = -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum()",
    },
    "norm": {"error": "recon_loss = torch.linalg.vector_norm(recon_x - x, dim=1).pow(2).mean()"},
    "gaussian log-likelihood": {
        "error": "recon_loss = -torch.distributions.Normal(recon_x, 0.1).log_prob(x).sum(1).mean()",
        "kl": SUM_KL,
    },
    "gaussian_nll_loss": {
        "error": "recon_loss = F.gaussian_nll_loss(recon_x, x, torch.full_like(x, 0.25))",
    },
    "half the square": {"error": "recon_loss = 0.5 * ((x - recon_x) ** 2).sum(1).mean()", "kl": SUM_KL},
    "weighed by sigma": {"error": "recon_loss = ((x - recon_x) ** 2).mean() / (2 * 0.05 ** 2)"},
    # The whole.
    "one line": {
        "error": "pass",
        "kl": "pass",
        "total": ("return F.mse_loss(recon_x, x) - beta / 2 * (1 + logvar - mu ** 2 - logvar.exp()).mean()"),
    },
    "several returned": {"total": "loss = recon_loss + beta * kl_loss\nreturn loss, recon_loss, kl_loss"},
    "dict returned": {"total": "return {'loss': recon_loss + beta * kl_loss, 'kl': kl_loss}"},
    "shape (1,)": {"total": "return (recon_loss + beta * kl_loss).reshape(1)"},
    "encode and decode": {
        "call": "mu, logvar = model.encode(x)\nrecon_x = model.decode(model.reparameterize(mu, logvar))"
    },
    # Other heads.
    "std by softplus": STD_HEADS,
    "std by exp": {**STD_HEADS, "heads": "return self.fc_mu(h), torch.exp(self.fc_logvar(h))"},
    "std by sqrt(exp())": {**STD_HEADS, "heads": "return self.fc_mu(h), torch.sqrt(torch.exp(self.fc_logvar(h)))"},
    "std without a constraint, where only its square counts": {
        "sampler": "return mu + logvar * torch.randn_like(logvar)",
        "kl": "kl_loss = 0.5 * torch.mean(mu ** 2 + logvar ** 2 - 1 - torch.log(logvar ** 2))",
    },
    "variance heads": {
        "heads": "return self.fc_mu(h), F.softplus(self.fc_logvar(h)) + 1e-4",
        "sampler": "return mu + logvar.sqrt() * torch.randn_like(logvar)",
        "kl": "kl_loss = 0.5 * torch.mean(mu ** 2 + logvar - 1 - torch.log(logvar))",
    },
    "absolute value of a variance head": {
        "sampler": "return mu + torch.sqrt(torch.abs(logvar)) * torch.randn_like(mu)",
        "kl": "kl_loss = 0.5 * torch.mean(mu ** 2 + logvar.abs() - 1 - torch.log(logvar.abs()))",
    },
    "log std heads": {
        "sampler": "return mu + torch.exp(logvar) * torch.randn_like(mu)",
        "kl": "kl_loss = torch.mean(0.5 * (mu ** 2 + torch.exp(2 * logvar) - 1) - logvar)",
    },
    "log precision heads": {
        "sampler": "return mu + torch.randn_like(mu) / (logvar / 2).exp()",
        "kl": "kl_loss = (mu.square() + logvar - 1 + 1 / logvar.exp()).mean() / 2",
    },
    "precision heads": {
        "heads": "return self.fc_mu(h), F.softplus(self.fc_logvar(h)) + 1e-4",
        "sampler": "return mu + logvar.rsqrt() * torch.randn_like(logvar)",
        "kl": "kl_loss = 0.5 * torch.mean(mu ** 2 + 1 / logvar - 1 + logvar.log())",
    },
    "softplus in sampler and kl": {
        "sampler": "return mu + F.softplus(logvar) * torch.randn_like(mu)",
        "kl": "s = F.softplus(logvar)\nkl_loss = 0.5 * torch.mean(mu ** 2 + s ** 2 - 1 - 2 * torch.log(s))",
    },
    "clamped heads": {"heads": "return self.fc_mu(h), self.fc_logvar(h).clamp(-10, 10)"},
    # The model.
    "output of four": {
        "forward": (
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nreturn self.decode(z), mu, logvar, z"
        ),
        "call": "recon_x, mu, logvar, z = model(x)",
    },
    "output with the points": {
        "forward": (
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nreturn self.decode(z), x, mu, logvar"
        ),
        "call": "recon_x, _, mu, logvar = model(x)",
    },
    "output in another order": {
        "forward": (
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nreturn mu, logvar, self.decode(z)"
        ),
        "call": "mu, logvar, recon_x = model(x)",
    },
    "drawn in forward": {
        "forward": (
            "mu, logvar = self.encode(x)\nz = mu + (0.5 * logvar).exp() * torch.randn_like(mu)\n"
            "return self.decode(z), mu, logvar"
        ),
    },
    "arguments by name": {
        "forward": (
            "mu, logvar = self.encode(x)\nz = self.reparameterize(logvar=logvar, mu=mu)\n"
            "return self.decode(z), mu, logvar"
        ),
    },
    "loss that draws by name": {
        "call": (
            "mu, logvar = model.encode(x)\nz = model.reparameterize(mu=mu, logvar=logvar)\nrecon_x = model.decode(z)"
        ),
    },
    "decoder called as a module": {
        "forward": (
            "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nreturn self.decoder(z), mu, logvar"
        ),
    },
    "heads by chunk": {
        "heads": (
            "both = torch.cat([self.fc_mu(h), self.fc_logvar(h)], dim=1)\nmu, logvar = "
            "both.chunk(2, dim=1)\nreturn mu, logvar"
        )
    },
    "noise by the model's own size": {
        "sampler": "e = torch.randn(mu.shape[0], self.fc_mu.out_features)\nreturn mu + e * (logvar / 2).exp()"
    },
    "std by exp, called logvar everywhere": {
        "heads": "return self.fc_mu(h), torch.exp(self.fc_logvar(h))",
        "sampler": "return mu + logvar * torch.randn_like(mu)",
        "kl": "kl_loss = torch.mean(0.5 * (mu ** 2 + logvar ** 2 - 1) - torch.log(logvar))",
    },
    "normal noise from uniform noise": {
        "sampler": (
            "u = torch.rand_like(mu).clamp(1e-7, 1 - 1e-7)\n"
            "eps = torch.distributions.Normal(0.0, 1.0).icdf(u)\n"
            "return torch.addcmul(mu, logvar.div(2).exp(), eps)"
        )
    },
    "a transformed distribution": {
        "sampler": (
            "base = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))\n"
            "shift = torch.distributions.AffineTransform(loc=mu, scale=torch.exp(0.5 * logvar))\n"
            "return torch.distributions.TransformedDistribution(base, [shift]).rsample()"
        )
    },
    "a loop over points and latents": {
        "sampler": (
            "rows = []\n"
            "for mean, log in zip(mu, logvar):\n"
            "    rows.append(torch.stack([m + (s / 2).exp() * torch.randn(()) for m, s in zip(mean, log)]))\n"
            "return torch.stack(rows)"
        )
    },
    "cross-entropy less entropy": {
        "kl": (
            "q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))\n"
            "cross_entropy = 0.5 * (np.log(2 * np.pi) + q.mean ** 2 + q.variance)\n"
            "kl_loss = (cross_entropy - q.entropy()).mean()"
        )
    },
    "expm1 and a dot product": {
        "error": SUM_LOSS,
        "kl": "kl_loss = (torch.dot(mu.flatten(), mu.flatten()) + (torch.expm1(logvar) - logvar).sum()) / (2 * len(x))",
    },
    "a loss that takes no beta of 0": {
        "total": "if beta <= 0:\n    raise ValueError('beta must be positive')\nreturn recon_loss + beta * kl_loss",
    },
    "silu": {"decoder": RIGHT["decoder"].replace("ReLU", "SiLU")},
    "dropout in the decoder": {"decoder": RIGHT["decoder"] + "\nnn.Dropout(0.1),"},
}

WHOLE: dict[str, str] = {
    "a class of one's own for q": solution(
        sampler="return DiagonalGaussian(mu, logvar).rsample()",
        error=SUM_LOSS,
        kl="kl_loss = DiagonalGaussian(mu, logvar).kl_per_point().mean()",
    )
    + """

class DiagonalGaussian:
    def __init__(self, mu, logvar):
        self.mu, self.logvar = mu, logvar

    @property
    def variance(self):
        return self.logvar.exp()

    def rsample(self):
        return self.mu + self.variance.sqrt() * torch.empty_like(self.mu).normal_()

    def kl_per_point(self):
        return 0.5 * (self.mu ** 2 + self.variance - self.logvar - 1.0).sum(1)
""",
    "functions beside the class": (
        solution()
        .replace("    def reparameterize(self, mu, logvar):", "    def sample(self, mu, logvar):")
        .replace("self.reparameterize(", "reparameterize(")
        + "\n\ndef reparameterize(mu, logvar):\n    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)\n"
    ),
    "sampler by a name of its own": solution().replace("reparameterize", "make_code"),
    "sampler by another usual name": solution(
        call="mu, logvar = model.encode(x)\nrecon_x = model.decode(model.sample_z(mu, logvar))"
    ).replace("reparameterize", "sample_z"),
    "static method": solution().replace(
        "    def reparameterize(self, mu", "    @staticmethod\n    def reparameterize(mu"
    ),
    "std by name": solution(**STD_HEADS)
    .replace("reparameterize(self, mu, logvar)", "reparameterize(self, mu, std)")
    .replace("return mu + logvar * torch.randn_like(logvar)", "return mu + std * torch.randn_like(std)"),
    "log-variance called std": solution(
        sampler="return mu + torch.exp(std / 2) * torch.randn_like(std)",
    ).replace("reparameterize(self, mu, logvar)", "reparameterize(self, mu, std)"),
    "loss of tensors": solution(call="pass").replace(
        "def compute_vae_loss(model, x, beta):", "def loss_function(recon_x, x, mu, logvar, beta=1.0):"
    ),
    "loss of tensors without beta": solution(call="pass", total="return recon_loss + 0.01 * kl_loss").replace(
        "def compute_vae_loss(model, x, beta):", "def vae_loss(recon_x, x, mu, logvar):"
    ),
    "beta with a default": solution().replace("(model, x, beta)", "(model, x, beta=0.01)"),
    "two latents in the class itself": solution(
        sampler="eps = torch.randn(len(mu), 2)\nreturn mu + eps * torch.exp(logvar / 2)"
    )
    .replace("latent_dim=2, hidden_dim=256", "hidden_dim=256")
    .replace("latent_dim", "2"),
    "a class without a number of latents": solution()
    .replace("latent_dim=2, hidden_dim=256", "hidden_dim=256")
    .replace("latent_dim", "2"),
    "names of its own": solution().replace("latent_dim", "z_dim").replace("compute_vae_loss", "vae_loss"),
}

RIGHT_SOLUTIONS = {name: solution(**parts) for name, parts in PARTS.items()} | WHOLE
