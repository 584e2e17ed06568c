from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from distaff.metrics._boosting import BoostedTrees, boost


def problem(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes (the last 200 points are for testing) and labels of the others."""
    random = np.random.RandomState(7)
    n = 600
    codes = random.randn(n, 5)
    noise = random.randn(n)
    labels = (codes[:, 0] + 0.5 * noise > 0) + 1 * (codes[:, 1] > 0.3) + (codes[:, 2] > 1)
    if name == "two classes":
        labels = (codes[:, 0] + noise > 0).astype(int)
    elif name == "constant code":
        codes[:, 2] = 1.5
    elif name == "separable, with equally good codes":
        labels = random.randint(0, 5, n)
        codes[:, 1] = labels + 0.1 * random.randn(n)
        codes[:, 2] = labels**2 + 0.1 * random.randn(n)
    elif name == "scales":
        codes *= [1e-3, 1e-6, 1, 1e3, 1e6]
    elif name == "discrete":
        codes = np.floor(3 * codes[:, :4])
        labels = (codes[:, 0] + codes[:, 1]).astype(int) % 3
        labels[random.rand(n) < 0.2] = 1
    elif name == "discrete and continuous":
        codes[:, 1] = np.round(codes[:, 1])
        codes[:, 3] = np.where(codes[:, 3] > 1.5, 1.5, codes[:, 3])
    elif name == "imbalanced":
        labels = (codes[:, 0] > 1) + 3 * (random.rand(n) < 0.01)
    elif name == "one code":
        codes = codes[:, :1]
    elif name == "nothing to learn from":
        codes = np.ones((n, 2))
    return codes, labels[:-200]


PROBLEMS = [
    "continuous",
    "two classes",
    "constant code",
    "separable, with equally good codes",
    "scales",
    "imbalanced",
    "one code",
    "nothing to learn from",
]
TIED = ["discrete", "discrete and continuous"]


def assert_same_trees(model: GradientBoostingClassifier, ours: BoostedTrees) -> None:
    for (stage, k), reference in np.ndenumerate(model.estimators_):
        tree, count = reference.tree_, ours.count[stage, k]
        where = f"stage {stage}, class {k}"
        assert tree.node_count == count, where
        inner = tree.children_left >= 0
        np.testing.assert_array_equal(ours.feature[stage, k, :count], tree.feature, err_msg=where)
        np.testing.assert_array_equal(ours.left[stage, k, :count], tree.children_left, err_msg=where)
        np.testing.assert_array_equal(ours.right[stage, k, :count], tree.children_right, err_msg=where)
        np.testing.assert_array_equal(ours.size[stage, k, :count], tree.n_node_samples, err_msg=where)
        np.testing.assert_array_equal(ours.threshold[stage, k, :count], tree.threshold, err_msg=where)
        np.testing.assert_allclose(
            ours.impurity[stage, k, :count], tree.impurity, rtol=1e-9, atol=1e-15, err_msg=where
        )
        np.testing.assert_allclose(
            ours.value[stage, k, :count][~inner],
            tree.value[~inner, 0, 0],
            rtol=1e-9,
            atol=1e-12,
            err_msg=where,
        )


@pytest.mark.parametrize("name", PROBLEMS + TIED)
def test_trees_importances_and_predictions_are_those_of_scikit_learn(name: str) -> None:
    codes, labels = problem(name)
    train, test = codes[:-200], codes[-200:]
    model = GradientBoostingClassifier(random_state=np.random.RandomState(3)).fit(train, labels)
    ours = boost(train, labels, random=np.random.RandomState(3))
    if name in TIED:  # splits of equal gain may be chosen otherwise
        np.testing.assert_allclose(ours.importance, model.feature_importances_, atol=1e-3)
        assert (ours.predict(test) == model.predict(test)).mean() > 0.98
        return
    np.testing.assert_allclose(ours.importance, model.feature_importances_, atol=1e-9)
    np.testing.assert_array_equal(ours.predict(test), model.predict(test))
    np.testing.assert_array_equal(ours.decide(ours.raw), model.predict(train))
    raw = model.decision_function(test)
    np.testing.assert_allclose(
        ours.decision(test), raw.T if raw.ndim > 1 else raw[None], rtol=1e-9, atol=1e-9
    )
    assert_same_trees(model, ours)


def test_threads_do_not_change_a_bit() -> None:
    codes, labels = problem("continuous")
    one = boost(codes[:-200], labels, random=np.random.RandomState(0), workers=1)
    three = boost(codes[:-200], labels, random=np.random.RandomState(0), workers=3)
    np.testing.assert_array_equal(one.raw, three.raw)
    np.testing.assert_array_equal(one.importance, three.importance)
    np.testing.assert_array_equal(one.decision(codes, workers=1), three.decision(codes, workers=3))


def test_labels_may_be_anything_that_sorts() -> None:
    codes, labels = problem("continuous")
    names = np.array(["oval", "heart", "square", "triangle"])[labels]
    ours = boost(codes[:-200], names, random=np.random.RandomState(0))
    assert set(ours.predict(codes[-200:])) <= set(names)


def test_progress_is_told_after_each_stage() -> None:
    codes, labels = problem("one code")
    stages: list[None] = []
    boost(codes[:-200], labels, random=np.random.RandomState(0), progress=lambda: stages.append(None))
    assert len(stages) == 100
