"""How well the attributes can be read off the codes by simple means: nearest neighbours and linear models."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from distaff import metrics
from distaff.data import Attribute, AttributeTable
from distaff.evaluation.right import folds, headline, judge
from distaff.evaluation.subject import Subject

NEIGHBOURS = 10
RIDGE = 1.0
Floats = npt.NDArray[np.float64]
Table = npt.NDArray[np.float32]
NOTE = "classes are compared as they are: those that look the same on a symmetric picture count as different"


def lacks_classes(subject: Subject) -> str | None:
    """Say why no class can be learnt, or None when one can."""
    return None if _classes(subject) else "the data have no attribute with at least two known classes"


def lacks_labels(subject: Subject) -> str | None:
    """Say why nothing can be learnt from labels, or None when something can."""
    return None if _classes(subject) or _numbers(subject) else "the data have no labels that vary"


def knn_accuracy(subject: Subject) -> dict[str, Any]:
    """Return how often the 10 nearest training codes vote for the right class of a test code."""
    attributes = _classes(subject)
    codes, factors, others, true = _tables(subject, attributes)
    score = metrics.knn_accuracy(codes, factors, test_codes=others, test_factors=true, neighbours=NEIGHBOURS)
    return _by_attribute(attributes, score.details["per_factor"], score) | {"neighbours": NEIGHBOURS}


def linear_probe(subject: Subject) -> dict[str, Any]:
    """Return how well a linear model on standardised codes tells each attribute of test codes.

    Logistic regression (accuracy) for classes, ridge regression (R^2) for continuous attributes.
    """
    verdicts: dict[str, dict[str, Any]] = {}
    found: dict[str, Any] = {}
    if attributes := _classes(subject):
        codes, factors, others, true = _tables(subject, attributes)
        score = metrics.linear_probe(codes, factors, test_codes=others, test_factors=true)
        found = _by_attribute(attributes, score.details["test_per_factor"], score)
        verdicts = found["per_attribute"]
    for attribute in _numbers(subject):
        verdicts[attribute.name] = _ridge_verdict(subject, attribute)
    return found | {"value": headline(verdicts), "per_attribute": verdicts}


def ridge(codes: Floats, values: Floats, others: Floats) -> Floats:
    """Return what a ridge regression of `values` [n] on standardised `codes` [n, D] says of `others`: [m]."""
    centre, spread = codes.mean(0), codes.std(0)
    # A code that never moves says nothing; dividing by its rounding noise would make it speak.
    spread = np.where(spread > 1e-6, spread, np.inf)
    known, asked = (codes - centre) / spread, (others - centre) / spread
    gram = known.T @ known + RIDGE * np.eye(known.shape[1])
    return np.asarray(asked @ np.linalg.solve(gram, known.T @ (values - values.mean())) + values.mean())


def _ridge_verdict(subject: Subject, attribute: Attribute) -> dict[str, Any]:
    train, test = subject.train, subject.test
    values = train.factors.column(attribute.name).astype(np.float64)
    known = ~np.isnan(values)
    read = ridge(train.codes[known].astype(np.float64), values[known], test.codes.astype(np.float64))
    return judge(attribute, read, test.factors.column(attribute.name), folds(attribute, test.factors))


def _tables(subject: Subject, attributes: tuple[Attribute, ...]) -> tuple[Table, Table, Table, Table]:
    """Codes and labels of the training pictures, and of the test pictures."""
    names = [attribute.name for attribute in attributes]
    train, test = subject.train, subject.test
    return (
        train.codes,
        train.factors.select(names).values,
        test.codes,
        test.factors.select(names).values,
    )


def _by_attribute(
    attributes: tuple[Attribute, ...], accuracies: Floats, score: metrics.Score
) -> dict[str, Any]:
    chances = score.details["chance"]
    per_attribute = {
        attribute.name: {"accuracy": float(accuracy), "chance": float(chance)}
        for attribute, accuracy, chance in zip(attributes, accuracies, chances, strict=True)
    }
    found: dict[str, Any] = {
        "value": score.value,
        "per_attribute": per_attribute,
        "train_pictures": score.settings["num_train"],
    }
    return found | ({"note": NOTE} if any(attribute.folds for attribute in attributes) else {})


def varying(subject: Subject) -> tuple[Attribute, ...]:
    """The attributes that vary over the labelled training pictures."""
    return _classes(subject) + _numbers(subject)


def _classes(subject: Subject) -> tuple[Attribute, ...]:
    """The attributes of which training pictures show two classes and test pictures one."""
    train = subject.table.rows(subject.train_rows)
    return tuple(each for each in subject.labelled if each.size and _distinct(train, each.name) > 1)


def _numbers(subject: Subject) -> tuple[Attribute, ...]:
    """The continuous attributes that vary over the labelled training pictures."""
    train = subject.table.rows(subject.train_rows)
    return tuple(each for each in subject.labelled if not each.size and _distinct(train, each.name) > 1)


def _distinct(table: AttributeTable, name: str) -> int:
    values = table.column(name)
    return len(np.unique(values[~np.isnan(values)]))
