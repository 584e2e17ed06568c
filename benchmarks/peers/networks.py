"""The three networks of the comparison in plain PyTorch, layer by layer those that the recipes build."""

import torch
from torch import Tensor, nn

LATENTS = {"mlp": 16, "conv": 10, "keras": 2}


def bodies(name: str) -> tuple[nn.Module, int, nn.Module]:
    """Return the encoder body, how many features it gives, and the decoder, which gives logits."""
    latents = LATENTS[name]
    if name == "mlp":
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU())
        decoder = nn.Sequential(
            *(nn.Linear(latents, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU()),
            *(nn.Linear(512, 784), nn.Unflatten(1, (1, 28, 28))),
        )
        return encoder, 256, decoder
    if name == "conv":
        layers: list[nn.Module] = []
        for before, after in ((1, 32), (32, 32), (32, 64), (64, 64)):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.ReLU()]
        encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 256), nn.ReLU())
        decoder = nn.Sequential(
            *(
                nn.Linear(latents, 256),
                nn.ReLU(),
                nn.Linear(256, 1024),
                nn.ReLU(),
                nn.Unflatten(1, (64, 4, 4)),
            ),
            *(nn.ConvTranspose2d(64, 64, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1)),
        )
        return encoder, 256, decoder
    encoder = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(3136, 16), nn.ReLU()),
    )
    decoder = nn.Sequential(
        *(nn.Linear(latents, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7))),
        *(nn.ConvTranspose2d(64, 64, 3, 2, 1, 1), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ReLU(), nn.Conv2d(32, 1, 3, 1, 1)),
    )
    return encoder, 16, decoder


class VAE(nn.Module):
    """Encoder, head and decoder."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.encoder, features, self.decoder = bodies(name)
        self.head = nn.Linear(features, 2 * LATENTS[name])

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.head(self.encoder(images)).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, codes: Tensor) -> Tensor:
        logits: Tensor = self.decoder(codes)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return torch.sigmoid(self.decode(self.encode(images)[0]))
