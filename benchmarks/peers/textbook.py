"""The loop of a textbook: DataLoader over a TensorDataset, Adam, float32. Prints its last epoch's seconds."""

import sys
import time

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from uses import BATCH, report

from networks import VAE


def main(name: str, data: str, batch: int, epochs: int) -> None:
    images = np.load(data, allow_pickle=False)
    loader = DataLoader(
        TensorDataset(torch.from_numpy(images).float().div(255)), batch_size=batch, shuffle=True
    )
    model = VAE(name)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    seconds = []
    for _ in range(epochs):
        start = time.perf_counter()
        for (x,) in loader:
            mean, log_variance = model.encode(x)
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            bce = functional.binary_cross_entropy_with_logits(model.decode(z), x, reduction="sum")
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
            loss = (bce + kl) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    codes = encode(model, images)
    report(
        seconds[-1],
        encode=lambda: encode(model, images),
        decode=lambda: decode(model, torch.from_numpy(codes)),
        generate=lambda: decode(model, torch.randn(codes.shape)),
    )


@torch.no_grad()
def encode(model: VAE, images: np.ndarray) -> np.ndarray:
    batches = torch.from_numpy(images).split(BATCH)
    return torch.cat([model.encode(batch.float().div(255))[0] for batch in batches]).numpy()


@torch.no_grad()
def decode(model: VAE, codes: Tensor) -> np.ndarray:
    return torch.cat([torch.sigmoid(model.decode(batch)) for batch in codes.split(BATCH)]).numpy()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
