"""The pictures of a run that the page shows, and what the model makes of them, each computed once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute
from distaff.figures.material import Material
from distaff.model.pixels import Floats

MOST = 10_000
"""Pictures at most that the maps show."""

HALF = 65504
"""The largest number that float16 holds."""


class Shown(Material):
    """A run and its unseen pictures, up to `MOST`, in random order."""

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """The pictures' rows in the dataset, in random order: int64 [n]."""
        return np.random.default_rng(0).permutation(self.unseen)[:MOST]

    @property
    def unseen(self) -> npt.NDArray[np.int64]:
        """The rows of the whole split that is shown."""
        return next(rows for name in ("test", "valid", "train") if len(rows := self.dataset.splits[name]))

    @cached_property
    def kept(self) -> Floats:
        """The pictures' mean codes as the page holds them, rounded to float16: float32 [n, D]."""
        return np.clip(self.codes, -HALF, HALF).astype(np.float16).astype(np.float32)

    @cached_property
    def read(self) -> dict[str, Floats]:
        """What the model reads in the codes: class indices or numbers [n] by attribute."""
        return self.model.read(self.kept)

    @cached_property
    def chances(self) -> dict[str, Floats]:
        """How probable it finds each class: [n, size] by attribute that can tell."""
        return self.model.read_probabilities(self.kept)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The model's attributes for which the data have a column."""
        return tuple(each for each in self.model.attributes if each.name in self.table.names)
