# %%
"""The notebook's path from points to pictures, as cells; benchmarks/execute.py runs them with nbclient."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

torch.manual_seed(42)


# %%
def generate_swiss_roll(n_samples: int = 1000) -> Tensor:
    """Points of the roll, shape (n_samples, 2)."""
    t = 1.5 * np.pi * (1 + 2 * torch.rand(n_samples))
    return torch.stack([t * torch.cos(t), t * torch.sin(t)], dim=1) / 15.0


data = generate_swiss_roll(10_000)
plt.scatter(data[:, 0], data[:, 1], alpha=0.5, s=10)
plt.title("Synthetic Swiss Roll Distribution")
plt.axis("square")
plt.show()


# %%
class VAE(nn.Module):
    """Three hidden layers on each side."""

    def __init__(self, latent_dim: int = 2, hidden_dim: int = 256) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(2, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim), nn.ReLU(),
        )  # fmt: skip
        self.fc_mu = nn.Linear(hidden_dim, latent_dim)
        self.fc_logvar = nn.Linear(hidden_dim, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, 2),
        )  # fmt: skip

    def decode(self, z: Tensor) -> Tensor:
        """Points, shape (B, 2), of latents of shape (B, L)."""
        points: Tensor = self.decoder(z)
        return points

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode, draw, decode."""
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + torch.randn_like(logvar) * torch.exp(0.5 * logvar)
        return self.decode(z), mu, logvar


print(VAE()(generate_swiss_roll(5))[0])


# %%
def train_vae(n_steps: int = 1000) -> tuple[VAE, list[float]]:
    """Train with Adam on fresh points."""
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    bar = tqdm(range(n_steps), desc="Training VAE")
    for _ in bar:
        x = generate_swiss_roll(128)
        recon_x, mu, logvar = model(x)
        kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())
        loss = torch.mean((recon_x - x) ** 2) + 0.01 * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        bar.set_postfix({"loss": loss.item()})
    return model, losses


model, losses = train_vae()
plt.plot(losses)
plt.xlabel("Steps")
plt.ylabel("Loss")
plt.title("Training Loss")
plt.show()


# %%
def visualize_reconstructions(model: VAE, n_points: int = 1000) -> None:
    """Points, their reconstructions, and a line between each two."""
    x = generate_swiss_roll(n_points)
    with torch.no_grad():
        recon_x = model(x)[0].numpy()
    plt.figure(figsize=(8, 4))
    for place, points, colour, title in (
        (1, x, "blue", "Original Points"),
        (2, recon_x, "red", "Reconstructed Points"),
    ):
        plt.subplot(1, 2, place)
        plt.scatter(points[:, 0], points[:, 1], c=colour)
        plt.title(title)
        plt.axis("equal")
    for start, stop in zip(x.numpy(), recon_x, strict=True):
        plt.plot([start[0], stop[0]], [start[1], stop[1]], "k-", alpha=0.3)
    plt.tight_layout()
    plt.show()


visualize_reconstructions(model)


# %%
def visualize_latent_space(model: VAE, n_points: int = 1000) -> None:
    """A decoded grid of latents over points of the roll."""
    axis = np.linspace(-2, 2, int(np.sqrt(n_points)))
    grid = torch.tensor(np.array([[a, b] for a in axis for b in axis]), dtype=torch.float32)
    real = generate_swiss_roll(n_points)
    with torch.no_grad():
        decoded = model.decode(grid)
    plt.figure(figsize=(4, 4))
    plt.scatter(real[:, 0], real[:, 1], c="red", alpha=0.5, label="Real")
    plt.scatter(decoded[:, 0], decoded[:, 1], c="blue", alpha=0.5, label="Generated")
    plt.legend()
    plt.title("VAE Generated vs Real Data")
    plt.axis("equal")
    plt.show()


visualize_latent_space(model)
