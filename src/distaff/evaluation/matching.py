"""The labels of some data in a model's own terms: matched by the attribute's name, class by class label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute, AttributeTable


def match(table: AttributeTable, attributes: Sequence[Attribute]) -> AttributeTable:
    """Return the table with the columns that a model knows translated to the model's classes.

    A label that the model has no class for becomes missing (NaN). Columns that the model does not know stay
    as they are, so that its codes can still be probed for them.
    """
    known = {each.name: each for each in attributes}
    kept = [
        (known.get(own.name, own), _translate(table.column(own.name), own, known.get(own.name, own)))
        for own in table.attributes
    ]
    values = np.stack([column for _, column in kept], axis=1) if kept else table.values
    return AttributeTable(tuple(attribute for attribute, _ in kept), values)


def _translate(
    column: npt.NDArray[np.float32], source: Attribute, target: Attribute
) -> npt.NDArray[np.float32]:
    if source.values == target.values:
        return column
    if not source.values:
        # Numbers where the model has classes: a class is met where its label is that number.
        by_number = {float(each): i for i, each in enumerate(target.values) if not isinstance(each, str)}
        translated = np.full(len(column), np.nan, dtype=np.float32)
        for number, index in by_number.items():
            translated[np.isclose(column, number)] = index
        return translated
    labels = [str(label) for label in target.values]
    places = np.full(source.size, np.nan, dtype=np.float32)
    for index, label in enumerate(source.values):
        if not labels and not isinstance(label, str):
            places[index] = label
        elif str(label) in labels:
            places[index] = labels.index(str(label))
    present = ~np.isnan(column)
    return np.where(present, places[np.where(present, column, 0).astype(int)], np.float32(np.nan))
