"""How fast metrics are beside plain scikit-learn and numpy versions of the same definitions, and in all.

dSprites-like data: 10,000 training and 5,000 test points, 10 codes, factors of 3, 6, 40, 32 and 32 values.
One BLAS thread for both sides. The plain boosted trees are timed for a few of their 100 stages and
multiplied, unless --full. --tiny runs everything on few points, to see that it works.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mutual_info_score, roc_auc_score
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from distaff import metrics
from distaff.metrics import FactorSampler

SIZES = np.array([3, 6, 40, 32, 32])
STAGES, ALL_STAGES = 3, 100
Arrays = tuple[np.ndarray, np.ndarray]


def encode(factors: np.ndarray) -> np.ndarray:
    """Ten codes: positions that saturate, orientation on a circle, leaks of shape, three nearly silent."""
    x = 2 * factors / (SIZES - 1) - 1
    turn = np.pi * x[:, 2]
    wave = np.sin(37 * x @ np.arange(1, 6)[:, None] + np.arange(3))
    columns = [np.tanh(1.5 * x[:, 3]), np.tanh(1.5 * x[:, 4]), x[:, 1] + 0.2 * x[:, 0], np.sin(turn)]
    columns += [np.cos(turn), np.sin(2 * turn) + 0.5 * x[:, 0], x[:, 0] + 0.3 * x[:, 1]]
    return np.column_stack([*columns, 0.01 * wave]) + 0.05 * np.sin(91 * x @ np.arange(5, 0, -1)[:, None])


def points(count: int, seed: int) -> Arrays:
    state = np.random.RandomState(seed)
    factors = np.stack([state.randint(size, size=count) for size in SIZES], axis=1)
    codes = encode(factors)
    return codes + 0.02 * state.standard_normal(codes.shape), factors


def bins(codes: np.ndarray) -> np.ndarray:
    return np.stack([np.digitize(z, np.histogram(z, 20)[1][:-1]) for z in codes.T], axis=1)


def information(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    return np.array([[mutual_info_score(v, z) for v in factors.T] for z in bins(codes).T])


def plain_mig(train: Arrays) -> float:
    ordered = np.sort(information(*train), axis=0)
    return float(np.mean((ordered[-1] - ordered[-2]) / [mutual_info_score(v, v) for v in train[1].T]))


def plain_modularity_explicitness(train: Arrays, test: Arrays) -> float:
    squared = np.square(information(*train))
    most = squared.max(axis=1)
    modularity = 1 - (squared.sum(axis=1) - most) / (most * (squared.shape[1] - 1))
    mean, std = train[0].mean(axis=0), train[0].std(axis=0)
    for k in range(train[1].shape[1]):
        model = LogisticRegression().fit((train[0] - mean) / std, train[1][:, k])
        for codes, factors in (train, test):
            roc_auc_score(
                np.eye(SIZES[k])[factors[:, k]], model.predict_proba((codes - mean) / std), multi_class="ovr"
            )
    return float(modularity.mean())


def plain_sap(train: Arrays, test: Arrays) -> float:
    def accuracy(d: int, k: int) -> float:
        model = LinearSVC(C=0.01, class_weight="balanced").fit(train[0][:, [d]], train[1][:, k])
        return float(np.mean(model.predict(test[0][:, [d]]) == test[1][:, k]))

    ordered = np.sort([[accuracy(d, k) for k in range(5)] for d in range(10)], axis=0)
    return float(np.mean(ordered[-1] - ordered[-2]))


def plain_irs(train: Arrays) -> float:
    codes, labels = train[0], bins(train[1].astype(float))
    most = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    robust = []
    for v in labels.T:
        groups = [codes[v == value] for value in np.unique(v)]
        away = [np.percentile(np.abs(g - g.mean(axis=0)), 99, axis=0) for g in groups]
        robust.append(1 - np.mean(away, axis=0) / most)
    return float(np.average(np.max(robust, axis=0), weights=most))


def plain_infomec(train: Arrays) -> float:
    codes = (train[0] - train[0].mean(axis=0)) / train[0].std(axis=0)
    nmi = [mutual_info_classif(codes, v, n_neighbors=10) / mutual_info_score(v, v) for v in train[1].T]
    for v in train[1].T:
        model = LogisticRegression(C=np.inf, class_weight="balanced").fit(codes, v)
        log_loss(v, model.predict_proba(codes))
    shares = np.max(nmi, axis=0) / np.sum(nmi, axis=0)
    return float((shares.mean() - 0.2) / 0.8)


def plain_dci(train: Arrays, test: Arrays, stages: int) -> float:
    for v, test_v in zip(train[1].T, test[1].T, strict=True):
        model = GradientBoostingClassifier(n_estimators=stages).fit(train[0], v)
        model.score(train[0], v)
        model.score(test[0], test_v)
    return float(model.feature_importances_.max())


def batches(state: np.random.RandomState, count: int) -> np.ndarray:
    return np.stack([state.randint(size, size=count) for size in SIZES], axis=1)


def plain_beta_vae(table: np.ndarray, counts: tuple[int, int]) -> float:
    state, steps = np.random.RandomState(0), np.cumprod([1, *SIZES[:0:-1]])[::-1]

    def point() -> tuple[int, np.ndarray]:
        k, first, second = state.randint(5), batches(state, 64), batches(state, 64)
        second[:, k] = first[:, k]
        return k, np.abs(table[first @ steps] - table[second @ steps]).mean(axis=0)

    train, test = ([point() for _ in range(count)] for count in counts)
    model = LogisticRegression().fit([z for _, z in train], [k for k, _ in train])
    return float(model.score([z for _, z in test], [k for k, _ in test]))


def plain_factor_vae(table: np.ndarray, counts: tuple[int, int]) -> float:
    state, steps = np.random.RandomState(0), np.cumprod([1, *SIZES[:0:-1]])[::-1]
    variance = table[batches(state, 10_000) @ steps].var(axis=0, ddof=1)
    active, votes = np.sqrt(variance) >= 0.05, np.zeros((2, 10, 5), dtype=int)
    for part, count in enumerate(counts):
        for _ in range(count):
            k, factors = state.randint(5), batches(state, 64)
            factors[:, k] = factors[0, k]
            local = table[factors @ steps].var(axis=0, ddof=1)
            votes[part, np.argmin(local[active] / variance[active]), k] += 1
    return float(votes[1][np.arange(10), votes[0].argmax(axis=1)].sum() / counts[1])


def seconds(task: Callable[[], Any]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="grow all 100 stages of the plain trees")
    parser.add_argument("--tiny", action="store_true", help="few points: to see that it works")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    counts = (600, 300) if given.tiny else (10_000, 5_000)
    train, test = points(counts[0], 0), points(counts[1], 1)
    part: dict[str, Any] = {"test_codes": test[0], "test_factors": test[1]}
    votes: dict[str, Any] = {"num_train": counts[0], "num_test": counts[1]}
    grid = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), axis=1)
    table = encode(grid)
    sampler = FactorSampler.from_arrays(table, grid)
    stages = ALL_STAGES if given.full else STAGES
    rows: list[tuple[str, float, Callable[[], Any], Callable[[], Any]]] = [
        ("mig", 1, lambda: metrics.mig(*train), lambda: plain_mig(train)),
        (
            "modularity + explicitness",
            1,
            lambda: (metrics.modularity(*train), metrics.explicitness(*train, **part)),
            lambda: plain_modularity_explicitness(train, test),
        ),
        ("sap", 1, lambda: metrics.sap(*train, **part), lambda: plain_sap(train, test)),
        ("irs", 1, lambda: metrics.irs(*train), lambda: plain_irs(train)),
        ("infomec", 1, lambda: metrics.infomec(*train), lambda: plain_infomec(train)),
        (
            "beta_vae_score, from rows",
            1,
            lambda: metrics.beta_vae_score(FactorSampler.from_arrays(*train), **votes),
            lambda: plain_beta_vae(table, counts),
        ),
        (
            "factor_vae_score, from rows",
            1,
            lambda: metrics.factor_vae_score(FactorSampler.from_arrays(*train), **votes),
            lambda: plain_factor_vae(table, counts),
        ),
        (
            "beta_vae_score, whole grid",
            1,
            lambda: metrics.beta_vae_score(sampler, **votes),
            lambda: plain_beta_vae(table, counts),
        ),
        (
            "factor_vae_score, whole grid",
            1,
            lambda: metrics.factor_vae_score(sampler, **votes),
            lambda: plain_factor_vae(table, counts),
        ),
        (
            "dci",
            ALL_STAGES / stages,
            lambda: metrics.dci(*train, **part),
            lambda: plain_dci(train, test, stages),
        ),
    ]
    warm = points(200, 2), points(200, 3)
    metrics.dci(*warm[0], test_codes=warm[1][0], test_factors=warm[1][1])
    out = Table(
        "metric", "distaff, s", "plain, s", "ratio", title=f"{counts[0]:,} / {counts[1]:,} x 10 codes"
    )
    total = np.zeros(2)
    for name, times, ours, plain in rows:
        if name != "dci":
            ours()
        took = np.array([seconds(ours), times * seconds(plain)])
        total += took
        out.add_row(name, f"{took[0]:.3f}", f"{took[1]:.3f}", f"{took[1] / took[0]:.0f}")
    out.add_row("all", f"{total[0]:.3f}", f"{total[1]:.3f}", f"{total[1] / total[0]:.0f}")
    out.add_row("score(), all by default", f"{seconds(lambda: metrics.score(*train, **part)):.3f}", "", "")
    many = points(10_000 if given.tiny else 1_000_000, 4)
    large = Table("metric", "distaff, s", title=f"{len(many[0]):,} x 10 codes")
    for name, task in (
        ("mig", lambda: metrics.mig(*many)),
        ("sap, 10,000 drawn", lambda: metrics.sap(*many)),
        ("modularity", lambda: metrics.modularity(*many)),
        ("irs", lambda: metrics.irs(*many)),
    ):
        large.add_row(name, f"{seconds(task):.2f}")
    Console().print(out, large)
    if not given.full:
        print(f"plain dci: {STAGES} of {ALL_STAGES} stages timed, multiplied")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
