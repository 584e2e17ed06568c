"""https://arxiv.org/abs/2305.18378: InfoM, InfoE and InfoC: modularity, explicitness and compactness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._information import contingency, entropy, plug_in
from distaff.metrics._linear_models import fit_logistic
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import (
    Classes,
    Floats,
    Progress,
    Seed,
    check_classes,
    check_codes,
    random_state,
    standardised,
)


@dataclass(frozen=True)
class _Options:
    discrete: bool = False
    neighbours: int = 10
    active_share: float = 0.05
    seed: Seed = 0
    progress: Progress | None = None

    def step(self, done: int, D: int, K: int) -> None:
        """Report one of D x K informations and K regressions."""
        if self.progress is not None:
            self.progress(done, K * (D + 1))


@metric(cost="seconds", parts=("infom", "infoc", "infoe"), least_codes=2, least_factors=2)
def infomec(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete: bool = False,
    neighbours: int = 10,
    active_share: float = 0.05,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Score:
    """One factor per code (InfoM, the value), one code per factor (InfoC), factors linearly readable (InfoE).

    With NMI[d, k] = I(z_d; v_k) / H(v_k) on active codes: InfoM = (mean_d max_k NMI / sum_k NMI - 1/K) / (1 -
    1/K), InfoC the same over codes with 1/D_active, and InfoE = mean_k (L0 - L) / L0, L the in-sample
    log-loss of an unpenalised balanced logistic regression on all codes, L0 = log n_k. InfoM and InfoC are
    invariant under permutation and monotone maps that keep codes active; InfoE under invertible linear maps,
    up to where lbfgs stops. A code (factor) without any information counts as uniform, so as 0 after
    rescaling.

    Interpretation:
        Range: 0 to 1 each.
        Chance: InfoE near 0; InfoM and InfoC of noise can be high.
        Better: higher.
        Weaknesses: InfoM and InfoC are ratios: when all information is near 0 they are noise, so read InfoE
            with them. InfoE of separable data depends on where the solver stops.
        Continuous factors: refused, round them first.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/2305.18378

    Args:
        codes: [n, D], two of them active.
        factors: [n, K] classes, K >= 2; points with a missing value (NaN) are left out for that factor.
        discrete: codes are themselves classes: plug-in information, one-hot for InfoE. Otherwise information
            is estimated by nearest neighbours.
        neighbours: of that estimate.
        active_share: a continuous code is active when its range exceeds this share of the largest range; a
            discrete one when it is not constant. (An older variant has 1/8.)
        seed: of the 1e-10 noise that makes equal codes differ, drawn in the reference's order.
        progress: called with the steps done and the steps in all.

    Returns:
        Score whose value is InfoM; details `infom`, `infoc`, `infoe`, `infoe_per_factor` [K], `nmi` [D, K],
        `active` [D] bool, `per_code` [D] and `per_factor` [K], the shares max / sum.

    Raises:
        InputError: fewer than two factors or active codes (see `infom`, `infoc` and `infoe` for one part
            alone), discrete codes that are not whole, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2)
    >>> score = infomec(factors + 0.0, factors, discrete=True)
    >>> round(score.value, 6), round(score.details["infoc"], 6)
    (1.0, 1.0)
    """
    return _measure(codes, factors, _Options(discrete, neighbours, active_share, seed, progress))


@metric(default=False, cost="seconds", least_factors=2)
def infom(
    codes: ArrayLike, factors: ArrayLike, *, seed: Seed = 0, progress: Progress | None = None, **options: Any
) -> Score:
    """InfoM alone: whether each code informs on one factor.

    Interpretation:
        Range: 0 to 1.
        Chance: can be high for noise.
        Better: higher.
        Weaknesses: A ratio: when all information is near 0 it is noise, so read infoe with it.
        Continuous factors: refused, round them first.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/2305.18378

    Arguments, details and errors are those of `infomec`, but one active code is enough.

    >>> factors = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2)
    >>> round(infom(factors[:, :1] + 0.0, factors, discrete=True).value, 6)
    1.0
    """
    return _measure(codes, factors, _Options(seed=seed, progress=progress, **options), "infom")


@metric(default=False, cost="seconds", least_codes=2)
def infoc(
    codes: ArrayLike, factors: ArrayLike, *, seed: Seed = 0, progress: Progress | None = None, **options: Any
) -> Score:
    """InfoC alone: whether one code holds all that is known of a factor.

    Interpretation:
        Range: 0 to 1.
        Chance: can be high for noise.
        Better: higher.
        Weaknesses: A ratio: when all information is near 0 it is noise, so read infoe with it.
        Continuous factors: refused, round them first.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/2305.18378

    Arguments, details and errors are those of `infomec`, but one factor is enough.

    >>> factors = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2)
    >>> round(infoc(factors + 0.0, factors[:, :1], discrete=True).value, 6)
    1.0
    """
    return _measure(codes, factors, _Options(seed=seed, progress=progress, **options), "infoc")


@metric(default=False, cost="seconds")
def infoe(
    codes: ArrayLike, factors: ArrayLike, *, seed: Seed = 0, progress: Progress | None = None, **options: Any
) -> Score:
    """InfoE alone: how much of each factor a linear classifier reads from all codes.

    Interpretation:
        Range: 0 to 1.
        Chance: near 0.
        Better: higher.
        Weaknesses: In-sample, so many codes and few points score above 0. On separable data it depends on
            where the solver stops.
        Continuous factors: refused, round them first.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/2305.18378

    Arguments, details and errors are those of `infomec`, but one factor and one code are enough.

    >>> factors = np.arange(30).reshape(-1, 1) % 2
    >>> infoe(factors + 0.0, factors).value > 0.99
    True
    """
    return _measure(codes, factors, _Options(seed=seed, progress=progress, **options), "infoe")


def _measure(codes: ArrayLike, factors: ArrayLike, options: _Options, part: str | None = None) -> Score:
    """All parts that are defined, one of them as the value; without a name InfoM, and all must be."""
    table = check_codes(codes)
    classes = check_classes(factors, len(table))
    if options.discrete and not (table == np.floor(table)).all():
        raise InputError("discrete codes must be whole numbers")
    spans = table.max(axis=0) - table.min(axis=0)
    active = spans > (0 if options.discrete else spans.max() * options.active_share)
    undefined = {}
    if len(classes.sizes) < 2 or not active.any():
        undefined["infom"] = "InfoM needs two factors and an active code"
    if active.sum() < 2:
        undefined["infoc"] = f"InfoC needs two active codes, and {active.sum()} is active"
    for name in (part,) if part else ("infom", "infoc"):
        if name in undefined:
            others = " and ".join(each for each in ("infom", "infoc", "infoe") if each not in undefined)
            raise InputError(undefined[name] + ("" if part else f"; measure {others} alone"))
    nmi = _normalised(table, classes, options)
    shares_d, modular = _share(nmi[active])
    shares_k, compact = _share(nmi[active].T)
    per_code = np.full(len(nmi), 1 / nmi.shape[1])
    per_code[active] = shares_d
    explicit = _explicitness(table, classes, options)
    details: dict[str, Any] = {
        "infom": modular,
        "infoc": compact,
        "infoe": float(explicit.mean()),
        "infoe_per_factor": explicit,
        "nmi": nmi,
        "active": active,
        "per_code": per_code,
        "per_factor": shares_k,
    }
    details = {name: detail for name, detail in details.items() if name not in undefined}
    settings = {name: value for name, value in vars(options).items() if name != "progress"}
    return Score(details[part or "infom"], details, settings)


def _share(strength: Floats) -> tuple[Floats, float]:
    """The share max / sum of each row; their mean, scaled to 0 for uniform rows, NaN where undefined."""
    rows, width = strength.shape
    if rows == 0 or width == 0:
        return np.zeros(rows), float("nan")
    total = strength.sum(axis=1)
    filled = total > 0
    shares = np.full(rows, 1 / width)
    shares[filled] = strength.max(axis=1)[filled] / total[filled]
    if width == 1:
        return shares, float("nan")
    return shares, float((shares.mean() - 1 / width) / (1 - 1 / width))


def _normalised(table: Floats, classes: Classes, options: _Options) -> Floats:
    """I(z_d; v_k) / H(v_k): [D, K]."""
    from distaff.metrics._loops import jittered, knn_information

    D, K = table.shape[1], classes.labels.shape[1]
    nmi = np.zeros((D, K))
    state = random_state(options.seed)
    moves = table.max(axis=0) > table.min(axis=0)
    columns = np.ascontiguousarray((table if options.discrete else standardised(table)).T)
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


def _explicitness(table: Floats, classes: Classes, options: _Options) -> Floats:
    """(L0 - L) / L0 per factor: [K]."""
    features = standardised(table)
    if options.discrete:
        features = np.hstack([column[:, None] == np.unique(column) for column in table.T]).astype(np.float64)
    D, K = table.shape[1], classes.labels.shape[1]
    readable = np.empty(K)
    for k, column in enumerate(classes.labels.T):
        known = column >= 0
        labels, z = column[known], features[known]
        model = fit_logistic(z, labels, C=np.inf, class_weight="balanced")
        own = model.predict_proba(z)[np.arange(len(z)), np.searchsorted(model.classes_, labels)]
        loss = -np.log(np.clip(own, np.finfo(float).eps, 1)).mean()
        readable[k] = 1 - loss / np.log(len(model.classes_))
        options.step(D * K + k + 1, D, K)
    return readable
