"""The fast parts against slow ones that are surely right."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score

from distaff import metrics
from distaff.metrics import FactorSampler
from distaff.metrics._information import contingency, plug_in
from distaff.metrics._linear_models import fit_logistic
from distaff.metrics._loops import reference_draws
from distaff.metrics._tables import histogram_labels

STATE = np.random.RandomState(0)


@pytest.mark.parametrize(
    ("dtype", "offset"), [(np.float64, 0.0), (np.float64, 1e12), (np.float32, 0.0), (np.float32, 1e4)]
)
def test_bins_are_numpy_histogram_and_digitize(dtype: type, offset: float) -> None:
    for values in (STATE.randn(2000), STATE.randint(5, size=2000), np.linspace(-1, 1, 2001), np.full(9, 0.1)):
        column = (values + offset).astype(dtype)
        edges = np.histogram(column, 20)[1]
        expected = np.digitize(column, edges[:-1]) - 1
        np.testing.assert_array_equal(histogram_labels(column[:, None], 20)[:, 0], expected)


def test_mutual_information_is_the_plug_in_estimate() -> None:
    first, second = STATE.randint(6, size=500), STATE.randint(4, size=500)
    value, _ = plug_in(contingency(first, second, 6, 4))
    assert value == pytest.approx(mutual_info_score(first, second), abs=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize(("C", "weight"), [(1.0, None), (np.inf, "balanced")])
def test_logistic_is_scikit_learns(classes: int, C: float, weight: str | None) -> None:
    codes = STATE.randn(800, 4)
    labels = np.clip((codes @ STATE.randn(4) + STATE.randn(800)).round().astype(int), 0, classes - 1)
    ours = fit_logistic(codes, labels, C=C, class_weight=weight or "none")
    theirs = LogisticRegression(C=C, class_weight=weight).fit(codes, labels)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(codes), theirs.predict_proba(codes), atol=1e-5)
    np.testing.assert_array_equal(ours.predict(codes), theirs.predict(codes))


def test_neighbours_are_scikit_learns() -> None:
    codes, labels = STATE.randn(600, 1), STATE.randint(4, size=600)
    codes[:, 0] += labels
    labels[0] = 4
    standard = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    expected = mutual_info_classif(standard, labels, discrete_features=False, n_neighbors=10, random_state=3)
    found = metrics.infoe(codes, labels[:, None], seed=3).details["nmi"][0, 0]
    assert found * mutual_info_score(labels, labels) == pytest.approx(expected[0], abs=1e-9)


@pytest.mark.parametrize("sizes", [(3, 6, 40, 32), (4, 1, 64), (2,)])
def test_draws_are_the_references(sizes: tuple[int, ...]) -> None:
    fast, slow = np.random.RandomState(5), np.random.RandomState(5)
    for chosen, factors in reference_draws(fast, np.array(sizes), 700, 2, 16):
        for k, batches in zip(chosen, factors, strict=True):
            assert slow.randint(len(sizes)) == k
            for batch in batches:
                expected = np.stack([slow.randint(size, size=16) for size in sizes], axis=1)
                np.testing.assert_array_equal(batch, expected)
    assert fast.randint(2**31) == slow.randint(2**31)


def test_a_grid_and_its_function_give_the_same_votes() -> None:
    sizes = (3, 4, 5)
    grid = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1).reshape(-1, 3)
    mixing = STATE.randn(3, 4)
    shuffled = STATE.permutation(len(grid))
    table = FactorSampler.from_arrays(grid[shuffled] @ mixing, grid[shuffled])
    function = FactorSampler.from_function(lambda factors: factors @ mixing, sizes)
    for metric in (metrics.beta_vae_score, metrics.factor_vae_score):
        one = metric(table, seed=np.random.RandomState(2), num_train=300, num_test=200)
        two = metric(function, seed=np.random.RandomState(2), num_train=300, num_test=200)
        assert one.details["train_accuracy"] == two.details["train_accuracy"]
        assert float(one) == float(two)
    for metric in (metrics.flatness, metrics.linearity):
        assert float(metric(table, repeats=50)) == pytest.approx(float(metric(function, repeats=50)))


def test_rows_share_the_factor_that_is_fixed() -> None:
    factors = STATE.randint(4, size=(500, 2))
    k, spread = FactorSampler.from_arrays(factors + 0.0, factors).variances(200, 16, np.random.RandomState(0))
    assert (spread[np.arange(200), k] == 0).all()
    assert (spread[np.arange(200), 1 - k] > 0).all()
    k, apart = FactorSampler.from_arrays(factors + 0.0, factors).differences(
        200, 16, np.random.RandomState(0)
    )
    assert (apart[np.arange(200), k] == 0).all()
    assert (apart[np.arange(200), 1 - k] > 0).all()
