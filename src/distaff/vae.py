"""The variational autoencoder: encode -> rules -> sample -> decode, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distaff.attributes import Attribute
from distaff.latents import Batch, Latent, LatentSpace, Posteriors, condition_code
from distaff.likelihoods import Likelihood
from distaff.networks import ImageShape, Network


@dataclass
class Pass:
    """What the model made of a batch of b images.

    Attributes:
        posteriors: of every block, after its rules.
        z: the codes [draws, b, D] that were decoded.
        decoded: the raw decoder output that the likelihood reads, float32 [draws, b, c, h, w].
    """

    posteriors: Posteriors
    z: Tensor
    decoded: Tensor


class VAE(nn.Module):
    """q(z | x, y) and p(x | z, y), where y is the condition, if any.

    `condition` names the attributes that join encoder and decoder; `condition_dropout` is the share of images
    whose condition is hidden from the encoder in training.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        network: Network,
        latent: Sequence[Latent],
        likelihood: Likelihood,
        attributes: Mapping[str, Attribute],
        condition: Sequence[str] = (),
        condition_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.condition = tuple(attributes[name] for name in condition)
        self.condition_dropout = condition_dropout
        self.condition_size = width = sum(each.size or 1 for each in self.condition)
        self.latents = LatentSpace(latent, attributes, shape)
        self.encoder = network.build_encoder(shape, width)
        self.head = nn.Linear(self.encoder.features, self.latents.inputs)
        decoded = (likelihood.outputs(shape[0]), *shape[1:])
        self.decoder = network.build_decoder(self.latents.outputs + width, decoded)
        network.initialise(self.encoder, self.head, self.decoder, self.latents.energy + bool(width))
        self.likelihood = likelihood.build()
        self.latents.bind(self.encode, self.encoder)

    def prepare(self, images: Tensor) -> None:
        """Let priors that start from data do so: training images [n, c, h, w] in [0, 1]."""
        for block in self.latents:
            block.prior.prepare(images)

    def condition_code(self, labels: Mapping[str, Tensor]) -> Tensor | None:
        """Return the condition [b, k] of labels (float [b] by attribute), or None without a condition."""
        return condition_code(self.condition, labels)

    def encode(self, images: Tensor, condition: Tensor | None = None) -> Posteriors:
        """Return the posterior of every block for images [b, c, h, w] in [0, 1].

        Without a `condition` [b, k] it is unknown.
        """
        if condition is None and self.condition:
            condition = images.new_zeros(len(images), self.condition_size)
        numbers = self.head(self.encoder(self.likelihood.units(images), condition))
        with torch.autocast(images.device.type, enabled=False):
            posteriors: Posteriors = self.latents(numbers.float())
        return posteriors

    def decode(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the raw decoder output float32 [..., b, c, h, w] for codes [..., b, D]."""
        codes = z if condition is None else torch.cat([z, condition.to(z).expand(*z.shape[:-1], -1)], dim=-1)
        decoded: Tensor = self.decoder(codes.flatten(0, -2))
        return decoded.float().reshape(*z.shape[:-1], *decoded.shape[1:])

    def forward(self, batch: Batch, *, draws: int = 1, generator: torch.Generator | None = None) -> Pass:
        """Encode, apply the rules (in training only), draw `draws` codes for each image, and decode them."""
        condition = self.condition_code(batch.labels)
        seen = condition
        if self.training and condition is not None:
            # The decoder is always told the condition: it would otherwise look for the class in z.
            hidden = torch.rand(len(condition), 1, generator=generator, device=condition.device)
            seen = condition * (hidden >= self.condition_dropout)
        posteriors = self.encode(batch.images, seen)
        if self.training:
            posteriors = self.latents.apply_rules(posteriors, batch, generator)
        z = self.latents.rsample(posteriors, draws, generator)
        return Pass(posteriors, z, self.decode(z, condition))
