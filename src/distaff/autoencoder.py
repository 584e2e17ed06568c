"""The autoencoder: encoder -> latent space -> decoder, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distaff.latent import Domain, LatentSpace, LatentSpec, State
from distaff.likelihood import LikelihoodSpec
from distaff.network import ImageShape, Network, initialise


def _first_and_last(decoder: nn.Module) -> tuple[nn.Linear, nn.Linear | nn.Conv2d | nn.ConvTranspose2d]:
    """Return the layer that reads the code and the layer that draws the picture."""
    layers = [
        each for each in decoder.modules() if isinstance(each, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))
    ]
    first = layers[0]
    assert isinstance(first, nn.Linear)
    return first, layers[-1]


@dataclass
class Output:
    """What the autoencoder made of a batch.

    `states` per block; `code` [b, D], sampled in training; `decoded` [b, c, h, w] float32, the raw decoder
    output that the likelihood reads; `condition` [b, k] or None.
    """

    states: dict[str, State]
    code: Tensor
    decoded: Tensor
    condition: Tensor | None


class Autoencoder(nn.Module):
    """q(z | x, y) and p(x | z, y), where y is the condition, if any."""

    def __init__(
        self,
        shape: ImageShape,
        *,
        network: Network,
        latent: Sequence[LatentSpec],
        likelihood: LikelihoodSpec,
        domains: dict[str, Domain],
        condition: int = 0,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.latent = LatentSpace(latent, domains)
        self.encoder = network.build_encoder(shape, condition)
        self.head = nn.Linear(self.encoder.features, self.latent.inputs)
        self.decoder = network.build_decoder(self.latent.outputs + condition, shape)
        initialise(self)
        with torch.no_grad():
            # A small head starts every posterior near the prior: the first KL must not drown the rest.
            self.head.weight *= 0.1
            # Most numbers of a one-hot code are 0: the usual initialisation would start far too faint.
            first, last = _first_and_last(self.decoder)
            first.weight *= math.sqrt(first.in_features / (self.latent.energy + bool(condition)))
            # Faint pictures at the start, so that the first steps are not spent on undoing noise.
            last.weight *= 0.1
        self.likelihood = likelihood.build()

    def encode(
        self,
        images: Tensor,
        condition: Tensor | None = None,
        *,
        sample: bool = False,
        generator: torch.Generator | None = None,
    ) -> dict[str, State]:
        """Return the state of every block for pictures [b, c, h, w] in [0, 1]."""
        numbers = self.head(self.encoder(self.likelihood.units(images), condition))
        with torch.autocast(images.device.type, enabled=False):
            states: dict[str, State] = self.latent(numbers.float(), sample=sample, generator=generator)
        return states

    def decode(self, code: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the raw decoder output float32 [b, c, h, w] for codes [b, D]."""
        joined = code if condition is None else torch.cat([code, condition.to(code.dtype)], dim=1)
        decoded: Tensor = self.decoder(joined)
        return decoded.float()

    def forward(
        self,
        images: Tensor,
        condition: Tensor | None = None,
        *,
        seen: Tensor | None = None,
        labels: dict[str, Tensor] | None = None,
        sample: bool = True,
        generator: torch.Generator | None = None,
    ) -> Output:
        """Encode, draw codes and decode; `labels` (float [b] each, NaN missing) teach their blocks.

        `seen` is what the encoder sees of the condition, all of it if None.
        """
        known = condition if seen is None else seen
        states = self.encode(images, known, sample=sample, generator=generator)
        if labels is not None:
            self.latent.teach(states, labels, generator)
        code = self.latent.join(states)
        return Output(states, code, self.decode(code, condition), condition)
