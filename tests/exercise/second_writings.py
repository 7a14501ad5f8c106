"""Misconceptions in a second writing: (id, part of the exercise's code, lines)."""

from __future__ import annotations

DRAWN = "z = mu + (logvar / 2).exp() * torch.randn_like(mu)\n"
STD = "s = (logvar / 2).exp()\n"

SECOND_WRITINGS: list[tuple[str, str, str]] = [
    ("noise-shared-by-batch", "sampler", STD + "return torch.randn(mu.size(-1)).expand_as(mu) * s + mu"),
    ("noise-shared-by-coordinates", "sampler", STD + "return torch.randn_like(mu[:, :1]) * s + mu"),
    (
        "noise-frozen",
        "sampler",
        STD + ("g = torch.Generator()\ng.manual_seed(0)\nreturn mu + torch.randn(mu.shape, generator=g) * s"),
    ),
    ("noise-uniform", "sampler", STD + "return mu + s * torch.rand(mu.shape)"),
    ("noise-too-small", "sampler", STD + "return mu + s * torch.normal(0.0, 0.1, mu.shape)"),
    ("returns-mean", "sampler", STD + "return mu + 0 * s"),
    ("std-is-variance", "sampler", "return torch.distributions.Normal(mu, logvar.exp()).rsample()"),
    ("std-is-logvar", "sampler", "return torch.addcmul(mu, logvar, torch.randn_like(mu))"),
    ("std-is-variance-squared", "sampler", "return mu + (2 * logvar).exp() * torch.randn_like(mu)"),
    ("std-forgotten", "sampler", "return torch.normal(0.0, 1.0, mu.shape) + mu"),
    ("logvar-negated", "sampler", "return mu + torch.randn_like(mu) / (logvar / 2).exp()"),
    ("mean-scaled", "sampler", STD + "return mu * s + s * torch.randn_like(s)"),
    (
        "sample-without-gradient",
        "sampler",
        ("with torch.no_grad():\n    return mu + (logvar / 2).exp() * torch.randn_like(mu)"),
    ),
    ("sample-without-gradient", "sampler", "return torch.normal(mu, (logvar / 2).exp())"),
    (
        "draw-shifted-again",
        "sampler",
        STD + "return mu + s * torch.distributions.Normal(mu, s).rsample()",
    ),
    ("noise-standardised", "sampler", "return (torch.randn_like(mu) - mu) * (-logvar / 2).exp()"),
    (
        "draws-standardised",
        "sampler",
        DRAWN + "return F.batch_norm(z, None, None, training=True)",
    ),
    ("draws-standardised", "sampler", DRAWN + "return z - z.mean(0)"),
    ("draws-standardised", "sampler", STD + "return F.layer_norm(mu + s * torch.randn_like(s), mu.shape[1:])"),
    ("std-detached", "sampler", "return mu + (logvar.data / 2).exp() * torch.randn_like(mu)"),
    ("eval-returns-mean", "sampler", STD + "return mu + s * torch.randn_like(s) * float(self.training)"),
    ("inputs-changed-in-place", "sampler", "s = (logvar / 2).exp()\nreturn mu.add_(s * torch.randn_like(s))"),
    ("batch-size-frozen", "sampler", STD + "return mu + s * torch.randn(128, mu.shape[1])"),
    ("kl-no-half", "kl", "kl_loss = (mu ** 2 + logvar.exp() - 1 - logvar).mean()"),
    ("kl-sign-turned", "kl", "kl_loss = -0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).mean()"),
    ("kl-logvar-squared", "kl", "kl_loss = 0.5 * (mu ** 2 + logvar ** 2 - 1 - logvar).mean()"),
    ("kl-reads-log-std", "kl", "s = logvar.exp()\nkl_loss = (0.5 * (mu ** 2 + s ** 2 - 1) - s.log()).mean()"),
    ("kl-std-for-variance", "kl", "s = (logvar / 2).exp()\nkl_loss = 0.5 * (mu ** 2 + s - 1 - logvar).mean()"),
    ("kl-log-sigma-once", "kl", "s = (logvar / 2).exp()\nkl_loss = 0.5 * (mu ** 2 + s ** 2 - 1 - s.log()).mean()"),
    ("kl-logvar-missing", "kl", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - 1).mean()"),
    ("kl-mean-missing", "kl", "kl_loss = 0.5 * (logvar.exp() - 1 - logvar).mean()"),
    ("kl-variance-missing", "kl", "kl_loss = 0.5 * (mu ** 2 - 1 - logvar).mean()"),
    ("kl-one-missing", "kl", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - logvar).mean()"),
    ("kl-summed-over-batch", "kl", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum()"),
    (
        "kl-estimate-without-gradient",
        "kl",
        (
            "s = (logvar / 2).exp()\nz = (mu + s * torch.randn(40, *mu.shape)).detach()\n"
            "kl_loss = (0.5 * z ** 2 - 0.5 * ((z - mu) / s) ** 2 - s.log()).mean()"
        ),
    ),
    ("kl-half-on-a-part", "kl", "kl_loss = (0.5 * (mu ** 2 + logvar.exp() - logvar) - 1).mean()"),
    ("kl-half-on-a-part", "kl", "kl_loss = (0.5 * mu ** 2 + logvar.exp() - 1 - logvar).mean()"),
    ("kl-logvar-negated", "kl", "kl_loss = -0.5 * (1 - logvar - mu ** 2 - 1 / logvar.exp()).mean()"),
    (
        "kl-of-the-batch",
        "kl",
        "m = mu.mean(0)\nv = logvar.mean(0)\nkl_loss = (m ** 2 + v.exp() - 1 - v).mean() / 2",
    ),
    (
        "kl-square-of-a-sum",
        "kl",
        (
            "squares = torch.einsum('bi,bj->b', mu, mu)\n"
            "kl_loss = 0.5 * (squares + (logvar.exp() - 1 - logvar).sum(1)).sum() / mu.numel()"
        ),
    ),
    (
        "kl-of-the-draw",
        "forward",
        "m, s = self.encode(x)\nz = self.reparameterize(m, s)\nreturn self.decode(z), z, s",
    ),
    ("kl-batch-mean-twice", "kl", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).mean() / len(mu)"),
    ("error-absolute", "error", "recon_loss = F.l1_loss(recon_x, x)"),
    ("error-root", "error", "recon_loss = torch.linalg.vector_norm(recon_x - x) / 3"),
    ("beta-unused", "total", "beta = 1.0\nreturn recon_loss + beta * kl_loss"),
    ("kl-left-out", "total", "return recon_loss"),
    ("beta-on-reconstruction", "total", "return kl_loss + recon_loss * beta"),
    ("loss-is-a-number", "total", "return float(recon_loss + beta * kl_loss)"),
    ("logvar-relu", "heads", "return self.fc_mu(h), self.fc_logvar(h).clamp(min=0)"),
    ("logvar-bounded", "heads", "return self.fc_mu(h), self.fc_logvar(h).clamp(-1, 1)"),
    (
        "other-points-encoded",
        "forward",
        "mu, logvar = self.encode(-x)\nz = self.reparameterize(mu, logvar)\nreturn self.decode(z), mu, logvar",
    ),
    ("output-without-gradient", "heads", "return self.fc_mu(h), self.fc_logvar(h.detach())"),
    (
        "encoder-does-not-see-all",
        "heads",
        "h = self.encoder(x * torch.tensor([1.0, 0.0]))\nreturn self.fc_mu(h), self.fc_logvar(h)",
    ),
    ("error-of-one-point", "error", "recon_loss = F.mse_loss(recon_x[-1], x[-1])"),
    ("error-counts-dimensions", "error", "recon_loss = ((recon_x - x) ** 2).sum() / mu.numel()"),
    (
        "computed-outside-of-autograd",
        "sampler",
        STD + "return torch.tensor(np.random.normal(mu.numpy(), s.numpy()), dtype=mu.dtype)",
    ),
    ("head-no-number", "heads", "return self.fc_mu(h), self.fc_logvar(h).sqrt()"),
    ("std-another-function", "sampler", "return mu + (1 + logvar ** 2) * torch.randn_like(mu)"),
    ("mean-another-function", "sampler", STD + "return mu ** 3 + s * torch.randn_like(mu)"),
    ("centre-is-logvar", "sampler", STD + "return torch.addcmul(logvar, s, torch.randn_like(s))"),
    ("std-of-mu", "sampler", "return torch.distributions.Normal(mu, mu.exp().sqrt()).rsample()"),
    ("output-relu", "output", "nn.Linear(hidden_dim, 2),\nnn.ReLU(inplace=True),"),
]

PAIRS: list[tuple[dict[str, str], set[str]]] = [
    (
        {
            "sampler": "return mu + torch.exp(logvar) * torch.randn(1, mu.shape[1])",
            "kl": "kl_loss = (mu ** 2 + logvar.exp() - 1 - logvar).mean()",
        },
        {"noise-shared-by-batch", "std-is-variance", "kl-no-half"},
    ),
    (
        {
            "sampler": "return mu + torch.exp(logvar / 2) * torch.rand_like(mu)",
            "kl": "kl_loss = 0.5 * (-(mu ** 2) + logvar.exp() - 1 + logvar).mean()",
        },
        {"noise-uniform", "kl-mean-sign", "kl-logvar-sign"},
    ),
]
"""Several mistakes in one solution, and what is to be named."""
