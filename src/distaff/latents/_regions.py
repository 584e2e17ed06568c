"""Layouts: which part of N(0, I) each class has, so that given pairs of classes share a border.

A layout is a linear classifier of the code, p(y | z) = softmax(slopes z + offsets)_y. Its regions are
convex; with p(z) = N(0, I) it makes a prior of each class, p(z | y) = p(z) p(y | z) / p(y), and over all
classes these add up to N(0, I) exactly. It is found by gradient descent on three wishes: that region y has
the mass p(y) under N(0, I), that the straight path between the mean codes of two regions that are asked to
touch stays in the two, and, in a plane, that as many others as can touch do.

In a plane the borders asked for must make a planar graph (Kuratowski 1930): of K classes at most 3K - 6 pairs
touch. From 4 dimensions on any number of convex regions can touch in all pairs; with K - 1 dimensions and
equal classes the layout is that of a regular simplex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from distaff.errors import InputError

if TYPE_CHECKING:
    import networkx

Pair = tuple[int, int]
POINTS = 512
"""Codes that stand for N(0, I)."""
STEPS, RATE = 200, 0.05
"""Steps of Adam, and their size."""
ON_PATH = 21
"""Codes on the path between two regions."""
MASS, ASKED, OTHERS, TOUCH = 40.0, 20.0, 2.0, 2.0
"""What weighs the masses of the regions, paths that are asked for, other paths, and borders in a plane."""
LEAST_TOUCH = 0.15
"""A border counts from this share of a usual one on."""
JITTER = 0.3
"""Noise of the second place to start from."""


@dataclass(frozen=True)
class Layout:
    """A linear classifier of codes: `slopes` [K, d], `offsets` [K].

    `joined` pairs of regions have a straight path between their means that leads through no third.
    """

    slopes: Tensor
    offsets: Tensor
    joined: tuple[Pair, ...]


def check_planar(pairs: Sequence[Pair], names: Sequence[str], where: str) -> None:
    """Refuse borders that no plane holds.

    >>> check_planar([(0, 1), (1, 2)], ["a", "b", "c"], "pairs")

    Raises:
        InputError: the graph is not planar; the message names pairs that cannot touch all at once.
    """
    import networkx

    planar, witness = networkx.check_planarity(networkx.Graph(list(pairs)), counterexample=True)
    if not planar:
        told = ", ".join(f"{names[one]} - {names[two]}" for one, two in sorted(map(sorted, witness.edges)))
        raise InputError(
            f"{where}: regions of a plane cannot share all of these borders at once: {told}; "
            "leave one out, or take 3 latents or more"
        )


def lay_out(means: Tensor, shares: Tensor, pairs: Sequence[Pair], sharpness: float) -> Layout:
    """Find a layout near where the classes lie already.

    Args:
        means: mean codes of the classes [K, d]; their places relative to each other count.
        shares: of the classes among the images [K].
        pairs: of classes that must touch; in more than two dimensions all are asked to.
        sharpness: of the borders: the logits' slope across a border between two regions one apart.

    >>> corners = torch.tensor([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])
    >>> found = lay_out(corners, torch.ones(3) / 3, [(0, 1)], 8.0)
    >>> (corners @ found.slopes.T + found.offsets).argmax(1).tolist(), found.joined
    ([0, 1, 2], ((0, 1), (0, 2), (1, 2)))
    """
    count, size = means.shape
    asked = [(min(pair), max(pair)) for pair in pairs]
    start = means - means.mean(0)
    start = start / start.square().mean().sqrt().clamp(min=1e-3)
    edges, starts = list(combinations(range(count), 2)), [start]
    if size == 2:
        graph = _triangulation(start, asked)
        edges = sorted((min(edge), max(edge)) for edge in graph.edges)
        starts += [start + JITTER * _noise(start.shape), _drawn(graph)]
    wishes = _Wishes(size, shares, edges, asked, sharpness)
    with torch.enable_grad():
        slopes, offsets = wishes.descend(torch.stack(starts))
    joined = wishes.joined(slopes, offsets)
    met = torch.tensor([sum(pair in each for pair in asked) for each in joined])
    best = int((wishes.loss(slopes, offsets) - 1000.0 * met).argmin())
    return Layout(slopes[best], offsets[best], joined[best])


class _Wishes:
    """What a layout of some classes should be, and how near each of S layouts comes to it."""

    def __init__(
        self, size: int, shares: Tensor, edges: Sequence[Pair], asked: Sequence[Pair], sharpness: float
    ) -> None:
        uniform = torch.quasirandom.SobolEngine(size, scramble=True, seed=0).draw(POINTS)  # type: ignore[no-untyped-call]
        self.codes = torch.special.ndtri(uniform.clamp(1e-6, 1 - 1e-6))
        self.share = torch.linspace(0, 1, ON_PATH)[:, None]
        self.log_shares = shares.clamp(min=0.1 / len(shares)).log()
        self.edges = torch.tensor(edges).reshape(-1, 2)
        self.weights = torch.tensor([ASKED if edge in set(asked) else OTHERS for edge in edges])
        self.sharpness, self.plane = sharpness, size == 2

    def descend(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the slopes [S, K, d] and offsets [S, K] found from centres [S, K, d]."""
        centres, offsets = starts.clone().requires_grad_(), torch.zeros(starts.shape[:2], requires_grad=True)
        optimizer = torch.optim.Adam([centres, offsets], RATE)
        for step in range(STEPS):
            # Soft borders first, which see far; sharp ones at the end, which see exactly.
            sharpness = self.sharpness * min(1.0, 0.25 + step / (0.9 * STEPS))
            loss = self.loss(*_linear(centres, offsets, sharpness)).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        slopes, shifts = _linear(centres.detach(), offsets.detach(), self.sharpness)
        return slopes, shifts

    def loss(self, slopes: Tensor, offsets: Tensor) -> Tensor:
        """Return how far layouts are from the wishes: [S]."""
        likely = (self.codes @ slopes.mT + offsets.unsqueeze(1)).softmax(2)
        mass = likely.mean(1)
        found: Tensor = MASS * (mass.log() - self.log_shares).square().mean(1)
        paths = self.on_paths(_means(likely, self.codes), slopes, offsets, self.edges).mean(2)
        found = found - (self.weights * paths).mean(1)
        if self.plane:
            both = (likely.mT @ likely)[:, self.edges[:, 0], self.edges[:, 1]] / len(self.codes)
            found = found + TOUCH * torch.relu(LEAST_TOUCH - 4 * mass.shape[1] * both).sum(1)
        return found

    def on_paths(self, means: Tensor, slopes: Tensor, offsets: Tensor, pairs: Tensor) -> Tensor:
        """Return log(p_a + p_b) on the straight paths between the means of pairs [P, 2]: [S, P, points]."""
        # The logits are linear: on a path they are as far along as the code is.
        ends = (means @ slopes.mT + offsets.unsqueeze(1))[:, pairs]
        logs = (ends[:, :, :1] * (1 - self.share) + ends[:, :, 1:] * self.share).log_softmax(-1)
        own = logs.gather(-1, pairs[None, :, None].expand(len(means), -1, ON_PATH, -1))
        return torch.logsumexp(own, -1)

    def joined(self, slopes: Tensor, offsets: Tensor) -> list[tuple[Pair, ...]]:
        """Return the pairs whose path leads through no third region, of each layout."""
        every = list(combinations(range(slopes.shape[1]), 2))
        means = _means((self.codes @ slopes.mT + offsets.unsqueeze(1)).softmax(2), self.codes)
        pure = self.on_paths(means, slopes, offsets, torch.tensor(every)).amin(2).exp() >= 0.5
        return [tuple(pair for pair, met in zip(every, row, strict=True) if met) for row in pure.tolist()]


def _means(likely: Tensor, codes: Tensor) -> Tensor:
    """The mean code of each region: [S, n, K], [n, d] -> [S, K, d]."""
    return (likely.mT @ codes) / likely.sum(1).unsqueeze(2)


def _linear(centres: Tensor, offsets: Tensor, sharpness: float) -> tuple[Tensor, Tensor]:
    """The classifier that tells which of the centres is nearest, but for the offsets."""
    return sharpness * centres, sharpness * (offsets - 0.5 * centres.square().sum(-1))


def _noise(shape: torch.Size) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def _triangulation(places: Tensor, pairs: Sequence[Pair]) -> networkx.Graph:
    """The pairs asked for, and of all others, the nearest first, those that leave the graph planar."""
    import networkx

    count = len(places)
    graph = networkx.Graph(list(pairs))
    graph.add_nodes_from(range(count))
    apart = torch.cdist(places, places)
    for one, two in sorted(combinations(range(count), 2), key=lambda pair: float(apart[pair])):
        if not graph.has_edge(one, two):
            graph.add_edge(one, two)
            if not networkx.check_planarity(graph)[0]:
                graph.remove_edge(one, two)
    return graph


def _drawn(graph: networkx.Graph) -> Tensor:
    """Places [K, 2] of a planar graph without crossings (Tutte 1963, https://doi.org/10.1112/plms/s3-13.1.743)."""
    import networkx

    embedding, count = networkx.check_planarity(graph)[1], len(graph)
    outer = max((embedding.traverse_face(*edge) for edge in sorted(embedding.edges)), key=len)
    turn = 2 * torch.pi * torch.arange(len(outer)) / len(outer)
    places = torch.zeros(count, 2)
    places[outer] = 1.5 * torch.stack([turn.cos(), turn.sin()], 1)
    inner = [node for node in range(count) if node not in outer]
    if inner:
        laplacian = torch.zeros(count, count)
        for one, two in graph.edges:
            laplacian[one, two] = laplacian[two, one] = -1
        laplacian -= torch.diag(laplacian.sum(1))
        # Each inner class at the mean of its neighbours; a class without any stays in the middle.
        inside = laplacian[inner][:, inner] + 1e-6 * torch.eye(len(inner))
        places[inner] = torch.linalg.solve(inside, -laplacian[inner][:, outer] @ places[outer])
    return places
