"""What a run's loss is, in sentences for its report."""

from __future__ import annotations

from swissroll.config import Config


def describe_loss(config: Config) -> str:
    """What training descends, in plain sentences."""
    error = "squared error"
    if config.decoder_variance != "fixed":
        error = "the distortion in nats"
    kl = "plus beta times KL" if config.beta else "without a KL term"
    sentences = [f"The loss is {error} {kl}."]

    if config.decoder_variance == "batch_optimal":
        sentences.append("The distortion is at the variance that is best for each batch: its own mean squared error.")
    if config.free_bits:
        has_parts = config.posterior == "diagonal" and config.prior == "gaussians" and not config.components
        counted = "the KL of a latent dimension" if has_parts else "the mean KL of the latent dimensions"
        sentences.append(
            f"In the loss, {counted} counts as {config.free_bits:g} nats where it is less; the rate is the KL itself."
        )
    if config.max_error is not None:
        unit = " standard deviations of the columns" if config.data is not None else ""
        sentences.append(
            f"Beta began at {config.beta:g} and was moved after each step, so that the root mean squared error per "
            f"coordinate becomes {config.max_error:g}{unit}; each loss is at the beta of its step."
        )
    if config.importance_samples > 1:
        sentences.append(
            "That is of one draw per point; here it is the importance-weighted bound of "
            f"{config.importance_samples} draws, which is lower. Error and rate are averages over the draws."
        )
    if config.mmd_weight:
        sentences.append(
            f"It has {config.mmd_weight:g} times the squared MMD "
            "between a batch's posterior draws and the prior in it, too."
        )
    if config.conditional:
        sentences.append("Encoder and decoder are given the label of each point.")
    return " ".join(sentences)
