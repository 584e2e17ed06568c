"""What Python users call first: train, and a run that can be measured, drawn and encoded.

A run folder (`distaff.run`) knows nothing of what is done with it; here the two are put together.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib.util import find_spec
from typing import Any, ParamSpec

import numpy as np

from distaff import run, training
from distaff.analysis import SPLIT_NAMES, code_table, named_codes, open_data
from distaff.data import Data
from distaff.errors import InputError, nearest
from distaff.evaluation import evaluate
from distaff.figures import Made, make

Params = ParamSpec("Params")


class Run(run.Run):
    """A run folder, and what is done with it in Python.

    >>> import tempfile
    >>> images = np.random.default_rng(0).random((60, 8, 8))
    >>> done = train("vae", data=images, steps=2, out=tempfile.mkdtemp() + "/run", progress=False)
    >>> sorted(done.evaluate(metrics=["reconstruction"])["metrics"])
    ['reconstruction']
    """

    def evaluate(
        self,
        metrics: Sequence[str] | str | None = None,
        data: Data = None,
        *,
        resize: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """Measure the run on images that training never saw; see `distaff.evaluation.evaluate`.

        A run that was trained on images in Python, and opened again, is given them again as `data`.
        """
        return evaluate(self, metrics, data, resize=resize, progress=progress)

    def figures(
        self,
        only: Sequence[str] | str | None = None,
        data: Data = None,
        *,
        progress: Callable[[str], None] | None = None,
    ) -> Made:
        """Draw figures into the run's folder; see `distaff.figures.make`, which has more options."""
        return make(self, [only] if isinstance(only, str) else only, data, progress=progress)

    def codes(self, split: str | None = None, data: Data = None) -> Any:
        """Return the codes of images beside their labels as a table.

        Args:
            split: train, valid or test; all images if None.
            data: other images than the run's own, named or in Python.

        Returns:
            A pandas DataFrame where pandas is installed, else a dict of arrays [n]: `row` and `split` of each
            image, each number of its code by its latent's label, each attribute that the model reads, and
            `NAME (true)` where a label is known.

        Raises:
            InputError: an unknown split, or data that cannot be read.

        >>> import tempfile
        >>> labelled = (np.random.default_rng(0).random((60, 8, 8)), np.arange(60) % 3)
        >>> done = train("vae", data=labelled, steps=2, out=tempfile.mkdtemp() + "/run", progress=False)
        >>> [str(name) for name in done.codes("test")][:3], "label (true)" in done.codes("test")
        (['row', 'split', 'z0'], True)
        """
        if split is not None and split not in SPLIT_NAMES:
            raise InputError(f"there is no split {split!r}; {nearest(split, SPLIT_NAMES)}")
        dataset = open_data(self, data)
        rows = np.arange(len(dataset.images)) if split is None else dataset.splits[split]  # type: ignore[index]
        names = np.empty(len(dataset.images), dtype="<U5")
        for name, members in dataset.splits.items():
            names[members] = name
        about = {"row": rows, "split": names[rows]}
        columns, codes = code_table(
            self.model, lambda places: dataset.images.take(rows[places]), about, dataset.attributes.rows(rows)
        )
        return as_frame(named_codes(columns, [each.label for each in self.model.latents], codes, about))


def as_frame(table: Mapping[str, Any]) -> Any:
    """Return a table of columns [n] as a pandas DataFrame, or as a dict where pandas is not installed."""
    if find_spec("pandas") is None:
        return dict(table)
    return importlib.import_module("pandas").DataFrame(dict(table))


def _returning_runs(function: Callable[Params, run.Run]) -> Callable[Params, Run]:
    """Return a function whose runs can be measured, drawn and encoded."""

    @wraps(function)
    def returning(*args: Params.args, **options: Params.kwargs) -> Run:
        done = function(*args, **options)
        return Run(done.path, done.data)

    return returning


train = _returning_runs(training.train)
