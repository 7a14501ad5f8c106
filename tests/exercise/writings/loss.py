"""Mistakes in the loss, in other writings."""

from __future__ import annotations

from tests.exercise.writings.writing import Writing, kl

LOSS: tuple[Writing, ...] = (
    kl("kl-no-half", "kl_loss = (mu ** 2 + logvar.exp() - 1 - logvar).mean()"),
    kl(
        "kl-half-twice",
        (
            "q = torch.distributions.Normal(mu, (logvar / 2).exp())\n"
            "p = torch.distributions.Normal(0.0, 1.0)\n"
            "kl_loss = 0.5 * torch.distributions.kl_divergence(q, p).mean()"
        ),
    ),
    kl(
        "kl-divided-by-constant",
        "v = logvar.exp()\nkl = (mu ** 2 + v - 1 - logvar) / 2\nkl_loss = kl.mean() * 128 / 10000",
    ),
    kl(
        "kl-multiplied-by-constant",
        ("v = logvar.exp()\nkl_loss = 0.5 * torch.sum(mu ** 2 + v - 1 - logvar)\nkl_loss *= 100 / mu.numel()"),
    ),
    kl("kl-sign-turned", "kl_loss = -0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).mean()"),
    kl("kl-logvar-squared", "kl_loss = 0.5 * (mu ** 2 + logvar ** 2 - 1 - logvar).mean()"),
    kl("kl-reads-log-std", "s = logvar.exp()\nkl_loss = (0.5 * (mu ** 2 + s ** 2 - 1) - s.log()).mean()"),
    kl("kl-reads-std", "sigma = logvar\nkl_loss = (mu ** 2 + sigma ** 2 - 1).mean() / 2 - sigma.log().mean()"),
    kl("kl-reads-variance", "var = logvar\nkl = 0.5 * (var + mu * mu) - 0.5 * var.log() - 0.5\nkl_loss = kl.mean()"),
    kl("kl-std-for-variance", "s = (logvar / 2).exp()\nkl_loss = 0.5 * (mu ** 2 + s - 1 - logvar).mean()"),
    kl(
        "kl-variance-squared",
        "var = logvar.exp()\nkl_loss = 0.5 * torch.mean(mu.square() + var * var - 1 - torch.log(var))",
    ),
    kl("kl-half-on-a-part", "kl_loss = (0.5 * (mu ** 2 + logvar.exp() - logvar) - 1).mean()"),
    kl("kl-half-on-a-part", "kl_loss = (0.5 * mu ** 2 + logvar.exp() - 1 - logvar).mean()"),
    kl("kl-logvar-negated", "kl_loss = -0.5 * (1 - logvar - mu ** 2 - 1 / logvar.exp()).mean()"),
    kl("kl-log-sigma-once", "s = (logvar / 2).exp()\nkl_loss = 0.5 * (mu ** 2 + s ** 2 - 1 - s.log()).mean()"),
    kl("kl-logvar-doubled", "var = logvar.exp()\nkl_loss = torch.mean((mu ** 2 + var - 1) / 2 - torch.log(var))"),
    kl("kl-logvar-missing", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - 1).mean()"),
    kl(
        "kl-logvar-sign",
        ("v = logvar.exp()\nper_dimension = (mu * mu + v - 1) / 2 + 0.5 * v.log()\nkl_loss = per_dimension.mean()"),
    ),
    kl("kl-variance-missing", "kl_loss = 0.5 * (mu ** 2 - 1 - logvar).mean()"),
    kl(
        "kl-variance-sign",
        ("v = logvar.exp()\nkl_loss = 0.5 * torch.mean(torch.einsum('bl,bl->bl', mu, mu) - v - 1 - logvar)"),
    ),
    kl("kl-mean-missing", "kl_loss = 0.5 * (logvar.exp() - 1 - logvar).mean()"),
    kl(
        "kl-mean-sign",
        (
            "v = logvar.exp()\n"
            "spread_part = (v - logvar - 1).mean()\n"
            "mean_part = mu.pow(2).mean()\n"
            "kl_loss = (spread_part - mean_part) / 2"
        ),
    ),
    kl("kl-mean-not-squared", "v = logvar.exp()\nkl_loss = (0.5 * (mu + v - logvar - torch.ones_like(mu))).mean()"),
    kl(
        "kl-mean-absolute",
        (
            "v = logvar.exp()\n"
            "length = torch.linalg.vector_norm(mu, ord=1, dim=1)\n"
            "kl_loss = 0.5 * (length + (v - 1 - logvar).sum(1)).sum() / mu.numel()"
        ),
    ),
    kl("kl-one-missing", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - logvar).mean()"),
    kl("kl-one-once", "kl = 0.5 * (mu ** 2 + logvar.exp() - logvar).sum(dim=1) - 1\nkl_loss = kl.mean()"),
    kl("kl-one-once", "v = logvar.exp()\nkl = 0.5 * ((mu ** 2 + v - logvar).sum(dim=1) - 1)\nkl_loss = kl.mean()"),
    kl(
        "kl-in-a-logarithm",
        (
            "s = (logvar / 2).exp()\n"
            "ratio = s.reciprocal() + (mu.square() + s.square()) / 2 - 0.5\n"
            "kl_loss = ratio.log().mean()"
        ),
    ),
    kl(
        "kl-reversed",
        (
            "q = torch.distributions.Normal(mu, (logvar / 2).exp())\n"
            "p = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))\n"
            "kl_loss = torch.distributions.kl_divergence(p, q).mean()"
        ),
    ),
    kl("kl-swaps-mean-and-logvar", "log_v, m = mu, logvar\nkl_loss = 0.5 * (m ** 2 + log_v.exp() - 1 - log_v).mean()"),
    kl(
        "kl-power-of-two",
        ("v = logvar.exp()\nsquares = 0.5 * (mu ** 2 + v - 1).mean()\nkl_loss = squares + torch.exp2(v.sqrt()).mean()"),
    ),
    kl("kl-squared-distance", "s = (logvar / 2).exp()\nkl_loss = 0.5 * (mu.pow(2).mean() + (s - 1).pow(2).mean())"),
    kl(
        "kl-squared-distance",
        ("kl_loss = F.mse_loss(mu, torch.zeros_like(mu)) + F.mse_loss(logvar.exp(), torch.ones_like(logvar))"),
    ),
    kl("kl-of-the-data", "p = x.std(dim=0, unbiased=False) + 1e-3\nkl_loss = ((mu - x.mean(0)) / p).pow(2).mean()"),
    kl("kl-of-the-data", "kl_loss = 0.5 * ((mu - x.mean()) ** 2 + logvar.exp() - 1 - logvar).mean()"),
    kl("kl-of-the-data", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).mean() * x.abs().mean()"),
    kl(
        "kl-of-random-numbers",
        (
            "z = mu + (logvar / 2).exp() * torch.randn_like(mu)\n"
            "kl_loss = F.mse_loss(z.softmax(1), torch.randn_like(mu).softmax(1))"
        ),
    ),
    kl("kl-another-function", "kl_loss = torch.log1p(mu.square() + logvar.exp()).mean()"),
    kl("kl-batch-mean-twice", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).mean() / len(mu)"),
    kl("kl-summed-over-batch", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum()"),
    Writing("kl-averaged-error-summed", {"error": "recon_loss = F.mse_loss(recon_x, x, reduction='sum')"}),
    kl(
        "kl-of-one-dimension",
        (
            "v = logvar.exp()\n"
            "for j in range(mu.shape[1]):\n"
            "    kl_loss = 0.5 * (mu[:, j] ** 2 + v[:, j] - 1 - logvar[:, j]).mean()"
        ),
    ),
    kl("kl-of-one-point", "for m, lv in zip(mu, logvar):\n    kl_loss = 0.5 * (m ** 2 + lv.exp() - 1 - lv).mean()"),
    kl("kl-of-the-batch", "m = mu.mean(0)\nv = logvar.mean(0)\nkl_loss = (m ** 2 + v.exp() - 1 - v).mean() / 2"),
    kl(
        "kl-square-of-a-sum",
        (
            "squares = torch.einsum('bi,bj->b', mu, mu)\n"
            "kl_loss = 0.5 * (squares + (logvar.exp() - 1 - logvar).sum(1)).sum() / mu.numel()"
        ),
    ),
    kl("kl-other-growth", "v = logvar.exp()\nkl_loss = 0.5 * (mu ** 2 + v - 1 - logvar).sum(1).mean() * mu.shape[1]"),
    kl(
        "kl-estimate-without-gradient",
        (
            "s = (logvar / 2).exp()\n"
            "z = (mu + s * torch.randn(40, *mu.shape)).detach()\n"
            "kl_loss = (0.5 * z ** 2 - 0.5 * ((z - mu) / s) ** 2 - s.log()).mean()"
        ),
    ),
    Writing("term-without-gradient", {"error": "recon_loss = F.mse_loss(recon_x.data, x)"}),
    Writing("error-absolute", {"error": "recon_loss = F.l1_loss(recon_x, x)"}),
    Writing("error-root", {"error": "recon_loss = torch.linalg.vector_norm(recon_x - x) / 3"}),
    Writing("error-not-squared", {"error": "difference = x - recon_x\nrecon_loss = difference.sum(dim=1).mean()"}),
    Writing(
        "error-fourth-power",
        {"error": ("squares = (recon_x - x) ** 2\nrecon_loss = F.mse_loss(squares, torch.zeros_like(squares))")},
    ),
    Writing("error-huber", {"error": "recon_loss = F.huber_loss(recon_x, x)"}),
    Writing("error-sum-squared", {"error": "recon_loss = (recon_x - x).sum(dim=1).pow(2).mean()"}),
    Writing("error-sum-squared", {"error": "recon_loss = F.mse_loss(recon_x.mean(dim=0), x.mean(dim=0))"}),
    Writing(
        "error-of-one-coordinate",
        {
            "error": (
                "weights = torch.tensor([1.0, 0.0]) if x.shape[1] == 2 else torch.eye(x.shape[1])[0]\n"
                "recon_loss = (weights * (recon_x - x) ** 2).mean()"
            )
        },
    ),
    Writing("error-of-one-point", {"error": "recon_loss = F.mse_loss(recon_x[-1], x[-1])"}),
    Writing(
        "error-cross-entropy",
        {"error": "recon_loss = -(x * torch.log(recon_x) + (1 - x) * torch.log(1 - recon_x)).mean()"},
    ),
    Writing(
        "error-cross-entropy",
        {"error": "recon_loss = F.binary_cross_entropy(torch.sigmoid(recon_x), x, reduction='sum') / x.numel()"},
    ),
    Writing(
        "error-cross-entropy-of-logits",
        {"error": "recon_loss = (F.softplus(recon_x) - torch.einsum('bd,bd->bd', x, recon_x)).mean()"},
    ),
    Writing("error-another-function", {"error": "recon_loss = 1 - F.cosine_similarity(recon_x, x, dim=1).mean()"}),
    Writing("error-sign-turned", {"error": "recon_loss = torch.distributions.Normal(recon_x, 1.0).log_prob(x).mean()"}),
    Writing("objective-negated", {"total": "elbo = -recon_loss - beta * kl_loss\nreturn elbo"}),
    Writing("error-ignored", {"error": "recon_loss = F.mse_loss(recon_x, recon_x)"}),
    Writing("error-constant-added", {"error": "recon_loss = F.mse_loss(recon_x, x) + 0.5 * np.log(2 * np.pi)"}),
    Writing("error-other-growth", {"error": "recon_loss = F.mse_loss(recon_x, x, reduction='sum') / x.shape[0] ** 2"}),
    Writing("error-counts-dimensions", {"error": "recon_loss = ((recon_x - x) ** 2).sum() / mu.numel()"}),
    Writing("latents-without-beta", {"total": "loss = recon_loss + (1 + beta) * kl_loss\nreturn loss"}),
    Writing("beta-unused", {"total": "beta = 1.0\nreturn recon_loss + beta * kl_loss"}),
    Writing("kl-left-out", {"total": "return recon_loss"}),
    Writing("beta-on-reconstruction", {"total": "return kl_loss + recon_loss * beta"}),
    Writing("beta-on-both", {"total": "loss = recon_loss + kl_loss\nloss *= beta\nreturn loss"}),
    Writing("beta-squared", {"total": "return torch.add(recon_loss, kl_loss, alpha=beta ** 2)"}),
    Writing("beta-not-linear", {"total": "weight = beta / (1 + beta)\nreturn recon_loss + weight * kl_loss"}),
    Writing(
        "loss-of-each-point",
        {
            "total": (
                "per_point = F.mse_loss(recon_x, x, reduction='none').sum(dim=1)\nreturn per_point + beta * kl_loss"
            )
        },
    ),
    Writing("beta-added", {"total": "return recon_loss - beta + kl_loss"}),
    Writing("beta-divides", {"total": "precision = 1.0 / beta\nreturn precision * recon_loss + kl_loss"}),
    Writing("beta-divides", {"total": "return torch.div(recon_loss + kl_loss, beta)"}),
    Writing("terms-multiplied", {"total": "loss = recon_loss * kl_loss\nreturn beta * loss"}),
    Writing("loss-not-finite", {"total": "return torch.log(torch.relu(-recon_loss - beta * kl_loss))"}),
    Writing("loss-not-finite", {"total": "return x.shape[0] / torch.sum(x - x) + recon_loss + beta * kl_loss"}),
    Writing("error-not-finite", {"error": "recon_loss = F.mse_loss(recon_x, x) * (x - x).mean() / (x - x).mean()"}),
    Writing("error-not-finite", {"error": "recon_loss = F.mse_loss(torch.exp(torch.exp(recon_x + 9)), x)"}),
    kl("kl-other-prior", "s2 = 4.0\nkl_loss = 0.5 * ((mu ** 2 + logvar.exp()) / s2 - 1 - logvar + np.log(s2)).mean()"),
    kl("kl-clipped", "kl_loss = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).mean()\nkl_loss = (kl_loss - 1.0).abs()"),
    kl(
        "kl-clipped",
        "k = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).mean()\nkl_loss = torch.maximum(k, torch.tensor(0.3))",
    ),
    kl("kl-not-finite", "s = (logvar / 2).exp()\nkl_loss = torch.mean((mu ** 2 + s ** 2 - 1) / 2 - torch.log(s - s))"),
    kl("kl-not-finite", "kl_loss = 0.5 * (mu ** 2 + logvar.exp().exp().exp().exp().exp() - 1 - logvar).mean()"),
    Writing("error-divides-by-itself", {"error": "r = recon_x - x\nrecon_loss = (r ** 3 / r).mean()"}),
    Writing("error-divides-by-itself", {"total": "return len(x) / (recon_loss + beta * kl_loss)"}),
    Writing("loss-is-a-number", {"total": "return float(recon_loss + beta * kl_loss)"}),
    Writing(
        "loss-without-gradient", {"total": "with torch.no_grad():\n    loss = recon_loss + beta * kl_loss\nreturn loss"}
    ),
    Writing("loss-decodes-mean", {"call": "recon_x, mu, logvar = model(x)\nrecon_x = model.decode(mu)"}),
    Writing(
        "noisy-points-encoded",
        {"call": "noisy = x + torch.normal(0.0, 0.3, x.shape)\nrecon_x, mu, logvar = model(noisy)"},
    ),
    Writing("data-changed-in-place", {"call": "recon_x, mu, logvar = model(x)\nx -= x.mean(dim=0)"}),
    kl(
        "kl-reduced-by-chance",
        "kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar)\nkl_loss = kl.squeeze().mean(-1).sum() / len(mu)",
    ),
    Writing("beta-trades-off", {"total": "return torch.lerp(recon_loss, kl_loss, beta)"}),
)
