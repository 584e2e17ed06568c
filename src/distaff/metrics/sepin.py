"""https://arxiv.org/abs/1908.09961: what a code tells of its image that no other code tells (SEPIN)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.metrics.checks import Floats, Seed, random_state, seed_setting
from distaff.metrics.options import check_option
from distaff.metrics.posterior_draws import FLOOR, draw_posteriors, mixture_densities
from distaff.metrics.score import Score

Headline = Literal["wsepin", "windin"]
_BLOCK = 64  # samples between two reports of progress


def sepin(
    mean: ArrayLike,
    logvar: ArrayLike,
    *,
    num_samples: int = 10_000,
    headline: Headline = "wsepin",
    seed: Seed = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """WSEPIN: information of each code on the image that is in no other code, weighted by what it tells.

    SEPIN_d = I(z; x) - I(z without d; x), INDIN_d = I(z_d; x) - [H(z_d) + H(z without d) - H(z)], estimated
    from samples z ~ q(z | x); W = sum_d I(z_d; x) (.)_d / sum_d I(z_d; x). For a factorised q(z | x) the two
    agree wherever no density meets the floor of 1e-8. Invariant under permutation and sign of codes.
    Takes N x samples x D densities.

    Args:
        mean: of q(z_d | x) = N(mean, exp(logvar)) [N, D].
        logvar: log variances [N, D].
        num_samples: samples of the estimate.
        headline: ``"wsepin"`` or ``"windin"``.
        seed: integer or RandomState; the draws follow the reference's order.
        progress: called with the samples done and the samples in all.

    Returns:
        Score in nats; details `wsepin`, `windin`, `sepin_per_code`, `indin_per_code`, `informativeness`
        I(z_d; x) [D], `separability` H(z_d) + H(z without d) - H(z) [D], `total_information` I(z; x).
        Where no code tells anything, both are 0. With one code `separability` is 0, up to that floor.

    Raises:
        InputError: tables that disagree, no sample, or posteriors so narrow that densities overflow.
    """
    check_option("headline", headline, Headline)
    draws = draw_posteriors(mean, logvar, num_samples, random_state(seed))
    S, D = draws.points.shape
    alone, without, together = np.empty((S, D)), np.empty((S, D)), np.empty(S)
    for start in range(0, S, _BLOCK):
        part = slice(start, start + _BLOCK)
        mixture_densities(
            draws.points[part], draws.mean, draws.sigma, alone[part], without[part], together[part]
        )
        if progress is not None:
            progress(min(start + _BLOCK, S), S)
    own = np.maximum(draws.own_densities(), FLOOR)
    whole = own.prod(axis=1, keepdims=True)
    entropy, rest, everything = _entropy(alone), _entropy(without), float(_entropy(together))
    known = np.maximum(entropy - _entropy(own), 0)
    rest_known = np.maximum(rest - _entropy(whole / own), 0)
    total = max(everything - float(_entropy(whole[:, 0])), 0.0)
    separability = np.maximum(entropy + rest - everything, 0)
    parts = {"sepin": total - rest_known, "indin": known - separability}
    weight = known / known.sum() if known.sum() > 0 else np.zeros(D)
    wsepin, windin = float(weight @ parts["sepin"]), float(weight @ parts["indin"])
    return Score(
        wsepin if headline == "wsepin" else windin,
        {
            "wsepin": wsepin,
            "windin": windin,
            "sepin_per_code": parts["sepin"],
            "indin_per_code": parts["indin"],
            "informativeness": known,
            "separability": separability,
            "total_information": total,
        },
        {"num_samples": num_samples, "headline": headline, "seed": seed_setting(seed)},
    )


def _entropy(densities: Floats) -> Floats:
    """Mean over samples of -log density, floored: differential entropies in nats."""
    return np.asarray(-np.log(np.maximum(densities, FLOOR)).mean(axis=0))
