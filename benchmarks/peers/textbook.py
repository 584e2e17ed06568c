"""The loop of a textbook: a DataLoader over a TensorDataset, Adam, float32. Prints seconds an epoch."""

import json
import sys
import time

import numpy as np
import torch
from networks import VAE
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset


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
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
