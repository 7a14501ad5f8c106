"""Mistakes in the encoder's heads and the forward pass, in other writings."""

from __future__ import annotations

from tests.exercise.writings.writing import Writing

MODEL: tuple[Writing, ...] = (
    Writing(
        "kl-of-the-draw",
        {"forward": "m, s = self.encode(x)\nz = self.reparameterize(m, s)\nreturn self.decode(z), z, s"},
    ),
    Writing(
        "other-points-encoded",
        {
            "forward": (
                "mu, logvar = self.encode(-x)\nz = self.reparameterize(mu, logvar)\nreturn self.decode(z), mu, logvar"
            )
        },
    ),
    Writing(
        "noisy-points-encoded",
        {
            "forward": (
                "mu, logvar = self.encode(x + 0.1 * torch.randn_like(x))\n"
                "z = self.reparameterize(mu, logvar)\n"
                "return self.decode(z), mu, logvar"
            )
        },
    ),
    Writing("mean-relu", {"heads": "return self.fc_mu(h).clamp(min=0), self.fc_logvar(h)"}),
    Writing("mean-bounded", {"heads": "m = self.fc_mu(h)\nreturn m / (1 + m.abs()), self.fc_logvar(h)"}),
    Writing("mean-positive", {"heads": "m = self.fc_mu(h)\nm = 1 / (1 + torch.exp(-m))\nreturn m, self.fc_logvar(h)"}),
    Writing("mean-softplus", {"heads": "return torch.exp(self.fc_mu(h)), self.fc_logvar(h)"}),
    Writing("logvar-relu", {"heads": "return self.fc_mu(h), self.fc_logvar(h).clamp(min=0)"}),
    Writing("logvar-bounded", {"heads": "return self.fc_mu(h), self.fc_logvar(h).clamp(-1, 1)"}),
    Writing("logvar-positive", {"heads": "return self.fc_mu(h), self.fc_logvar(h).abs()"}),
    Writing("logvar-sigmoid", {"heads": "gate = nn.Sigmoid()\nreturn self.fc_mu(h), gate(self.fc_logvar(h))"}),
    Writing("logvar-negative", {"heads": "return self.fc_mu(h), F.logsigmoid(self.fc_logvar(h))"}),
    Writing("logvar-constant", {"heads": "mu = self.fc_mu(h)\nreturn mu, self.fc_logvar.bias.expand_as(mu)"}),
    Writing("mean-constant", {"heads": "return self.fc_mu(torch.zeros_like(h)), self.fc_logvar(h)"}),
    Writing(
        "std-not-positive",
        {
            "sampler": "return mu + std * torch.randn_like(std)",
            "kl": "kl_loss = torch.mean(0.5 * (mu ** 2 + logvar ** 2 - 1) - torch.log(logvar))",
        },
        head="std",
    ),
    Writing(
        "std-not-positive",
        {
            "sampler": "return mu + var.sqrt() * torch.randn_like(var)",
            "kl": "kl_loss = 0.5 * (mu ** 2 + logvar - 1 - logvar.log()).mean()",
        },
        head="var",
    ),
    Writing("one-layer-for-both-heads", {"heads": "out = self.fc_logvar(h)\nreturn out, out"}),
    Writing(
        "dropout-in-encoder", {"heads": "h = h + 0.1 * torch.randn_like(h)\nreturn self.fc_mu(h), self.fc_logvar(h)"}
    ),
    Writing("heads-disagree", {"sampler": "return mu + std * torch.randn_like(std)"}, head="std"),
    Writing(
        "heads-disagree", {"sampler": "return torch.distributions.Normal(mu, log_std.exp()).rsample()"}, head="log_std"
    ),
    Writing(
        "encoder-does-not-see-all",
        {"heads": "h = self.encoder(x * torch.tensor([1.0, 0.0]))\nreturn self.fc_mu(h), self.fc_logvar(h)"},
    ),
    Writing("head-no-number", {"heads": "return self.fc_mu(h), self.fc_logvar(h).sqrt()"}),
    Writing(
        "decodes-mean",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "self.z = self.reparameterize(mu, logvar)\n"
                "return self.decoder(mu), mu, logvar"
            )
        },
    ),
    Writing(
        "decodes-mean-in-evaluation",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "z = mu\n"
                "if self.training:\n"
                "    z = self.reparameterize(mu, logvar)\n"
                "return self.decode(z), mu, logvar"
            )
        },
    ),
    Writing(
        "arguments-swapped",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "z = self.reparameterize(logvar=mu, mu=logvar)\n"
                "return self.decode(z), mu, logvar"
            )
        },
    ),
    Writing(
        "sampler-handed-another-head",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "z = self.reparameterize(mu, 0.5 * logvar)\n"
                "return self.decode(z), mu, logvar"
            )
        },
    ),
    Writing(
        "one-output-for-both-arguments",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "z = self.reparameterize(logvar, logvar)\n"
                "return self.decode(z), mu, logvar"
            )
        },
    ),
    Writing(
        "latent-not-drawn-from-posterior",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "z = torch.tanh(self.reparameterize(mu, logvar))\n"
                "return self.decode(z), mu, logvar"
            )
        },
    ),
    Writing(
        "outputs-in-another-order",
        {
            "forward": (
                "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nreturn mu, logvar, self.decode(z)"
            )
        },
    ),
    Writing(
        "output-changed",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "z = self.reparameterize(mu, logvar)\n"
                "return torch.sigmoid(self.decode(z)), mu, logvar"
            )
        },
    ),
    Writing("output-sigmoid", {"output": "nn.Linear(hidden_dim, 2),\nnn.Hardsigmoid(),"}),
    Writing("output-tanh", {"output": "nn.Linear(hidden_dim, 2),\nnn.Softsign(),"}),
    Writing("output-relu", {"output": "nn.Linear(hidden_dim, 2),\nnn.ReLU(inplace=True),"}),
    Writing("output-positive", {"output": "nn.Linear(hidden_dim, 2),\nnn.LogSigmoid(),"}),
    Writing(
        "forward-without-gradient",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "recon = self.decode(self.reparameterize(mu, logvar))\n"
                "return recon.detach(), mu, logvar"
            )
        },
    ),
    Writing(
        "latent-without-gradient",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "with torch.no_grad():\n"
                "    z = self.reparameterize(mu, logvar)\n"
                "return self.decode(z), mu, logvar"
            )
        },
    ),
    Writing(
        "weights-without-gradient",
        {
            "forward": (
                "mu, logvar = self.encode(x)\n"
                "z = self.reparameterize(mu.detach(), logvar)\n"
                "return self.decode(z), mu, logvar"
            )
        },
    ),
    Writing("output-without-gradient", {"heads": "return self.fc_mu(h), self.fc_logvar(h.detach())"}),
    Writing(
        "decoder-linear",
        {
            "decoder": (
                "nn.Linear(latent_dim, hidden_dim, bias=False),\nnn.Identity(),\nnn.Linear(hidden_dim, hidden_dim),"
            )
        },
    ),
    Writing("logvar-of-another-shape", {"heads": "return self.fc_mu(h), self.fc_logvar(h).mean(dim=1, keepdim=True)"}),
    Writing(
        "one-layer-for-both-heads",
        {
            "heads": "mu = self.fc_mu(h)\nreturn mu, F.softplus(mu) + 1e-4",
            "sampler": "return mu + std * torch.randn_like(std)",
            "kl": "kl_loss = (0.5 * (mu ** 2 + logvar ** 2 - 1) - torch.log(logvar)).mean()",
        },
        head="std",
    ),
    Writing("one-layer-for-both-heads", {"heads": "mu = self.fc_mu(h)\nreturn mu, -mu.abs() + 1"}),
    Writing("one-layer-for-both-heads", {"heads": "h = self.fc_mu(h)\nreturn h, h.roll(1, dims=1)"}),
    Writing(
        "heads-disagree",
        {
            "heads": "return self.fc_mu(h), F.softplus(self.fc_logvar(h)) + 1e-6",
            "sampler": "return mu + logvar * torch.randn_like(mu)",
        },
    ),
    Writing(
        "heads-disagree",
        {
            "heads": "return self.fc_mu(h), torch.exp(self.fc_logvar(h))",
            "sampler": "return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)",
            "kl": "kl_loss = torch.mean(0.5 * (mu ** 2 + logvar - 1) - 0.5 * torch.log(logvar))",
        },
    ),
)
