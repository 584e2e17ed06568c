"""Ways to train several small VAEs at once, on bare steps: milliseconds a step of one model.

In a row on two threads or one; a process or a thread a core; parameters stacked through torch.func, or by
hand where layers are matrices. Give cases, such as mnist-mlp:bf16, to measure those alone.
"""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median

os.environ.setdefault("GOMP_SPINCOUNT", "2000")

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

WINDOW, ROUNDS, LATENTS = 1.0, 3, 10
"""Seconds of a measurement, how often it is made, latents."""
CASES = {
    "digits-mlp": (8, (128, 64), 64),
    "mnist-mlp": (28, (512, 256), 128),
    "mnist-conv": (28, (32, 64), 128),
    "sprites-conv": (64, (32, 32, 64, 64), 64),
}
"""Side in pixels, widths or channels, pictures a batch."""
Steps = Iterator[None]


class Bench:
    """One case: its network, its batches, and its steps in every way."""

    def __init__(self, case: str, precision: str) -> None:
        self.side, self.widths, self.batch = CASES[case]
        self.conv = case.endswith("conv")
        self.low = precision == "bf16"
        self.rng = np.random.default_rng(0)
        self.pixels = self.rng.integers(0, 256, (5000, 1, self.side, self.side), dtype=np.uint8)

    def images(self, count: int) -> Tensor:
        rows = self.rng.integers(0, len(self.pixels), count)
        return torch.from_numpy(self.pixels[rows]).float().div_(255)

    def autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.low)

    def network(self) -> "Vae":
        return Vae(self.side, self.widths, conv=self.conv)

    def single(self) -> Steps:
        network = self.network().to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(network.parameters(), fused=True)
        while True:
            images = self.images(self.batch).contiguous(memory_format=torch.channels_last)
            noise = torch.randn(self.batch, LATENTS)
            optimizer.zero_grad()
            with self.autocast():
                loss = network(images, noise)
            loss.backward()
            optimizer.step()
            yield

    def stacked(self, n: int) -> Steps:
        networks = [self.network() for _ in range(n)]
        state, _ = stack_module_state(networks)
        weights = {name: each.detach().requires_grad_() for name, each in state.items()}
        skeleton = networks[0].to("meta")
        optimizer = torch.optim.Adam(weights.values(), fused=True)

        def loss_of(one: dict[str, Tensor], images: Tensor, noise: Tensor) -> Tensor:
            return functional_call(skeleton, one, (images, noise))

        while True:
            images = self.images(n * self.batch).unflatten(0, (n, self.batch))
            optimizer.zero_grad()
            with self.autocast():
                loss = vmap(loss_of)(weights, images, torch.randn(n, self.batch, LATENTS)).sum()
            loss.backward()
            optimizer.step()
            yield

    def by_hand(self, n: int) -> Steps:
        pixels = self.side**2
        encoder = stacked_layers(n, (pixels, *self.widths, 2 * LATENTS))
        decoder = stacked_layers(n, (LATENTS, *reversed(self.widths), pixels))
        optimizer = torch.optim.Adam([each for layer in encoder + decoder for each in layer], fused=True)
        while True:
            images = self.images(n * self.batch).view(n, self.batch, pixels)
            optimizer.zero_grad()
            with self.autocast():
                mean, rho = forward(encoder, images).float().chunk(2, dim=2)
                code = mean + torch.exp(0.5 * rho) * torch.randn(mean.shape)
                drawn = forward(decoder, code).float()
            (bound(drawn, images, mean, rho) / self.batch).backward()
            optimizer.step()
            yield


class Vae(nn.Module):
    def __init__(self, side: int, widths: tuple[int, ...], *, conv: bool) -> None:
        super().__init__()
        if not conv:
            self.encoder = nn.Sequential(nn.Flatten(), *dense((side**2, *widths, 2 * LATENTS)))
            self.decoder = nn.Sequential(*dense((LATENTS, *reversed(widths), side**2)))
            return
        low = side >> len(widths)
        there, back = (1, *widths), (*reversed(widths), 1)
        inner = widths[-1] * low**2
        down = [layer for a, b in pairwise(there) for layer in (nn.Conv2d(a, b, 4, 2, 1), nn.ReLU())]
        up = [layer for a, b in pairwise(back) for layer in (nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU())]
        self.encoder = nn.Sequential(*down, nn.Flatten(), *dense((inner, 256, 2 * LATENTS)))
        shape = (widths[-1], low, low)
        self.decoder = nn.Sequential(
            *dense((LATENTS, 256, inner)), nn.ReLU(), nn.Unflatten(1, shape), *up[:-1]
        )

    def forward(self, images: Tensor, noise: Tensor) -> Tensor:
        mean, rho = self.encoder(images).float().chunk(2, dim=1)
        drawn = self.decoder(mean + torch.exp(0.5 * rho) * noise).float()
        return bound(drawn.flatten(1), images.flatten(1), mean, rho) / len(noise)


def dense(widths: tuple[int, ...]) -> list[nn.Module]:
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    return layers[:-1]


def stacked_layers(n: int, widths: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    return [
        ((torch.randn(n, a, b) / a**0.5).requires_grad_(), torch.zeros(n, 1, b, requires_grad=True))
        for a, b in pairwise(widths)
    ]


def forward(layers: list[tuple[Tensor, Tensor]], hidden: Tensor) -> Tensor:
    for number, (weight, bias) in enumerate(layers):
        hidden = torch.bmm(hidden, weight) + bias
        if number < len(layers) - 1:
            hidden = hidden.relu()
    return hidden


def bound(drawn: Tensor, images: Tensor, mean: Tensor, rho: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        lost = functional.binary_cross_entropy_with_logits(drawn, images, reduction="none").sum()
        return lost + 0.5 * (rho.exp() + mean.square() - 1 - rho).sum()


def seconds(steps: Steps) -> float:
    for _ in range(2):
        next(steps)
    count, start = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - start < WINDOW:
        next(steps)
        count += 1
    return (time.perf_counter() - start) / count


def in_a_row(threads: int, steps: Steps) -> float:
    torch.set_num_threads(threads)
    return seconds(steps)


def two_at_once(steps: Callable[[], Steps], *, forked: bool) -> float:
    """Run two workers, each on one core; return the seconds to each step that either makes."""
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()

    def work() -> None:
        torch.set_num_threads(1)
        results.put(seconds(steps()))

    kind = fork.Process if forked else threading.Thread
    workers = [kind(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(results.get() for _ in workers) / 4


def ways(bench: Bench) -> dict[str, Callable[[], float]]:
    found: dict[str, Callable[[], float]] = {
        "row, 2 threads": lambda: in_a_row(2, bench.single()),
        "row, 1 thread": lambda: in_a_row(1, bench.single()),
        "2 processes": lambda: two_at_once(bench.single, forked=True),
        "2 threads": lambda: two_at_once(bench.single, forked=False),
    }
    for n in (2, 4, 8):
        found[f"vmap {n}"] = lambda n=n: in_a_row(2, bench.stacked(n)) / n
        if not bench.conv:
            found[f"bmm {n}"] = lambda n=n: in_a_row(2, bench.by_hand(n)) / n
    return found


def main() -> None:
    chosen = sys.argv[1:] or [f"{case}:{precision}" for case in CASES for precision in ("32", "bf16")]
    names = list(ways(Bench("mnist-mlp", "32")))
    table = Table("models", *names, title="Milliseconds a step of one model, median")
    for choice in chosen:
        bench = Bench(*choice.split(":"))
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, way in ways(bench).items():
                times.setdefault(name, []).append(1000 * way())
        table.add_row(choice, *(f"{median(times[name]):.2f}" if name in times else "-" for name in names))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
