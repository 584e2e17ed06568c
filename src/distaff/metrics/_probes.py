"""How well factors are predicted from all codes, and images told apart: by neighbours, lines, a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._linear_models import Classifier, Solver, accuracy, fit_each_class, fit_logistic
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import Floats, Ints, Precision, Seed, check_option, split

Variant = Literal["study", "rescaled", "per_class"]
_BATCH = 64  # images of a step of the network of `pipe`


@metric()
def knn_accuracy(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    neighbours: int = 10,
    standardise: bool = False,
    num_train: int = 10_000,
    num_test: int = 5_000,
    seed: Seed = 0,
) -> Score:
    """How often the majority of the 10 nearest training points has the factor of a new point.

    Test accuracy by Euclidean distance between codes, averaged over factors; ties go to the smallest class.
    Invariant under permutation, sign, rotation and common scale of codes.

    Interpretation:
        Range: 0 to 1.
        Chance: the share of the most frequent class.
        Better: higher.
        Weaknesses: The widest codes dominate distances; a factor in a narrow code is missed unless
            standardised.
        Continuous factors: refused, round them first.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1805.01978

    Args:
        codes: [n, D].
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are split by `seed`.
        test_factors: [m, K].
        neighbours: how many vote; all training points when there are fewer.
        standardise: give every code unit variance first.
        num_train: points to vote when no test part is given.
        num_test: points to test on when no test part is given.
        seed: of the split.

    Returns:
        Score; details `per_factor` and `chance` [K].

    Raises:
        InputError: `neighbours` below 1, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(2), range(2)), -1).reshape(-1, 2).repeat(30, axis=0)
    >>> knn_accuracy(factors + 0.0, factors).value
    1.0
    """
    if neighbours < 1:
        raise InputError(f"neighbours must be 1 or more, not {neighbours}")
    parts = split(codes, factors, test_codes, test_factors, num_train=num_train, num_test=num_test, seed=seed)
    spread = np.ones(parts.codes.shape[1])
    if standardise:
        spread = np.where(np.ptp(parts.codes, axis=0) > 0, parts.codes.std(axis=0), 1)
    K = parts.factors.labels.shape[1]
    right, chance = np.empty(K), np.empty(K)
    whole: Ints | None = None
    for k in range(K):
        z, labels, test_z, test_labels = parts.of(k)
        if len(z) == len(parts.codes) and len(test_z) == len(parts.test_codes):
            whole = nearest_rows(z / spread, test_z / spread, neighbours) if whole is None else whole
            near = whole
        else:
            near = nearest_rows(z / spread, test_z / spread, neighbours)
        right[k] = np.mean(vote(labels[near], parts.factors.sizes[k]) == test_labels)
        chance[k] = np.mean(test_labels == np.bincount(labels).argmax())
    return Score(
        float(right.mean()),
        {"per_factor": right, "chance": chance},
        {"neighbours": neighbours, "standardise": standardise, **parts.settings},
    )


def nearest_rows(train: Floats, test: Floats, neighbours: int) -> Ints:
    """Find the nearest training points by Euclidean distance.

    Args:
        train: [n, D].
        test: [m, D].
        neighbours: how many; all when there are fewer.

    Returns:
        Rows of `train`, the nearest first: [m, neighbours].

    >>> nearest_rows(np.array([[0.0], [1.0], [5.0]]), np.array([[4.0]]), 2).tolist()
    [[2, 1]]
    """
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=min(neighbours, len(train))).fit(train)
    return np.asarray(model.kneighbors(test, return_distance=False))


def vote(labels: Ints, size: int) -> Ints:
    """Most frequent class of each row, the smallest of equals: [m, neighbours] -> [m]."""
    rows = np.arange(len(labels))[:, None]
    counts = np.bincount((rows * size + labels).ravel(), minlength=len(labels) * size)
    return np.asarray(counts.reshape(len(labels), size).argmax(axis=1))


@metric()
def linear_probe(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    num_train: int = 10_000,
    num_test: int = 5_000,
    seed: Seed = 0,
) -> Score:
    """How often a linear classifier on all codes predicts the factor of a new point.

    Test accuracy of a logistic regression (L2, C = 1) on standardised codes, averaged over factors. Invariant
    under permutation, sign and scale of codes, and nearly so under rotation.

    Interpretation:
        Range: 0 to 1.
        Chance: the share of the most frequent class.
        Better: higher.
        Weaknesses: Says that a factor is there, not that one code holds it.
        Continuous factors: refused, round them first.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1610.01644

    Args:
        codes: [n, D].
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are split by `seed`.
        test_factors: [m, K].
        num_train: points to train on when no test part is given.
        num_test: points to test on when no test part is given.
        seed: of the split.

    Returns:
        Score; details `test_per_factor`, `train_per_factor`, `chance` [K], `worst` (least factor).

    Raises:
        InputError: one class in the training part, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(2), range(2)), -1).reshape(-1, 2).repeat(30, axis=0)
    >>> linear_probe(factors + 0.0, factors).value
    1.0
    """
    parts = split(codes, factors, test_codes, test_factors, num_train=num_train, num_test=num_test, seed=seed)
    K = parts.factors.labels.shape[1]
    train, test, chance = np.empty(K), np.empty(K), np.empty(K)
    for k in range(K):
        z, labels, test_z, test_labels = parts.of(k)
        origin, spread = z.mean(axis=0), np.where(z.max(axis=0) > z.min(axis=0), z.std(axis=0), 1)
        z, test_z = (z - origin) / spread, (test_z - origin) / spread
        model = fit_logistic(z, labels, max_iter=1000)
        train[k], test[k] = accuracy(model, z, labels), accuracy(model, test_z, test_labels)
        chance[k] = np.mean(test_labels == np.bincount(labels).argmax())
    return Score(
        float(test.mean()),
        {"test_per_factor": test, "train_per_factor": train, "chance": chance, "worst": float(test.min())},
        parts.settings,
    )


@metric()
def explicitness(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    variant: Variant = "study",
    solver: Solver = "lbfgs",
    num_train: int = 10_000,
    num_test: int = 5_000,
    precision: Precision = "float64",
    seed: Seed = 0,
) -> Score:
    """How well a linear classifier on all codes separates the classes of each factor (area under ROC).

    The mean over factors of the mean over classes, one against the rest. Invariant under permutation, sign
    and scale of codes. A constant code (where the reference fails) is set to 0 and so informs on nothing.

    Interpretation:
        Range: 0.5 to 1.
        Chance: 0.5.
        Better: higher.
        Weaknesses: Entangled codes score as high as disentangled ones. Numbers of 2018-19 came from another
            default solver and are some hundredths lower.
        Continuous factors: refused, round them first.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1802.05312

    Args:
        codes: [n, D].
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are split by `seed`.
        test_factors: [m, K].
        variant: ``"study"``: codes standardised, one multinomial model, raw area on the test part
            (disentanglement_lib). ``"rescaled"``: codes scaled to 0..1, balanced one-vs-rest models,
            in-sample, 2 (area - 0.5), so that chance is 0 (Ubisoft). ``"per_class"``: codes standardised,
            C = 1e10 liblinear, in-sample (Do & Tran). The last two use the training part only.
        solver: of the study's variant; ``"liblinear"`` is the default of 2018-19.
        num_train: points to train on when no test part is given.
        num_test: points to test on when no test part is given.
        precision: of the codes.
        seed: of the split.

    Returns:
        Score; details `train` and `test` (means over factors), `train_per_factor` and `test_per_factor` [K].
        A class that a part lacks has no curve there and is left out of that part's mean.

    Raises:
        InputError: one class of a factor in a part, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2).repeat(10, axis=0)
    >>> explicitness(factors + 0.0, factors).value
    1.0
    """
    check_option("variant", variant, Variant)
    parts = split(
        codes,
        factors,
        test_codes,
        test_factors,
        num_train=num_train,
        num_test=num_test,
        seed=seed,
        precision=precision,
    )
    K = parts.factors.labels.shape[1]
    train, test = np.empty(K), np.empty(K)
    for k in range(K):
        z, labels, test_z, test_labels = parts.of(k)
        origin, spread = z.mean(axis=0), z.std(axis=0)
        if variant == "rescaled":
            origin, spread = z.min(axis=0), np.ptp(z, axis=0)
        moves = np.ptp(z, axis=0) > 0
        z, test_z = (np.where(moves, (part - origin) / np.where(moves, spread, 1), 0) for part in (z, test_z))
        if variant == "study":
            model = fit_logistic(z, labels, solver=solver)
        elif variant == "per_class":
            model = fit_logistic(z, labels, solver="liblinear", C=1e10)
        else:
            # Its scikit-learn summed the loss over points where today's averages, at the same tolerance.
            model = fit_each_class(z, labels, class_weight="balanced", tol=1e-4 / len(z))
        train[k], test[k] = _area(model, z, labels, k), _area(model, test_z, test_labels, k)
    if variant == "rescaled":
        train, test = 2 * (train - 0.5), 2 * (test - 0.5)
    headline = test if variant == "study" else train
    return Score(
        float(headline.mean()),
        {
            "train": float(train.mean()),
            "test": float(test.mean()),
            "train_per_factor": train,
            "test_per_factor": test,
        },
        {"variant": variant, "solver": solver, "precision": precision, **parts.settings},
    )


def _area(model: Classifier, z: Floats, labels: Ints, k: int) -> float:
    """Mean over classes of the area under the ROC curve of the class's probability; ties count one half.

    Raises:
        InputError: no class of factor k has points in this part and others beside it.
    """
    areas = []
    for c, score in zip(model.classes_, model.predict_proba(z).T, strict=True):
        own = np.sort(score[labels == c])
        others = np.sort(score[labels != c])
        if len(own) and len(others):
            wins = np.searchsorted(others, own, "left").sum() + np.searchsorted(others, own, "right").sum()
            areas.append(wins / (2 * len(own) * len(others)))
    if not areas:
        raise InputError(f"factor {k} has no two known classes in the test part: there is no ROC curve")
    return float(np.mean(areas))


@metric(needs=("reconstructions",), default=False, cost="minutes", parts=("accuracy",))
def pipe(
    reconstructions: ArrayLike,
    independent: ArrayLike,
    *,
    steps: int = 400,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """How hard it is to tell images of independent codes from reconstructed ones.

    2 (1 - accuracy) of a small convolutional network on images held out, half of each kind. In the images of
    independent codes each code is drawn uniformly over its own range: where codes depend on one another, some
    of these images are unlike any other.

    Interpretation:
        Range: 0 to about 1, which is indistinguishable.
        Better: higher.
        Weaknesses: A decoder that ignores its codes scores 1. The network's training decides how much it
        finds:
            compare models by the same options only.
        Paper: https://arxiv.org/abs/2303.01384

    Args:
        reconstructions: decoded from the codes of images, [n, c, h, w] in 0 to 1.
        independent: decoded from independent codes, as many.
        steps: of training, each on 64 images.
        seed: of the network and of the order.
        progress: called with the steps done and the steps in all.

    Returns:
        Score; details `accuracy` on the images held out, `images`.

    Raises:
        InputError: arrays that disagree, or fewer than 20 images of each.

    >>> images = np.zeros((40, 1, 8, 8))
    >>> pipe(images, images + 1, steps=40).value
    0.0
    """
    import torch
    from torch import nn

    real, drawn = (np.asarray(each, dtype=np.float32) for each in (reconstructions, independent))
    if real.shape != drawn.shape or real.ndim != 4 or len(real) < 20:
        raise InputError(
            f"pipe needs 20 images of each kind [n, c, h, w]: {real.shape} against {drawn.shape}"
        )
    half = len(real) // 2
    learnt, held = (np.concatenate([real[part], drawn[part]]) for part in (slice(half), slice(half, None)))
    truth, asked = (np.repeat([0, 1], len(part) // 2) for part in (learnt, held))
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        before, side = real.shape[1], min(real.shape[2:])
        while side >= 4 and len(layers) < 12:
            after = 32 if len(layers) < 6 else 64
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
            before, side = after, side // 2
        network = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(64), nn.LeakyReLU(0.2), nn.Linear(64, 2))
        network(torch.from_numpy(learnt[:2]))
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    for step in range(steps):
        rows = torch.randint(len(learnt), (_BATCH,), generator=generator).numpy()
        scores = network(torch.from_numpy(learnt[rows]))
        loss = nn.functional.cross_entropy(scores, torch.from_numpy(truth[rows]))
        adam.zero_grad()
        torch.autograd.backward(loss)
        adam.step()
        if progress is not None:
            progress(step + 1, steps)
    network.eval()
    with torch.no_grad():
        pieces = [network(piece).argmax(1) for piece in torch.split(torch.from_numpy(held), 256)]
    accuracy = float(np.mean(torch.cat(pieces).numpy() == asked))
    return Score(
        2 * (1 - accuracy), {"accuracy": accuracy, "images": len(real)}, {"steps": steps, "seed": seed}
    )
