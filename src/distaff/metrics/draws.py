"""https://arxiv.org/abs/1811.12359: the reference's random draws, replayed in its order but all at once.

The reference calls `randint` a dozen times per point. Each call reads 32-bit words from the generator, keeps
the low bits and rejects what is too large; so the words can be drawn in one call and decoded in a compiled
loop, which gives the same numbers and leaves the generator in the same state.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from distaff.metrics.checks import Ints
from distaff.metrics.compiled import compiled

Words = NDArray[np.uint32]


def mask_of(sizes: Ints) -> Ints:
    """The smallest 2^b - 1 that holds size - 1, for each size."""
    return np.array([(1 << int(size - 1).bit_length()) - 1 for size in sizes], dtype=np.int64)


@compiled
def _decode(words: Words, limits: Ints, masks: Ints, choices: Ints, batch: int, out: Ints) -> tuple[int, int]:
    """Fill labels and factors of as many points as the words suffice for: (points, words used)."""
    points, batches, K = out.shape[0], out.shape[1], out.shape[3]
    at, done = 0, 0
    for p in range(points):
        here = at
        for draw in range(1 + batches * K * batch):
            which = K if draw == 0 else (draw - 1) // batch % K
            limit, mask = int(limits[which]), int(masks[which])
            value = 0
            if limit > 0:
                value = limit + 1
                while value > limit:
                    if here >= words.shape[0]:
                        return done, at
                    value = int(words[here]) & mask
                    here += 1
            if draw == 0:
                choices[p] = value
            else:
                out[p, (draw - 1) // (batch * K), (draw - 1) % batch, which] = value
        at, done = here, p + 1
    return done, at


def reference_draws(
    state: np.random.RandomState, sizes: Ints, points: int, batches: int, batch: int, *, chunk: int = 512
) -> Iterator[tuple[Ints, Ints]]:
    """Draw, per point, one factor index and then `batches` batches of factor vectors.

    Equal to ``randint(K)`` followed by, per batch and factor, ``randint(n_k, size=batch)``. Memory stays at
    one chunk of points.

    Yields:
        Factor indices [c] and factor vectors [c, batches, batch, K] of up to `chunk` points.
    """
    bounds = np.append(sizes, len(sizes)).astype(np.int64)
    limits, masks = bounds - 1, mask_of(bounds)
    # Words a point takes on average, and a little more, so that one fill is nearly always enough.
    odds = (masks + 1) / bounds * (bounds > 1)
    needed = odds[-1] + batches * batch * odds[:-1].sum()
    for start in range(0, points, chunk):
        count = min(chunk, points - start)
        factors = np.empty((count, batches, batch, len(sizes)), dtype=np.int64)
        choices = np.empty(count, dtype=np.int64)
        done = 0
        while done < count:
            before = state.get_state(legacy=False)
            words = state.randint(0, 2**32, size=int(needed * (count - done) * 1.02) + 4096, dtype=np.uint32)
            more, used = _decode(words, limits, masks, choices[done:], batch, factors[done:])
            state.set_state(before)
            state.randint(0, 2**32, size=used, dtype=np.uint32)
            done += more
        yield choices, factors
