"""scikit-learn's 1,797 handwritten digits of 8 x 8 pixels: https://archive.ics.uci.edu/dataset/80."""

from __future__ import annotations

import numpy as np

from distaff.data.attributes import Attribute, AttributeTable
from distaff.data.dataset import Found, Opened, Rows
from distaff.data.images import ArrayImages
from distaff.data.options import DataOptions
from distaff.errors import InputError

DIGIT = Attribute(name="digit", kind="categorical", values=tuple(range(10)))


def find(place: str | None, options: DataOptions) -> Found:  # noqa: ARG001 - every source has this signature
    """The digits, embedded in scikit-learn: images uint8 [1797, 1, 8, 8], attribute `digit`.

    Raises:
        InputError: a place is given.
    """
    if place is not None:
        raise InputError(f"digits:{place}: digits come with scikit-learn and have no place; write digits")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # The published grey levels are counts of ink from 0 to 16.
    images = ArrayImages(np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None])

    def open_rows(rows: Rows) -> Opened:
        return Opened(ArrayImages(images.take(rows)), rows)

    return Found("digits", AttributeTable((DIGIT,), bunch.target.astype(np.float32)[:, None]), open_rows)
