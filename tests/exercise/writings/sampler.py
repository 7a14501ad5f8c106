"""Mistakes in the sampler, in other writings."""

from __future__ import annotations

from tests.exercise.writings.writing import Writing, sampler

SAMPLER: tuple[Writing, ...] = (
    sampler("noise-shared-by-batch", "s = (logvar / 2).exp()\nreturn torch.randn(mu.size(-1)).expand_as(mu) * s + mu"),
    sampler("noise-shared-by-coordinates", "s = (logvar / 2).exp()\nreturn torch.randn_like(mu[:, :1]) * s + mu"),
    sampler(
        "noise-one-number", "import random\n\nsigma = torch.exp(logvar / 2)\nreturn mu + sigma * random.gauss(0.0, 1.0)"
    ),
    sampler(
        "noise-repeated-within-batch",
        (
            "s = (logvar / 2).exp()\n"
            "pool = torch.randn(16, mu.shape[1])\n"
            "rows = torch.arange(len(mu)) % 16\n"
            "return torch.addcmul(mu, pool[rows], s)"
        ),
    ),
    sampler(
        "noise-correlated",
        (
            "s = (logvar / 2).exp()\n"
            "walk = torch.cumsum(torch.randn_like(mu), dim=0)\n"
            "steps = torch.arange(1, len(mu) + 1, dtype=mu.dtype).unsqueeze(1)\n"
            "return mu + s * walk / steps.sqrt()"
        ),
    ),
    sampler(
        "noise-frozen",
        (
            "s = (logvar / 2).exp()\n"
            "g = torch.Generator()\n"
            "g.manual_seed(0)\n"
            "return mu + torch.randn(mu.shape, generator=g) * s"
        ),
    ),
    sampler(
        "noise-reseeded",
        (
            "np.random.seed(0)\n"
            "noise = torch.from_numpy(np.random.randn(*mu.shape)).to(mu.dtype)\n"
            "return mu + (logvar / 2).exp() * noise"
        ),
    ),
    sampler(
        "noise-frozen-in-evaluation",
        (
            "s = (logvar / 2).exp()\n"
            "generator = None if self.training else torch.Generator().manual_seed(1)\n"
            "return mu + s * torch.randn(mu.shape, generator=generator)"
        ),
    ),
    sampler(
        "noise-smaller-in-evaluation",
        (
            "temperature = 1.0 if self.training else 0.1\n"
            "q = torch.distributions.Normal(mu, temperature * (logvar / 2).exp())\n"
            "return q.rsample()"
        ),
    ),
    sampler("noise-uniform", "s = (logvar / 2).exp()\nreturn mu + s * torch.rand(mu.shape)"),
    sampler(
        "noise-uniform-centred",
        ("s = (logvar / 2).exp()\nnoise = torch.empty_like(s).uniform_(-1, 1)\nnoise *= s\nreturn noise + mu"),
    ),
    sampler(
        "noise-truncated",
        ("s = (logvar / 2).exp()\nnoise = torch.randn_like(s)\nnoise.clamp_(-2, 2)\nreturn mu + s * noise"),
    ),
    sampler(
        "noise-one-sided",
        ("half = torch.distributions.HalfNormal(1.0).sample(mu.shape)\nreturn torch.exp(logvar / 2).mul(half).add(mu)"),
    ),
    sampler(
        "noise-not-normal",
        (
            "s = (logvar / 2).exp()\n"
            "u = torch.rand_like(mu).clamp(1e-6, 1 - 1e-6)\n"
            "return mu + s * torch.log(u / (1 - u))"
        ),
    ),
    sampler("noise-shifted", "eps = torch.normal(1.0, 1.0, size=mu.shape)\nreturn mu + eps * logvar.mul(0.5).exp()"),
    sampler("noise-constant", "s = (logvar / 2).exp()\nreturn torch.addcmul(mu, s, torch.ones_like(s))"),
    sampler("returns-mean", "s = (logvar / 2).exp()\nreturn mu + 0 * s"),
    sampler("batch-size-frozen", "s = (logvar / 2).exp()\nreturn mu + s * torch.randn(128, mu.shape[1])"),
    sampler(
        "noise-double-precision",
        ("s = (logvar / 2).exp()\nnoise = torch.randn(mu.shape, dtype=torch.float64)\nreturn mu + s * noise"),
    ),
    sampler(
        "latent-of-another-shape", "s = (logvar / 2).exp()\nnoise = torch.randn(10, *mu.shape)\nreturn mu + s * noise"
    ),
    sampler("std-is-variance", "return torch.distributions.Normal(mu, logvar.exp()).rsample()"),
    sampler("std-is-logvar", "return torch.addcmul(mu, logvar, torch.randn_like(mu))"),
    sampler("std-is-variance-squared", "return mu + (2 * logvar).exp() * torch.randn_like(mu)"),
    sampler(
        "std-root-twice",
        ("s = (logvar / 2).exp()\nreturn torch.distributions.MultivariateNormal(mu, torch.diag_embed(s)).rsample()"),
    ),
    sampler("std-base-two", "q = torch.distributions.Normal(mu, torch.exp2(logvar / 2))\nreturn q.rsample()"),
    sampler(
        "std-softplus-of-logvar",
        ("positive = nn.Softplus()(logvar)\nz = torch.randn_like(positive)\nz.mul_(1.0)\nreturn z * positive + mu"),
    ),
    sampler(
        "variance-softplus-of-logvar",
        ("variance = torch.log(1 + torch.exp(logvar))\nreturn mu + variance.sqrt() * torch.randn(mu.size())"),
    ),
    sampler(
        "std-abs-of-logvar",
        (
            "variance = torch.exp(torch.abs(logvar))\n"
            "return mu + torch.einsum('bl,bl->bl', variance.sqrt(), torch.randn_like(mu))"
        ),
    ),
    sampler("std-is-abs-logvar", "sigma = logvar.pow(2).sqrt()\nreturn mu + torch.randn_like(sigma) * sigma"),
    sampler("std-relu-of-logvar", "return torch.distributions.Normal(mu, (logvar.clamp(min=0) / 2).exp()).rsample()"),
    sampler(
        "std-tanh-of-logvar",
        ("bounded = nn.Tanh()(logvar)\nreturn torch.addcmul(mu, (bounded / 2).exp(), torch.randn_like(mu))"),
    ),
    sampler(
        "std-root-of-logvar", "variance = logvar\nreturn torch.distributions.Normal(mu, variance ** 0.5).rsample()"
    ),
    sampler("std-forgotten", "return torch.normal(0.0, 1.0, mu.shape) + mu"),
    sampler("logvar-negated", "return mu + torch.randn_like(mu) / (logvar / 2).exp()"),
    sampler(
        "head-guessed-from-batch",
        ("sigma = torch.where(logvar <= 0, torch.exp(0.5 * logvar), logvar)\nreturn mu + sigma * torch.randn_like(mu)"),
    ),
    sampler(
        "noise-scaled-twice",
        "s = (logvar / 2).exp()\nnoise = torch.normal(torch.zeros_like(s), s)\nreturn mu + s * noise",
    ),
    sampler("std-halved", "return torch.distributions.Normal(mu, torch.exp(logvar / 2) / 2).rsample()"),
    sampler("noise-too-small", "s = (logvar / 2).exp()\nreturn mu + s * torch.normal(0.0, 0.1, mu.shape)"),
    sampler("std-another-function", "return mu + (1 + logvar ** 2) * torch.randn_like(mu)"),
    sampler("noise-wrong-size", "noise = torch.normal(0.0, 3.0, mu.shape)\nreturn mu + (0.5 * logvar).exp() * noise"),
    sampler(
        "std-of-other-points",
        "variance = logvar.exp().mean(0, keepdim=True)\nreturn mu + variance.sqrt() * torch.randn_like(mu)",
    ),
    sampler(
        "std-of-other-coordinates",
        "s = torch.exp(0.5 * logvar.mean(dim=1, keepdim=True))\nreturn mu + s * torch.randn_like(mu)",
    ),
    sampler(
        "computed-outside-of-autograd",
        ("s = (logvar / 2).exp()\nreturn torch.tensor(np.random.normal(mu.numpy(), s.numpy()), dtype=mu.dtype)"),
    ),
    sampler(
        "mean-multiplied", "s = (logvar / 2).exp()\nreturn torch.einsum('bl,bl,bl->bl', mu, s, torch.randn_like(s))"
    ),
    sampler("mean-scaled", "s = (logvar / 2).exp()\nreturn mu * s + s * torch.randn_like(s)"),
    sampler(
        "mean-missing", "s = (logvar / 2).exp()\nreturn torch.distributions.Normal(torch.zeros_like(mu), s).rsample()"
    ),
    sampler("centre-is-logvar", "s = (logvar / 2).exp()\nreturn torch.addcmul(logvar, s, torch.randn_like(s))"),
    sampler("std-of-mu", "return torch.distributions.Normal(mu, mu.exp().sqrt()).rsample()"),
    sampler("mean-another-function", "s = (logvar / 2).exp()\nreturn mu ** 3 + s * torch.randn_like(mu)"),
    sampler("mean-negated", "s = (logvar / 2).exp()\nreturn torch.distributions.Normal(-mu, s).rsample()"),
    sampler(
        "sampler-swaps-mean-and-logvar",
        ("mean, log_variance = logvar, mu\nreturn mean + torch.exp(log_variance / 2) * torch.randn_like(mean)"),
    ),
    sampler("std-added", "s = (logvar / 2).exp()\nreturn torch.distributions.Normal(mu + s, 1.0).rsample()"),
    sampler(
        "draw-shifted-again", "s = (logvar / 2).exp()\nreturn mu + s * torch.distributions.Normal(mu, s).rsample()"
    ),
    sampler("noise-standardised", "return (torch.randn_like(mu) - mu) * (-logvar / 2).exp()"),
    sampler(
        "draws-standardised",
        ("z = mu + (logvar / 2).exp() * torch.randn_like(mu)\nreturn F.batch_norm(z, None, None, training=True)"),
    ),
    sampler("draws-standardised", "z = mu + (logvar / 2).exp() * torch.randn_like(mu)\nreturn z - z.mean(0)"),
    sampler(
        "draws-standardised", "s = (logvar / 2).exp()\nreturn F.layer_norm(mu + s * torch.randn_like(s), mu.shape[1:])"
    ),
    sampler(
        "sample-without-gradient", "with torch.no_grad():\n    return mu + (logvar / 2).exp() * torch.randn_like(mu)"
    ),
    sampler("sample-without-gradient", "return torch.normal(mu, (logvar / 2).exp())"),
    sampler("std-detached", "return mu + (logvar.data / 2).exp() * torch.randn_like(mu)"),
    sampler(
        "mean-detached",
        ("with torch.no_grad():\n    centre = mu * 1.0\nreturn centre + (logvar / 2).exp() * torch.randn_like(logvar)"),
    ),
    sampler("eval-returns-mean", "s = (logvar / 2).exp()\nreturn mu + s * torch.randn_like(s) * float(self.training)"),
    sampler("inputs-changed-in-place", "s = (logvar / 2).exp()\nreturn mu.add_(s * torch.randn_like(s))"),
    sampler(
        "prior-in-evaluation",
        "prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))\n"
        "q = torch.distributions.Normal(mu, (logvar / 2).exp())\n"
        "return (q if self.training else prior).rsample()",
    ),
    sampler(
        "noise-normalised",
        "noise = torch.randn_like(mu)\n"
        "noise = noise / torch.linalg.vector_norm(noise, dim=1, keepdim=True) * mu.shape[1] ** 0.5\n"
        "return mu + (logvar / 2).exp() * noise",
    ),
    sampler("noise-discrete", "eps = torch.randint(-1, 2, mu.shape)\nreturn mu + (logvar / 2).exp() * eps"),
    sampler("noise-discrete", "return mu + (logvar / 2).exp() * torch.sign(torch.randn_like(mu))"),
    sampler("noise-discrete", "return mu + (logvar / 2).exp() * torch.distributions.Poisson(1.0).sample(mu.shape)"),
    sampler("latent-not-finite", "z = mu + (logvar / 2).exp() * torch.randn_like(mu)\nreturn z / (mu - mu)"),
    sampler("latent-not-finite", "return mu + torch.sqrt(-logvar.exp()) * torch.randn_like(mu)"),
    sampler("latent-of-another-shape", "return (mu + (logvar / 2).exp() * torch.randn_like(mu)).squeeze()"),
    sampler("std-clipped", "s = (logvar / 2).exp().clamp(1e-4, 1.0)\nreturn mu + s * torch.randn_like(mu)"),
    sampler("std-clipped", "lv = torch.clamp(logvar, -1.0, 1.0)\nreturn mu + (lv / 2).exp() * torch.randn_like(mu)"),
    sampler("std-clipped", "s = torch.sqrt(logvar.exp()).clamp(min=0.3)\nreturn mu + s * torch.randn_like(mu)"),
    sampler(
        "latent-size-frozen",
        "noise = torch.stack([torch.randn(len(mu)), torch.randn(len(mu))], dim=1)\n"
        "return mu + (logvar / 2).exp() * noise",
    ),
    sampler("std-of-other-points", "return mu + torch.randn_like(mu) @ torch.diag((logvar[0] / 2).exp())"),
    sampler("std-of-other-points", "return mu + torch.randn_like(mu) * (logvar.mean(dim=0) / 2).exp()"),
    sampler(
        "noise-shared-by-batch",
        "noise = torch.randn(self.fc_mu.out_features)\nreturn mu + torch.sqrt(logvar.exp()) * noise",
    ),
)
