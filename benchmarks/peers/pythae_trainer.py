"""pythae's own trainer on the same networks. Prints seconds of the last epoch."""

import sys
import tempfile
import time

import numpy as np
import torch
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.samplers import NormalSampler
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import nn
from uses import BATCH, report

from networks import LATENTS, bodies


class Encoder(BaseEncoder):
    def __init__(self, name):
        super().__init__()
        self.body, features, _ = bodies(name)
        self.mean = nn.Linear(features, LATENTS[name])
        self.log_variance = nn.Linear(features, LATENTS[name])

    def forward(self, x):
        features = self.body(x)
        return ModelOutput(embedding=self.mean(features), log_covariance=self.log_variance(features))


class Decoder(BaseDecoder):
    def __init__(self, name):
        super().__init__()
        self.body = bodies(name)[2]

    def forward(self, z):
        return ModelOutput(reconstruction=torch.sigmoid(self.body(z)))


class Clock(TrainingCallback):
    def __init__(self):
        self.seconds = []

    def on_epoch_begin(self, training_config, **kwargs):
        self.start = time.perf_counter()

    def on_epoch_end(self, training_config, **kwargs):
        self.seconds.append(time.perf_counter() - self.start)


def main(name, data, batch, epochs):
    images = np.load(data, allow_pickle=False).astype(np.float32) / 255
    config = VAEConfig(input_dim=images.shape[1:], latent_dim=LATENTS[name], reconstruction_loss="bce")
    model = VAE(model_config=config, encoder=Encoder(name), decoder=Decoder(name))
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        from pythae.data.preprocessors import DataProcessor

        training = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            learning_rate=1e-3,
            per_device_train_batch_size=batch,
            optimizer_cls="Adam",
        )
        dataset = DataProcessor.to_dataset(torch.from_numpy(images))
        BaseTrainer(model=model, train_dataset=dataset, training_config=training, callbacks=[clock]).train()
    model.eval()
    codes = encode(model, images)
    sampler = NormalSampler(model)
    report(
        clock.seconds[-1],
        encode=lambda: encode(model, images),
        decode=lambda: decode(model, codes),
        generate=lambda: sampler.sample(num_samples=len(codes), batch_size=BATCH).numpy(),
    )


@torch.no_grad()
def encode(model, images):
    return torch.cat([model.embed(batch) for batch in torch.from_numpy(images).split(BATCH)]).numpy()


@torch.no_grad()
def decode(model, codes):
    batches = torch.from_numpy(codes).split(BATCH)
    return torch.cat([model.decoder(batch).reconstruction for batch in batches]).numpy()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
