"""What a model reads of images beside what is true: as a table, and when a value counts as right.

That is as it is, within a step, or up to an image's symmetry.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.analysis._choice import match
from distaff.attributes import Attribute, AttributeTable
from distaff.model import Floats, Model

AT_ONCE = 1024
"""Images held in memory at a time."""
Columns = dict[str, npt.NDArray[np.generic]]


def code_table(
    model: Model,
    take: Callable[[slice], npt.NDArray[np.uint8]],
    about: Mapping[str, npt.NDArray[np.generic]],
    labels: AttributeTable | None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Columns, Floats]:
    """Return the columns beside the codes of n images, and the codes [n, D].

    First what the images are, then each attribute that the model reads, then `NAME (true)` where it is known.

    Args:
        model: encodes and reads.
        take: gives some of the images, uint8 [b, c, h, w].
        about: the columns that say which images they are, [n] each.
        labels: their true labels, if any are known.
        progress: told how many are encoded.
    """
    n = len(next(iter(about.values())))
    matched = None if labels is None else match(labels, model.attributes)
    pieces = [np.empty((0, model.code_size), dtype=np.float32)]
    for start in range(0, n, AT_ONCE):
        places = slice(start, min(start + AT_ONCE, n))
        condition = {
            name: matched.column(name)[places]
            for name in model.condition
            if matched is not None and name in matched.names
        }
        pieces.append(model.encode(take(places), indices=condition))
        progress(f"encoding images: {places.stop:,} of {n:,}")
    codes = np.concatenate(pieces)
    columns: Columns = dict(about)
    for name, values in model.read(codes).items():
        columns[free_name(name, "read", columns)] = model.labels(name, values)
    for attribute in labels.attributes if labels is not None else ():
        assert labels is not None
        values = labels.column(attribute.name)
        columns[free_name(f"{attribute.name} (true)", "label", columns)] = (
            _as_written(attribute, values) if attribute.size else values
        )
    return columns, codes


def _as_written(attribute: Attribute, values: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Return the labels of class indices [n], as texts where one is missing, which is then empty."""
    labels = ["" if np.isnan(value) else attribute.label(value) for value in values]
    return np.array(labels, dtype=str if np.isnan(values).any() else None)


def free_name(name: str, what: str, taken: Collection[str]) -> str:
    """Return a name that no other column has: the name itself, else with `what` it is.

    >>> free_name("digit", "read", ["row", "digit"])
    'digit (read)'
    """
    tries = itertools.chain((name, f"{name} ({what})"), (f"{name} ({what} {i})" for i in itertools.count(2)))
    return next(each for each in tries if each not in taken)


def named_codes(columns: Columns, latents: Collection[str], codes: Floats, first: Collection[str]) -> Columns:
    """Return one table: the columns `first`, the numbers of the code by their latents, all other columns.

    A latent that shares its name with a column is called 'NAME (code)'.
    """
    taken = set(columns)
    table = {name: columns[name] for name in columns if name in first}
    for name, numbers in zip(latents, codes.T, strict=True):
        table[free_name(name, "code", taken)] = numbers
        taken |= table.keys()
    return {**table, **columns}


Numbers = npt.NDArray[np.floating[Any]]

NEAR = 0.1
"""A continuous value is right within this share of its range."""


def symmetry_folds(attribute: Attribute, table: AttributeTable) -> Numbers:
    """Return how often each image repeats in one turn, by its true class: [n], 1 where that is unknown.

    >>> from distaff.attributes import Folds
    >>> shape = Attribute(name="shape", kind="categorical", values=("square", "heart"))
    >>> folds = Folds(by="shape", counts=(4, 1))
    >>> turn = Attribute(name="turn", kind="circular", values=tuple(range(8)), folds=folds)
    >>> symmetry_folds(turn, AttributeTable((shape,), np.array([[0], [1]], np.float32))).tolist()
    [4.0, 1.0]
    """
    if attribute.folds is None or attribute.folds.by not in table.names:
        return np.ones(len(table))
    by = table.column(attribute.folds.by)
    counts = np.array(attribute.folds.counts, dtype=np.float64)
    known = ~np.isnan(by)
    return np.where(known, counts[np.where(known, by, 0).astype(int)], 1.0)


def tolerance(attribute: Attribute) -> float:
    """Return the error that still counts as right: a step round a circle, a tenth of a range."""
    if attribute.kind == "continuous":
        return NEAR * (attribute.high - attribute.low)
    return 1.0 if attribute.kind == "circular" else 0.0


def is_right(attribute: Attribute, read: Numbers, true: Numbers, fold: Numbers) -> Numbers:
    """Return 1 where `read` is `true` within the tolerance, else 0; NaN where either is missing: [n].

    `fold` [n]: how often each image repeats in a turn (`symmetry_folds`).

    >>> turn = Attribute(name="turn", kind="circular", values=tuple(range(8)), period=8)
    >>> is_right(turn, np.array([7.0, 3.0]), np.zeros(2), np.ones(2)).tolist()
    [1.0, 0.0]
    """
    error = attribute.error(read, true, fold=fold)
    return np.where(np.isnan(error), np.nan, error <= tolerance(attribute) + 1e-6)


def judge(attribute: Attribute, read: Numbers, true: Numbers, fold: Numbers) -> dict[str, Any]:
    """Return how well `read` [n] agrees with `true` [n], over the images where both are known.

    With classes: `accuracy`, `mean_absolute_error` and `within_one` (both in steps, but not for categorical
    attributes, which have none). Continuous: `r2` and `mean_absolute_error` in the attribute's unit; no `r2`
    where the true values do not vary.

    >>> size = Attribute(name="size", kind="ordinal", values=(1, 2, 3))
    >>> judge(size, np.array([0.0, 2.0]), np.array([0.0, 1.0]), np.ones(2))
    {'images': 2, 'accuracy': 0.5, 'mean_absolute_error': 0.5, 'within_one': 1.0}
    """
    error = attribute.error(read, true, fold=fold)
    known = ~np.isnan(error)
    error, true = error[known], true[known]
    verdict: dict[str, Any] = {"images": int(known.sum())}
    if not len(error):
        return verdict
    if attribute.kind == "continuous":
        spread = float(np.square(true - true.mean()).mean())
        r2 = {"r2": 1 - float(np.square(error).mean()) / spread} if spread else {}
        return verdict | r2 | {"mean_absolute_error": float(error.mean())}
    verdict["accuracy"] = float((error <= 0.5).mean())
    if attribute.kind != "categorical":
        verdict["mean_absolute_error"] = float(error.mean())
        verdict["within_one"] = float((error <= 1 + 1e-6).mean())
    return verdict


def known_mean(values: Numbers) -> float:
    """Return the mean of the values that are known; NaN when none is.

    >>> known_mean(np.array([1.0, np.nan, 0.0]))
    0.5
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def headline(verdicts: Mapping[str, Mapping[str, Any]]) -> float:
    """Return the mean accuracy of the attributes with classes; of R^2 when all are continuous.

    >>> headline({"shape": {"accuracy": 0.5}, "weight": {"r2": 0.9}})
    0.5
    """
    for part in ("accuracy", "r2"):
        values = [verdict[part] for verdict in verdicts.values() if part in verdict]
        if values:
            return float(np.mean(values))
    return float("nan")


def symmetry_note(attributes: Sequence[Attribute]) -> dict[str, str]:
    """Return `{"note": ...}` that states how symmetry was counted; empty where no attribute has any.

    >>> symmetry_note([Attribute(name="size", kind="ordinal", values=(1, 2, 3))])
    {}
    """
    by = ", ".join(sorted({each.folds.by for each in attributes if each.folds is not None}))
    note = f"circular attributes are compared up to the rotational symmetry of the image's true {by}; "
    return {"note": f"{note}exact means within half a step"} if by else {}
