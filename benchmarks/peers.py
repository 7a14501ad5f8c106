"""The same network and loss in Lightning and in pythae, each in its fastest setting that keeps its own loop.

Lightning: ``barebones`` (no logger, checkpoints, bar or summary), points drawn in the step, fused Adam.
pythae: its ``BetaVAE`` at beta 0.005, which is the notebook's loss for D = L = 2, its own Trainer and DataLoader over
fresh points for every step, fused Adam; its bar cannot be switched off and goes to /dev/null.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from benchmarks.network import PlainVAE, plain_loss, plain_roll
from benchmarks.shapes import BETA, LR


def train_lightning(width: int, steps: int, batch: int = 128) -> tuple[float, list[float]]:
    """Seconds of the loop, and the losses."""
    import lightning

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model, self.losses = PlainVAE(width), list[Tensor]()

        def training_step(self, *_: object) -> Tensor:
            loss = plain_loss(self.model, plain_roll(batch))
            self.losses.append(loss.detach())
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=LR, fused=True)

        def train_dataloader(self) -> Iterable[int]:
            return range(steps)

        def on_train_start(self) -> None:
            self.began = perf_counter()

        def on_train_end(self) -> None:
            self.seconds = perf_counter() - self.began

    module = Module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lightning.Trainer(barebones=True, max_steps=steps, max_epochs=-1, accelerator="cpu", devices=1).fit(module)
    return module.seconds, [loss.item() for loss in module.losses]


def pythae_model(plain: PlainVAE) -> Any:
    """A plain VAE's layers as pythae's BetaVAE."""
    from pythae.models import BetaVAE, BetaVAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.mu, self.logvar = plain.encoder, plain.fc_mu, plain.fc_logvar

        def forward(self, x: Tensor) -> Any:
            h = self.layers(x)
            return ModelOutput(embedding=self.mu(h), log_covariance=self.logvar(h))

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = plain.decoder

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.layers(z))

    config = BetaVAEConfig(input_dim=(2,), latent_dim=2, beta=BETA / 2, reconstruction_loss="mse")
    return BetaVAE(config, encoder=Encoder(), decoder=Decoder())


def train_pythae(width: int, steps: int, batch: int = 128, workers: int = 0) -> float:
    """Seconds of one epoch over points for this many steps, without the saving of the model after it."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    class Watch(TrainingCallback):  # type: ignore[misc]
        def on_epoch_begin(self, *_: object, **__: object) -> None:
            self.began = perf_counter()

        def on_epoch_end(self, *_: object, **__: object) -> None:
            self.seconds = perf_counter() - self.began

    watch = Watch()
    data = BaseDataset(plain_roll(steps * batch), torch.zeros(steps * batch))
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            per_device_train_batch_size=batch,
            num_epochs=1,
            learning_rate=LR,
            optimizer_params={"fused": True},
            train_dataloader_num_workers=workers,
            no_cuda=True,
        )
        BaseTrainer(pythae_model(PlainVAE(width)), data, training_config=config, callbacks=[watch]).train()
    return float(watch.seconds)
