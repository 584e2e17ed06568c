"""A training and a test part of one table: as given, or drawn by seed with the reference study's sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics.checks import (
    Classes,
    Ints,
    Precision,
    Seed,
    check_classes,
    check_codes,
    check_table,
    random_state,
    seed_setting,
)


@dataclass(frozen=True)
class Parts:
    """Codes and classes of a training and a test part that share one numbering of the classes."""

    codes: NDArray[Any]
    factors: Classes
    test_codes: NDArray[Any]
    test_factors: Classes
    settings: dict[str, Any]

    def of(self, k: int) -> tuple[NDArray[Any], Ints, NDArray[Any], Ints]:
        """Training codes and labels, test codes and labels, of the points whose factor k is known.

        Raises:
            InputError: the training part has one class of factor k, or the test part no known point.
        """
        labels, test_labels = self.factors.labels[:, k], self.test_factors.labels[:, k]
        known, test_known = labels >= 0, test_labels >= 0
        if len(np.unique(labels[known])) < 2:
            raise InputError(f"factor {k} has only one value in the training part: nothing can be learnt")
        if not test_known.any():
            raise InputError(f"factor {k} is missing from the whole test part")
        return self.codes[known], labels[known], self.test_codes[test_known], test_labels[test_known]


def split(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    seed: Seed = 0,
    precision: Precision = "float64",
) -> Parts:
    """Check both tables and part them.

    A given test part is used whole, and so is the training part. Without one the points are shuffled by
    `seed` and parted into `num_train` and `num_test`; of fewer points two thirds train and one third tests.

    Raises:
        InputError: a table is wrong, one test table comes without the other, or a part would be empty.
    """
    train = check_codes(codes, precision=precision)
    table = check_table(factors, len(train))
    if (test_codes is None) != (test_factors is None):
        raise InputError("test_codes and test_factors go together: give both or neither")
    if test_codes is None or test_factors is None:
        order = random_state(seed).permutation(len(train))
        cut = min(num_train, -(-2 * len(train) // 3))
        end = min(len(train), cut + num_test)
        if not 0 < cut < end:
            raise InputError(f"{len(train)} points cannot be parted into a training and a test part")
        classes = check_classes(table[order[:end]], end)
        both = train[order[:end]]
        settings: dict[str, Any] = {"num_train": cut, "num_test": end - cut, "seed": seed_setting(seed)}
        return Parts(both[:cut], classes.rows(0, cut), both[cut:], classes.rows(cut, end), settings)
    test = check_codes(test_codes, precision=precision, name="test_codes")
    if test.shape[1] != train.shape[1]:
        raise InputError(f"codes and test_codes disagree: {train.shape[1]} codes against {test.shape[1]}")
    test_table = check_table(test_factors, len(test), name="test_factors")
    if test_table.shape[1] != table.shape[1]:
        raise InputError(f"factors and test_factors disagree: {table.shape[1]} against {test_table.shape[1]}")
    check_classes(table, len(train))
    classes = check_classes(np.concatenate([table, test_table]), len(train) + len(test))
    cut, end = len(train), len(train) + len(test)
    sizes = {"num_train": cut, "num_test": len(test)}
    return Parts(train, classes.rows(0, cut), test, classes.rows(cut, end), sizes)
