"""distaff: variational autoencoders whose latents mean something.

`train` trains a recipe, `load` loads a trained model, `score` measures codes, `explore` shows what was
learned. Parts live in `latents`, `priors`, `losses`, `networks`, `likelihoods`, `schedules` and `optimizers`.
Names are imported when they are first used, so that `import distaff` and the command line start at once.
"""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from distaff._version import __version__

if _TYPE_CHECKING:
    from distaff import (
        data,
        estimator,
        evaluation,
        figures,
        hub,
        latents,
        likelihoods,
        losses,
        metrics,
        networks,
        optimizers,
        schedules,
        study,
    )
    from distaff.compat import SupervisedVAE
    from distaff.errors import DistaffError, DivergedError, InputError, WriteError
    from distaff.explorer import explore
    from distaff.face import Run, train
    from distaff.hub import load
    from distaff.latents import priors
    from distaff.metrics import score
    from distaff.model import Model
    from distaff.parts import import_parts
    from distaff.recipe import Recipe, TrainOptions
    from distaff.study import Study

__all__ = [
    "DistaffError",
    "DivergedError",
    "InputError",
    "Model",
    "Recipe",
    "Run",
    "Study",
    "SupervisedVAE",
    "TrainOptions",
    "WriteError",
    "__version__",
    "data",
    "estimator",
    "evaluation",
    "explore",
    "figures",
    "hub",
    "import_parts",
    "latents",
    "likelihoods",
    "load",
    "losses",
    "metrics",
    "networks",
    "optimizers",
    "priors",
    "schedules",
    "score",
    "study",
    "train",
]

_NAMES = {
    "compat": ("SupervisedVAE",),
    "errors": ("DistaffError", "DivergedError", "InputError", "WriteError"),
    "explorer": ("explore",),
    "face": ("Run", "train"),
    "latents": ("priors",),
    "metrics": ("score",),
    "model": ("Model",),
    "parts": ("import_parts",),
    "recipe": ("Recipe", "TrainOptions"),
    "hub": ("load",),
    "study": ("Study",),
}
_MODULE = {name: module for module, names in _NAMES.items() for name in names}
_SUBMODULES = frozenset(__all__) - _MODULE.keys() - {"__version__"}


def __getattr__(name: str) -> _Any:
    if name in _SUBMODULES:
        return _importlib.import_module(f"distaff.{name}")
    if name not in _MODULE:
        raise AttributeError(f"module 'distaff' has no attribute {name!r}")
    value = getattr(_importlib.import_module(f"distaff.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
