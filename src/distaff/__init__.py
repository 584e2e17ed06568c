"""distaff: variational autoencoders whose latents mean something.

Names are imported when they are first used, so that `import distaff` and the command line start at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from distaff._version import __version__

if TYPE_CHECKING:
    from distaff import data, evaluation, figures, metrics
    from distaff.errors import InputError
    from distaff.explorer import explore
    from distaff.latent import L2, Argmax, ArgmaxNorm, Gaussian, Sampled, Softmax
    from distaff.likelihood import Bernoulli, GaussianPixels, Laplace, Mse
    from distaff.model import Model
    from distaff.network import Conv, Folded, Keras, Mlp, Pair, Resnet
    from distaff.objective import KL, Classify, Reconstruction, Supervise
    from distaff.recipe import Recipe
    from distaff.run import Run, load
    from distaff.schedule import (
        Constant,
        Cosine,
        Cyclical,
        Delay,
        Exponential,
        Linear,
        Sigmoid,
        Steps,
        Warmup,
    )
    from distaff.supervised import SupervisedVAE
    from distaff.training import train, train_replicas

__all__ = [
    "KL",
    "L2",
    "Argmax",
    "ArgmaxNorm",
    "Bernoulli",
    "Classify",
    "Constant",
    "Conv",
    "Cosine",
    "Cyclical",
    "Delay",
    "Exponential",
    "Folded",
    "Gaussian",
    "GaussianPixels",
    "InputError",
    "Keras",
    "Laplace",
    "Linear",
    "Mlp",
    "Model",
    "Mse",
    "Pair",
    "Recipe",
    "Reconstruction",
    "Resnet",
    "Run",
    "Sampled",
    "Sigmoid",
    "Softmax",
    "Steps",
    "Supervise",
    "SupervisedVAE",
    "Warmup",
    "__version__",
    "data",
    "evaluation",
    "explore",
    "figures",
    "load",
    "metrics",
    "train",
    "train_replicas",
]

_NAMES = {
    "errors": ("InputError",),
    "explorer": ("explore",),
    "latent": ("L2", "Argmax", "ArgmaxNorm", "Gaussian", "Sampled", "Softmax"),
    "likelihood": ("Bernoulli", "GaussianPixels", "Laplace", "Mse"),
    "model": ("Model",),
    "network": ("Conv", "Folded", "Keras", "Mlp", "Pair", "Resnet"),
    "objective": ("KL", "Classify", "Reconstruction", "Supervise"),
    "recipe": ("Recipe",),
    "run": ("Run", "load"),
    "schedule": (
        "Constant",
        "Cosine",
        "Cyclical",
        "Delay",
        "Exponential",
        "Linear",
        "Sigmoid",
        "Steps",
        "Warmup",
    ),
    "supervised": ("SupervisedVAE",),
    "training": ("train", "train_replicas"),
}
_MODULE = {name: module for module, names in _NAMES.items() for name in names}
_SUBMODULES = ("data", "evaluation", "figures", "metrics")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"distaff.{name}")
    if name not in _MODULE:
        raise AttributeError(f"module 'distaff' has no attribute {name!r}")
    value = getattr(import_module(f"distaff.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
