"""The model: a VAE, its prior p(z), and the loss that training descends."""
