"""Apply the laws to five published VAE implementations, and print what they find as a page's text.

    python -m venv others
    others/bin/pip install -c constraints.txt -e . pythae pyod ctgan torch-geometric diffusers
    others/bin/python docs/lint_others.py > docs/output/lint.md

Each is adapted in one line; nothing of it is changed. Its defaults are its own.
"""

from __future__ import annotations

import argparse
import textwrap
import warnings
from importlib.metadata import version

import torch

from swissroll import lint

warnings.simplefilter("ignore")


def show(package: str, what: str, adapter: str, result: object) -> None:
    """One implementation: its version, the line that adapts it, and what was found."""
    print(f"### {package} {version(package)}: {what}\n")
    print("<!-- not run: it needs that package -->")
    print(f"```python\n{textwrap.dedent(adapter).strip()}\n```\n")
    print(f"```text\n{result}\n```\n")


def pythae() -> None:
    from pythae.models import VAE, VAEConfig

    model = VAE(VAEConfig(input_dim=(2,), latent_dim=2, reconstruction_loss="mse"))
    result = lint(lambda recon, x, mu, logvar: model.loss_function(recon, x, mu, logvar, z=None))
    adapter = "lint(lambda recon, x, mu, logvar: model.loss_function(recon, x, mu, logvar, z=None))"
    show("pythae", "VAE.loss_function, mse", adapter, result)


def pyod() -> None:
    from pyod.models.vae import VAE, VAEModel, vae_loss

    detector = VAE()
    given = {"beta": detector.beta, "capacity": detector.capacity}
    result = lint(lambda recon, x, mu, logvar, beta=1.0: vae_loss(x, recon, mu, logvar, beta, given["capacity"]))
    adapter = """
        detector = VAE()  # beta 1.0 and capacity 0.0 are its defaults
        lint(lambda recon, x, mu, logvar, beta=1.0: vae_loss(x, recon, mu, logvar, beta, detector.capacity))
    """
    show("pyod", "vae_loss at the defaults of VAE", adapter, result)

    result = lint(lambda recon, x, mu, logvar, beta=1.0: vae_loss(x, recon, mu, logvar, beta, 1e6))
    adapter = "lint(lambda recon, x, mu, logvar, beta=1.0: vae_loss(x, recon, mu, logvar, beta, 1e6))"
    show("pyod", "vae_loss at a capacity that is never reached", adapter, result)

    result = lint(VAEModel(feature_size=2), vae_loss)
    show("pyod", "its network", "lint(VAEModel(feature_size=2), vae_loss)", result)


def ctgan() -> None:
    from ctgan.data_transformer import SpanInfo
    from ctgan.synthesizers.tvae import _loss_function

    sigmas = torch.full((6,), 0.1)

    def loss(recon: torch.Tensor, x: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
        spans = [[SpanInfo(1, "tanh")]] * x.shape[1]
        return sum(_loss_function(torch.atanh(recon), x, sigmas, mu, logvar, spans, 2))

    adapter = """
        # Columns of numbers alone. The function applies tanh itself; 0.1 is where its sigmas start, 2 its factor.
        spans = [[SpanInfo(1, "tanh")]] * x.shape[1]
        lint(lambda recon, x, mu, logvar: sum(
            _loss_function(torch.atanh(recon), x, torch.full((6,), 0.1), mu, logvar, spans, 2)))
    """
    show("ctgan", "TVAE's _loss_function, continuous columns", adapter, lint(loss))


def torch_geometric() -> None:
    from torch_geometric.nn import VGAE

    model = VGAE(torch.nn.Identity())
    result = lint(model.kl_loss)
    show("torch-geometric", "VGAE.kl_loss", "lint(model.kl_loss)", result)
    result = lint(model.reparametrize)
    show("torch-geometric", "VGAE.reparametrize", "lint(model.reparametrize)", result)


def diffusers() -> None:
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    def posterior(mu: torch.Tensor, logvar: torch.Tensor) -> DiagonalGaussianDistribution:
        return DiagonalGaussianDistribution(torch.cat([mu, logvar], dim=1)[:, :, None, None])

    adapter = """
        # It takes pictures: mean and log-variance are halves of the channels. Here a picture has one pixel.
        def posterior(mu, logvar):
            return DiagonalGaussianDistribution(torch.cat([mu, logvar], dim=1)[:, :, None, None])

        lint(lambda mu, logvar: posterior(mu, logvar).kl())
    """
    what = "DiagonalGaussianDistribution"
    show("diffusers", f"{what}.kl", adapter, lint(lambda mu, logvar: posterior(mu, logvar).kl()))

    adapter = "lint(lambda mu, logvar: posterior(mu, logvar).sample()[:, :, 0, 0])"
    result = lint(lambda mu, logvar: posterior(mu, logvar).sample()[:, :, 0, 0])
    show("diffusers", f"{what}.sample", adapter, result)


PACKAGES = {
    "pythae": pythae,
    "pyod": pyod,
    "ctgan": ctgan,
    "torch-geometric": torch_geometric,
    "diffusers": diffusers,
}


def main() -> None:
    """Read the command line and print the page's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*PACKAGES, []], help="all of them by default")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.names or PACKAGES:
        torch.manual_seed(0)
        PACKAGES[name]()


if __name__ == "__main__":
    main()
