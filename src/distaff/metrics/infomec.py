"""https://arxiv.org/abs/2305.18378: InfoM, InfoE and InfoC: modularity, explicitness and compactness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import (
    Classes,
    Floats,
    Ints,
    Seed,
    check_classes,
    check_codes,
    random_state,
    seed_setting,
)
from distaff.metrics.information import contingency, entropy, plug_in
from distaff.metrics.logistic import fit_logistic
from distaff.metrics.score import Score


@dataclass(frozen=True)
class _Options:
    discrete: bool
    neighbours: int
    active_share: float
    max_iter: int
    seed: Seed
    progress: Callable[[int, int], None] | None

    def step(self, done: int, D: int, K: int) -> None:
        """Report one of D x K informations and K regressions."""
        if self.progress is not None:
            self.progress(done, K * (D + 1))

    def settings(self) -> dict[str, Any]:
        return {
            "discrete": self.discrete,
            "neighbours": self.neighbours,
            "active_share": self.active_share,
            "max_iter": self.max_iter,
            "seed": seed_setting(self.seed),
        }


def infomec(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete: bool = False,
    neighbours: int = 10,
    active_share: float = 0.05,
    max_iter: int = 100,
    seed: Seed = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """InfoM (one factor per code), InfoC (one code per factor) and InfoE (factors linearly readable).

    With NMI[d, k] = I(z_d; v_k) / H(v_k) on active codes:
    InfoM = (mean_d max_k NMI / sum_k NMI - 1/K) / (1 - 1/K), InfoC the same over codes with 1/D_active, and
    InfoE = mean_k (L0 - L) / L0, L the in-sample log-loss of an unpenalised balanced logistic regression on
    all codes, L0 = log n_k. InfoM and InfoC are invariant under permutation and monotone maps that keep codes
    active; InfoE under invertible linear maps, up to where lbfgs stops.

    Args:
        codes: [n, D].
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        discrete: codes are themselves classes: plug-in information, one-hot for InfoE. Otherwise information
            is estimated by nearest neighbours.
        neighbours: of that estimate.
        active_share: a continuous code is active when its range exceeds this share of the largest range; a
            discrete one when it is not constant. (An older variant has 1/8.)
        max_iter: of the logistic regression. On separable data its loss has no minimum and InfoE depends on
            where it stops.
        seed: of the 1e-10 noise that parts equal codes, drawn in the reference's order.
        progress: called with the steps done and the steps in all.

    Returns:
        Score whose value is InfoM; details `infom`, `infoc`, `infoe`, `infoe_per_factor` [K], `nmi` [D, K],
        `active` [D] bool, `per_code` [D] and `per_factor` [K], the shares max / sum.
        A code (factor) without any information counts as uniform, so as 0 after rescaling; with one factor
        InfoM and with one active code InfoC is 1 if there is information at all; with no active code InfoM
        and InfoC are 0.

    Raises:
        InputError: discrete codes that are not whole, or a table that the checks refuse.
    """
    options = _Options(discrete, neighbours, active_share, max_iter, seed, progress)
    table = check_codes(codes)
    classes = check_classes(factors, len(table))
    if discrete and not (table == np.floor(table)).all():
        raise InputError("discrete codes must be whole numbers")
    spans = table.max(axis=0) - table.min(axis=0)
    active = spans > (0 if discrete else spans.max() * active_share)
    nmi = _normalised(table, classes, options)
    shares_d, infom = _share(nmi[active])
    shares_k, infoc = _share(nmi[active].T)
    per_code = np.full(len(nmi), 1 / nmi.shape[1])
    per_code[active] = shares_d
    explicit = _explicitness(table, classes, options)
    return Score(
        infom,
        {
            "infom": infom,
            "infoc": infoc,
            "infoe": float(explicit.mean()),
            "infoe_per_factor": explicit,
            "nmi": nmi,
            "active": active,
            "per_code": per_code,
            "per_factor": shares_k,
        },
        options.settings(),
    )


def infom(codes: ArrayLike, factors: ArrayLike, **options: Any) -> Score:
    """InfoM alone as the headline; everything else as `infomec`."""
    return infomec(codes, factors, **options)


def infoc(codes: ArrayLike, factors: ArrayLike, **options: Any) -> Score:
    """InfoC as the headline; everything else as `infomec`."""
    return _headline(infomec(codes, factors, **options), "infoc")


def infoe(codes: ArrayLike, factors: ArrayLike, **options: Any) -> Score:
    """InfoE as the headline; everything else as `infomec`."""
    return _headline(infomec(codes, factors, **options), "infoe")


def _headline(score: Score, part: str) -> Score:
    return Score(float(score.details[part]), score.details, score.settings, score.versions)


def _share(strength: Floats) -> tuple[Floats, float]:
    """The share max / sum of each row, and their mean rescaled so that uniform rows give 0."""
    if strength.size == 0:
        return np.zeros(len(strength)), 0.0
    width = strength.shape[1]
    total = strength.sum(axis=1)
    filled = total > 0
    shares = np.full(len(strength), 1 / width)
    shares[filled] = strength.max(axis=1)[filled] / total[filled]
    if width == 1:
        return shares, float(filled.any())
    return shares, float((shares.mean() - 1 / width) / (1 - 1 / width))


def _normalised(table: Floats, classes: Classes, options: _Options) -> Floats:
    """I(z_d; v_k) / H(v_k): [D, K]."""
    from distaff.metrics.knn_information import jittered, knn_information

    D, K = table.shape[1], classes.labels.shape[1]
    nmi = np.zeros((D, K))
    state = random_state(options.seed)
    moves = table.max(axis=0) > table.min(axis=0)
    columns = np.ascontiguousarray((table if options.discrete else _standard(table)).T)
    for k, size in enumerate(classes.sizes):
        known = classes.labels[:, k] >= 0
        labels = classes.labels[known, k]
        for d in range(D):
            if options.discrete:
                found, own = np.unique(columns[d, known], return_inverse=True)
                nmi[d, k], _ = plug_in(contingency(own, labels, len(found), size))
            else:
                # Drawn for constant codes too, which keeps the draws in the reference's order.
                values = jittered(columns[d], state)[known]
                order = np.argsort(values)
                if moves[d]:
                    nmi[d, k] = knn_information(values[order], labels[order], options.neighbours)
            options.step(k * D + d + 1, D, K)
        nmi[:, k] /= entropy(np.bincount(labels))
    return nmi


def _standard(table: Floats) -> Floats:
    spread = table.std(axis=0)
    moves = table.max(axis=0) > table.min(axis=0)
    return np.where(moves, (table - table.mean(axis=0)) / np.where(moves, spread, 1), 0)


def _one_hot(table: Floats) -> Floats:
    return np.hstack([(column[:, None] == np.unique(column)).astype(np.float64) for column in table.T])


def _explicitness(table: Floats, classes: Classes, options: _Options) -> Floats:
    """(L0 - L) / L0 per factor: [K]."""
    features = _one_hot(table) if options.discrete else _standard(table)
    D, K = table.shape[1], classes.labels.shape[1]
    readable = np.empty(K)
    for k, column in enumerate(classes.labels.T):
        readable[k] = _readable(features, column, options.max_iter)
        options.step(D * K + k + 1, D, K)
    return readable


def _readable(features: Floats, column: Ints, max_iter: int) -> float:
    known = column >= 0
    labels, z = column[known], features[known]
    model = fit_logistic(z, labels, C=np.inf, class_weight="balanced", max_iter=max_iter)
    own = model.probabilities(z)[np.arange(len(z)), np.searchsorted(model.classes, labels)]
    loss = -np.log(np.clip(own, np.finfo(float).eps, 1)).mean()
    return float(1 - loss / np.log(len(model.classes)))
